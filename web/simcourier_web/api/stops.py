"""`/v1/stops`: who wants no more messages; numbers are in bodies, never in addresses."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from simcourier.outbox.stops import Stop
from simcourier.service import Service
from simcourier_web.answers import Time, rfc3339
from simcourier_web.forms import Form
from simcourier_web.operations import Call, Operation, Reply, link_to_next

Number = Annotated[str, Meta(min_length=1, max_length=64, examples=["+447700900123"])]
Key = Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]


class StopsQuery(Struct, forbid_unknown_fields=True, frozen=True):
    """The query of `GET /v1/stops`."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Key | None = None


class StopBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/stops`."""

    to: Number


class StopName(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/stops/lift`: a number as `to`, or one of the list by its `key`."""

    to: Number | None = None
    key: Key | None = None


class StoppedNumber(Struct, frozen=True):
    """A number that gets no messages of `inbound.stop_classes`; `set_by` is `sms` or the id of an API key."""

    key: str
    to_masked: str
    at: Time
    set_by: str


class StoppedNumbers(Struct, frozen=True):
    """A page of the list, in no order that means anything."""

    items: list[StoppedNumber]
    next_cursor: str | None


class StopAdded(Struct, frozen=True):
    """A number on the list; not `is_new` where it was there before. `canceled`: messages that waited for it."""

    key: str
    to_masked: str
    at: Time
    set_by: str
    is_new: bool
    canceled: int


_TO = "a string with the number in international form"
_KEY = "32 hex digits, as the list has them"
LISTING = Form(
    StopsQuery, {"limit": "a whole number from 1 to 200", "cursor": "the next_cursor of the page before"}
)
ADD = Form(StopBody, {"to": _TO})
LIFT = Form(StopName, {"to": _TO, "key": _KEY}, {"to": "+447700900123"})


class StopsApi:
    """The operations of `/v1/stops`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        return (
            Operation(
                "listStops",
                "GET",
                "/v1/stops",
                self.list,
                "Who wants no more messages",
                scope="admin",
                query=LISTING,
                answers={200: StoppedNumbers},
                headers=("Link",),
            ),
            Operation(
                "addStop",
                "POST",
                "/v1/stops",
                self.add,
                "Send a number no more messages of the stopped classes, and cancel those that wait",
                scope="admin",
                body=ADD,
                answers={200: StopAdded},
                problems=("invalid-number",),
            ),
            Operation(
                "liftStop",
                "POST",
                "/v1/stops/lift",
                self.lift,
                "Let a number have messages again",
                scope="admin",
                body=LIFT,
                answers={200: StoppedNumber},
                problems=("invalid-number", "not-found", "policy-violation"),
            ),
        )

    def list(self, call: Call[None, StopsQuery]) -> Reply:
        """`GET /v1/stops`."""
        page = self._service.stops.page(limit=call.query.limit, cursor=call.query.cursor)
        shown = StoppedNumbers([_shown(stop) for stop in page.items], page.next_cursor)
        return Reply(shown, link_to_next(page.next_cursor))

    def add(self, call: Call[StopBody, None]) -> StopAdded:
        """`POST /v1/stops`."""
        done = self._service.stops.add(call.client, call.body.to)
        stop = done.stop
        return StopAdded(stop.key, stop.shown, rfc3339(stop.at_ms), stop.set_by, done.is_new, done.canceled)

    def lift(self, call: Call[StopName, None]) -> StoppedNumber:
        """`POST /v1/stops/lift`."""
        return _shown(self._service.stops.lift(call.client, to=call.body.to, key=call.body.key))


def _shown(stop: Stop) -> StoppedNumber:
    return StoppedNumber(stop.key, stop.shown, rfc3339(stop.at_ms), stop.set_by)
