"""A session and what plays its modem, face to face in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from simcourier.errors import BugError
from simcourier.modem.facts import (
    Fact,
    Job,
    MessageArrived,
    ModemChanged,
    ModemState,
    PinWanted,
    ReportArrived,
)
from simcourier.modem.session import Session
from simcourier.modem.timings import Timings
from simcourier.sms.submit import SubmitPdu

FICTIONAL_PIN = "0000"
_TURNS = 10_000


class Counterpart(Protocol):
    """What plays the modem."""

    def hear(self, data: bytes) -> bytes:
        """Take bytes from the session, return what the modem says at once."""


class Desk:
    """Lets time pass between the two, and does what the dispatcher would: PINs are allowed, what is told is stored."""

    def __init__(self, counterpart: Counterpart, timings: Timings | None = None) -> None:
        self._counterpart = counterpart
        self.session = Session("modem-1", "replay", timings=timings or Timings(), pin=FICTIONAL_PIN)
        self.now = 1000.0
        self.facts: list[Fact] = []
        """All that was told, but for `ModemChanged`."""

    @property
    def state(self) -> ModemState:
        """The modem's state."""
        return self.session.modem.state

    def plug(self) -> None:
        """Open the port."""
        self.session.opening(self.now)
        self.session.opened(self.now)
        self.settle()

    def submit(self, job: Job, *, permitted: bool = True) -> None:
        """Hand over a job."""
        self.session.submit(job, self.now)
        if permitted:
            self.session.permit(job.number, True, self.now)
        self.settle()

    def say(self, octets: bytes) -> None:
        """The modem says something by itself."""
        self.session.receive(octets, self.now)
        self.settle()

    def settle(self) -> None:
        """Exchange bytes until nobody has anything to say without time passing."""
        for _ in range(_TURNS):
            self._take_facts()
            data = self.session.take_output()
            if not data:
                return
            self.session.receive(self._counterpart.hear(data), self.now)
        raise BugError("session and dialogue never stop talking")

    def _take_facts(self) -> None:
        for fact in self.session.take_facts():
            if isinstance(fact, ModemChanged):
                continue
            self.facts.append(fact)
            if isinstance(fact, PinWanted):
                self.session.allow_pin(True, self.now)
            elif isinstance(fact, ReportArrived | MessageArrived) and fact.token:
                self.session.stored(fact.token, self.now)

    def until(self, done: Callable[[], bool], within: float) -> bool:
        """Let time pass until something is so, at most `within` seconds; return whether it is."""
        end = self.now + within
        self.settle()
        while not done():
            deadline = self.session.deadline
            if deadline is None or deadline > end:
                self.now = end
                break
            self.now = max(self.now, deadline)
            self.session.advance(self.now)
            self.settle()
        return done()

    def run(self, seconds: float) -> None:
        """Let time pass, each deadline at its moment."""
        self.until(lambda: False, seconds)


def job(number: int = 1, parts: int = 1, *, now: float = 1000.0, life: float = 300.0) -> Job:
    """A job of short made-up PDUs; `tpdu_length` is what the hex says."""
    hexes = [f"0031000B914477009000F10000{number & 255:02X}{part:02X}" for part in range(parts)]
    return Job(number, tuple(SubmitPdu(text, len(text) // 2 - 1) for text in hexes), now + life)
