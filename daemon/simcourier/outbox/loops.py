"""Loop tests on record: which SIM texted which, what came of it, and which SIM sends nothing more for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, RowMapping, func, literal_column, select
from sqlalchemy.engine import Connection

from simcourier.outbox.duties import BATCH
from simcourier.outbox.message import Status
from simcourier.outbox.notices import notify
from simcourier.outbox.schema import loop_tests, messages, parts, sims

_t = loop_tests.c
# SQLite uses the partial index only for the very words of its condition.
_IS_OPEN: ColumnElement[bool] = literal_column("loop_tests.outcome = ''")


class Outcome(StrEnum):
    """What came of a loop test."""

    UNDER_WAY = ""
    ARRIVED = "arrived"
    LOST = "lost"
    UNCLEAR = "unclear"
    """It did not come in, and that is not the sender's fault, or nobody can say."""
    NOT_SENT = "not-sent"


JUDGED = frozenset({Outcome.ARRIVED, Outcome.LOST})
"""Outcomes that say something of the sending SIM."""


@dataclass(frozen=True)
class NewTest:
    """A test that is about to be sent as the message `message`."""

    id: str
    message: int
    from_sim: str
    from_modem: str
    to_sim: str
    to_modem: str
    token_key: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class LoopTest:
    """A test as it is on record."""

    n: int
    id: str
    from_sim: str
    from_modem: str
    to_sim: str
    to_modem: str
    at_ms: int
    ended_at_ms: int | None
    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True)
class Open:
    """A test under way: where its message stands (None: there is none any more), and when it left."""

    test: LoopTest
    status: Status | None
    left_at_ms: int | None


_COLUMNS = (
    _t.n,
    _t.id,
    _t.from_sim,
    _t.from_modem,
    _t.to_sim,
    _t.to_modem,
    _t.at_ms,
    _t.ended_at_ms,
    _t.outcome,
    _t.detail,
)


def _test(row: RowMapping) -> LoopTest:
    values = {column.name: row[column.name] for column in _COLUMNS}
    return LoopTest(**{**values, "outcome": Outcome(values["outcome"])})


def insert(connection: Connection, new: NewTest) -> None:
    """Write a test that is under way."""
    connection.execute(loop_tests.insert(), {**asdict(new), "outcome": Outcome.UNDER_WAY, "detail": ""})


def under_way(connection: Connection) -> list[Open]:
    """Every test that has not ended, oldest first."""
    left = (
        select(func.max(parts.c.at_ms))
        .where(parts.c.message == _t.message, parts.c.state == "sent")
        .scalar_subquery()
    )
    statement = (
        select(*_COLUMNS, messages.c.status, left.label("left_at_ms"))
        .select_from(loop_tests.outerjoin(messages, messages.c.n == _t.message))
        .where(_IS_OPEN)
        .order_by(_t.n)
    )
    return [
        Open(_test(row), None if row["status"] is None else Status(row["status"]), row["left_at_ms"])
        for row in connection.execute(statement).mappings()
    ]


def end(connection: Connection, n: int, outcome: Outcome, at_ms: int, detail: str = "") -> None:
    """Put on record what came of a test."""
    connection.execute(
        loop_tests.update().where(_t.n == n).values(outcome=outcome, ended_at_ms=at_ms, detail=detail[:200])
    )


def arrive(connection: Connection, token_key: str, at_ms: int) -> LoopTest | None:
    """The text with this token came in; the test as it was before, None where it is unknown or came already."""
    statement = select(*_COLUMNS).where(_t.token_key == token_key, _t.outcome != Outcome.ARRIVED)
    row = connection.execute(statement).mappings().first()
    if row is None:
        return None
    test = _test(row)
    late = "" if test.outcome is Outcome.UNDER_WAY else "after it was given up"
    end(connection, test.n, Outcome.ARRIVED, at_ms, late)
    return test


def last_from(connection: Connection, sim: str, limit: int) -> list[LoopTest]:
    """The last tests by this SIM that say something of it, the newest first."""
    return _last(connection, _t.from_sim == sim, limit)


def last_to(connection: Connection, sim: str, limit: int) -> list[LoopTest]:
    """The last tests to this SIM that say something, the newest first."""
    return _last(connection, _t.to_sim == sim, limit)


def _last(connection: Connection, whose: ColumnElement[bool], limit: int) -> list[LoopTest]:
    statement = select(*_COLUMNS).where(whose, _t.outcome.in_(sorted(JUDGED))).order_by(_t.n.desc())
    return [_test(row) for row in connection.execute(statement.limit(limit)).mappings()]


def last_times(connection: Connection, from_sim: str) -> dict[str, int]:
    """When this SIM last texted which other."""
    rows = connection.execute(
        select(_t.to_sim, func.max(_t.at_ms)).where(_t.from_sim == from_sim).group_by(_t.to_sim)
    )
    return {row[0]: int(row[1]) for row in rows}


def find(connection: Connection, test_id: str) -> LoopTest | None:
    """The test with this id."""
    row = connection.execute(select(*_COLUMNS).where(_t.id == test_id)).mappings().first()
    return None if row is None else _test(row)


def page(connection: Connection, limit: int, before: int | None) -> tuple[list[LoopTest], int | None]:
    """The newest tests, those before `before` where it is given; and the `before` of the next page, if there is one."""
    statement = select(*_COLUMNS).order_by(_t.n.desc()).limit(limit + 1)
    if before is not None:
        statement = statement.where(_t.n < before)
    found = [_test(row) for row in connection.execute(statement).mappings()]
    return found[:limit], found[limit - 1].n if len(found) > limit else None


def retire(connection: Connection, before_ms: int) -> int:
    """Drop a batch of tests begun before `before_ms`; returns how many."""
    rows = connection.execute(select(_t.n, _t.at_ms).order_by(_t.n).limit(BATCH)).all()
    old = [row.n for row in rows if row.at_ms < before_ms]
    if old:
        connection.execute(loop_tests.delete().where(_t.n.in_(old)))
    return len(old)


def suspended(connection: Connection) -> dict[str, str]:
    """The SIMs that send nothing for their lost tests, and why."""
    rows = connection.execute(select(sims.c.sim, sims.c.suspended).where(sims.c.suspended.is_not(None)))
    return {row.sim: row.suspended for row in rows}


def suspend(connection: Connection, test: LoopTest, why: str, at_ms: int) -> None:
    """The sending SIM of this test sends nothing more."""
    _set_suspended(connection, test.from_sim, why, at_ms)
    notify(connection, "sim.suspended", at_ms, None, {"modem": test.from_modem, "reason": why})


def resume(connection: Connection, test: LoopTest, at_ms: int) -> None:
    """It may send again."""
    _set_suspended(connection, test.from_sim, None, None)
    data: dict[str, object] = {"modem": test.from_modem, "reason": "a loop test arrived"}
    notify(connection, "sim.resumed", at_ms, None, data)


def _set_suspended(connection: Connection, sim: str, why: str | None, at_ms: int | None) -> None:
    values = {"suspended": why, "suspended_at_ms": at_ms}
    connection.execute(sims.update().where(sims.c.sim == sim).values(**values))
