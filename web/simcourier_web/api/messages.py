"""`/v1/messages`: accept, look up, list, search, cancel, and take the application's feedback."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from simcourier.outbox.message import MessageClass, OnUnknown, Status
from simcourier.outbox.reading import Filter, Part, Record
from simcourier.service import Client, MessageView, SendRequest, Service
from simcourier_web.answers import Time, rfc3339, rfc3339_or_none
from simcourier_web.forms import Form, Number
from simcourier_web.operations import Call, Operation, Reply, link_to_next
from simcourier_web.problems import InvalidRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# \Z and not $, which would let a line feed pass.
Word = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[^\x00-\x1f\x7f-\x9f]*\Z")]
Limit = Annotated[int, Meta(ge=1, le=200)]
Cursor = Annotated[int, Meta(ge=1, le=2**62)]


class Vars(Struct, forbid_unknown_fields=True, frozen=True):
    """What a template's placeholders stand for; `minutes` comes from `ttl`."""

    code: Annotated[str, Meta(min_length=1, max_length=64, examples=["837261"])]
    app: Annotated[str, Meta(max_length=64)] = ""
    amount: Annotated[str, Meta(max_length=64)] = ""
    payee: Annotated[str, Meta(max_length=64)] = ""

    def __repr__(self) -> str:
        """Without the code, which somebody might log."""
        return "Vars()"


class SendBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/messages`; null means left out. It has either `text`, or `template` and `vars`."""

    to: Number
    text: Annotated[str, Meta(min_length=1, examples=["Your code is 837261"])] | None = None
    template: Annotated[str, Meta(min_length=1, max_length=32, examples=["login"])] | None = None
    template_vars: Vars | None = msgspec.field(default=None, name="vars")
    locale: Annotated[str, Meta(min_length=2, max_length=35, examples=["en"])] | None = None
    message_class: MessageClass | None = msgspec.field(default=None, name="class")
    ttl: Annotated[int, Meta(ge=60, le=86_400)] | None = None
    supersedes: Word | None = None
    on_unknown: OnUnknown | None = None
    reference: Word | None = None
    modem: Word | None = None
    max_segments: Annotated[int, Meta(ge=1, le=10)] | None = None
    callback: Annotated[str, Meta(min_length=1, max_length=26)] | None = None

    def __repr__(self) -> str:
        """Without text and number, which somebody might log."""
        return "SendBody()"


class SearchBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/messages/search`: the number is here because it must be in no URL."""

    to: Number
    limit: Limit = 50
    cursor: Cursor | None = None


class FeedbackBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/messages/{id}/feedback`."""

    outcome: Literal["confirmed", "unconfirmed"]


class ListQuery(Struct, forbid_unknown_fields=True, frozen=True):
    """The query of `GET /v1/messages`."""

    status: Status | None = None
    reference: Word | None = None
    created_after: Time | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class Accepted(Struct, frozen=True):
    """A message that is on disk: it will leave or expire."""

    id: str
    status: Literal["queued"]
    to_masked: str
    segments: int
    alphabet: str
    expires_at: Time
    created_at: Time
    eta_ms: int


class Report(Struct, frozen=True):
    """What the network said last: TP-ST of TS 23.040 section 9.2.3.15."""

    tp_status: int
    at: Time | None


class Message(Struct, frozen=True, kw_only=True):
    """A message without its text; the number is masked."""

    id: str
    status: Status
    message_class: MessageClass = msgspec.field(name="class")
    to_masked: str
    segments: int
    alphabet: str
    created_at: Time
    expires_at: Time
    client: str
    reference: str | None
    modem: str | None
    sent_by: str | None
    dlr: Report | None
    feedback: str | None


class Event(Struct, frozen=True):
    """A move in a message's history."""

    at: Time
    status: Status
    modem: str | None
    detail: str | None


class Attempt(Struct, frozen=True):
    """One part of the message given to one modem."""

    attempt: int
    part: int
    modem: str
    state: str
    at: Time
    tp_mr: int | None
    dlr: Report | None
    reason: str | None


class WholeMessage(Message, frozen=True, kw_only=True):
    """A message with its history; the text only for `messages:read_body`, null once it is wiped."""

    events: list[Event]
    attempts: list[Attempt]
    text: str | UnsetType | None = UNSET


class Messages(Struct, frozen=True):
    """A page of messages, the newest first. It may be short or empty where `next_cursor` asks for more."""

    items: list[Message]
    next_cursor: int | None


class Canceled(Struct, frozen=True):
    """The message will not be sent."""

    id: str
    status: Literal["canceled"]


class FeedbackTaken(Struct, frozen=True):
    """What the application told of a message."""

    id: str
    feedback: Literal["confirmed", "unconfirmed"]


_WORD = "a string of 1 to 64 characters without control characters"
_LISTING = {"limit": "a whole number from 1 to 200", "cursor": "the next_cursor of the page before"}
SEND = Form(
    SendBody,
    {
        "to": "a string with the number in international form",
        "text": "a string of at least one character",
        "template": "the name of a template",
        "vars": "an object with the code and whatever else the template shows",
        "vars.code": "a string with the code",
        "locale": "a language tag such as en or pt-BR",
        "callback": "the id of a webhook endpoint",
        "class": f"one of {', '.join(MessageClass)}",
        "ttl": "a whole number of seconds from 60 to 86400",
        "supersedes": _WORD,
        "on_unknown": f"one of {', '.join(OnUnknown)}",
        "reference": _WORD,
        "modem": "the name of a modem",
        "max_segments": "a whole number from 1 to 10",
    },
    example={"to": "+447700900123", "text": "Your code is 837261", "ttl": 300, "reference": "order 4711"},
)
SEARCH = Form(SearchBody, {"to": "a string with the number in international form", **_LISTING})
FEEDBACK = Form(FeedbackBody, {"outcome": "one of confirmed, unconfirmed"})
_CREATED_AFTER = "an RFC 3339 time with its offset, such as 2026-01-31T12:00:00Z"
LISTING = Form(
    ListQuery,
    {
        "status": f"one of {', '.join(Status)}",
        "reference": _WORD,
        "created_after": _CREATED_AFTER,
        **_LISTING,
    },
)


class MessagesApi:
    """The operations of `/v1/messages`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        one = "/v1/messages/{message_id}"
        return (
            Operation(
                "sendMessage",
                "POST",
                "/v1/messages",
                self.send,
                "Accept a message: 202 once it is on disk",
                scope="messages:send",
                body=SEND,
                answers={202: Accepted},
                headers=("Location", "Idempotency-Replayed"),
                idempotent=True,
                problems=(
                    "invalid-number",
                    "text-not-encodable",
                    "too-long",
                    "queue-full",
                    "no-modem",
                    "policy-violation",
                    "template-required",
                    "destination-not-allowed",
                    "recipient-stopped",
                    "rate-limited",
                    "budget-exhausted",
                    "resend-too-soon",
                ),
                on_refusal=lambda code: self._service.metrics.refused.labels(code).inc(),
            ),
            Operation(
                "listMessages",
                "GET",
                "/v1/messages",
                self.find,
                "The newest messages first, in pages; one may be short, even empty, and yet not the last",
                scope="messages:read",
                query=LISTING,
                answers={200: Messages},
                headers=("Link",),
            ),
            Operation(
                "searchMessages",
                "POST",
                "/v1/messages/search",
                self.search,
                "The messages to one number, which must be in no URL",
                scope="messages:read",
                body=SEARCH,
                answers={200: Messages},
                problems=("invalid-number",),
            ),
            Operation(
                "getMessage",
                "GET",
                one,
                self.get,
                "One message with its history",
                scope="messages:read",
                answers={200: WholeMessage},
            ),
            Operation(
                "cancelMessage",
                "POST",
                f"{one}/cancel",
                self.cancel,
                "Cancel a waiting message",
                scope="messages:send",
                answers={200: Canceled},
                problems=("not-cancelable",),
            ),
            Operation(
                "giveFeedback",
                "POST",
                f"{one}/feedback",
                self.feedback,
                "Tell whether the person used the code",
                scope="messages:send",
                body=FEEDBACK,
                answers={200: FeedbackTaken},
            ),
        )

    def send(self, call: Call[SendBody, None]) -> Reply:
        """`POST /v1/messages`."""
        body = call.body
        wanted = SendRequest(
            to=body.to,
            text=body.text,
            template=body.template,
            values=_given(body.template_vars),
            locale=body.locale,
            callback=body.callback,
            message_class=body.message_class or MessageClass.OTP,
            ttl=body.ttl,
            supersedes=body.supersedes,
            on_unknown=body.on_unknown or OnUnknown.RESEND,
            reference=body.reference,
            modem=body.modem,
            max_segments=body.max_segments,
        )
        accepted = self._service.messages.send(call.client, wanted, call.idempotency)
        headers = {"Location": f"/v1/messages/{accepted.id}"}
        if accepted.replayed:
            headers["Idempotency-Replayed"] = "true"
        told = Accepted(
            id=accepted.id,
            status="queued",
            to_masked=accepted.to_masked,
            segments=accepted.segments,
            alphabet=accepted.alphabet,
            expires_at=rfc3339(accepted.expires_at_ms),
            created_at=rfc3339(accepted.created_at_ms),
            eta_ms=accepted.eta_ms,
        )
        return Reply(told, headers)

    def get(self, call: Call[None, None], message_id: str) -> WholeMessage:
        """`GET /v1/messages/{id}`."""
        with_text = call.client.may("messages:read_body")
        return _whole(
            self._service.messages.get(call.client, message_id, with_text=with_text), with_text=with_text
        )

    def find(self, call: Call[None, ListQuery]) -> Reply:
        """`GET /v1/messages`."""
        query = call.query
        wanted = Filter(
            status=query.status,
            reference=query.reference,
            created_after_ms=_created_after_ms(query.created_after),
            before=query.cursor,
            limit=query.limit,
        )
        page = self._page(call.client, wanted)
        return Reply(page, link_to_next(page.next_cursor))

    def search(self, call: Call[SearchBody, None]) -> Messages:
        """`POST /v1/messages/search`."""
        body = call.body
        wanted = Filter(recipient=body.to, before=body.cursor, limit=body.limit)
        return self._page(call.client, wanted)

    def _page(self, client: Client, wanted: Filter) -> Messages:
        page = self._service.messages.find(client, wanted)
        items = [Message(**_brief(record, self._service.messages.masked(record))) for record in page.records]
        return Messages(items, page.next_before)

    def cancel(self, call: Call[None, None], message_id: str) -> Canceled:
        """`POST /v1/messages/{id}/cancel`: 409 once it is on its way."""
        self._service.messages.cancel(call.client, message_id)
        return Canceled(message_id, "canceled")

    def feedback(self, call: Call[FeedbackBody, None], message_id: str) -> FeedbackTaken:
        """`POST /v1/messages/{id}/feedback`."""
        self._service.messages.feedback(call.client, message_id, call.body.outcome)
        return FeedbackTaken(message_id, call.body.outcome)


def _given(template_vars: Vars | None) -> dict[str, str]:
    """The values that were given; an empty one is as good as none."""
    if template_vars is None:
        return {}
    return {name: value for name, value in msgspec.structs.asdict(template_vars).items() if value}


def _created_after_ms(given: str | None) -> int | None:
    if given is None:
        return None
    try:
        at: datetime = msgspec.convert(given, Annotated[datetime, Meta(tz=True)])
    except msgspec.ValidationError:
        raise InvalidRequest(
            f"created_after must be {_CREATED_AFTER}.", {"parameter": "created_after"}
        ) from None
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _brief(record: Record, to_masked: str) -> dict[str, Any]:
    return {
        "id": record.id,
        "status": record.status,
        "message_class": record.message_class,
        "to_masked": to_masked,
        "segments": record.segments,
        "alphabet": record.alphabet,
        "created_at": rfc3339(record.created_at_ms),
        "expires_at": rfc3339(record.deadline_ms),
        "client": record.client,
        "reference": record.reference,
        "modem": record.modem,
        "sent_by": record.sent_by,
        "dlr": _report(record.tp_st, record.reported_at_ms),
        "feedback": record.feedback,
    }


def _whole(view: MessageView, *, with_text: bool) -> WholeMessage:
    return WholeMessage(
        **_brief(view.record, view.to_masked),
        events=[
            Event(rfc3339(event.at_ms), event.status, event.modem, event.detail) for event in view.events
        ],
        attempts=[_attempt(part) for part in view.attempts],
        text=view.text if with_text else UNSET,
    )


def _attempt(part: Part) -> Attempt:
    return Attempt(
        attempt=part.attempt,
        part=part.part,
        modem=part.modem,
        state=part.state,
        at=rfc3339(part.at_ms),
        tp_mr=part.tp_mr,
        dlr=_report(part.tp_st, part.reported_at_ms),
        reason=part.reason,
    )


def _report(tp_st: int | None, at_ms: int | None) -> Report | None:
    return None if tp_st is None else Report(tp_st, rfc3339_or_none(at_ms))
