"""A bounded record of what was said on a port, with everything secret masked as it is written."""

from __future__ import annotations

import re
from collections import deque
from typing import NamedTuple

# No PDU is shorter than 12 octets, no number or identity longer than 23 digits.
_SECRET = re.compile(r"[0-9A-Fa-f]{24,}|[0-9]{5,}")
_PIN = re.compile(r"(CPIN\s*=\s*).+", re.IGNORECASE)
_LONG_QUOTED = re.compile(r'"[^"]{5,}(?:"|$)')
# `+CME ERROR: 10`, `^SYSSTART`, `#QSS: 0`; not `#482913 is your code`, `$GPRMC,...`, nor half an echo, `+CPIN="1234"`.
NAMED = re.compile(r"[+^*%_#&$!][A-Za-z][A-Za-z0-9]*(?: ?ERROR)? ?(?::|$)")

FINAL = re.compile(r"(?:OK|ERROR|COMMAND NOT SUPPORT|TOO MANY PARAMETERS)$", re.IGNORECASE)

# What modems say of themselves without any sign in front (MODEMS.md section 1). Other words may be somebody's text.
WORDS = frozenset(
    {
        "RING",
        "NO CARRIER",
        "BUSY",
        "RDY",
        "Call Ready",
        "SMS Ready",
        "SMS DONE",
        "PB DONE",
        "POWERED DOWN",
        "NORMAL POWER DOWN",
        "UNDER-VOLTAGE WARNNING",
        "UNDER-VOLTAGE POWER DOWN",
        "VOICE CALL: BEGIN",
        "VOICE CALL: END",
        "MISSED_CALL",
    }
)


class TraceLine(NamedTuple):
    """One line of a dialogue: `<` went to the modem, `>` came from it; `at` is monotonic seconds."""

    seq: int
    at: float
    direction: str
    text: str


class Trace:
    """The last `limit` lines of one modem. Masking happens before a line is stored, so nothing can be read back."""

    __slots__ = ("_lines", "_seq")

    def __init__(self, limit: int = 200) -> None:
        self._lines: deque[tuple[int, float, str, str]] = deque(maxlen=limit)
        self._seq = 0

    def sent(self, text: str, now: float) -> None:
        """Record a command line."""
        self._seq += 1
        text = _PIN.sub(r"\1****", text) if "CPIN" in text else mask(text)
        self._lines.append((self._seq, now, "<", text))

    def sent_pdu(self, pdu: str, now: float) -> None:
        """Record that a PDU was typed at a prompt: its length, nothing else."""
        self._seq += 1
        self._lines.append((self._seq, now, "<", f"<PDU {len(pdu) // 2} octets>"))

    def heard(self, line: str, now: float) -> None:
        """Record a prompt, a final result code or a line that a command asked for."""
        self._seq += 1
        line = _PIN.sub(r"\1****", line) if "CPIN" in line else mask(line)
        self._lines.append((self._seq, now, ">", line))

    def heard_pdu(self, pdu: str, now: float) -> None:
        """Record the second line of a message, or any hex that nobody asked for."""
        self._seq += 1
        self._lines.append((self._seq, now, ">", f"<PDU {len(pdu) // 2} octets>"))

    def heard_unasked(self, line: str, now: float) -> None:
        """Record a line that no command asked for: shown only as far as it can't be a message's text."""
        self._seq += 1
        self._lines.append((self._seq, now, ">", mask_unasked(line)))

    def lines(self, after: int = 0) -> list[TraceLine]:
        """Return the lines numbered above `after`; may be called from another thread than the one that records."""
        while True:
            try:
                held = list(self._lines)
            except RuntimeError:  # a line was recorded while we copied
                continue
            return [TraceLine(*line) for line in held if line[0] > after]


def mask(text: str) -> str:
    """Replace PDUs, and all but the last digits of numbers and identities."""
    return _SECRET.sub(_hide, text)


def mask_unasked(line: str) -> str:
    """Mask a line nobody asked for: text that is no known notice may be an SMS that a modem in text mode shows."""
    if line in WORDS:
        return line
    if not NAMED.match(line) and not FINAL.match(line):
        return f"<{len(line)} characters>"
    return mask(_LONG_QUOTED.sub('"..."', line))


def _hide(run: re.Match[str]) -> str:
    digits = run[0]
    if len(digits) >= 24:
        return f"<PDU {len(digits) // 2} octets>"
    shown = 4 if len(digits) >= 10 else 2
    return "*" * (len(digits) - shown) + digits[-shown:]
