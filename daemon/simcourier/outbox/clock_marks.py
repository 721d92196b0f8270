"""Whether the wall clock can be trusted across starts of the daemon: same boot, and not set meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.engine import Connection

from simcourier.outbox.schema import clock_marks

LARGEST_DRIFT_MS = 10_000
"""More than a clock drifts between two marks, less than a reboot takes."""
_ONLY = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """By how many milliseconds the wall clock was ahead of the time since boot, and the boot's id where it is known."""

    offset_ms: int
    boot: str = ""


def read(connection: Connection) -> Mark | None:
    """The mark that was set last."""
    row = connection.execute(select(clock_marks.c.offset_ms, clock_marks.c.boot)).first()
    return None if row is None else Mark(int(row.offset_ms), row.boot)


def write(connection: Connection, mark: Mark) -> None:
    """Put a mark in place of the one before."""
    connection.execute(clock_marks.delete())
    connection.execute(clock_marks.insert().values(id=_ONLY, offset_ms=mark.offset_ms, boot=mark.boot))


def is_doubtful(before: Mark | None, now: Mark) -> bool:
    """Can times on disk not be compared with the clock any more, after a reboot or because it was set?

    The time since boot starts anew with each boot, so both show as a jump of the difference; but a box without a
    battery may begin each boot with the same date: then only the boot's id tells.
    """
    if before is None:
        return False
    if before.boot and now.boot and before.boot != now.boot:
        return True
    return abs(now.offset_ms - before.offset_ms) > LARGEST_DRIFT_MS
