"""Put on record what each SIM sends: with the claim where a pace bounds it, else now and then."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from sqlalchemy.engine import Connection

from simcourier.dispatch.clock import Clock
from simcourier.dispatch.pace import DAY_MS, HOUR_MS, MINUTE_MS, Meters, Used, month_begin_ms, month_of
from simcourier.dispatch.records import Records
from simcourier.outbox import usage

_PAUSE_S = 30.0
"""Between two writes of what SIMs without a pace sent; a crash forgets that much of it."""
_KEPT_MS = 62 * DAY_MS
"""How long an hour's count is kept: this month's and the last one's."""


class Entry(NamedTuple):
    """What a claim costs its SIM; `number_key` where recipients are counted."""

    sim: str
    segments: int
    at_ms: int
    is_bounded: bool
    number_key: str | None

    @property
    def hour_ms(self) -> int:
        """When its hour began."""
        return self.at_ms // HOUR_MS * HOUR_MS


class Ledger:
    """The counts of all SIMs; in the writer's thread only."""

    def __init__(self, records: Records, meters: Meters, clock: Clock) -> None:
        self._records = records
        self._meters = meters
        self._clock = clock
        self._unwritten: Counter[tuple[str, int]] = Counter()
        self._next_at = 0.0

    def load(self, connection: Connection) -> None:
        """Take up what was sent before this start; called once, before the writer starts."""
        now_ms = self._clock.wall_ms()
        month = usage.recipients(connection, month_of(now_ms))
        sent = usage.used(connection, now_ms, now_ms // DAY_MS * DAY_MS, month_begin_ms(now_ms))
        used = {sim: Used(use.hour, use.day, use.month, month.get(sim, set())) for sim, use in sent.items()}
        self._meters.load(used, usage.just_sent(connection, now_ms - MINUTE_MS))

    @staticmethod
    def write(connection: Connection, entry: Entry) -> None:
        """Count what was claimed, in the claim's own transaction: a SIM never gets past its pace by a restart."""
        usage.add(connection, {(entry.sim, entry.hour_ms): entry.segments})
        if entry.number_key is not None:
            usage.meet(connection, entry.sim, month_of(entry.at_ms), entry.number_key)

    def claimed(self, entry: Entry) -> None:
        """A claim is on disk."""
        if not entry.is_bounded:
            self._unwritten[entry.sim, entry.hour_ms] += entry.segments

    def tick(self) -> None:
        """Write what was counted since, where it is time."""
        now = self._clock.monotonic()
        if now >= self._next_at:
            self._next_at = now + _PAUSE_S
            self.flush()

    def flush(self) -> None:
        """Write what was counted since, and forget what is old."""
        if not self._unwritten:
            return
        counts, now_ms = dict(self._unwritten), self._clock.wall_ms()
        self._unwritten.clear()

        def work(connection: Connection) -> None:
            usage.add(connection, counts)
            usage.forget(connection, now_ms - _KEPT_MS, month_of(now_ms))

        self._records.write(work)
