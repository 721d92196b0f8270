"""Dialogue files: what was said on a port, in order, and what must come of it.

A file begins with `# Source:` and `# Shows:`. Then, line by line:

    open                            the port is opened; from here on every byte is in the file
    given COMMAND > LINE | LINE     instead of that: the modem's answer to a command until `ready`; nothing after `>`
                                    is silence
    ready                           the modem comes up by what was given; from here on every byte is in the file
    submit N [PARTS]                a job is submitted and permitted
    permit N | withhold N           the same with the permit later
    < TEXT                          the session sends TEXT and a carriage return; <ESC>, <CR>, ^Z, PDU are themselves
    <? TEXT                         it sends TEXT, whichever PDU that is, within two minutes
    > TEXT                          the modem sends TEXT on a line of its own
    >> TEXT                         the modem sends just TEXT, in Python's notation for strings
    wait SECONDS                    time passes
    silent                          nothing is to be sent
    heard COMMAND                   the session sent this before `ready`
    unheard COMMAND                 the session did not send this before `ready`
    = FACT NAME=VALUE ...           the next fact, but for `ModemChanged`, and some of its fields
    = STATE                         the state of the modem
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from simcourier.errors import SimcourierError
from simcourier.modem.recording import Entry

VERBS = frozenset(
    [
        "open",
        "given",
        "ready",
        "submit",
        "permit",
        "withhold",
        "<",
        "<?",
        ">",
        ">>",
        "wait",
        "silent",
        "heard",
        "unheard",
        "=",
    ]
)
LONGEST_FILE = 1 << 20
_LEAST_WAIT_S = 0.02
_PDU = re.compile(rb"[0-9A-F]{24,}\x1a")
_LENGTH = re.compile(rb"AT\+CMGS=[0-9]+\r")


class DialogueFileError(SimcourierError):
    """A dialogue file can't be read; the message names the line."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a dialogue."""

    number: int
    verb: str
    rest: str

    @property
    def text(self) -> str:
        """The line as it was written."""
        return f"{self.verb} {self.rest}".rstrip()


def read(text: str, name: str) -> list[Step]:
    """Read a dialogue. Raises DialogueFileError for a line with a verb that there is not."""
    if len(text) > LONGEST_FILE:
        raise DialogueFileError(f"{name}: is larger than any dialogue")
    steps: list[Step] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        verb, _, rest = line.partition(" ")
        if verb not in VERBS:
            raise DialogueFileError(f"{name}:{number}: no line of a dialogue begins with {verb[:20]!r}")
        if verb == ">>" and not _can_be_read(rest):
            raise DialogueFileError(f"{name}:{number}: this is not Python's notation for a string")
        steps.append(Step(number, verb, rest))
    if not steps:
        raise DialogueFileError(f"{name}: has no dialogue in it")
    return steps


def unspelled(text: str) -> bytes:
    """The octets that a text in Python's notation stands for."""
    return text.encode("latin-1", "replace").decode("unicode_escape").encode("latin-1", "replace")


def _can_be_read(text: str) -> bool:
    try:
        unspelled(text)
    except UnicodeDecodeError:
        return False
    return True


def write(entries: Iterable[Entry], source: str, shows: str) -> str:
    """Return what was recorded from the opening of a port on as a dialogue file."""
    lines = [f"# Source: {source}", f"# Shows: {shows}", "open"]
    at = 0.0
    for entry in entries:
        if entry.at - at >= _LEAST_WAIT_S:
            lines.append(f"wait {entry.at - at:.2f}")
        at = max(at, entry.at)
        if entry.direction == ">":
            lines.append(">> " + spelled(entry.octets))
        else:
            lines += _sent(entry.octets)
    return "\n".join(lines) + "\n"


def spelled(octets: bytes) -> str:
    """Octets in Python's notation, without a blank at either end."""
    text = octets.decode("latin-1").encode("unicode_escape").decode("ascii")
    if text.startswith(" "):
        text = "\\x20" + text[1:]
    return text[:-1] + "\\x20" if text.endswith(" ") else text


def _sent(octets: bytes) -> Iterator[str]:
    for part in re.split(rb"(?<=[\r\x1a])", octets):
        if not part:
            continue
        if _PDU.fullmatch(part):
            yield "<? PDU^Z"
        elif _LENGTH.fullmatch(part):
            yield "<? AT+CMGS"
        else:
            text = part.decode("latin-1").replace("\x1b", "<ESC>").replace("\x1a", "^Z")
            plain = text.endswith("\r") and "<ESC>" not in text
            yield "< " + (text[:-1] if plain else text.replace("\r", "<CR>"))
