"""Modems and SIMs that were seen, what they sent, what came in, who wants no more, loop tests, second SIMs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "delivery_times",
        sa.Column("sim", sa.String(length=32), nullable=False),
        sa.Column("area", sa.String(length=16), nullable=False),
        sa.Column("network", sa.String(length=8), nullable=False),
        sa.Column("counts", sa.String(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sim", "area"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "inbound",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("sim", sa.String(length=32), nullable=False),
        sa.Column("modem", sa.String(length=64), nullable=False),
        sa.Column("sender", sa.String(length=24), nullable=False),
        sa.Column("sender_key", sa.String(length=32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("sent_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("received_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("acked_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("acked_by", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("n"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("inbound_received", "inbound", ["received_at_ms"], unique=False)
    op.create_index("inbound_sender", "inbound", ["sender_key", "n"], unique=False)
    op.create_index(
        "inbound_unread",
        "inbound",
        ["n"],
        unique=False,
        sqlite_where=sa.text("acked_at_ms IS NULL"),
        postgresql_where=sa.text("acked_at_ms IS NULL"),
    )
    op.create_table(
        "inbound_parts",
        sa.Column("sim", sa.String(length=32), nullable=False),
        sa.Column("sender_key", sa.String(length=32), nullable=False),
        sa.Column("reference", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("total", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sender", sa.String(length=24), nullable=False),
        sa.Column("modem", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sent_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("received_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sim", "sender_key", "reference", "total", "part"),
    )
    op.create_index("inbound_parts_received", "inbound_parts", ["received_at_ms"], unique=False)
    op.create_table(
        "inbound_seen",
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        sqlite_with_rowid=False,
    )
    op.create_index("inbound_seen_at", "inbound_seen", ["at_ms"], unique=False)
    op.create_table(
        "known_modems",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("imei", sa.String(length=20), nullable=False),
        sa.Column("port", sa.String(length=200), nullable=False),
        sa.Column("manufacturer", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("sim", sa.String(length=32), nullable=False),
        sa.Column("first_seen_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index("known_modems_imei", "known_modems", ["imei"], unique=False)
    op.create_table(
        "loop_tests",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("message", sa.BigInteger(), nullable=True),
        sa.Column("from_sim", sa.String(length=32), nullable=False),
        sa.Column("from_modem", sa.String(length=64), nullable=False),
        sa.Column("to_sim", sa.String(length=32), nullable=False),
        sa.Column("to_modem", sa.String(length=64), nullable=False),
        sa.Column("token_key", sa.String(length=32), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("detail", sa.String(length=200), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("n"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("loop_tests_from", "loop_tests", ["from_sim", "n"], unique=False)
    op.create_index(
        "loop_tests_open",
        "loop_tests",
        ["n"],
        unique=False,
        sqlite_where=sa.text("outcome = ''"),
        postgresql_where=sa.text("outcome = ''"),
    )
    op.create_index("loop_tests_to", "loop_tests", ["to_sim", "n"], unique=False)
    op.create_index("loop_tests_token", "loop_tests", ["token_key"], unique=False)
    op.create_table(
        "sim_recipients",
        sa.Column("sim", sa.String(length=32), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("number_key", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("sim", "month", "number_key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sim_usage",
        sa.Column("sim", sa.String(length=32), nullable=False),
        sa.Column("hour_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sim", "hour_ms"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sims",
        sa.Column("sim", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=200), server_default="", nullable=False),
        sa.Column("network", sa.String(length=8), server_default="", nullable=False),
        sa.Column("number", sa.String(length=20), server_default="", nullable=False),
        sa.Column("modem", sa.String(length=64), nullable=False),
        sa.Column("imei", sa.String(length=20), server_default="", nullable=False),
        sa.Column("first_seen_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("decided_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("balance", sa.Float(), nullable=True),
        sa.Column("balance_unit", sa.String(length=16), nullable=True),
        sa.Column("balance_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("suspended", sa.String(length=200), nullable=True),
        sa.Column("suspended_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("sim"),
    )
    op.create_table(
        "stops",
        sa.Column("number_key", sa.String(length=32), nullable=False),
        sa.Column("shown", sa.String(length=24), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("set_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number_key"),
    )
    op.add_column("messages", sa.Column("second_at_ms", sa.BigInteger(), nullable=True))
    op.add_column(
        "messages", sa.Column("seconded", sa.Boolean(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("messages", sa.Column("other_network", sa.String(length=8), nullable=True))
    op.add_column("messages", sa.Column("stopped", sa.Boolean(), server_default=sa.text("0"), nullable=False))
    op.create_index(
        "messages_second",
        "messages",
        ["second_at_ms"],
        unique=False,
        sqlite_where=sa.text("second_at_ms IS NOT NULL"),
        postgresql_where=sa.text("second_at_ms IS NOT NULL"),
    )
    op.add_column("parts", sa.Column("service_centre_at_ms", sa.BigInteger(), nullable=True))
    op.create_index(
        "parts_reported",
        "parts",
        ["sim", "tp_mr", "service_centre_at_ms"],
        unique=False,
        sqlite_where=sa.text("service_centre_at_ms IS NOT NULL"),
        postgresql_where=sa.text("service_centre_at_ms IS NOT NULL"),
    )
