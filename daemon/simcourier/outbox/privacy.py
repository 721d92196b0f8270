"""Tell all that is held about a number, and erase it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, and_, func, literal_column, or_, select
from sqlalchemy.engine import Connection

from simcourier.outbox import audit, hooks, reading, reduction
from simcourier.outbox.duties import BATCH
from simcourier.outbox.message import FINAL
from simcourier.outbox.reduction import DAY_MS, OPEN_MS, WAITING
from simcourier.outbox.schema import (
    blocks,
    events,
    failures,
    inbound,
    inbound_parts,
    limit_rules,
    limit_windows,
    messages,
    parts,
    stops,
    unmatched_reports,
    verifications,
)
from simcourier.outbox.verification import VerificationStatus
from simcourier.sms.address import same_subscriber

HOUR_MS = 3600 * 1000
MOST_TOLD = 10_000
"""Records of a kind that an export holds."""
_IS_CLOSED = verifications.c.status != VerificationStatus.PENDING
_SCOPE = "number"
"""Under which rules and blocks of one number are kept."""
_COUNTED = tuple(f"{kind}.{_SCOPE}" for kind in ("verifications", "messages"))
"""Under which the limits keep what they count for one number."""


# --- tell ---


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number, and what stands for it where it was reduced."""

    text: str
    key: str


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """A message to the number, with its history; `reduced`: the number itself is not held any more."""

    record: reading.Record
    events: list[reading.Event]
    attempts: list[reading.Part]
    reduced: bool


@dataclass(frozen=True, slots=True)
class HeldVerification:
    """A verification of the number, without its code."""

    id: str
    client: str
    status: VerificationStatus
    reason: str | None
    purpose: str
    subject: str | None
    risk: str | None
    reference: str | None
    locale: str
    sends: int
    attempts: int
    created_at_ms: int
    closed_at_ms: int | None
    reduced: bool


@dataclass(frozen=True, slots=True)
class HeldInbound:
    """A message from the number, without its text."""

    id: str
    kind: str
    modem: str
    parts: int
    missing: int
    received_at_ms: int
    acked_at_ms: int | None
    reduced: bool


@dataclass(frozen=True, slots=True)
class HeldCount:
    """A counter, rule or block that is kept under the number's key: what it is, and since or until when."""

    kind: str
    what: str
    value: str
    at_ms: int
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Held:
    """All that is held about a number; `complete`: nothing had to be left out."""

    messages: list[HeldMessage]
    verifications: list[HeldVerification]
    counts: list[HeldCount]
    inbound: list[HeldInbound]
    audit: list[audit.Row]
    reports: int
    complete: bool


def held(connection: Connection, number: Number) -> Held:
    """Everything about a number, the newest first."""
    found = _messages(connection, number)
    started = _verifications(connection, number)
    written = _inbound(connection, number)
    entries = audit.page(connection, audit.Wanted(number_key=number.key, limit=MOST_TOLD)).rows
    return Held(
        found,
        started,
        _failures(connection, number.key)
        + _windows(connection, number.key)
        + _rules(connection, number.key)
        + _stop(connection, number.key),
        written,
        entries,
        len(_reports(connection, number)),
        all(len(each) < MOST_TOLD for each in (found, started, written, entries)),
    )


def _messages(connection: Connection, number: Number) -> list[HeldMessage]:
    wanted = reading.Filter(recipient=number.text, number_key=number.key, limit=MOST_TOLD)
    return [
        HeldMessage(
            record,
            reading.history(connection, record.n),
            reading.attempts(connection, record.n),
            record.recipient != number.text,
        )
        for record in reading.page(connection, wanted).records
    ]


def _verifications(connection: Connection, number: Number) -> list[HeldVerification]:
    rows = connection.execute(
        select(verifications)
        .where(verifications.c.number_key == number.key)
        .order_by(verifications.c.n.desc())
        .limit(MOST_TOLD)
    )
    return [
        HeldVerification(
            row.id,
            row.client,
            VerificationStatus(row.status),
            row.reason,
            row.purpose,
            row.subject,
            row.risk,
            row.reference,
            row.locale,
            row.send_no,
            row.attempts,
            row.created_at_ms,
            row.closed_at_ms,
            row.recipient != number.text,
        )
        for row in rows
    ]


def _inbound(connection: Connection, number: Number) -> list[HeldInbound]:
    rows = connection.execute(
        select(inbound)
        .where(inbound.c.sender_key == number.key)
        .order_by(inbound.c.n.desc())
        .limit(MOST_TOLD)
    )
    return [
        HeldInbound(
            row.id,
            row.kind,
            row.modem,
            row.parts,
            row.missing,
            row.received_at_ms,
            row.acked_at_ms,
            row.sender != number.text,
        )
        for row in rows
    ]


def _stop(connection: Connection, number_key: str) -> list[HeldCount]:
    rows = connection.execute(select(stops).where(stops.c.number_key == number_key))
    return [HeldCount("stop", "wants no more messages", row.set_by, row.at_ms, None) for row in rows]


def _failures(connection: Connection, number_key: str) -> list[HeldCount]:
    rows = connection.execute(select(failures).where(failures.c.number_key == number_key))
    return [
        HeldCount(
            "locked" if row.locked_at_ms is not None else "failures",
            "one binding" if row.binding else "all bindings",
            f"{row.consecutive} in a row, {row.in_hour} in the hour",
            row.last_at_ms,
            row.delayed_until_ms or None,
        )
        for row in rows
    ]


def _windows(connection: Connection, number_key: str) -> list[HeldCount]:
    rows = connection.execute(select(limit_windows).where(_of(limit_windows, number_key)))
    return [
        HeldCount("limit", row.scope, row.counts, row.updated_at_ms, row.updated_at_ms + DAY_MS)
        for row in rows
    ]


def _rules(connection: Connection, number_key: str) -> list[HeldCount]:
    rules = connection.execute(select(limit_rules).where(_of(limit_rules, number_key)))
    blocked = connection.execute(select(blocks).where(_of(blocks, number_key)))
    return [
        HeldCount("rule", row.scope, f"{row.maximum} in {row.window_s} s", row.set_at_ms, row.until_ms)
        for row in rules
    ] + [HeldCount("block", row.scope, row.reason, row.at_ms, row.until_ms) for row in blocked]


def _of(table: Table, number_key: str) -> ColumnElement[bool]:
    scopes = _COUNTED if table is limit_windows else (_SCOPE,)
    return and_(table.c.scope.in_(scopes), table.c.key == number_key)


def _reports(connection: Connection, number: Number) -> list[int]:
    # A service centre may write the number in its own way, so no index helps; the table is small (reports.py).
    rows = connection.execute(select(unmatched_reports.c.seq, unmatched_reports.c.recipient))
    return [row.seq for row in rows if same_subscriber(number.text, row.recipient)]


# --- erase ---


def ids_that_are_over(connection: Connection, number: Number, now_ms: int) -> set[str]:
    """The ids of what an erasure takes: messages and verifications of the number that are over."""
    asked = [select(messages.c.id).where(whose, _is_over(now_ms)) for whose in _is_to(number)]
    asked.append(select(verifications.c.id).where(verifications.c.number_key == number.key, _IS_CLOSED))
    asked.append(select(inbound.c.id).where(inbound.c.sender_key == number.key))
    return {found for statement in asked for found in connection.execute(statement).scalars()}


def _is_over(now_ms: int) -> ColumnElement[bool]:
    return or_(
        messages.c.status.in_(sorted(FINAL)),
        and_(messages.c.status.not_in(WAITING), messages.c.created_at_ms < now_ms - OPEN_MS),
    )


def erase_messages(connection: Connection, number: Number, now_ms: int) -> int:
    """Delete a batch of messages to the number that are over, with their history; returns how many."""
    over = _is_over(now_ms)
    gone = [
        n
        for whose in _is_to(number)
        for n in connection.execute(select(messages.c.n).where(whose, over).limit(BATCH)).scalars()
    ]
    if gone:
        connection.execute(events.delete().where(events.c.message.in_(gone)))
        connection.execute(parts.delete().where(parts.c.message.in_(gone)))
        connection.execute(messages.delete().where(messages.c.n.in_(gone)))
        hooks.rewind(connection)
        reduction.rewind(connection)
    return len(gone)


def _is_to(number: Number) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    # One question each: SQLite uses the index of the second only for the very words of its condition.
    reduced = and_(literal_column("messages.number_key IS NOT NULL"), messages.c.number_key == number.key)
    return messages.c.recipient == number.text, reduced


def erase_verifications(connection: Connection, number: Number) -> int:
    """Delete a batch of closed verifications of the number; returns how many."""
    found = select(verifications.c.n).where(verifications.c.number_key == number.key, _IS_CLOSED).limit(BATCH)
    return connection.execute(
        verifications.delete().where(verifications.c.n.in_(found.scalar_subquery()))
    ).rowcount


def erase_inbound(connection: Connection, number: Number) -> int:
    """Delete a batch of what came from the number, and parts that wait for others; returns how many messages.

    That it was seen stays, as a keyed hash of the whole: from a SIM that can't delete it is not taken in again.
    """
    connection.execute(inbound_parts.delete().where(inbound_parts.c.sender_key == number.key))
    found = select(inbound.c.n).where(inbound.c.sender_key == number.key).limit(BATCH)
    return connection.execute(inbound.delete().where(inbound.c.n.in_(found.scalar_subquery()))).rowcount


def erase_reports(connection: Connection, number: Number) -> int:
    """Delete the reports about the number that fit nothing; returns how many."""
    seqs = _reports(connection, number)
    for start in range(0, len(seqs), BATCH):
        some = seqs[start : start + BATCH]
        connection.execute(unmatched_reports.delete().where(unmatched_reports.c.seq.in_(some)))
    reduction.rewind(connection)
    return len(seqs)


def erase_counts(connection: Connection, number: Number, now_ms: int) -> int:
    """Delete the counters of the number that count for nothing any more; returns how many.

    Those that still bound what may be sent or checked stay until they end: an erasure must not lift a lock, nor give
    somebody who guesses codes or floods a phone a fresh start. They hold a keyed hash, never the number.
    """
    idle = and_(
        failures.c.number_key == number.key,
        failures.c.locked_at_ms.is_(None),
        failures.c.consecutive == 0,
        failures.c.delayed_until_ms <= now_ms,
        failures.c.hour_started_at_ms <= now_ms - HOUR_MS,
    )
    old = and_(_of(limit_windows, number.key), limit_windows.c.updated_at_ms <= now_ms - DAY_MS)
    return (
        connection.execute(failures.delete().where(idle)).rowcount
        + connection.execute(limit_windows.delete().where(old)).rowcount
    )


@dataclass(frozen=True, slots=True)
class Left:
    """What an erasure does not take, and when it can: open messages and verifications, bounds, a wish for no more."""

    waiting: int
    on_their_way: int
    pending: int
    locks: int
    counters: int
    rules: int
    stops: int
    again_after_ms: int | None


def left(connection: Connection, number: Number) -> Left:
    """What is still held about a number behind an erasure."""
    rows = [
        row
        for whose in _is_to(number)
        for row in connection.execute(
            select(messages.c.status, messages.c.created_at_ms, messages.c.deadline_ms).where(whose)
        )
    ]
    waiting = [row.deadline_ms for row in rows if row.status in WAITING]
    on_their_way = [row.created_at_ms + OPEN_MS for row in rows if row.status not in WAITING]
    pending = list(
        connection.execute(
            select(verifications.c.deadline_ms).where(verifications.c.number_key == number.key)
        ).scalars()
    )
    locked = failures.c.locked_at_ms.is_not(None)
    failed = _count(connection, failures, failures.c.number_key == number.key)
    locks = _count(connection, failures, and_(failures.c.number_key == number.key, locked))
    return Left(
        len(waiting),
        len(on_their_way),
        len(pending),
        locks,
        failed - locks + _count(connection, limit_windows, _of(limit_windows, number.key)),
        _count(connection, limit_rules, _of(limit_rules, number.key))
        + _count(connection, blocks, _of(blocks, number.key)),
        # An erasure must not make the box write again to somebody who wants no more.
        _count(connection, stops, stops.c.number_key == number.key),
        max((*waiting, *on_their_way, *pending), default=None),
    )


def _count(connection: Connection, table: Table, condition: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one())
