"""What the limits keep on disk: counts, rules and blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from simcourier.outbox import database, limits
from simcourier.outbox.limits import Block, Book, Rule

NOW = 1_800_000_000_000
RULE = Rule("verifications", "country", "GB", 3600, 50, "GB", None, NOW, "local")
BLOCK = Block("prefix", "a" * 32, "admin", "+44•••••", "fraud", NOW, NOW + 1000, "local")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    engine = database.open_engine(tmp_path)
    with engine.begin() as made:
        yield made
    engine.dispose()


def test_counts_are_read_back_and_only_those_that_were_asked_for(connection: Connection) -> None:
    limits.write(connection, [(("number", "a"), "1"), (("number", "b"), "2"), (("box", "a"), "3")], NOW)
    limits.write(connection, [(("number", "a"), "4")], NOW)
    wanted = [("number", "a"), ("box", "a"), ("number", "none")]
    assert limits.read(connection, wanted) == {("number", "a"): "4", ("box", "a"): "3"}
    assert limits.read(connection, []) == {}
    limits.write(connection, [], NOW)


def test_looking_up_counts_does_not_walk_the_table(connection: Connection) -> None:
    places = [("number", str(n)) for n in range(5)]
    values = {
        f"{letter}{n}": value
        for n, place in enumerate(places)
        for letter, value in zip("sk", place, strict=True)
    }
    plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + str(limits.reading(5)), values).all()
    assert sum("SEARCH limit_windows USING PRIMARY KEY (scope=? AND key=?)" in row[3] for row in plan) == 5
    assert not any("SCAN" in row[3] for row in plan)


def test_counts_that_nothing_was_added_to_are_dropped_in_batches(connection: Connection) -> None:
    limits.write(connection, [(("number", str(n)), "1") for n in range(limits.BATCH + 7)], NOW)
    limits.write(connection, [(("number", "fresh"), "1")], NOW + 1)
    assert [limits.retire(connection, NOW + 1) for _ in range(3)] == [limits.BATCH, 7, 0]
    assert limits.read(connection, [("number", "fresh")]) != {}
    assert limits.forget(connection, [("number", "fresh"), ("number", "none")]) == 1


def test_a_rule_takes_the_place_of_the_one_before(connection: Connection) -> None:
    limits.put_rule(connection, RULE)
    limits.put_rule(connection, replace(RULE, maximum=60))
    limits.put_rule(connection, replace(RULE, window_s=60))
    book = limits.load_book(connection)
    assert sorted(rule.maximum for rule in book.rules.values()) == [50, 60]
    assert limits.drop_rule(connection, "verifications", "country", "GB", 3600)
    assert not limits.drop_rule(connection, "verifications", "country", "GB", 3600)


def test_a_rule_of_a_key_goes_before_that_of_all_and_that_before_the_default() -> None:
    every = replace(RULE, key="*", maximum=20, until_ms=NOW + 10)
    own = replace(RULE, maximum=50, until_ms=NOW + 5)
    book = Book({(rule.kind, rule.scope, rule.key, rule.window_s): rule for rule in (every, own)})

    def bound(kind: str, key: str, now_ms: int) -> int:
        return book.bound(kind, ("country", key), 3600, 9, now_ms)

    assert [bound("verifications", "GB", NOW + late) for late in (0, 4, 5, 10)] == [50, 50, 20, 9]
    assert bound("verifications", "FR", NOW) == 20
    assert bound("messages", "GB", NOW) == 9
    assert Book().bound("messages", ("country", "GB"), 3600, 9, NOW) == 9


def test_blocks_hold_until_their_time_and_are_dropped_after_it(connection: Connection) -> None:
    limits.put_block(connection, BLOCK)
    limits.put_block(connection, replace(BLOCK, reason="more fraud"))
    limits.put_block(connection, replace(BLOCK, key="b" * 32, until_ms=None))
    limits.put_rule(connection, replace(RULE, until_ms=NOW + 10))
    book = limits.load_book(connection)
    place = ("prefix", "a" * 32)
    held = [book.block(place, NOW + late) for late in (0, 999, 1000)]
    assert [block and block.reason for block in held] == ["more fraud", "more fraud", None]
    assert limits.retire_book(connection, NOW + 9) == 0
    assert limits.retire_book(connection, NOW + 1000) == 2
    assert list(limits.load_book(connection).blocks) == [("prefix", "b" * 32)]
    assert limits.drop_block(connection, ("prefix", "b" * 32))
    assert not limits.drop_block(connection, ("prefix", "b" * 32))
