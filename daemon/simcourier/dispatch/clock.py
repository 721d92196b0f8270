"""The two times that decisions need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """`monotonic()` seconds for pacing, `wall_ms()` milliseconds since 1970 for the record."""

    monotonic: Callable[[], float]
    wall_ms: Callable[[], int]
