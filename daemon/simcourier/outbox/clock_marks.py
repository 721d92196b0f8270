"""Whether the wall clock can be trusted across starts of the daemon: same boot, and not set meanwhile."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.engine import Connection

from simcourier.outbox.schema import clock_marks

LARGEST_DRIFT_MS = 10_000
"""More than a clock drifts between two marks, less than a reboot takes."""
_ONLY = 1


def read(connection: Connection) -> int | None:
    """By how many milliseconds the wall clock was ahead of the time since boot, when it was marked last."""
    offset_ms = connection.execute(select(clock_marks.c.offset_ms)).scalar()
    return None if offset_ms is None else int(offset_ms)


def write(connection: Connection, offset_ms: int) -> None:
    """Put a mark in place of the one before."""
    connection.execute(clock_marks.delete())
    connection.execute(clock_marks.insert().values(id=_ONLY, offset_ms=offset_ms))


def is_doubtful(before_ms: int | None, now_ms: int) -> bool:
    """Can times on disk not be compared with the clock any more, after a reboot or because it was set?

    The time since boot starts anew with each boot, so both show as a jump of the difference.
    """
    return before_ms is not None and abs(now_ms - before_ms) > LARGEST_DRIFT_MS
