"""Bring what is sealed under the newest key, and tell what is still under each key."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from sqlalchemy import ColumnElement, LargeBinary, and_, bindparam, func, literal_column, or_, select, tuple_
from sqlalchemy.engine import Connection

from simcourier.errors import EquipmentError
from simcourier.outbox.duties import BATCH
from simcourier.outbox.inbound import part_owner
from simcourier.outbox.lanes import HAS_BODY
from simcourier.outbox.schema import inbound, inbound_parts, messages, verifications, webhook_endpoints
from simcourier.outbox.seal import Sealer

# In words, as the partial indices have them.
_IS_PENDING: ColumnElement[bool] = literal_column("verifications.status = 'pending'")
_REPLACE = (
    messages.update()
    .where(messages.c.n == bindparam("b_n"), messages.c.body == bindparam("b_old"))
    .values(body=bindparam("b_new"))
)


class Place(NamedTuple):
    """How far the bodies were looked at: in the order of their deadlines, which an index has."""

    deadline_ms: int
    n: int


FIRST = Place(-1, -1)


def bodies(connection: Connection, sealer: Sealer, after: Place = FIRST) -> Place | None:
    """Seal a batch of bodies behind `after` anew where an older key sealed them; None where there are no more."""
    rows = connection.execute(
        select(messages.c.n, messages.c.id, messages.c.deadline_ms, messages.c.body)
        .where(HAS_BODY, tuple_(messages.c.deadline_ms, messages.c.n) > tuple_(*after))
        .order_by(messages.c.deadline_ms, messages.c.n)
        .limit(BATCH)
    ).all()
    changes = [
        {"b_n": row.n, "b_old": row.body, "b_new": new}
        for row in rows
        if (new := _anew(sealer, row.body, row.id))
    ]
    if changes:
        connection.execute(_REPLACE, changes)
    return Place(rows[-1].deadline_ms, rows[-1].n) if len(rows) == BATCH else None


def webhook_secrets(connection: Connection, sealer: Sealer) -> int:
    """Seal the secrets of the webhook endpoints anew where an older key sealed them; returns how many."""
    count = 0
    columns = (webhook_endpoints.c.secret, webhook_endpoints.c.old_secret)
    for row in connection.execute(select(webhook_endpoints.c.n, webhook_endpoints.c.id, *columns)).all():
        given = {"secret": row.secret, "old_secret": row.old_secret}
        old = {
            name: new for name, sealed in given.items() if sealed and (new := _anew(sealer, sealed, row.id))
        }
        if old:
            connection.execute(webhook_endpoints.update().where(webhook_endpoints.c.n == row.n).values(old))
            count += len(old)
    return count


def inbound_bodies(connection: Connection, sealer: Sealer, after: int = 0) -> int | None:
    """Seal a batch of what came in anew where an older key sealed it; None where there is no more behind `after`."""
    rows = connection.execute(
        select(inbound.c.n, inbound.c.id, inbound.c.body)
        .where(inbound.c.n > after, inbound.c.body.is_not(None))
        .order_by(inbound.c.n)
        .limit(BATCH)
    ).all()
    for row in rows:
        new = _anew(sealer, row.body, row.id)
        if new is not None:
            connection.execute(inbound.update().where(inbound.c.n == row.n).values(body=new))
    return rows[-1].n if len(rows) == BATCH else None


def inbound_pieces(connection: Connection, sealer: Sealer) -> int:
    """Seal parts of long messages anew where an older key sealed them; there are few. Returns how many."""
    count, key = 0, inbound_parts.primary_key.columns
    for row in connection.execute(select(*key, inbound_parts.c.body)).all():
        owner = part_owner(row.sim, row.sender_key, row.reference, row.total, row.part)
        new = _anew(sealer, row.body, owner)
        if new is not None:
            same = and_(*(column == row._mapping[column.name] for column in key))
            connection.execute(inbound_parts.update().where(same).values(body=new))
            count += 1
    return count


def _anew(sealer: Sealer, sealed: bytes, owner: str) -> bytes | None:
    """The same under the newest key; None where it is, or where it can't be opened, which is not for us to mend."""
    if sealed[0] == sealer.ring.newest.id:
        return None
    try:
        return sealer.seal_octets(sealer.open_octets(sealed, owner), owner)
    except EquipmentError:
        return None


class Use(NamedTuple):
    """How much is under one key."""

    messages: int = 0
    codes: int = 0
    webhook_secrets: int = 0
    inbound: int = 0


def uses(connection: Connection) -> dict[int, Use]:
    """What is under each key, by key id; reads every body that is kept, so not for the path of a request."""
    by_kind = {
        "messages": _by_key(connection, messages.c.body, HAS_BODY),
        "codes": _by_key(connection, verifications.c.code_mac, _IS_PENDING)
        + _by_key(connection, verifications.c.text_values, _IS_PENDING),
        "webhook_secrets": _by_key(connection, webhook_endpoints.c.secret)
        + _by_key(connection, webhook_endpoints.c.old_secret),
        "inbound": _by_key(connection, inbound.c.body) + _by_key(connection, inbound_parts.c.body),
    }
    ids = {key_id for counts in by_kind.values() for key_id in counts}
    return {key_id: Use(**{kind: counts[key_id] for kind, counts in by_kind.items()}) for key_id in ids}


def _by_key(
    connection: Connection, column: ColumnElement[bytes | None], condition: ColumnElement[bool] | None = None
) -> Counter[int]:
    first = func.substr(column, 1, 1, type_=LargeBinary)
    statement = select(first, func.count()).where(column.is_not(None)).group_by(first)
    if condition is not None:
        statement = statement.where(condition)
    return Counter({octet[0]: count for octet, count in connection.execute(statement).all() if octet})


def holds_anything(connection: Connection, key_id: int) -> bool:
    """Is anything under this key? Looks no further than the first."""
    octet = bytes([key_id])

    def under(column: ColumnElement[bytes | None]) -> ColumnElement[bool]:
        return func.substr(column, 1, 1, type_=LargeBinary) == octet

    questions = (
        select(messages.c.n).where(HAS_BODY, under(messages.c.body)),
        select(verifications.c.n).where(
            _IS_PENDING, or_(under(verifications.c.code_mac), under(verifications.c.text_values))
        ),
        select(webhook_endpoints.c.n).where(
            or_(under(webhook_endpoints.c.secret), under(webhook_endpoints.c.old_secret))
        ),
        select(inbound.c.n).where(under(inbound.c.body)),
        select(inbound_parts.c.part).where(under(inbound_parts.c.body)),
    )
    return any(connection.execute(question.limit(1)).first() is not None for question in questions)
