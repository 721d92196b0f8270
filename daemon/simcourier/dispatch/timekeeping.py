"""What time alone changes: lives end, clocks are set, bounds come and go, and what was learned goes to disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy.engine import Connection

from simcourier import log
from simcourier.dispatch.clock import Clock
from simcourier.dispatch.explain import Explanation, Unsent
from simcourier.dispatch.fleet import Fleet
from simcourier.dispatch.learned import Learned
from simcourier.dispatch.ledger import Ledger
from simcourier.dispatch.outcomes import Outcomes
from simcourier.dispatch.pace import Used
from simcourier.dispatch.records import Records
from simcourier.dispatch.waiting import Rooms
from simcourier.metrics import Metrics
from simcourier.outbox import delivery_times, duties, verifications
from simcourier.outbox.message import Status, Waiting
from simcourier.outbox.verifications import Closed
from simcourier.outbox.writer import Writer

_LEARNED_PAUSE_S = 30.0
"""Between two writes of what delivery reports taught."""
_REVISIT_S = 10.0
"""Between two looks at what no SIM could take, where no modem came or went."""
_THOROUGH_S = 60.0
"""The same where so much of it waits that it is on disk only."""
_DRIFT_MS = 2000
"""A larger difference to the system's clock than this means that somebody set it."""
LARGEST_STEP_MS = 60_000
CLOCK_WAS_SET = "the clock was set"
_FOLLOWED_MS = 2
"""How much of a drift is followed at each look, every second: NTP slews by half a millisecond a second."""


class Timekeeping:
    """Called every second or so, in the writer's thread; `dropped` and `closed` take messages out of the queue."""

    def __init__(
        self,
        writer: Writer,
        records: Records,
        rooms: Rooms,
        fleet: Fleet,
        ledger: Ledger,
        outcomes: Outcomes,
        learned: Learned,
        metrics: Metrics,
        clock: Clock,
        dropped: Callable[[int, int, Status], None],
        closed: Callable[[Iterable[Closed]], None],
        explain: Callable[[Waiting, int], Explanation],
    ) -> None:
        self._writer = writer
        self._records = records
        self._rooms = rooms
        self._fleet = fleet
        self._ledger = ledger
        self._outcomes = outcomes
        self._learned = learned
        self._metrics = metrics
        self._clock = clock
        self._dropped = dropped
        self._closed = closed
        self._explain = explain
        self._began = clock.monotonic()
        self._revisit_at = self._thorough_at = 0.0
        self._held: dict[str, bool] = {}
        """What the metric says of each modem."""
        self._write_learned_at = clock.monotonic() + _LEARNED_PAUSE_S
        self._log = log.get("dispatch")

    def tick(self) -> None:
        """Move what can't be sent in time any more to `expired`, and settle reports that fit nothing."""
        if self._follow_clock():
            self._expire()
            self._expire_verifications()
            self._outcomes.seconds.tick()
        self._outcomes.give_up_reports()
        self._write_learned()
        self._ledger.tick()
        self._look_around()

    def _look_around(self) -> None:
        """Follow what time alone changes: SIMs come to their bounds, and these end."""
        self._fleet.recount()
        for name, held in self._fleet.held():
            if self._held.get(name) is not held:
                self._held[name] = held
                self._metrics.modem_held.labels(name).set(held)
        now = self._clock.monotonic()
        if now >= self._revisit_at:
            self._revisit_at = now + _REVISIT_S
            thoroughly = now >= self._thorough_at
            if thoroughly:
                self._thorough_at = now + _THOROUGH_S
            for room in self._rooms:
                room.revisit(thoroughly=thoroughly)

    def _write_learned(self) -> None:
        now = self._clock.monotonic()
        if now >= self._write_learned_at:
            self._write_learned_at = now + _LEARNED_PAUSE_S
            rows, gone = self._learned.news(self._clock.wall_ms())
            if rows or gone:
                self._records.write(lambda c: delivery_times.write(c, rows, gone))

    def _expire(self) -> None:
        now_ms = self._clock.wall_ms()
        # Deadlines move along where the clock is set, and so does when we began.
        began_ms = now_ms - int((self._clock.monotonic() - self._began) * 1000)
        why = Unsent(self._explain, began_ms)
        self._records.write(lambda c: duties.expire(c, now_ms, why), self._expired)

    def _expired(self, gone: list[tuple[int, int, Status]]) -> None:
        for n, rank, status in gone:
            self._metrics.expired.inc(status is Status.EXPIRED)
            self._dropped(n, rank, status)
        if len(gone) >= duties.EXPIRE_LIMIT:
            # The rest in another transaction, behind whatever waits by then.
            self._writer.call(self._expire)

    def _expire_verifications(self) -> None:
        now_ms = self._clock.wall_ms()

        def done(closed: list[Closed]) -> None:
            self._closed(closed)
            if len(closed) >= verifications.LIMIT:
                self._writer.call(self._expire_verifications)

        self._records.write(lambda c: verifications.expire(c, now_ms), done)

    def _follow_clock(self) -> bool:
        """Follow the system's clock. Where it was set, every life goes on as long as it would have.

        Codes that are checked here are closed after a large step: an attacker may have made it (ASVS 6.5.8).
        False while times on disk are being moved: until then nobody may say by our clock what is due there.
        """
        step_ms = self._clock.drift_ms()
        if abs(step_ms) <= _DRIFT_MS:
            # No faster than clocks drift: somebody who sets it back by a little each second must not stretch a life.
            self._clock.adopt(max(-_FOLLOWED_MS, min(step_ms, _FOLLOWED_MS)))
            return True
        self._log.warning(
            "the system's clock was set; lives of waiting messages go on unchanged", step_ms=step_ms
        )

        now_ms = self._clock.wall_ms()

        def work(connection: Connection) -> tuple[list[Closed], dict[str, Used]]:
            return shift(connection), self._ledger.used(connection, now_ms + step_ms)

        def shift(connection: Connection) -> list[Closed]:
            duties.shift_times(connection, step_ms)
            verifications.shift_failures(connection, step_ms)
            if abs(step_ms) > LARGEST_STEP_MS:
                return verifications.distrust(connection, now_ms, CLOCK_WAS_SET)
            verifications.shift_times(connection, step_ms)
            return []

        def done(shifted: tuple[list[Closed], dict[str, Used]]) -> None:
            closed, used = shifted
            self._closed(closed)
            self._clock.adopt(step_ms)
            for room in self._rooms:
                room.forget()
            self._ledger.clock_was_set(used, step_ms)
            self._fleet.clock_was_set()

        self._writer.submit(work, done, self._clock_refused)
        return False

    def _clock_refused(self, error: BaseException) -> None:
        self._log.error(
            "the disk refused to follow the clock; it will be tried again", error=str(error)[:200]
        )
