"""API keys, answers kept for repeated requests, PINs tried, modems paused, starts, and which key file it is."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, text

from simcourier.outbox.schema.base import Serial, metadata

keys = Table(
    "keys",
    metadata,
    Column("id", String(22), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("digest", String(64), nullable=False),
    Column("scopes", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("revoked_at_ms", BigInteger),
    Column("expires_at_ms", BigInteger),
    # Addresses it may be used from, as a JSON list of networks; empty: from everywhere.
    Column("cidrs", String, nullable=False, server_default="[]"),
    Column("template_only", Boolean, nullable=False, server_default=text("0")),
    Column("sandbox", Boolean, nullable=False, server_default=text("0")),
    # While a secret is rotated the one before it stays live until then.
    Column("old_digest", String(64)),
    Column("old_until_ms", BigInteger),
    Column("last_used_at_ms", BigInteger),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("client", String(64), primary_key=True),
    Column("key_digest", String(64), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Index("idempotency_created", "created_at_ms"),
)

pin_tries = Table(
    "pin_tries",
    metadata,
    Column("card", String(32), primary_key=True),
    Column("pin_digest", String(64), primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("accepted", Boolean),
)

paused_modems = Table("paused_modems", metadata, Column("name", String(64), primary_key=True))

starts = Table(
    "starts",
    metadata,
    Column("epoch", Serial, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
)
"""One row a start of the daemon: the epoch is the lease under which it claims."""

clock_marks = Table(
    "clock_marks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("offset_ms", BigInteger, nullable=False),
    Column("boot", String(36), nullable=False),
)
"""One row: how far the wall clock was ahead of the time since boot when it was last looked at."""

key_check = Table(
    "key_check",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("mac", LargeBinary, nullable=False),
)
"""One row: by which the key file is known again under which all this was written (outbox.key_check)."""
