"""`/v1/modems/{id}/ussd` and `/balance`: questions to the network through a modem's SIM."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from simcourier.service import Service
from simcourier_web.api import loads
from simcourier_web.api.loads import Balance
from simcourier_web.forms import Form
from simcourier_web.operations import Call, Operation


class UssdBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/modems/{id}/ussd`."""

    code: Annotated[str, Meta(pattern=r"\A[0-9*#]{1,40}\Z", examples=["*100#"])]


class UssdAnswer(Struct, frozen=True):
    """What the network said; with `asks` it would have taken a reply, and the session was ended."""

    text: str
    asks: bool


ASK = Form(UssdBody, {"code": "a code of at most 40 digits, * and #"}, {"code": "*100#"})
_PROBLEMS = ("ussd-busy", "ussd-unanswered")


class UssdApi:
    """The operations that ask the network; each may take 40 seconds."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        one = "/v1/modems/{name}"
        return (
            Operation(
                "askNetwork",
                "POST",
                f"{one}/ussd",
                self.ask,
                "Ask the network something by USSD; the answer may take 40 seconds",
                scope="admin",
                body=ASK,
                answers={200: UssdAnswer},
                problems=_PROBLEMS,
            ),
            Operation(
                "askBalance",
                "POST",
                f"{one}/balance",
                self.balance,
                "Ask what the SIM in a modem has left; the answer may take 40 seconds",
                scope="admin",
                answers={200: Balance},
                problems=(*_PROBLEMS, "policy-violation", "balance-unreadable"),
            ),
        )

    def ask(self, call: Call[UssdBody, None], name: str) -> UssdAnswer:
        """`POST /v1/modems/{id}/ussd`."""
        answer = self._service.ussd.ask(call.client, name, call.body.code)
        return UssdAnswer(answer.text, answer.asks)

    def balance(self, call: Call[None, None], name: str) -> Balance:
        """`POST /v1/modems/{id}/balance`."""
        known = loads.balance(self._service.ussd.balance(call.client, name))
        assert known is not None  # noqa: S101 - it was just told
        return known
