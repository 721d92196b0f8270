"""What the dispatcher knows of the modems: who can send, who is busy, who is paused, and how fast they are."""

from __future__ import annotations

from simcourier.dispatch.policy import Candidate
from simcourier.modem.facts import ModemSnapshot, ModemState

_OPERATIONAL = frozenset({ModemState.READY, ModemState.SENDING})
_SMOOTHING = 0.2
_FIRST_GUESS_S = 4.0
"""Seconds a submit takes, until measured."""


class Fleet:
    """The modems by name; `now` is monotonic seconds everywhere.

    A modem is operational while it can send or is sending, and idle while it could take a message at once.
    """

    def __init__(self, now: float) -> None:
        self._snapshots: dict[str, ModemSnapshot] = {}
        self._busy: set[str] = set()
        self._paused: set[str] = set()
        self._last_used: dict[str, float] = {}
        self.idle: dict[str, Candidate] = {}
        self.operational: set[str] = set()
        self.last_operational = now
        self.submit_s = _FIRST_GUESS_S
        self._was_measured = False

    def update(self, snapshot: ModemSnapshot, now: float) -> bool:
        """Take a modem's new state; True where it went up or down."""
        before = self._snapshots.get(snapshot.name)
        was_up = before is not None and before.state in _OPERATIONAL
        is_up = snapshot.state in _OPERATIONAL
        self._snapshots[snapshot.name] = snapshot
        if is_up or was_up:
            self.last_operational = now
        self._refresh(snapshot.name)
        return was_up != is_up

    def _refresh(self, name: str) -> None:
        snapshot = self._snapshots[name]
        able = snapshot.state in _OPERATIONAL and name not in self._paused
        (self.operational.add if able else self.operational.discard)(name)
        if able and name not in self._busy:
            last_used = self._last_used.get(name, 0.0)
            self.idle[name] = Candidate(name, snapshot.failures, snapshot.signal_dbm, last_used)
        else:
            self.idle.pop(name, None)

    def begin(self, name: str, now: float) -> None:
        """The modem got a job."""
        self._busy.add(name)
        self._last_used[name] = now
        self.idle.pop(name, None)

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

    def idle_for(self, now: float) -> float:
        """Seconds since any modem was operational; 0 while one is."""
        return 0.0 if self.operational else now - self.last_operational
