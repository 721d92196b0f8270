"""What the dispatcher knows of the modems: who can send, who is busy, who is paused, and how fast they are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import PurePath

from simcourier.dispatch.policy import Candidate
from simcourier.modem.facts import ModemSnapshot, ModemState

_OPERATIONAL = frozenset({ModemState.READY, ModemState.SENDING})
_SMOOTHING = 0.2
_FIRST_GUESS_S = 4.0
"""Seconds a submit takes, until measured."""


@dataclass(slots=True)
class Side:
    """Some of the modems: the real ones, or those of the sandbox. No message ever changes sides."""

    last_operational: float
    idle: dict[str, Candidate] = field(default_factory=dict)
    operational: set[str] = field(default_factory=set)

    def idle_for(self, now: float) -> float:
        """Seconds since any of them was operational; 0 while one is."""
        return 0.0 if self.operational else now - self.last_operational


class Fleet:
    """The modems by name; `now` is monotonic seconds everywhere.

    A modem is operational while it can send or is sending, and idle while it could take a message at once. It is
    of the sandbox where its port fits one of `sandbox_ports` (paths or globs). The port counts and not the name,
    which may move to another port with the modem.
    """

    def __init__(self, now: float, sandbox_ports: Collection[str] = ()) -> None:
        self._snapshots: dict[str, ModemSnapshot] = {}
        self._busy: set[str] = set()
        self._paused: set[str] = set()
        self._last_used: dict[str, float] = {}
        self._sandbox_ports = sandbox_ports
        self._sides = (Side(now), Side(now))
        self.submit_s = _FIRST_GUESS_S
        self._was_measured = False

    def side(self, sandbox: bool) -> Side:
        """The real modems, or those of the sandbox."""
        return self._sides[sandbox]

    @property
    def has_sandbox(self) -> bool:
        """Is any modem configured for the sandbox?"""
        return bool(self._sandbox_ports)

    def is_sandbox(self, snapshot: ModemSnapshot) -> bool:
        """Is this a modem of the sandbox?"""
        port = PurePath(snapshot.port)
        return any(snapshot.port == known or port.match(known) for known in self._sandbox_ports)

    @property
    def operational(self) -> set[str]:
        """Every modem that can send or is sending, on both sides."""
        real, sandbox = self._sides
        return real.operational | sandbox.operational

    def update(self, snapshot: ModemSnapshot, now: float) -> bool:
        """Take a modem's new state; True where it went up or down."""
        before = self._snapshots.get(snapshot.name)
        was_up = before is not None and before.state in _OPERATIONAL
        is_up = snapshot.state in _OPERATIONAL
        self._snapshots[snapshot.name] = snapshot
        if is_up or was_up:
            self.side(self.is_sandbox(snapshot)).last_operational = now
        self._refresh(snapshot.name)
        return was_up != is_up

    def _refresh(self, name: str) -> None:
        snapshot = self._snapshots[name]
        for side in self._sides:
            side.operational.discard(name)
            side.idle.pop(name, None)
        if snapshot.state not in _OPERATIONAL or name in self._paused:
            return
        sandbox = self.is_sandbox(snapshot)
        side = self.side(sandbox)
        side.operational.add(name)
        if name not in self._busy:
            last_used = self._last_used.get(name, 0.0)
            side.idle[name] = Candidate(name, snapshot.failures, snapshot.signal_dbm, last_used, sandbox)

    def begin(self, name: str, now: float) -> None:
        """The modem got a job."""
        self._busy.add(name)
        self._last_used[name] = now
        for side in self._sides:
            side.idle.pop(name, None)

    def end(self, name: str) -> None:
        """The modem's job is over."""
        self._busy.discard(name)
        self._refresh(name)

    def pause(self, name: str, paused: bool) -> None:
        """Give the modem no more messages, or let it send again."""
        (self._paused.add if paused else self._paused.discard)(name)
        if name in self._snapshots:
            self._refresh(name)

    def is_paused(self, name: str) -> bool:
        """Did an admin pause this modem?"""
        return name in self._paused

    def measured(self, seconds: float) -> None:
        """A submit took this long, Ctrl-Z to +CMGS."""
        weight = _SMOOTHING if self._was_measured else 1.0
        self._was_measured = True
        self.submit_s += weight * (seconds - self.submit_s)

    def snapshot(self, name: str) -> ModemSnapshot | None:
        """The modem's last snapshot."""
        return self._snapshots.get(name)

    def idle_for(self, now: float, *, sandbox: bool = False) -> float:
        """Seconds since any modem of this side was operational; 0 while one is."""
        return self.side(sandbox).idle_for(now)
