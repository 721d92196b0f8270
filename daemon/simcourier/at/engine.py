"""One AT dialogue: commands out, answers and unsolicited result codes in (ITU-T V.250 5.6-5.7, TS 27.005 3.4-3.5).

The engine holds one outstanding command. What the command did not claim is unsolicited, also in the middle of a
response; a final result code without a command is nobody's; after a timeout only `AT` may be sent until `in_step`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from simcourier.at.lines import BLANKS, PROMPT, LineSplitter
from simcourier.at.trace import WORDS, Trace
from simcourier.errors import BugError

ESC = b"\x1b"
CTRL_Z = b"\x1a"

LONGEST_COMMAND = 400
LONE_PATIENCE = 0.3
"""Seconds that a final result code may take behind the line of an answer that may lack one."""
MOST_LINES = 600
"""Lines kept of one response: 255 stored messages of two lines, and some."""
HEADER_PATIENCE = 8
"""Lines that may come between the header of a two-line unsolicited result code and its PDU."""

_HEX = re.compile(r"[0-9A-Fa-f]+")
_SHORTEST_PDU = 24
"""Hex digits: an SMS-DELIVER has 13 octets at least, and an IMEI, IMSI or ICCID must not pass for one."""

# Old Wavecom manuals print a blank before the colon.
_TWO_LINES = re.compile(r"\+(?:CDS|CMT|CBM) ?:", re.IGNORECASE)

# V.250 and 27.005, and what Huawei, Motorola, Alcatel and others say instead; some in mixed case, some in words.
_FINAL = re.compile(
    r"OK$|ERROR\b|\+CM[ES] ?ERROR|COMMAND NOT SUPPORT|TOO MANY PARAMETERS|MODEM ERROR", re.IGNORECASE
)


class Phase(StrEnum):
    """Where the dialogue stands."""

    IDLE = "idle"
    ANSWER = "answer"
    """A final result code is awaited."""
    PROMPT = "prompt"
    """A prompt is awaited, or a final result code in its place."""
    OPEN = "open"
    """The prompt is open and nothing was typed."""
    PAYLOAD = "payload"
    """The PDU and Ctrl-Z have left."""
    ESCAPED = "escaped"
    """ESC was typed at the prompt; a final result code is awaited."""
    LOST = "lost"
    """Something timed out, or the port is new: answers may be on their way that belong to nobody."""
    PROBE = "probe"
    """The same, and an `AT` is outstanding."""


class Shape(StrEnum):
    """Which lines of a response a command claims besides those with its prefixes."""

    PLAIN = "plain"
    FREE = "free"
    """Any line that does not look unsolicited: CGMI and its like answer without a prefix."""
    PDU = "pdu"
    """The line of hex after a claimed one."""
    LONE = "lone"
    """None besides, and the first claimed line may be the end: no final result code need come behind it."""
    PROMPT = "prompt"
    """None; the command opens a prompt, and what it claims comes after the PDU."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command line without its end; `claims` are prefixes of information responses, without the colon."""

    text: str
    claims: tuple[str, ...] = ()
    timeout: float = 5.0
    shape: Shape = Shape.PLAIN


class End(StrEnum):
    """How a wait for an answer ended."""

    OK = "ok"
    ERROR = "error"
    PROMPT = "prompt"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of the outstanding command: `final` as it was written, empty for a prompt and for silence."""

    end: End
    final: str
    lines: list[str]


@dataclass(frozen=True, slots=True)
class Urc:
    """An unsolicited result code; `pdu` is the second line of those that have two."""

    line: str
    pdu: str = ""


@dataclass(frozen=True, slots=True)
class Stray:
    """A final result code or a prompt that belongs to nobody: the dialogue is out of step."""

    line: str


Event = Answer | Urc | Stray


class Engine:
    """The dialogue with one modem. Methods that say something return the bytes to write."""

    __slots__ = (
        "_claims",
        "_echo",
        "_foreign",
        "_free",
        "_header",
        "_header_age",
        "_lines",
        "_lone",
        "_pdu",
        "_splitter",
        "_trace",
        "deadline",
        "hushed",
        "overflow",
        "phase",
    )

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._splitter = LineSplitter()
        self.phase = Phase.LOST
        self.deadline: float | None = None
        self.overflow = 0
        self.hushed = False
        """Unsolicited lines come by the thousand: they are not put in the trace."""
        self._echo = ""
        self._claims: tuple[str, ...] = ()
        self._free = False
        self._pdu = False
        self._lone = False
        self._lines: list[str] = []
        self._header = ""
        self._header_age = 0
        self._foreign = 0

    # -- what is said -------------------------------------------------------------------------------------------

    def send(self, command: Command, now: float) -> bytes:
        """Begin a command. BugError if another is outstanding, or if the text could end the line early."""
        text = command.text
        if not (text.isascii() and text.isprintable() and len(text) <= LONGEST_COMMAND):
            raise BugError("a command text holds a control character, a character outside ASCII, or too many")
        self._begin(text, self._phase_after(command), now + command.timeout)
        self._trace.sent(text, now)
        if self.phase is not Phase.PROMPT:
            self._claims = command.claims
            self._free = command.shape is Shape.FREE
            self._pdu = command.shape is Shape.PDU
            self._lone = command.shape is Shape.LONE
        return text.encode("ascii") + b"\r"

    def _phase_after(self, command: Command) -> Phase:
        if self.phase is Phase.IDLE:
            return Phase.PROMPT if command.shape is Shape.PROMPT else Phase.ANSWER
        if self.phase is Phase.LOST and command.text == "AT":
            return Phase.PROBE
        raise BugError(f"{command.text}: not now, the dialogue is {self.phase}")

    def type_pdu(self, pdu: str, claims: tuple[str, ...], timeout: float, now: float) -> bytes:
        """Answer the open prompt. An `OK` counts as the answer only after a claimed line came."""
        if self.phase is not Phase.OPEN:
            raise BugError(f"a PDU: not now, the dialogue is {self.phase}")
        if not _HEX.fullmatch(pdu):
            raise BugError("a PDU holds something that is not hex")
        self._trace.sent_pdu(pdu, now)
        self._begin(pdu, Phase.PAYLOAD, now + timeout)
        self._claims = claims
        return pdu.encode("ascii") + CTRL_Z

    def escape(self, timeout: float, now: float) -> bytes:
        """Leave the open prompt with nothing sent (27.005 3.5.1); elsewhere give up what was outstanding.

        Without an open prompt the dialogue is lost, and a CR follows that ends what may have been half typed.
        """
        self._trace.sent("<ESC>", now)
        if self.phase is Phase.OPEN:
            self._begin("", Phase.ESCAPED, now + timeout)
            return ESC
        self.lose()
        return ESC + b"\r"

    # -- where it stands ----------------------------------------------------------------------------------------

    def in_step(self) -> None:
        """The dialogue was found to be in step again: commands may be sent."""
        if self.phase is not Phase.LOST:
            raise BugError(f"in step again, but the dialogue was {self.phase}")
        self.phase = Phase.IDLE

    def lose(self) -> None:
        """Give up what is outstanding; only `AT` may be sent until the dialogue is in step."""
        self._begin("", Phase.LOST, None)
        self._foreign = 0

    def renew(self) -> None:
        """The port was opened anew: nothing that was heard before counts."""
        self.lose()
        self._splitter.clear()
        self._header = ""

    def expire(self, now: float) -> Answer | None:
        """Give up the outstanding command if its time is over; the lines that did come are in the answer."""
        if self.deadline is None or now < self.deadline:
            return None
        return self._finish(Answer(End.SILENCE, "", self._lines), Phase.LOST)

    def _begin(self, echo: str, phase: Phase, deadline: float | None) -> None:
        self.phase = phase
        self.deadline = deadline
        self._echo = echo
        self._claims = ()
        self._free = self._pdu = self._lone = False
        self._lines = []

    # -- what is heard ------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Take bytes as they come; return what they complete."""
        events: list[Event] = []
        for line in self._splitter.feed(data):
            event = self._prompted(now) if line == PROMPT else self._heard(line, now)
            if event is None:
                continue
            if events and type(event) is Answer:
                # One chunk can open a prompt and close it again: then there was none.
                events = [old for old in events if type(old) is not Answer]
            events.append(event)
        return events

    def _prompted(self, now: float) -> Event | None:
        self._trace.heard(PROMPT, now)
        match self.phase:
            case Phase.PROMPT:
                self._begin("", Phase.OPEN, None)
                return Answer(End.PROMPT, "", [])
            case Phase.OPEN | Phase.PAYLOAD | Phase.ESCAPED:
                return None  # a SIM800L prompts twice
            case Phase.IDLE | Phase.ANSWER | Phase.LOST | Phase.PROBE:
                return Stray(PROMPT)
            case _ as never:
                assert_never(never)

    def _heard(self, line: str, now: float) -> Event | None:
        if self._echo and line.startswith(self._echo):
            line = line[len(self._echo) :].strip(BLANKS)
            self._echo = ""
            if not line:
                return None
        if self._header and (urc := self._second_line(line, now)):
            return urc
        if self._claims and line.startswith(self._claims):
            self._claim(line, now)
            return None
        if line == "OK" or _FINAL.match(line):
            self._trace.heard(line, now)
            return self._final(line)
        return self._unclaimed(line, now)

    def _claim(self, line: str, now: float) -> None:
        self._trace.heard(line, now)
        if self._lone:
            self.deadline = now + LONE_PATIENCE
        if len(self._lines) < MOST_LINES:
            self._lines.append(line)
        else:
            self.overflow += 1

    def _final(self, line: str) -> Event | None:
        end = End.OK if line[0] in "Oo" else End.ERROR
        if end is End.OK and self._foreign:
            self._foreign -= 1
            return None
        match self.phase:
            case Phase.IDLE | Phase.LOST:
                return Stray(line)
            case Phase.PAYLOAD if end is End.OK and not self._lines:
                return None  # of some command before: a submit is answered by +CMGS and then OK
            case Phase.PROBE:
                return self._finish(Answer(end, line, self._lines), Phase.LOST)
            case Phase.ANSWER | Phase.PROMPT | Phase.OPEN | Phase.PAYLOAD | Phase.ESCAPED:
                return self._finish(Answer(end, line, self._lines), Phase.IDLE)
            case _ as never:
                assert_never(never)

    def _finish(self, answer: Answer, phase: Phase) -> Answer:
        self._begin("", phase, None)
        return answer

    def _second_line(self, line: str, now: float) -> Urc | None:
        pdu = line.strip('"')
        if len(pdu) < _SHORTEST_PDU or not _HEX.fullmatch(pdu):
            self._header_age += 1
            if self._header_age > HEADER_PATIENCE:
                self._header = ""
            return None
        self._trace.heard_pdu(pdu, now)
        urc = Urc(self._header, pdu)
        self._header = ""
        return urc

    def _unclaimed(self, line: str, now: float) -> Event | None:
        if self.phase is Phase.PAYLOAD and (start := line.find(self._claims[0])) > 0:
            return self._heard(line[start:], now)  # behind the rest of an echo
        if _HEX.fullmatch(line.strip('"')):
            self._unclaimed_hex(line.strip('"'), now)
            return None
        if self._claims_oddly(line):
            self._claim(line, now)
            return None
        if not self.hushed:
            self._trace.heard_unasked(line, now)
        if _TWO_LINES.match(line):
            self._header = line
            self._header_age = 0
            return None
        if line.startswith("+CMGS"):
            self._foreign += 1  # a late answer brings its own OK, which must not end the command of now
        return Urc(line)

    def _claims_oddly(self, line: str) -> bool:
        if self._claims and line.upper().startswith(self._claims):
            return True
        # An echo that comes late is no name; a manufacturer's own notice begins with its sign.
        return (
            self._free and line[0] not in "+^*%_#&$" and line not in WORDS and line[:3] not in ("AT+", "ATE")
        )

    def _unclaimed_hex(self, line: str, now: float) -> None:
        if self._free and len(line) < _SHORTEST_PDU:
            self._claim(line, now)
            return
        self._trace.heard_pdu(line, now)
        if self._pdu and self._lines and len(self._lines) < MOST_LINES:
            self._lines.append(line)
