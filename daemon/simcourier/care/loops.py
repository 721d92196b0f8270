"""One SIM texts another, to find the one that "sends" and delivers nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.engine import Connection

from simcourier import log
from simcourier.care.looping import WHY, End, Looping, senders
from simcourier.care.tools import CareTools
from simcourier.dispatch.bars import Cause
from simcourier.dispatch.records import Records
from simcourier.errors import RequestError
from simcourier.modem.facts import Fact, ReportArrived
from simcourier.outbox import loops
from simcourier.outbox.duties import BATCH
from simcourier.outbox.loops import LoopTest, NewTest, Open, Outcome
from simcourier.outbox.message import Status, Waiting
from simcourier.sms.status import ReportOutcome

HOUR_MS = 3600 * 1000
_UNSENT = frozenset({Status.EXPIRED, Status.FAILED, Status.CANCELED, Status.SUPERSEDED})
_WAITING = frozenset({Status.QUEUED, Status.SENDING})
_LOOKED_AT = 20
"""Earlier tests that are looked at to judge a SIM."""
_TOLD = 2
"""Lost tests in a row of which a warning is logged where none suspend."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a test came to, and whether its sender sends nothing more for it."""

    test: LoopTest
    outcome: Outcome
    in_a_row: int = 0
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at all tests: who can take part, and which SIMs are suspended, by this look too."""

    ends: Mapping[str, End]
    now_ms: int
    was_suspended: Callable[[str], bool]
    suspended_now: set[str] = field(default_factory=set)

    def is_suspended(self, sim: str) -> bool:
        """Does this SIM send nothing for its lost tests?"""
        return sim in self.suspended_now or self.was_suspended(sim)


def _is_alone(connection: Connection, test: LoopTest, look: _Look) -> bool:
    """Is any other SIM left to send, whose own last test was not lost too?

    Where nothing arrives from anybody, more likely it is the tests that fail: codes go on through all.
    """
    others = {end.sim for end in look.ends.values() if end.may_send and not look.is_suspended(end.sim)}
    last = (loops.last_from(connection, sim, 1) for sim in sorted(others - {test.from_sim}))
    return any(not found or found[0].outcome is Outcome.ARRIVED for found in last)


class Loops:
    """Begins tests by schedule, knows them again when they come in, and judges those that don't."""

    def __init__(self, tools: CareTools) -> None:
        self._tools = tools
        self._settings = tools.config.loop_test
        self._looping = Looping(tools.config, tools.dispatcher, tools.sealer, tools.clock)
        self._records = Records(tools.writer, tools.clock)
        self._started_ms = tools.clock.wall_ms()
        self._retire_at_ms = self._started_ms
        self._reported_at_ms: dict[str, int] = {}
        self._log = log.get("care")
        with tools.engine.connect() as connection:
            suspended = loops.suspended(connection)
        # Before the first modem is there: what was suspended before a restart stays so.
        for sim, why in suspended.items():
            self._bar(sim, why)

    def on_fact(self, fact: Fact) -> None:
        """A report that something was delivered speaks for the SIM that sent it."""
        if isinstance(fact, ReportArrived) and fact.report.outcome is ReportOutcome.DELIVERED:
            self._reported_at_ms[fact.sim] = self._tools.clock.wall_ms()

    def tick(self) -> None:
        """Judge what is overdue, begin what is due by schedule, drop what is old."""
        self._records.try_again()
        now_ms = self._tools.clock.wall_ms()
        self._records.write(lambda c: self._judge_all(c, now_ms), self._judged)
        if self._settings.hours:
            self._records.write(lambda c: self._begin_due(c, now_ms), self._begun)
        if now_ms >= self._retire_at_ms:
            self._retire_at_ms = now_ms + HOUR_MS
            self._retire(now_ms - self._tools.config.storage.retention_days * 24 * HOUR_MS)

    def _ends(self) -> dict[str, End]:
        return self._looping.ends(self._tools.radio.snapshots())

    def _retire(self, before_ms: int) -> None:
        def done(count: int) -> None:
            if count >= BATCH:
                self._tools.writer.call(lambda: self._retire(before_ms))

        self._records.write(lambda c: loops.retire(c, before_ms), done)

    # --- what comes in ---

    def arrived(self, text: str, modem: str, sim: str) -> bool:
        """A text came in: was it a loop test's? Then it is nobody's message."""
        key = self._looping.token_key(text)
        if key is None:
            return False
        now_ms = self._tools.clock.wall_ms()
        self._log.debug("a loop test arrived", modem=modem)

        def work(connection: Connection) -> tuple[LoopTest, bool] | None:
            test = loops.arrive(connection, key, now_ms)
            if test is None:
                return None
            resumed = self._is_suspended(test.from_sim)
            if resumed:
                loops.resume(connection, test, now_ms)
            return test, resumed

        self._records.write(work, self._arrived)
        return True

    def _arrived(self, found: tuple[LoopTest, bool] | None) -> None:
        if found is None:
            return
        test, resumed = found
        self._count(test, Outcome.ARRIVED)
        if resumed:
            self._log.info("a loop test arrived; the SIM sends again", modem=test.from_modem)
            self._bar(test.from_sim, "")

    def _bar(self, sim: str, why: str) -> None:
        self._tools.dispatcher.bar(sim, why, Cause.LOOP_TEST)

    def _is_suspended(self, sim: str) -> bool:
        return bool(self._tools.dispatcher.fleet.barred(sim, Cause.LOOP_TEST))

    def _count(self, test: LoopTest, outcome: Outcome) -> None:
        self._tools.metrics.loop_tests.labels(test.from_modem, outcome).inc()

    # --- what does not ---

    def _judge_all(self, connection: Connection, now_ms: int) -> list[Judged]:
        under_way = loops.under_way(connection)
        if not under_way:
            return []
        look = _Look(self._ends(), now_ms, self._is_suspended)
        judged = (self._judge(connection, one, look) for one in under_way)
        return [one for one in judged if one is not None]

    def _judge(self, connection: Connection, one: Open, look: _Look) -> Judged | None:
        test, now_ms = one.test, look.now_ms
        if one.status in _WAITING:
            return None
        if one.status is None or one.status in _UNSENT:
            said = "its message is gone" if one.status is None else f"its message is {one.status}"
            loops.end(connection, test.n, Outcome.NOT_SENT, now_ms, said)
            return Judged(test, Outcome.NOT_SENT)
        left_at_ms = one.left_at_ms or test.at_ms
        if now_ms < left_at_ms:
            loops.end(connection, test.n, Outcome.UNCLEAR, now_ms, "the clock was set")
            return Judged(test, Outcome.UNCLEAR)
        if now_ms - left_at_ms < self._settings.patience * 1000 and one.status is not Status.UNDELIVERED:
            return None
        outcome, said = self._verdict(connection, one, look.ends)
        loops.end(connection, test.n, outcome, now_ms, said)
        if outcome is not Outcome.LOST:
            return Judged(test, outcome)
        return self._lost(connection, test, look)

    def _verdict(self, connection: Connection, one: Open, ends: Mapping[str, End]) -> tuple[Outcome, str]:
        """Whose fault is it that nothing came in?"""
        test = one.test
        if one.status is Status.UNKNOWN:
            return Outcome.UNCLEAR, "nobody can say whether it left"
        if self._reported_at_ms.get(test.from_sim, 0) >= test.at_ms:
            return Outcome.UNCLEAR, "the network reports deliveries of this SIM; it did not come in here"
        receiver = ends.get(test.to_modem)
        if receiver is None or receiver.sim != test.to_sim:
            return Outcome.UNCLEAR, "the receiving modem was not ready"
        if self._is_deaf(connection, test):
            return (
                Outcome.UNCLEAR,
                f"nothing comes in at {test.to_modem} from SIMs whose texts arrive elsewhere",
            )
        return Outcome.LOST, "it did not arrive"

    @staticmethod
    def _is_deaf(connection: Connection, test: LoopTest) -> bool:
        """Does the receiver get nothing from others either, though their texts arrive elsewhere?"""
        others = set()
        for earlier in loops.last_to(connection, test.to_sim, _LOOKED_AT):
            if earlier.outcome is Outcome.ARRIVED:
                break
            if earlier.from_sim != test.from_sim:
                others.add(earlier.from_sim)
        return any(
            last.outcome is Outcome.ARRIVED and last.to_sim != test.to_sim
            for other in others
            for last in loops.last_from(connection, other, 2)
        )

    def _lost(self, connection: Connection, test: LoopTest, look: _Look) -> Judged:
        row: list[LoopTest] = []
        for earlier in loops.last_from(connection, test.from_sim, _LOOKED_AT):
            if earlier.outcome is not Outcome.LOST:
                break
            row.append(earlier)
        receivers = {end.sim for end in look.ends.values() if end.number and end.sim != test.from_sim}
        tried = {earlier.to_sim for earlier in row}
        enough = self._settings.losses_to_suspend
        # Where there are two that could receive, one of them alone proves nothing.
        is_proven = bool(enough) and len(row) >= enough and len(tried) >= min(2, len(receivers))
        suspended = is_proven and not look.is_suspended(test.from_sim) and _is_alone(connection, test, look)
        if suspended:
            look.suspended_now.add(test.from_sim)
            loops.suspend(connection, test, WHY, look.now_ms)
        return Judged(test, Outcome.LOST, len(row), suspended)

    def _judged(self, judged: list[Judged]) -> None:
        for one in judged:
            self._count(one.test, one.outcome)
            if one.suspended:
                self._bar(one.test.from_sim, WHY)
                self._log.warning(
                    "loop tests don't arrive; the SIM sends nothing more until one does",
                    modem=one.test.from_modem,
                    lost=one.in_a_row,
                )
            elif one.in_a_row >= _TOLD:
                self._log.warning(
                    "loop tests don't arrive: blocked, or no credit?",
                    modem=one.test.from_modem,
                    lost=one.in_a_row,
                )

    # --- by schedule ---

    def _begin_due(self, connection: Connection, now_ms: int) -> tuple[NewTest, Waiting] | None:
        """Begin one test at most: so the tests of many SIMs are spread."""
        ends = self._ends()
        busy = {one.test.from_sim for one in loops.under_way(connection)}
        for name in senders(ends.values()):
            if ends[name].sim in busy or not self._is_due(connection, ends[name], now_ms):
                continue
            try:
                pair = self._looping.pair(ends, name)
            except RequestError:
                continue  # There is nobody to text.
            return self._looping.begin(connection, pair)
        return None

    def _is_due(self, connection: Connection, end: End, now_ms: int) -> bool:
        last_ms = max(loops.last_times(connection, end.sim).values(), default=0)
        if not last_ms:
            # The first one within the first hour, and not all at once.
            place = int(self._tools.sealer.fingerprint(end.sim.encode())[:8], 16) / 0xFFFF_FFFF
            return now_ms - self._started_ms >= place * HOUR_MS
        hours = 1 if self._is_suspended(end.sim) else self._settings.hours
        # The clock may have been set back.
        return not 0 <= now_ms - last_ms < hours * HOUR_MS

    def _begun(self, begun: tuple[NewTest, Waiting] | None) -> None:
        if begun is not None:
            self._tools.dispatcher.accepted(begun[1])
            self._tools.metrics.messages.labels(Status.QUEUED, "", "").inc()
