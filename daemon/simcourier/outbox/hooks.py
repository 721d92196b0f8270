"""What is on its way to the endpoints: events passed on, deliveries under way, and their log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, bindparam, func, literal_column, or_, select
from sqlalchemy.engine import Connection

from simcourier.outbox.schema import (
    events,
    messages,
    notices,
    relay_cursors,
    webhook_deliveries,
    webhook_endpoints,
)

BATCH = 500
"""Events passed on, or rows dropped, in one transaction."""
_d = webhook_deliveries.c
# SQLite uses the partial index only for the very words of its condition.
_PENDING: ColumnElement[bool] = literal_column("webhook_deliveries.state = 'pending'")
# With a plain n SQLite would walk an endpoint's whole log, to save itself the sorting of what waits.
_BY_AGE: ColumnElement[int] = literal_column("+webhook_deliveries.n")
_INSERT = webhook_deliveries.insert()
_TRIED = (
    webhook_deliveries.update()
    .where(_d.n == bindparam("b_n"), _PENDING)
    .values(
        state=bindparam("b_state"),
        attempts=_d.attempts + 1,
        last_at_ms=bindparam("b_at_ms"),
        last_status=bindparam("b_status"),
        last_error=bindparam("b_error"),
        next_at_ms=func.coalesce(bindparam("b_next_at_ms"), _d.next_at_ms),
    )
)
RELAYED = ("messages", "notices")
"""The sources that the relay follows; reduction keeps places of its own in the same table."""


class DeliveryState(StrEnum):
    """What became of an event for one endpoint."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Every try was in vain."""
    DROPPED = "dropped"
    """Not tried any more: the endpoint is gone, or too much was waiting for it."""


@dataclass(frozen=True, slots=True)
class Move:
    """A move of a message: a line of its history, and what is told of it."""

    seq: int
    at_ms: int
    status: str
    modem: str | None
    detail: str | None
    id: str
    client: str
    recipient: str
    reference: str | None
    created_at_ms: int
    tp_st: int | None
    callback: str | None


@dataclass(frozen=True, slots=True)
class Notice:
    """An event beside the moves of messages; `data` is JSON."""

    seq: int
    id: str
    at_ms: int
    type: str
    client: str | None
    data: str


@dataclass(frozen=True, slots=True)
class Cursors:
    """How far the events of each source were passed on."""

    messages: int
    notices: int


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """An event for one endpoint (its `n`), as it is going to be signed and sent."""

    endpoint: int
    event_id: str
    type: str
    body: bytes
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery that waits for its next try."""

    n: int
    event_id: str
    type: str
    body: bytes
    attempts: int
    next_at_ms: int


@dataclass(frozen=True, slots=True)
class Tried:
    """A try of the delivery `n`, and when the next one is, if any."""

    n: int
    state: DeliveryState
    at_ms: int
    status: int | None
    error: str | None
    next_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Logged:
    """A delivery as its log shows it."""

    n: int
    event_id: str
    type: str
    state: DeliveryState
    attempts: int
    created_at_ms: int
    next_at_ms: int
    last_at_ms: int | None
    last_status: int | None
    last_error: str | None


def cursors(connection: Connection) -> Cursors:
    """Where the relay stands."""
    rows = connection.execute(select(relay_cursors.c.name, relay_cursors.c.seq)).all()
    known = {str(name): int(seq) for name, seq in rows}
    return Cursors(known.get("messages", 0), known.get("notices", 0))


def moves(connection: Connection, after: int, limit: int = BATCH) -> tuple[list[Move], int]:
    """The moves behind `after` and the last line that was looked at; lines of deleted messages are left out."""
    wanted = (events.c.seq, events.c.at_ms, events.c.status, events.c.modem, events.c.detail)
    about = (
        messages.c.id,
        messages.c.client,
        messages.c.recipient,
        messages.c.reference,
        messages.c.created_at_ms,
        messages.c.tp_st,
        messages.c.callback,
    )
    rows = connection.execute(
        select(*wanted, *about)
        .select_from(events.outerjoin(messages, events.c.message == messages.c.n))
        .where(events.c.seq > after)
        .order_by(events.c.seq)
        .limit(limit)
    ).all()
    return [Move(**row._mapping) for row in rows if row.id is not None], rows[-1].seq if rows else after


def notices_behind(connection: Connection, after: int, limit: int = BATCH) -> list[Notice]:
    """The notices behind `after`."""
    columns = (notices.c.seq, notices.c.id, notices.c.at_ms, notices.c.type, notices.c.client, notices.c.data)
    rows = connection.execute(
        select(*columns).where(notices.c.seq > after).order_by(notices.c.seq).limit(limit)
    )
    return [Notice(*row) for row in rows]


def pass_on(
    connection: Connection,
    before: Cursors,
    after: Cursors,
    heard: frozenset[int],
    found: Sequence[NewDelivery],
) -> bool:
    """Write the deliveries of what lies between the cursors, and move these.

    Nothing is written (False) where the cursors were moved meanwhile, or where others are enabled than the endpoints
    that were heard (their `n`): then it must be looked at again.
    """
    enabled = select(webhook_endpoints.c.n).where(webhook_endpoints.c.disabled_reason.is_(None))
    if cursors(connection) != before or set(connection.execute(enabled).scalars()) != heard:
        return False
    connection.execute(relay_cursors.delete().where(relay_cursors.c.name.in_(RELAYED)))
    connection.execute(
        relay_cursors.insert(),
        [{"name": "messages", "seq": after.messages}, {"name": "notices", "seq": after.notices}],
    )
    if found:
        connection.execute(_INSERT, [_pending(new) for new in found])
    return True


def _pending(new: NewDelivery) -> dict[str, object]:
    return {
        "endpoint": new.endpoint,
        "event_id": new.event_id,
        "type": new.type,
        "body": new.body,
        "state": DeliveryState.PENDING,
        "attempts": 0,
        "created_at_ms": new.created_at_ms,
        "next_at_ms": new.created_at_ms,
    }


def due(
    connection: Connection,
    endpoint: int,
    now_ms: int,
    longest_ms: int,
    *,
    again: bool = False,
    limit: int = 20,
) -> list[Delivery]:
    """The deliveries whose first try (or, with `again`, another one) is due, longest due first.

    One that would wait for more than `longest_ms` is due too: the clock was set back meanwhile.
    """
    rows = connection.execute(
        select(_d.n, _d.event_id, _d.type, _d.body, _d.attempts, _d.next_at_ms)
        .where(
            _PENDING,
            _d.endpoint == endpoint,
            or_(_d.next_at_ms <= now_ms, _d.next_at_ms > now_ms + longest_ms),
            _d.attempts > 0 if again else _d.attempts == 0,
        )
        # As the index has them: so only what is wanted is read, however much waits.
        .order_by(_d.next_at_ms, _d.n)
        .limit(limit)
    )
    return [Delivery(*row) for row in rows]


def next_due_ms(connection: Connection, endpoint: int) -> int | None:
    """When the next delivery to this endpoint is due, if any waits."""
    at_ms = connection.execute(
        select(func.min(_d.next_at_ms)).where(_PENDING, _d.endpoint == endpoint)
    ).scalar()
    return None if at_ms is None else int(at_ms)


def record(connection: Connection, tries: Sequence[Tried]) -> None:
    """Record tries and what their deliveries have come to; one that was dropped meanwhile stays dropped."""
    connection.execute(
        _TRIED,
        [
            {
                "b_n": one.n,
                "b_state": one.state,
                "b_at_ms": one.at_ms,
                "b_status": one.status,
                "b_error": one.error and one.error[:200],
                "b_next_at_ms": one.next_at_ms,
            }
            for one in tries
        ],
    )


def add_tested(
    connection: Connection, new: NewDelivery, state: DeliveryState, status: int | None, error: str | None
) -> None:
    """Put an admin's test into the log; it is not tried again."""
    row = {
        **_pending(new),
        "state": state,
        "attempts": 1,
        "last_at_ms": new.created_at_ms,
        "last_status": status,
        "last_error": error and error[:200],
    }
    connection.execute(_INSERT, row)


def log(connection: Connection, endpoint: int, before: int | None, limit: int) -> list[Logged]:
    """The newest deliveries to an endpoint, those before the delivery `before` where that is given."""
    statement = (
        select(
            _d.n,
            _d.event_id,
            _d.type,
            _d.state,
            _d.attempts,
            _d.created_at_ms,
            _d.next_at_ms,
            _d.last_at_ms,
            _d.last_status,
            _d.last_error,
        )
        .where(_d.endpoint == endpoint)
        .order_by(_d.n.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(_d.n < before)
    rows = connection.execute(statement).mappings()
    return [Logged(**{**row, "state": DeliveryState(row["state"])}) for row in rows]


def waiting(connection: Connection) -> dict[int, int]:
    """How many deliveries wait, by endpoint."""
    rows = connection.execute(select(_d.endpoint, func.count()).where(_PENDING).group_by(_d.endpoint))
    return {int(endpoint): int(count) for endpoint, count in rows}


def trim(connection: Connection, endpoint: int, keep: int) -> int:
    """Drop the oldest of what waits for an endpoint beyond `keep`, a batch at a time; returns how many."""
    count = connection.execute(
        select(func.count()).select_from(webhook_deliveries).where(_PENDING, _d.endpoint == endpoint)
    ).scalar_one()
    excess = min(BATCH, count - keep)
    if excess <= 0:
        return 0
    oldest = select(_d.n).where(_PENDING, _d.endpoint == endpoint).order_by(_BY_AGE).limit(excess)
    return connection.execute(
        webhook_deliveries.update()
        .where(_d.n.in_(oldest))
        .values(state=DeliveryState.DROPPED, last_error="too much was waiting for this endpoint")
    ).rowcount


def retire(connection: Connection, before_ms: int) -> int:
    """Drop a batch of deliveries and of notices from before `before_ms`; returns how many rows were looked at."""
    looked_at = 0
    for table, place, at in (
        (webhook_deliveries, _d.n, _d.created_at_ms),
        (notices, notices.c.seq, notices.c.at_ms),
    ):
        # The place grows with the time, so the oldest rows come first.
        rows = connection.execute(select(place, at).order_by(place).limit(BATCH)).all()
        old = [row[0] for row in rows if row[1] < before_ms]
        connection.execute(table.delete().where(place.in_(old)))
        looked_at = max(looked_at, len(old))
    rewind(connection)
    return looked_at


def rewind(connection: Connection) -> None:
    """Move the cursors back to the last row there is.

    SQLite gives the number of a deleted last row again: behind the cursor that event would be told to nobody. So
    this belongs into each transaction that deletes history or notices.
    """
    last = ends(connection)
    for name, seq in (("messages", last.messages), ("notices", last.notices)):
        connection.execute(
            relay_cursors.update()
            .where(relay_cursors.c.name == name, relay_cursors.c.seq > seq)
            .values(seq=seq)
        )


def ends(connection: Connection) -> Cursors:
    """The last row of each source."""
    found = (connection.execute(select(func.max(table.c.seq))).scalar() for table in (events, notices))
    return Cursors(*(int(seq or 0) for seq in found))
