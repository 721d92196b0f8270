"""`/v1/verifications`: have a code made and sent, check what the person typed, send another, take it back."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from simcourier.outbox.message import Status
from simcourier.outbox.verification import VerificationStatus
from simcourier.service import CodeForm, Service, StartRequest, VerificationView
from simcourier.service import Started as ServiceStarted
from simcourier.verify.codes import CodeType
from simcourier_web.answers import Time, rfc3339, rfc3339_or_none
from simcourier_web.forms import Form, Number
from simcourier_web.operations import Call, Operation, Reply
from simcourier_web.problems import InvalidRequest

# \Z and not $, which would let a line feed pass.
_PRINTABLE = r"\A[^\x00-\x1f\x7f-\x9f]*\Z"
Word = Annotated[str, Meta(min_length=1, max_length=64, pattern=_PRINTABLE)]
Purpose = Annotated[
    str, Meta(min_length=1, max_length=32, pattern=r"\A[A-Za-z0-9._:-]*\Z", examples=["login"])
]
Subject = Annotated[str, Meta(min_length=1, max_length=128, pattern=_PRINTABLE)]
Binding = Annotated[str, Meta(min_length=1, max_length=256)]
Risk = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"\A[a-z0-9._-]*\Z", examples=["sim-swap"])]


class CodeBody(Struct, forbid_unknown_fields=True, frozen=True):
    """What the code shall be made of."""

    type: CodeType = CodeType.NUMERIC
    length: Annotated[int, Meta(description="6 to 10; anything else is refused with 422", examples=[6])] = 6


OwnCode = Annotated[str, Meta(max_length=256, description="Refused with 422: codes are made here")]


class VerificationBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/verifications`; null means left out."""

    to: Number
    purpose: Purpose
    subject: Subject | None = None
    binding: Binding | None = None
    code: CodeBody | OwnCode | None = None
    ttl: Annotated[int, Meta(description="60 to 600 seconds; anything else is refused with 422")] | None = (
        None
    )
    max_attempts: Annotated[int, Meta(description="1 to 5; anything else is refused with 422")] | None = None
    locale: Annotated[str, Meta(min_length=2, max_length=35, examples=["de"])] | None = None
    template: Annotated[str, Meta(min_length=1, max_length=32, examples=["login"])] | None = None
    origin_host: Annotated[str, Meta(min_length=1, max_length=253, examples=["vpn.example"])] | None = None
    app_hash: Annotated[str, Meta(min_length=1, max_length=11)] | None = None
    app: Annotated[str, Meta(max_length=64)] | None = None
    amount: Annotated[str, Meta(min_length=1, max_length=64, examples=["12.50 EUR"])] | None = None
    payee: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    risk: Risk | None = None
    reference: Word | None = None

    def __repr__(self) -> str:
        """Without number and values, which somebody might log."""
        return "VerificationBody()"


class CheckBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/verifications/{id}/check`; a code is a string, since a number loses its zeros."""

    code: Annotated[str, Meta(min_length=1, max_length=64, examples=["048291"])]
    binding: Binding | None = None

    def __repr__(self) -> str:
        """Without the code, which somebody might log."""
        return "CheckBody()"


class StartedVerification(Struct, frozen=True):
    """A verification whose code is on its way."""

    id: str
    status: Literal["pending"]
    to_masked: str
    expires_at: Time
    resend_after: Time
    sends: int
    sends_max: int


class ApprovedVerification(Struct, frozen=True):
    """The code was right: this, and nothing else, is a success."""

    id: str
    status: Literal["approved"]
    purpose: str
    to_masked: str
    subject: str | None
    reference: str | None


class CanceledVerification(Struct, frozen=True):
    """The code counts no more."""

    id: str
    status: Literal["canceled"]


class VerificationMessage(Struct, frozen=True):
    """A message that carried a code, and how far it came."""

    id: str
    status: Status
    created_at: Time


class VerificationShown(Struct, frozen=True):
    """A verification as it stands."""

    id: str
    status: VerificationStatus
    reason: str | None
    to_masked: str
    purpose: str
    subject: str | None
    reference: str | None
    risk: str | None
    client: str
    locale: str
    template: str
    sends: int
    sends_max: int
    attempts: int
    max_attempts: int
    created_at: Time
    expires_at: Time
    resend_after: Time
    closed_at: Time | None
    messages: list[VerificationMessage]


START = Form(
    VerificationBody,
    {
        "to": "a string with the number in international form",
        "purpose": "what the code is for: 1 to 32 letters, digits or . _ : -",
        "subject": "a string of 1 to 128 characters without control characters",
        "binding": "a string of 1 to 256 characters",
        "code": "an object with type and length",
        "code.type": f"one of {', '.join(CodeType)}",
        "code.length": "a whole number from 6 to 10",
        "ttl": "a whole number of seconds from 60 to 600",
        "max_attempts": "a whole number from 1 to 5",
        "locale": "a language tag such as en or pt-BR",
        "template": "the name of a template",
        "origin_host": "a host name such as vpn.example",
        "app_hash": "the 11 characters of an Android app's hash",
        "app": "a short name of at most 20 characters",
        "amount": "a string of at most 20 characters",
        "payee": "a string of at most 30 characters",
        "risk": "a word of 1 to 32 lower-case letters, digits or . _ -",
        "reference": "a string of 1 to 64 characters without control characters",
    },
    example={"to": "+447700900123", "purpose": "login", "subject": "user 4711", "locale": "de", "ttl": 300},
)
CHECK_CODE = Form(
    CheckBody,
    {"code": "a string with the code as it was typed", "binding": "a string of 1 to 256 characters"},
)
_SENDS = (
    "recipient-locked",
    "rate-limited",
    "budget-exhausted",
    "destination-not-allowed",
    "recipient-stopped",
    "invalid-number",
    "policy-violation",
    "too-long",
    "queue-full",
    "no-modem",
    "wait-exceeds-life",
)


class VerificationsApi:
    """The operations of `/v1/verifications`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        one = "/v1/verifications/{verification_id}"
        refused = self._service.metrics.refused
        return (
            Operation(
                "startVerification",
                "POST",
                "/v1/verifications",
                self.start,
                "Make a code and send it: 202 once it is on disk",
                scope="verifications:start",
                body=START,
                answers={202: StartedVerification},
                headers=("Location", "Idempotency-Replayed"),
                idempotent=True,
                problems=(*_SENDS, "verification-pending", "text-not-encodable"),
                on_refusal=lambda code: refused.labels(code).inc(),
            ),
            Operation(
                "getVerification",
                "GET",
                one,
                self.get,
                "How far a verification is",
                scope="verifications:start",
                answers={200: VerificationShown},
            ),
            Operation(
                "checkVerification",
                "POST",
                f"{one}/check",
                self.check,
                "Prove a code: 200 means approved, and nothing else is a success",
                scope="verifications:check",
                body=CHECK_CODE,
                answers={200: ApprovedVerification},
                problems=("code-incorrect", "verification-closed", "recipient-locked", "rate-limited"),
            ),
            Operation(
                "resendVerification",
                "POST",
                f"{one}/resend",
                self.resend,
                "Send a new code; the one before counts no more, the attempts stay counted",
                scope="verifications:start",
                answers={202: StartedVerification},
                headers=("Location", "Idempotency-Replayed"),
                idempotent=True,
                problems=(*_SENDS, "resend-too-soon", "verification-closed", "text-not-encodable"),
                on_refusal=lambda code: refused.labels(code).inc(),
            ),
            Operation(
                "cancelVerification",
                "POST",
                f"{one}/cancel",
                self.cancel,
                "Take a verification back: its code counts no more",
                scope="verifications:start",
                answers={200: CanceledVerification},
                problems=("verification-closed",),
            ),
        )

    def start(self, call: Call[VerificationBody, None]) -> Reply:
        """`POST /v1/verifications`."""
        body = call.body
        if isinstance(body.code, str):
            raise InvalidRequest(
                "code must be an object with type and length: codes are made here, never taken.",
                {"pointer": "/code"},
                code="policy-violation",
            )
        code = body.code or CodeBody()
        wanted = StartRequest(
            to=body.to,
            purpose=body.purpose,
            subject=body.subject,
            binding=body.binding,
            code=CodeForm(code.type, code.length),
            ttl=body.ttl,
            max_attempts=5 if body.max_attempts is None else body.max_attempts,
            locale=body.locale,
            template=body.template,
            origin_host=body.origin_host,
            app_hash=body.app_hash,
            app=body.app,
            amount=body.amount,
            payee=body.payee,
            risk=body.risk,
            reference=body.reference,
        )
        return _started(self._service.verifications.start(call.client, wanted, call.idempotency))

    def get(self, call: Call[None, None], verification_id: str) -> VerificationShown:
        """`GET /v1/verifications/{id}`."""
        return _shown(self._service.verifications.get(call.client, verification_id))

    def check(self, call: Call[CheckBody, None], verification_id: str) -> ApprovedVerification:
        """`POST /v1/verifications/{id}/check`."""
        body = call.body
        proved = self._service.checks.check(call.client, verification_id, body.code, body.binding)
        return ApprovedVerification(
            proved.id,
            "approved",
            proved.purpose,
            self._service.verifications.masked(proved),
            proved.subject,
            proved.reference,
        )

    def resend(self, call: Call[None, None], verification_id: str) -> Reply:
        """`POST /v1/verifications/{id}/resend`."""
        return _started(self._service.verifications.resend(call.client, verification_id, call.idempotency))

    def cancel(self, call: Call[None, None], verification_id: str) -> CanceledVerification:
        """`POST /v1/verifications/{id}/cancel`."""
        self._service.verifications.cancel(call.client, verification_id)
        return CanceledVerification(verification_id, "canceled")


def _started(started: ServiceStarted) -> Reply:
    headers = {"Location": f"/v1/verifications/{started.id}"}
    if started.replayed:
        headers["Idempotency-Replayed"] = "true"
    told = StartedVerification(
        started.id,
        "pending",
        started.to_masked,
        rfc3339(started.expires_at_ms),
        rfc3339(started.resend_after_ms),
        started.sends,
        started.sends_max,
    )
    return Reply(told, headers)


def _shown(view: VerificationView) -> VerificationShown:
    found = view.verification
    return VerificationShown(
        id=found.id,
        status=found.status,
        reason=found.reason,
        to_masked=view.to_masked,
        purpose=found.purpose,
        subject=found.subject,
        reference=found.reference,
        risk=found.risk,
        client=found.client,
        locale=found.locale,
        template=found.template,
        sends=found.send_no,
        sends_max=view.sends_max,
        attempts=found.attempts,
        max_attempts=found.max_attempts,
        created_at=rfc3339(found.created_at_ms),
        expires_at=rfc3339(found.deadline_ms),
        resend_after=rfc3339(found.resend_at_ms),
        closed_at=rfc3339_or_none(found.closed_at_ms),
        messages=[
            VerificationMessage(record.id, record.status, rfc3339(record.created_at_ms))
            for record in view.messages
        ],
    )
