"""What a modem session is asked to do, and what it tells: plain values, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from simcourier.sms.causes import Verdict
from simcourier.sms.deliver import Deliver
from simcourier.sms.report import StatusReport
from simcourier.sms.submit import SubmitPdu


class ModemState(StrEnum):
    """Where a modem stands between unplugged and sending (daemon/DESIGN.md, "States")."""

    ABSENT = "absent"
    OPENING = "opening"
    PROBING = "probing"
    SIM_MISSING = "sim-missing"
    SIM_LOCKED = "sim-locked"
    INITIALISING = "initialising"
    SEARCHING = "searching"
    READY = "ready"
    SENDING = "sending"
    RESYNC = "resync"
    SILENT = "silent"
    BARRED = "barred"


class ReportRoute(StrEnum):
    """How status reports come from this modem: as `+CDS`, as `+CDSI` and a read, or never."""

    DIRECT = "direct"
    STORED = "stored"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ModemSnapshot:
    """Everything known of one modem at one moment; `since` is monotonic seconds."""

    name: str
    port: str
    state: ModemState
    reason: str
    since: float
    manufacturer: str = ""
    model: str = ""
    revision: str = ""
    imei: str = ""
    sim: str = ""
    """ICCID, or IMSI where the modem tells no ICCID: the identity that reports are matched on."""
    operator: str = ""
    registration: str = ""
    signal_dbm: int | None = None
    reports: ReportRoute = ReportRoute.NONE
    failures: int = 0
    """Recoveries begun since the modem last finished a submit."""
    network: str = ""
    """Mobile country and network code of the SIM's home operator, out of the IMSI: 23415, 310410."""
    number: str = ""
    """The SIM's own number where it knows one (AT+CNUM), or an admin configured it."""
    device: str = ""
    """The USB device that the port belongs to, as the kernel names it: 1-2.3. It tells the place, not the stick."""
    quirks: str = ""
    """By which name `at.quirks` knows this make."""


class Fault(StrEnum):
    """What can go wrong with a modem, as it is counted and shown."""

    SILENT = "silent"
    """No answer to an ordinary command."""
    NO_PROMPT = "no-prompt"
    SILENT_AFTER_PDU = "silent-after-pdu"
    """No answer to a Ctrl-Z, and none to `AT` either."""
    LOST_SUBMIT = "lost-submit"
    """The modem answers `AT` again and has lost the message."""
    OUT_OF_STEP = "out-of-step"
    """Answers or prompts that belong to nobody."""
    FLOOD = "flood"
    """More unsolicited lines than anything useful has."""
    NOISE = "noise"
    """Bytes that no modem says."""
    PORT_LOST = "port-lost"
    PORT_STALLED = "port-stalled"
    """The port takes no bytes."""
    SIM_LOST = "sim-lost"
    SIM_CHANGED = "sim-changed"
    NETWORK_LOST = "network-lost"
    RESTARTED = "restarted"
    """The modem started anew by itself."""
    STORE_FULL = "store-full"
    TWIN = "twin"
    """Another modem has the same IMEI."""
    REFUSED_MESSAGE = "refused-message"
    REFUSED_SIM = "refused-sim"
    REFUSED_NETWORK = "refused-network"
    REFUSED_MODEM = "refused-modem"
    """A submit was refused for a cause that lies with the message, SIM, network or modem (`sms.causes`)."""


class Rung(StrEnum):
    """The ladder of recovery: each step is tried where the one before it did not help."""

    PROBE = "probe"
    """ESC, silence, `AT` until a lone OK."""
    RESET = "reset"
    """AT+CFUN=1,1."""
    REOPEN = "reopen"
    """Close the port and open it anew."""
    REAUTHORISE = "reauthorise"
    """Take the USB device's authorisation away and give it back: the kernel forgets it and finds it anew."""
    POWER = "power"
    """Switch the power of the hub's port off and on (uhubctl)."""


@dataclass(frozen=True, slots=True)
class Job:
    """One message to submit: its TPDUs in order, each leaving only while `deadline` has not passed.

    `deadline` is monotonic seconds. `patience` is how long, in seconds, the answer to a Ctrl-Z may take
    before the submit counts as in doubt. No Ctrl-Z leaves before the job was permitted (its `sending` is on disk).
    """

    number: int
    parts: tuple[SubmitPdu, ...]
    deadline: float
    patience: float = 60.0
    more_follow: bool = False
    """Others wait behind it: the radio link is worth keeping open (AT+CMMS)."""


class SubmitEnd(StrEnum):
    """How a job ended, by what may have left the box."""

    SENT = "sent"
    """Every part has its TP-MR."""
    NOT_SENT = "not-sent"
    """Refused by modem or network, or failed before Ctrl-Z: the part in question is not on the air."""
    IN_DOUBT = "in-doubt"
    """Silence or loss between Ctrl-Z and the final result: nobody can say."""
    EXPIRED = "expired"
    """The deadline passed before Ctrl-Z; nothing left."""
    WITHDRAWN = "withdrawn"
    """The permit was refused before Ctrl-Z; nothing left."""


@dataclass(frozen=True, slots=True)
class ModemChanged:
    """A modem's state, identity, operator or signal is new."""

    snapshot: ModemSnapshot


@dataclass(frozen=True, slots=True)
class PartSubmitted:
    """The network took part `part` (from 0) of a job and the modem told its TP-MR.

    `wire_at` is when Ctrl-Z was handed to the port, `taken_at` when `+CMGS` came back, in monotonic seconds.
    """

    modem: str
    sim: str
    job: int
    part: int
    tp_mr: int
    wire_at: float = 0.0
    taken_at: float = 0.0


@dataclass(frozen=True, slots=True)
class SubmitEnded:
    """A job is over for this modem. `parts_sent` parts got a TP-MR; `reason` says what was seen."""

    modem: str
    sim: str
    job: int
    end: SubmitEnd
    reason: str = ""
    verdict: Verdict | None = None
    parts_sent: int = 0


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """A `+CMGS: <mr>` that came after its job was given up as in doubt, and can be of no other job."""

    modem: str
    sim: str
    job: int
    part: int
    tp_mr: int


@dataclass(frozen=True, slots=True)
class ReportArrived:
    """An SMS-STATUS-REPORT, direct or read from storage.

    One that was read stays in the modem's store until `Radio.stored(modem, token)`, and one that was handed over under
    CSMS=1 with the network; 0: nobody waits for that.
    """

    modem: str
    sim: str
    report: StatusReport
    token: int = 0
    is_handed_over: bool = False
    """Under CSMS=1: the modem tells no other until this one is acknowledged."""


@dataclass(frozen=True, slots=True)
class MessageArrived:
    """A message, or a segment of one, that somebody sent to the SIM; the modem keeps it as it does a report."""

    modem: str
    sim: str
    message: Deliver
    token: int = 0


class UssdEnd(StrEnum):
    """How a USSD request ended (27.007 section 7.15, `<m>` of `+CUSD`)."""

    DONE = "done"
    """The network answered and expects nothing more."""
    ASKS = "asks"
    """The network answered and would take a reply; the session was ended."""
    REFUSED = "refused"
    """An error, "not supported" or "terminated by the network"."""
    SILENT = "silent"
    """No answer came in time."""
    BUSY = "busy"
    """It was not asked: the answer to another request is still awaited."""


@dataclass(frozen=True, slots=True)
class UssdEnded:
    """The answer to `Radio.ussd`: the network's text, or in `text` why there is none."""

    modem: str
    sim: str
    request: int
    end: UssdEnd
    text: str = ""


@dataclass(frozen=True, slots=True)
class FaultSeen:
    """Something went wrong, at `at` (monotonic seconds); `detail` is for an admin."""

    modem: str
    fault: Fault
    detail: str
    at: float


@dataclass(frozen=True, slots=True)
class Recovered:
    """The modem is ready again, `seconds` after `fault`; `rung` is the highest step that was taken."""

    modem: str
    fault: Fault
    rung: Rung
    seconds: float


@dataclass(frozen=True, slots=True)
class PinWanted:
    """The card asks for exactly `SIM PIN`: may this PIN be tried on this card (once, ever)?

    `card` is the ICCID, or the IMEI where the locked modem tells no ICCID. Answered by `Radio.allow_pin`.
    """

    modem: str
    card: str
    pin_digest: str


@dataclass(frozen=True, slots=True)
class PinJudged:
    """The card took the PIN or refused it."""

    modem: str
    card: str
    pin_digest: str
    accepted: bool


Fact = (
    ModemChanged
    | PartSubmitted
    | SubmitEnded
    | LateAnswer
    | ReportArrived
    | PinWanted
    | PinJudged
    | MessageArrived
    | UssdEnded
    | FaultSeen
    | Recovered
)
