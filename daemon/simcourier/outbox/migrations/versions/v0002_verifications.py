"""Verifications, templates, limits, webhooks, audit, and what keys may do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "audit",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("object", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.String(length=200), nullable=False),
        sa.Column("number_key", sa.String(length=32), nullable=True),
        sa.Column("number_mac", sa.LargeBinary(), nullable=True),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index(
        "audit_number",
        "audit",
        ["number_key", "seq"],
        unique=False,
        sqlite_where=sa.text("number_key IS NOT NULL"),
        postgresql_where=sa.text("number_key IS NOT NULL"),
    )
    op.create_table(
        "audit_anchors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "blocks",
        sa.Column("scope", sa.String(length=24), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("shown", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("set_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key"),
    )
    op.create_table(
        "clock_marks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("offset_ms", sa.BigInteger(), nullable=False),
        sa.Column("boot", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "failures",
        sa.Column("number_key", sa.String(length=32), nullable=False),
        sa.Column("binding", sa.String(length=32), nullable=False),
        sa.Column("consecutive", sa.Integer(), nullable=False),
        sa.Column("hour_started_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("in_hour", sa.Integer(), nullable=False),
        sa.Column("last_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("delayed_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("locked_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("number_key", "binding"),
        sqlite_with_rowid=False,
    )
    op.create_index("failures_last", "failures", ["last_at_ms"], unique=False)
    op.create_table(
        "key_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "limit_rules",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("scope", sa.String(length=24), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("window_s", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("maximum", sa.Integer(), nullable=False),
        sa.Column("shown", sa.String(length=64), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("set_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("set_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("kind", "scope", "key", "window_s"),
    )
    op.create_table(
        "limit_windows",
        sa.Column("scope", sa.String(length=24), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("counts", sa.String(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index("limit_windows_updated", "limit_windows", ["updated_at_ms"], unique=False)
    op.create_table(
        "notices",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=True),
        sa.Column("data", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "relay_cursors",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "templates",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("shorter", sa.String(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("name", "locale"),
    )
    op.create_table(
        "verifications",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("recipient", sa.String(length=20), nullable=False),
        sa.Column("number_key", sa.String(length=32), nullable=False),
        sa.Column("region", sa.String(length=3), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=True),
        sa.Column("binding", sa.String(length=32), nullable=False),
        sa.Column("risk", sa.String(length=32), nullable=True),
        sa.Column("reference", sa.String(length=64), nullable=True),
        sa.Column("template", sa.String(length=32), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("code_type", sa.String(length=12), nullable=False),
        sa.Column("code_length", sa.Integer(), nullable=False),
        sa.Column("code_mac", sa.LargeBinary(), nullable=True),
        sa.Column("text_values", sa.LargeBinary(), nullable=True),
        sa.Column("send_no", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("deadline_ms", sa.BigInteger(), nullable=False),
        sa.Column("resend_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("closed_at_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'approved', 'expired', 'max_attempts', 'canceled', 'failed', 'blocked')",
            name="verification_status",
        ),
        sa.PrimaryKeyConstraint("n"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "verifications_deadline",
        "verifications",
        ["deadline_ms"],
        unique=False,
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index("verifications_number", "verifications", ["number_key", "n"], unique=False)
    op.create_index(
        "verifications_pending",
        "verifications",
        ["number_key", "client", "purpose"],
        unique=False,
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("endpoint", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.String(length=26), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("next_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("n"),
    )
    op.create_index(
        "webhook_deliveries_due",
        "webhook_deliveries",
        ["endpoint", "next_at_ms"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index("webhook_deliveries_endpoint", "webhook_deliveries", ["endpoint", "n"], unique=False)
    op.create_table(
        "webhook_endpoints",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=True),
        sa.Column("types", sa.String(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("old_secret", sa.LargeBinary(), nullable=True),
        sa.Column("old_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("disabled_reason", sa.String(length=200), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("n"),
        sa.UniqueConstraint("id"),
    )
    op.add_column("keys", sa.Column("expires_at_ms", sa.BigInteger(), nullable=True))
    op.add_column("keys", sa.Column("cidrs", sa.String(), server_default="[]", nullable=False))
    op.add_column(
        "keys", sa.Column("template_only", sa.Boolean(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("keys", sa.Column("sandbox", sa.Boolean(), server_default=sa.text("0"), nullable=False))
    op.add_column("keys", sa.Column("old_digest", sa.String(length=64), nullable=True))
    op.add_column("keys", sa.Column("old_until_ms", sa.BigInteger(), nullable=True))
    op.add_column("keys", sa.Column("last_used_at_ms", sa.BigInteger(), nullable=True))
    op.add_column("messages", sa.Column("verification", sa.BigInteger(), nullable=True))
    op.add_column("messages", sa.Column("send_no", sa.Integer(), nullable=True))
    op.add_column("messages", sa.Column("region", sa.String(length=3), nullable=True))
    op.add_column("messages", sa.Column("callback", sa.String(length=26), nullable=True))
    op.add_column("messages", sa.Column("replace_type", sa.Integer(), nullable=True))
    op.add_column("messages", sa.Column("prefer", sa.String(length=64), nullable=True))
    op.add_column("messages", sa.Column("sandbox", sa.Boolean(), server_default=sa.text("0"), nullable=False))
    op.add_column("messages", sa.Column("number_key", sa.String(length=32), nullable=True))
    op.drop_index(op.f("messages_queue"), table_name="messages", sqlite_where=sa.text("status = 'queued'"))
    op.create_index(
        "messages_queue",
        "messages",
        ["sandbox", "modem", "rank", "n"],
        unique=False,
        sqlite_where=sa.text("status = 'queued'"),
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_index(
        "messages_number",
        "messages",
        ["number_key", "n"],
        unique=False,
        sqlite_where=sa.text("number_key IS NOT NULL"),
        postgresql_where=sa.text("number_key IS NOT NULL"),
    )
    op.create_index(
        "messages_reference",
        "messages",
        ["reference", "n"],
        unique=False,
        sqlite_where=sa.text("reference IS NOT NULL"),
        postgresql_where=sa.text("reference IS NOT NULL"),
    )
    op.create_index(
        "messages_verification",
        "messages",
        ["verification", "n"],
        unique=False,
        sqlite_where=sa.text("verification IS NOT NULL"),
        postgresql_where=sa.text("verification IS NOT NULL"),
    )
    # Every sealed thing begins with the id of its key since then; there was one key, and its id is 1.
    connection = op.get_bind()
    waiting = connection.execute(sa.text("SELECT n, body FROM messages WHERE body IS NOT NULL")).all()
    for n, body in waiting:
        connection.execute(
            sa.text("UPDATE messages SET body = :body WHERE n = :n"), {"n": n, "body": b"\x01" + bytes(body)}
        )
    # What happened before there were endpoints is told to none.
    op.execute(
        "INSERT INTO relay_cursors (name, seq) SELECT 'messages', coalesce(max(seq), 0) FROM message_events"
    )
    op.execute("INSERT INTO relay_cursors (name, seq) VALUES ('notices', 0)")
