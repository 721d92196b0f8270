"""Find ports that match patterns, one for each stick, and leave those alone that turned out to be no modem's."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterable
from dataclasses import dataclass

from simcourier.radio.remote import is_remote
from simcourier.radio.roles import Role
from simcourier.radio.specs import DiscoverySpec, PortSpec
from simcourier.radio.sticks import Place, Sticks, worth_opening
from simcourier.radio.wire import NEVER

_FIRST_WAIT = 5.0
_AT_PORT_TRIES = 3
"""A stick that starts may be deaf for 20 s. On its second AT port it would keep its unsolicited lines to itself."""


def is_pattern(port: str) -> bool:
    """Whether a configured port is a glob rather than a path."""
    return not is_remote(port) and glob.has_magic(port)


@dataclass(frozen=True, slots=True)
class Found:
    """A port that matched; `discovered` if nobody asked for just this pattern, so that it may be no modem."""

    spec: PortSpec
    discovered: bool
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Occupied:
    """What links have already: paths that they look at, devices behind those, and sticks."""

    known: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()
    sticks: frozenset[str] = frozenset()


class Finder:
    """Expands the globs of the configuration and the patterns of discovery."""

    def __init__(
        self,
        globs: Iterable[PortSpec],
        discovery: DiscoverySpec | None,
        forget_after: float,
        sticks: Sticks | None = None,
        settle: float = 0.0,
    ) -> None:
        patterns = discovery.patterns if discovery is not None else ()
        baudrate = discovery.baudrate if discovery is not None else 0
        self._patterns = [Found(spec, discovered=False) for spec in globs]
        self._patterns += [
            Found(PortSpec(pattern, baudrate=baudrate), discovered=True) for pattern in patterns
        ]
        self._ignore = discovery.ignore if discovery is not None else ()
        self._forget_after = forget_after
        self._sticks = sticks or Sticks()
        self._settle = settle
        self._left_alone: dict[str, tuple[float, float]] = {}
        self._deaf: dict[str, int] = {}
        self._since: dict[str, float] = {}
        self._scanned = False
        self.reasons: dict[str, str] = {}
        """Why each port that was let go is left alone; replaced one entry at a time."""
        self.settled_at = NEVER
        """When a stick that was seen for the first time may be looked at."""
        self.came: frozenset[str] = frozenset()
        """Sticks that the last scan saw first, and that were not there at the first scan of all."""

    @property
    def looks(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._patterns)

    def leave_alone(self, path: str, now: float, reason: str = "", *, deaf: bool = False) -> None:
        """A port was let go: report it again after some time, which doubles, or when its device went and came.

        `deaf`: it could be opened, and nobody spoke AT there.
        """
        _, before = self._left_alone.get(path, (0.0, _FIRST_WAIT / 2))
        wait = min(2 * before, self._forget_after)
        self._left_alone[path] = (now + wait, wait)
        self.reasons[path] = reason
        if deaf:
            self._deaf[path] = self._deaf.get(path, 0) + 1

    def try_again(self, path: str) -> None:
        """A port's device went or came: forget what was said of it."""
        self._left_alone.pop(path, None)
        self.reasons.pop(path, None)
        self._deaf.pop(path, None)

    def scan(self, occupied: Occupied, now: float) -> list[Found]:
        """Return each port that may be opened now; globs first, and of a stick only the best port at hand."""
        for path in [path for path in self._left_alone if not os.path.lexists(path)]:
            self.try_again(path)
        found = self._matches(occupied)
        of_stick: dict[str, list[Found]] = {}
        for one in found:
            if one.place is not None:
                of_stick.setdefault(one.place.stick, []).append(one)
        self._note(set(of_stick) | occupied.sticks, now)
        wanted = {
            stick: self._choose(stick, ports, now)
            for stick, ports in of_stick.items()
            if stick not in occupied.sticks
        }
        return [
            one
            for one in found
            if (not self._waits(one, now) if one.place is None else wanted.get(one.place.stick) is one)
        ]

    def _matches(self, occupied: Occupied) -> list[Found]:
        found: dict[str, Found] = {}
        for pattern in self._patterns:
            matches = glob.glob(pattern.spec.port)  # noqa: PTH207 -- Path.glob takes no absolute pattern
            for path in sorted(set(matches) - occupied.known):
                if pattern.discovered and self._ignored(path):
                    continue
                real = os.path.realpath(path)
                if real not in occupied.taken and real not in found:
                    spec = PortSpec(path, pattern.spec.name, pattern.spec.baudrate, pattern.spec.pin)
                    found[real] = Found(spec, pattern.discovered, self._sticks.at(os.path.basename(real)))  # noqa: PTH119 -- hundreds of these
        return list(found.values())

    def _note(self, sticks: set[str], now: float) -> None:
        """Remember since when each stick is there. Those of the first scan have been there for long."""
        before, since = self._since, now if self._scanned else -NEVER
        self.came = frozenset(sticks - set(before)) if self._scanned else frozenset()
        self._scanned = True
        self._since = {stick: before.get(stick, since) for stick in sticks}
        waiting = (since + self._settle for since in self._since.values())
        self.settled_at = min((at for at in waiting if at > now), default=NEVER)

    def _choose(self, stick: str, ports: list[Found], now: float) -> Found | None:
        """One port at a time: the next best one only when those before it were let go."""
        if now < self._since[stick] + self._settle:
            return None
        best = worth_opening([one.place for one in ports if one.place is not None])
        by_tty = {one.place.tty: one for one in ports if one.place is not None}
        for place in best:
            found = by_tty[place.tty]
            if not self._waits(found, now):
                return found
            if place.role is Role.AT and self._deaf.get(found.spec.port, 0) < _AT_PORT_TRIES:
                return None
        return None

    def _ignored(self, path: str) -> bool:
        return any(fnmatch.fnmatch(path, ignore) for ignore in self._ignore)

    def _waits(self, found: Found, now: float) -> bool:
        until, _ = self._left_alone.get(found.spec.port, (0.0, 0.0))
        return now < until
