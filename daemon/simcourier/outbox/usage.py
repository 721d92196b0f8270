"""What each SIM sent: segments by the hour, and whom it wrote to in a month where that is bounded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.engine import Connection

from simcourier.outbox.message import Status
from simcourier.outbox.schema import events, parts, sim_recipients, sim_usage

HOUR_MS = 3_600_000
_LOOKED_AT = 50_000
"""Events before the end of the history among which the sends of the last minute are: 256 modems make 15,000."""


@dataclass(frozen=True, slots=True)
class Use:
    """Segments that a SIM sent in the hour, the day and the month at hand (UTC)."""

    hour: int
    day: int
    month: int


_ADD = text(
    "INSERT INTO sim_usage (sim, hour_ms, segments) VALUES (:sim, :hour_ms, :segments) "
    "ON CONFLICT (sim, hour_ms) DO UPDATE SET segments = sim_usage.segments + excluded.segments"
)
_MEET = text(
    "INSERT INTO sim_recipients (sim, month, number_key) VALUES (:sim, :month, :number_key) "
    "ON CONFLICT (sim, month, number_key) DO NOTHING"
)


def add(connection: Connection, counts: Mapping[tuple[str, int], int]) -> None:
    """Count segments, given by SIM and by when their hour began (ms since 1970)."""
    rows = [
        {"sim": sim, "hour_ms": hour_ms, "segments": segments} for (sim, hour_ms), segments in counts.items()
    ]
    if rows:
        connection.execute(_ADD, rows)


def meet(connection: Connection, sim: str, month: str, number_key: str) -> None:
    """This SIM writes to this number in this month."""
    connection.execute(_MEET, {"sim": sim, "month": month, "number_key": number_key})


def used(connection: Connection, now_ms: int, day_ms: int, month_ms: int) -> dict[str, Use]:
    """What each SIM sent in this hour, and in the day and the month that began at these times."""
    hour_ms = now_ms // HOUR_MS * HOUR_MS

    def within(begin_ms: int, hours: int) -> Any:
        # Of a clock that was set back there are hours on record that are still to come.
        end_ms = begin_ms + hours * HOUR_MS
        return func.sum(sim_usage.c.segments).filter(
            sim_usage.c.hour_ms >= begin_ms, sim_usage.c.hour_ms < end_ms
        )

    rows = connection.execute(
        select(sim_usage.c.sim, within(hour_ms, 1), within(day_ms, 24), within(month_ms, 31 * 24))
        .where(sim_usage.c.hour_ms >= min(day_ms, month_ms))
        .group_by(sim_usage.c.sim)
    )
    return {sim: Use(*(int(count or 0) for count in counts)) for sim, *counts in rows}


def recipients(connection: Connection, month: str) -> dict[str, set[str]]:
    """Whom each SIM wrote to in this month, where that is bounded."""
    found: dict[str, set[str]] = defaultdict(set)
    rows = connection.execute(
        select(sim_recipients.c.sim, sim_recipients.c.number_key).where(sim_recipients.c.month == month)
    )
    for sim, number_key in rows:
        found[sim].add(number_key)
    return found


def just_sent(connection: Connection, since_ms: int) -> dict[str, list[tuple[int, int]]]:
    """When each SIM sent a segment, from `since_ms` on, the oldest first: as (ms since 1970, 1)."""
    end = select(func.max(events.c.seq)).scalar_subquery()
    recent = (
        select(events.c.message)
        .where(events.c.seq > end - _LOOKED_AT, events.c.status == Status.SENDING, events.c.at_ms >= since_ms)
        .distinct()
    )
    rows = connection.execute(
        select(parts.c.sim, parts.c.modem, parts.c.at_ms)
        .where(parts.c.message.in_(recent), parts.c.at_ms >= since_ms)
        .order_by(parts.c.at_ms)
    )
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for sim, modem, at_ms in rows:
        found[sim or modem[:32]].append((at_ms, 1))
    return found


def forget(connection: Connection, before_ms: int, month: str) -> None:
    """Drop hours that ended before a time, and whom SIMs wrote to in other months than this one."""
    connection.execute(sim_usage.delete().where(sim_usage.c.hour_ms < before_ms))
    connection.execute(sim_recipients.delete().where(sim_recipients.c.month != month))
