"""`/v1/inbound`: what people wrote to the SIM cards."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from simcourier.outbox.inbound import InboundKind
from simcourier.service import Service
from simcourier.service.inbound import InboundView
from simcourier_web.answers import Time, rfc3339, rfc3339_or_none
from simcourier_web.forms import Form
from simcourier_web.operations import Call, Operation, Reply, link_to_next


class InboundQuery(Struct, forbid_unknown_fields=True, frozen=True):
    """The query of `GET /v1/inbound`."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Annotated[int, Meta(ge=1, le=2**62)] | None = None
    unacked: Literal["true", "false"] = "false"


class InboundMessage(Struct, frozen=True, kw_only=True, rename={"sender": "from"}):
    """A message that somebody sent to one of the SIMs. Who it is from can be forged, and what it says is anybody's.

    `from` is a number, or the up to 11 characters of a sender's name; a mask once it was reduced. `kind`: `stop` and
    `start` are a keyword and nothing else, `data` is no text and has hex digits as its `text`. Of a long message with
    `missing` parts the others are there, with `[…]` between them. `text` is null where its key was lost.
    """

    id: str
    kind: InboundKind
    sender: str
    text: str | None
    modem: str
    parts: int
    missing: int
    sent_at: Time | None
    received_at: Time
    acked_at: Time | None
    acked_by: str | None

    def __repr__(self) -> str:
        """Without sender and text, which somebody might log."""
        return f"InboundMessage({self.id})"


class InboundMessages(Struct, frozen=True):
    """A page of messages."""

    items: list[InboundMessage]
    next_cursor: int | None


LISTING = Form(
    InboundQuery,
    {
        "limit": "a whole number from 1 to 200",
        "cursor": "the next_cursor of the page before",
        "unacked": "true or false",
    },
)


class InboundApi:
    """The operations of `/v1/inbound`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        one = "/v1/inbound/{inbound_id}"
        return (
            Operation(
                "listInbound",
                "GET",
                "/v1/inbound",
                self.list,
                "What came in, the newest first; with unacked what nobody acknowledged, the oldest first",
                scope="inbound:read",
                query=LISTING,
                answers={200: InboundMessages},
                headers=("Link",),
            ),
            Operation(
                "getInbound",
                "GET",
                one,
                self.one,
                "One message that came in",
                scope="inbound:read",
                answers={200: InboundMessage},
            ),
            Operation(
                "acknowledgeInbound",
                "POST",
                f"{one}/ack",
                self.ack,
                "Say that a message was taken over; the first who does stays on record",
                scope="inbound:read",
                answers={200: InboundMessage},
            ),
        )

    def list(self, call: Call[None, InboundQuery]) -> Reply:
        """`GET /v1/inbound`."""
        query = call.query
        page = self._service.inbound.page(
            limit=query.limit, cursor=query.cursor, unacked=query.unacked == "true"
        )
        shown = InboundMessages([_shown(view) for view in page.items], page.next_cursor)
        return Reply(shown, link_to_next(page.next_cursor))

    def one(self, _call: Call[None, None], inbound_id: str) -> InboundMessage:
        """`GET /v1/inbound/{id}`."""
        return _shown(self._service.inbound.get(inbound_id))

    def ack(self, call: Call[None, None], inbound_id: str) -> InboundMessage:
        """`POST /v1/inbound/{id}/ack`."""
        return _shown(self._service.inbound.ack(call.client, inbound_id))


def _shown(view: InboundView) -> InboundMessage:
    record = view.record
    return InboundMessage(
        id=record.id,
        kind=record.kind,
        sender=record.sender,
        text=view.text,
        modem=record.modem,
        parts=record.parts,
        missing=record.missing,
        sent_at=rfc3339_or_none(record.sent_at_ms),
        received_at=rfc3339(record.received_at_ms),
        acked_at=rfc3339_or_none(record.acked_at_ms),
        acked_by=record.acked_by,
    )
