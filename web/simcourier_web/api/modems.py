"""`/v1/modems`: what every modem does, and an admin's hand on it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from simcourier.service import Client, ModemState, ModemView, Service
from simcourier_web.forms import Form
from simcourier_web.operations import Call, Operation


class TraceQuery(Struct, forbid_unknown_fields=True, frozen=True):
    """The query of `GET /v1/modems/{id}/trace`."""

    after: Annotated[int, Meta(ge=0, le=2**62)] = 0


class Modem(Struct, frozen=True):
    """A modem as it is now; who is no admin sees only the end of the serial numbers `imei` and `sim`."""

    id: str
    port: str
    state: ModemState
    reason: str
    for_seconds: float
    paused: bool
    sandbox: bool
    operator: str
    registration: str
    signal_dbm: int | None
    reports: str
    failures: int
    manufacturer: str
    model: str
    revision: str
    imei: str
    sim: str


class Modems(Struct, frozen=True):
    """Every modem, by name."""

    items: list[Modem]


class Line(Struct, frozen=True):
    """A line of the masked wire; `at_s` counts from the start of the box."""

    seq: int
    at_s: float
    direction: str
    text: str


class Trace(Struct, frozen=True):
    """Lines of the masked wire, in order."""

    items: list[Line]


TRACE = Form(TraceQuery, {"after": "the number of the last line that was seen"})


class ModemsApi:
    """The operations of `/v1/modems`; a modem's id is its name."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        one = "/v1/modems/{name}"
        return (
            Operation(
                "listModems",
                "GET",
                "/v1/modems",
                self.all,
                "Every modem, by name",
                scope="status:read",
                answers={200: Modems},
            ),
            Operation(
                "getModem", "GET", one, self.one, "One modem", scope="status:read", answers={200: Modem}
            ),
            Operation(
                "readTrace",
                "GET",
                f"{one}/trace",
                self.trace,
                "The masked wire of a modem, lines numbered above `after`",
                scope="admin",
                query=TRACE,
                answers={200: Trace},
            ),
            Operation(
                "pauseModem",
                "POST",
                f"{one}/pause",
                self.pause,
                "Give a modem nothing more to send, also after a restart of the box",
                scope="admin",
                answers={200: Modem},
            ),
            Operation(
                "resumeModem",
                "POST",
                f"{one}/resume",
                self.resume,
                "Let a paused modem send again",
                scope="admin",
                answers={200: Modem},
            ),
            Operation(
                "restartModem",
                "POST",
                f"{one}/restart",
                self.restart,
                "Bring a modem up anew; a refused PIN may be tried once more",
                scope="admin",
                answers={202: Modem},
            ),
        )

    def all(self, call: Call[None, None]) -> Modems:
        """`GET /v1/modems`."""
        return Modems([_modem(view, call.client) for view in self._service.modems.all()])

    def one(self, call: Call[None, None], name: str) -> Modem:
        """`GET /v1/modems/{id}`."""
        return _modem(self._service.modems.one(name), call.client)

    def pause(self, call: Call[None, None], name: str) -> Modem:
        """`POST /v1/modems/{id}/pause`."""
        self._service.modems.pause(name, paused=True)
        return self.one(call, name)

    def resume(self, call: Call[None, None], name: str) -> Modem:
        """`POST /v1/modems/{id}/resume`."""
        self._service.modems.pause(name, paused=False)
        return self.one(call, name)

    def restart(self, call: Call[None, None], name: str) -> Modem:
        """`POST /v1/modems/{id}/restart`: 202, it comes up anew meanwhile."""
        self._service.modems.restart(name)
        return self.one(call, name)

    def trace(self, call: Call[None, TraceQuery], name: str) -> Trace:
        """`GET /v1/modems/{id}/trace`."""
        lines = self._service.modems.trace(name, call.query.after)
        return Trace([Line(line.seq, line.at, line.direction, line.text) for line in lines])


def _modem(view: ModemView, client: Client) -> Modem:
    card = view.snapshot
    return Modem(
        id=card.name,
        port=card.port,
        state=card.state,
        reason=card.reason,
        for_seconds=round(view.for_s, 3),
        paused=view.paused,
        sandbox=view.sandbox,
        operator=card.operator,
        registration=card.registration,
        signal_dbm=card.signal_dbm,
        reports=card.reports,
        failures=card.failures,
        manufacturer=card.manufacturer,
        model=card.model,
        revision=card.revision,
        imei=_identity(card.imei, client),
        sim=_identity(card.sim, client),
    )


def _identity(digits: str, client: Client) -> str:
    """Serial numbers of card and modem are an admin's matter; others see which one is meant."""
    return digits if client.may("admin") or not digits else "•••••" + digits[-4:]
