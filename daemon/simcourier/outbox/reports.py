"""What a status report changes: match it, mark the part, and settle the message when its parts agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, bindparam, func, literal_column, select
from sqlalchemy.engine import Connection

from simcourier.outbox import store
from simcourier.outbox.matching import Candidate, is_near, is_to, match, service_centre_ms
from simcourier.outbox.message import Status
from simcourier.outbox.schema import messages, parts, unmatched_reports
from simcourier.sms.report import StatusReport
from simcourier.sms.status import ReportOutcome, is_failure, meaning, outcome

_LIMIT = 200
"""Candidates looked at; one SIM's TP-MR comes round every 256 messages, and parts stop awaiting after days."""
UNMATCHED_LIMIT = 10_000
"""Rows of `unmatched_reports` that are kept."""

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
_TOLD = (
    select(*_COLUMNS, parts.c.awaiting)
    .select_from(_JOINED)
    .where(
        literal_column("parts.service_centre_at_ms IS NOT NULL"),
        parts.c.sim == bindparam("b_sim"),
        parts.c.tp_mr == bindparam("b_tp_mr"),
        parts.c.service_centre_at_ms == bindparam("b_stamp_ms"),
    )
)
_MARK = (
    parts.update()
    .where(
        parts.c.message == bindparam("b_message"),
        parts.c.attempt == bindparam("b_attempt"),
        parts.c.part == bindparam("b_part"),
    )
    .values(
        # Of a submit in doubt it is known only now.
        state="sent",
        tp_mr=bindparam("b_tp_mr"),
        tp_st=bindparam("b_tp_st"),
        reported_at_ms=bindparam("b_at_ms"),
        service_centre_at_ms=bindparam("b_stamp_ms"),
        awaiting=bindparam("b_awaiting"),
    )
)
_MESSAGE = select(
    messages.c.id,
    messages.c.status,
    messages.c.rank,
    messages.c.segments,
    messages.c.created_at_ms,
    messages.c.sandbox,
).where(messages.c.n == bindparam("b_n"))
_DELIVERED = (
    messages.update()
    .where(messages.c.n == bindparam("b_n"), messages.c.status == Status.SENT)
    .values(
        status=Status.DELIVERED,
        body=None,
        second_at_ms=None,
        tp_st=bindparam("b_tp_st"),
        reported_at_ms=bindparam("b_at_ms"),
    )
)


@dataclass(frozen=True, slots=True)
class Settled:
    """What a report did: the message's move, when it made one; `repeated`: nothing, for it was told before."""

    part: Candidate
    """What the report speaks of."""
    id: str
    rank: int
    before: Status
    segments: int
    created_at_ms: int
    sandbox: bool
    repeated: bool = False
    after: Status | None = None

    @property
    def n(self) -> int:
        """The message."""
        return self.part.message

    @property
    def modem(self) -> str:
        """The modem whose part the report speaks of."""
        return self.part.modem


def apply(
    connection: Connection, sim: str, report: StatusReport, at_ms: int, under_way: Sequence[Candidate] = ()
) -> Settled | None:
    """Match a report and write what it says; None where it fits nothing that awaits one.

    `under_way` are the submits that this SIM has not answered: a report may overtake its own `+CMGS`, and must wait
    for it then.
    """
    stamp_ms = service_centre_ms(report)
    part, awaiting = _find(connection, sim, report, stamp_ms, under_way)
    if part is None or part in under_way:
        return None
    if not awaiting:
        return _about(connection, part, repeated=True)
    said = outcome(report.tp_st)
    connection.execute(
        _MARK,
        {
            "b_message": part.message,
            "b_attempt": part.attempt,
            "b_part": part.part,
            "b_tp_mr": report.tp_mr,
            "b_tp_st": report.tp_st,
            "b_at_ms": at_ms,
            "b_stamp_ms": stamp_ms,
            "b_awaiting": not said.final,
        },
    )
    return _settle(connection, part, report.tp_st, said, at_ms)


def _find(
    connection: Connection,
    sim: str,
    report: StatusReport,
    stamp_ms: int | None,
    under_way: Sequence[Candidate],
) -> tuple[Candidate | None, bool]:
    """The part that the report speaks of, and whether it still awaits one."""
    rows = connection.execute(_BY_REFERENCE, {"b_sim": sim, "b_tp_mr": report.tp_mr}).all()
    numbered = [Candidate(*row) for row in rows]
    if stamp_ms is not None:
        found = match(report, numbered)
        if found is not None and is_near(found, stamp_ms):
            return found, True
        told = _told(connection, sim, report, stamp_ms)
        if told is not None:
            return told
    in_doubt = [
        Candidate(*row, is_numbered=False) for row in connection.execute(_IN_DOUBT, {"b_sim": sim}).all()
    ]
    return match(report, numbered, [*in_doubt, *under_way]), True


def _told(
    connection: Connection, sim: str, report: StatusReport, stamp_ms: int
) -> tuple[Candidate, bool] | None:
    """The part of which a report with this stamp was told before, and whether it still awaits the final one.

    Within a second, which is the stamp's grain, no SIM submits 256 parts.
    """
    values = {"b_sim": sim, "b_tp_mr": report.tp_mr, "b_stamp_ms": stamp_ms}
    for *columns, awaiting in connection.execute(_TOLD, values):
        part = Candidate(*columns)
        if is_to(report.recipient, part.recipient):
            return part, bool(awaiting)
    return None


def _settle(connection: Connection, part: Candidate, tp_st: int, said: ReportOutcome, at_ms: int) -> Settled:
    settled = _about(connection, part)
    n, before = settled.n, settled.before
    after: Status | None = None
    if said is ReportOutcome.DELIVERED:
        if settled.segments == 1 or store.proven(connection, n) is Status.DELIVERED:
            after = _delivered(connection, n, before, tp_st, at_ms)
    elif is_failure(tp_st) and before in {Status.SENT, Status.UNKNOWN}:
        after = store.undelivered(connection, n, before, at_ms)
    if after is None:
        # Still on its way, one part of several, or about another copy: worth a line in the history, no move.
        detail = f"{store.REPORT_LINE}{meaning(tp_st)}"
        store.add_event(connection, n, before, at_ms, modem=part.modem, detail=detail)
    return replace(settled, after=after)


def _about(connection: Connection, part: Candidate, *, repeated: bool = False) -> Settled:
    row = connection.execute(_MESSAGE, {"b_n": part.message}).one()
    return Settled(
        part, row.id, row.rank, Status(row.status), row.segments, row.created_at_ms, row.sandbox, repeated
    )


def _delivered(connection: Connection, n: int, before: Status, tp_st: int, at_ms: int) -> Status | None:
    if before is Status.SENT:
        connection.execute(_DELIVERED, {"b_n": n, "b_tp_st": tp_st, "b_at_ms": at_ms})
        store.add_event(connection, n, Status.DELIVERED, at_ms)
        return Status.DELIVERED
    if before in {Status.QUEUED, Status.UNKNOWN}:
        detail = meaning(tp_st)
        store.move(
            connection, n, before, Status.DELIVERED, at_ms, detail=detail, tp_st=tp_st, reported_at_ms=at_ms
        )
        return Status.DELIVERED
    # `sending`: the first copy arrived while the second is in the modem; the end of that submit settles it.
    return None


def settle_delivered(connection: Connection, n: int, before: Status, at_ms: int) -> Status | None:
    """Move a message to `delivered` where a copy of it was reported so; returns that, or None."""
    if store.proven(connection, n) is not Status.DELIVERED:
        return None
    detail = "an earlier copy was reported"
    moved = store.move(
        connection, n, before, Status.DELIVERED, at_ms, detail=detail, tp_st=0, reported_at_ms=at_ms
    )
    return Status.DELIVERED if moved else None


def settle_after_submit(connection: Connection, n: int, before: Status, at_ms: int) -> Status | None:
    """Settle a message in doubt whose earlier copy turned out to be sent or delivered while another was on its way.

    Returns what it moved to, or None where nothing is proven.
    """
    match store.proven(connection, n):
        case Status.DELIVERED:
            return settle_delivered(connection, n, before, at_ms)
        case Status.SENT if before is not Status.SENT:
            detail = "an earlier copy was sent after all"
            moved = store.move(connection, n, before, Status.SENT, at_ms, detail=detail)
            return Status.SENT if moved else None
        case _:
            return None


def keep_unmatched(connection: Connection, sim: str, report: StatusReport, at_ms: int) -> bool:
    """Keep a report that fits nothing, for the admin's eyes; False where it is kept already, told once before."""
    values = {
        "sim": sim,
        "tp_mr": report.tp_mr,
        "recipient": report.recipient[:24],
        "service_centre_at_ms": service_centre_ms(report),
        "tp_st": report.tp_st,
    }
    same = [unmatched_reports.c[name].is_not_distinct_from(value) for name, value in values.items()]
    if connection.execute(select(unmatched_reports.c.seq).where(*same).limit(1)).first() is not None:
        return False
    connection.execute(unmatched_reports.insert(), {**values, "at_ms": at_ms})
    return True


def count_unmatched(connection: Connection) -> int:
    """How many reports that fit no message are kept."""
    return int(connection.execute(select(func.count()).select_from(unmatched_reports)).scalar_one())


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
