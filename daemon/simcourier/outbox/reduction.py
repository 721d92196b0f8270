"""Reduce numbers to mask and keyed hash when they are old enough."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from sqlalchemy import and_, func, select
from sqlalchemy.engine import Connection

from simcourier.outbox.duties import BATCH
from simcourier.outbox.message import FINAL, Status
from simcourier.outbox.schema import inbound, messages, relay_cursors, unmatched_reports, verifications
from simcourier.outbox.verification import VerificationStatus
from simcourier.sms.address import mask

DAY_MS = 24 * 3600 * 1000
OPEN_MS = 3 * DAY_MS
"""A message that is not at its end may still get its report for this long, and the report is matched by the number."""
WAITING = (Status.QUEUED, Status.SENDING)
_REDUCED = "reduced:"


def reduce_messages(
    connection: Connection, number_key: Callable[[str], str], before_ms: int, now_ms: int, after: int = 0
) -> tuple[int, int]:
    """Reduce the numbers of a batch of messages behind `after` that were accepted before `before_ms`.

    Returns how many were looked at, and the last of them. How far all are reduced is on record, and the next pass
    begins there: a message that awaits its report keeps its number, and is looked at again.
    """
    name = f"{_REDUCED}msg"
    place = _place(connection, name)
    rows = connection.execute(
        select(
            messages.c.n,
            messages.c.status,
            messages.c.recipient,
            messages.c.number_key,
            messages.c.created_at_ms,
        )
        .where(messages.c.n > max(place, after))
        .order_by(messages.c.n)
        .limit(BATCH)
    ).all()
    old = list(itertools.takewhile(lambda row: row.created_at_ms < before_ms, rows))
    over = [row for row in old if _is_over(row.status, row.created_at_ms, now_ms)]
    for row in over:
        if row.number_key is None:
            values = {"recipient": mask(row.recipient), "number_key": number_key(row.recipient)}
            connection.execute(messages.update().where(messages.c.n == row.n).values(values))
    if after <= place:
        without_gap = [row.n for row, other in zip(old, over, strict=False) if row is other]
        _set_place(connection, name, place, without_gap[-1] if without_gap else place)
    return len(old), old[-1].n if old else after


def _is_over(status: str, created_at_ms: int, now_ms: int) -> bool:
    return status in FINAL or (status not in WAITING and now_ms - created_at_ms > OPEN_MS)


def reduce_verifications(connection: Connection, before_ms: int) -> int:
    """Reduce the numbers of a batch of verifications started before `before_ms`; returns how many were looked at."""
    name = f"{_REDUCED}ver"
    place = _place(connection, name)
    rows = connection.execute(
        select(
            verifications.c.n,
            verifications.c.recipient,
            verifications.c.status,
            verifications.c.created_at_ms,
        )
        .where(verifications.c.n > place)
        .order_by(verifications.c.n)
        .limit(BATCH)
    ).all()
    done = place
    looked_at = 0
    for row in rows:
        if row.created_at_ms >= before_ms or row.status == VerificationStatus.PENDING:
            break
        looked_at, done = looked_at + 1, row.n
        connection.execute(
            verifications.update().where(verifications.c.n == row.n).values(recipient=mask(row.recipient))
        )
    _set_place(connection, name, place, done)
    return looked_at


def reduce_reports(connection: Connection, before_ms: int) -> int:
    """Reduce the numbers of a batch of reports that fit nothing; returns how many were looked at."""
    name = f"{_REDUCED}rep"
    place = _place(connection, name)
    rows = connection.execute(
        select(unmatched_reports.c.seq, unmatched_reports.c.recipient)
        .where(unmatched_reports.c.seq > place, unmatched_reports.c.at_ms < before_ms)
        .order_by(unmatched_reports.c.seq)
        .limit(BATCH)
    ).all()
    for seq, recipient in rows:
        connection.execute(
            unmatched_reports.update()
            .where(unmatched_reports.c.seq == seq)
            .values(recipient=mask(recipient) if recipient else "")
        )
    _set_place(connection, name, place, rows[-1].seq if rows else place)
    return len(rows)


def reduce_inbound(connection: Connection, before_ms: int) -> int:
    """Reduce the senders of a batch of messages that came before `before_ms`; returns how many were looked at."""
    name = f"{_REDUCED}inb"
    place = _place(connection, name)
    rows = connection.execute(
        select(inbound.c.n, inbound.c.sender, inbound.c.received_at_ms)
        .where(inbound.c.n > place)
        .order_by(inbound.c.n)
        .limit(BATCH)
    ).all()
    old = list(itertools.takewhile(lambda row: row.received_at_ms < before_ms, rows))
    for row in old:
        connection.execute(inbound.update().where(inbound.c.n == row.n).values(sender=mask(row.sender)))
    _set_place(connection, name, place, old[-1].n if old else place)
    return len(old)


def rewind(connection: Connection) -> None:
    """Move the places back to the last row there is.

    SQLite gives the number of a deleted last row again: behind the place that row's number would be kept whole. So
    this belongs into each transaction that deletes messages or reports.
    """
    for name, column in ((f"{_REDUCED}msg", messages.c.n), (f"{_REDUCED}rep", unmatched_reports.c.seq)):
        last = connection.execute(select(func.max(column))).scalar() or 0
        of_it = and_(relay_cursors.c.name == name, relay_cursors.c.seq > last)
        connection.execute(relay_cursors.update().where(of_it).values(seq=last))


def _place(connection: Connection, name: str) -> int:
    found = connection.execute(select(relay_cursors.c.seq).where(relay_cursors.c.name == name)).scalar()
    return int(found or 0)


def _set_place(connection: Connection, name: str, before: int, place: int) -> None:
    if place == before:
        return
    connection.execute(relay_cursors.delete().where(relay_cursors.c.name == name))
    connection.execute(relay_cursors.insert().values(name=name, seq=place))
