"""Who wants no more messages: by a word that came in, or by an admin; numbers by their keyed hash."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from simcourier.outbox import verifications as record
from simcourier.outbox.audit import Audit, Entry
from simcourier.outbox.lanes import AWAITS_SECOND
from simcourier.outbox.message import Status
from simcourier.outbox.notices import notify
from simcourier.outbox.schema import messages, stops, verifications
from simcourier.outbox.store import drop
from simcourier.outbox.verification import VerificationStatus
from simcourier.outbox.verifications import Closed

BY_SMS = "sms"
"""Who set a stop that came by SMS; all others were set by an API key."""
CANCELED = "the recipient wrote STOP"
MOST = 1_000_000
"""Numbers on the list; sender numbers can be forged, and the disk must not fill."""
MOST_CANCELED = 1_000
"""Waiting messages to one number that a stop cancels at once; an admin's limits keep them fewer."""


@dataclass(frozen=True, slots=True)
class Order:
    """Somebody stops or starts a number; `shown` is its mask, `ranks` are the classes that a stop is for."""

    key: str
    shown: str
    by: str
    at_ms: int
    ranks: frozenset[int]
    number: str = field(default="", repr=False)
    """The number itself; without it what waits is not looked for."""


class Dropped(NamedTuple):
    """A message that left the queue, and where it stands now."""

    n: int
    rank: int
    status: Status


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a stop did: was it new, and what left the queue by it."""

    is_new: bool
    dropped: tuple[Dropped, ...] = ()
    closed: tuple[Closed, ...] = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """A number on the list."""

    key: str
    shown: str
    at_ms: int
    set_by: str


def holds(connection: Connection, number_key: str) -> bool:
    """Does this number want no more messages?"""
    return (
        connection.execute(select(stops.c.at_ms).where(stops.c.number_key == number_key)).first() is not None
    )


def find(connection: Connection, number_key: str) -> Stop | None:
    """The stop of this number."""
    row = connection.execute(select(stops).where(stops.c.number_key == number_key)).first()
    return None if row is None else Stop(*row)


def begin(connection: Connection, audit: Audit, order: Order) -> Stopped:
    """Put a number on the list and cancel what waits for it; one that is on it stays as it is."""
    is_new = not holds(connection, order.key) and _has_room(connection, order)
    if is_new:
        connection.execute(
            stops.insert().values(number_key=order.key, shown=order.shown, at_ms=order.at_ms, set_by=order.by)
        )
        _tell(connection, audit, order, "stops.add", "recipient.stopped")
    dropped, closed = _cancel_waiting(connection, order) if order.number else ((), ())
    return Stopped(is_new, dropped, closed)


def _has_room(connection: Connection, order: Order) -> bool:
    if order.by != BY_SMS:
        return True
    return int(connection.execute(select(func.count()).select_from(stops)).scalar_one()) < MOST


def end(connection: Connection, audit: Audit, order: Order) -> bool:
    """Take a number off the list; False where nothing was changed.

    By SMS only what came by SMS: sender numbers can be forged, and an admin may have had another reason.
    """
    mine = stops.c.number_key == order.key
    if order.by == BY_SMS:
        mine &= stops.c.set_by == BY_SMS
    if connection.execute(stops.delete().where(mine)).rowcount == 0:
        return False
    _tell(connection, audit, order, "stops.lift", "recipient.started")
    return True


def _tell(connection: Connection, audit: Audit, order: Order, action: str, type_: str) -> None:
    audit.append(connection, Entry(order.at_ms, order.by, action, "number", number_key=order.key))
    notify(connection, type_, order.at_ms, None, {"to_masked": order.shown, "by": order.by})


def _cancel_waiting(connection: Connection, order: Order) -> tuple[tuple[Dropped, ...], tuple[Closed, ...]]:
    to_it = (
        messages.c.recipient == order.number,
        messages.c.rank.in_(sorted(order.ranks)),
        messages.c.sandbox.is_(False),
    )
    # What is in a modem's hands or in doubt can't be called back, but it does not leave again.
    under_way = messages.c.status.in_([Status.SENDING, Status.UNKNOWN, Status.SENT])
    connection.execute(messages.update().where(*to_it, under_way).values(stopped=True))
    # What has left may have been kept for a second copy.
    connection.execute(messages.update().where(AWAITS_SECOND, *to_it).values(body=None, second_at_ms=None))
    rows = connection.execute(
        select(messages.c.n, messages.c.rank, messages.c.verification)
        # Under both conditions as they are, SQLite would go through the whole queue, not through what is to the number.
        .where(*to_it, func.lower(messages.c.status) == Status.QUEUED)
        .limit(MOST_CANCELED)
    ).all()
    dropped: list[Dropped] = []
    unsent: set[int] = set()
    for n, rank, verification in rows:
        after = drop(connection, n, Status.QUEUED, Status.CANCELED, order.at_ms, detail=CANCELED)
        if after is not None:
            dropped.append(Dropped(n, rank, after))
        if after is Status.CANCELED and verification is not None:
            unsent.add(verification)
    return tuple(dropped), _close(connection, unsent, order.at_ms)


def _close(connection: Connection, numbers: Collection[int], now_ms: int) -> tuple[Closed, ...]:
    """Close verifications whose code never left: nobody can type it."""
    ids = connection.execute(select(verifications.c.id).where(verifications.c.n.in_(sorted(numbers))))
    found = (record.find(connection, verification_id, None) for verification_id in ids.scalars().all())
    closed = (
        record.close(connection, each, VerificationStatus.CANCELED, now_ms, reason=CANCELED)
        for each in found
        if each is not None and each.status is VerificationStatus.PENDING
    )
    return tuple(each for each in closed if each is not None)


def page(connection: Connection, limit: int, cursor: str | None) -> tuple[list[Stop], str | None]:
    """Numbers on the list by their key, and where the next page begins."""
    statement = select(stops).order_by(stops.c.number_key).limit(limit + 1)
    if cursor is not None:
        statement = statement.where(stops.c.number_key > cursor)
    found = [Stop(*row) for row in connection.execute(statement)]
    return found[:limit], found[limit - 1].key if len(found) > limit else None


def count(connection: Connection) -> int:
    """How many numbers are on the list."""
    return int(connection.execute(select(func.count()).select_from(stops)).scalar_one())
