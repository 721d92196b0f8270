"""Write down what became of a message in a modem's hands, and what follows from it; in the writer's thread only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

from sqlalchemy.engine import Connection

from simcourier.config import Sending
from simcourier.dispatch import policy
from simcourier.dispatch.clock import Clock
from simcourier.dispatch.early import EarlyReports
from simcourier.dispatch.fleet import Fleet
from simcourier.dispatch.records import Records
from simcourier.dispatch.waiting import PAUSE_MS, Rooms
from simcourier.metrics import Metrics
from simcourier.modem.facts import LateAnswer, PartSubmitted, SubmitEnd, SubmitEnded
from simcourier.outbox import recovery, reports, store
from simcourier.outbox.message import Status, Waiting
from simcourier.sms.report import StatusReport

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
    ) -> None:
        self._records = records
        self._rooms = rooms
        self._fleet = fleet
        self._metrics = metrics
        self._settings = settings
        self._clock = clock
        self._care = care
        self._early = EarlyReports()
        self._doubts: dict[int, Flight] = {}
        self.flights: dict[int, Flight] = {}

    # --- a submit, step by step ---

    def part_submitted(self, fact: PartSubmitted) -> None:
        """A part has its TP-MR: from now on it awaits a report."""
        flight = self.flights.get(fact.job)
        if flight is None:
            return
        flight.references.append(fact.tp_mr)
        n, attempt, now_ms = flight.message.n, flight.attempt, self._clock.wall_ms()
        self._records.write(lambda c: store.part_sent(c, n, attempt, fact.part, fact.tp_mr, now_ms))
        if fact.wire_at:
            self._measure(flight, fact, now_ms)

    def _measure(self, flight: Flight, fact: PartSubmitted, now_ms: int) -> None:
        taken = fact.taken_at - fact.wire_at
        self._metrics.submit.labels(flight.modem).observe(taken)
        if flight.message.sandbox:
            return  # What a virtual modem takes says nothing of a real one.
        self._fleet.measured(taken)
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
                self._metrics.expired.inc()
                detail = "its deadline passed at the modem's prompt"
                if fact.parts_sent:
                    detail = f"{_left(flight, fact)}; {detail}"
                self._end(flight, Status.EXPIRED, detail, "not-sent")
            case SubmitEnd.WITHDRAWN:
                # The claim was refused: the message left the queue by another door, or the disk said no.
                self._look_again(flight.message)
            case _:
                assert_never(fact.end)

    def _look_again(self, message: Waiting) -> None:
        """The message may still be queued on disk and be in nobody's hands: have the disk asked, after a pause."""
        self._rooms.of(message).later(self._clock.wall_ms() + PAUSE_MS, message.modem)

    def _sent(self, flight: Flight) -> None:
        message, modem, now_ms = flight.message, flight.modem, self._clock.wall_ms()

        def work(connection: Connection) -> Status | None:
            store.sent(connection, message.n, modem, now_ms)
            if not message.doubts:
                return None
            # An earlier copy may have been reported while this one was on its way.
            return reports.settle_after_submit(connection, message.n, Status.SENT, now_ms)

        def done(settled: Status | None) -> None:
            self.count(Status.SENT, modem)
            if settled is not None:
                self.count(settled, modem)
            self._take_early(flight.sim, flight.references)

        self._records.write(work, done)

    def _not_sent(self, flight: Flight, fact: SubmitEnded) -> None:
        side = self._fleet.side(flight.message.sandbox)
        others = side.operational - {flight.modem} - flight.message.avoid
        if fact.verdict is None:
            message = flight.message.after_failure(flight.modem)
            self._requeue(flight, message, 0 if others else _ALONE_PAUSE_MS, fact.reason, "failed")
            return
        retry = policy.after_refusal(
            flight.message, fact.verdict, self._settings.max_attempts, alone=not others
        )
        if retry.care:
            self._care(flight.modem)
        if retry.delay_ms is None:
            self._end(flight, Status.FAILED, fact.reason, "refused")
        else:
            message = flight.message.after_refusal(flight.modem, elsewhere=retry.elsewhere)
            self._requeue(flight, message, retry.delay_ms, fact.reason, "refused")

    def _requeue(self, flight: Flight, message: Waiting, delay_ms: int, reason: str, part_state: str) -> None:
        now_ms = self._clock.wall_ms()
        due_ms = now_ms + delay_ms if delay_ms else 0

        def work(connection: Connection) -> Status | None:
            store.parts_ended(connection, message.n, flight.attempt, part_state, reason, awaiting=False)
            settled = self._settled_before(connection, message, now_ms)
            return settled or store.requeue(connection, message, Status.SENDING, due_ms, now_ms, reason)

        self._records.write(work, lambda after: self._ended(flight, message, after, due_ms))

    @staticmethod
    def _settled_before(connection: Connection, message: Waiting, now_ms: int) -> Status | None:
        """Where the message stands if an earlier copy in doubt turned out well, so that no other is needed."""
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

        self._records.write(work, lambda after: self._ended(flight, message, after))

    def _end(self, flight: Flight, status: Status, detail: str, part_state: str) -> None:
        message, now_ms = flight.message, self._clock.wall_ms()

        def work(connection: Connection) -> Status | None:
            store.parts_ended(connection, message.n, flight.attempt, part_state, detail, awaiting=False)
            settled = self._settled_before(connection, message, now_ms)
            if settled is not None:
                return settled
            moved = store.move(
                connection, message.n, Status.SENDING, status, now_ms, modem=flight.modem, detail=detail
            )
            return status if moved else None

        self._records.write(work, lambda after: self._ended(flight, message, after))

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
            self._take_early(fact.sim, [fact.tp_mr])

        self._records.write(work, done)

    def report(self, sim: str, report: StatusReport) -> None:
        """A status report came from this SIM."""
        now_ms = self._clock.wall_ms()

        def done(settled: reports.Settled | None) -> None:
            if settled is None:
                # It may have overtaken its own +CMGS: keep it for a while.
                self._early.keep(sim, report, self._clock.monotonic())
            elif settled.after is not None:
                self._reported(settled, settled.after, now_ms)

        self._records.write(lambda c: reports.apply(c, sim, report, now_ms), done)

    def _reported(self, settled: reports.Settled, after: Status, now_ms: int) -> None:
        if settled.before is Status.QUEUED:
            self._rooms.leave(settled.rank, settled.n)
        self.count(after, settled.modem)
        if after is Status.DELIVERED:
            waited = max(0.0, (now_ms - settled.created_at_ms) / 1000)
            self._metrics.delivery.labels(self._operator(settled.modem), settled.modem).observe(waited)

    def _take_early(self, sim: str, references: list[int]) -> None:
        for tp_mr in references:
            for report in self._early.take(sim, tp_mr):
                self.report(sim, report)

    def give_up_reports(self) -> None:
        """Put reports that fitted nothing for a while on record as unmatched."""
        now_ms = self._clock.wall_ms()
        for sim, report in self._early.overdue(self._clock.monotonic()):
            self._metrics.unmatched.inc()
            self._keep(sim, report, now_ms)

    def _keep(self, sim: str, report: StatusReport, now_ms: int) -> None:
        self._records.write(lambda c: reports.keep_unmatched(c, sim, report, now_ms))

    # --- counting ---

    def count(self, status: Status, modem: str = "") -> None:
        """A message moved into this state."""
        self._metrics.messages.labels(status, self._operator(modem), modem).inc()

    def _operator(self, modem: str) -> str:
        snapshot = self._fleet.snapshot(modem)
        return snapshot.operator if snapshot is not None else ""
