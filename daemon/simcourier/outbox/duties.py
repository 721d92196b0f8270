"""What time does to messages: they expire, their bodies are wiped, and their history is dropped one day."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import literal_column, select
from sqlalchemy.engine import Connection

from simcourier.outbox import lanes
from simcourier.outbox.lanes import AWAITS_SECOND, HAS_BODY, IS_QUEUED
from simcourier.outbox.message import Status, Waiting
from simcourier.outbox.schema import events, messages, parts
from simcourier.outbox.store import drop

EXPIRE_LIMIT = 200
TOO_LATE = "its deadline passed before it could be sent"


def expire(
    connection: Connection, now_ms: int, why: Callable[[Waiting, int], str], limit: int = EXPIRE_LIMIT
) -> list[tuple[int, int, Status]]:
    """End waiting messages whose deadline has passed; returns their (n, rank) and where they stand then.

    That is `expired`, but `sent` again for one of which only a second copy waited. `why` says of one that might have
    left from such a time on (wall-clock milliseconds) what kept it; that goes on record.
    """
    ended = []
    for message, due_ms in lanes.late(connection, now_ms, limit):
        kept = why(message, due_ms)
        detail = TOO_LATE + (f": {kept}" if kept else "")
        status = drop(connection, message.n, Status.QUEUED, Status.EXPIRED, now_ms, detail=detail)
        if status is not None:
            ended.append((message.n, message.rank, status))
    return ended


def wipe(connection: Connection, now_ms: int) -> int:
    """Wipe bodies past their deadline that wait for nothing but a report; returns how many."""
    return connection.execute(
        messages.update()
        .where(
            HAS_BODY,
            messages.c.deadline_ms <= now_ms,
            messages.c.status.not_in([Status.QUEUED, Status.SENDING]),
        )
        .values(body=None, second_at_ms=None)
    ).rowcount


BATCH = 500
"""Rows that a recurring duty changes in one transaction, so that no code waits for it."""


def retire(connection: Connection, before_ms: int, after: int = 0) -> tuple[int, int]:
    """Delete messages accepted before `before_ms`, with their history, oldest first.

    Looks at one batch behind the message `after`; returns how many were looked at and the last of them.
    """
    # n grows with the time of acceptance, so the oldest rows come first.
    rows = connection.execute(
        select(messages.c.n, messages.c.created_at_ms, messages.c.status)
        .where(messages.c.n > after)
        .order_by(messages.c.n)
        .limit(BATCH)
    ).all()
    old = [row for row in rows if row.created_at_ms < before_ms]
    gone = [row.n for row in old if row.status not in {Status.QUEUED, Status.SENDING}]
    if gone:
        connection.execute(events.delete().where(events.c.message.in_(gone)))
        connection.execute(parts.delete().where(parts.c.message.in_(gone)))
        connection.execute(messages.delete().where(messages.c.n.in_(gone)))
    return len(old), old[-1].n if old else after


def stop_awaiting(connection: Connection, before_ms: int) -> int:
    """Give up waiting for reports of a batch of parts submitted before `before_ms`; returns how many."""
    rows = connection.execute(
        select(parts.c.message, parts.c.attempt, parts.c.part)
        .where(literal_column("parts.awaiting"), parts.c.at_ms < before_ms)
        .limit(BATCH)
    ).all()
    for message, attempt, part in rows:
        connection.execute(
            parts.update()
            .where(parts.c.message == message, parts.c.attempt == attempt, parts.c.part == part)
            .values(awaiting=False)
        )
    return len(rows)


def shift_times(connection: Connection, step_ms: int) -> None:
    """The clock was set by `step_ms`: what waits keeps the life that it had left."""
    connection.execute(messages.update().where(HAS_BODY).values(deadline_ms=messages.c.deadline_ms + step_ms))
    connection.execute(
        messages.update()
        .where(IS_QUEUED, messages.c.next_at_ms > 0)
        .values(next_at_ms=messages.c.next_at_ms + step_ms)
    )
    connection.execute(
        messages.update().where(AWAITS_SECOND).values(second_at_ms=messages.c.second_at_ms + step_ms)
    )
