"""`/v1/loop-tests`: one SIM texts another, to find the one that "sends" and delivers nothing."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from simcourier.outbox.loops import LoopTest as Record
from simcourier.outbox.loops import Outcome
from simcourier.service import Service
from simcourier_web.answers import Time, rfc3339, rfc3339_or_none
from simcourier_web.forms import Form
from simcourier_web.operations import Call, Operation, Reply, link_to_next

ModemName = Annotated[str, Meta(min_length=1, max_length=64)]
Ending = Literal["under-way", "arrived", "lost", "unclear", "not-sent"]
_ENDINGS: dict[Outcome, Ending] = {
    Outcome.UNDER_WAY: "under-way",
    Outcome.ARRIVED: "arrived",
    Outcome.LOST: "lost",
    Outcome.UNCLEAR: "unclear",
    Outcome.NOT_SENT: "not-sent",
}


class LoopTestsQuery(Struct, forbid_unknown_fields=True, frozen=True):
    """The query of `GET /v1/loop-tests`."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Annotated[int, Meta(ge=1, le=2**62)] | None = None


class LoopTestBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/loop-tests`: which modem texts which; left out: each that may send, and another."""

    modem: ModemName | None = None
    to: ModemName | None = None


class LoopTest(Struct, frozen=True):
    """A test; `unclear`: it did not come in, and that is not the fault of the sender, or nobody can say."""

    id: str
    modem: str
    to: str
    outcome: Ending
    detail: str
    at: Time
    ended_at: Time | None


class LoopTestsBegun(Struct, frozen=True):
    """The tests that were begun; look at them again to see what came of them."""

    items: list[LoopTest]


class LoopTests(Struct, frozen=True):
    """A page of tests, the newest first."""

    items: list[LoopTest]
    next_cursor: int | None


_NAME = "the name of a modem"
LISTING = Form(
    LoopTestsQuery,
    {"limit": "a whole number from 1 to 200", "cursor": "the next_cursor of the page before"},
)
BEGIN = Form(LoopTestBody, {"modem": _NAME, "to": _NAME}, {"modem": "modem-1", "to": "modem-2"})


class LoopsApi:
    """The operations of `/v1/loop-tests`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        return (
            Operation(
                "beginLoopTests",
                "POST",
                "/v1/loop-tests",
                self.begin,
                "Have a SIM text another one; each test costs one message",
                scope="admin",
                body=BEGIN,
                answers={202: LoopTestsBegun},
                problems=("policy-violation",),
            ),
            Operation(
                "listLoopTests",
                "GET",
                "/v1/loop-tests",
                self.list,
                "Loop tests, the newest first",
                scope="status:read",
                query=LISTING,
                answers={200: LoopTests},
                headers=("Link",),
            ),
            Operation(
                "getLoopTest",
                "GET",
                "/v1/loop-tests/{test_id}",
                self.one,
                "One loop test",
                scope="status:read",
                answers={200: LoopTest},
            ),
        )

    def begin(self, call: Call[LoopTestBody, None]) -> LoopTestsBegun:
        """`POST /v1/loop-tests`."""
        begun = self._service.loops.begin(call.client, call.body.modem, call.body.to)
        return LoopTestsBegun([_shown(test) for test in begun])

    def list(self, call: Call[None, LoopTestsQuery]) -> Reply:
        """`GET /v1/loop-tests`."""
        found, following = self._service.loops.page(call.query.limit, call.query.cursor)
        return Reply(LoopTests([_shown(test) for test in found], following), link_to_next(following))

    def one(self, _call: Call[None, None], test_id: str) -> LoopTest:
        """`GET /v1/loop-tests/{id}`."""
        return _shown(self._service.loops.get(test_id))


def _shown(test: Record) -> LoopTest:
    return LoopTest(
        id=test.id,
        modem=test.from_modem,
        to=test.to_modem,
        outcome=_ENDINGS[test.outcome],
        detail=test.detail,
        at=rfc3339(test.at_ms),
        ended_at=rfc3339_or_none(test.ended_at_ms),
    )
