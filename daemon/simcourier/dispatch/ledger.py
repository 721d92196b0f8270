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
_FORGET_PAUSE_S = 3600.0
"""Between two looks for what is too old to be kept."""
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
        self._forget_at = 0.0

    def load(self, connection: Connection) -> None:
        """Take up what was sent before this start; called once, before the writer starts."""
        now_ms = self._clock.wall_ms()
        self._meters.load(self.used(connection, now_ms), usage.just_sent(connection, now_ms - MINUTE_MS))

    @staticmethod
    def used(connection: Connection, now_ms: int) -> dict[str, Used]:
        """What each SIM used of its hour, day and month at this time, as it is on record."""
        month = usage.recipients(connection, month_of(now_ms))
        sent = usage.used(connection, now_ms, now_ms // DAY_MS * DAY_MS, month_begin_ms(now_ms))
        return {sim: Used(use.hour, use.day, use.month, month.get(sim, set())) for sim, use in sent.items()}

    def clock_was_set(self, used: dict[str, Used], step_ms: int) -> None:
        """The clock was set by `step_ms`, and this is `used` by its calendar: no bound is forgotten for that."""
        self._meters.clock_was_set(used, step_ms, self._clock.wall_ms())

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
        if now >= self._forget_at:
            self._forget_at = now + _FORGET_PAUSE_S
            now_ms = self._clock.wall_ms()
            self._records.write(lambda c: usage.forget(c, now_ms - _KEPT_MS, month_of(now_ms)))

    def flush(self) -> None:
        """Write what was counted since."""
        if self._unwritten:
            counts = dict(self._unwritten)
            self._unwritten.clear()
            self._records.write(lambda c: usage.add(c, counts))
