"""What a modem says unasked: its make's chatter, a scenario's noise and floods (V.250 section 5.7.1)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from random import Random

from simcourier.virtual.occasions import Flood, Noise
from simcourier.virtual.profile import Chatter
from simcourier.virtual.settings import Settings

# A flood comes in portions: thousands of lines a second are not thousands of timers.
_PORTION_S = 0.02
_RUBBISH = range(128, 256)


@dataclass(slots=True)
class _Source:
    """Says `lines()` each time `interval()` has passed, until the command `until` has been given."""

    interval: Callable[[], float]
    lines: Callable[[], list[str]]
    due_at: float
    until: str = ""


class Babble:
    """The sources of one modem; `due_at` is when the first of them has something to say."""

    def __init__(self, rng: Random) -> None:
        self.due_at = math.inf
        self._rng = rng
        self._sources: list[_Source] = []

    def stop(self) -> None:
        """Power was cut."""
        self._sources.clear()
        self.due_at = math.inf

    def use(self, settings: Settings, chatter: tuple[Chatter, ...], given: set[str], now: float) -> None:
        """Follow new settings; `given` are the commands that have silenced something since power-on."""
        self._sources.clear()
        if settings.noise and settings.noise.rate:
            self._sources.append(self._noise(settings.noise, now))
        if settings.flood and settings.flood.rate:
            self._sources.append(self._flood(settings.flood, now))
        for each in chatter if settings.chatter else ():
            if each.until not in given:
                self._sources.append(_chatter(each, each.every_s / settings.chatter, now))
        self._look()

    def hear(self, command: str) -> None:
        """Fall silent where a command asks for it."""
        self._sources = [source for source in self._sources if source.until != command]
        self._look()

    def advance(self, now: float) -> list[str]:
        """Return the lines that are due."""
        lines: list[str] = []
        for source in self._sources:
            if source.due_at <= now:
                lines += source.lines()
                source.due_at = now + source.interval()
        self._look()
        return lines

    def _look(self) -> None:
        self.due_at = min((source.due_at for source in self._sources), default=math.inf)

    def _noise(self, noise: Noise, now: float) -> _Source:
        def interval() -> float:
            return self._rng.expovariate(noise.rate)

        return _Source(interval, lambda: [self._rng.choice(noise.lines)], now + interval())

    def _flood(self, flood: Flood, now: float) -> _Source:
        portions = self._portions(flood)
        return _Source(lambda: _PORTION_S, lambda: next(portions), now)

    def _portions(self, flood: Flood) -> Iterator[list[str]]:
        lines = cycle(flood.lines)
        owed = octets = 0.0
        while True:
            owed += flood.rate * _PORTION_S
            octets += flood.octets * _PORTION_S
            portion = [next(lines) for _ in range(int(owed))]
            if octets >= 1:
                # A line end of its own, so that no other is put around it.
                portion.append("".join(map(chr, self._rng.choices(_RUBBISH, k=int(octets)))) + "\r")
            owed, octets = owed % 1, octets % 1
            yield portion


def _chatter(chatter: Chatter, every_s: float, now: float) -> _Source:
    lines = cycle(chatter.lines)
    return _Source(lambda: every_s, lambda: [next(lines)], now + every_s, chatter.until)
