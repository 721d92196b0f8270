"""`/v1/modems`: what every modem does, and an admin's hand on it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from simcourier.service import Client, ModemState, ModemView, Service
from simcourier.service.modems import Mishap
from simcourier_web.answers import Time, rfc3339
from simcourier_web.api import loads
from simcourier_web.api.loads import Balance, Pace, Used
from simcourier_web.forms import Form
from simcourier_web.operations import Call, Operation


class TraceQuery(Struct, forbid_unknown_fields=True, frozen=True):
    """The query of `GET /v1/modems/{id}/trace`."""

    after: Annotated[int, Meta(ge=0, le=2**62)] = 0


class LastFault(Struct, frozen=True):
    """What went wrong last; `recovered_in_seconds` is null until the modem is well again.

    `recovered_by` is the highest step that it took: `probe`, `reset`, `reopen`, `reauthorise` or `power`.
    """

    fault: str
    detail: str
    at: Time
    recovered_in_seconds: float | None
    recovered_by: str | None


class Modem(Struct, frozen=True):
    """A modem as it is now; who is no admin sees only the end of `imei`, `sim` and the SIM's own `number`.

    `operator` is the network that it is in, `home_operator` the configured name of its SIM's, `network` that one's
    code. `held` says why its SIM sends nothing though the modem could, and `held_until` until when, where that is
    known. `faults` counts since the box started.
    """

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
    sim_state: str
    network: str
    home_operator: str
    number: str
    device: str
    quirks: str
    held: str
    held_until: Time | None
    used: Used
    pace: Pace
    balance: Balance | None
    faults: dict[str, int]
    last_fault: LastFault | None


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


class RecordRequest(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/modems/{id}/recording`."""

    seconds: Annotated[int, Meta(ge=5, le=600)] = 60


class Recording(Struct, frozen=True):
    """What was recorded so far; `seconds_left` is 0 when it has ended."""

    seconds_left: float
    entries: int
    dialogue: str


RECORD = Form(RecordRequest, {"seconds": "5 to 600"})
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
                "recordModem",
                "POST",
                f"{one}/recording",
                self.record,
                "Bring a modem up anew and record what is said, without anything personal in it",
                scope="admin",
                body=RECORD,
                answers={202: Recording},
            ),
            Operation(
                "readRecording",
                "GET",
                f"{one}/recording",
                self.recording,
                "What was recorded last, as a dialogue that `simcourier replay` plays",
                scope="admin",
                answers={200: Recording},
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

    def record(self, call: Call[RecordRequest, None], name: str) -> Recording:
        """`POST /v1/modems/{id}/recording`: 202, it goes on meanwhile."""
        self._service.modems.record(name, call.body.seconds)
        return Recording(float(call.body.seconds), 0, "")

    def recording(self, call: Call[None, None], name: str) -> Recording:
        """`GET /v1/modems/{id}/recording`."""
        found = self._service.modems.recorded(name)
        return Recording(round(found.left_s, 1), found.entries, found.dialogue)


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
        imei=loads.identity(card.imei, client),
        sim=loads.identity(card.sim, client),
        sim_state=view.sim_state or "",
        network=card.network,
        home_operator=view.load.operator,
        number=loads.own_number(view.number, client),
        device=card.device,
        quirks=card.quirks,
        held=loads.held(view.load),
        held_until=loads.held_until(view.load),
        used=loads.used(view.load),
        pace=loads.pace(view.load),
        balance=loads.balance(view.load.balance),
        faults=dict(view.faults),
        last_fault=_last_fault(view.mishap),
    )


def _last_fault(mishap: Mishap | None) -> LastFault | None:
    if mishap is None:
        return None
    return LastFault(
        mishap.fault, mishap.detail, rfc3339(mishap.at_ms), mishap.recovered_in_s, mishap.recovered_by
    )
