"""How often something was done lately, what an admin allows instead of the defaults, and what is blocked."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from simcourier.outbox.schema.base import metadata

limit_windows = Table(
    "limit_windows",
    metadata,
    # `number`, `verifications.prefix`, `messages.client`, `box` ...; the key is a keyed hash where it tells of a
    # number.
    Column("scope", String(24), primary_key=True),
    Column("key", String(64), primary_key=True),
    # When it happened and how often, JSON (verify/limits.py, Usage).
    Column("counts", String, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Index("limit_windows_updated", "updated_at_ms"),
    sqlite_with_rowid=False,
)

limit_rules = Table(
    "limit_rules",
    metadata,
    # Whose limits: `verifications` or `messages`; empty where the scope is the box.
    Column("kind", String(16), primary_key=True),
    Column("scope", String(24), primary_key=True),
    # `*`: all of the scope that have no rule of their own.
    Column("key", String(64), primary_key=True),
    # 0: not a window but the gap between two codes, `maximum` being its seconds.
    Column("window_s", Integer, primary_key=True, autoincrement=False),
    Column("maximum", Integer, nullable=False),
    # What an admin is shown: a country, a client, a masked number.
    Column("shown", String(64), nullable=False),
    Column("until_ms", BigInteger),
    Column("set_at_ms", BigInteger, nullable=False),
    Column("set_by", String(64), nullable=False),
)

blocks = Table(
    "blocks",
    metadata,
    Column("scope", String(24), primary_key=True),
    Column("key", String(64), primary_key=True),
    # Who blocked: an `admin` everything, too small a share of confirmed codes (`conversion`) codes only.
    Column("cause", String(16), nullable=False),
    # What an admin is shown: a country, a masked prefix.
    Column("shown", String(64), nullable=False),
    Column("reason", String(200), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger),
    Column("set_by", String(64), nullable=False),
)
