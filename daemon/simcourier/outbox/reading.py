"""Look messages up for the API, the page and the command line; on readers' connections, never the writer's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, literal_column, select
from sqlalchemy.engine import Connection

from simcourier.outbox.message import CLASS_OF_RANK, MessageClass, Status
from simcourier.outbox.schema import events, messages, parts


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
    """Which messages to list; None means any. `before` is the `n` of the last row of the page before.

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


def page(connection: Connection, wanted: Filter) -> list[Record]:
    """The newest messages that fit, at most `limit`."""
    if wanted.recipient is None or wanted.number_key is None:
        return _page(connection, wanted)
    # Two questions, so that each has its index: SQLite would sort all of a number's messages for an OR.
    whole = _page(connection, replace(wanted, number_key=None))
    reduced = _page(connection, replace(wanted, recipient=None))
    return sorted(whole + reduced, key=lambda record: record.n, reverse=True)[: wanted.limit]


def _page(connection: Connection, wanted: Filter) -> list[Record]:
    statement = select(*_COLUMNS).order_by(messages.c.n.desc()).limit(wanted.limit)
    if wanted.status is not None:
        # In words, not as a parameter: only so does SQLite use the partial index of this state.
        statement = statement.where(literal_column(f"messages.status = '{Status(wanted.status)}'"))
    if wanted.number_key is not None:
        reduced: ColumnElement[bool] = literal_column("messages.number_key IS NOT NULL")
        statement = statement.where(reduced, messages.c.number_key == wanted.number_key)
    equal = {"client": wanted.client, "reference": wanted.reference, "recipient": wanted.recipient}
    for column, value in equal.items():
        if value is not None:
            statement = statement.where(messages.c[column] == value)
    if wanted.created_after_ms is not None:
        statement = statement.where(messages.c.created_at_ms > wanted.created_after_ms)
    if wanted.before is not None:
        statement = statement.where(messages.c.n < wanted.before)
    return [_record(row) for row in connection.execute(statement).mappings()]


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
