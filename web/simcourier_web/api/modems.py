"""`/v1/modems`: what every modem does, and an admin's hand on it."""

from __future__ import annotations

from typing import Annotated

from flask import Flask, Response
from msgspec import Meta, Struct

from simcourier.service import Client, ModemView, Service
from simcourier_web.answers import answer
from simcourier_web.auth import Gate
from simcourier_web.forms import Form


class TraceQuery(Struct, forbid_unknown_fields=True, frozen=True):
    """The query of `GET /v1/modems/{id}/trace`."""

    after: Annotated[int, Meta(ge=0, le=2**62)] = 0


TRACE = Form(TraceQuery, {"after": "the number of the last line that was seen"})


class ModemsApi:
    """The views of `/v1/modems`; a modem's id is its name."""

    def __init__(self, service: Service, gate: Gate) -> None:
        self._service = service
        self._gate = gate

    def install(self, app: Flask) -> None:
        """Add the routes."""
        app.add_url_rule("/v1/modems", "modems", self.all)
        app.add_url_rule("/v1/modems/<name>", "modem", self.one)
        app.add_url_rule("/v1/modems/<name>/trace", "trace", self.trace)
        app.add_url_rule("/v1/modems/<name>/pause", "pause", self.pause, methods=["POST"])
        app.add_url_rule("/v1/modems/<name>/resume", "resume", self.resume, methods=["POST"])
        app.add_url_rule("/v1/modems/<name>/restart", "restart", self.restart, methods=["POST"])

    def all(self) -> Response:
        """`GET /v1/modems`: every modem, by name."""
        client = self._gate.client("status:read")
        return answer({"items": [_modem(view, client) for view in self._service.modems()]})

    def one(self, name: str) -> Response:
        """`GET /v1/modems/{id}`."""
        client = self._gate.client("status:read")
        return self._answer(name, client)

    def _answer(self, name: str, client: Client, status: int = 200) -> Response:
        return answer(_modem(self._service.modem(name), client), status)

    def pause(self, name: str) -> Response:
        """`POST /v1/modems/{id}/pause`: give it nothing more to send, also after a restart of the box."""
        client = self._gate.client("admin")
        self._service.pause_modem(name, paused=True)
        return self._answer(name, client)

    def resume(self, name: str) -> Response:
        """`POST /v1/modems/{id}/resume`."""
        client = self._gate.client("admin")
        self._service.pause_modem(name, paused=False)
        return self._answer(name, client)

    def restart(self, name: str) -> Response:
        """`POST /v1/modems/{id}/restart`: 202, it comes up anew meanwhile."""
        client = self._gate.client("admin")
        self._service.restart_modem(name)
        return self._answer(name, client, 202)

    def trace(self, name: str) -> Response:
        """`GET /v1/modems/{id}/trace`: the masked wire, lines numbered above `after`."""
        self._gate.client("admin")
        lines = self._service.trace(name, TRACE.read_query().after)
        return answer(
            {
                "items": [
                    {"seq": line.seq, "at_s": line.at, "direction": line.direction, "text": line.text}
                    for line in lines
                ]
            }
        )


def _modem(view: ModemView, client: Client) -> dict[str, object]:
    card = view.snapshot
    return {
        "id": card.name,
        "port": card.port,
        "state": card.state,
        "reason": card.reason,
        "for_seconds": round(view.for_s, 3),
        "paused": view.paused,
        "operator": card.operator,
        "registration": card.registration,
        "signal_dbm": card.signal_dbm,
        "reports": card.reports,
        "failures": card.failures,
        "manufacturer": card.manufacturer,
        "model": card.model,
        "revision": card.revision,
        "imei": _identity(card.imei, client),
        "sim": _identity(card.sim, client),
    }


def _identity(digits: str, client: Client) -> str:
    """Serial numbers of card and modem are an admin's matter; others see which one is meant."""
    return digits if client.may("admin") or not digits else "•••••" + digits[-4:]
