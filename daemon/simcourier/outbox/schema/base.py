"""What every table is made of: the one metadata, and types that differ between SQLite and PostgreSQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData()
# SQLite makes only INTEGER a row id.
Serial = BigInteger().with_variant(Integer(), "sqlite")
