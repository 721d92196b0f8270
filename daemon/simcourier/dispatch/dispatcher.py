"""Give waiting messages to idle modems; every method that changes something runs in the writer's thread."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import assert_never

from sqlalchemy.engine import Connection

from simcourier.config import Operator, SecondSim, Sending, Sims
from simcourier.dispatch import explain, policy
from simcourier.dispatch.bars import Cause
from simcourier.dispatch.candidates import Terms
from simcourier.dispatch.choosing import Chooser
from simcourier.dispatch.clock import Clock
from simcourier.dispatch.explain import Explanation
from simcourier.dispatch.fleet import Fleet
from simcourier.dispatch.giving import Giving
from simcourier.dispatch.learned import Learned
from simcourier.dispatch.ledger import Ledger
from simcourier.dispatch.operators import Operators
from simcourier.dispatch.outcomes import Outcomes
from simcourier.dispatch.pace import Meters
from simcourier.dispatch.radio_port import RadioPort
from simcourier.dispatch.records import Records
from simcourier.dispatch.telling import Telling
from simcourier.dispatch.timekeeping import Timekeeping
from simcourier.dispatch.waiting import Rooms, WaitingRoom
from simcourier.metrics import Metrics
from simcourier.modem.facts import (
    Fact,
    FaultSeen,
    LateAnswer,
    MessageArrived,
    ModemChanged,
    PartSubmitted,
    PinJudged,
    PinWanted,
    Recovered,
    ReportArrived,
    SubmitEnded,
    UssdEnded,
)
from simcourier.outbox import access, store
from simcourier.outbox.message import Status, Waiting
from simcourier.outbox.seal import Sealer
from simcourier.outbox.verifications import Closed
from simcourier.outbox.writer import Writer

_SECOND_SIM = SecondSim()
_SIMS = Sims()
_CARE_PAUSE_S = 60.0
"""Between two restarts of a modem that says it needs care."""


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
        operators: Iterable[Operator] = (),
        second_sim: SecondSim = _SECOND_SIM,
        sims: Sims = _SIMS,
    ) -> None:
        self._writer = writer
        self._sealer = sealer
        self._clock = clock
        self._records = Records(writer, clock)
        self._rooms = Rooms(writer, clock)
        self._operators = Operators(operators)
        meters = Meters(sims, self._operators)
        self._ledger = Ledger(self._records, meters, clock)
        self.fleet = Fleet(clock.monotonic(), sandbox_ports, self._operators, meters, clock.wall_ms)
        self.learned = Learned(second_sim, self._operators)
        terms = Terms(self._operators, self.learned, sealer.number_key)
        self._outcomes = Outcomes(
            self._records,
            self._rooms,
            self.fleet,
            metrics,
            settings,
            clock,
            self._care,
            lambda modem, token: self._giving.radio.stored(modem, token),  # noqa: PLW0108 - the radio comes later
            self.learned,
            second_sim,
            terms,
        )
        self._choosers = tuple(
            Chooser(room, self.fleet.side(sandbox), self.fleet, terms, settings.shares, clock)
            for sandbox, room in ((False, self._rooms.real), (True, self._rooms.sandbox))
        )
        self._giving = Giving(
            writer,
            self._records,
            self._rooms,
            self.fleet,
            self._ledger,
            self._outcomes,
            sealer,
            settings,
            clock,
            lease,
        )
        self._timekeeping = Timekeeping(
            writer,
            self._records,
            self._rooms,
            self.fleet,
            self._ledger,
            self._outcomes,
            self.learned,
            metrics,
            clock,
            self.dropped,
            self.closed,
            self.explain,
        )
        self._telling = Telling(self._records, self.fleet, metrics, clock)
        self._cared_at: dict[str, float] = {}
        self._claiming = True

    def connect(self, radio: RadioPort, onlooker: Callable[[Fact], None] = lambda _fact: None) -> None:
        """Give the radio, and who else wants to know the facts; the composition root calls this first of all."""
        self._giving.radio = radio
        self._onlooker = onlooker

    def load(self, connection: Connection, depth: dict[int, int]) -> None:
        """Take up what waits on disk; called once, before the writer starts."""
        self._rooms.load(connection, depth)
        self.learned.load(connection)
        self._ledger.load(connection)
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
        side, room = self.fleet.side(sandbox), self.sandbox if sandbox else self.room
        # What is pinned to one modem keeps the others from nothing.
        ahead, submit_s = room.ahead_of(rank), self.fleet.submit_s
        rate = side.rates[rank > 0] or 1 / submit_s
        return int(1000 * (submit_s + side.opens_in_s[rank > 0] + ahead / rate))

    # --- doors for the service ---

    def accepted(self, message: Waiting) -> None:
        """A new message is on disk; before its next transaction the writer gives it out."""
        self._rooms.enter(message)

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

    def bar(self, sim: str, why: str, cause: Cause = Cause.OTHER) -> None:
        """Let this SIM send nothing for a reason that an admin is shown; an empty one lifts this cause alone."""
        self.fleet.bar(sim, why, cause)
        if not why:
            self.pump()

    def explain(self, message: Waiting, due_ms: int) -> Explanation:
        """Why this message waits, which may leave from `due_ms` on (wall-clock milliseconds)."""
        chooser, now, now_ms = self._choosers[message.sandbox], self._clock.monotonic(), self._clock.wall_ms()
        standing = chooser.side.standing.values()
        given = [(candidate, self.fleet.busy_s(candidate.modem, now)) for candidate in standing]
        judged = policy.rank(message, given, chooser.terms, now_ms)
        away = (
            explain.away(snapshot, paused=self.fleet.is_paused(snapshot.name))
            for snapshot in self.fleet.others(message.sandbox)
        )
        views = [*(explain.seen(message, one, chooser.terms) for one in judged), *away]
        return explain.waiting(views, due_ms, now_ms, max(0, chooser.room.ahead_of(message.rank) - 1))

    def stop_claiming(self) -> None:
        """Give out no more work; what is in flight may finish."""
        self._claiming = False
        self._writer.call(self._ledger.flush)

    def wake_in(self) -> float | None:
        """Seconds until something is due; None where nothing waits for a time."""
        times = (*(room.wake_in() for room in self._rooms), self._records.wake_in(), self.fleet.wake_in())
        return min((time for time in times if time is not None), default=None)

    # --- facts from the radio ---

    def on_fact(self, fact: Fact) -> None:
        """Take what the radio tells; the writes that follow join the batch that is being collected."""
        match fact:
            case ModemChanged():
                self._telling.modem_changed(fact.snapshot, quietly=not self._claiming)
            case PartSubmitted():
                self._outcomes.part_submitted(fact)
            case SubmitEnded():
                self.fleet.end(fact.modem)
                self._outcomes.submit_ended(fact)
            case ReportArrived():
                self._outcomes.report(fact)
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

    def _pin_wanted(self, fact: PinWanted) -> None:
        now_ms, keyed = self._clock.wall_ms(), self._keyed(fact.pin_digest)
        self._records.write(
            lambda c: access.may_try_pin(c, fact.card, keyed, now_ms),
            lambda allowed: self._giving.radio.allow_pin(fact.modem, allowed),
        )

    def _keyed(self, pin_digest: str) -> str:
        """What stands for a PIN on disk: there are only 10,000 of them, so a digest without a key would tell it."""
        return self._sealer.fingerprint(pin_digest.encode())

    def _care(self, modem: str) -> None:
        now = self._clock.monotonic()
        if now - self._cared_at.get(modem, -_CARE_PAUSE_S) >= _CARE_PAUSE_S:
            self._cared_at[modem] = now
            self._giving.radio.restart(modem)

    # --- time, and giving out work ---

    def expire_due(self) -> None:
        """Move what can't be sent in time any more to `expired`, and do what else is due; called by a tick."""
        self._timekeeping.tick()

    def pump(self) -> None:
        """Give waiting messages to idle modems until one of the two runs out."""
        self._records.try_again()
        self.fleet.wake()
        for chooser in self._choosers:
            chooser.room.wake()
            if self._claiming and (self.fleet.has_sandbox or not chooser.side.is_sandbox):
                self._giving.empty(chooser)
