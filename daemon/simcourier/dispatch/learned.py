"""How long deliveries take, learned from delivery reports: by SIM and area on disk, by network in memory too."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from sqlalchemy.engine import Connection

from simcourier.config import SecondSim
from simcourier.dispatch.operators import Operators
from simcourier.outbox import delivery_times
from simcourier.outbox.delivery_times import Row

BOUNDS_S = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 45, 60, 90, 120, 180, 300, 600, 3600)
"""Upper ends of the buckets; what took longer than the last counts there."""
ROWS = 10_000
"""SIMs times areas that are kept; beyond it the one with the oldest news goes."""
_BATCH = 500
"""Rows written in one transaction."""
_MEMORY = 1000
"""Deliveries after which all counts are halved, so that what was learned last year says little."""
_FEW = 10
"""Fewer deliveries say nothing of what to expect."""
_OPEN_DIGITS = 6
"""An area is a number without so many last digits."""


class _Key(NamedTuple):
    sim: str
    area: str


class Times:
    """How many deliveries took how long, in buckets."""

    __slots__ = ("_median", "counts", "total")

    def __init__(self, counts: Iterable[int] = ()) -> None:
        given = [count for count in counts if count >= 0][: len(BOUNDS_S)]
        self.counts = given + [0] * (len(BOUNDS_S) - len(given))
        self.total = sum(self.counts)
        self._median: float | None = None

    def add(self, seconds: float) -> None:
        """One more delivery."""
        self.counts[min(bisect_left(BOUNDS_S, seconds), len(BOUNDS_S) - 1)] += 1
        self._grown(1)

    def merge(self, other: Times) -> None:
        """Add what was counted elsewhere."""
        self.counts = [mine + its for mine, its in zip(self.counts, other.counts, strict=True)]
        self._grown(other.total)

    def _grown(self, by: int) -> None:
        self.total += by
        self._median = None
        while self.total >= _MEMORY:
            self.counts = [count // 2 for count in self.counts]
            self.total = sum(self.counts)

    def percentile(self, percent: float) -> float:
        """The time within which so many of a hundred were delivered, even within a bucket. There must be one."""
        wanted, below, start = self.total * percent / 100, 0, 0.0
        for count, end in zip(self.counts, BOUNDS_S, strict=True):
            if count and below + count >= wanted:
                return start + (end - start) * (wanted - below) / count
            below, start = below + count, float(end)
        return start

    @property
    def median(self) -> float:
        """Half of them took no longer. There must be one."""
        if self._median is None:
            self._median = self.percentile(50)
        return self._median


def area_of(recipient: str) -> str:
    """The beginning of a number, by which nobody can be told apart."""
    return recipient[:-_OPEN_DIGITS][:16]


class Learned:
    """What delivery reports taught; in the writer's thread only."""

    def __init__(self, settings: SecondSim, operators: Operators) -> None:
        self._settings = settings
        self._operators = operators
        self._rows: OrderedDict[_Key, tuple[str, Times]] = OrderedDict()
        self._by_area: OrderedDict[_Key, Times] = OrderedDict()
        self._by_network: dict[str, Times] = {}
        self._networks: dict[str, str] = {}
        self._changed: dict[_Key, None] = {}
        self._gone: dict[_Key, None] = {}

    def load(self, connection: Connection) -> None:
        """Take up what was learned before; called once, before the writer starts."""
        for row in delivery_times.read(connection, ROWS):
            times = Times(_counts(row.counts))
            key = _Key(row.sim, row.area)
            self._rows[key] = row.network, times
            self._by_network.setdefault(row.network, Times()).merge(times)
            self._by_area.setdefault(_Key(row.network, row.area), Times()).merge(times)
            self._networks[row.sim] = row.network

    def delivered(self, sim: str, network: str, recipient: str, seconds: float) -> None:
        """A message that this SIM of this network sent was reported as delivered after so many seconds."""
        if not network or not sim:
            return
        area, seconds = area_of(recipient), max(0.0, seconds)
        key = _Key(sim, area)
        _, times = self._rows.pop(key, (network, Times()))
        self._rows[key] = network, times
        place = _Key(network, area)
        of_area = self._by_area.pop(place, None) or Times()
        self._by_area[place] = of_area
        for one in (times, of_area, self._by_network.setdefault(network, Times())):
            one.add(seconds)
        self._networks[sim] = network
        self._changed[key] = None
        self._gone.pop(key, None)
        self._bound()

    def _bound(self) -> None:
        if len(self._rows) > ROWS:
            key, _ = self._rows.popitem(last=False)
            self._changed.pop(key, None)
            self._gone[key] = None
        if len(self._by_area) > ROWS:
            self._by_area.popitem(last=False)

    def network_of(self, sim: str) -> str:
        """The network of a SIM that was heard of; empty: none was."""
        return self._networks.get(sim, "")

    def expected_s(self, network: str, recipient: str) -> float | None:
        """Seconds that a delivery from a SIM of this network to this number probably takes; None: nobody knows yet."""
        times = self._by_area.get(_Key(network, area_of(recipient)))
        if times is None or times.total < _FEW:
            times = self._by_network.get(network)
        return times.median if times is not None and times.total >= _FEW else None

    def usual_s(self, network: str) -> float | None:
        """Seconds within which reports of this network usually come, within the configured bounds.

        None where too few came to say, or where its operator sends none.
        """
        times = self._by_network.get(network)
        if times is None or times.total < self._settings.sample:
            return None
        operator = self._operators.of(network)
        if operator is not None and not operator.reports:
            return None
        usual_s = times.percentile(self._settings.percentile)
        return max(self._settings.least, min(self._settings.most, usual_s))

    def news(self, now_ms: int) -> tuple[list[Row], list[tuple[str, str]]]:
        """What is not on disk yet: rows, and the keys of those to drop; a batch of them, which counts as told."""
        rows = []
        for key in list(self._changed)[:_BATCH]:
            del self._changed[key]
            network, times = self._rows[key]
            rows.append(Row(key.sim, key.area, network, msgspec.json.encode(times.counts).decode(), now_ms))
        gone = [tuple(key) for key in list(self._gone)[:_BATCH]]
        for key in list(self._gone)[:_BATCH]:
            del self._gone[key]
        return rows, [(sim, area) for sim, area in gone]


def _counts(text: str) -> list[int]:
    """What another version wrote may have other buckets: then it is begun anew."""
    try:
        counts = msgspec.json.decode(text, type=list[int])
    except msgspec.MsgspecError:
        return []
    return counts if len(counts) == len(BOUNDS_S) else []
