"""How the box is: `/v1/status` for programs, `/healthz` and `/readyz` for watchers, `/metrics` for Prometheus."""

from __future__ import annotations

from flask import Flask, Response
from prometheus_client import CONTENT_TYPE_LATEST

from simcourier.errors import RequestError
from simcourier.service import Service
from simcourier_web.answers import answer, rfc3339, rfc3339_or_none
from simcourier_web.auth import Gate


class BoxApi:
    """The views that speak of the whole box."""

    def __init__(self, service: Service, gate: Gate) -> None:
        self._service = service
        self._gate = gate

    def install(self, app: Flask) -> None:
        """Add the routes."""
        app.add_url_rule("/v1/status", view_func=self.status)
        app.add_url_rule("/healthz", view_func=self.healthz)
        app.add_url_rule("/readyz", view_func=self.readyz)
        app.add_url_rule("/metrics", view_func=self.metrics)

    def status(self) -> Response:
        """`GET /v1/status`."""
        self._gate.client("status:read")
        box = self._service.status()
        return answer(
            {
                "version": box.version,
                "started_at": rfc3339(box.started_at_ms),
                "now": rfc3339(box.now_ms),
                "ready": box.ready,
                "healthy": box.healthy,
                "modems": box.modems,
                "modems_up": box.modems_up,
                "queue": box.queue,
                "oldest_queued_at": rfc3339_or_none(box.oldest_queued_ms),
                "in_flight": box.in_flight,
                "free_mb": box.free_mb,
            }
        )

    def healthz(self) -> Response:
        """`GET /healthz`: does the box work at all?"""
        if not self._service.healthy:
            raise RequestError("unhealthy", "The thread that writes does not turn any more; restart the box.")
        return answer({"status": "healthy"})

    def readyz(self) -> Response:
        """`GET /readyz`: can some modem send?"""
        if not self._service.ready:
            raise RequestError("no-modem", "No modem of this box can send right now.")
        return answer({"status": "ready"})

    def metrics(self) -> Response:
        """`GET /metrics`: the text exposition format."""
        self._gate.viewer()
        return Response(self._service.render_metrics(), content_type=CONTENT_TYPE_LATEST)
