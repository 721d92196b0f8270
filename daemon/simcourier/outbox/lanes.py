"""What waits, in the order in which it leaves: lanes of messages that any modem may take, or one only."""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, RowMapping, func, literal_column, select
from sqlalchemy.engine import Connection

from simcourier.outbox.message import OWN_CLIENT, OnUnknown, Status, Waiting
from simcourier.outbox.schema import messages

# SQLite uses a partial index only for the very words of its condition, never for a bound parameter.
IS_QUEUED: ColumnElement[bool] = literal_column("messages.status = 'queued'")
IS_SENDING: ColumnElement[bool] = literal_column("messages.status = 'sending'")
HAS_BODY: ColumnElement[bool] = literal_column("messages.body IS NOT NULL")
AWAITS_SECOND: ColumnElement[bool] = literal_column("messages.second_at_ms IS NOT NULL")

_WAITING_COLUMNS = (
    messages.c.n,
    messages.c.id,
    messages.c.rank,
    messages.c.recipient,
    messages.c.body,
    messages.c.segments,
    messages.c.created_at_ms,
    messages.c.deadline_ms,
    messages.c.on_unknown,
    messages.c.modem,
    messages.c.attempts,
    messages.c.refusals,
    messages.c.doubts,
    messages.c.avoid,
    messages.c.replace_type,
    messages.c.prefer,
    messages.c.sandbox,
    messages.c.other_network,
    messages.c.client,
)


def _waiting(values: RowMapping) -> Waiting:
    return Waiting(
        n=values["n"],
        id=values["id"],
        rank=values["rank"],
        recipient=values["recipient"],
        sealed=values["body"] or b"",
        segments=values["segments"],
        created_at_ms=values["created_at_ms"],
        deadline_ms=values["deadline_ms"],
        on_unknown=OnUnknown(values["on_unknown"]),
        modem=values["modem"],
        attempts=values["attempts"],
        refusals=values["refusals"],
        doubts=values["doubts"],
        avoid=frozenset(values["avoid"].split()),
        replace_type=values["replace_type"],
        prefer=values["prefer"],
        sandbox=values["sandbox"],
        other_network=values["other_network"],
        despite_bar=values["client"] == OWN_CLIENT,
    )


def lane(
    connection: Connection,
    modem: str | None,
    now_ms: int,
    limit: int,
    *,
    rank: int,
    sandbox: bool = False,
    after: int = 0,
) -> list[Waiting]:
    """The waiting messages of a lane (pinned to `modem`, or None: to none) that may leave now, from `after` on."""
    rows = connection.execute(
        select(*_WAITING_COLUMNS)
        .where(
            IS_QUEUED,
            messages.c.sandbox == sandbox,
            messages.c.modem == modem,
            messages.c.rank == rank,
            messages.c.n > after,
            messages.c.next_at_ms <= now_ms,
            messages.c.deadline_ms > now_ms,
        )
        .order_by(messages.c.n)
        .limit(limit)
    )
    return [_waiting(row) for row in rows.mappings()]


def find(connection: Connection, n: int) -> tuple[Waiting, int] | None:
    """A message that waits, and from when on it may leave (milliseconds since 1970); None where it does not wait."""
    statement = select(*_WAITING_COLUMNS, messages.c.next_at_ms).where(IS_QUEUED, messages.c.n == n)
    row = connection.execute(statement).mappings().first()
    return None if row is None else (_waiting(row), int(row["next_at_ms"]))


def late(connection: Connection, now_ms: int, limit: int) -> list[tuple[Waiting, int]]:
    """Messages that wait though their deadline has passed, each as `find` tells it."""
    rows = connection.execute(
        select(*_WAITING_COLUMNS, messages.c.next_at_ms)
        .where(HAS_BODY, messages.c.deadline_ms <= now_ms, messages.c.status == Status.QUEUED)
        .limit(limit)
    )
    return [(_waiting(row), int(row["next_at_ms"])) for row in rows.mappings()]


def one(connection: Connection, n: int) -> Waiting:
    """A message as the dispatcher holds it."""
    return _waiting(connection.execute(select(*_WAITING_COLUMNS).where(messages.c.n == n)).mappings().one())


def waiting_lanes(connection: Connection, *, sandbox: bool = False) -> list[str | None]:
    """The modems that waiting messages are pinned to, and None where some are pinned to none."""
    lanes = select(messages.c.modem).where(IS_QUEUED, messages.c.sandbox == sandbox).distinct()
    return list(connection.execute(lanes).scalars())


def pinned(connection: Connection, *, sandbox: bool = False) -> list[tuple[int, int]]:
    """The waiting messages that only one modem may take, as (n, rank)."""
    rows = connection.execute(
        select(messages.c.n, messages.c.rank).where(
            IS_QUEUED, messages.c.sandbox == sandbox, messages.c.modem.is_not(None)
        )
    )
    return [(n, rank) for n, rank in rows]


def waiting_in_sandbox(connection: Connection) -> list[tuple[int, int]]:
    """The waiting messages of sandbox keys, as (n, rank)."""
    rows = connection.execute(
        select(messages.c.n, messages.c.rank).where(IS_QUEUED, messages.c.sandbox == True)  # noqa: E712 - SQL
    )
    return [(n, rank) for n, rank in rows]


def delayed(connection: Connection, now_ms: int, *, sandbox: bool = False) -> list[tuple[int, str | None]]:
    """When messages that wait for a later time may leave (milliseconds, a second's grain) and in which lane.

    Reads the whole queue; the rows are few, since no pause is longer than half a minute.
    """
    second = (messages.c.next_at_ms / 1000).cast(BigInteger)
    rows = connection.execute(
        select(func.max(messages.c.next_at_ms), messages.c.modem)
        .where(IS_QUEUED, messages.c.sandbox == sandbox, messages.c.next_at_ms > now_ms)
        .group_by(messages.c.modem, second)
    )
    return [(int(row[0]), row[1]) for row in rows]


def stranded(connection: Connection) -> list[Waiting]:
    """Messages left in `sending` by an earlier start of the daemon."""
    rows = connection.execute(select(*_WAITING_COLUMNS).where(IS_SENDING).order_by(messages.c.n))
    return [_waiting(row) for row in rows.mappings()]


def oldest_queued_ms(connection: Connection) -> int | None:
    """When the oldest waiting message was accepted (`n` grows with the time of acceptance); not of sandbox keys."""
    lanes = waiting_lanes(connection)
    ranks = (0, 1, 2)
    firsts = [
        connection.execute(
            select(messages.c.created_at_ms)
            .where(
                IS_QUEUED,
                messages.c.sandbox == False,  # noqa: E712 - SQL
                messages.c.modem == modem,
                messages.c.rank == rank,
            )
            .order_by(messages.c.n)
            .limit(1)
        ).scalar()
        for modem in lanes
        for rank in ranks
    ]
    return min((int(first) for first in firsts if first is not None), default=None)
