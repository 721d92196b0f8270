"""Find ports that match patterns, and leave those alone that turned out to be no modem's."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterable
from dataclasses import dataclass

from simcourier.radio.specs import DiscoverySpec, PortSpec

_FIRST_WAIT = 5.0


def is_pattern(port: str) -> bool:
    """Whether a configured port is a glob rather than a path."""
    return glob.has_magic(port)


@dataclass(frozen=True, slots=True)
class Found:
    """A port that matched; `discovered` if nobody asked for just this pattern, so that it may be no modem."""

    spec: PortSpec
    discovered: bool


class Finder:
    """Expands the globs of the configuration and the patterns of discovery."""

    def __init__(
        self, globs: Iterable[PortSpec], discovery: DiscoverySpec | None, forget_after: float
    ) -> None:
        patterns = discovery.patterns if discovery is not None else ()
        baudrate = discovery.baudrate if discovery is not None else 0
        self._patterns = [Found(spec, discovered=False) for spec in globs]
        self._patterns += [
            Found(PortSpec(pattern, baudrate=baudrate), discovered=True) for pattern in patterns
        ]
        self._ignore = discovery.ignore if discovery is not None else ()
        self._forget_after = forget_after
        self._left_alone: dict[str, tuple[float, float]] = {}

    @property
    def looks(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._patterns)

    def leave_alone(self, path: str, now: float) -> None:
        """A port was let go: report it again after some time, which doubles, or when its device went and came."""
        _, before = self._left_alone.get(path, (0.0, _FIRST_WAIT / 2))
        wait = min(2 * before, self._forget_after)
        self._left_alone[path] = (now + wait, wait)

    def scan(self, known: set[str], taken: set[str], now: float) -> list[Found]:
        """Return each matching port that is neither a `known` path nor leads to a `taken` one; globs first."""
        for path in [path for path in self._left_alone if not os.path.lexists(path)]:
            del self._left_alone[path]
        found: dict[str, Found] = {}
        for pattern in self._patterns:
            matches = glob.glob(pattern.spec.port)  # noqa: PTH207 -- Path.glob takes no absolute pattern
            for path in sorted(set(matches) - known):
                if self._unwanted(path, pattern, now):
                    continue
                real = os.path.realpath(path)
                if real not in taken and real not in found:
                    spec = PortSpec(path, pattern.spec.name, pattern.spec.baudrate, pattern.spec.pin)
                    found[real] = Found(spec, pattern.discovered)
        return list(found.values())

    def _unwanted(self, path: str, pattern: Found, now: float) -> bool:
        if pattern.discovered and any(fnmatch.fnmatch(path, ignore) for ignore in self._ignore):
            return True
        until, _ = self._left_alone.get(path, (0.0, 0.0))
        return now < until
