"""Count what comes by itself and see whether it is more than a modem has to say."""

from __future__ import annotations


class Meter:
    """More than `limit` within `window` seconds is too much."""

    __slots__ = ("_began", "_count", "_limit", "_window", "total")

    def __init__(self, limit: int, window: float) -> None:
        self._limit = limit
        self._window = window
        self._began = -window
        self._count = 0
        self.total = 0

    def add(self, count: int, now: float) -> bool:
        """Count; return whether it is too much now."""
        self.total += count
        if now - self._began >= self._window:
            self._began = now
            self._count = 0
        self._count += count
        return self._count > self._limit
