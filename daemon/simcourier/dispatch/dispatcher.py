"""Give waiting messages to idle modems; every method that changes something runs in the writer's thread."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable
from typing import Protocol, assert_never

from sqlalchemy.engine import Connection

from simcourier import log
from simcourier.config import Sending
from simcourier.dispatch import policy
from simcourier.dispatch.clock import Clock
from simcourier.dispatch.fleet import Fleet, Side
from simcourier.dispatch.outcomes import Flight, Outcomes
from simcourier.dispatch.records import Records
from simcourier.dispatch.waiting import Rooms, WaitingRoom
from simcourier.errors import SimcourierError
from simcourier.metrics import Metrics
from simcourier.modem.facts import (
    Fact,
    FaultSeen,
    Job,
    LateAnswer,
    MessageArrived,
    ModemChanged,
    ModemSnapshot,
    ModemState,
    PartSubmitted,
    PinJudged,
    PinWanted,
    Recovered,
    ReportArrived,
    SubmitEnded,
    UssdEnded,
)
from simcourier.outbox import access, duties, store, verifications
from simcourier.outbox.message import Status, Waiting
from simcourier.outbox.notices import notify
from simcourier.outbox.seal import Sealer
from simcourier.outbox.verifications import Closed
from simcourier.outbox.writer import Writer
from simcourier.sms.address import parse_recipient
from simcourier.sms.submit import SubmitPdu, encode_submit

_SKIP_LIMIT = 100
"""Messages passed over in one round because only modems that failed them are idle."""
_CARE_PAUSE_S = 60.0
"""Between two restarts of a modem that says it needs care."""
_LEAST_PATIENCE_S = 15.0
_DRIFT_MS = 2000
"""A larger difference to the system's clock than this means that somebody set it."""
LARGEST_STEP_MS = 60_000
CLOCK_WAS_SET = "the clock was set"
_FOLLOWED_MS = 2
"""How much of a drift is followed at each look, every second: NTP slews by half a millisecond a second."""
_CLAIM_PAUSE_S = 1.0
"""Before the next claim after the disk refused one."""


_NEEDS_SOMEBODY = frozenset(
    {
        ModemState.ABSENT,
        ModemState.SILENT,
        ModemState.SIM_MISSING,
        ModemState.SIM_LOCKED,
        ModemState.BARRED,
    }
)
"""States that the journal must tell of, also of a modem that never could send."""


def _standing(snapshot: ModemSnapshot) -> tuple[ModemState, str]:
    return snapshot.state, snapshot.reason


class RadioPort(Protocol):
    """What the dispatcher asks of the radio; the tests have one in virtual time."""

    def submit(self, modem: str, job: Job) -> None:
        """Hand over a job."""

    def permit(self, job: int, granted: bool) -> None:
        """Let its PDU leave, or withdraw it."""

    def allow_pin(self, modem: str, granted: bool) -> None:
        """Answer a `PinWanted`."""

    def restart(self, modem: str) -> None:
        """Bring the modem up anew."""

    def stored(self, modem: str, token: int) -> None:
        """What was read is on record here: delete it from the SIM."""


class Dispatcher:
    """The one place that decides which message leaves next, and through which SIM."""

    def __init__(
        self,
        writer: Writer,
        sealer: Sealer,
        metrics: Metrics,
        settings: Sending,
        clock: Clock,
        lease: int,
        sandbox_ports: Collection[str] = (),
    ) -> None:
        self._writer = writer
        self._sealer = sealer
        self._metrics = metrics
        self._settings = settings
        self._clock = clock
        self._lease = lease
        self._radio: RadioPort
        self._records = Records(writer, clock)
        self._rooms = Rooms(writer, clock)
        self.fleet = Fleet(clock.monotonic(), sandbox_ports)
        self._outcomes = Outcomes(
            self._records, self._rooms, self.fleet, metrics, settings, clock, self._care
        )
        self._jobs = itertools.count(1)
        self._cared_at: dict[str, float] = {}
        self._claiming = True
        self._no_claim_before = 0.0
        self._log = log.get("dispatch")

    def connect(self, radio: RadioPort, onlooker: Callable[[Fact], None] = lambda _fact: None) -> None:
        """Give the radio, and who else wants to know the facts; the composition root calls this first of all."""
        self._radio = radio
        self._onlooker = onlooker

    def load(self, connection: Connection, depth: dict[int, int]) -> None:
        """Take up what waits on disk; called once, before the writer starts."""
        self._rooms.load(connection, depth)
        for name in store.paused(connection):
            self.fleet.pause(name, True)

    @property
    def room(self) -> WaitingRoom:
        """What waits for real modems."""
        return self._rooms.real

    @property
    def sandbox(self) -> WaitingRoom:
        """What sandbox keys sent and waits for the sandbox's modems."""
        return self._rooms.sandbox

    @property
    def in_flight(self) -> int:
        """Messages in modems' hands."""
        return len(self._outcomes.flights)

    def eta_ms(self, rank: int, *, sandbox: bool = False) -> int:
        """When a message of this rank accepted now will probably have left, in milliseconds from now."""
        modems = max(1, len(self.fleet.side(sandbox).operational))
        room = self.sandbox if sandbox else self.room
        # What is pinned to one modem keeps the others from nothing.
        return int(1000 * self.fleet.submit_s * (1 + room.ahead_of(rank) / modems))

    # --- doors for the service ---

    def accepted(self, message: Waiting) -> None:
        """A new message is on disk."""
        self._rooms.enter(message)
        self.pump()

    def dropped(self, n: int, rank: int, status: Status) -> None:
        """A waiting message left the queue by another door: canceled or superseded."""
        self._rooms.leave(rank, n)
        self._outcomes.count(status)

    def closed(self, closed: Iterable[Closed]) -> None:
        """Verifications were closed: what waited of their messages left the queue with them."""
        for verification in closed:
            for n, rank in verification.dropped:
                self.dropped(n, rank, Status.SUPERSEDED)

    def pause(self, modem: str, paused: bool) -> None:
        """Pause or resume a modem."""
        self.fleet.pause(modem, paused)
        self.pump()

    def stop_claiming(self) -> None:
        """Give out no more work; what is in flight may finish."""
        self._claiming = False

    def wake_in(self) -> float | None:
        """Seconds until something is due; None where nothing waits for a time."""
        times = (*(room.wake_in() for room in self._rooms), self._records.wake_in())
        return min((time for time in times if time is not None), default=None)

    # --- facts from the radio ---

    def on_fact(self, fact: Fact) -> None:
        """Take what the radio tells; the writes that follow join the batch that is being collected."""
        match fact:
            case ModemChanged():
                self._modem_changed(fact)
            case PartSubmitted():
                self._outcomes.part_submitted(fact)
            case SubmitEnded():
                self.fleet.end(fact.modem)
                self._outcomes.submit_ended(fact)
            case ReportArrived():
                self._outcomes.report(fact.sim, fact.report)
            case LateAnswer():
                self._outcomes.late_answer(fact)
            case PinWanted():
                self._pin_wanted(fact)
            case PinJudged():
                keyed = self._keyed(fact.pin_digest)
                self._records.write(lambda c: access.pin_judged(c, fact.card, keyed, fact.accepted))
            case MessageArrived() | UssdEnded() | FaultSeen() | Recovered():
                pass  # of no concern to what leaves
            case _:
                assert_never(fact)
        self._onlooker(fact)

    def _modem_changed(self, fact: ModemChanged) -> None:
        snapshot = fact.snapshot
        before = self.fleet.snapshot(snapshot.name)
        is_new = before is None or _standing(before) != _standing(snapshot)
        if is_new and snapshot.state in _NEEDS_SOMEBODY and self._claiming:
            self._log.warning(
                "modem can't send", modem=snapshot.name, state=str(snapshot.state), reason=snapshot.reason
            )
        if self.fleet.update(snapshot, self._clock.monotonic()):
            up = snapshot.name in self.fleet.operational
            self._metrics.modem_up.labels(snapshot.name).set(int(up))
            self._log.info("modem up" if up else "modem down", modem=snapshot.name, reason=snapshot.reason)
            if self._claiming:
                self._tell_of_modem(snapshot, up=up)
        if snapshot.signal_dbm is not None:
            self._metrics.modem_signal.labels(snapshot.name).set(snapshot.signal_dbm)

    def _tell_of_modem(self, snapshot: ModemSnapshot, *, up: bool) -> None:
        now_ms, type_ = self._clock.wall_ms(), "modem.up" if up else "modem.down"
        data: dict[str, object] = {
            "modem": snapshot.name,
            "state": snapshot.state,
            "reason": snapshot.reason,
            "operator": snapshot.operator,
        }
        self._records.write(lambda c: notify(c, type_, now_ms, None, data))

    def _pin_wanted(self, fact: PinWanted) -> None:
        now_ms, keyed = self._clock.wall_ms(), self._keyed(fact.pin_digest)
        self._records.write(
            lambda c: access.may_try_pin(c, fact.card, keyed, now_ms),
            lambda allowed: self._radio.allow_pin(fact.modem, allowed),
        )

    def _keyed(self, pin_digest: str) -> str:
        """What stands for a PIN on disk: there are only 10,000 of them, so a digest without a key would tell it."""
        return self._sealer.fingerprint(pin_digest.encode())

    def _care(self, modem: str) -> None:
        now = self._clock.monotonic()
        if now - self._cared_at.get(modem, -_CARE_PAUSE_S) >= _CARE_PAUSE_S:
            self._cared_at[modem] = now
            self._radio.restart(modem)

    # --- ticks ---

    def expire_due(self) -> None:
        """Move what can't be sent in time any more to `expired`, and settle reports that fit nothing."""
        if self._follow_clock():
            self._expire()
            self._expire_verifications()
        self._outcomes.give_up_reports()

    def _expire(self) -> None:
        now_ms = self._clock.wall_ms()
        self._records.write(lambda c: duties.expire(c, now_ms), self._expired)

    def _expired(self, gone: list[tuple[int, int]]) -> None:
        for n, rank in gone:
            self._metrics.expired.inc()
            self.dropped(n, rank, Status.EXPIRED)
        if len(gone) >= duties.EXPIRE_LIMIT:
            # The rest in another transaction, behind whatever waits by then.
            self._writer.call(self._expire)

    def _expire_verifications(self) -> None:
        now_ms = self._clock.wall_ms()

        def done(closed: list[Closed]) -> None:
            self.closed(closed)
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

        def work(connection: Connection) -> list[Closed]:
            duties.shift_times(connection, step_ms)
            verifications.shift_failures(connection, step_ms)
            if abs(step_ms) > LARGEST_STEP_MS:
                return verifications.distrust(connection, now_ms, CLOCK_WAS_SET)
            verifications.shift_times(connection, step_ms)
            return []

        def done(closed: list[Closed]) -> None:
            self.closed(closed)
            self._clock.adopt(step_ms)
            for room in self._rooms:
                room.forget()

        self._writer.submit(work, done, self._clock_refused)
        return False

    def _clock_refused(self, error: BaseException) -> None:
        self._log.error(
            "the disk refused to follow the clock; it will be tried again", error=str(error)[:200]
        )

    # --- giving out work ---

    def pump(self) -> None:
        """Give waiting messages to idle modems until one of the two runs out."""
        self._records.try_again()
        for room, side in ((self.room, self.fleet.side(False)), (self.sandbox, self.fleet.side(True))):
            room.wake()
            if self._claiming and self._clock.monotonic() >= self._no_claim_before:
                self._give_out(room, side)

    def _give_out(self, room: WaitingRoom, side: Side) -> None:
        skipped: list[Waiting] = []
        while side.idle and len(skipped) < _SKIP_LIMIT:
            message = room.next(side.idle)
            if message is None:
                break
            if message.deadline_ms <= self._clock.wall_ms():
                continue  # The expiry tick ends it; it must not leave.
            modem = policy.choose(message, side.idle.values(), side.operational)
            if modem is None:
                skipped.append(message)
            else:
                self._assign(message, modem)
        for message in skipped:
            room.put_back(message)
        room.refill(self._flying, self.pump)

    def _flying(self) -> set[int]:
        return {flight.message.n for flight in self._outcomes.flights.values()}

    def _assign(self, message: Waiting, modem: str) -> None:
        now, now_ms = self._clock.monotonic(), self._clock.wall_ms()
        life = (message.deadline_ms - now_ms) / 1000
        try:
            pdus = self._encode(message, life)
        except SimcourierError as error:
            self._unsendable(message, str(error), now_ms)
            return
        snapshot = self.fleet.snapshot(modem)
        sim = snapshot.sim if snapshot is not None else ""
        number = next(self._jobs)
        self._outcomes.flights[number] = Flight(number, message, modem, sim, message.attempts + 1)
        self.fleet.begin(modem, now)
        # Most of its life stays for a second try through another modem.
        patience = min(self._settings.submit_patience, max(_LEAST_PATIENCE_S, life / 4))
        # The modem opens its prompt while the claim goes to disk; the PDU waits for the permit.
        self._radio.submit(modem, Job(number, pdus, now + life, patience))
        self._writer.submit(
            lambda c: store.claim(
                c, message, modem=modem, sim=sim, parts_count=len(pdus), lease=self._lease, at_ms=now_ms
            ),
            lambda claimed: self._claimed(number, message, claimed),
            lambda error: self._claim_failed(number, error),
            urgent=True,
        )

    def _encode(self, message: Waiting, life: float) -> tuple[SubmitPdu, ...]:
        text = self._sealer.open(message.sealed, message.id)
        # The reference tells the parts of one message from those of the next to the same phone.
        return encode_submit(
            parse_recipient(message.recipient),
            text,
            validity_s=life,
            reference=message.n & 0xFF,
            replace_type=message.replace_type,
        )

    def _claimed(self, number: int, message: Waiting, claimed: bool) -> None:
        if claimed:
            self._rooms.claimed(message)
        self._radio.permit(number, claimed)

    def _claim_failed(self, number: int, error: BaseException) -> None:
        self._log.error("the disk refused a claim", error=str(error)[:200])
        self._no_claim_before = self._clock.monotonic() + _CLAIM_PAUSE_S
        self._radio.permit(number, False)

    def _unsendable(self, message: Waiting, detail: str, now_ms: int) -> None:
        def done(moved: bool) -> None:
            if moved:
                self.dropped(message.n, message.rank, Status.FAILED)

        self._records.write(
            lambda c: store.move(c, message.n, Status.QUEUED, Status.FAILED, now_ms, detail=detail), done
        )
