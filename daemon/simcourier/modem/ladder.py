"""The ladder of recovery: what was tried in one bout of trouble, and what is due next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from simcourier.modem.facts import Fault, Rung

_HEIGHTS = {rung: height for height, rung in enumerate(Rung)}

Steps = Sequence[tuple[Rung, float]]
"""Rungs from the bottom, each with the seconds between the one before it, or the ailment's beginning, and it."""


@dataclass(slots=True)
class Bout:
    """One spell of trouble, from the fault that began it until the modem is ready again.

    Each rung counts once; the next bout begins at the bottom.
    """

    fault: Fault
    began: float
    highest: Rung = Rung.PROBE
    stepped_at: float = 0.0
    """When the last step was taken."""
    told: set[Fault] = field(default_factory=set)

    def due(self, steps: Steps, since: float, now: float) -> Rung | None:
        """Return the step whose time has come for a modem that ails so `since` then."""
        for rung, wait in steps:
            if _HEIGHTS[rung] > _HEIGHTS[self.highest]:
                return rung if now - max(since, self.stepped_at) >= wait else None
        return None

    def take(self, rung: Rung, now: float) -> None:
        """A step is being taken."""
        if _HEIGHTS[rung] > _HEIGHTS[self.highest]:
            self.highest = rung
            self.stepped_at = now
