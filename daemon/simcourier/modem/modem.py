"""Everything a session knows of its modem: what the procedures read, change and tell."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

from simcourier.modem.facts import (
    Fact,
    Job,
    LateAnswer,
    ModemChanged,
    ModemSnapshot,
    ModemState,
    PartSubmitted,
    ReportArrived,
    ReportRoute,
    SubmitEnd,
    SubmitEnded,
)
from simcourier.modem.states import check_move
from simcourier.modem.timings import Timings
from simcourier.sms.causes import Verdict
from simcourier.sms.report import StatusReport

MOST_UNOWNED = 64
"""Reports kept until the SIM tells who it is."""
MOST_READS = 64
"""Announced reports remembered; what is over that is found by looking through the whole store."""


class Standing(NamedTuple):
    """The state, why, and since when: replaced as a whole, so that another thread may read it."""

    state: ModemState
    reason: str
    since: float


_NEVER_SEEN = Standing(ModemState.ABSENT, "", 0.0)


class Permit(StrEnum):
    """What was decided about a job's PDU, or about a PIN."""

    AWAITED = "awaited"
    GRANTED = "granted"
    REFUSED = "refused"


class PromptTrust(StrEnum):
    """Whether this modem can be relied on to give a prompt."""

    GOOD = "good"
    FAILED = "failed"
    """The last one asked for did not come."""


class Chore(StrEnum):
    """What a ready modem may have to do besides sending."""

    CHECK = "check"
    """Something said that the modem may have restarted or lost its SIM, or that the dialogue is out of step."""
    ACKNOWLEDGE = "acknowledge"
    """A message was handed over under CSMS=1: `AT+CNMA` is due."""
    LOOK = "look"
    """Read whatever reports are in the stores."""
    POLL = "poll"
    """Ask for registration, operator and signal."""


@dataclass(slots=True)
class Flight:
    """A job on its way through this modem; `in_air` is the part whose Ctrl-Z left and whose answer is missing."""

    job: Job
    permit: Permit = Permit.AWAITED
    parts_sent: int = 0
    in_air: int | None = None
    wire_at: float = 0.0
    late_tp_mr: int | None = None
    behind_doubt: bool = False
    """A message in doubt went before this part: an answer may still be that one's."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job is to end."""

    end: SubmitEnd
    reason: str = ""
    verdict: Verdict | None = None


@dataclass(slots=True)
class Modem:
    """One modem as its session knows it; `now` is the time of the step under way."""

    name: str
    port: str
    timings: Timings
    pin: str | None = field(default=None, repr=False)
    now: float = 0.0
    standing: Standing = _NEVER_SEEN

    manufacturer: str = ""
    model: str = ""
    revision: str = ""
    imei: str = ""
    sim: str = ""
    operator: str = ""
    registration: str = ""
    signal_dbm: int | None = None
    reports: ReportRoute = ReportRoute.NONE
    failures: int = 0
    warning: str = ""

    settled: bool = False
    """It was ready once since the port appeared, so a short check shows whether its settings still hold."""
    sim_command: str = ""
    cnmi: tuple[int, ...] = ()
    csms: int = 0
    memories: tuple[tuple[str, ...], ...] = ()
    store: str = ""
    """mem1 as it was last set."""
    usual_store: str = ""
    prompt: PromptTrust = PromptTrust.GOOD
    pin_permit: Permit = Permit.AWAITED
    pin_asked_for: str = ""
    """The digest that `pin_permit` is about."""
    pins_tried: set[str] = field(default_factory=set)
    """Digests of PINs that were refused, or whose fate is unknown."""
    unanswered: str = ""
    """The command whose silence was the last trouble."""
    unanswerable: dict[str, int] = field(default_factory=dict)
    """How often in a row a command was left unanswered by this modem although it was well."""

    flight: Flight | None = None
    doubt: tuple[int, int] | None = None
    """Job and part whose late answer would still be recognised: no PDU has left since."""
    reads: deque[tuple[str, int]] = field(default_factory=deque)
    chores: set[Chore] = field(default_factory=set)
    reopen_at: float = 0.0
    reopen_wanted: bool = False
    unowned: list[StatusReport] = field(default_factory=list)
    """Reports that came before the SIM told who it is: a stick that kept its settings hands them over at once."""
    damaged_pdus: int = 0
    facts: list[Fact] = field(default_factory=list)

    @property
    def state(self) -> ModemState:
        """The state alone."""
        return self.standing.state

    def snapshot(self) -> ModemSnapshot:
        """Return everything known as one value."""
        standing = self.standing
        return ModemSnapshot(
            name=self.name,
            port=self.port,
            state=standing.state,
            reason=standing.reason,
            since=standing.since,
            manufacturer=self.manufacturer,
            model=self.model,
            revision=self.revision,
            imei=self.imei,
            sim=self.sim,
            operator=self.operator,
            registration=self.registration,
            signal_dbm=self.signal_dbm,
            reports=self.reports,
            failures=self.failures,
        )

    def become(self, state: ModemState, reason: str = "", ending: Ending | None = None) -> None:
        """Move to a state and tell it. A job at hand ends when the new state is not one that sends.

        It ends as `ending` says; without one, as what is known of its PDU: not sent, or in doubt.
        """
        old = self.standing
        if old.state is state and old.reason == reason:
            return
        check_move(old.state, state)
        since = old.since if old.state is state else self.now
        self.standing = Standing(state, reason, since)
        self.tell_change()
        if self.flight is not None and state not in (ModemState.READY, ModemState.SENDING):
            self.end(ending or self._ending_by_loss(reason))

    def fall_silent(self, reason: str) -> None:
        """Move to `silent`, unless it is there already: when it fell silent is what its probing is paced by."""
        if self.standing.state is not ModemState.SILENT:
            self.reopen_at = self.now + self.timings.reopen
            self.become(ModemState.SILENT, reason)

    def begin_sending(self) -> None:
        """Move to `sending`; not told, since the job's own facts tell it. How long it can send counts on."""
        check_move(self.standing.state, ModemState.SENDING)
        self.standing = Standing(ModemState.SENDING, "", self.standing.since)

    def done_sending(self) -> None:
        """Move back to `ready`; not told either."""
        check_move(self.standing.state, ModemState.READY)
        self.standing = Standing(ModemState.READY, self.warning, self.standing.since)

    def _ending_by_loss(self, reason: str) -> Ending:
        lost = self.flight is not None and self.flight.in_air is not None
        return Ending(SubmitEnd.IN_DOUBT if lost else SubmitEnd.NOT_SENT, reason)

    def end(self, ending: Ending) -> None:
        """End the job at hand: tell it, and remember it if an answer may still come."""
        flight = self.flight
        if flight is None:
            return
        self.flight = None
        if ending.end is SubmitEnd.IN_DOUBT and flight.in_air is not None:
            self.doubt = (flight.job.number, flight.in_air)
        self.facts.append(
            SubmitEnded(
                self.name,
                self.sim,
                flight.job.number,
                ending.end,
                ending.reason,
                ending.verdict,
                flight.parts_sent,
            )
        )

    def refuse(self, job: Job, reason: str) -> None:
        """End a job that never began."""
        self.facts.append(SubmitEnded(self.name, self.sim, job.number, SubmitEnd.NOT_SENT, reason))

    def part_submitted(self, flight: Flight, part: int, tp_mr: int) -> None:
        """The network took a part."""
        flight.in_air = None
        flight.parts_sent = part + 1
        self.facts.append(
            PartSubmitted(self.name, self.sim, flight.job.number, part, tp_mr, flight.wire_at, self.now)
        )

    def late_answer(self, tp_mr: int) -> None:
        """A `+CMGS` came that no command waits for: it can only be of the part in doubt, if there is one."""
        if self.flight is not None and self.flight.in_air is not None:
            self.flight.late_tp_mr = tp_mr
        elif self.doubt is not None:
            job, part = self.doubt
            self.doubt = None
            self.facts.append(LateAnswer(self.name, self.sim, job, part, tp_mr))

    def report(self, report: StatusReport) -> None:
        """Tell a status report; one that comes before the SIM told who it is waits for that.

        A modem that was ready without telling its SIM will not tell it any more.
        """
        if self.sim or self.settled:
            self.facts.append(ReportArrived(self.name, self.sim, report))
        elif len(self.unowned) < MOST_UNOWNED:
            self.unowned.append(report)

    def identify(self, sim: str) -> None:
        """The SIM told who it is: the reports that waited for that are its."""
        self.sim = sim
        waiting, self.unowned = self.unowned, []
        for report in waiting:
            self.report(report)

    def tell_change(self) -> None:
        """Tell the modem as it is now."""
        self.facts.append(ModemChanged(self.snapshot()))

    def may_delete(self, token: int) -> None:
        """What a fact with this token told is on record."""

    def has_chores(self) -> bool:
        """Whether a ready modem has something to do."""
        return self.flight is not None or bool(self.chores) or bool(self.reads)

    def announce(self, store: str, index: int) -> None:
        """A report lies in a store."""
        if len(self.reads) < MOST_READS:
            self.reads.append((store, index))
        else:
            self.chores.add(Chore.LOOK)

    def air(self) -> tuple[str, str, int | None]:
        """What the modem knows of its network."""
        return self.registration, self.operator, self.signal_dbm

    def card(self) -> str:
        """What a PIN is counted against: the SIM, or the modem while the SIM does not tell who it is."""
        return self.sim or self.imei

    def forget_port(self) -> None:
        """The port is gone: what comes back may have restarted, with another SIM."""
        self.settled = False
        self.sim = ""
        self.doubt = None
        self.chores.clear()
        self.reads.clear()
        self.prompt = PromptTrust.GOOD
        self.reopen_wanted = False
        self.store = ""
        self.unanswered = ""
        self.unanswerable.clear()


def pin_digest(card: str, pin: str) -> str:
    """Return what stands for this PIN on this card where it is recorded that it was tried."""
    return blake2b(pin.encode(), digest_size=8, key=card.encode()[:64]).hexdigest()
