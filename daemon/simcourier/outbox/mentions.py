"""What names messages, verifications and what came in beside their rows: deliveries, notices, answers kept."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, Engine, Table, literal, select, tuple_
from sqlalchemy.engine import Connection

from simcourier.outbox import hooks
from simcourier.outbox.duties import BATCH
from simcourier.outbox.schema import idempotency, notices, webhook_deliveries

_ID = re.compile(r"(?:msg|ver|inb)_[A-Za-z0-9_-]{22}")


class Kind(StrEnum):
    """What names it."""

    DELIVERY = "webhook-delivery"
    NOTICE = "notice"
    ANSWER = "answer-kept"


Place = tuple[Any, ...]
"""A row of its table, by its primary key."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A row that names one of some ids; `what` is the type of an event, empty for an answer."""

    kind: Kind
    place: Place
    what: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class _Source:
    table: Table
    place: tuple[Column[Any], ...]
    content: Column[Any]
    at: Column[Any]


_d, _n, _i = webhook_deliveries.c, notices.c, idempotency.c
_SOURCES = {
    Kind.DELIVERY: _Source(webhook_deliveries, (_d.n,), _d.body, _d.created_at_ms),
    Kind.NOTICE: _Source(notices, (_n.seq,), _n.data, _n.at_ms),
    Kind.ANSWER: _Source(idempotency, (_i.client, _i.key_digest), _i.answer, _i.created_at_ms),
}


def find(engine: Engine, ids: Collection[str]) -> Iterator[Mention]:
    """Every mention of any of these ids. Reads all that is kept, in short looks: not for the path of a request."""
    wanted = frozenset(ids)
    for kind, source in _SOURCES.items() if wanted else ():
        after: Place | None = None
        while True:
            with engine.connect() as connection:
                rows = _stretch(connection, source, after)
            yield from (
                Mention(kind, tuple(place), what, at_ms)
                for what, at_ms, content, *place in rows
                if wanted.intersection(_ID.findall(_text(content)))
            )
            if len(rows) < BATCH:
                break
            after = tuple(rows[-1][3:])


def _stretch(connection: Connection, source: _Source, after: Place | None) -> Sequence[Any]:
    what = source.table.c["type"] if "type" in source.table.c else literal("")
    statement = select(what, source.at, source.content, *source.place).order_by(*source.place).limit(BATCH)
    if after is not None:
        statement = statement.where(tuple_(*source.place) > tuple_(*after))
    return connection.execute(statement).all()


def _text(content: bytes | str) -> str:
    return content if isinstance(content, str) else content.decode("utf-8", "replace")


def erase(connection: Connection, found: Collection[Mention]) -> int:
    """Delete these rows, a batch at most; returns how many there were still."""
    count = 0
    for kind, source in _SOURCES.items():
        places = [mention.place for mention in found if mention.kind is kind]
        if places:
            gone = source.table.delete().where(tuple_(*source.place).in_(places))
            count += connection.execute(gone).rowcount
    # The number of a deleted last notice is given again: behind the cursor that event would be told to nobody.
    hooks.rewind(connection)
    return count
