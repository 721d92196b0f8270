"""A radio on its own, and everything that it has told: for live tests."""

from __future__ import annotations

import itertools
import queue
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from simcourier.modem.facts import Fact, Job, ModemChanged, ModemSnapshot, ModemState, SubmitEnded
from simcourier.modem.waits import Rest
from simcourier.radio import DiscoverySpec, PortSpec, Radio, RadioSettings
from simcourier.sms.address import parse_recipient
from simcourier.sms.submit import encode_submit

PATIENCE_S = 20.0

F = TypeVar("F")


class Watch:
    """A radio, and everything that it has told."""

    def __init__(
        self,
        *ports: PortSpec | Path,
        discovery: DiscoverySpec | None = None,
        settings: RadioSettings | None = None,
    ) -> None:
        specs = [port if isinstance(port, PortSpec) else PortSpec(str(port)) for port in ports]
        self.facts: list[Fact] = []
        self._arrived: queue.SimpleQueue[Fact] = queue.SimpleQueue()
        self.radio = Radio(specs, discovery, self._arrived.put, settings)
        self._numbers = itertools.count(1)

    def told(self, kind: type[F]) -> list[F]:
        self._gather()
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def _gather(self) -> None:
        while not self._arrived.empty():
            self.facts.append(self._arrived.get())

    def until(self, condition: Callable[[], bool], what: str, within: float = PATIENCE_S) -> float:
        """Wait for facts until something is so; return how long that took."""
        began = time.monotonic()
        while not condition():
            left = began + within - time.monotonic()
            assert left > 0, f"not within {within} s: {what}; {self.radio.snapshots()}"
            try:
                self.facts.append(self._arrived.get(timeout=min(left, 0.02)))
            except queue.Empty:
                continue
        return time.monotonic() - began

    def state(self, name: str) -> ModemState | None:
        snapshot = self.radio.snapshots().get(name)
        return snapshot.state if snapshot is not None else None

    def until_state(self, name: str, state: ModemState, within: float = PATIENCE_S) -> float:
        return self.until(lambda: self.state(name) is state, f"{name} is {state}", within)

    def until_ready(self, *names: str, within: float = PATIENCE_S) -> float:
        return self.until(
            lambda: all(self.state(name) is ModemState.READY for name in names), f"{names} ready", within
        )

    def until_idle(self, name: str) -> None:
        """Wait until the modem is ready and has done what follows that."""
        self.until_ready(name)
        session = self.radio._roster.named[name].session
        self.until(lambda: isinstance(session._wait, Rest) and not session.modem.has_chores(), "idle")

    def submit(
        self, modem: str, *, permitted: bool = True, patience: float = 60.0, life: float = 300.0
    ) -> int:
        number = next(self._numbers)
        pdus = encode_submit(parse_recipient("+447700900123"), f"Code {number}", validity_s=300)
        self.radio.submit(modem, Job(number, pdus, time.monotonic() + life, patience))
        if permitted:
            self.radio.permit(number, True)
        return number

    def end_of(self, number: int, within: float = PATIENCE_S) -> SubmitEnded:
        def ended() -> list[SubmitEnded]:
            return [fact for fact in self.told(SubmitEnded) if fact.job == number]

        self.until(lambda: bool(ended()), f"the end of job {number}", within)
        (end,) = ended()
        return end

    def send(self, modem: str) -> SubmitEnded:
        return self.end_of(self.submit(modem))

    def told_of(self, name: str) -> list[ModemSnapshot]:
        return [fact.snapshot for fact in self.told(ModemChanged) if fact.snapshot.name == name]
