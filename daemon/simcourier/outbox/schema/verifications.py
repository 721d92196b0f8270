"""Codes made and checked here: verifications, what failed for whom, and templates of their texts."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, String, Table, text

from simcourier.outbox.schema.base import Serial, metadata
from simcourier.outbox.verification import VerificationStatus

_statuses = ", ".join(f"'{status}'" for status in VerificationStatus)

verifications = Table(
    "verifications",
    metadata,
    Column("n", Serial, primary_key=True),
    Column("id", String(26), nullable=False, unique=True),
    Column("client", String(64), nullable=False),
    Column("status", String(12), nullable=False),
    Column("reason", String(64)),
    Column("recipient", String(20), nullable=False),
    Column("number_key", String(32), nullable=False),
    Column("region", String(3), nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("subject", String(128)),
    # A keyed hash of what the caller bound the code to (a session, a device); empty: bound to nothing.
    Column("binding", String(32), nullable=False),
    Column("risk", String(32)),
    Column("reference", String(64)),
    Column("template", String(32), nullable=False),
    Column("locale", String(16), nullable=False),
    Column("code_type", String(12), nullable=False),
    Column("code_length", Integer, nullable=False),
    # The keyed hash of the live code, and what its text needs (sealed): both wiped when it closes.
    Column("code_mac", LargeBinary),
    Column("text_values", LargeBinary),
    Column("send_no", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("deadline_ms", BigInteger, nullable=False),
    Column("resend_at_ms", BigInteger, nullable=False),
    Column("closed_at_ms", BigInteger),
    CheckConstraint(f"status IN ({_statuses})", name="verification_status"),
    # A message names its verification by n: that of an erased one must not be given again.
    sqlite_autoincrement=True,
)
_pending = text("status = 'pending'")
Index(
    "verifications_pending",
    verifications.c.number_key,
    verifications.c.client,
    verifications.c.purpose,
    sqlite_where=_pending,
    postgresql_where=_pending,
)
Index("verifications_deadline", verifications.c.deadline_ms, sqlite_where=_pending, postgresql_where=_pending)
Index("verifications_number", verifications.c.number_key, verifications.c.n)

failures = Table(
    "failures",
    metadata,
    Column("number_key", String(32), primary_key=True),
    # Empty: all of the number's failures; otherwise those under one binding.
    Column("binding", String(32), primary_key=True),
    Column("consecutive", Integer, nullable=False),
    Column("hour_started_at_ms", BigInteger, nullable=False),
    Column("in_hour", Integer, nullable=False),
    Column("last_at_ms", BigInteger, nullable=False),
    Column("delayed_until_ms", BigInteger, nullable=False),
    Column("locked_at_ms", BigInteger),
    Index("failures_last", "last_at_ms"),
    sqlite_with_rowid=False,
)

templates = Table(
    "templates",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("locale", String(16), primary_key=True),
    Column("text", String, nullable=False),
    # A JSON list of the texts that are sent where this one would not fit.
    Column("shorter", String, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("updated_by", String(64), nullable=False),
)
