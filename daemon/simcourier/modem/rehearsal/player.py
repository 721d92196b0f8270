"""Plays a dialogue against the session line by line, and says where the two part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from simcourier.at.quirks import SAID_OVER_USB
from simcourier.errors import SimcourierError
from simcourier.modem.facts import Fact, ModemState
from simcourier.modem.rehearsal.desk import Desk, job
from simcourier.modem.rehearsal.dialogue import Step, unspelled
from simcourier.modem.rehearsal.scripted import ScriptedModem, given

_PATIENCE_S = 120.0
_READY_WITHIN_S = 180.0
_SHOWN = 120
_SOON_S = 2.0
_KEEP_LINK = "AT+CMMS=2"


class DivergedError(SimcourierError):
    """Dialogue and session part; the message says at which line and how."""


class Player:
    """One dialogue under way."""

    def __init__(self, steps: Sequence[Step], name: str) -> None:
        self._steps = steps
        self._name = name
        self._modem = ScriptedModem(given(steps))
        self.desk = Desk(self)
        self._listens = False
        self._sent = b""
        self._facts_seen = 0
        self._jobs = 0
        if any(step.verb == "<" and step.rest in SAID_OVER_USB for step in steps):
            self.desk.session.modem.device = "recorded"

    def hear(self, data: bytes) -> bytes:
        """Take what the session writes: for the next lines of the file, or, before `ready`, for the table."""
        if not self._listens:
            return self._modem.hear(data)
        self._sent += data
        return b""

    def play(self) -> int:
        """Play every line; return how many were. Raises DivergedError at the first that does not go as written."""
        for step in self._steps:
            try:
                self._play(step)
            except _Parted as parted:
                raise DivergedError(f"{self._name}:{step.number}: {step.text[:_SHOWN]}: {parted}") from None
        if self._sent:
            raise DivergedError(f"{self._name}: at its end the session also sends {_shown(self._sent)}")
        return len(self._steps)

    def _play(self, step: Step) -> None:
        match step.verb:
            case "given":
                pass  # the table was made of these
            case "open":
                self._listens = True
                self.desk.plug()
            case "ready":
                self._come_up()
            case "heard":
                _must(step.rest in self._modem.heard, f"the session sent {', '.join(self._modem.heard)}")
            case "unheard":
                _must(step.rest not in self._modem.heard, "the session sent it")
            case "submit" | "withhold":
                number, _, parts = step.rest.partition(" ")
                work = job(_whole(number), _whole(parts or "1"), now=self.desk.now)
                self.desk.submit(work, permitted=step.verb == "submit")
            case "permit":
                self.desk.session.permit(_whole(step.rest), True, self.desk.now)
                self.desk.settle()
            case "<":
                self._expect(step.rest)
            case "<?":
                self._expect_some(step.rest)
            case ">":
                self.desk.say(f"\r\n{step.rest}\r\n".encode("latin-1", "replace"))
            case ">>":
                self.desk.say(unspelled(step.rest))
            case "wait":
                self.desk.run(_seconds(step.rest))
            case "silent":
                _must(not self._sent, f"the session sends {_shown(self._sent)}")
            case _:
                self._told(step.rest)

    def _come_up(self) -> None:
        self.desk.plug()
        _must(
            self.desk.until(lambda: self.desk.state is ModemState.READY, _READY_WITHIN_S),
            f"the modem is {self.desk.state}: {self.desk.session.modem.standing.reason}",
        )
        self.desk.run(0.0)
        self._listens = True
        self._facts_seen = len(self.desk.facts)

    # -- what the session sends ----------------------------------------------------------------------------------

    def _expect(self, text: str) -> None:
        if text == _KEEP_LINK and not self._sent and not self.desk.session.busy:
            self._submit(more_follow=True)
        elif text == "<ESC>" and not self._sent and self.desk.session.busy:
            self.desk.session.permit(self._jobs, False, self.desk.now)
            self.desk.settle()
        wanted = text.replace("<ESC>", "\x1b").replace("<CR>", "\r").replace("^Z", "\x1a").encode()
        wanted = wanted.replace(b"PDU", job().parts[0].hex.encode())
        wanted += b"" if wanted.endswith((b"\x1b", b"\x1a", b"\r")) else b"\r"
        self._await(len(wanted), text)
        _must(self._sent.startswith(wanted), f"the session sends {_shown(self._sent)}")
        self._sent = self._sent[len(wanted) :]

    def _expect_some(self, what: str) -> None:
        """A PDU, or the command that announces one: of what length, the file can't know."""
        if what == "AT+CMGS" and not self._sent and not self.desk.session.busy:
            self._submit()
        elif what != "AT+CMGS" and self.desk.session.busy:
            self.desk.session.permit(self._jobs, True, self.desk.now)
            self.desk.settle()
        end = b"\r" if what == "AT+CMGS" else b"\x1a"
        self._await(1, what)
        taken, found, rest = self._sent.partition(end)
        right = taken.startswith(b"AT+CMGS=") if end == b"\r" else bool(taken)
        _must(bool(found) and right, f"the session sends {_shown(self._sent)}")
        self._sent = rest

    def _submit(self, *, more_follow: bool = False) -> None:
        """Have something to send, as the one whose dialogue it is had. Whether it was permitted shows further on."""
        self._jobs += 1
        one = job(self._jobs, now=self.desk.now)
        self.desk.submit(replace(one, more_follow=more_follow), permitted=False)

    def _await(self, octets: int, text: str) -> None:
        """Let time pass until the session sends; what a clock or an admin makes it do is done for it."""
        due = self.desk.session.deadline
        soon = due is not None and due <= self.desk.now + _SOON_S
        if len(self._sent) >= octets or (
            soon and self.desk.until(lambda: len(self._sent) >= octets, _SOON_S)
        ):
            return
        if text.startswith("AT+CUSD=1"):
            code = text.partition('"')[2].partition('"')[0]
            self.desk.session.ussd(1, code, self.desk.now)
        else:
            self.desk.session.poll(self.desk.now)
        self.desk.settle()
        self.desk.until(lambda: len(self._sent) >= octets, _PATIENCE_S)

    # -- what it tells ---------------------------------------------------------------------------------------------

    def _told(self, text: str) -> None:
        if text in list(ModemState):
            reason = self.desk.session.modem.standing.reason
            _must(self.desk.state == text, f"the modem is {self.desk.state}: {reason}")
            return
        kind, *fields = text.split()
        fact = self._next_fact()
        _must(type(fact).__name__ == kind, f"the session tells {type(fact).__name__}")
        for field in fields:
            name, _, value = field.partition("=")
            told = _value(fact, name)
            _must(str(told) == value, f"the session tells {name}={told}")

    def _next_fact(self) -> Fact:
        if self._facts_seen == len(self.desk.facts):
            raise _Parted("the session tells nothing")
        self._facts_seen += 1
        return self.desk.facts[self._facts_seen - 1]


class _Parted(Exception):  # noqa: N818 - it is caught where the line is known, and never leaves this module
    """A line did not go as it is written."""


def _must(so: bool, otherwise: str) -> None:
    if not so:
        raise _Parted(otherwise)


def _value(fact: object, name: str) -> object:
    report = getattr(fact, "report", None)
    for holder in (fact, report):
        if hasattr(holder, name):
            return getattr(holder, name)
    raise _Parted(f"{type(fact).__name__} has no {name}")


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise _Parted("a whole number is wanted here")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise _Parted("seconds are wanted here") from None
    if not 0 <= seconds <= 86_400:
        raise _Parted("seconds are wanted here, a day at most")
    return seconds


def _shown(data: bytes) -> str:
    text = data[:_SHOWN].decode("latin-1").replace("\r", " ").replace("\x1b", "<ESC>").replace("\x1a", "^Z")
    return text.strip() or "nothing"
