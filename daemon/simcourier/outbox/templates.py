"""The templates that an admin defined: a few rows, read whole at the start and kept in memory."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from simcourier.outbox.schema import templates


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """A template as it is stored; `updated_by` is the id of a key."""

    name: str
    locale: str
    text: str
    shorter: tuple[str, ...]
    updated_at_ms: int
    updated_by: str


def read_all(connection: Connection) -> list[TemplateRow]:
    """Every stored template, by name and locale."""
    rows = connection.execute(select(templates).order_by(templates.c.name, templates.c.locale))
    return [
        TemplateRow(
            row.name,
            row.locale,
            row.text,
            msgspec.json.decode(row.shorter, type=tuple[str, ...]),
            row.updated_at_ms,
            row.updated_by,
        )
        for row in rows
    ]


def count(connection: Connection) -> int:
    """How many there are."""
    return connection.execute(select(func.count()).select_from(templates)).scalar_one()


def replace(connection: Connection, row: TemplateRow) -> bool:
    """Store a template in place of the one of its name and locale; True where there was none."""
    was_there = remove(connection, row.name, row.locale)
    connection.execute(
        templates.insert(),
        {
            "name": row.name,
            "locale": row.locale,
            "text": row.text,
            "shorter": msgspec.json.encode(row.shorter).decode(),
            "updated_at_ms": row.updated_at_ms,
            "updated_by": row.updated_by,
        },
    )
    return not was_there


def is_there(connection: Connection, name: str, locale: str) -> bool:
    """Is a template of this name and locale stored?"""
    found = select(templates.c.name).where(templates.c.name == name, templates.c.locale == locale)
    return connection.execute(found).first() is not None


def remove(connection: Connection, name: str, locale: str) -> bool:
    """Remove a template; False where there was none."""
    return (
        connection.execute(
            templates.delete().where(templates.c.name == name, templates.c.locale == locale)
        ).rowcount
        == 1
    )
