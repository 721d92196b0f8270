"""What people wrote to the SIM cards, and who wants no more messages; times are wall-clock ms since 1970."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, text

from simcourier.outbox.schema.base import Serial, metadata

inbound = Table(
    "inbound",
    metadata,
    Column("n", Serial, primary_key=True),
    Column("id", String(26), nullable=False, unique=True),
    # `text`, or `stop` or `start` where a keyword was all of it.
    Column("kind", String(8), nullable=False),
    Column("sim", String(32), nullable=False),
    Column("modem", String(64), nullable=False),
    # A number, or up to 11 characters of a name; a mask once it was reduced.
    Column("sender", String(24), nullable=False),
    Column("sender_key", String(32), nullable=False),
    Column("body", LargeBinary),
    Column("parts", Integer, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("sent_at_ms", BigInteger),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("acked_at_ms", BigInteger),
    Column("acked_by", String(64)),
    Index("inbound_received", "received_at_ms"),
    Index("inbound_sender", "sender_key", "n"),
    # No number is given twice: up to which of them senders are reduced, and where a page ended, is kept.
    sqlite_autoincrement=True,
)
_unread = text("acked_at_ms IS NULL")
Index("inbound_unread", inbound.c.n, sqlite_where=_unread, postgresql_where=_unread)

inbound_parts = Table(
    "inbound_parts",
    metadata,
    Column("sim", String(32), primary_key=True),
    Column("sender_key", String(32), primary_key=True),
    Column("reference", Integer, primary_key=True, autoincrement=False),
    Column("total", Integer, primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("sender", String(24), nullable=False),
    Column("modem", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("sent_at_ms", BigInteger),
    Column("received_at_ms", BigInteger, nullable=False),
    Index("inbound_parts_received", "received_at_ms"),
)

inbound_seen = Table(
    "inbound_seen",
    metadata,
    # A keyed hash of SIM and PDU: what could not be deleted from a SIM is read again and must not be stored again.
    Column("digest", String(32), primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Index("inbound_seen_at", "at_ms"),
    sqlite_with_rowid=False,
)

stops = Table(
    "stops",
    metadata,
    Column("number_key", String(32), primary_key=True),
    # What an admin is shown: a masked number.
    Column("shown", String(24), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    # `sms`, or the key of whoever set it.
    Column("set_by", String(64), nullable=False),
)
