"""Keep what people wrote to the SIM cards: parts until they are joined, whole messages until they are too old."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sqlalchemy import ColumnElement, RowMapping, and_, func, literal_column, select
from sqlalchemy.engine import Connection

from simcourier.outbox.duties import BATCH
from simcourier.outbox.schema import inbound, inbound_parts, inbound_seen

HOUR_MS = 3600 * 1000
MOST_OF_SENDER = 100
"""Messages of one sender in an hour that are kept; beyond it the oldest of them go."""
MOST = 50_000
"""Messages that are kept in all: somebody may write under ever new numbers."""
MOST_PARTS_OF_SENDER = 300
"""Parts of one sender that wait for others: a little more than the longest message has."""
MOST_PARTS = 2_000
MOST_SEEN = 200_000
"""Digests that are kept; those that were not met for the longest time go."""

# In words, as the partial index has it.
_UNREAD: ColumnElement[bool] = literal_column("inbound.acked_at_ms IS NULL")
_p = inbound_parts.c


class InboundKind(StrEnum):
    """What came in: a text, octets that are no text, or nothing but a keyword."""

    TEXT = "text"
    DATA = "data"
    STOP = "stop"
    START = "start"


@dataclass(frozen=True, slots=True)
class NewInbound:
    """A whole message, or what came of one, ready to be written; times in ms since 1970."""

    id: str
    kind: InboundKind
    sim: str
    modem: str
    sender: str = field(repr=False)
    sender_key: str
    body: bytes = field(repr=False)
    parts: int
    missing: int
    sent_at_ms: int | None
    received_at_ms: int


@dataclass(frozen=True, slots=True)
class Record:
    """A message on record; `sender` is a mask once it was reduced."""

    n: int
    id: str
    kind: InboundKind
    modem: str
    sender: str = field(repr=False)
    body: bytes | None = field(repr=False)
    parts: int
    missing: int
    sent_at_ms: int | None
    received_at_ms: int
    acked_at_ms: int | None
    acked_by: str | None


@dataclass(frozen=True, slots=True)
class Long:
    """What the parts of one message have in common."""

    sim: str
    sender_key: str
    reference: int
    total: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part that waits for the others; `body` is sealed, bound to `owner`."""

    of: Long
    part: int
    sender: str = field(repr=False)
    modem: str
    body: bytes = field(repr=False)
    sent_at_ms: int | None
    received_at_ms: int

    @property
    def owner(self) -> str:
        """What its seal is bound to."""
        return part_owner(self.of.sim, self.of.sender_key, self.of.reference, self.of.total, self.part)

    def sealed(self, body: bytes) -> Part:
        """The same with its body."""
        return replace(self, body=body)


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, and where the next page begins."""

    records: list[Record]
    next_cursor: int | None


def part_owner(sim: str, sender_key: str, reference: int, total: int, part: int) -> str:
    """What the seal of a part is bound to."""
    return f"part {sim} {sender_key} {reference} {total} {part}"


# --- come in ---


def is_new(connection: Connection, digest: str, at_ms: int) -> bool:
    """Was a message with this digest never seen? From now on it is.

    One that is met again is kept in mind for longer: it lies in a SIM that can't delete it.
    """
    known = inbound_seen.update().where(inbound_seen.c.digest == digest).values(at_ms=at_ms)
    if connection.execute(known).rowcount:
        return False
    connection.execute(inbound_seen.insert().values(digest=digest, at_ms=at_ms))
    return True


def add(connection: Connection, new: NewInbound) -> int:
    """Write a message; returns how many older ones had to go for it."""
    result = connection.execute(
        inbound.insert().values(
            id=new.id,
            kind=new.kind,
            sim=new.sim,
            modem=new.modem,
            sender=new.sender,
            sender_key=new.sender_key,
            body=new.body,
            parts=new.parts,
            missing=new.missing,
            sent_at_ms=new.sent_at_ms,
            received_at_ms=new.received_at_ms,
        )
    )
    key = result.inserted_primary_key
    assert key is not None  # noqa: S101 - an insert into a table with a serial has one
    return _make_room(connection, new, int(key[0]))


def _make_room(connection: Connection, new: NewInbound, n: int) -> int:
    too_many = _lately(connection, new.sender_key, new.received_at_ms, MOST_OF_SENDER, BATCH)
    gone = connection.execute(inbound.delete().where(inbound.c.n.in_(too_many))).rowcount
    return gone + connection.execute(inbound.delete().where(inbound.c.n <= n - MOST)).rowcount


def is_flooding(connection: Connection, sender_key: str, now_ms: int) -> bool:
    """Has this sender written as much in the last hour as is kept of it?"""
    return bool(_lately(connection, sender_key, now_ms, MOST_OF_SENDER - 1, 1))


def _lately(connection: Connection, sender_key: str, now_ms: int, behind: int, limit: int) -> list[int]:
    """What this sender wrote in the last hour, the newest first, without the first `behind` of it.

    Only the newest are looked at, whatever is kept of this sender from other hours.
    """
    newest = select(inbound.c.n, inbound.c.received_at_ms).where(inbound.c.sender_key == sender_key)
    rows = connection.execute(newest.order_by(inbound.c.n.desc()).offset(behind).limit(limit))
    return [row.n for row in rows if row.received_at_ms > now_ms - HOUR_MS]


def keep_part(connection: Connection, part: Part) -> int:
    """Keep a part until the others are there; returns how many older parts had to go for it."""
    connection.execute(
        inbound_parts.insert().values(
            sim=part.of.sim,
            sender_key=part.of.sender_key,
            reference=part.of.reference,
            total=part.of.total,
            part=part.part,
            sender=part.sender,
            modem=part.modem,
            body=part.body,
            sent_at_ms=part.sent_at_ms,
            received_at_ms=part.received_at_ms,
        )
    )
    of_sender = _p.sender_key == part.of.sender_key
    return _drop_oldest_parts(connection, of_sender, MOST_PARTS_OF_SENDER) + _drop_oldest_parts(
        connection, literal_column("1 = 1"), MOST_PARTS
    )


def _drop_oldest_parts(connection: Connection, condition: ColumnElement[bool], most: int) -> int:
    count = connection.execute(select(func.count()).select_from(inbound_parts).where(condition)).scalar_one()
    if count <= most:
        return 0
    oldest = connection.execute(
        select(inbound_parts).where(condition).order_by(_p.received_at_ms).limit(1)
    ).one()
    # The whole message: what lacks one part for good needs none of the others.
    return drop_parts(connection, Long(oldest.sim, oldest.sender_key, oldest.reference, oldest.total))


def parts_of(connection: Connection, long: Long) -> list[Part]:
    """The parts of a message that are there, in their order."""
    rows = connection.execute(select(inbound_parts).where(_is_of(long)).order_by(_p.part))
    return [
        Part(long, row.part, row.sender, row.modem, row.body, row.sent_at_ms, row.received_at_ms)
        for row in rows
    ]


def drop_parts(connection: Connection, long: Long) -> int:
    """Forget the parts of a message; returns how many there were."""
    return connection.execute(inbound_parts.delete().where(_is_of(long))).rowcount


def overdue(connection: Connection, before_ms: int) -> list[Long]:
    """Messages whose first part came before `before_ms`, some of them."""
    key = (_p.sim, _p.sender_key, _p.reference, _p.total)
    rows = connection.execute(select(*key).where(_p.received_at_ms < before_ms).distinct().limit(BATCH))
    return [Long(*row) for row in rows]


def _is_of(long: Long) -> ColumnElement[bool]:
    return and_(
        _p.sim == long.sim,
        _p.sender_key == long.sender_key,
        _p.reference == long.reference,
        _p.total == long.total,
    )


# --- read ---

_COLUMNS = (
    inbound.c.n,
    inbound.c.id,
    inbound.c.kind,
    inbound.c.modem,
    inbound.c.sender,
    inbound.c.body,
    inbound.c.parts,
    inbound.c.missing,
    inbound.c.sent_at_ms,
    inbound.c.received_at_ms,
    inbound.c.acked_at_ms,
    inbound.c.acked_by,
)


def page(connection: Connection, limit: int, cursor: int | None, *, unacked: bool = False) -> Page:
    """The newest messages first; of those that nobody acknowledged the oldest first, for they wait in a queue."""
    statement = select(*_COLUMNS).limit(limit + 1)
    if unacked:
        statement = statement.where(_UNREAD, inbound.c.n > (cursor or 0)).order_by(inbound.c.n)
    elif cursor is not None:
        statement = statement.where(inbound.c.n < cursor).order_by(inbound.c.n.desc())
    else:
        statement = statement.order_by(inbound.c.n.desc())
    found = _records(connection.execute(statement).mappings().all())
    return Page(found[:limit], found[limit - 1].n if len(found) > limit else None)


def find(connection: Connection, inbound_id: str) -> Record | None:
    """The message with this id."""
    rows = connection.execute(select(*_COLUMNS).where(inbound.c.id == inbound_id)).mappings().all()
    return _records(rows)[0] if rows else None


def _records(rows: Sequence[RowMapping]) -> list[Record]:
    return [Record(**{**row, "kind": InboundKind(row["kind"])}) for row in rows]


def ack(connection: Connection, inbound_id: str, by: str, now_ms: int) -> Record | None:
    """Note that somebody has taken the message over; the first one stays on record. None: there is no such message."""
    connection.execute(
        inbound.update().where(inbound.c.id == inbound_id, _UNREAD).values(acked_at_ms=now_ms, acked_by=by)
    )
    return find(connection, inbound_id)


# --- get old ---


def retire(connection: Connection, before_ms: int) -> int:
    """Delete a batch of messages that came before `before_ms`; returns how many."""
    old = select(inbound.c.n).where(inbound.c.received_at_ms < before_ms).limit(BATCH)
    return connection.execute(inbound.delete().where(inbound.c.n.in_(old.scalar_subquery()))).rowcount


def forget_seen(connection: Connection, before_ms: int) -> int:
    """Forget a batch of digests that were not met since `before_ms`, or that are too many; returns how many."""
    seen = inbound_seen.c
    count = connection.execute(select(func.count()).select_from(inbound_seen)).scalar_one()
    old = select(seen.digest).order_by(seen.at_ms).limit(BATCH)
    if count <= MOST_SEEN:
        old = old.where(seen.at_ms < before_ms)
    return connection.execute(inbound_seen.delete().where(seen.digest.in_(old.scalar_subquery()))).rowcount
