"""Values out of information responses and unsolicited result codes (TS 27.007 sections 7-8, TS 27.005 section 3).

Each function takes lines as modems really write them (MODEMS.md section 2) and returns None, or an empty value,
for what it can't read; none raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import pairwise

_RANGE = re.compile(r"(\d{1,3})\s*-\s*(\d{1,3})|(\d{1,3})")
_GROUP = re.compile(r"\(([^()]*)\)")
_MEMORY = re.compile(r"[A-Za-z]{2}(?:_[A-Za-z])?")
_STORED_AT = re.compile(r'"?([A-Za-z]{2}(?:_[A-Za-z])?)"?\s*,\s*(\d{1,5})')
_REFERENCE = re.compile(r"\+CMGS ?:\D*(\d{1,3})(?!\d)", re.IGNORECASE)
_IDENTITY_NUMBER = re.compile(r"(?<!\d)\d{14,22}(?:[Ff]\d?)?(?!\d)")
_CODE = re.compile(r"\+CM([ES]) ?ERROR ?:? ?(.+)$", re.IGNORECASE)
_HEX = re.compile(r"[0-9A-Fa-f]+")
_UCS2 = re.compile(r"(?:[0-9A-Fa-f]{4})+")
_E164 = re.compile(r"\+[1-9]\d{4,14}")
_DIGITS = re.compile(r"\d{4,}")

# A SIM that has just started: 27.007 section 9.2, 27.005 section 3.2.5, and Wavecom's 512 and 515 "please wait".
_SIM_STARTING = {("E", "14"), ("E", "515"), ("S", "314"), ("S", "512"), ("E", "SIM BUSY"), ("S", "SIM BUSY")}

_IDENTITY_LABELS = frozenset({"CGMI", "CGMM", "CGMR", "GMI", "GMM", "GMR", "REVISION"})

_REJECT_FIELDS = 7
_INTERNATIONAL = "145"
_BY_3GPP = "0"
"""27.007 section 7.2, `<cause_type>`: the cause is one of TS 24.008 or 24.301, not the manufacturer's."""

# What AT+CEER says while it has nothing to say.
_NO_FAILURE = re.compile(
    r"|no (?:cause|error|report|information).*|normal.*|none|unknown|0+|unspecified", re.IGNORECASE
)

LONGEST_IDENTITY = 64


class Registration(StrEnum):
    """What the network thinks of the SIM (27.007 section 7.2, `<stat>`)."""

    NONE = "not searching"
    HOME = "home"
    SEARCHING = "searching"
    DENIED = "denied"
    UNKNOWN = "unknown"
    ROAMING = "roaming"


# 6 and 7 are "SMS only", 9 and 10 "CSFB not preferred": all that a sender of messages needs.
_STAT = {
    "0": Registration.NONE,
    "1": Registration.HOME,
    "2": Registration.SEARCHING,
    "3": Registration.DENIED,
    "4": Registration.UNKNOWN,
    "5": Registration.ROAMING,
    "6": Registration.HOME,
    "7": Registration.ROAMING,
    "9": Registration.HOME,
    "10": Registration.ROAMING,
}


def fields(line: str) -> list[str]:
    """Split what follows the colon at its commas and drop the quotes; a list in parentheses stays whole.

    There is always one field at least.
    """
    found = [""]
    depth = 0
    quoted = False
    for character in line.partition(":")[2]:
        if character == '"':
            quoted = not quoted
        elif character == "," and not quoted and depth <= 0:
            found.append("")
        else:
            depth += 0 if quoted else (character == "(") - (character == ")")
            found[-1] += character
    return [field.strip() for field in found]


def registration_asked(lines: Iterable[str]) -> Registration | None:
    """Read the answer to `AT+CREG?` or `AT+CEREG?`, even if an unsolicited `+CREG:` got among its lines.

    The answer is `n,stat[,...]`, or a lone `stat`; a second field in quotes or in hex shows the unsolicited form.
    """
    answer = None
    for line in lines:
        first, comma, rest = line.partition(":")[2].partition(",")
        stat = rest.partition(",")[0] if comma else first
        answer = _STAT.get(stat.strip()) or answer
    return answer


def registration_unasked(line: str) -> Registration | None:
    """Read an unsolicited `+CREG:` or `+CEREG:`: its first field is `stat`; None for what looks like an answer."""
    first, _, rest = line.partition(":")[2].partition(",")
    return None if rest.partition(",")[0].strip() in _STAT else _STAT.get(first.strip())


def reject_cause(lines: Iterable[str]) -> int | None:
    """Read why the network refused from `+CREG: 3,stat,[lac],[ci],[act],0,cause`; None where it did not."""
    for line in lines:
        values = fields(line)
        if len(values) >= _REJECT_FIELDS and values[-2] == _BY_3GPP and (cause := _number(values[-1])):
            return cause
    return None


def failure_report(lines: Iterable[str]) -> str:
    """Read what `+CEER:` says in words, without longer numbers; empty where it says nothing."""
    for line in lines:
        told = _printable(line.partition(":")[2].replace('"', ""))
        return "" if _NO_FAILURE.fullmatch(told) else _DIGITS.sub("...", told)
    return ""


def operator(lines: Iterable[str]) -> str:
    """Read the operator's name from `+COPS: mode,format,"name"[,act]`; empty without one."""
    for line in lines:
        values = fields(line)
        if len(values) >= 3:
            return _printable(_decoded(values[2]))
    return ""


def signal_dbm(lines: Iterable[str]) -> int | None:
    """Read `+CSQ: rssi,ber` as dBm (27.007 section 8.5; 100-191 is the scale some LTE modems use)."""
    for line in lines:
        rssi = _number(fields(line)[0])
        if rssi is not None and rssi <= 31:
            return 2 * rssi - 113
        if rssi is not None and 100 <= rssi <= 191:
            return rssi - 216
    return None


def cnmi_options(lines: Iterable[str]) -> tuple[frozenset[int], ...]:
    """Read `AT+CNMI=?`: the values each of the five fields may have; empty when it can't be read."""
    for line in lines:
        options = tuple(_numbers_in(field) for field in fields(line))
        if len(options) >= 4 and options[0]:
            return options
    return ()


def cnmi_values(lines: Iterable[str]) -> tuple[int, ...]:
    """Read `AT+CNMI?`; empty when the modem answered a bare OK or something else."""
    for line in lines:
        values = tuple(number for field in fields(line) if (number := _number(field)) is not None)
        if len(values) >= 4:
            return values
    return ()


def first_number(lines: Iterable[str]) -> int | None:
    """Read the first field of the first line as a number: `+CSMS: 0,1,1,1`, `+CMGF: 0`."""
    for line in lines:
        return _number(fields(line)[0])
    return None


def memories(lines: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Read `AT+CPMS=?`: the stores that may be mem1, mem2, mem3; one list counts for all where only one is told."""
    for line in lines:
        value = line.partition(":")[2]
        groups = _GROUP.findall(value) or [value]
        found = tuple(tuple(name.upper() for name in _MEMORY.findall(group)) for group in groups)
        if any(found):
            return found
    return ()


def messages_held(lines: Iterable[str]) -> tuple[int, int] | None:
    """Read used and total of mem1 from the answer to `AT+CPMS=...` or `AT+CPMS?`."""
    for line in lines:
        numbers = [number for field in fields(line)[:3] if (number := _number(field)) is not None]
        if len(numbers) >= 2:
            return numbers[0], numbers[1]
    return None


def message_reference(lines: Iterable[str]) -> int | None:
    """Read TP-MR from `+CMGS: mr[,ackpdu]`."""
    for line in lines:
        match = _REFERENCE.search(line)
        if match is not None and (reference := int(match[1])) <= 255:
            return reference
    return None


def stored_at(line: str) -> tuple[str, int] | None:
    """Read store and index from `+CDSI: "SR",12`; index 0 is a valid one."""
    match = _STORED_AT.search(line.partition(":")[2])
    return (match[1].upper(), int(match[2])) if match is not None else None


def stored_messages(lines: Sequence[str]) -> list[tuple[int | None, str]]:
    """Read index and PDU of each message from the answer to CMGL or CMGR; CMGR tells no index.

    Lengths in the headers are not looked at: modems leave them out or count them wrongly.
    """
    found = []
    for header, pdu in pairwise(lines):
        if header.startswith("+") and _HEX.fullmatch(pdu):
            index = _number(fields(header)[0]) if header.upper().startswith("+CMGL") else None
            found.append((index, pdu))
    return found


def pin_state(lines: Iterable[str]) -> str:
    """Read `+CPIN: READY`, `SIM PIN` and so on, in upper case; empty without one."""
    for line in lines:
        return _printable(fields(line)[0]).upper()
    return ""


def tries_left(lines: Iterable[str], wanted: str) -> int | None:
    """Read how often `SIM PIN` or `SIM PUK` may still be tried.

    `+CPINR: SIM PIN,3,3` and `^CPIN: SIM PIN,3,10,3,10,3` name it; `+SPIC: 3,10,3,10`, `+QPINC: "SC",3,10` and
    `+ZPINPUK: 3,10` tell PIN and then PUK, `#PCT: 3` and `^SPIC: 3` the one that is asked for.
    """
    for line in lines:
        values = fields(line)
        if values[0].upper() in (wanted, "SC") or values[0].isdigit():
            numbers = [number for value in values if (number := _number(value)) is not None]
            place = 1 if wanted == "SIM PUK" and values[0].upper() != wanted and len(numbers) > 1 else 0
            return numbers[place] if numbers else None
    return None


def own_number(lines: Iterable[str]) -> str:
    """Read the SIM's number from `+CNUM: [name],"number",type`, as +447700900001; empty where it is none.

    A number without its country could be anybody's and counts as none.
    """
    for line in lines:
        _, number, type_of_number, *_ = [*fields(line), "", ""]
        number = _decoded(number)
        if type_of_number == _INTERNATIONAL and not number.startswith("+"):
            number = "+" + number
        if _E164.fullmatch(number):
            return number
    return ""


def service_centre(lines: Iterable[str]) -> str:
    """Read the number from `+CSCA: "number",type`; empty when the SIM has none."""
    for line in lines:
        return _printable(_decoded(fields(line)[0]))
    return ""


def identity(lines: Iterable[str]) -> str:
    """Read the first line of CGMI, CGMM or CGMR, with or without a prefix such as `+CGMI:` or `Revision:`."""
    for line in lines:
        label, colon, value = line.partition(":")
        labelled = colon and label.lstrip("+").upper() in _IDENTITY_LABELS
        return _printable((value if labelled else line).strip().strip('"'))
    return ""


def identity_number(lines: Iterable[str]) -> str:
    """Read an IMEI, IMSI or ICCID wherever it stands in the lines; an ICCID's filler and swapped digits are undone."""
    for line in lines:
        match = _IDENTITY_NUMBER.search(line)
        if match is not None:
            return _unswapped(match[0]).rstrip("Ff")
    return ""


def cause(final: str) -> str:
    """Read what `+CME ERROR:` or `+CMS ERROR:` gives as its cause, a number or words in upper case."""
    match = _CODE.match(final)
    return match[2].strip().upper() if match is not None else ""


def sim_is_starting(final: str) -> bool:
    """Tell whether a final result code says that the SIM is not up yet and the command may be tried again."""
    match = _CODE.match(final)
    return match is not None and (match[1].upper(), match[2].strip().upper()) in _SIM_STARTING


def _unswapped(digits: str) -> str:
    # An ICCID begins with 89 (ITU-T E.118); some Huawei sticks show the octets as they are in the SIM, 98...
    if not digits.startswith("98") or len(digits) < 18:
        return digits
    return "".join(digits[n + 1 : n + 2] + digits[n] for n in range(0, len(digits), 2))


def _decoded(text: str) -> str:
    """Undo `AT+CSCS="UCS2"`, which another program may have left: "002B0034" is "+4".

    Only what would be Latin-1 is taken for it; the digits of a number never are, since "00" would be a NUL.
    """
    if not _UCS2.fullmatch(text) or any(text[at : at + 2] != "00" for at in range(0, len(text), 4)):
        return text
    decoded = bytes.fromhex(text).decode("utf-16-be")
    return decoded if decoded.isprintable() else text


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:LONGEST_IDENTITY].strip()


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else None


def _numbers_in(text: str) -> frozenset[int]:
    found: set[int] = set()
    for low, high, single in _RANGE.findall(text):
        found.update([int(single)] if single else range(int(low), int(high) + 1))
    return frozenset(found)
