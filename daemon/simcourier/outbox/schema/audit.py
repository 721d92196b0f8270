"""Who did what: one chain in which a changed or removed row shows."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, text

from simcourier.outbox.schema.base import metadata

audit = Table(
    "audit",
    metadata,
    # Without gaps: each row's number is the one before it plus one.
    Column("seq", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("action", String(32), nullable=False),
    Column("object", String(64), nullable=False),
    Column("detail", String(200), nullable=False),
    # Set back to NULL when the number is erased; the chain holds a hash of it only.
    Column("number_key", String(32)),
    Column("number_mac", LargeBinary),
    Column("mac", LargeBinary, nullable=False),
)
_about_a_number = text("number_key IS NOT NULL")
Index(
    "audit_number",
    audit.c.number_key,
    audit.c.seq,
    sqlite_where=_about_a_number,
    postgresql_where=_about_a_number,
)

audit_anchors = Table(
    "audit_anchors",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
)
"""One row: the last row that was dropped for its age, from which the chain goes on."""
