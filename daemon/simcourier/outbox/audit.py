"""Who did what, hash-chained: a changed, added or removed row shows."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.engine import Connection

from simcourier.outbox.duties import BATCH
from simcourier.outbox.schema import audit, audit_anchors

_INSERT = audit.insert()
_LAST = select(audit.c.seq, audit.c.mac).order_by(audit.c.seq.desc()).limit(1)
_ANCHOR = select(audit_anchors.c.seq, audit_anchors.c.mac)
_MAC_OCTETS = 32
_FIRST_MAC = b"\0" * _MAC_OCTETS
ERASE = "privacy.erase"
_ERASING = re.compile(r"([0-9]{1,9}) entries of the audit")
LOOKED_AT = 200_000
"""Rows that one page of a filtered list looks at, at most."""
LOOKED_AT_OF_NUMBER = 2_000
"""The same of the rows about one number, which lie apart."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done: `object` and `detail` never hold a whole number, a text or a code."""

    at_ms: int
    actor: str
    action: str
    object: str
    detail: str = ""
    number_key: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A place in the chain: a row's number, and its mac, which stands for all rows up to it."""

    seq: int
    mac: bytes


START = Link(0, _FIRST_MAC)


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it is on disk."""

    seq: int
    entry: Entry
    number_mac: bytes | None
    mac: bytes

    @property
    def link(self) -> Link:
        """Its place in the chain."""
        return Link(self.seq, self.mac)


class Audit:
    """Appends to the chain; the key makes that nobody who can write the database alone can forge it."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def append(self, connection: Connection, entry: Entry) -> int:
        """Add an entry, return its number; in the writer's thread, in the transaction that does what it tells of."""
        before = last(connection)
        seq = before.seq + 1
        number_mac = self._number_mac(seq, entry.number_key)
        connection.execute(
            _INSERT,
            {
                "seq": seq,
                "at_ms": entry.at_ms,
                "actor": entry.actor,
                "action": entry.action,
                "object": entry.object,
                "detail": entry.detail[:200],
                "number_key": entry.number_key,
                "number_mac": number_mac,
                "mac": self._mac(before.mac, seq, entry, number_mac),
            },
        )
        return seq

    def follows(self, row: Row, before: Link) -> bool:
        """Is this the row that was written behind `before`? A number that was erased from it is missed by nobody."""
        if not (_is_sound(row) and isinstance(before.mac, bytes)):
            return False
        number_key = row.entry.number_key
        if number_key is not None and row.number_mac != self._number_mac(row.seq, number_key):
            return False
        return hmac.compare_digest(row.mac, self._mac(before.mac, row.seq, row.entry, row.number_mac))

    def signed(self, use: str, link: Link) -> bytes:
        """A mac by which a place in the chain is known to have been written by us, for one use."""
        return self._hash(use.encode(), str(link.seq).encode(), link.mac)

    def anchor(self, connection: Connection) -> Link | None:
        """The last row that was dropped for its age (START: none yet); None where somebody else set it."""
        row = connection.execute(_ANCHOR).first()
        if row is None:
            return START
        if not isinstance(row.mac, bytes):
            return None
        link = Link(row.seq, row.mac[:_MAC_OCTETS])
        return link if hmac.compare_digest(row.mac[_MAC_OCTETS:], self.signed("anchor", link)) else None

    def prune(self, connection: Connection, before_ms: int) -> int:
        """Drop a batch of rows older than `before_ms` from the beginning of the chain; returns how many."""
        rows = connection.execute(
            select(audit.c.seq, audit.c.at_ms, audit.c.mac).order_by(audit.c.seq).limit(BATCH)
        ).all()
        young = next((place for place, row in enumerate(rows) if row.at_ms >= before_ms), len(rows))
        if young == 0:
            return 0
        link = Link(rows[young - 1].seq, rows[young - 1].mac)
        connection.execute(audit.delete().where(audit.c.seq <= link.seq))
        connection.execute(audit_anchors.delete())
        connection.execute(
            audit_anchors.insert().values(id=1, seq=link.seq, mac=link.mac + self.signed("anchor", link))
        )
        return young

    def _number_mac(self, seq: int, number_key: str | None) -> bytes | None:
        return None if number_key is None else self._hash(b"number", str(seq).encode(), number_key.encode())

    def _mac(self, before: bytes, seq: int, entry: Entry, number_mac: bytes | None) -> bytes:
        said = (str(seq), str(entry.at_ms), entry.actor, entry.action, entry.object, entry.detail[:200])
        return self._hash(b"entry", before, *map(str.encode, said), number_mac or b"")

    def _hash(self, *parts: bytes) -> bytes:
        # Each part with its length, so that no two entries read the same.
        content = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.new(self._key, content, hashlib.sha256).digest()


def last(connection: Connection) -> Link:
    """The end of the chain."""
    row = connection.execute(_LAST).first() or connection.execute(_ANCHOR).first()
    return START if row is None else Link(row.seq, row.mac[:_MAC_OCTETS])


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries to list; None means any. `before` is the `seq` of the last row of the page before."""

    actor: str | None = None
    action: str | None = None
    object: str | None = None
    number_key: str | None = None
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, the newest first; `next_before` asks for more, None: there are no more."""

    rows: list[Row]
    next_before: int | None


def page(connection: Connection, wanted: Wanted) -> Page:
    """The newest entries that fit. A page may be short, even empty, and yet not be the last one."""
    newest = wanted.before - 1 if wanted.before is not None else last(connection).seq
    statement = select(audit).where(audit.c.seq <= newest).order_by(audit.c.seq.desc()).limit(wanted.limit)
    equal = {"actor": wanted.actor, "action": wanted.action, "object": wanted.object}
    for column, value in equal.items():
        if value is not None:
            statement = statement.where(audit.c[column] == value)
    oldest = 0
    if wanted.number_key is not None:
        about = audit.c.number_key == wanted.number_key
        oldest = _unseen(connection, about, newest) if any(equal.values()) else 0
        statement = statement.where(about, audit.c.seq > oldest)
    elif any(equal.values()):
        # No index has these: a rare word among millions of rows must not keep a reader busy for long.
        oldest = max(0, newest - LOOKED_AT)
        statement = statement.where(audit.c.seq > oldest)
    rows = [_row(row) for row in connection.execute(statement).all()]
    if len(rows) == wanted.limit:
        return Page(rows, rows[-1].seq)
    return Page(rows, oldest + 1 if oldest and _begins_before(connection, oldest) else None)


def of_number(connection: Connection, number_key: str, actor: str | None, limit: int) -> list[Entry]:
    """The newest entries about a number, of one actor or (None) of all."""
    found = page(connection, Wanted(actor=actor, number_key=number_key, limit=limit))
    return [row.entry for row in found.rows]


def _unseen(connection: Connection, about: ColumnElement[bool], newest: int) -> int:
    """The newest entry about a number that a page does not look at; 0 where it looks at all."""
    statement = select(audit.c.seq).where(about, audit.c.seq <= newest).order_by(audit.c.seq.desc())
    return connection.execute(statement.limit(1).offset(LOOKED_AT_OF_NUMBER)).scalar() or 0


def _begins_before(connection: Connection, seq: int) -> bool:
    return connection.execute(select(audit.c.seq).where(audit.c.seq <= seq).limit(1)).first() is not None


def stretch(connection: Connection, after: int, limit: int) -> list[Row]:
    """The next rows of the chain behind the one numbered `after`."""
    statement = select(audit).where(audit.c.seq > after).order_by(audit.c.seq).limit(limit)
    return [_row(row) for row in connection.execute(statement).all()]


def find(connection: Connection, seq: int) -> Row | None:
    """The row with this number."""
    row = connection.execute(select(audit).where(audit.c.seq == seq)).first()
    return None if row is None else _row(row)


def count_of_number(connection: Connection, number_key: str) -> int:
    """How many entries are about a number."""
    found = select(func.count()).select_from(audit).where(audit.c.number_key == number_key)
    return int(connection.execute(found).scalar_one())


def erasing(count: int) -> str:
    """The detail of the entry `privacy.erase`, behind which the number is taken out of so many earlier ones."""
    return f"{count} entries of the audit"


def erased_by(entry: Entry) -> int:
    """From how many earlier entries this one says that it took the number."""
    found = _ERASING.fullmatch(entry.detail) if entry.action == ERASE else None
    return 0 if found is None else int(found[1])


def forget_number(connection: Connection, number_key: str, end: int, limit: int = BATCH) -> int:
    """Take a number out of a batch of the entries before the one numbered `end`; the chain stays whole.

    Returns how many. Those before `end` are what the entry there tells of.
    """
    found = select(audit.c.seq).where(audit.c.number_key == number_key, audit.c.seq < end).limit(limit)
    return connection.execute(
        audit.update().where(audit.c.seq.in_(found.scalar_subquery())).values(number_key=None)
    ).rowcount


def _is_sound(row: Row) -> bool:
    """Is each value of its column's type? SQLite keeps whatever somebody else put there."""
    entry = row.entry
    texts = (entry.actor, entry.action, entry.object, entry.detail)
    return (
        isinstance(entry.at_ms, int)
        and all(isinstance(each, str) for each in texts)
        and isinstance(entry.number_key, str | None)
        and isinstance(row.number_mac, bytes | None)
        and isinstance(row.mac, bytes)
    )


def _row(row: Any) -> Row:
    return Row(
        row.seq,
        Entry(row.at_ms, row.actor, row.action, row.object, row.detail, row.number_key),
        row.number_mac,
        row.mac,
    )
