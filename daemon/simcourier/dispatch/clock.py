"""The two times that decisions need: one that only goes on, and the wall clock made steady."""

from __future__ import annotations

from collections.abc import Callable


class Clock:
    """Monotonic seconds for pacing, wall-clock milliseconds since 1970 for the record.

    `wall_ms` goes on evenly when somebody sets the system's clock. `drift_ms` tells by how much it is off by then,
    and `adopt` takes that over, once every deadline on record was moved along.
    """

    def __init__(self, monotonic: Callable[[], float], system_ms: Callable[[], int]) -> None:
        self.monotonic = monotonic
        self._system_ms = system_ms
        self._offset_ms = system_ms() - int(monotonic() * 1000)

    def wall_ms(self) -> int:
        """Milliseconds since 1970."""
        return int(self.monotonic() * 1000) + self._offset_ms

    def drift_ms(self) -> int:
        """How far the system's clock is ahead of this one (negative: behind)."""
        return self._system_ms() - self.wall_ms()

    def adopt(self, step_ms: int) -> None:
        """Move on or back by `step_ms`."""
        self._offset_ms += step_ms
