"""Which class is next: codes first, but of a hundred messages that leave while all wait each class has its share."""

from __future__ import annotations

from collections.abc import Sequence

_LARGEST = 100.0
"""What a class may be owed, at most: one that waited long in vain must not crowd out the others afterwards."""


class Shares:
    """A smooth weighted round over the classes that wait; a class that does not wait saves nothing up."""

    def __init__(self, shares: Sequence[int]) -> None:
        total = sum(shares)
        self._shares = [100.0 * share / total for share in shares]
        self._owed = [0.0] * len(shares)

    def order(self, waiting: Sequence[int]) -> Sequence[int]:
        """The ranks that wait, given in rising order, the next one first."""
        if len(waiting) < 2:
            return waiting
        return sorted(waiting, key=lambda rank: (-self._owed[rank] - self._shares[rank], rank))

    def took(self, rank: int, waiting: Sequence[int]) -> None:
        """A message of this rank leaves while these ranks waited."""
        if len(waiting) < 2:
            if any(self._owed):
                self._owed = [0.0] * len(self._owed)
            return
        all_ = sum(self._shares[other] for other in waiting)
        for other, owed in enumerate(self._owed):
            earned = self._shares[other] - all_ * (other == rank)
            self._owed[other] = max(-_LARGEST, min(owed + earned, _LARGEST)) if other in waiting else 0.0
