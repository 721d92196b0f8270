"""What a modem has at hand: a job, chores, what was announced, and the decisions that these wait for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from simcourier.modem.facts import Job, SubmitEnd
from simcourier.sms.causes import Verdict


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


class LinkMode(StrEnum):
    """Whether the radio link is kept open between messages (AT+CMMS)."""

    USUAL = "usual"
    """Each message has its own."""
    KEPT = "kept"
    REFUSED = "refused"
    """The modem has no such command."""


class Chore(StrEnum):
    """What a ready modem may have to do besides sending."""

    CHECK = "check"
    """Something said that the modem may have restarted or lost its SIM, or that the dialogue is out of step."""
    ACKNOWLEDGE = "acknowledge"
    """A message that was handed over under CSMS=1 is on record: `AT+CNMA` is due."""
    LOOK = "look"
    """Read whatever reports are in the stores."""
    DELETE = "delete"
    """Delete from the stores what is on record."""
    USSD = "ussd"
    """Say what is due in the USSD session."""
    RESTART = "restart"
    """The modem answers and is of no use."""
    POLL = "poll"
    """Ask for registration, operator and signal."""


class Sort(StrEnum):
    """What a stored message is."""

    REPORT = "report"
    MESSAGE = "message"
    UNREADABLE = "unreadable"


class Announced(NamedTuple):
    """Where the modem says that a message lies, and what it says that it is."""

    store: str
    cell: int
    sort: Sort = Sort.REPORT


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
