"""`/v1/messages`: accept, look up, list, search, cancel, and take the application's feedback."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import urlencode

import msgspec
from flask import Flask, Response, request
from msgspec import Meta, Struct

from simcourier.errors import RequestError
from simcourier.outbox.message import MessageClass, OnUnknown, Status
from simcourier.outbox.reading import Filter, Part, Record
from simcourier.service import Client, IdempotencyKey, MessageView, SendRequest, Service
from simcourier_web.answers import answer, rfc3339, rfc3339_or_none
from simcourier_web.auth import Gate
from simcourier_web.forms import Form
from simcourier_web.problems import InvalidRequest

_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# \Z and not $, which would let a line feed pass.
Word = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[^\x00-\x1f\x7f-\x9f]*\Z")]
Limit = Annotated[int, Meta(ge=1, le=200)]
Cursor = Annotated[int, Meta(ge=1, le=2**62)]


class SendBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/messages`; null means left out."""

    to: str
    text: Annotated[str, Meta(min_length=1)]
    message_class: MessageClass | None = msgspec.field(default=None, name="class")
    ttl: Annotated[int, Meta(ge=60, le=86_400)] | None = None
    supersedes: Word | None = None
    on_unknown: OnUnknown | None = None
    reference: Word | None = None
    modem: Word | None = None
    max_segments: Annotated[int, Meta(ge=1, le=10)] | None = None


class SearchBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/messages/search`: the number is here because it must be in no URL."""

    to: str
    limit: Limit = 50
    cursor: Cursor | None = None


class FeedbackBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/messages/{id}/feedback`."""

    outcome: Literal["confirmed", "unconfirmed"]


class ListQuery(Struct, forbid_unknown_fields=True, frozen=True):
    """The query of `GET /v1/messages`."""

    status: Status | None = None
    reference: Word | None = None
    created_after: str | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


_WORD = "a string of 1 to 64 characters without control characters"
_LISTING = {"limit": "a whole number from 1 to 200", "cursor": "the next_cursor of the page before"}
SEND = Form(
    SendBody,
    {
        "to": "a string with the number in international form",
        "text": "a string of at least one character",
        "class": f"one of {', '.join(MessageClass)}",
        "ttl": "a whole number of seconds from 60 to 86400",
        "supersedes": _WORD,
        "on_unknown": f"one of {', '.join(OnUnknown)}",
        "reference": _WORD,
        "modem": "the name of a modem",
        "max_segments": "a whole number from 1 to 10",
    },
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
    """The views of `/v1/messages`."""

    def __init__(self, service: Service, gate: Gate) -> None:
        self._service = service
        self._gate = gate

    def install(self, app: Flask) -> None:
        """Add the routes."""
        app.add_url_rule("/v1/messages", view_func=self.send, methods=["POST"])
        app.add_url_rule("/v1/messages", view_func=self.find)
        app.add_url_rule("/v1/messages/search", view_func=self.search, methods=["POST"])
        app.add_url_rule("/v1/messages/<message_id>", view_func=self.get)
        app.add_url_rule("/v1/messages/<message_id>/cancel", view_func=self.cancel, methods=["POST"])
        app.add_url_rule("/v1/messages/<message_id>/feedback", view_func=self.feedback, methods=["POST"])

    def send(self) -> Response:
        """`POST /v1/messages`: 202 once the message is on disk."""
        try:
            return self._send(self._gate.client("messages:send"))
        except RequestError as error:
            self._service.metrics.refused.labels(error.code).inc()
            raise

    def _send(self, client: Client) -> Response:
        body, content = SEND.read_body()
        wanted = SendRequest(
            to=body.to,
            text=body.text,
            message_class=body.message_class or MessageClass.OTP,
            ttl=body.ttl,
            supersedes=body.supersedes,
            on_unknown=body.on_unknown or OnUnknown.RESEND,
            reference=body.reference,
            modem=body.modem,
            max_segments=body.max_segments,
        )
        accepted = self._service.send(client, wanted, _idempotency(content))
        headers = {"Location": f"/v1/messages/{accepted.id}"}
        if accepted.replayed:
            headers["Idempotency-Replayed"] = "true"
        return answer(
            {
                "id": accepted.id,
                "status": "queued",
                "to_masked": accepted.to_masked,
                "segments": accepted.segments,
                "alphabet": accepted.alphabet,
                "expires_at": rfc3339(accepted.expires_at_ms),
                "created_at": rfc3339(accepted.created_at_ms),
                "eta_ms": accepted.eta_ms,
            },
            202,
            headers,
        )

    def get(self, message_id: str) -> Response:
        """`GET /v1/messages/{id}`: with its history; the text only for `messages:read_body`."""
        client = self._gate.client("messages:read")
        with_text = client.may("messages:read_body")
        view = self._service.get(client, message_id, with_text=with_text)
        return answer(_whole(view, with_text=with_text))

    def find(self) -> Response:
        """`GET /v1/messages`: the newest first, in pages."""
        client = self._gate.client("messages:read")
        query = LISTING.read_query()
        wanted = Filter(
            status=query.status,
            reference=query.reference,
            created_after_ms=_created_after_ms(query.created_after),
            before=query.cursor,
            limit=query.limit + 1,
        )
        page = self._page(client, wanted)
        headers = {}
        if page["next_cursor"] is not None:
            again = urlencode({**request.args.to_dict(), "cursor": str(page["next_cursor"])})
            headers["Link"] = f'</v1/messages?{again}>; rel="next"'
        return answer(page, headers=headers)

    def search(self) -> Response:
        """`POST /v1/messages/search`: the messages to one number."""
        client = self._gate.client("messages:read")
        body, _ = SEARCH.read_body()
        return answer(self._page(client, Filter(recipient=body.to, before=body.cursor, limit=body.limit + 1)))

    def _page(self, client: Client, wanted: Filter) -> dict[str, object]:
        # One more than asked for tells whether another page follows.
        found = self._service.find(client, wanted)
        shown = found[: wanted.limit - 1]
        return {
            "items": [_brief(record, self._service.masked(record)) for record in shown],
            "next_cursor": shown[-1].n if len(found) > len(shown) else None,
        }

    def cancel(self, message_id: str) -> Response:
        """`POST /v1/messages/{id}/cancel`: 409 once it is on its way."""
        self._service.cancel(self._gate.client("messages:send"), message_id)
        return answer({"id": message_id, "status": "canceled"})

    def feedback(self, message_id: str) -> Response:
        """`POST /v1/messages/{id}/feedback`: did the person use the code?"""
        client = self._gate.client("messages:send")
        body, _ = FEEDBACK.read_body()
        self._service.feedback(client, message_id, body.outcome)
        return answer({"id": message_id, "feedback": body.outcome})


def _idempotency(content: bytes) -> IdempotencyKey | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _VISIBLE.fullmatch(key):
        raise InvalidRequest(
            "Idempotency-Key must be 1 to 255 visible ASCII characters.", {"header": "Idempotency-Key"}
        )
    return IdempotencyKey(key, content)


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


def _brief(record: Record, to_masked: str) -> dict[str, object]:
    return {
        "id": record.id,
        "status": record.status,
        "class": record.message_class,
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


def _whole(view: MessageView, *, with_text: bool) -> dict[str, object]:
    body = _brief(view.record, view.to_masked)
    body["events"] = [
        {"at": rfc3339(event.at_ms), "status": event.status, "modem": event.modem, "detail": event.detail}
        for event in view.events
    ]
    body["attempts"] = [_attempt(part) for part in view.attempts]
    if with_text:
        body["text"] = view.text
    return body


def _attempt(part: Part) -> dict[str, object]:
    return {
        "attempt": part.attempt,
        "part": part.part,
        "modem": part.modem,
        "state": part.state,
        "at": rfc3339(part.at_ms),
        "tp_mr": part.tp_mr,
        "dlr": _report(part.tp_st, part.reported_at_ms),
        "reason": part.reason,
    }


def _report(tp_st: int | None, at_ms: int | None) -> dict[str, object] | None:
    return None if tp_st is None else {"tp_status": tp_st, "at": rfc3339_or_none(at_ms)}
