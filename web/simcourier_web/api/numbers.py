"""`/v1/numbers`: what is known of a number; it is in the body because it must be in no address."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from simcourier.service import Service
from simcourier.verify.destinations import Kind
from simcourier_web.forms import Form
from simcourier_web.operations import Call, Operation


class NumberCheckBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/numbers/check`."""

    to: Annotated[str, Meta(max_length=64)]
    kind: Kind = Kind.CODE


class NumberChecked(Struct, frozen=True):
    """What the box's own tables say of a number; `code` is the problem that a send would be refused with, and why."""

    valid: bool
    region: str | None
    type: str | None
    allowed: bool
    code: str | None
    reason: str | None


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
        )

    def check(self, call: Call[NumberCheckBody, None]) -> NumberChecked:
        """`POST /v1/numbers/check`: nobody is asked, and nothing is counted."""
        found = self._service.limits.check_number(call.body.to, call.body.kind)
        return NumberChecked(found.valid, found.region, found.type, found.allowed, found.code, found.reason)
