"""Where events are told to: the endpoints that an admin registered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec
from sqlalchemy import ColumnElement, Row, func, literal_column, select
from sqlalchemy.engine import Connection

from simcourier.outbox.hooks import RELAYED
from simcourier.outbox.schema import events, notices, relay_cursors, webhook_deliveries, webhook_endpoints

# SQLite uses the partial index only for the very words of its condition.
_PENDING: ColumnElement[bool] = literal_column("webhook_deliveries.state = 'pending'")


class EventType(StrEnum):
    """What an endpoint may be told of."""

    MESSAGE_SENT = "message.sent"
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_UNDELIVERED = "message.undelivered"
    MESSAGE_FAILED = "message.failed"
    MESSAGE_EXPIRED = "message.expired"
    MESSAGE_SUPERSEDED = "message.superseded"
    MESSAGE_UNKNOWN = "message.unknown"
    VERIFICATION_APPROVED = "verification.approved"
    VERIFICATION_EXPIRED = "verification.expired"
    VERIFICATION_MAX_ATTEMPTS = "verification.max_attempts"
    VERIFICATION_FAILED = "verification.failed"
    MESSAGE_RECEIVED = "message.received"
    RECIPIENT_LOCKED = "recipient.locked"
    RECIPIENT_STOPPED = "recipient.stopped"
    RECIPIENT_STARTED = "recipient.started"
    PREFIX_ALARM = "prefix.alarm"
    PREFIX_BLOCKED = "prefix.blocked"
    BUDGET_THRESHOLD = "budget.threshold"
    SIM_NEW = "sim.new"
    SIM_MOVED = "sim.moved"
    SIM_LOW_BALANCE = "sim.low-balance"
    SIM_SUSPENDED = "sim.suspended"
    SIM_RESUMED = "sim.resumed"
    MODEM_DOWN = "modem.down"
    MODEM_UP = "modem.up"


TEST_TYPE = "webhook.test"
"""What only an admin's test is called; no endpoint asks for it."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL that wants events: of one client or (None) of all, of some types or (empty) of all.

    The secrets are sealed, bound to the endpoint's id; the old one is live until `old_until_ms`. A disabled
    endpoint has the reason and is told nothing.
    """

    id: str
    url: str
    client: str | None
    types: frozenset[str]
    secret: bytes
    created_at_ms: int
    n: int = 0
    old_secret: bytes | None = None
    old_until_ms: int | None = None
    disabled_reason: str | None = None

    def wants(self, type_: str, client: str | None, callback: str | None) -> bool:
        """Is it to be told of this event, which is `client`'s (None: an admin's), asked for `callback` only?"""
        if callback is not None and callback != self.id:
            return False
        if self.client is not None and self.client != client:
            return False
        return not self.types or type_ in self.types


def _endpoint(row: Row[tuple[object, ...]]) -> Endpoint:
    values = dict(row._mapping)
    values["types"] = frozenset(msgspec.json.decode(values["types"], type=list[str]))
    return Endpoint(**values)


def _encode(types: frozenset[str]) -> str:
    return msgspec.json.encode(sorted(types)).decode()


def all_of_them(connection: Connection) -> list[Endpoint]:
    """Every endpoint, oldest first."""
    return [
        _endpoint(row)
        for row in connection.execute(select(webhook_endpoints).order_by(webhook_endpoints.c.n))
    ]


def enabled(connection: Connection) -> list[Endpoint]:
    """Those that are told what happens."""
    return [endpoint for endpoint in all_of_them(connection) if endpoint.disabled_reason is None]


def find(connection: Connection, endpoint_id: str) -> Endpoint | None:
    """The endpoint with this id."""
    row = connection.execute(select(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id)).first()
    return None if row is None else _endpoint(row)


def serves(connection: Connection, endpoint_id: str, client: str) -> bool:
    """May a message of this client name the endpoint as its `callback`?"""
    endpoint = find(connection, endpoint_id)
    return endpoint is not None and endpoint.client in (None, client)


def count(connection: Connection) -> int:
    """How many there are."""
    return int(connection.execute(select(func.count()).select_from(webhook_endpoints)).scalar_one())


def add(connection: Connection, new: Endpoint) -> None:
    """Register an endpoint; it is told what happens from now on."""
    _begin_now(connection)
    connection.execute(
        webhook_endpoints.insert().values(
            id=new.id,
            url=new.url,
            client=new.client,
            types=_encode(new.types),
            secret=new.secret,
            created_at_ms=new.created_at_ms,
        )
    )


def change(connection: Connection, endpoint_id: str, url: str, types: frozenset[str]) -> bool:
    """Give an endpoint another URL and other types; False where there is none."""
    return _update(connection, endpoint_id, url=url, types=_encode(types))


def rotate(connection: Connection, endpoint: Endpoint, secret: bytes, old_until_ms: int) -> bool:
    """Give an endpoint a new secret beside the one it has, which is live until `old_until_ms`."""
    return _update(
        connection, endpoint.id, secret=secret, old_secret=endpoint.secret, old_until_ms=old_until_ms
    )


def enable(connection: Connection, endpoint_id: str) -> bool:
    """Tell a disabled endpoint what happens from now on; False where none is disabled under this id."""
    disabled = webhook_endpoints.c.disabled_reason.is_not(None)
    found = connection.execute(select(webhook_endpoints.c.n).where(_is(endpoint_id), disabled)).first()
    if found is None:
        return False
    _begin_now(connection)
    return _update(connection, endpoint_id, disabled_reason=None)


def disable(connection: Connection, endpoint_id: str, reason: str) -> bool:
    """Tell an endpoint nothing more, also not what is waiting; False where none is enabled under this id."""
    enabled = webhook_endpoints.c.disabled_reason.is_(None)
    n = connection.execute(select(webhook_endpoints.c.n).where(_is(endpoint_id), enabled)).scalar()
    if n is None:
        return False
    _drop_waiting(connection, n, "the endpoint was disabled")
    return _update(connection, endpoint_id, disabled_reason=reason[:200])


def remove(connection: Connection, endpoint_id: str) -> bool:
    """Forget an endpoint; what was told to it stays in the log until that is too old."""
    n = connection.execute(select(webhook_endpoints.c.n).where(_is(endpoint_id))).scalar()
    if n is None:
        return False
    _drop_waiting(connection, n, "the endpoint was removed")
    connection.execute(webhook_endpoints.delete().where(_is(endpoint_id)))
    return True


def _is(endpoint_id: str) -> ColumnElement[bool]:
    return webhook_endpoints.c.id == endpoint_id


def _update(connection: Connection, endpoint_id: str, **values: object) -> bool:
    statement = webhook_endpoints.update().where(_is(endpoint_id)).values(**values)
    return connection.execute(statement).rowcount == 1


def _drop_waiting(connection: Connection, n: int, why: str) -> None:
    connection.execute(
        webhook_deliveries.update()
        .where(webhook_deliveries.c.endpoint == n, _PENDING)
        .values(state="dropped", last_error=why)
    )


def _begin_now(connection: Connection) -> None:
    """Where nobody listened until now, what happened before is told to nobody."""
    enabled = select(webhook_endpoints.c.n).where(webhook_endpoints.c.disabled_reason.is_(None)).limit(1)
    if connection.execute(enabled).first() is not None:
        return
    connection.execute(relay_cursors.delete().where(relay_cursors.c.name.in_(RELAYED)))
    for name, table in zip(RELAYED, (events, notices), strict=True):
        last = connection.execute(select(func.max(table.c.seq))).scalar() or 0
        connection.execute(relay_cursors.insert().values(name=name, seq=last))
