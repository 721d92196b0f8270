"""How the box is: `/v1/status` for programs, `/healthz` and `/readyz` for watchers, `/metrics` for Prometheus."""

from __future__ import annotations

from typing import Literal

from flask import Flask, Response
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST

from simcourier.errors import RequestError
from simcourier.service import Service
from simcourier_web.answers import Time, rfc3339, rfc3339_or_none
from simcourier_web.auth import Gate
from simcourier_web.operations import Call, Operation

_READY_RETRY_S = 10


class DeadHub(Struct, frozen=True):
    """A USB hub, as the kernel names it (1-2), all of whose modems are gone."""

    hub: str
    modems: int


class Box(Struct, frozen=True):
    """How the box is; `queue` counts the waiting messages of each class.

    `unmatched_reports`: delivery reports on record that fit no message of this box.
    """

    version: str
    started_at: Time
    now: Time
    ready: bool
    healthy: bool
    modems: int
    modems_up: int
    queue: dict[str, int]
    oldest_queued_at: Time | None
    in_flight: int
    free_mb: int
    unmatched_reports: int
    dead_hubs: list[DeadHub]


class Healthy(Struct, frozen=True):
    """The box works."""

    status: Literal["healthy"] = "healthy"


class Ready(Struct, frozen=True):
    """Some modem can send."""

    status: Literal["ready"] = "ready"


class BoxApi:
    """The operations that speak of the whole box."""

    def __init__(self, service: Service, gate: Gate) -> None:
        self._service = service
        self._gate = gate

    def install(self, app: Flask) -> None:
        """Add the route that is no operation: it speaks Prometheus, not JSON."""
        app.add_url_rule("/metrics", view_func=self.metrics)

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        return (
            Operation(
                "getStatus",
                "GET",
                "/v1/status",
                self.status,
                "How the box is",
                scope="status:read",
                answers={200: Box},
            ),
            Operation(
                "isHealthy",
                "GET",
                "/healthz",
                self.healthz,
                "Does the box work at all?",
                scope=None,
                answers={200: Healthy},
                problems=("unhealthy",),
            ),
            Operation(
                "isReady",
                "GET",
                "/readyz",
                self.readyz,
                "Can some modem send?",
                scope=None,
                answers={200: Ready},
                problems=("no-modem",),
            ),
        )

    def status(self, _call: Call[None, None]) -> Box:
        """`GET /v1/status`."""
        box = self._service.box.status()
        return Box(
            version=box.version,
            started_at=rfc3339(box.started_at_ms),
            now=rfc3339(box.now_ms),
            ready=box.ready,
            healthy=box.healthy,
            modems=box.modems,
            modems_up=box.modems_up,
            queue=box.queue,
            oldest_queued_at=rfc3339_or_none(box.oldest_queued_ms),
            in_flight=box.in_flight,
            free_mb=box.free_mb,
            unmatched_reports=box.unmatched_reports,
            dead_hubs=[DeadHub(hub, modems) for hub, modems in box.dead_hubs.items()],
        )

    def healthz(self, _call: Call[None, None]) -> Healthy:
        """`GET /healthz`."""
        if not self._service.box.healthy:
            raise RequestError(
                "unhealthy", "A thread of the box does not turn any more; restart the box.", retry_after_s=10
            )
        return Healthy()

    def readyz(self, _call: Call[None, None]) -> Ready:
        """`GET /readyz`."""
        if not self._service.box.ready:
            raise RequestError(
                "no-modem", "No modem of this box can send right now.", retry_after_s=_READY_RETRY_S
            )
        return Ready()

    def metrics(self) -> Response:
        """`GET /metrics`: the text exposition format."""
        self._gate.viewer()
        return Response(self._service.box.render_metrics(), content_type=CONTENT_TYPE_LATEST)
