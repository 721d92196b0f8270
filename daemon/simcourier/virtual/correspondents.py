"""People who write to a SIM of their own accord, as a scenario wants it."""

from __future__ import annotations

import math
from random import Random

from simcourier.virtual.network import Network
from simcourier.virtual.occasions import Inbound
from simcourier.virtual.sim import Sim

# Ofcom keeps +44 7700 900000 to 900999 for fiction.
_NUMBERS = 1000


class Correspondents:
    """Writes to one SIM at random times; `due_at` is when the next text comes."""

    def __init__(self, network: Network, rng: Random) -> None:
        self.due_at = math.inf
        self._network = network
        self._rng = rng
        self._inbound: Inbound | None = None

    def use(self, inbound: Inbound | None, now: float) -> None:
        """Follow new settings."""
        if inbound is not self._inbound and inbound != self._inbound:
            self._inbound = inbound
            self._choose(now)

    def advance(self, sim: Sim, now: float) -> None:
        """Write the text that is due."""
        inbound, rng = self._inbound, self._rng
        if inbound is not None:
            self._network.text(
                f"+447700900{rng.randrange(_NUMBERS):03d}",
                sim,
                rng.choice(inbound.texts),
                now,
                shuffle=rng if inbound.shuffled else None,
                copies=inbound.copies,
                lost=[rng.random() < inbound.lost_parts for _ in range(10)] if inbound.lost_parts else [],
            )
        self._choose(now)

    def _choose(self, now: float) -> None:
        rate = self._inbound.rate if self._inbound else 0.0
        self.due_at = now + self._rng.expovariate(rate) if rate else math.inf
