"""What happened for a number, and an admin's hand on its lock."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from simcourier.outbox import audit as trail
from simcourier.outbox import reading, verifications
from simcourier.outbox.audit import Entry
from simcourier.service.clients import Client
from simcourier.service.failures import ALL
from simcourier.service.tools import Tools
from simcourier.sms.address import mask, parse_recipient

LIMIT = 200
"""The newest events that are told of a number."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing that happened for a number: `action` is an audit action, or `message.` and its status."""

    at_ms: int
    action: str
    client: str
    id: str
    purpose: str | None


@dataclass(frozen=True, slots=True)
class Activity:
    """What happened for a number, the newest first; what stands against checks only for an admin."""

    to_masked: str
    counts: dict[str, int]
    items: list[Happened]
    failures: int | None
    locked_at_ms: int | None
    delayed_until_ms: int | None


class Numbers:
    """Numbers that codes were sent to; safe from any thread but the writer's."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def activity(self, client: Client, written: str) -> Activity:
        """What this client (an admin: everybody) did for a number. Raises RequestError `invalid-number`."""
        number, key = self._keyed(written)
        with self._tools.engine.connect() as connection:
            entries = trail.of_number(connection, key, client.sees, LIMIT)
            wanted = reading.Filter(client=client.sees, recipient=number, number_key=key, limit=LIMIT)
            sent = reading.page(connection, wanted).records
            counts = verifications.read_failures(connection, key, ALL, ALL).get(ALL)
            delayed_until_ms = verifications.delayed_until_ms(connection, key)
        items = [Happened(e.at_ms, e.action, e.actor, e.object, e.detail or None) for e in entries]
        items += [
            Happened(record.created_at_ms, f"message.{record.status}", record.client, record.id, None)
            for record in sent
        ]
        items.sort(key=lambda item: item.at_ms, reverse=True)
        stands = counts if client.sees is None else None
        delayed = stands is not None and delayed_until_ms > self._tools.clock.wall_ms()
        return Activity(
            mask(number),
            _count(items),
            items[:LIMIT],
            stands["consecutive"] if stands is not None else None,
            stands["locked_at_ms"] if stands is not None else None,
            delayed_until_ms if delayed else None,
        )

    def unlock(self, admin: Client, written: str) -> bool:
        """Lift lock and delays of a number; False where there were none. Raises RequestError `invalid-number`."""
        _number, key = self._keyed(written)

        def work(connection: Connection) -> bool:
            entry = Entry(self._tools.clock.wall_ms(), admin.id, "recipient.unlocked", "", "", key)
            self._tools.audit.append(connection, entry)
            return verifications.forgive(connection, key) > 0

        return self._tools.writer.run(work)

    def _keyed(self, written: str) -> tuple[str, str]:
        number = parse_recipient(written).text
        return number, self._tools.sealer.number_key(number)


_KINDS = {
    "starts": ("verification.start",),
    "sends": ("verification.start", "verification.resend"),
    "checks": ("verification.approved", "verification.incorrect"),
    "failures": ("verification.incorrect",),
    "locks": ("recipient.locked",),
}


def _count(items: list[Happened]) -> dict[str, int]:
    counts = {kind: sum(item.action in actions for item in items) for kind, actions in _KINDS.items()}
    return {**counts, "messages": sum(item.action.startswith("message.") for item in items)}
