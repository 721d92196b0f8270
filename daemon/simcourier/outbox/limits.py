"""Remember how often something was sent, what an admin allows instead of the defaults, and what is blocked."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import TextClause, select, text
from sqlalchemy.engine import Connection

from simcourier.outbox.schema import blocks, limit_rules, limit_windows

Key = tuple[str, str]
"""Scope and key of a row: `("country", "GB")`."""
EVERY = "*"
"""The key of a rule for all of a scope that have none of their own."""
BATCH = 500


@dataclass(frozen=True, slots=True)
class Rule:
    """A bound that an admin set: `maximum` in `window_s` seconds, 0 for none; window 0: a gap of so many seconds."""

    kind: str
    scope: str
    key: str
    window_s: int
    maximum: int
    shown: str
    until_ms: int | None
    set_at_ms: int
    set_by: str

    def holds(self, now_ms: int) -> bool:
        """Does it still hold?"""
        return self.until_ms is None or now_ms < self.until_ms


@dataclass(frozen=True, slots=True)
class Block:
    """Nothing is sent there; `cause` is `admin` or `conversion`."""

    scope: str
    key: str
    cause: str
    shown: str
    reason: str
    at_ms: int
    until_ms: int | None
    set_by: str

    def holds(self, now_ms: int) -> bool:
        """Does it still hold?"""
        return self.until_ms is None or now_ms < self.until_ms


@dataclass(frozen=True, slots=True)
class Book:
    """Every rule and block; there are few, so they are looked up in memory."""

    rules: Mapping[tuple[str, str, str, int], Rule] = field(default_factory=dict)
    blocks: Mapping[Key, Block] = field(default_factory=dict)

    def bound(self, kind: str, place: Key, window_s: int, default: int, now_ms: int) -> int:
        """What holds: the rule of this key, that of its scope, or the default."""
        if not self.rules:
            return default
        for key in (place[1], EVERY):
            rule = self.rules.get((kind, place[0], key, window_s))
            if rule is not None and rule.holds(now_ms):
                return rule.maximum
        return default

    def block(self, place: Key, now_ms: int) -> Block | None:
        """The block that holds there."""
        found = self.blocks.get(place) if self.blocks else None
        return found if found is not None and found.holds(now_ms) else None


def load_book(connection: Connection) -> Book:
    """Every rule and block."""
    rules = [Rule(**row) for row in connection.execute(select(limit_rules)).mappings()]
    found = [Block(**row) for row in connection.execute(select(blocks)).mappings()]
    return Book(
        {(rule.kind, rule.scope, rule.key, rule.window_s): rule for rule in rules},
        {(block.scope, block.key): block for block in found},
    )


@functools.cache
def reading(count: int) -> TextClause:
    """The statement that reads the counts of so many keys: `s0`, `k0`, `s1` ... are their scopes and keys."""
    # One search of the primary key for each; for a list of row values SQLite would walk the table.
    wanted = " OR ".join(f"(scope = :s{n} AND key = :k{n})" for n in range(count))
    return text(f"SELECT scope, key, counts FROM limit_windows WHERE {wanted}")  # noqa: S608 - names of parameters only


_WRITE = text(
    "INSERT INTO limit_windows (scope, key, counts, updated_at_ms) VALUES (:scope, :key, :counts, :at_ms) "
    "ON CONFLICT (scope, key) DO UPDATE SET counts = excluded.counts, updated_at_ms = excluded.updated_at_ms"
)


def read(connection: Connection, places: Sequence[Key]) -> dict[Key, str]:
    """The counts of those that have any."""
    if not places:
        return {}
    values: dict[str, str] = {}
    for n, (scope, key) in enumerate(places):
        values[f"s{n}"] = scope
        values[f"k{n}"] = key
    rows = connection.execute(reading(len(places)), values)
    return {(scope, key): counts for scope, key, counts in rows}


def write(connection: Connection, counts: Iterable[tuple[Key, str]], now_ms: int) -> None:
    """Put these counts in place of what was there."""
    rows = [{"scope": scope, "key": key, "counts": value, "at_ms": now_ms} for (scope, key), value in counts]
    if rows:
        connection.execute(_WRITE, rows)


def forget(connection: Connection, places: Iterable[Key]) -> int:
    """Drop these counts, as if nothing had been sent; returns how many there were."""
    return sum(
        connection.execute(
            limit_windows.delete().where(limit_windows.c.scope == scope, limit_windows.c.key == key)
        ).rowcount
        for scope, key in places
    )


def retire(connection: Connection, before_ms: int) -> int:
    """Drop a batch of counts that nothing was added to since `before_ms`; returns how many."""
    old = connection.execute(
        select(limit_windows.c.scope, limit_windows.c.key)
        .where(limit_windows.c.updated_at_ms < before_ms)
        .limit(BATCH)
    ).all()
    return forget(connection, [(row.scope, row.key) for row in old])


def retire_book(connection: Connection, now_ms: int) -> int:
    """Drop rules and blocks that hold no more; returns how many."""
    return sum(
        connection.execute(table.delete().where(table.c.until_ms <= now_ms)).rowcount
        for table in (limit_rules, blocks)
    )


def put_rule(connection: Connection, rule: Rule) -> None:
    """Set a rule, in place of the one before."""
    drop_rule(connection, rule.kind, rule.scope, rule.key, rule.window_s)
    connection.execute(limit_rules.insert(), _fields(rule))


def drop_rule(connection: Connection, kind: str, scope: str, key: str, window_s: int) -> bool:
    """Let the default hold again; False where there was no rule."""
    return (
        connection.execute(
            limit_rules.delete().where(
                limit_rules.c.kind == kind,
                limit_rules.c.scope == scope,
                limit_rules.c.key == key,
                limit_rules.c.window_s == window_s,
            )
        ).rowcount
        == 1
    )


def put_block(connection: Connection, block: Block) -> None:
    """Block, in place of the block before."""
    drop_block(connection, (block.scope, block.key))
    connection.execute(blocks.insert(), _fields(block))


def drop_block(connection: Connection, place: Key) -> bool:
    """Unblock; False where nothing was blocked."""
    scope, key = place
    return (
        connection.execute(blocks.delete().where(blocks.c.scope == scope, blocks.c.key == key)).rowcount == 1
    )


def _fields(value: Rule | Block) -> dict[str, object]:
    return {name: getattr(value, name) for name in type(value).__slots__}
