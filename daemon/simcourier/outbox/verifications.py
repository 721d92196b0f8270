"""Every change of a verification, each a function on the writer's connection and each one atomic statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, bindparam, func, literal_column, select, text
from sqlalchemy.engine import Connection

from simcourier.errors import BugError
from simcourier.outbox.notices import notify
from simcourier.outbox.schema import failures, messages, verifications
from simcourier.outbox.verification import VerificationStatus, check_verification_move
from simcourier.sms.address import mask

# In words and not as a parameter: only so does SQLite use the partial indexes.
IS_PENDING: ColumnElement[bool] = literal_column("verifications.status = 'pending'")
LIMIT = 200
_INSERT = verifications.insert()
_CHARGE = (
    verifications.update()
    .where(
        verifications.c.n == bindparam("b_n"),
        IS_PENDING,
        verifications.c.deadline_ms > bindparam("b_now_ms"),
        verifications.c.attempts < verifications.c.max_attempts,
    )
    .values(attempts=verifications.c.attempts + 1)
)
# Made once: to build a statement takes longer than to run it, and a check needs ten.
_FIND = select(verifications).where(verifications.c.id == bindparam("b_id"))
_FIND_OF_CLIENT = _FIND.where(verifications.c.client == bindparam("b_client"))
_PENDING = select(verifications).where(
    IS_PENDING,
    verifications.c.number_key == bindparam("b_number_key"),
    verifications.c.client == bindparam("b_client"),
    verifications.c.purpose == bindparam("b_purpose"),
    verifications.c.binding == bindparam("b_binding"),
)
_CLOSE = (
    verifications.update()
    .where(verifications.c.n == bindparam("b_n"), IS_PENDING)
    .values(
        status=bindparam("b_status"),
        reason=bindparam("b_reason"),
        closed_at_ms=bindparam("b_now_ms"),
        code_mac=None,
        text_values=None,
    )
)
_CLOSE_SEND = _CLOSE.where(verifications.c.send_no == bindparam("b_send_no"))
_WAITING_MESSAGES = select(messages.c.n, messages.c.rank).where(
    literal_column("messages.verification IS NOT NULL"),
    messages.c.verification == bindparam("b_n"),
    literal_column("messages.status = 'queued'"),
)
_FORGET_SECOND = (
    messages.update()
    .where(
        literal_column("messages.second_at_ms IS NOT NULL"),
        literal_column("+messages.verification") == bindparam("b_n"),
    )
    .values(body=None, second_at_ms=None)
)
_FAILURES = select(failures).where(
    failures.c.number_key == bindparam("b_number_key"),
    failures.c.binding.in_([bindparam("b_all"), bindparam("b_binding")]),
)
_WRITE_FAILURES = text(
    "INSERT INTO failures (number_key, binding, consecutive, hour_started_at_ms, in_hour, last_at_ms,"
    " delayed_until_ms, locked_at_ms) VALUES (:number_key, :binding, :consecutive, :hour_started_at_ms,"
    " :in_hour, :last_at_ms, :delayed_until_ms, :locked_at_ms) ON CONFLICT (number_key, binding) DO UPDATE SET"
    " consecutive = excluded.consecutive, hour_started_at_ms = excluded.hour_started_at_ms,"
    " in_hour = excluded.in_hour, last_at_ms = excluded.last_at_ms,"
    " delayed_until_ms = excluded.delayed_until_ms, locked_at_ms = excluded.locked_at_ms"
)


@dataclass(frozen=True, slots=True)
class NewVerification:
    """A verification that passed every check and waits to be written; `binding` is a keyed hash or empty."""

    id: str
    client: str
    recipient: str
    number_key: str
    region: str
    purpose: str
    subject: str | None
    binding: str
    risk: str | None
    reference: str | None
    template: str
    locale: str
    code_type: str
    code_length: int
    code_mac: bytes
    text_values: bytes
    max_attempts: int
    created_at_ms: int
    deadline_ms: int
    resend_at_ms: int


@dataclass(frozen=True, slots=True)
class Verification:
    """A verification as it stands on disk; `code_mac` and `text_values` are None once it is closed."""

    n: int
    id: str
    client: str
    status: VerificationStatus
    reason: str | None
    recipient: str
    number_key: str
    region: str
    purpose: str
    subject: str | None
    binding: str
    risk: str | None
    reference: str | None
    template: str
    locale: str
    code_type: str
    code_length: int
    code_mac: bytes | None
    text_values: bytes | None
    send_no: int
    attempts: int
    max_attempts: int
    created_at_ms: int
    deadline_ms: int
    resend_at_ms: int
    closed_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Closed:
    """A verification that was just closed, and its messages that had not left (n, rank)."""

    verification: Verification
    dropped: tuple[tuple[int, int], ...]


def _verification(row: RowMapping) -> Verification:
    return Verification(**{**row, "status": VerificationStatus(row["status"])})


def insert(connection: Connection, new: NewVerification) -> int:
    """Write a new verification, state `pending`, with its first send; returns its number."""
    values = {name: getattr(new, name) for name in NewVerification.__slots__}
    status = VerificationStatus.PENDING
    result = connection.execute(_INSERT, {**values, "status": status, "send_no": 1, "attempts": 0})
    key = result.inserted_primary_key
    assert key is not None  # noqa: S101 - an insert into a table with a serial has one
    return int(key[0])


def find(connection: Connection, verification_id: str, client: str | None) -> Verification | None:
    """The verification with this id; where `client` is given, only if it is that client's."""
    if client is None:
        row = connection.execute(_FIND, {"b_id": verification_id}).mappings().first()
    else:
        row = (
            connection.execute(_FIND_OF_CLIENT, {"b_id": verification_id, "b_client": client})
            .mappings()
            .first()
        )
    return None if row is None else _verification(row)


def pending(
    connection: Connection, number_key: str, client: str, purpose: str, binding: str
) -> Verification | None:
    """The open verification of this client for number, purpose and binding."""
    wanted = {"b_number_key": number_key, "b_client": client, "b_purpose": purpose, "b_binding": binding}
    row = connection.execute(_PENDING, wanted).mappings().first()
    return None if row is None else _verification(row)


def charge(connection: Connection, n: int, now_ms: int) -> bool:
    """Take one of the attempts, before anything is compared; False where it is closed, over or used up."""
    return connection.execute(_CHARGE, {"b_n": n, "b_now_ms": now_ms}).rowcount == 1


def renew(connection: Connection, before: Verification, code_mac: bytes, resend_at_ms: int) -> None:
    """Put a new code in place of the one before, which is dead from then on; the attempts stay counted.

    Raises BugError where it is not open any more, or has another code already: look before.
    """
    result = connection.execute(
        verifications.update()
        .where(verifications.c.n == before.n, IS_PENDING, verifications.c.send_no == before.send_no)
        .values(send_no=before.send_no + 1, code_mac=code_mac, resend_at_ms=resend_at_ms)
    )
    if result.rowcount != 1:
        raise BugError(f"{before.id} changed within its own transaction")


def close(
    connection: Connection,
    before: Verification,
    after: VerificationStatus,
    now_ms: int,
    *,
    reason: str | None = None,
    send_no: int | None = None,
) -> Closed | None:
    """Close a verification, wipe what proved its code, and drop what had not left.

    With `send_no` only where that is still the last send. None where it was not pending any more: nothing is changed.
    """
    check_verification_move(VerificationStatus.PENDING, after)
    values = {"b_n": before.n, "b_status": after, "b_reason": reason, "b_now_ms": now_ms}
    if send_no is None:
        result = connection.execute(_CLOSE, values)
    else:
        result = connection.execute(_CLOSE_SEND, {**values, "b_send_no": send_no})
    if result.rowcount != 1:
        return None
    if after in _TOLD:
        notify(connection, f"verification.{after}", now_ms, before.client, told(before, after))
    return Closed(before, tuple(drop_messages(connection, before.n, now_ms)))


_TOLD = frozenset(
    {
        VerificationStatus.APPROVED,
        VerificationStatus.EXPIRED,
        VerificationStatus.MAX_ATTEMPTS,
        VerificationStatus.FAILED,
    }
)


def told(verification: Verification, status: VerificationStatus) -> dict[str, object]:
    """What applications are told of it."""
    return {
        "id": verification.id,
        "status": status,
        "to_masked": mask(verification.recipient),
        "purpose": verification.purpose,
        "reference": verification.reference,
        "client": verification.client,
    }


def drop_messages(connection: Connection, n: int, now_ms: int) -> list[tuple[int, int]]:
    """Drop the messages of a verification that still wait; returns their (n, rank)."""
    # Imported here: the store closes a verification whose message failed, and so imports this module.
    from simcourier.outbox import store
    from simcourier.outbox.message import Status

    # What left may have been kept for a second copy; no code that counts no more stays readable.
    connection.execute(_FORGET_SECOND, {"b_n": n})
    rows = connection.execute(_WAITING_MESSAGES, {"b_n": n}).all()
    detail = "its code counts no more"
    return [
        (message, rank)
        for message, rank in rows
        if store.drop(connection, message, Status.QUEUED, Status.SUPERSEDED, now_ms, detail=detail)
    ]


def is_open(connection: Connection, n: int) -> bool:
    """Does a code of this verification still count?"""
    statement = select(verifications.c.n).where(verifications.c.n == n, IS_PENDING)
    return connection.execute(statement).first() is not None


def is_ahead(connection: Connection, now_ms: int) -> bool:
    """Is one open that was made later than `now_ms`?"""
    statement = select(verifications.c.n).where(IS_PENDING, verifications.c.created_at_ms > now_ms).limit(1)
    return connection.execute(statement).first() is not None


def message_failed(connection: Connection, n: int, now_ms: int) -> None:
    """The message with the last code was refused for good: nobody can type what never arrives."""
    row = connection.execute(
        select(verifications)
        .join(messages, messages.c.verification == verifications.c.n)
        .where(messages.c.n == n, messages.c.send_no == verifications.c.send_no, IS_PENDING)
    ).mappings()
    found = row.first()
    if found is not None:
        close(
            connection, _verification(found), VerificationStatus.FAILED, now_ms, reason="the message failed"
        )


def expire(connection: Connection, now_ms: int, limit: int = LIMIT) -> list[Closed]:
    """Close verifications whose life is over."""
    due = select(verifications).where(IS_PENDING, verifications.c.deadline_ms <= now_ms).limit(limit)
    return _close_all(connection, due, VerificationStatus.EXPIRED, now_ms, None)


def distrust(connection: Connection, now_ms: int, reason: str) -> list[Closed]:
    """Close every open verification: nobody can say any more how old its code is."""
    return _close_all(
        connection, select(verifications).where(IS_PENDING), VerificationStatus.EXPIRED, now_ms, reason
    )


def block(connection: Connection, number_key: str, now_ms: int) -> list[Closed]:
    """Close every open verification of a number that was locked."""
    of_number = select(verifications).where(IS_PENDING, verifications.c.number_key == number_key)
    return _close_all(connection, of_number, VerificationStatus.BLOCKED, now_ms, "the number is locked")


def _close_all(
    connection: Connection, statement: Any, after: VerificationStatus, now_ms: int, reason: str | None
) -> list[Closed]:
    rows = connection.execute(statement).mappings().all()
    closed = (close(connection, _verification(row), after, now_ms, reason=reason) for row in rows)
    return [one for one in closed if one is not None]


def shift_times(connection: Connection, step_ms: int) -> None:
    """The clock was set by a little: what is open keeps the life that it had left."""
    connection.execute(
        verifications.update()
        .where(IS_PENDING)
        .values(
            deadline_ms=verifications.c.deadline_ms + step_ms,
            resend_at_ms=verifications.c.resend_at_ms + step_ms,
        )
    )


def shift_failures(connection: Connection, step_ms: int) -> None:
    """The clock was set: delays last as long as they would have, and an hour of failures is still an hour."""
    moved = ("hour_started_at_ms", "last_at_ms")
    connection.execute(failures.update().values({name: failures.c[name] + step_ms for name in moved}))
    connection.execute(
        failures.update()
        .where(failures.c.delayed_until_ms > 0)
        .values(delayed_until_ms=failures.c.delayed_until_ms + step_ms)
    )


def retire(connection: Connection, before_ms: int, limit: int = LIMIT) -> int:
    """Delete a batch of verifications made before `before_ms`; returns how many."""
    # n grows with the time of creation, so the oldest rows come first.
    rows = connection.execute(
        select(verifications.c.n, verifications.c.created_at_ms).order_by(verifications.c.n).limit(limit)
    ).all()
    gone = [row.n for row in rows if row.created_at_ms < before_ms]
    if gone:
        connection.execute(verifications.delete().where(verifications.c.n.in_(gone)))
    return len(gone)


def read_failures(
    connection: Connection, number_key: str, all_of: str, binding: str
) -> dict[str, RowMapping]:
    """The counts of a number under two bindings, where there are any; `all_of` stands for all of them."""
    wanted = {"b_number_key": number_key, "b_all": all_of, "b_binding": binding}
    return {row["binding"]: row for row in connection.execute(_FAILURES, wanted).mappings()}


def delayed_until_ms(connection: Connection, number_key: str) -> int:
    """The longest delay of a number, whichever binding it is for; 0 where there never was one."""
    longest = select(func.max(failures.c.delayed_until_ms)).where(failures.c.number_key == number_key)
    return int(connection.execute(longest).scalar() or 0)


def write_failures(connection: Connection, number_key: str, counts: dict[str, dict[str, Any]]) -> None:
    """Put the counts of a number, by binding, in place of those before."""
    rows = [{"number_key": number_key, "binding": name, **values} for name, values in counts.items()]
    if rows:
        connection.execute(_WRITE_FAILURES, rows)


def forgive(connection: Connection, number_key: str) -> int:
    """Forget every failure of a number, with its delays and its lock; returns how many rows that were."""
    return connection.execute(failures.delete().where(failures.c.number_key == number_key)).rowcount


def forget_failures(connection: Connection, before_ms: int) -> int:
    """Drop counts that nothing was added to since `before_ms`; a lock stays until an admin lifts it."""
    return connection.execute(
        failures.delete().where(failures.c.last_at_ms < before_ms, failures.c.locked_at_ms.is_(None))
    ).rowcount
