"""Ends what takes too long: one thread for as many deadlines, one after another, as its owner has."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable


class Watchdog:
    """Calls `bark`, in a thread of its own, when a deadline passes that was neither moved nor lifted.

    `bark` runs under a lock, so it never hits what its owner began after `lift`; it must not wait for anything.
    """

    def __init__(self, bark: Callable[[], None]) -> None:
        self._bark = bark
        self._deadline = math.inf
        self._looks_at = math.inf
        self._ended = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def watch(self, deadline: float) -> None:
        """Bark at this time (monotonic)."""
        with self._changed:
            self._deadline = deadline
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="hook deadline", daemon=True)
                self._thread.start()
            # Mostly it looks earlier anyhow: then it is not woken, and a deadline costs next to nothing.
            if deadline < self._looks_at:
                self._changed.notify()

    def lift(self) -> None:
        """What was under way is over."""
        with self._changed:
            self._deadline = math.inf

    def end(self) -> None:
        """Let the thread go."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._ended:
                left_s = self._deadline - time.monotonic()
                if left_s <= 0:
                    self._deadline = math.inf
                    self._bark()
                    continue
                self._looks_at = self._deadline
                self._changed.wait(None if left_s == math.inf else left_s)
