"""Write down what became of a message in a modem's hands, and what follows from it; in the writer's thread only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar, assert_never

from sqlalchemy.engine import Connection

from simcourier.config import SecondSim, Sending
from simcourier.dispatch import policy
from simcourier.dispatch.candidates import Terms
from simcourier.dispatch.clock import Clock
from simcourier.dispatch.early import EarlyReports
from simcourier.dispatch.fleet import Fleet
from simcourier.dispatch.learned import Learned
from simcourier.dispatch.records import Records
from simcourier.dispatch.refusals import after_refusal
from simcourier.dispatch.seconds import Seconds
from simcourier.dispatch.waiting import PAUSE_MS, Rooms
from simcourier.metrics import Metrics
from simcourier.modem.facts import LateAnswer, PartSubmitted, ReportArrived, SubmitEnd, SubmitEnded
from simcourier.outbox import recovery, reports, store
from simcourier.outbox.matching import Candidate
from simcourier.outbox.message import Status, Waiting
from simcourier.outbox.writer import Work
from simcourier.sms.status import ReportOutcome

T = TypeVar("T")
_DOUBTS_KEPT = 1000
"""Jobs in doubt whose late answer is still understood."""
_ALONE_PAUSE_MS = 1000
"""Before the only modem gets a message again that it failed to send."""


@dataclass(slots=True)
class Flight:
    """A message in a modem's hands; `references` are the TP-MRs of its parts so far."""

    job: int
    message: Waiting
    modem: str
    sim: str
    attempt: int
    references: list[int] = field(default_factory=list)
    begun_at_ms: int = 0
    unwritten: int = 0
    """How much of what became of it is not on disk yet."""


def identity(sim: str, modem: str) -> str:
    """What reports are matched on: the SIM, or its modem where it tells no number of its own."""
    return sim or modem[:32]


def _left(flight: Flight, fact: SubmitEnded) -> str:
    return f"{fact.parts_sent} of {flight.message.segments} parts had left"


class Outcomes:
    """The flights and how they end."""

    def __init__(
        self,
        records: Records,
        rooms: Rooms,
        fleet: Fleet,
        metrics: Metrics,
        settings: Sending,
        clock: Clock,
        care: Callable[[str], None],
        stored: Callable[[str, int], None],
        learned: Learned,
        second: SecondSim,
        terms: Terms,
    ) -> None:
        self._records = records
        self._rooms = rooms
        self._fleet = fleet
        self._metrics = metrics
        self._settings = settings
        self._clock = clock
        self._care = care
        self._stored = stored
        self._learned = learned
        self._terms = terms
        self._started_ms = clock.wall_ms()
        self.seconds = Seconds(
            second, terms.operators, learned, fleet, rooms, records, metrics, clock, self.count
        )
        self._early = EarlyReports()
        self._doubts: dict[int, Flight] = {}
        self._unwritten: dict[int, Flight] = {}
        self.flights: dict[int, Flight] = {}

    # --- a submit, step by step ---

    def part_submitted(self, fact: PartSubmitted) -> None:
        """A part has its TP-MR: from now on it awaits a report."""
        flight = self.flights.get(fact.job)
        if flight is None:
            return
        flight.references.append(fact.tp_mr)
        n, attempt, now_ms = flight.message.n, flight.attempt, self._clock.wall_ms()
        self._write(flight, lambda c: store.part_sent(c, n, attempt, fact.part, fact.tp_mr, now_ms))
        if fact.wire_at:
            self._measure(flight, fact, now_ms)

    def _measure(self, flight: Flight, fact: PartSubmitted, now_ms: int) -> None:
        taken = fact.taken_at - fact.wire_at
        self._metrics.submit.labels(flight.modem).observe(taken)
        if flight.message.sandbox:
            return  # What a virtual modem takes says nothing of a real one.
        self._fleet.measured(taken, flight.modem)
        if flight.attempt == 1 and fact.part == 0:
            since_wire_ms = (self._clock.monotonic() - fact.wire_at) * 1000
            waited_ms = now_ms - since_wire_ms - flight.message.created_at_ms
            self._metrics.accept_to_wire.observe(max(0.0, waited_ms / 1000))

    def submit_ended(self, fact: SubmitEnded) -> None:
        """A job is over: settle its message, or queue it again."""
        flight = self.flights.pop(fact.job, None)
        if flight is None:
            return
        match fact.end:
            case SubmitEnd.SENT:
                self._sent(flight)
            case SubmitEnd.NOT_SENT if fact.parts_sent:
                # What left can't be called back, and sending it again must be said: it is in doubt as a whole.
                self._in_doubt(flight, f"{_left(flight, fact)}; {fact.reason}")
            case SubmitEnd.NOT_SENT:
                self._not_sent(flight, fact)
            case SubmitEnd.IN_DOUBT:
                self._in_doubt(flight, fact.reason)
            case SubmitEnd.EXPIRED:
                detail = "its deadline passed at the modem's prompt"
                if fact.parts_sent:
                    detail = f"{_left(flight, fact)}; {detail}"
                self._end(flight, Status.EXPIRED, detail, "not-sent")
            case SubmitEnd.WITHDRAWN:
                # The claim was refused: the message left the queue by another door, or the disk said no.
                self._look_again(flight.message)
            case _:
                assert_never(fact.end)

    def _write(self, flight: Flight, work: Work[T], done: Callable[[T], None] = lambda _result: None) -> None:
        """Put on disk what became of a submit; until it is there, a report may be about this one."""
        flight.unwritten += 1
        self._unwritten[flight.job] = flight

        def written(result: T) -> None:
            flight.unwritten -= 1
            if not flight.unwritten:
                del self._unwritten[flight.job]
            done(result)

        self._records.write(work, written, modem=flight.modem)

    def _look_again(self, message: Waiting) -> None:
        """The message may still be queued on disk and be in nobody's hands: have the disk asked, after a pause."""
        self._rooms.of(message).later(self._clock.wall_ms() + PAUSE_MS, message.modem)

    def _sent(self, flight: Flight) -> None:
        message, modem, now_ms = flight.message, flight.modem, self._clock.wall_ms()
        is_second = message.other_network is not None
        second_at_ms = self.seconds.due_at_ms(message, modem, now_ms)
        detail = store.SECOND_COPY if is_second else None

        def work(connection: Connection) -> Status | None:
            store.sent(connection, message.n, modem, now_ms, second_at_ms=second_at_ms, detail=detail)
            if not message.doubts and not is_second:
                return None
            # An earlier copy may have been reported while this one was on its way.
            return reports.settle_after_submit(connection, message.n, Status.SENT, now_ms)

        def done(settled: Status | None) -> None:
            self.count(Status.SENT, modem)
            if settled is not None:
                self.count(settled, modem)
            self._take_early(flight.sim, flight.references)

        self._write(flight, work, done)

    def _not_sent(self, flight: Flight, fact: SubmitEnded) -> None:
        standing = self._fleet.side(flight.message.sandbox).standing.values()
        now_ms = self._clock.wall_ms()
        others = policy.elsewhere(flight.message, standing, self._terms, now_ms, flight.modem)
        if fact.verdict is None:
            message = flight.message.after_failure(flight.modem)
            self._requeue(flight, message, 0 if others else _ALONE_PAUSE_MS, fact.reason, "failed")
            return
        retry = after_refusal(
            flight.message,
            fact.verdict,
            self._settings.max_attempts,
            alone=not others,
            other_operator=self._fleet.has_other_operator(flight.modem, others),
        )
        if retry.care:
            self._care(flight.modem)
        if retry.delay_ms is None:
            self._end(flight, Status.FAILED, fact.reason, "refused")
        else:
            message = flight.message.after_refusal(flight.modem, elsewhere=retry.elsewhere)
            if retry.other_operator:
                message = replace(message, avoid=message.avoid | self._fleet.same_operator(flight.modem))
            self._requeue(flight, message, retry.delay_ms, fact.reason, "refused")

    def _requeue(self, flight: Flight, message: Waiting, delay_ms: int, reason: str, part_state: str) -> None:
        now_ms = self._clock.wall_ms()
        due_ms = now_ms + delay_ms if delay_ms else 0

        def work(connection: Connection) -> Status | None:
            store.parts_ended(connection, message.n, flight.attempt, part_state, reason, awaiting=False)
            settled = self._settled_before(connection, message, now_ms)
            return settled or store.requeue(connection, message, Status.SENDING, due_ms, now_ms, reason)

        self._write(flight, work, lambda after: self._ended(flight, message, after, due_ms))

    @staticmethod
    def _settled_before(connection: Connection, message: Waiting, now_ms: int) -> Status | None:
        """Where the message stands if an earlier copy in doubt turned out well, so that no other is needed."""
        if message.other_network is not None:
            return reports.settle_delivered(connection, message.n, Status.SENDING, now_ms)
        if not message.doubts:
            return None
        return reports.settle_after_submit(connection, message.n, Status.SENDING, now_ms)

    def _ended(self, flight: Flight, message: Waiting, after: Status | None, due_ms: int = 0) -> None:
        """A submit that did not go well is on record; `after` None: the claim itself was not."""
        if after is Status.QUEUED:
            self._rooms.enter(message, due_ms)
        elif after is None:
            self._look_again(message)
        else:
            self.count(after, flight.modem)
        self._take_early(flight.sim, flight.references)

    def _in_doubt(self, flight: Flight, reason: str) -> None:
        message, now_ms = flight.message.after_doubt(flight.modem), self._clock.wall_ms()
        self._metrics.unknown.inc()
        self.count(Status.UNKNOWN, flight.modem)
        self._doubts[flight.job] = flight
        while len(self._doubts) > _DOUBTS_KEPT:
            del self._doubts[next(iter(self._doubts))]
        resends = self._settings.max_resends

        def work(connection: Connection) -> Status | None:
            store.parts_ended(connection, message.n, flight.attempt, "in-doubt", reason, awaiting=True)
            return recovery.doubt(connection, message, now_ms, resends, modem=flight.modem, detail=reason)

        def done(after: Status | None) -> None:
            self._ended(flight, message, after)
            # One that was held for this submit's answer may be its own: it fits now that the submit is in doubt.
            self._try_again(self._early.take(flight.sim, None))

        self._write(flight, work, done)

    def _end(self, flight: Flight, status: Status, detail: str, part_state: str) -> None:
        message, now_ms = flight.message, self._clock.wall_ms()

        def work(connection: Connection) -> Status | None:
            store.parts_ended(connection, message.n, flight.attempt, part_state, detail, awaiting=False)
            settled = self._settled_before(connection, message, now_ms)
            if settled is not None:
                return settled
            return store.drop(
                connection, message.n, Status.SENDING, status, now_ms, modem=flight.modem, detail=detail
            )

        def done(after: Status | None) -> None:
            # Of a second copy it does not: the first one left.
            self._metrics.expired.inc(after is Status.EXPIRED)
            self._ended(flight, message, after)

        self._write(flight, work, done)

    # --- what comes later ---

    def late_answer(self, fact: LateAnswer) -> None:
        """The answer to a submit in doubt came after all: it was sent, and is not sent again."""
        flight = self._doubts.get(fact.job)
        if flight is None:
            return
        message, now_ms = flight.message, self._clock.wall_ms()

        def work(connection: Connection) -> Status | None:
            store.part_sent(connection, message.n, flight.attempt, fact.part, fact.tp_mr, now_ms)
            before = store.find_status(connection, message.n)
            if fact.part + 1 < message.segments or before not in {Status.UNKNOWN, Status.QUEUED}:
                return None
            detail = "the modem's answer came late"
            store.move(
                connection,
                message.n,
                before,
                Status.SENT,
                now_ms,
                modem=fact.modem,
                detail=detail,
                sent_by=fact.modem,
            )
            return before

        def done(before: Status | None) -> None:
            if before is Status.QUEUED:
                self._rooms.leave(message.rank, message.n)
            if before is not None:
                self.count(Status.SENT, fact.modem)
            self._take_early(identity(fact.sim, fact.modem), [fact.tp_mr])

        self._records.write(work, done)

    def report(self, fact: ReportArrived, came_at: float | None = None) -> None:
        """A status report came; once it is on disk, the SIM need not keep it.

        `came_at` is when one that was held came (monotonic).
        """
        sim, now_ms = identity(fact.sim, fact.modem), self._clock.wall_ms()
        since = self._clock.monotonic() if came_at is None else came_at

        def done(settled: reports.Settled | None) -> None:
            if settled is None:
                # It may have overtaken its own +CMGS: keep it for a while.
                self._early.keep(sim, fact, since)
                if fact.is_handed_over:
                    # The network waits some seconds only, and switches off all reports of this modem then.
                    self._acknowledge(fact)
            else:
                self._settled(fact, settled, now_ms)

        # Looked at when the work runs: what was under way may be on disk by then.
        self._records.write(lambda c: reports.apply(c, sim, fact.report, now_ms, self._under_way(sim)), done)

    def _under_way(self, sim: str) -> list[Candidate]:
        """What a report may be about: the submits that this SIM has not answered, or whose end is not on disk."""
        return [
            Candidate(
                flight.message.n,
                flight.attempt,
                len(flight.references),
                flight.message.recipient,
                flight.begun_at_ms,
                flight.modem,
                is_numbered=False,
            )
            for flight in self._open()
            if flight.sim == sim
        ]

    def _open(self) -> Iterable[Flight]:
        return {**self._unwritten, **self.flights}.values()

    def _settled(self, fact: ReportArrived, settled: reports.Settled, now_ms: int) -> None:
        self._acknowledge(fact)
        if settled.repeated:
            self._metrics.repeated.inc()
            return
        self._learn(fact, settled, now_ms)
        if settled.after is not None:
            self._reported(settled, settled.after, now_ms)

    def _acknowledge(self, fact: ReportArrived) -> None:
        if fact.token:
            self._stored(fact.modem, fact.token)

    def _learn(self, fact: ReportArrived, settled: reports.Settled, now_ms: int) -> None:
        part = settled.part
        # Reports of what left before this start lay in the SIM meanwhile: when they came says nothing.
        if (
            fact.report.outcome is ReportOutcome.DELIVERED
            and part.is_numbered
            and part.at_ms >= self._started_ms
            and not settled.sandbox
        ):
            snapshot = self._fleet.snapshot(fact.modem)
            network = snapshot.network if snapshot is not None and snapshot.sim == fact.sim else ""
            self._learned.delivered(fact.sim, network, part.recipient, (now_ms - part.at_ms) / 1000)

    def _reported(self, settled: reports.Settled, after: Status, now_ms: int) -> None:
        if settled.before is Status.QUEUED:
            self._rooms.leave(settled.rank, settled.n)
        self.count(after, settled.modem)
        if after is Status.DELIVERED:
            waited = max(0.0, (now_ms - settled.created_at_ms) / 1000)
            self._metrics.delivery.labels(self._operator(settled.modem), settled.modem).observe(waited)

    def _take_early(self, sim: str, references: list[int]) -> None:
        self._try_again(self._early.take(sim, references))

    def _try_again(self, held: Iterable[tuple[float, ReportArrived]]) -> None:
        for came_at, fact in held:
            self.report(fact, came_at)

    def give_up_reports(self) -> None:
        """Put reports that fitted nothing for a while on record as unmatched."""
        busy = {flight.sim for flight in self._open()}
        for fact in self._early.overdue(self._clock.monotonic(), busy):
            self._give_up(fact)

    def _give_up(self, fact: ReportArrived) -> None:
        sim, now_ms = identity(fact.sim, fact.modem), self._clock.wall_ms()

        def work(connection: Connection) -> reports.Settled | bool:
            # Once more: what it is about may be on record by now.
            settled = reports.apply(connection, sim, fact.report, now_ms, self._under_way(sim))
            return settled or reports.keep_unmatched(connection, sim, fact.report, now_ms)

        def done(found: reports.Settled | bool) -> None:
            if isinstance(found, reports.Settled):
                self._settled(fact, found, now_ms)
                return
            self._acknowledge(fact)
            (self._metrics.unmatched if found else self._metrics.repeated).inc()

        self._records.write(work, done)

    # --- counting ---

    def count(self, status: Status, modem: str = "") -> None:
        """A message moved into this state."""
        self._metrics.messages.labels(status, self._operator(modem), modem).inc()

    def _operator(self, modem: str) -> str:
        snapshot = self._fleet.snapshot(modem)
        return snapshot.operator if snapshot is not None else ""
