"""Look messages up for the API, the page and the command line; on readers' connections, never the writer's."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, bindparam, func, literal_column, select
from sqlalchemy.engine import Connection

from simcourier.outbox.message import CLASS_OF_RANK, MessageClass, Status
from simcourier.outbox.schema import RARE_STATUSES, events, messages, parts

LOOKED_AT = 2_000
"""Messages that one page of a list looks at, at most, where no index has all that is asked for."""
_OUT_OF_ORDER_MS = 60_000
"""A message has its time before it has its `n`: another may come between, but not for longer than this."""
_INDEXED_STATUSES = frozenset({*RARE_STATUSES, Status.SENDING})
_BEHIND_ALL = 2**62


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a message's history."""

    at_ms: int
    status: Status
    modem: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """One part of one attempt: which modem, and what the network and the service centre said."""

    attempt: int
    part: int
    modem: str
    state: str
    at_ms: int
    tp_mr: int | None
    tp_st: int | None
    reported_at_ms: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """A message as it stands on disk; `body` is sealed, and None once wiped."""

    n: int
    id: str
    client: str
    status: Status
    message_class: MessageClass
    recipient: str
    body: bytes | None
    alphabet: str
    segments: int
    created_at_ms: int
    deadline_ms: int
    reference: str | None
    modem: str | None
    sent_by: str | None
    tp_st: int | None
    reported_at_ms: int | None
    feedback: str | None
    region: str | None
    verification: int | None
    number_key: str | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages to list; None means any. `before` is the `next_before` of the page before.

    `number_key` stands for `recipient` where the number was reduced; without it those messages are not found.
    """

    client: str | None = None
    status: Status | None = None
    reference: str | None = None
    recipient: str | None = None
    number_key: str | None = None
    created_after_ms: int | None = None
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Messages, the newest first; `next_before` asks for more, None: there are no more."""

    records: list[Record]
    next_before: int | None


_COLUMNS = (
    messages.c.n,
    messages.c.id,
    messages.c.client,
    messages.c.status,
    messages.c.rank,
    messages.c.recipient,
    messages.c.body,
    messages.c.alphabet,
    messages.c.segments,
    messages.c.created_at_ms,
    messages.c.deadline_ms,
    messages.c.reference,
    messages.c.modem,
    messages.c.sent_by,
    messages.c.tp_st,
    messages.c.reported_at_ms,
    messages.c.feedback,
    messages.c.region,
    messages.c.verification,
    messages.c.number_key,
)
_NEWEST_FIRST = messages.c.n.desc()
_NEWEST = select(func.max(messages.c.n))
_CREATED = (
    select(messages.c.created_at_ms).where(messages.c.n >= bindparam("n")).order_by(messages.c.n).limit(1)
)
_WAITING = (
    select(messages.c.n)
    .where(literal_column("messages.status = 'queued'"))
    .limit(bindparam("most"))
    .subquery("waiting")
)
_QUEUED = select(func.count(), func.min(_WAITING.c.n))


def _record(row: RowMapping) -> Record:
    values: dict[str, Any] = dict(row)
    values["status"] = Status(values["status"])
    values["message_class"] = CLASS_OF_RANK[values.pop("rank")]
    return Record(**values)


def find(connection: Connection, message_id: str, client: str | None) -> Record | None:
    """The message with this id; where `client` is given, only if it is that client's."""
    statement = select(*_COLUMNS).where(messages.c.id == message_id)
    if client is not None:
        statement = statement.where(messages.c.client == client)
    row = connection.execute(statement).mappings().first()
    return None if row is None else _record(row)


def page(connection: Connection, wanted: Filter) -> Page:
    """The newest messages that fit. A page may be short, even empty, and yet not be the last one."""
    if wanted.created_after_ms is None:
        first = 0
    else:
        first = _first_after(connection, wanted.created_after_ms - _OUT_OF_ORDER_MS)
    if wanted.status is Status.QUEUED:
        first = max(first, _first_queued(connection))
    if wanted.recipient is None or wanted.number_key is None:
        return _page(connection, wanted, first)
    # Two questions, so that each has its index: SQLite would sort all of a number's messages for an OR.
    whole = _page(connection, replace(wanted, number_key=None), first)
    reduced = _page(connection, replace(wanted, recipient=None), first)
    return _merged(whole, reduced, wanted.limit)


def _merged(one: Page, other: Page, limit: int) -> Page:
    """Both in one, no further back than both have looked."""
    looked_to = max(one.next_before or 0, other.next_before or 0)
    found = sorted(one.records + other.records, key=lambda record: record.n, reverse=True)
    records = [record for record in found if record.n >= looked_to]
    if len(records) > limit:
        return Page(records[:limit], records[limit - 1].n)
    return Page(records, looked_to or None)


def _page(connection: Connection, wanted: Filter, first: int) -> Page:
    indexed, other = _conditions(wanted)
    if wanted.before is not None:
        indexed.append(messages.c.n < wanted.before)
    unseen = _unseen(connection, [*indexed, messages.c.n >= first]) if other else None
    # One bound and not both: SQLite goes by the first and looks at all rows that are within it.
    indexed.append(messages.c.n >= (first if unseen is None else unseen + 1))
    # One more than asked for tells whether another page follows.
    statement = select(*_COLUMNS).where(*indexed, *other).order_by(_NEWEST_FIRST).limit(wanted.limit + 1)
    records = [_record(row) for row in connection.execute(statement).mappings()]
    if len(records) > wanted.limit:
        return Page(records[: wanted.limit], records[wanted.limit - 1].n)
    return Page(records, None if unseen is None else unseen + 1)


def _conditions(wanted: Filter) -> tuple[list[ColumnElement[bool]], list[ColumnElement[bool]]]:
    """What one index answers, the narrowest there is, and what is looked at row by row."""
    equal = {
        "number_key": wanted.number_key,
        "recipient": wanted.recipient,
        "reference": wanted.reference,
        "status": wanted.status,
        "client": wanted.client,
    }
    given = {column: str(value) for column, value in equal.items() if value is not None}
    lane = next((c for c in given if c != "status" or wanted.status in _INDEXED_STATUSES), None)
    # The plus keeps SQLite from taking the index of a column that is not the lane's.
    other = [literal_column(f"+messages.{c}") == value for c, value in given.items() if c != lane]
    if wanted.created_after_ms is not None:
        other.append(messages.c.created_at_ms > wanted.created_after_ms)
    if lane is None:
        return [], other
    if lane == "status":
        # In words, not as a parameter: only so does SQLite use the partial index of this state.
        return [literal_column(f"messages.status = '{Status(given[lane])}'")], other
    indexed: list[ColumnElement[bool]] = [messages.c[lane] == given[lane]]
    if lane == "number_key":
        indexed.append(literal_column("messages.number_key IS NOT NULL"))
    return indexed, other


def _unseen(connection: Connection, indexed: list[ColumnElement[bool]]) -> int | None:
    """The newest message that this page does not look at; None where it looks at all."""
    statement = select(messages.c.n).where(*indexed).order_by(_NEWEST_FIRST).limit(1).offset(LOOKED_AT)
    return connection.execute(statement).scalar()


def _first_after(connection: Connection, at_ms: int) -> int:
    """From which `n` on messages were accepted after this time: both grow together, so a few look-ups tell."""
    newest = connection.execute(_NEWEST).scalar() or 0
    numbers = range(1, newest + 1)
    return 1 + bisect_right(
        numbers, at_ms, key=lambda n: connection.execute(_CREATED, {"n": n}).scalar() or 0
    )


def _first_queued(connection: Connection) -> int:
    """From which `n` on messages wait: the newest of many may all have left, and no index has the rest in order."""
    count, first = connection.execute(_QUEUED, {"most": LOOKED_AT + 1}).one()
    if count > LOOKED_AT:
        return 0
    return _BEHIND_ALL if first is None else int(first)


def of_verification(connection: Connection, verification: int) -> list[Record]:
    """The messages that carried a verification's codes, oldest first."""
    rows = connection.execute(
        select(*_COLUMNS)
        .where(
            literal_column("messages.verification IS NOT NULL"),
            messages.c.verification == verification,
        )
        .order_by(messages.c.n)
    )
    return [_record(row) for row in rows.mappings()]


def history(connection: Connection, n: int) -> list[Event]:
    """The message's events, oldest first."""
    rows = connection.execute(
        select(events.c.at_ms, events.c.status, events.c.modem, events.c.detail)
        .where(events.c.message == n)
        .order_by(events.c.seq)
    )
    return [Event(row.at_ms, Status(row.status), row.modem, row.detail) for row in rows]


def attempts(connection: Connection, n: int) -> list[Part]:
    """Every part of every attempt, in order."""
    rows = connection.execute(
        select(
            parts.c.attempt,
            parts.c.part,
            parts.c.modem,
            parts.c.state,
            parts.c.at_ms,
            parts.c.tp_mr,
            parts.c.tp_st,
            parts.c.reported_at_ms,
            parts.c.reason,
        )
        .where(parts.c.message == n)
        .order_by(parts.c.attempt, parts.c.part)
    )
    return [Part(*row) for row in rows]
