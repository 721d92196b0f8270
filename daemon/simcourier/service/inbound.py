"""What people wrote to the SIM cards: listed, read, acknowledged."""

from __future__ import annotations

from dataclasses import dataclass, field

from simcourier.errors import EquipmentError, RequestError
from simcourier.outbox import inbound
from simcourier.outbox.inbound import InboundKind, Record
from simcourier.service.clients import Client
from simcourier.service.tools import Tools
from simcourier.sms.address import mask


@dataclass(frozen=True, slots=True)
class InboundView:
    """A message with its text; None where the key that sealed it is gone."""

    record: Record
    text: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class InboundPage:
    """Some messages, and where the next page begins."""

    items: list[InboundView]
    next_cursor: int | None


@dataclass(frozen=True, slots=True)
class InboundGlimpse:
    """A message as the page shows it: who wrote it is masked, and what is not told."""

    kind: InboundKind
    from_masked: str
    modem: str
    parts: int
    missing: int
    acked: bool
    received_at_ms: int


class Inbound:
    """Messages that came in; the SIM cards are the box's, so whoever may read them may read all."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def page(self, *, limit: int, cursor: int | None = None, unacked: bool = False) -> InboundPage:
        """The newest first; with `unacked` those that nobody acknowledged, the oldest first."""
        with self._tools.engine.connect() as connection:
            page = inbound.page(connection, limit, cursor, unacked=unacked)
        return InboundPage([self._view(record) for record in page.records], page.next_cursor)

    def get(self, inbound_id: str) -> InboundView:
        """One message. Raises RequestError `not-found`."""
        with self._tools.engine.connect() as connection:
            record = inbound.find(connection, inbound_id)
        if record is None:
            raise _not_found()
        return self._view(record)

    def ack(self, client: Client, inbound_id: str) -> InboundView:
        """Note that this client has taken the message over; the first one counts. Raises RequestError `not-found`."""
        now_ms = self._tools.clock.wall_ms()
        record = self._tools.writer.run(
            lambda c: inbound.ack(c, inbound_id, client.id, now_ms) or _not_found()
        )
        return self._view(record)

    def recent(self, limit: int = 10) -> list[InboundGlimpse]:
        """The newest messages, masked, for the page."""
        with self._tools.engine.connect() as connection:
            page = inbound.page(connection, limit, None)
        return [
            InboundGlimpse(
                record.kind,
                mask(record.sender),
                record.modem,
                record.parts,
                record.missing,
                record.acked_at_ms is not None,
                record.received_at_ms,
            )
            for record in page.records
        ]

    def _view(self, record: Record) -> InboundView:
        try:
            text = None if record.body is None else self._tools.sealer.open(record.body, record.id)
        except EquipmentError:
            text = None
        return InboundView(record, text)


def _not_found() -> RequestError:
    return RequestError("not-found", "There is no message with this id.")
