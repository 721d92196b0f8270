"""Give waiting messages to idle modems; every method that changes something runs in the writer's thread."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable
from typing import Protocol, assert_never

from sqlalchemy.engine import Connection

from simcourier import log
from simcourier.config import Operator, SecondSim, Sending, Sims
from simcourier.dispatch import explain, policy
from simcourier.dispatch.bars import Cause
from simcourier.dispatch.choosing import Chooser
from simcourier.dispatch.clock import Clock
from simcourier.dispatch.explain import Explanation
from simcourier.dispatch.fleet import Fleet
from simcourier.dispatch.learned import Learned
from simcourier.dispatch.ledger import Entry, Ledger
from simcourier.dispatch.operators import Operators
from simcourier.dispatch.outcomes import Flight, Outcomes, identity
from simcourier.dispatch.pace import Meters
from simcourier.dispatch.policy import Candidate, Choice, Terms
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
from simcourier.outbox import access, delivery_times, duties, store, verifications
from simcourier.outbox.message import Status, Waiting
from simcourier.outbox.notices import notify
from simcourier.outbox.seal import Sealer
from simcourier.outbox.verifications import Closed
from simcourier.outbox.writer import Writer
from simcourier.sms.address import parse_recipient
from simcourier.sms.submit import SubmitPdu, encode_submit

_SECOND_SIM = SecondSim()
_LEARNED_PAUSE_S = 30.0
"""Between two writes of what delivery reports taught."""
_SIMS = Sims()
_REVISIT_S = 10.0
"""Between two looks at what no SIM could take, where no modem came or went."""
_CARE_PAUSE_S = 60.0
"""Between two restarts of a modem that says it needs care."""
_LEAST_PATIENCE_S = 15.0
_USUAL_TIMES = 3
"""So many times what its submits take is waited for a slow SIM, where the message's life allows it."""
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
        operators: Iterable[Operator] = (),
        second_sim: SecondSim = _SECOND_SIM,
        sims: Sims = _SIMS,
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
        self._operators = Operators(operators)
        meters = Meters(sims, self._operators)
        self._ledger = Ledger(self._records, meters, clock)
        self.fleet = Fleet(clock.monotonic(), sandbox_ports, self._operators, meters, clock.wall_ms)
        self.learned = Learned(second_sim, self._operators)
        self._outcomes = Outcomes(
            self._records,
            self._rooms,
            self.fleet,
            metrics,
            settings,
            clock,
            self._care,
            lambda modem, token: self._radio.stored(modem, token),  # noqa: PLW0108 - the radio comes later
            self.learned,
            second_sim,
            self._operators,
        )
        terms = Terms(self._operators, self.learned, sealer.number_key)
        self._choosers = tuple(
            Chooser(room, self.fleet.side(sandbox), self.fleet, terms, settings.shares, clock)
            for sandbox, room in ((False, self._rooms.real), (True, self._rooms.sandbox))
        )
        self._revisit_at = 0.0
        self._write_learned_at = clock.monotonic() + _LEARNED_PAUSE_S
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
        return explain.waiting(views, due_ms, now_ms, chooser.room.ahead_of(message.rank) - 1)

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
                self._modem_changed(fact)
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
            self._outcomes.seconds.tick()
        self._outcomes.give_up_reports()
        self._write_learned()
        self._ledger.tick()
        self._look_around()

    def _look_around(self) -> None:
        """Follow what time alone changes: SIMs come to their bounds, and these end."""
        self.fleet.recount()
        for name, held in self.fleet.held():
            self._metrics.modem_held.labels(name).set(held)
        if self._clock.monotonic() >= self._revisit_at:
            self._revisit_at = self._clock.monotonic() + _REVISIT_S
            for room in self._rooms:
                room.revisit()

    def _write_learned(self) -> None:
        now = self._clock.monotonic()
        if now >= self._write_learned_at:
            self._write_learned_at = now + _LEARNED_PAUSE_S
            rows, gone = self.learned.news(self._clock.wall_ms())
            if rows or gone:
                self._records.write(lambda c: delivery_times.write(c, rows, gone))

    def _expire(self) -> None:
        now_ms = self._clock.wall_ms()
        self._records.write(lambda c: duties.expire(c, now_ms), self._expired)

    def _expired(self, gone: list[tuple[int, int, Status]]) -> None:
        for n, rank, status in gone:
            self._metrics.expired.inc(status is Status.EXPIRED)
            self.dropped(n, rank, status)
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
        self.fleet.wake()
        for chooser in self._choosers:
            chooser.room.wake()
            if self._claiming and self._clock.monotonic() >= self._no_claim_before:
                self._give_out(chooser)

    def _give_out(self, chooser: Chooser) -> None:
        round_ = chooser.begin()
        while (found := chooser.next(round_)) is not None:
            self._assign(*found, chooser)
        chooser.room.refill(self._flying, self.pump)

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
        snapshot = self.fleet.snapshot(modem)
        sim = identity(snapshot.sim if snapshot is not None else "", modem)
        number = next(self._jobs)
        self._outcomes.flights[number] = Flight(
            number, message, modem, sim, message.attempts + 1, begun_at_ms=now_ms
        )
        entry = self._entry(message, candidate, sim, len(pdus), now_ms)
        self.fleet.begin(modem, now, len(pdus), entry.number_key)
        # The modem opens its prompt while the claim goes to disk; the PDU waits for the permit.
        job = Job(number, pdus, now + life, self._patience(life, candidate), chooser.more_follow(candidate))
        self._radio.submit(modem, job)
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
                self.fleet.give_back(modem, entry.segments)
            self._radio.permit(number, claimed)

        def failed(error: BaseException) -> None:
            self.fleet.give_back(modem, entry.segments)
            self._claim_failed(number, error)

        self._writer.submit(work, done, failed, urgent=True)

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
        self._no_claim_before = self._clock.monotonic() + _CLAIM_PAUSE_S
        self._radio.permit(number, False)

    def _unsendable(self, message: Waiting, detail: str, now_ms: int) -> None:
        def done(after: Status | None) -> None:
            if after is not None:
                self.dropped(message.n, message.rank, after)

        self._records.write(
            lambda c: store.drop(c, message.n, Status.QUEUED, Status.FAILED, now_ms, detail=detail), done
        )
