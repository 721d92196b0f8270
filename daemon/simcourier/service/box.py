"""How the box is: for the page, the status endpoint, watchers and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from simcourier import __version__
from simcourier.outbox import lanes, reports
from simcourier.service.room import Room
from simcourier.service.tools import Tools

_STALE_WRITER_S = 20.0


@dataclass(frozen=True, slots=True)
class BoxStatus:
    """How the box is: for the page, the status endpoint and the command line.

    `dead_hubs`: USB hubs all of whose modems are gone, with their number.
    """

    version: str
    started_at_ms: int
    now_ms: int
    ready: bool
    healthy: bool
    modems_up: int
    modems: int
    queue: dict[str, int]
    oldest_queued_ms: int | None
    in_flight: int
    free_mb: int
    unmatched_reports: int
    dead_hubs: Mapping[str, int] = field(default_factory=dict)


class Box:
    """The whole box."""

    def __init__(self, tools: Tools, room: Room) -> None:
        self._tools = tools
        self._room = room
        self._started_at_ms = tools.clock.wall_ms()
        self._beat = tools.clock.monotonic()

    def beat(self) -> None:
        """The writer's thread is alive; it calls this at least every few seconds."""
        self._beat = self._tools.clock.monotonic()

    @property
    def healthy(self) -> bool:
        """Do the threads still turn that write and that speak with the modems?"""
        return self._tools.clock.monotonic() - self._beat < _STALE_WRITER_S and self._tools.radio.alive

    @property
    def ready(self) -> bool:
        """Can some real modem send?"""
        return bool(self._tools.dispatcher.fleet.side(False).operational)

    def status(self) -> BoxStatus:
        """How the box is, now."""
        with self._tools.engine.connect() as connection:
            oldest = lanes.oldest_queued_ms(connection)
            unmatched = reports.count_unmatched(connection)
        fleet = self._tools.dispatcher.fleet
        return BoxStatus(
            version=__version__,
            started_at_ms=self._started_at_ms,
            now_ms=self._tools.clock.wall_ms(),
            ready=self.ready,
            healthy=self.healthy,
            modems_up=len(fleet.operational),
            modems=len(self._tools.radio.snapshots()),
            queue=self._tools.dispatcher.room.by_class(),
            oldest_queued_ms=oldest,
            in_flight=self._tools.dispatcher.in_flight,
            free_mb=self._room.free_mb,
            unmatched_reports=unmatched,
            dead_hubs=self._tools.care.hubs.dead,
        )

    def render_metrics(self) -> bytes:
        """The Prometheus text, with the gauges brought up to date."""
        status = self.status()
        for name, depth in status.queue.items():
            self._tools.metrics.queue_depth.labels(name).set(depth)
        oldest = status.oldest_queued_ms
        self._tools.metrics.queue_oldest.set(0 if oldest is None else max(0, status.now_ms - oldest) / 1000)
        return self._tools.metrics.render()
