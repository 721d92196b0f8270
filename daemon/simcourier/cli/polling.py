"""Look again and again at a box that can't call us: the one place of the command line that sleeps."""

from __future__ import annotations

import time
from collections.abc import Iterator

_GROWTH = 1.3


def looks(first_s: float, longest_s: float, patience_s: float) -> Iterator[bool]:
    """Yield for each look, at growing distances; what is yielded tells whether it is the last one."""
    deadline = time.monotonic() + patience_s
    pause_s = first_s
    while True:
        left_s = deadline - time.monotonic()
        yield left_s <= 0
        if left_s <= 0:
            return
        time.sleep(min(pause_s, left_s))
        pause_s = min(longest_s, pause_s * _GROWTH)
