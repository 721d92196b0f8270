"""Every change of a message, each a function on the writer's connection; one event row a move."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Boolean, and_, bindparam, func, literal_column, select
from sqlalchemy.engine import Connection

from simcourier.outbox import verifications
from simcourier.outbox.lanes import AWAITS_SECOND, IS_QUEUED, IS_SENDING
from simcourier.outbox.message import (
    FINAL,
    OWN_CLIENT,
    MessageClass,
    NewMessage,
    Status,
    Waiting,
    check_move,
)
from simcourier.outbox.schema import events, messages, parts, paused_modems
from simcourier.sms.status import is_failure, meaning

_INSERT_MESSAGE = messages.insert()
_INSERT_EVENT = events.insert()
_INSERT_PART = parts.insert()
_REPLACED = "a newer message replaced it"
REPORT_LINE = "report: "
"""So begins a line of a message's history that is no move."""
SECOND_COPY = "the second copy"
"""What the history says where a message that had left already did so again, through another operator."""
_CLAIM = (
    messages.update()
    .where(messages.c.n == bindparam("b_n"), IS_QUEUED)
    .values(status=Status.SENDING, lease=bindparam("b_lease"), attempts=bindparam("b_attempts"))
)
_SENT = (
    messages.update()
    .where(messages.c.n == bindparam("b_n"), IS_SENDING)
    .values(status=Status.SENT, body=None, sent_by=bindparam("b_modem"))
)
_SENT_AND_KEPT = (
    messages.update()
    .where(messages.c.n == bindparam("b_n"), IS_SENDING)
    .values(status=Status.SENT, sent_by=bindparam("b_modem"), second_at_ms=bindparam("b_second_at_ms"))
)
_PART_SENT = (
    parts.update()
    .where(
        parts.c.message == bindparam("b_message"),
        parts.c.attempt == bindparam("b_attempt"),
        parts.c.part == bindparam("b_part"),
    )
    # A report may have come before the modem's late answer: then it is not awaited any more.
    .values(
        state="sent",
        tp_mr=bindparam("b_tp_mr"),
        at_ms=bindparam("b_at_ms"),
        awaiting=literal_column("(tp_st IS NULL OR (tp_st >= 32 AND tp_st < 64))", Boolean),
    )
)


def add_event(
    connection: Connection,
    n: int,
    status: Status,
    at_ms: int,
    *,
    modem: str | None = None,
    detail: str | None = None,
) -> None:
    """One line of a message's history; `detail` never holds a number, text or code."""
    connection.execute(
        _INSERT_EVENT,
        {"message": n, "at_ms": at_ms, "status": status, "modem": modem, "detail": detail and detail[:200]},
    )


def move(
    connection: Connection,
    n: int,
    before: Status,
    after: Status,
    at_ms: int,
    *,
    modem: str | None = None,
    detail: str | None = None,
    **values: Any,
) -> bool:
    """Move a message and write its event; False where it was not in `before` any more (nothing is changed)."""
    check_move(before, after)
    if after in FINAL or after is Status.SENT:
        values.update(body=None, second_at_ms=None)
    result = connection.execute(
        messages.update().where(messages.c.n == n, messages.c.status == before).values(status=after, **values)
    )
    if result.rowcount != 1:
        return False
    add_event(connection, n, after, at_ms, modem=modem, detail=detail)
    if after is Status.FAILED:
        verifications.message_failed(connection, n, at_ms)
    return True


def insert(connection: Connection, new: NewMessage) -> Waiting:
    """Write an accepted message, state `queued`."""
    result = connection.execute(
        _INSERT_MESSAGE,
        {
            "id": new.id,
            "client": new.client,
            "status": Status.QUEUED,
            "rank": new.message_class.rank,
            "recipient": new.recipient,
            "body": new.sealed,
            "alphabet": new.alphabet,
            "segments": new.segments,
            "created_at_ms": new.created_at_ms,
            "deadline_ms": new.deadline_ms,
            "next_at_ms": 0,
            "on_unknown": new.on_unknown,
            "supersede_key": new.supersede_key,
            "reference": new.reference,
            "modem": new.modem,
            "region": new.region,
            "callback": new.callback,
            "verification": new.verification,
            "send_no": new.send_no,
            "replace_type": new.replace_type,
            "prefer": new.prefer,
            "sandbox": new.sandbox,
        },
    )
    key = result.inserted_primary_key
    assert key is not None  # noqa: S101 - an insert into a table with a serial has one
    n = int(key[0])
    add_event(connection, n, Status.QUEUED, new.created_at_ms)
    return Waiting(
        n=n,
        id=new.id,
        rank=new.message_class.rank,
        recipient=new.recipient,
        sealed=new.sealed,
        segments=new.segments,
        created_at_ms=new.created_at_ms,
        deadline_ms=new.deadline_ms,
        on_unknown=new.on_unknown,
        modem=new.modem,
        replace_type=new.replace_type,
        prefer=new.prefer,
        sandbox=new.sandbox,
        despite_bar=new.client == OWN_CLIENT,
    )


def supersede(
    connection: Connection, client: str, key: str, recipient: str, at_ms: int
) -> list[tuple[int, int]]:
    """Replace the client's waiting messages to this recipient under `key`; returns their (n, rank)."""
    same = (
        messages.c.client == client,
        messages.c.supersede_key == key,
        messages.c.recipient == recipient,
    )
    # What left may have been kept for a second copy.
    connection.execute(messages.update().where(AWAITS_SECOND, *same).values(body=None, second_at_ms=None))
    rows = connection.execute(
        select(messages.c.n, messages.c.rank).where(
            IS_QUEUED, literal_column("messages.supersede_key IS NOT NULL"), *same
        )
    ).all()
    return [
        (n, rank)
        for n, rank in rows
        if drop(connection, n, Status.QUEUED, Status.SUPERSEDED, at_ms, detail=_REPLACED)
    ]


def claim(
    connection: Connection,
    message: Waiting,
    *,
    modem: str,
    sim: str,
    parts_count: int,
    lease: int,
    at_ms: int,
    detail: str | None = None,
) -> bool:
    """Move a queued message to `sending`, before its Ctrl-Z may leave; False where it is not queued any more."""
    attempt = message.attempts + 1
    result = connection.execute(_CLAIM, {"b_n": message.n, "b_lease": lease, "b_attempts": attempt})
    if result.rowcount != 1:
        return False
    add_event(connection, message.n, Status.SENDING, at_ms, modem=modem, detail=detail)
    connection.execute(
        _INSERT_PART,
        [
            {
                "message": message.n,
                "attempt": attempt,
                "part": part,
                "modem": modem,
                "sim": sim,
                "state": "sending",
                "at_ms": at_ms,
                "awaiting": False,
            }
            for part in range(parts_count)
        ],
    )
    return True


def part_sent(connection: Connection, n: int, attempt: int, part: int, tp_mr: int, at_ms: int) -> None:
    """A part got its TP-MR and awaits its report."""
    connection.execute(
        _PART_SENT, {"b_message": n, "b_attempt": attempt, "b_part": part, "b_tp_mr": tp_mr, "b_at_ms": at_ms}
    )


def parts_ended(
    connection: Connection, n: int, attempt: int, state: str, reason: str | None, *, awaiting: bool
) -> None:
    """The parts of an attempt that got no TP-MR: refused, failed, or in doubt (then a report may still come)."""
    connection.execute(
        parts.update()
        .where(parts.c.message == n, parts.c.attempt == attempt, parts.c.state == "sending")
        .values(state=state, awaiting=awaiting, reason=reason and reason[:200])
    )


def sent(
    connection: Connection,
    n: int,
    modem: str,
    at_ms: int,
    *,
    second_at_ms: int | None = None,
    detail: str | None = None,
) -> bool:
    """Move a message to `sent` and wipe its body, unless it may be sent once more at `second_at_ms`."""
    values = {"b_n": n, "b_modem": modem}
    if second_at_ms is None:
        result = connection.execute(_SENT, values)
    else:
        result = connection.execute(_SENT_AND_KEPT, {**values, "b_second_at_ms": second_at_ms})
    if result.rowcount != 1:
        return False
    add_event(connection, n, Status.SENT, at_ms, modem=modem, detail=detail)
    return True


def drop(
    connection: Connection,
    n: int,
    before: Status,
    after: Status,
    at_ms: int,
    *,
    detail: str,
    modem: str | None = None,
) -> Status | None:
    """End a message that waits or is being sent, and leaves no more; returns where it stands then.

    One whose first copy did leave, and that goes out a second time, is `sent` again and not `after`: to say that it
    expired or failed would be a lie. Where every copy that left is reported as failed, it is `undelivered`.
    None where it was not in `before` any more.
    """
    left = select(messages.c.n).where(messages.c.n == n, messages.c.other_network.is_not(None))
    if connection.execute(left).first() is None:
        return after if move(connection, n, before, after, at_ms, modem=modem, detail=detail) else None
    detail = f"no second copy: {detail}"
    if not move(connection, n, before, Status.SENT, at_ms, modem=modem, detail=detail):
        return None
    return undelivered(connection, n, Status.SENT, at_ms) or Status.SENT


def undelivered(connection: Connection, n: int, before: Status, at_ms: int) -> Status | None:
    """Move a message to `undelivered` where no copy that left can arrive any more; returns that, or None."""
    verdict = copies_failed(connection, n)
    if verdict is None:
        return None
    detail = meaning(verdict)
    moved = move(
        connection, n, before, Status.UNDELIVERED, at_ms, detail=detail, tp_st=verdict, reported_at_ms=at_ms
    )
    return Status.UNDELIVERED if moved else None


def copies_failed(connection: Connection, n: int) -> int | None:
    """The TP-ST of the last failure where each copy that left as a whole was reported as failed, else None."""
    rows = connection.execute(
        select(parts.c.attempt, parts.c.state, parts.c.tp_st)
        .where(parts.c.message == n)
        .order_by(parts.c.attempt, parts.c.part)
    ).all()
    verdicts: list[int | None] = []
    for _attempt, group in groupby(rows, key=lambda row: row.attempt):
        copy = list(group)
        if all(row.state == "sent" for row in copy):
            verdicts.append(next((row.tp_st for row in copy if is_failure(row.tp_st)), None))
    return None if not verdicts or None in verdicts else verdicts[-1]


def requeue(
    connection: Connection, message: Waiting, before: Status, next_at_ms: int, at_ms: int, detail: str
) -> Status | None:
    """Put a message back into the queue, not to leave before `next_at_ms`.

    Returns `queued`; or `superseded` (of a second copy: `sent`) where a newer message or a STOP ended it meanwhile;
    or None where it was not in `before` any more.
    """
    why = ended_by(connection, message.n)
    if why is not None:
        return drop(connection, message.n, before, Status.SUPERSEDED, at_ms, detail=why)
    moved = move(
        connection,
        message.n,
        before,
        Status.QUEUED,
        at_ms,
        detail=detail,
        next_at_ms=next_at_ms,
        attempts=message.attempts,
        refusals=message.refusals,
        doubts=message.doubts,
        avoid=" ".join(sorted(message.avoid)),
        lease=None,
    )
    return Status.QUEUED if moved else None


def ended_by(connection: Connection, n: int) -> str | None:
    """Why a message does not leave again: it has a successor, its code counts no more, or nobody wants it."""
    row = connection.execute(
        select(
            messages.c.client,
            messages.c.supersede_key,
            messages.c.recipient,
            messages.c.verification,
            messages.c.stopped,
        ).where(messages.c.n == n)
    ).one()
    if row.stopped:
        return "the recipient wrote STOP"
    if row.verification is not None and not verifications.is_open(connection, row.verification):
        return _REPLACED
    if row.supersede_key is None:
        return None
    newer = select(messages.c.n).where(
        messages.c.recipient == row.recipient,
        messages.c.n > n,
        messages.c.client == row.client,
        messages.c.supersede_key == row.supersede_key,
    )
    return _REPLACED if connection.execute(newer.limit(1)).first() is not None else None


def find_status(connection: Connection, n: int) -> Status | None:
    """Where the message stands on disk."""
    value = connection.execute(select(messages.c.status).where(messages.c.n == n)).scalar()
    return None if value is None else Status(value)


def proven(connection: Connection, n: int) -> Status | None:
    """What some attempt has come to for certain: `delivered` or `sent` with all its parts, else None."""
    rows: Sequence[Any] = connection.execute(
        select(
            func.count(),
            func.sum(literal_column("CASE WHEN tp_st = 0 THEN 1 ELSE 0 END")),
            func.sum(literal_column("CASE WHEN state = 'sent' THEN 1 ELSE 0 END")),
        )
        .where(parts.c.message == n)
        .group_by(parts.c.attempt)
    ).all()
    if any(total == delivered for total, delivered, _sent in rows):
        return Status.DELIVERED
    return Status.SENT if any(total == sent for total, _delivered, sent in rows) else None


def cancel(connection: Connection, n: int, at_ms: int) -> Status | None:
    """Cancel a waiting message; None where it is not waiting any more, `sent` where only its second copy was."""
    return drop(connection, n, Status.QUEUED, Status.CANCELED, at_ms, detail="canceled by the client")


def set_paused(connection: Connection, modem: str, *, paused: bool) -> None:
    """Keep a modem from sending, also after a restart, or let it send again."""
    connection.execute(paused_modems.delete().where(paused_modems.c.name == modem))
    if paused:
        connection.execute(paused_modems.insert().values(name=modem))


def paused(connection: Connection) -> set[str]:
    """The modems that an admin paused."""
    return set(connection.execute(select(paused_modems.c.name)).scalars())


def set_feedback(connection: Connection, n: int, outcome: str) -> bool:
    """Record what the application saw of this message; True where that may count.

    It does where it is the first that is said of a code, and the code has left: who says another thing later, or
    speaks of what he took back, changes what is on record and no more.
    """
    counts = and_(
        messages.c.feedback.is_(None),
        messages.c.rank == MessageClass.OTP.rank,
        messages.c.status.in_([Status.SENT, Status.DELIVERED]),
    )
    said = messages.update().values(feedback=outcome).where(messages.c.n == n)
    if connection.execute(said.where(counts)).rowcount == 1:
        return True
    connection.execute(said)
    return False
