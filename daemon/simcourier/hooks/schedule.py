"""When a delivery that failed is tried again."""

from __future__ import annotations

RETRIES_S = (5.0, 5 * 60.0, 30 * 60.0, 2 * 3600.0)
"""Pauses after the first, second ... failure; after the last one's the delivery has failed."""
JITTER = 0.2
"""Up to this much longer, so that what failed together does not come back together."""
LONGEST_MS = int(RETRIES_S[-1] * (1 + JITTER) * 1000)


def pause_ms(failures: int, chance: float) -> int | None:
    """The pause after so many failures, or None: it has failed. `chance` is from 0 to 1."""
    if failures > len(RETRIES_S):
        return None
    return int(RETRIES_S[failures - 1] * (1 + JITTER * chance) * 1000)
