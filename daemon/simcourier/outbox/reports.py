"""What a status report changes: match it, mark the part, and settle the message when its parts agree."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, bindparam, literal_column, select
from sqlalchemy.engine import Connection

from simcourier.outbox import store
from simcourier.outbox.matching import Candidate, match, service_centre_ms
from simcourier.outbox.message import Status
from simcourier.outbox.schema import messages, parts, unmatched_reports
from simcourier.sms.report import StatusReport
from simcourier.sms.status import ReportOutcome, meaning, outcome

_LIMIT = 200
"""Candidates looked at; one SIM's TP-MR comes round every 256 messages, and parts stop awaiting after days."""
UNMATCHED_LIMIT = 10_000
"""Rows of `unmatched_reports` that are kept."""

# When the service centre may have stamped a submit in doubt, from the time that it was claimed.
_DOUBT_FROM_MS = -60_000
_DOUBT_UNTIL_MS = 180_000

_AWAITING: ColumnElement[bool] = literal_column("parts.awaiting")
_COLUMNS = (
    parts.c.message,
    parts.c.attempt,
    parts.c.part,
    messages.c.recipient,
    parts.c.at_ms,
    parts.c.modem,
)
_JOINED = parts.join(messages, messages.c.n == parts.c.message)
_BY_REFERENCE = (
    select(*_COLUMNS)
    .select_from(_JOINED)
    .where(_AWAITING, parts.c.sim == bindparam("b_sim"), parts.c.tp_mr == bindparam("b_tp_mr"))
    .order_by(parts.c.at_ms.desc())
    .limit(_LIMIT)
)
_IN_DOUBT = (
    select(*_COLUMNS)
    .select_from(_JOINED)
    .where(_AWAITING, parts.c.sim == bindparam("b_sim"), parts.c.tp_mr.is_(None))
    .order_by(parts.c.at_ms.desc())
    .limit(_LIMIT)
)
_MARK = (
    parts.update()
    .where(
        parts.c.message == bindparam("b_message"),
        parts.c.attempt == bindparam("b_attempt"),
        parts.c.part == bindparam("b_part"),
    )
    .values(tp_st=bindparam("b_tp_st"), reported_at_ms=bindparam("b_at_ms"), awaiting=bindparam("b_awaiting"))
)
_MESSAGE = select(
    messages.c.id,
    messages.c.status,
    messages.c.rank,
    messages.c.segments,
    messages.c.attempts,
    messages.c.created_at_ms,
).where(messages.c.n == bindparam("b_n"))
_DELIVERED = (
    messages.update()
    .where(messages.c.n == bindparam("b_n"), messages.c.status == Status.SENT)
    .values(
        status=Status.DELIVERED,
        tp_st=bindparam("b_tp_st"),
        reported_at_ms=bindparam("b_at_ms"),
    )
)


@dataclass(frozen=True, slots=True)
class Settled:
    """What a report did: the message's move, when it made one."""

    n: int
    id: str
    rank: int
    before: Status
    after: Status | None
    created_at_ms: int
    modem: str
    """The modem whose part the report speaks of."""


def apply(connection: Connection, sim: str, report: StatusReport, at_ms: int) -> Settled | None:
    """Match a report and write what it says; None where it fits nothing that awaits one."""
    candidate = _find(connection, sim, report)
    if candidate is None:
        return None
    said = outcome(report.tp_st)
    connection.execute(
        _MARK,
        {
            "b_message": candidate.message,
            "b_attempt": candidate.attempt,
            "b_part": candidate.part,
            "b_tp_st": report.tp_st,
            "b_at_ms": at_ms,
            "b_awaiting": not said.final,
        },
    )
    return _settle(connection, candidate, report.tp_st, said, at_ms)


def _find(connection: Connection, sim: str, report: StatusReport) -> Candidate | None:
    rows = connection.execute(_BY_REFERENCE, {"b_sim": sim, "b_tp_mr": report.tp_mr}).all()
    return match(report, [Candidate(*row) for row in rows]) or _find_in_doubt(connection, sim, report)


def _find_in_doubt(connection: Connection, sim: str, report: StatusReport) -> Candidate | None:
    """A submit in doubt has no TP-MR on record: recipient and time alone must do, so the time must fit well.

    A report of an older message to the same phone, told twice, must not pass for this one's.
    """
    stamp = service_centre_ms(report)
    if stamp is None or not report.recipient:
        return None
    rows = connection.execute(_IN_DOUBT, {"b_sim": sim}).all()
    candidates = [Candidate(*row) for row in rows]
    return match(report, [c for c in candidates if _DOUBT_FROM_MS <= stamp - c.at_ms <= _DOUBT_UNTIL_MS])


def _settle(
    connection: Connection, candidate: Candidate, tp_st: int, said: ReportOutcome, at_ms: int
) -> Settled | None:
    n = candidate.message
    row = connection.execute(_MESSAGE, {"b_n": n}).one()
    before = Status(row.status)
    after: Status | None = None
    words = meaning(tp_st)
    if said is ReportOutcome.DELIVERED:
        if row.segments == 1 or store.proven(connection, n) is Status.DELIVERED:
            after = _delivered(connection, n, before, tp_st, at_ms, words)
    elif said.final and said is not ReportOutcome.FORWARDED:
        latest = candidate.attempt == row.attempts
        if latest and before in {Status.SENT, Status.UNKNOWN}:
            after = Status.UNDELIVERED
            store.move(connection, n, before, after, at_ms, detail=words, tp_st=tp_st, reported_at_ms=at_ms)
    if after is None:
        # Still on its way, one part of several, or about an earlier copy: worth a line in the history, no move.
        store.add_event(connection, n, before, at_ms, detail=f"report: {words}")
    return Settled(n, row.id, row.rank, before, after, row.created_at_ms, candidate.modem)


def _delivered(
    connection: Connection, n: int, before: Status, tp_st: int, at_ms: int, words: str
) -> Status | None:
    if before is Status.SENT:
        connection.execute(_DELIVERED, {"b_n": n, "b_tp_st": tp_st, "b_at_ms": at_ms})
        store.add_event(connection, n, Status.DELIVERED, at_ms)
        return Status.DELIVERED
    if before in {Status.QUEUED, Status.UNKNOWN}:
        store.move(
            connection, n, before, Status.DELIVERED, at_ms, detail=words, tp_st=tp_st, reported_at_ms=at_ms
        )
        return Status.DELIVERED
    # `sending`: the first copy arrived while the second is in the modem; the end of that submit settles it.
    return None


def settle_after_submit(connection: Connection, n: int, before: Status, at_ms: int) -> Status | None:
    """Settle a message in doubt whose earlier copy turned out to be sent or delivered while another was on its way.

    Returns what it moved to, or None where nothing is proven.
    """
    match store.proven(connection, n):
        case Status.DELIVERED:
            detail = "an earlier copy was reported"
            moved = store.move(
                connection, n, before, Status.DELIVERED, at_ms, detail=detail, tp_st=0, reported_at_ms=at_ms
            )
            return Status.DELIVERED if moved else None
        case Status.SENT if before is not Status.SENT:
            detail = "an earlier copy was sent after all"
            moved = store.move(connection, n, before, Status.SENT, at_ms, detail=detail)
            return Status.SENT if moved else None
        case _:
            return None


def keep_unmatched(connection: Connection, sim: str, report: StatusReport, at_ms: int) -> None:
    """Keep a report that fits nothing, for the admin's eyes and for a `+CMGS` that comes after it."""
    connection.execute(
        unmatched_reports.insert(),
        {
            "at_ms": at_ms,
            "sim": sim,
            "tp_mr": report.tp_mr,
            "recipient": report.recipient[:24],
            "service_centre_at_ms": service_centre_ms(report),
            "tp_st": report.tp_st,
        },
    )


def drop_unmatched(connection: Connection) -> int:
    """Keep the newest rows of `unmatched_reports`; returns how many were dropped."""
    newest = connection.execute(
        select(unmatched_reports.c.seq).order_by(unmatched_reports.c.seq.desc()).limit(1)
    ).scalar()
    if newest is None:
        return 0
    return connection.execute(
        unmatched_reports.delete().where(unmatched_reports.c.seq <= newest - UNMATCHED_LIMIT)
    ).rowcount
