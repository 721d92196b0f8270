"""A session and a scripted modem face to face in virtual time: for tests, no port and no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import TypeVar

from simcourier.modem.facts import Fact, Job, ModemState
from simcourier.modem.rehearsal.scripted import plain
from simcourier.modem.session import Session
from simcourier.modem.timings import Timings
from simcourier.sms.submit import SubmitPdu

F = TypeVar("F")
Reply = str | None | Callable[[str], str | None]

OK = "\r\nOK\r\n"
ERROR = "\r\nERROR\r\n"
IMEI = "490154203237518"
ICCID = "8944110000000000017"

# A modem without surprises, answer by answer (TS 27.007, TS 27.005).
PLAIN_MODEM: Mapping[str, Reply] = {
    "": "",
    **{command: answer.decode() for command, answer in plain().items() if answer is not None},
    "ESC at prompt": OK,
}


class ScriptedModem:
    """Answers commands from a table; None is silence, a function gets the command. It knows prompts and ESC."""

    def __init__(self, answers: Mapping[str, Reply] | None = None, *, prompt: str = "\r\n> ") -> None:
        self.answers: dict[str, Reply] = dict(PLAIN_MODEM) | dict(answers or {})
        self.prompt: str | None = prompt
        """None: no prompt ever comes."""
        self.heard: list[str] = []
        self.pdus: list[str] = []
        self.deaf = False
        self.at_prompt = False
        self.prompts_again = True
        """Whether a CR at the prompt gives another one (27.005 section 3.5.1), or nothing."""
        self.references = count(64)
        self.on_pdu: Callable[[str], str | None] = lambda _: f"\r\n+CMGS: {next(self.references)}\r\n" + OK
        self.recorder: Callable[[bytes], bytes] | None = None
        self._begun = ""

    def hear(self, data: bytes) -> bytes:
        """Take bytes from the session, return what the modem says at once."""
        if self.recorder is not None:
            return self.recorder(data)
        if self.deaf:
            self._begun = ""
            return b""
        said = ""
        for character in data.decode("ascii"):
            said += self._take(character) or ""
        return said.encode("latin-1")

    def _take(self, character: str) -> str | None:
        if character == "\x1b":
            self._begun = ""
            if self.at_prompt:
                self.at_prompt = False
                return self._answer("ESC at prompt")
            return None
        if character == "\x1a" and self.at_prompt:
            self.at_prompt = False
            pdu, self._begun = self._begun, ""
            self.pdus.append(pdu)
            return self.on_pdu(pdu)
        if character != "\r":
            self._begun += character
            return None
        if self.at_prompt:
            return "\r\n> " if self.prompts_again else None
        command, self._begun = self._begun, ""
        return self._command(command)

    def _command(self, command: str) -> str | None:
        if command:
            self.heard.append(command)
        if command.startswith("AT+CMGS=") and command not in self.answers:
            if self.prompt is not None:
                self.at_prompt = True
            return self.prompt
        return self._answer(command)

    def _answer(self, command: str) -> str | None:
        reply = self.answers.get(command, ERROR)
        return reply(command) if callable(reply) else reply


class Desk:
    """Lets time pass between a session and a modem, byte by byte if `chunk` says so."""

    def __init__(
        self,
        modem: ScriptedModem | None = None,
        *,
        pin: str | None = None,
        timings: Timings | None = None,
        chunk: int = 4096,
        inbound: bool = True,
        reset: bool = True,
    ) -> None:
        self.modem = modem or ScriptedModem()
        self.session = Session(
            "modem-1", "/dev/ttyTEST", timings=timings or Timings(), pin=pin, inbound=inbound, reset=reset
        )
        self.now = 1000.0
        self.facts: list[Fact] = []
        self.keeps = True
        """Whether what was read from a store is put on record at once, so that it may be deleted."""
        self.written = b""
        self._chunk = chunk
        self._later: list[tuple[float, int, bytes]] = []
        self._seq = count()

    def plug(self) -> Desk:
        """Open the port and let the modem come up as far as it will without time passing."""
        self.session.opening(self.now)
        self.session.opened(self.now)
        self.settle()
        return self

    def up(self, within: float = 60.0) -> Desk:
        """Plug, and wait until the modem is ready."""
        self.plug()
        self.until(lambda: self.state is ModemState.READY, within)
        self.run(0.0)
        return self

    @property
    def state(self) -> ModemState:
        return self.session.modem.state

    def told(self, kind: type[F]) -> list[F]:
        """The facts of one kind so far."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def submit(self, job: Job, *, permitted: bool = True) -> Desk:
        self.session.submit(job, self.now)
        if permitted:
            self.session.permit(job.number, True, self.now)
        self.settle()
        return self

    def say(self, text: str) -> Desk:
        """The modem says something by itself."""
        self._receive(text.encode("latin-1"))
        self.settle()
        return self

    def later(self, seconds: float, text: str) -> Desk:
        """The modem will say something by itself."""
        self._later.append((self.now + seconds, next(self._seq), text.encode("latin-1")))
        self._later.sort()
        return self

    def settle(self) -> None:
        """Exchange bytes until nobody has anything to say without time passing."""
        for _ in range(10_000):
            told = self.session.take_facts()
            self.facts += told
            for fact in told:
                if self.keeps and (token := getattr(fact, "token", 0)):
                    self.session.stored(token, self.now)
            data = self.session.take_output()
            if not data:
                return
            self.written += data
            self._receive(self.modem.hear(data))
        raise AssertionError("the two never stop talking")

    def run(self, seconds: float) -> Desk:
        """Let `seconds` pass, each deadline at its moment."""
        return self.until(lambda: False, seconds, must=False)

    def until(self, done: Callable[[], bool], within: float, *, must: bool = True) -> Desk:
        """Let time pass until something is so; it must become so in time."""
        end = self.now + within
        self.settle()
        while not done():
            moment = min(self._moments(), default=None)
            if moment is None or moment > end:
                self.now = end
                break
            self.now = max(self.now, moment)
            self._pass()
        if must and not done():
            raise AssertionError(f"not within {within} s; {self.session.snapshot()}")
        return self

    def _moments(self) -> Iterable[float]:
        if self.session.deadline is not None:
            yield self.session.deadline
        if self._later:
            yield self._later[0][0]

    def _pass(self) -> None:
        if self._later and self._later[0][0] <= self.now:
            self._receive(self._later.pop(0)[2])
        deadline = self.session.deadline
        if deadline is not None and deadline <= self.now:
            self.session.advance(self.now)
        self.settle()

    def _receive(self, data: bytes) -> None:
        for start in range(0, len(data), self._chunk):
            self.session.receive(data[start : start + self._chunk], self.now)


def job(
    number: int = 1, parts: int = 1, *, life: float = 300.0, now: float = 1000.0, patience: float = 60.0
) -> Job:
    """A job of short made-up PDUs; `tpdu_length` is what the hex says."""
    hexes = [f"0031000B914477009000F10000{number:02X}{part:02X}" for part in range(parts)]
    pdus = tuple(SubmitPdu(text, len(text) // 2 - 1) for text in hexes)
    return Job(number, pdus, now + life, patience)
