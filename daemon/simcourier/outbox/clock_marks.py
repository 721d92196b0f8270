"""Whether the wall clock can be trusted across starts of the daemon: same boot, and not set meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.engine import Connection

from simcourier.outbox.schema import clock_marks

_ONLY = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """A boot by its id, and how far the wall clock is ahead of the time since that boot, in milliseconds."""

    boot: str
    offset_ms: int


def read(connection: Connection) -> Mark | None:
    """The mark that was set last."""
    row = connection.execute(select(clock_marks.c.boot, clock_marks.c.offset_ms)).first()
    return None if row is None else Mark(row.boot, row.offset_ms)


def write(connection: Connection, mark: Mark) -> None:
    """Put a mark in place of the one before."""
    connection.execute(clock_marks.delete())
    connection.execute(clock_marks.insert().values(id=_ONLY, boot=mark.boot, offset_ms=mark.offset_ms))


def doubt(before: Mark | None, now: Mark, largest_step_ms: int) -> str | None:
    """Why times on disk can't be compared with the clock any more; None: they can."""
    if before is None:
        return None
    if before.boot != now.boot:
        return "the box was started anew"
    if abs(now.offset_ms - before.offset_ms) > largest_step_ms:
        return "the clock was set"
    return None
