"""Half of the fleet, real modems or those of the sandbox: who is free, who rests, and how much they can send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from simcourier.dispatch.candidates import SUBMIT_S, Candidate
from simcourier.dispatch.pace import MINUTE_MS


@dataclass(slots=True)
class Side:
    """Some of the modems: the real ones, or those of the sandbox. No message ever changes sides.

    `standing` are those that can send or are sending. Of these `idle` could take a message at once, and `aside`
    only one that is to test a barred SIM. A modem whose SIM is at its bound rests: it is in neither.
    """

    is_sandbox: bool
    last_operational: float
    idle: dict[str, Candidate] = field(default_factory=dict)
    aside: dict[str, Candidate] = field(default_factory=dict)
    standing: dict[str, Candidate] = field(default_factory=dict)
    operational: frozenset[str] = frozenset()
    """The names of those that can send or are sending, and whose SIM may."""
    networks: frozenset[str] = frozenset()
    metered: bool = False
    quickest_s: float = 0.0
    """What a submit takes through the best of them."""
    rates: tuple[float, float] = (0.0, 0.0)
    """Messages of one segment that leave in a second: codes, and others."""
    opens_in_s: tuple[float, float] = (0.0, 0.0)
    """Seconds until the first SIM may send again, where all rest: codes, and others."""

    def idle_for(self, now: float) -> float:
        """Seconds since any of them was operational; 0 while one is."""
        return 0.0 if self.operational else now - self.last_operational

    def sum_up(self, now_ms: int) -> None:
        """Count what can be sent: modems came or went, or some time went by."""
        able = [c for c in self.standing.values() if not c.barred]
        self.operational = frozenset(c.modem for c in able)
        self.networks = frozenset(c.network for c in able)
        self.metered = any(c.meter is not None for c in able)
        self.quickest_s = min((c.submit_s + c.burden_s for c in able), default=SUBMIT_S)
        codes = _together(able, 0, now_ms)
        others = _together(able, 1, now_ms) if self.metered else codes
        self.rates = codes[0], others[0]
        self.opens_in_s = codes[1], others[1]


def _together(able: Sequence[Candidate], rank: int, now_ms: int) -> tuple[float, float]:
    """Segments a second through all of them, and seconds until the first."""
    each = [_throughput(candidate, rank, now_ms) for candidate in able]
    return sum(rate for rate, _ in each), min((wait_s for _, wait_s in each), default=0.0)


def _throughput(candidate: Candidate, rank: int, now_ms: int) -> tuple[float, float]:
    """Segments a second, and seconds until the first: for as long as its hour, day and month last."""
    rate, meter = 1 / candidate.submit_s, candidate.meter
    if meter is None:
        return rate, 0.0
    if meter.pace.minute:
        rate = min(rate, meter.pace.minute * 1000 / MINUTE_MS)
    refusal = meter.refusal(rank, 1, None, now_ms)
    if refusal is None:
        return rate, 0.0
    wait_s = (refusal.until_ms - now_ms) / 1000
    return (rate if wait_s <= MINUTE_MS / 1000 else 0.0), wait_s
