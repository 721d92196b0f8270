"""What sets one make of modem apart from another, as data: identity, stores, forms of answers, and where it lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class BootLine:
    """A line said `at_s` seconds after the modem begins to talk; `needs_sim`: only when the SIM is ready by then."""

    at_s: float
    text: str
    needs_sim: bool = False


@dataclass(frozen=True, slots=True)
class Chatter:
    """Lines said in turn, one every `every_s` seconds, until the command `until` has been given."""

    lines: tuple[str, ...]
    every_s: float
    until: str = ""


@dataclass(frozen=True, slots=True)
class Busy:
    """For `for_s` seconds after the start the commands that begin so end with `answer`."""

    for_s: float
    answer: str
    commands: tuple[str, ...]


_SMS_COMMANDS = ("+CMGF", "+CNMI", "+CPMS", "+CSMS", "+CSMP", "+CMGS", "+CMGR", "+CMGL", "+CMGD")
AFTER_SIM = (*_SMS_COMMANDS, "+CSCA", "+CPIN", "+CIMI")


def sms_busy(for_s: float, answer: str) -> Busy:
    """The commands of TS 27.005 are refused for so long after the start."""
    return Busy(for_s, answer, _SMS_COMMANDS)


@dataclass(frozen=True, slots=True)
class Profile:
    """One make of modem; the defaults are the standard's.

    Errors are written as scenarios write them: `CMS 500`, `CME 14`, or the line itself.
    """

    name: str
    manufacturer: str
    model: str
    # Several lines where the make says several.
    revision: str
    ati: tuple[str, ...] = (
        "Manufacturer: {manufacturer}",
        "Model: {model}",
        "Revision: {revision}",
        "IMEI: {imei}",
        "+GCAP: +CGSM",
    )
    # Answers by command, "+CPMS?" or '+CPMS="MT"' or "+CMMS=" for any value: lines, the last one the result code;
    # "" is no answer at all. {imei}, {iccid}, {number}, {cpin}, {pin_tries} and {puk_tries} are filled in.
    says: Mapping[str, str] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    unknown_answer: str = "ERROR"
    # Commands whose answer lacks the final result code.
    unfinished: frozenset[str] = frozenset()

    # The line.
    prompt: str = "\r\n> "
    # What stands before a final result code beside the usual line end.
    final_gap: str = ""
    # Commands whose lines of answer have one carriage return too many.
    stuttering: frozenset[str] = frozenset()
    command_limit: int = 1024
    # Octets that come sooner after an answer are lost.
    pause_s: float = 0.0
    # The first command after power-on is lost: the modem finds the speed by it.
    loses_first: bool = False

    # After power-on.
    boot_lines: tuple[BootLine, ...] = ()
    busy: tuple[Busy, ...] = ()
    needs_cpin_asked: bool = False
    chatter: tuple[Chatter, ...] = ()

    # SIM and network.
    sim_gone: tuple[str, ...] = ()
    sim_back: tuple[str, ...] = ()
    creg_modes: tuple[int, ...] = (0, 1, 2, 3)
    # "short" leaves the access technology out, "bare" leaves quotes and technology out.
    creg_form: Literal["standard", "short", "bare"] = "standard"
    ceer: str = "+CEER: {words}"
    cnum: Literal["number", "none"] = "number"
    character_sets: tuple[str, ...] = ("GSM", "IRA", "UCS2")
    ussd: Literal["plain", "ucs2", "packed"] = "plain"

    # Messages. `cnmi`: what mode, mt, bm, ds and bfr may be; of these `cnmi_refused` (place, value) fail when set.
    cnmi: tuple[tuple[int, ...], ...] = ((0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1))
    cnmi_listed: str = ""
    cnmi_refused: frozenset[tuple[int, int]] = frozenset()
    cnmi_default: tuple[int, ...] = (0, 0, 0, 0, 0)
    cnmi_error: str = "CMS 303"
    # AT+CNMI= without a value sets all back to 0.
    cnmi_empty_resets: bool = False
    # Direct routing (mt 2 and 3, ds 1) is refused while AT+CSMS=0.
    direct_needs_csms: bool = False
    csms: tuple[int, ...] = (0, 1)
    # "asked": while AT+CSMS=1; "broken": each direct report wants AT+CNMA and refuses it.
    cnma: Literal["asked", "broken"] = "asked"
    csmp_clears_smsc: bool = False
    smsc_lost_by_reset: bool = False
    # `stores`: what mem1, mem2 and mem3 may be; `cpms_arguments`: how many of them AT+CPMS= takes.
    stores: tuple[tuple[str, ...], ...] = (("ME", "SM", "SR"), ("ME", "SM"), ("ME", "SM"))
    cpms_listed: str = ""
    cpms_arguments: tuple[int, ...] = (1, 2, 3)
    first_index: int = 1
    # Where stored reports go, and what +CDSI says instead of the truth.
    report_store: str = "SR"
    report_announced: str = ""
    # A report that lies there unread is announced between the echo of AT+CPMS= and its answer.
    interrupts_cpms: bool = False
    # AT+CMGR of an empty place is OK without a message.
    reads_nothing: bool = False
    # AT+CMGL shows nothing of the reports' store, and AT+CMGD=n,flag fails there.
    reports_unlisted: bool = False
    cds: str = "+CDS: "
    full: str = ""
    # What a PDU longer than any message does: an error, or a modem that hangs for ever.
    hangs_on_long_pdu: bool = False
    # A text in UCS-2 with more octets of user data than this leaves the prompt open until ESC.
    ucs2_limit: int = 140

    has_oddities: bool = field(init=False)

    def __post_init__(self) -> None:
        odd = bool(self.says or self.unknown or self.busy or self.unfinished or self.needs_cpin_asked)
        object.__setattr__(self, "has_oddities", odd)


STANDARD = Profile(name="standard", manufacturer="simcourier", model="Virtual Modem", revision="1.0")
