"""Give a message to a modem: encode it, hand it to the radio, and claim it on disk before it may leave."""

from __future__ import annotations

import itertools

from sqlalchemy.engine import Connection

from simcourier import log
from simcourier.config import Sending
from simcourier.dispatch import explain
from simcourier.dispatch.candidates import Candidate
from simcourier.dispatch.choosing import Chooser
from simcourier.dispatch.clock import Clock
from simcourier.dispatch.fleet import Fleet
from simcourier.dispatch.ledger import Entry, Ledger
from simcourier.dispatch.outcomes import Flight, Outcomes, identity
from simcourier.dispatch.policy import Choice
from simcourier.dispatch.radio_port import RadioPort
from simcourier.dispatch.records import Records
from simcourier.dispatch.waiting import Rooms
from simcourier.errors import SimcourierError
from simcourier.modem.facts import Job
from simcourier.outbox import store
from simcourier.outbox.message import Status, Waiting
from simcourier.outbox.seal import Sealer
from simcourier.outbox.writer import Writer
from simcourier.sms.address import parse_recipient
from simcourier.sms.submit import SubmitPdu, encode_submit

_LEAST_PATIENCE_S = 15.0
_USUAL_TIMES = 3
"""So many times what its submits take is waited for a slow SIM, where the message's life allows it."""
_CLAIM_PAUSE_S = 1.0
"""Before the next claim after the disk refused one."""


class Giving:
    """Empties the queue into idle modems; in the writer's thread only. `radio` comes before the first message."""

    radio: RadioPort

    def __init__(
        self,
        writer: Writer,
        records: Records,
        rooms: Rooms,
        fleet: Fleet,
        ledger: Ledger,
        outcomes: Outcomes,
        sealer: Sealer,
        settings: Sending,
        clock: Clock,
        lease: int,
    ) -> None:
        self._writer = writer
        self._records = records
        self._rooms = rooms
        self._fleet = fleet
        self._ledger = ledger
        self._outcomes = outcomes
        self._sealer = sealer
        self._settings = settings
        self._clock = clock
        self._lease = lease
        self._jobs = itertools.count(1)
        self._not_before = 0.0
        self._log = log.get("dispatch")

    def empty(self, chooser: Chooser) -> None:
        """Give this side's messages to its idle modems until one of the two runs out."""
        if self._clock.monotonic() < self._not_before:
            return
        if chooser.is_ready():
            round_ = chooser.begin()
            while (found := chooser.next(round_)) is not None:
                self._assign(*found, chooser)
        chooser.room.refill(self._flying)

    def _flying(self) -> set[int]:
        return {flight.message.n for flight in self._outcomes.flights.values()}

    def _assign(self, message: Waiting, choice: Choice, chooser: Chooser) -> None:
        now, now_ms = self._clock.monotonic(), self._clock.wall_ms()
        life = (message.deadline_ms - now_ms) / 1000
        try:
            pdus = self._encode(message, life)
        except SimcourierError as error:
            self._unsendable(message, str(error), now_ms)
            return
        candidate, why = choice.candidate, explain.taken(message, choice, chooser.terms)
        modem = candidate.modem
        snapshot = self._fleet.snapshot(modem)
        sim = identity(snapshot.sim if snapshot is not None else "", modem)
        number = next(self._jobs)
        self._outcomes.flights[number] = Flight(
            number, message, modem, sim, message.attempts + 1, begun_at_ms=now_ms
        )
        entry = self._entry(message, candidate, sim, len(pdus), now_ms)
        self._fleet.begin(modem, now, len(pdus), entry.number_key)
        # The modem opens its prompt while the claim goes to disk; the PDU waits for the permit.
        job = Job(number, pdus, now + life, self._patience(life, candidate), chooser.more_follow(candidate))
        self.radio.submit(modem, job)
        self._claim(number, message, modem, entry, why)

    def _entry(self, message: Waiting, candidate: Candidate, sim: str, segments: int, now_ms: int) -> Entry:
        meter = candidate.meter
        counts_recipients = meter is not None and meter.pace.recipients_month > 0
        key = self._sealer.number_key(message.recipient) if counts_recipients else None
        return Entry(sim, segments, now_ms, meter is not None, key)

    def _patience(self, life: float, candidate: Candidate) -> float:
        """How long the modem may be silent: most of the message's life stays for a second try through another."""
        usually = min(_USUAL_TIMES * candidate.submit_s, life / 2)
        return min(self._settings.submit_patience, max(_LEAST_PATIENCE_S, life / 4, usually))

    def _claim(self, number: int, message: Waiting, modem: str, entry: Entry, why: str) -> None:
        def work(connection: Connection) -> bool:
            claimed = store.claim(
                connection,
                message,
                modem=modem,
                sim=entry.sim,
                parts_count=entry.segments,
                lease=self._lease,
                at_ms=entry.at_ms,
                detail=why,
            )
            if claimed and entry.is_bounded:
                self._ledger.write(connection, entry)
            return claimed

        def done(claimed: bool) -> None:
            if claimed:
                self._rooms.claimed(message)
                self._ledger.claimed(entry)
            else:
                self._fleet.give_back(modem, entry.segments)
            self.radio.permit(number, claimed)

        def failed(error: BaseException) -> None:
            self._fleet.give_back(modem, entry.segments)
            self._claim_failed(number, error)

        self._writer.submit(work, done, failed, urgent=True, lane=modem)

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

    def _claim_failed(self, number: int, error: BaseException) -> None:
        self._log.error("the disk refused a claim", error=str(error)[:200])
        self._not_before = self._clock.monotonic() + _CLAIM_PAUSE_S
        self.radio.permit(number, False)

    def _unsendable(self, message: Waiting, detail: str, now_ms: int) -> None:
        def done(after: Status | None) -> None:
            if after is not None:
                self._rooms.leave(message.rank, message.n)
                self._outcomes.count(after)

        self._records.write(
            lambda c: store.drop(c, message.n, Status.QUEUED, Status.FAILED, now_ms, detail=detail), done
        )
