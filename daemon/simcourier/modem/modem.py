"""Everything a session knows of its modem: what the procedures read, change and tell."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from hashlib import blake2b
from typing import NamedTuple

from simcourier.at.quirks import UNKNOWN, Quirks
from simcourier.modem.duties import Announced, Chore, Ending, Flight, LinkMode, Permit, PromptTrust, Sort
from simcourier.modem.facts import (
    Fact,
    Fault,
    FaultSeen,
    Job,
    LateAnswer,
    MessageArrived,
    ModemChanged,
    ModemSnapshot,
    ModemState,
    PartSubmitted,
    Recovered,
    ReportArrived,
    ReportRoute,
    Rung,
    SubmitEnd,
    SubmitEnded,
)
from simcourier.modem.ladder import Bout
from simcourier.modem.muteness import Muteness
from simcourier.modem.states import check_move
from simcourier.modem.stock import Stock
from simcourier.modem.talk import Conversation
from simcourier.modem.timings import Timings
from simcourier.sms.deliver import Deliver
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


class PinEntered(NamedTuple):
    """A PIN that was entered, until the card shows whether it was right: no digest, no PIN."""

    card: str
    digests: frozenset[str]
    digest: str
    at: float


NONE_ENTERED = PinEntered("", frozenset(), "", -1e9)
_NEVER_SEEN = Standing(ModemState.ABSENT, "", 0.0)
_UNHURRIED = 0.05


_KEPT = frozenset(
    {
        "stock",
        "pin",
        "pins",
        "roaming",
        "inbound",
        "reset",
        "now",
        "standing",
        "device",
        "pins_tried",
        "facts",
    }
)
"""What is set from outside, or must outlive `Modem.forget_everything`."""


@dataclass(slots=True)
class Modem:
    """One modem as its session knows it; `now` is the time of the step under way."""

    name: str
    port: str
    timings: Timings
    pin: str | None = field(default=None, repr=False)
    pins: Mapping[str, str] = field(default_factory=dict, repr=False)
    """PINs by the ICCID of their card, ahead of `pin`."""
    roaming: bool = True
    """Whether the SIM may send while it roams."""
    inbound: bool = True
    """Whether what people write is read and deleted; where not, it stays in the stores."""
    reset: bool = True
    """Whether AT+CFUN=1,1 may be used to bring the modem back."""
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
    bout: Bout | None = None
    """The trouble it is in, until it is ready again."""
    refused: set[bytes] = field(default_factory=set)
    """Messages refused in a row for causes that lie with SIM or modem; one that is tried again is the same."""
    reset_after: float = 0.0
    reset_pause: float = 0.0
    """When, and how long after that, refusals alone may have it restarted again."""
    had_sim: bool = False
    """A SIM told who it is since the port appeared."""
    registered_by: str = ""
    """CREG, CEREG or CGREG, whichever showed that it is registered; what others say of themselves is of no interest."""
    offline: bool = False
    """The modem said that it lost its network, and that was not looked into yet."""
    link: LinkMode = LinkMode.USUAL
    sent_at: float = 0.0
    """When the last job was over."""
    checked_at: float = -1e9
    warning: str = ""
    store_warning: str = ""
    """Which store is full of what stays there."""
    device: str = ""
    """The USB device of the port, as the radio found it: 1-2.3."""
    quirks: Quirks = UNKNOWN
    sim_seen: tuple[str, str] = ("", "")
    """IMEI and the SIM that was last in there, also while there is none."""
    network: str = ""
    """The home network of `sim`, out of its IMSI."""
    number: str = ""
    """The number of `sim`, where it tells one."""
    number_of: str = ""
    """The SIM that was asked for its number."""
    rates: deque[int] = field(default_factory=deque)
    """At which rates to look for it on a serial line, the one in use first; none: its port has no rate."""
    rate_wanted: int = 0
    """The rate that the radio is to set the port to, once."""

    settled: bool = False
    """It was ready once since the port appeared, so a short check shows whether its settings still hold."""
    sim_command: str = ""
    cnmi: tuple[int, ...] = ()
    csms: int = 0
    memories: tuple[tuple[str, ...], ...] = ()
    store: str = ""
    """mem1 as it was last set."""
    store_at: float = -1e9
    """When that was."""
    looked_at: float = -1e9
    """When the stores were last looked through."""
    usual_store: str = ""
    prompt: PromptTrust = PromptTrust.GOOD
    tells_pin_state: bool = False
    """It said of this or an earlier SIM that it is ready; some modems never say."""
    pin_permit: Permit = Permit.AWAITED
    pin_asked_for: str = ""
    """The digest that `pin_permit` is about."""
    pin_entered: PinEntered = NONE_ENTERED
    pins_tried: set[str] = field(default_factory=set)
    """Digests of PINs that were refused, or whose fate is unknown."""
    unanswered: str = ""
    """The command whose silence was the last trouble."""
    muteness: Muteness = field(default_factory=Muteness)

    flight: Flight | None = None
    doubt: tuple[int, int] | None = None
    """Job and part whose late answer would still be recognised: no PDU has left since."""
    reads: deque[Announced] = field(default_factory=deque)
    stock: Stock = field(default_factory=Stock)
    stock_of: str = ""
    """The SIM whose messages are in there."""
    full_stores: set[str] = field(default_factory=set)
    ussd: Conversation = field(default_factory=Conversation)
    told_at: dict[Fault, float] = field(default_factory=dict)
    """When faults that may come by the thousand were told."""
    chores: set[Chore] = field(default_factory=set)
    reopen_at: float = 0.0
    rescue_wanted: Rung | None = None
    """What the radio is to do with the port or its USB device, once; REOPEN, REAUTHORISE or POWER."""
    in_hand: int = 0
    """The token of what was handed over last and is not acknowledged: that follows when it is on record."""
    unowned: list[tuple[StatusReport | Deliver, int]] = field(default_factory=list)
    """What came, with its token, before the SIM told who it is: a stick that kept its settings does that at once."""
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
            network=self.network,
            number=self.number,
            quirks=self.quirks.name,
            device=self.device,
        )

    def become(self, state: ModemState, reason: str = "", ending: Ending | None = None) -> None:
        """Move to a state and tell it. A job at hand ends when the new state is not one that sends.

        It ends as `ending` says; without one, as what is known of its PDU: not sent, or in doubt.
        """
        old = self.standing
        if old.state is state and old.reason == reason:
            return
        check_move(old.state, state)
        self._notice_loss(state, reason)
        since = old.since if old.state is state else self.now
        self.standing = Standing(state, reason, since)
        self.tell_change()
        if state is ModemState.READY:
            self._recovered()
        elif self.flight is not None and state is not ModemState.SENDING:
            self.end(ending or self._ending_by_loss(reason))

    def _notice_loss(self, state: ModemState, reason: str) -> None:
        """A SIM that is missing after it was there is lost; so is a network, unless a start leads through that."""
        if state is ModemState.SIM_MISSING and self.had_sim:
            self.ail(Fault.SIM_LOST, reason)
        elif state in (ModemState.SEARCHING, ModemState.BARRED) and self.settled and self.bout is None:
            self.ail(Fault.NETWORK_LOST, reason)

    def fall_silent(self, reason: str, fault: Fault = Fault.SILENT) -> None:
        """Move to `silent`, unless it is there already: when it fell silent is what its probing is paced by."""
        if self.standing.state is not ModemState.SILENT:
            self.reopen_at = self.now + self.timings.reopen
            self.ail(fault, reason)
            self.become(ModemState.SILENT, reason)

    def tell_fault(self, fault: Fault, detail: str) -> None:
        """Tell that something went wrong; the modem may be as ready as before."""
        self.facts.append(FaultSeen(self.name, fault, detail, self.now))

    def tell_now_and_then(self, fault: Fault, detail: str) -> None:
        """Tell a fault that may come by the thousand: once in a while."""
        if self.now - self.told_at.get(fault, -self.timings.calm) >= self.timings.calm:
            self.told_at[fault] = self.now
            self.tell_fault(fault, detail)

    def ail(self, fault: Fault, detail: str) -> Bout:
        """Tell a fault that keeps the modem from sending, once until it is ready again; return the bout."""
        bout = self.bout = self.bout or Bout(fault, self.now)
        if fault not in bout.told:
            bout.told.add(fault)
            self.tell_fault(fault, detail)
        return bout

    def _recovered(self) -> None:
        bout, self.bout = self.bout, None
        if bout is not None:
            self.facts.append(Recovered(self.name, bout.fault, bout.highest, self.now - bout.began))

    def begin_sending(self) -> None:
        """Move to `sending`; not told, since the job's own facts tell it. How long it can send counts on."""
        check_move(self.standing.state, ModemState.SENDING)
        self.standing = Standing(ModemState.SENDING, "", self.standing.since)

    def done_sending(self) -> None:
        """Move back to `ready`; not told either."""
        check_move(self.standing.state, ModemState.READY)
        self.sent_at = self.now
        self.standing = Standing(ModemState.READY, self.remark(), self.standing.since)

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

    def report(self, report: StatusReport, token: int = 0) -> None:
        """Tell a status report; one that comes before the SIM told who it is waits for that.

        A modem that was ready without telling its SIM will not tell it any more.
        """
        if self.sim or self.settled:
            self.facts.append(ReportArrived(self.name, self.sim, report, token, 0 < token == self.in_hand))
        elif len(self.unowned) < MOST_UNOWNED:
            self.unowned.append((report, token))
        else:
            self.recorded(token)

    def message(self, message: Deliver, token: int = 0) -> None:
        """Tell what somebody wrote to the SIM; it waits for the SIM as a report does."""
        if self.sim or self.settled:
            self.facts.append(MessageArrived(self.name, self.sim, message, token))
        elif len(self.unowned) < MOST_UNOWNED:
            self.unowned.append((message, token))
        else:
            self.recorded(token)

    def identify(self, sim: str) -> None:
        """The SIM told who it is: what waited for that is its. What lay on another SIM is forgotten."""
        if sim != self.stock_of:
            self.stock_of = sim
            self.stock.clear()
        if self.ussd.owed_by not in ("", sim):
            self.ussd.forget()
        self.had_sim = self.had_sim or bool(sim)
        self.sim = sim
        waiting, self.unowned = self.unowned, []
        for message, token in waiting:
            if isinstance(message, StatusReport):
                self.report(message, token)
            else:
                self.message(message, token)

    @property
    def pause(self) -> float:
        """Seconds that it wants between an answer and the next command, as far as it told what it is or shows it."""
        return self.quirks.pause or (_UNHURRIED if self.muteness.hurried and self.quirks is UNKNOWN else 0.0)

    def remark(self) -> str:
        """What an admin should know of a modem that is ready."""
        if self.warning and self.store_warning:
            return f"{self.warning}; {self.store_warning}"
        return self.warning or self.store_warning

    def may_reset(self) -> bool:
        """Whether there is a command that starts it anew, and it may be used."""
        return self.reset and bool(self.quirks.reset)

    def want(self, rung: Rung) -> None:
        """Have the radio take a step for this modem."""
        if self.bout is not None:
            self.bout.take(rung, self.now)
        self.rescue_wanted = rung
        if rung in (Rung.REAUTHORISE, Rung.POWER):
            self.settled = False
        self.reopen_at = self.now + self.timings.reopen

    def tell_change(self) -> None:
        """Tell the modem as it is now."""
        self.facts.append(ModemChanged(self.snapshot()))

    def take_in_hand(self) -> int:
        """Something was handed over whose acknowledgement has to wait; return its token."""
        self.in_hand = self.stock.next_token(self.now)
        return self.in_hand

    def recorded(self, token: int) -> None:
        """What a fact with this token told is on record: delete or acknowledge it when there is time."""
        if self.stock.recorded(token):
            self.chores.add(Chore.DELETE)
        elif token and token == self.in_hand:
            self.in_hand = 0
            self.chores.add(Chore.ACKNOWLEDGE)

    def has_selected(self, store: str) -> bool:
        """Whether this store was selected just now, and nothing can have come between."""
        return store == self.store and self.now - self.store_at <= self.timings.store_trusted

    def may_hold_unread(self) -> bool:
        """Whether it is time to look for what lies in the stores without a notice that reached us."""
        expected = self.inbound or self.reports is ReportRoute.STORED or bool(self.full_stores)
        return expected and self.now - self.looked_at >= self.timings.look_again

    def warn_of_stores(self) -> None:
        """Say which stores are full, while they are."""
        full = [store for store in sorted(self.full_stores) if not self.stock.leaving(store)]
        why = "which it does not delete" if self.inbound else "which stay there: inbound.enabled is false"
        self.store_warning = f"{' and '.join(full)} full of messages, {why}" if full else ""

    def has_chores(self) -> bool:
        """Whether a ready modem has something to do."""
        return self.flight is not None or bool(self.chores) or bool(self.reads)

    def announce(self, store: str, index: int, sort: Sort = Sort.REPORT) -> None:
        """A message lies in a store."""
        if len(self.reads) < MOST_READS:
            self.reads.append(Announced(store, index, sort))
        else:
            self.chores.add(Chore.LOOK)

    def air(self) -> tuple[str, str, int | None]:
        """What the modem knows of its network."""
        return self.registration, self.operator, self.signal_dbm

    def card(self) -> str:
        """What a PIN is counted against: the SIM, or the modem while the SIM does not tell who it is."""
        return self.sim or self.imei

    def forget_everything(self) -> None:
        """Begin as with a modem that was never seen; its port is closed. Which PINs were tried is remembered."""
        for each in fields(self):
            if each.name in _KEPT:
                continue
            if each.default_factory is not MISSING:
                setattr(self, each.name, each.default_factory())
            elif each.default is not MISSING:
                setattr(self, each.name, each.default)

    def forget_port(self) -> None:
        """The port is gone: what comes back may have restarted, with another SIM."""
        self.settled = False
        self.sim = ""
        self.pin_entered = NONE_ENTERED
        self.had_sim = False
        self.doubt = None
        self.stock.clear()
        self.stock_of = ""
        self.in_hand = 0
        self.full_stores.clear()
        self.store_warning = ""
        self.ussd.open = False
        self.refused.clear()
        self.link = LinkMode.USUAL
        self.chores.clear()
        self.reads.clear()
        if self.bout is None:
            self.prompt = PromptTrust.GOOD
        self.rescue_wanted = None
        self.rates.clear()
        self.rate_wanted = 0
        self.store = ""
        self.store_at = -1e9
        self.unanswered = ""
        self.muteness.clear()


def pin_digest(card: str, pin: str) -> str:
    """Return what stands for this PIN on this card where it is recorded that it was tried."""
    return blake2b(pin.encode(), digest_size=8, key=card.encode()[:64]).hexdigest()
