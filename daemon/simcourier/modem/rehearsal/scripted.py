"""A modem that answers from a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import count

from simcourier.modem.rehearsal.dialogue import Step, unspelled

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"
Answers = dict[str, bytes | None]
"""What is said to a command; None is silence."""

PLAIN: Mapping[str, str] = {
    "AT": "OK",
    "ATE0": "OK",
    "AT+CMEE=1": "OK",
    "AT+CPIN?": "+CPIN: READY|OK",
    "AT+CGMI": "Pretend Ltd|OK",
    "AT+CGMM": "Pretend 1|OK",
    "AT+CGMR": "Revision:1.0|OK",
    "AT+CGSN": "490154203237518|OK",
    "AT+CCID": "+CCID: 8944110000000000017|OK",
    "AT+CMGF=0": "OK",
    "AT+CMGF?": "+CMGF: 0|OK",
    "AT+CSMS?": "+CSMS: 0,1,1,1|OK",
    "AT+CNMI=?": "+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)|OK",
    "AT+CNMI=2,1,0,1,0": "OK",
    "AT+CNMI?": "+CNMI: 2,1,0,1,0|OK",
    "AT+CPMS=?": '+CPMS: ("SM","SR"),("SM"),("SM")|OK',
    'AT+CPMS="SR"': "+CPMS: 0,10,0,20,0,20|OK",
    'AT+CPMS="SM"': "+CPMS: 0,20,0,20,0,20|OK",
    "AT+CSCA?": '+CSCA: "+447700900000",145|OK',
    "AT+CREG?": "+CREG: 0,1|OK",
    "AT+COPS=3,0": "OK",
    "AT+COPS?": '+COPS: 0,0,"Pretend Mobile",7|OK',
    "AT+CSQ": "+CSQ: 20,99|OK",
    "AT+CNMA": "OK",
}
"""A modem without surprises (TS 27.007, TS 27.005): what a dialogue need not give."""


class ScriptedModem:
    """Answers commands from a table, gives prompts, and takes PDUs."""

    def __init__(self, answers: Mapping[str, bytes | None]) -> None:
        self.answers: Answers = dict(answers)
        self.heard: list[str] = []
        self.unknown: list[str] = []
        """Commands that the table has no answer to; ERROR was said."""
        self._at_prompt = False
        self._references = count(64)
        self._begun = b""

    def hear(self, data: bytes) -> bytes:
        """Take bytes from the session, return what the modem says at once."""
        said = b""
        for part in re.split(rb"(?<=[\r\x1a\x1b])", data):
            self._begun += part
            end = part[-1:]
            if end in (b"\r", b"\x1a", b"\x1b"):
                typed, self._begun = self._begun, b""
                said += self._take(typed[:-1].decode("latin-1"), end)
        return said

    def _take(self, typed: str, end: bytes) -> bytes:
        if end == b"\r":
            return self._command(typed) if typed and not self._at_prompt else b""
        was_open, self._at_prompt = self._at_prompt, False
        if not was_open:
            return b""
        return OK if end == b"\x1b" else b"\r\n+CMGS: %d\r\n" % next(self._references) + OK

    def _command(self, command: str) -> bytes:
        self.heard.append(command)
        if command in self.answers:
            return self.answers[command] or b""
        if command.startswith("AT+CMGS="):
            self._at_prompt = True
            return b"\r\n> "
        self.unknown.append(command)
        return ERROR


def spoken(lines: Iterable[str]) -> bytes | None:
    """What a modem says for these lines; None where there are none."""
    return "".join(f"\r\n{line}\r\n" for line in lines).encode("latin-1", "replace") or None


def plain() -> Answers:
    """The answers of a modem without surprises."""
    return {command: spoken(answer.split("|")) for command, answer in PLAIN.items()}


def given(steps: Iterable[Step]) -> Answers:
    """The answers that a dialogue gives, over those of a plain modem."""
    answers = plain()
    for step in steps:
        if step.verb == "given":
            command, _, answer = step.rest.partition(" > ")
            answers[command.strip()] = spoken(part.strip() for part in answer.split("|") if part.strip())
    return answers


def remembered(steps: Iterable[Step]) -> Answers:
    """What the modem of a recorded dialogue said to each command, the last time that it was asked."""
    answers: Answers = {}
    command = ""
    for step in steps:
        match step.verb:
            case "<" if "<ESC>" not in step.rest:
                command = step.rest
                answers[command] = None
            case "<" | "<?":
                command = ""
            case ">" if command:
                answers[command] = (answers[command] or b"") + (spoken([step.rest]) or b"")
            case ">>" if command:
                answers[command] = (answers[command] or b"") + unspelled(step.rest)
            case _:
                pass
    return answers
