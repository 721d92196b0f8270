"""The body of an event: `{"type", "timestamp", "data"}`, without a text, a code or a whole number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from simcourier.outbox.duties import TOO_LATE
from simcourier.outbox.endpoints import Endpoint, EventType
from simcourier.outbox.hooks import Move, NewDelivery, Notice
from simcourier.outbox.message import Status
from simcourier.outbox.notices import new_event_id
from simcourier.outbox.store import REPORT_LINE, SECOND_COPY
from simcourier.sms.address import mask

TOLD = {
    Status.SENT: EventType.MESSAGE_SENT,
    Status.DELIVERED: EventType.MESSAGE_DELIVERED,
    Status.UNDELIVERED: EventType.MESSAGE_UNDELIVERED,
    Status.FAILED: EventType.MESSAGE_FAILED,
    Status.EXPIRED: EventType.MESSAGE_EXPIRED,
    Status.SUPERSEDED: EventType.MESSAGE_SUPERSEDED,
    Status.UNKNOWN: EventType.MESSAGE_UNKNOWN,
}
"""The moves that are told; what only leads to another move is not."""
_REPORTED = {Status.DELIVERED, Status.UNDELIVERED}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, whose it is, and to whom it is told (`callback`: to that endpoint only)."""

    id: str
    type: str
    client: str | None
    callback: str | None
    body: bytes


def of_move(move: Move) -> Event | None:
    """The event that a move of a message is, if it is one."""
    status, detail = Status(move.status), move.detail or ""
    if status not in TOLD or detail.startswith(REPORT_LINE):
        return None
    data: dict[str, object] = {
        "id": move.id,
        "status": status,
        "to_masked": mask(move.recipient),
        "reference": move.reference,
        "client": move.client,
        "modem": move.modem,
        "reason": move.detail and _for_others(move.detail),
        "created_at": rfc3339(move.created_at_ms),
    }
    if status in _REPORTED:
        data["tp_status"] = move.tp_st
    if detail == SECOND_COPY:
        data["copy"] = 2
    body = encode(TOLD[status], move.at_ms, data)
    return Event(new_event_id(), TOLD[status], move.client, move.callback, body)


def _for_others(detail: str) -> str:
    """A detail without what kept the message or its second copy: that tells of the fleet, for keys that may ask."""
    before, too_late, _kept = detail.partition(TOO_LATE)
    return before + too_late


def of_notice(notice: Notice) -> Event:
    """The event that a notice is."""
    body = encode(notice.type, notice.at_ms, msgspec.Raw(notice.data.encode()))
    return Event(notice.id, notice.type, notice.client, None, body)


def deliveries(found: Iterable[Event], endpoints: Iterable[Endpoint], now_ms: int) -> Iterator[NewDelivery]:
    """A delivery for each event and each endpoint that wants it."""
    listening = list(endpoints)
    for event in found:
        for endpoint in listening:
            if endpoint.wants(event.type, event.client, event.callback):
                yield NewDelivery(endpoint.n, event.id, event.type, event.body, now_ms)


def encode(type_: str, at_ms: int, data: object) -> bytes:
    """The octets that are signed and sent."""
    return msgspec.json.encode({"type": type_, "timestamp": rfc3339(at_ms), "data": data})


def rfc3339(at_ms: int) -> str:
    """Milliseconds since 1970 as `2026-01-31T12:00:00.000Z` (RFC 3339 section 5.6)."""
    whole = datetime.fromtimestamp(at_ms // 1000, UTC).replace(tzinfo=None)
    return f"{whole.isoformat()}.{at_ms % 1000:03d}Z"
