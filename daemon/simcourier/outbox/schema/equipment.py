"""Modems and SIM cards that this box has seen, what they sent and how it arrived, and tests of one by another."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, String, Table, text

from simcourier.outbox.schema.base import Serial, metadata

known_modems = Table(
    "known_modems",
    metadata,
    # The name that a stick keeps, whatever port it is plugged into.
    Column("name", String(64), primary_key=True),
    Column("imei", String(20), nullable=False),
    Column("port", String(200), nullable=False),
    Column("manufacturer", String(64), nullable=False),
    Column("model", String(64), nullable=False),
    Column("revision", String(64), nullable=False),
    Column("sim", String(32), nullable=False),
    Column("first_seen_at_ms", BigInteger, nullable=False),
    Column("last_seen_at_ms", BigInteger, nullable=False),
    Index("known_modems_imei", "imei"),
)

sims = Table(
    "sims",
    metadata,
    # ICCID, or IMSI where the modem tells no ICCID.
    Column("sim", String(32), primary_key=True),
    # `approved`, `waiting` for an admin's yes, `refused`.
    Column("state", String(12), nullable=False),
    # Why it waits or sends nothing, for an admin.
    Column("reason", String(200), nullable=False, server_default=""),
    # Mobile country and network code of the home operator.
    Column("network", String(8), nullable=False, server_default=""),
    Column("number", String(20), nullable=False, server_default=""),
    # The modem that it is in, or was in last, and that modem's IMEI.
    Column("modem", String(64), nullable=False),
    Column("imei", String(20), nullable=False, server_default=""),
    Column("first_seen_at_ms", BigInteger, nullable=False),
    Column("last_seen_at_ms", BigInteger, nullable=False),
    Column("decided_at_ms", BigInteger),
    Column("decided_by", String(64)),
    Column("balance", Float),
    Column("balance_unit", String(16)),
    Column("balance_at_ms", BigInteger),
    # Why this SIM is kept from sending by the box itself: a loop test that did not arrive, no credit.
    Column("suspended", String(200)),
    Column("suspended_at_ms", BigInteger),
)

sim_usage = Table(
    "sim_usage",
    metadata,
    Column("sim", String(32), primary_key=True),
    Column("hour_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("segments", Integer, nullable=False),
    sqlite_with_rowid=False,
)

sim_recipients = Table(
    "sim_recipients",
    metadata,
    Column("sim", String(32), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("number_key", String(32), primary_key=True),
    sqlite_with_rowid=False,
)

delivery_times = Table(
    "delivery_times",
    metadata,
    Column("sim", String(32), primary_key=True),
    # The recipients' numbers without their last digits.
    Column("area", String(16), primary_key=True),
    Column("network", String(8), nullable=False),
    # How many arrived within which time, JSON (dispatch/learned.py).
    Column("counts", String, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

loop_tests = Table(
    "loop_tests",
    metadata,
    Column("n", Serial, primary_key=True),
    Column("id", String(26), nullable=False, unique=True),
    Column("message", BigInteger),
    Column("from_sim", String(32), nullable=False),
    Column("from_modem", String(64), nullable=False),
    Column("to_sim", String(32), nullable=False),
    Column("to_modem", String(64), nullable=False),
    # A keyed hash of the token in the text, by which the message is known again when it comes in.
    Column("token_key", String(32), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger),
    # `arrived`, `lost`, `unclear` (lost, but not by the sender's fault), `not-sent`; empty while it is under way.
    Column("outcome", String(12), nullable=False),
    Column("detail", String(200), nullable=False, server_default=""),
)
_under_way = text("outcome = ''")
Index("loop_tests_open", loop_tests.c.n, sqlite_where=_under_way, postgresql_where=_under_way)
Index("loop_tests_token", loop_tests.c.token_key)
Index("loop_tests_from", loop_tests.c.from_sim, loop_tests.c.n)
Index("loop_tests_to", loop_tests.c.to_sim, loop_tests.c.n)
