"""The first schema: messages with their events and parts, keys, and what must be remembered beside them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

STATUSES = (
    "'queued', 'sending', 'sent', 'delivered', 'undelivered', "
    "'failed', 'expired', 'superseded', 'canceled', 'unknown'"
)


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "idempotency",
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("key_digest", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("client", "key_digest"),
    )
    op.create_index("idempotency_created", "idempotency", ["created_at_ms"], unique=False)
    op.create_table(
        "keys",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "message_events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("message", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("modem", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("message_events_message", "message_events", ["message", "seq"], unique=False)
    op.create_table(
        "messages",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.String(length=20), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("alphabet", sa.String(length=8), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("deadline_ms", sa.BigInteger(), nullable=False),
        sa.Column("next_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("on_unknown", sa.String(length=8), nullable=False),
        sa.Column("supersede_key", sa.String(length=64), nullable=True),
        sa.Column("reference", sa.String(length=64), nullable=True),
        sa.Column("modem", sa.String(length=64), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("doubts", sa.Integer(), nullable=False),
        sa.Column("avoid", sa.String(), nullable=False),
        sa.Column("lease", sa.BigInteger(), nullable=True),
        sa.Column("sent_by", sa.String(length=64), nullable=True),
        sa.Column("tp_st", sa.Integer(), nullable=True),
        sa.Column("reported_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("feedback", sa.String(length=12), nullable=True),
        sa.PrimaryKeyConstraint("n"),
        sa.CheckConstraint(f"status IN ({STATUSES})", name="status"),
        sa.UniqueConstraint("id"),
    )
    op.create_index(
        "messages_canceled",
        "messages",
        ["n"],
        unique=False,
        sqlite_where=sa.text("status = 'canceled'"),
        postgresql_where=sa.text("status = 'canceled'"),
    )
    op.create_index("messages_client", "messages", ["client", "n"], unique=False)
    op.create_index(
        "messages_deadline",
        "messages",
        ["deadline_ms"],
        unique=False,
        sqlite_where=sa.text("body IS NOT NULL"),
        postgresql_where=sa.text("body IS NOT NULL"),
    )
    op.create_index(
        "messages_expired",
        "messages",
        ["n"],
        unique=False,
        sqlite_where=sa.text("status = 'expired'"),
        postgresql_where=sa.text("status = 'expired'"),
    )
    op.create_index(
        "messages_failed",
        "messages",
        ["n"],
        unique=False,
        sqlite_where=sa.text("status = 'failed'"),
        postgresql_where=sa.text("status = 'failed'"),
    )
    op.create_index(
        "messages_queue",
        "messages",
        ["modem", "rank", "n"],
        unique=False,
        sqlite_where=sa.text("status = 'queued'"),
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_index("messages_recipient", "messages", ["recipient", "n"], unique=False)
    op.create_index(
        "messages_sending",
        "messages",
        ["n"],
        unique=False,
        sqlite_where=sa.text("status = 'sending'"),
        postgresql_where=sa.text("status = 'sending'"),
    )
    op.create_index(
        "messages_supersede",
        "messages",
        ["client", "supersede_key"],
        unique=False,
        sqlite_where=sa.text("status = 'queued' AND supersede_key IS NOT NULL"),
        postgresql_where=sa.text("status = 'queued' AND supersede_key IS NOT NULL"),
    )
    op.create_index(
        "messages_superseded",
        "messages",
        ["n"],
        unique=False,
        sqlite_where=sa.text("status = 'superseded'"),
        postgresql_where=sa.text("status = 'superseded'"),
    )
    op.create_index(
        "messages_undelivered",
        "messages",
        ["n"],
        unique=False,
        sqlite_where=sa.text("status = 'undelivered'"),
        postgresql_where=sa.text("status = 'undelivered'"),
    )
    op.create_index(
        "messages_unknown",
        "messages",
        ["n"],
        unique=False,
        sqlite_where=sa.text("status = 'unknown'"),
        postgresql_where=sa.text("status = 'unknown'"),
    )
    op.create_table(
        "parts",
        sa.Column("message", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("modem", sa.String(length=64), nullable=False),
        sa.Column("sim", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("tp_mr", sa.Integer(), nullable=True),
        sa.Column("tp_st", sa.Integer(), nullable=True),
        sa.Column("reported_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("awaiting", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("message", "attempt", "part"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "parts_awaiting",
        "parts",
        ["sim", "tp_mr"],
        unique=False,
        sqlite_where=sa.text("awaiting"),
        postgresql_where=sa.text("awaiting"),
    )
    op.create_index(
        "parts_awaiting_since",
        "parts",
        ["at_ms"],
        unique=False,
        sqlite_where=sa.text("awaiting"),
        postgresql_where=sa.text("awaiting"),
    )
    op.create_table(
        "paused_modems",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "pin_tries",
        sa.Column("card", sa.String(length=32), nullable=False),
        sa.Column("pin_digest", sa.String(length=64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("card", "pin_digest"),
    )
    op.create_table(
        "starts",
        sa.Column("epoch", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("epoch"),
    )
    op.create_table(
        "unmatched_reports",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("sim", sa.String(length=32), nullable=False),
        sa.Column("tp_mr", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.String(length=24), nullable=False),
        sa.Column("service_centre_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("tp_st", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
