"""How long deliveries took, by SIM and area of the recipient: small counts, written now and then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import bindparam, select, text
from sqlalchemy.engine import Connection

from simcourier.outbox.schema import delivery_times

_t = delivery_times.c
_UPSERT = text(
    "INSERT INTO delivery_times (sim, area, network, counts, updated_at_ms)"
    " VALUES (:sim, :area, :network, :counts, :updated_at_ms)"
    " ON CONFLICT (sim, area) DO UPDATE SET network = excluded.network, counts = excluded.counts,"
    " updated_at_ms = excluded.updated_at_ms"
)
_DELETE = delivery_times.delete().where(_t.sim == bindparam("b_sim"), _t.area == bindparam("b_area"))


@dataclass(frozen=True)
class Row:
    """One SIM, one area; `counts` is JSON (dispatch/learned.py)."""

    sim: str
    area: str
    network: str
    counts: str
    updated_at_ms: int


def read(connection: Connection, limit: int) -> list[Row]:
    """The rows that were written last, the newest last."""
    columns = (_t.sim, _t.area, _t.network, _t.counts, _t.updated_at_ms)
    rows = connection.execute(select(*columns).order_by(_t.updated_at_ms.desc()).limit(limit)).all()
    return [Row(*row) for row in reversed(rows)]


def write(connection: Connection, rows: Sequence[Row], gone: Sequence[tuple[str, str]]) -> None:
    """Put these rows in place of those before, and drop those that are `gone` (SIM and area)."""
    if gone:
        connection.execute(_DELETE, [{"b_sim": sim, "b_area": area} for sim, area in gone])
    if rows:
        connection.execute(_UPSERT, [asdict(row) for row in rows])
