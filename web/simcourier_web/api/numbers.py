"""`/v1/numbers`: what is known of a number; it is in the body because it must be in no address."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from simcourier.service import Service
from simcourier.verify.destinations import Kind
from simcourier_web.answers import Time, rfc3339, rfc3339_or_none
from simcourier_web.forms import Form, Number
from simcourier_web.operations import Call, Operation


class NumberCheckBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/numbers/check`."""

    to: Annotated[str, Meta(max_length=64, examples=["+447700900123"])]
    kind: Kind = Kind.CODE


class NumberChecked(Struct, frozen=True):
    """What the box's own tables say of a number; `code` is the problem that a send would be refused with, and why."""

    valid: bool
    region: str | None
    type: str | None
    allowed: bool
    code: str | None
    reason: str | None


class NumberBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/numbers/activity` and `unlock`."""

    to: Number


class NumberEvent(Struct, frozen=True):
    """One thing that happened for a number; `id` is that of a verification or message."""

    at: Time
    action: str
    client: str
    id: str
    purpose: str | None


class NumberCounts(Struct, frozen=True):
    """How many of each kind are among the events told."""

    starts: int
    sends: int
    checks: int
    failures: int
    locks: int
    messages: int


class NumberActivity(Struct, frozen=True):
    """What happened for a number, the newest first, without codes; what holds it up only for an admin."""

    to_masked: str
    counts: NumberCounts
    items: list[NumberEvent]
    consecutive_failures: int | None
    locked_at: Time | None
    delayed_until: Time | None


class NumberUnlocked(Struct, frozen=True):
    """Whether there was anything to lift."""

    unlocked: bool


ACTIVITY = Form(NumberBody, {"to": "a string with the number in international form"})
CHECK = Form(
    NumberCheckBody,
    {"to": "a string of at most 64 characters, such as +447700900001", "kind": f"one of {', '.join(Kind)}"},
)


class NumbersApi:
    """The operations of `/v1/numbers`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        return (
            Operation(
                "checkNumber",
                "POST",
                "/v1/numbers/check",
                self.check,
                "Whether a number is one, where it lies, and whether this box sends codes (or messages) to it",
                scope="verifications:start",
                body=CHECK,
                answers={200: NumberChecked},
            ),
            Operation(
                "showActivity",
                "POST",
                "/v1/numbers/activity",
                self.activity,
                "What happened for a number: this client's doings, for an admin everybody's",
                scope="verifications:start",
                body=ACTIVITY,
                answers={200: NumberActivity},
                problems=("invalid-number",),
            ),
            Operation(
                "unlockNumber",
                "POST",
                "/v1/numbers/unlock",
                self.unlock,
                "Lift the lock and the delays that wrong codes brought about",
                scope="admin",
                body=ACTIVITY,
                answers={200: NumberUnlocked},
                problems=("invalid-number",),
            ),
        )

    def check(self, call: Call[NumberCheckBody, None]) -> NumberChecked:
        """`POST /v1/numbers/check`: nobody is asked, and nothing is counted."""
        found = self._service.limits.check_number(call.body.to, call.body.kind)
        return NumberChecked(found.valid, found.region, found.type, found.allowed, found.code, found.reason)

    def activity(self, call: Call[NumberBody, None]) -> NumberActivity:
        """`POST /v1/numbers/activity`."""
        found = self._service.numbers.activity(call.client, call.body.to)
        return NumberActivity(
            found.to_masked,
            NumberCounts(**found.counts),
            [
                NumberEvent(rfc3339(item.at_ms), item.action, item.client, item.id, item.purpose)
                for item in found.items
            ],
            found.failures,
            rfc3339_or_none(found.locked_at_ms),
            rfc3339_or_none(found.delayed_until_ms),
        )

    def unlock(self, call: Call[NumberBody, None]) -> NumberUnlocked:
        """`POST /v1/numbers/unlock`."""
        return NumberUnlocked(self._service.numbers.unlock(call.client, call.body.to))
