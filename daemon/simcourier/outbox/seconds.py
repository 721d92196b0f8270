"""Messages that were sent and not reported: kept for a second copy through another operator, until its time is over."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection

from simcourier.outbox import lanes, store
from simcourier.outbox.lanes import AWAITS_SECOND
from simcourier.outbox.message import Status, Waiting
from simcourier.outbox.schema import messages, parts
from simcourier.sms.status import outcome

LIMIT = 100
"""Messages looked at in one transaction."""
_DUE = (
    select(
        messages.c.n,
        messages.c.rank,
        messages.c.status,
        messages.c.attempts,
        messages.c.deadline_ms,
        messages.c.feedback,
        messages.c.seconded,
    )
    .where(AWAITS_SECOND, messages.c.second_at_ms <= bindparam("b_now_ms"))
    .order_by(messages.c.second_at_ms)
    .limit(LIMIT)
)
_COPY = select(parts.c.modem, parts.c.sim, parts.c.at_ms, parts.c.tp_st).where(
    parts.c.message == bindparam("b_n"), parts.c.attempt == bindparam("b_attempt")
)


@dataclass(frozen=True, slots=True)
class Due:
    """A message without a report in the usual time; `sent_at_ms` is when its last part left, through `sim`."""

    n: int
    rank: int
    deadline_ms: int
    modem: str
    sim: str
    sent_at_ms: int


def due(connection: Connection, now_ms: int) -> list[Due]:
    """The messages whose time has come and that may go out once more; of all others the text is wiped."""
    found = []
    for row in connection.execute(_DUE, {"b_now_ms": now_ms}).all():
        copy = connection.execute(_COPY, {"b_n": row.n, "b_attempt": row.attempts}).all()
        is_open = row.status == Status.SENT and not row.seconded and row.feedback is None
        # A final report of one part tells that the phone is reached, or never will be.
        if (
            not is_open
            or not copy
            or any(_is_final(part.tp_st) for part in copy)
            or store.ended_by(connection, row.n)
        ):
            forget(connection, row.n)
            continue
        last = max(part.at_ms for part in copy)
        found.append(Due(row.n, row.rank, row.deadline_ms, copy[0].modem, copy[0].sim, last))
    return found


def _is_final(tp_st: int | None) -> bool:
    return tp_st is not None and outcome(tp_st).final


def forget(connection: Connection, n: int) -> None:
    """There is no second copy of this one: wipe the text that was kept for it."""
    connection.execute(
        messages.update().where(messages.c.n == n, AWAITS_SECOND).values(body=None, second_at_ms=None)
    )


def later(connection: Connection, n: int, at_ms: int) -> None:
    """Look at it again at this time."""
    connection.execute(messages.update().where(messages.c.n == n, AWAITS_SECOND).values(second_at_ms=at_ms))


def begin(connection: Connection, n: int, other_network: str, at_ms: int, detail: str) -> Waiting | None:
    """Queue a sent message once more, not through this network; None where it is not `sent` any more."""
    moved = store.move(
        connection,
        n,
        Status.SENT,
        Status.QUEUED,
        at_ms,
        detail=detail,
        seconded=True,
        other_network=other_network,
        second_at_ms=None,
        next_at_ms=0,
        refusals=0,
        avoid="",
        lease=None,
    )
    return lanes.one(connection, n) if moved else None
