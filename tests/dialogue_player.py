"""Plays a recorded dialogue against a session: the file is the modem, and says what must come of it.

A file begins with `# Source:` and `# Shows:`. Then, line by line:

    given COMMAND > LINE | LINE     the modem's answer to a command until `ready`; nothing after `>` is silence
    ready                           the modem comes up; from here on every byte is in the file
    submit N [PARTS]                a job is submitted and permitted
    permit N | withhold N           the same with the permit later
    < TEXT                          the session sends TEXT and a carriage return; <ESC>, <CR>, ^Z, PDU are themselves
    > TEXT                          the modem sends TEXT on a line of its own
    >> TEXT                         the modem sends just TEXT, in Python's notation for strings
    wait SECONDS                    time passes
    silent                          nothing is to be sent
    heard COMMAND                   the session sent this before `ready`
    = FACT NAME=VALUE ...           the next fact, but for `ModemChanged`, and some of its fields
    = STATE                         the state of the modem
"""

from __future__ import annotations

from pathlib import Path

from modem_desk import Desk, ScriptedModem, job

from simcourier.modem.facts import Fact, ModemChanged, ModemState


class Player:
    """One dialogue under way."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._modem = ScriptedModem()
        self._desk = Desk(self._modem)
        self._facts_seen = 0
        self._sent = b""
        self._played = 0

    def play(self) -> int:
        """Play every line; return how many were."""
        for number, text in enumerate(self._path.read_text("utf-8").splitlines(), 1):
            line = text.strip()
            if line and not line.startswith("#"):
                try:
                    self._line(line)
                except AssertionError as error:
                    raise AssertionError(f"{self._path.name}:{number}: {line}: {error}") from None
                self._played += 1
        assert not self._sent, f"nobody expected {self._sent!r}"
        return self._played

    def _line(self, line: str) -> None:
        verb, _, rest = line.partition(" ")
        match verb:
            case "given":
                command, _, answer = rest.partition(" > ")
                lines = [part.strip() for part in answer.split("|")] if answer else []
                self._modem.answers[command.strip()] = "".join(f"\r\n{part}\r\n" for part in lines) or None
            case "ready":
                self._desk.up(120.0)
                self._modem.recorder = self._record
                self._facts_seen = len(self._desk.facts)
            case "heard":
                assert rest in self._modem.heard, self._modem.heard
            case "submit" | "withhold":
                number, _, parts = rest.partition(" ")
                work = job(int(number), int(parts or 1), now=self._desk.now)
                self._desk.submit(work, permitted=verb == "submit")
            case "permit":
                self._desk.session.permit(int(rest), True, self._desk.now)
                self._desk.settle()
            case "<":
                self._expect(rest)
            case ">":
                self._desk.say(f"\r\n{rest}\r\n")
            case ">>":
                self._desk.say(rest.encode().decode("unicode_escape"))
            case "wait":
                self._desk.run(float(rest))
            case "silent":
                assert not self._sent, self._sent
            case "=":
                self._told(rest)
            case _:
                raise AssertionError("what is this?")

    def _record(self, data: bytes) -> bytes:
        self._sent += data
        return b""

    def _expect(self, text: str) -> None:
        wanted = text.replace("<ESC>", "\x1b").replace("<CR>", "\r").replace("^Z", "\x1a").encode()
        wanted = wanted.replace(b"PDU", job().parts[0].hex.encode())
        wanted += b"" if wanted.endswith((b"\x1b", b"\x1a", b"\r")) else b"\r"
        assert self._sent.startswith(wanted), f"{self._sent!r} was sent"
        self._sent = self._sent[len(wanted) :]

    def _told(self, text: str) -> None:
        if text in list(ModemState):
            assert self._desk.state == text, self._desk.state
            return
        kind, *fields = text.split()
        fact = self._next_fact()
        assert type(fact).__name__ == kind, fact
        for field in fields:
            name, _, value = field.partition("=")
            assert str(_value(fact, name)) == value, fact

    def _next_fact(self) -> Fact:
        while self._facts_seen < len(self._desk.facts):
            fact = self._desk.facts[self._facts_seen]
            self._facts_seen += 1
            if not isinstance(fact, ModemChanged):
                return fact
        raise AssertionError("no fact was told")


def _value(fact: object, name: str) -> object:
    if hasattr(fact, "report") and not hasattr(fact, name):
        fact = fact.report
    return getattr(fact, name)
