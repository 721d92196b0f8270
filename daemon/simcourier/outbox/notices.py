"""Put on record what applications shall be told of, in the transaction that makes it so."""

from __future__ import annotations

import secrets

import msgspec
from sqlalchemy.engine import Connection

from simcourier.outbox.schema import notices

_INSERT = notices.insert()


def new_event_id() -> str:
    """The id under which an event is told, the same at every try: `evt_` and 128 random bits."""
    return "evt_" + secrets.token_urlsafe(16)


def notify(
    connection: Connection, type_: str, at_ms: int, client: str | None, data: dict[str, object]
) -> None:
    """Record an event such as `verification.approved`.

    `client` is whose event it is, None an admin's. `data` is JSON and never holds a text, a code or a whole number.
    """
    connection.execute(
        _INSERT,
        {
            "id": new_event_id(),
            "at_ms": at_ms,
            "type": type_,
            "client": client,
            "data": msgspec.json.encode(data).decode(),
        },
    )
