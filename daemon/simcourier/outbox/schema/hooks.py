"""What is told to applications: notices, endpoints that want them, and deliveries under way."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, text

from simcourier.outbox.schema.base import Serial, metadata

notices = Table(
    "notices",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("id", String(26), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("type", String(32), nullable=False),
    # Whose event it is; none: an admin's.
    Column("client", String(64)),
    Column("data", String, nullable=False),
)
"""What happened beside the moves of messages, told in the transaction that made it so."""

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("n", Serial, primary_key=True),
    Column("id", String(26), nullable=False, unique=True),
    Column("url", String(2000), nullable=False),
    Column("client", String(64)),
    Column("types", String, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("old_secret", LargeBinary),
    Column("old_until_ms", BigInteger),
    Column("disabled_reason", String(200)),
    Column("created_at_ms", BigInteger, nullable=False),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("n", Serial, primary_key=True),
    Column("endpoint", BigInteger, nullable=False),
    Column("event_id", String(26), nullable=False),
    Column("type", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", String(12), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("next_at_ms", BigInteger, nullable=False),
    Column("last_at_ms", BigInteger),
    Column("last_status", Integer),
    Column("last_error", String(200)),
)
_pending = text("state = 'pending'")
Index(
    "webhook_deliveries_due",
    webhook_deliveries.c.endpoint,
    webhook_deliveries.c.next_at_ms,
    sqlite_where=_pending,
    postgresql_where=_pending,
)
Index("webhook_deliveries_endpoint", webhook_deliveries.c.endpoint, webhook_deliveries.c.n)

relay_cursors = Table(
    "relay_cursors",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("seq", BigInteger, nullable=False),
)
"""How far the events of each source were passed on to the endpoints."""
