"""What a modem session is asked to do, and what it tells: plain values, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from simcourier.sms.causes import Verdict
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
    """An SMS-STATUS-REPORT, direct or read from storage."""

    modem: str
    sim: str
    report: StatusReport


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


Fact = ModemChanged | PartSubmitted | SubmitEnded | LateAnswer | ReportArrived | PinWanted | PinJudged
