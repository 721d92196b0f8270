"""Lists of messages: every filter has its index, no page looks at many, and all pages together are whole."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert

from simcourier.outbox import database, reading
from simcourier.outbox.message import Status
from simcourier.outbox.reading import Filter, Page
from simcourier.outbox.schema import messages

START_MS = 1_800_000_000_000
STEP_MS = 1000
PHONE, OTHER = "+447700900001", "+447700900002"
MASK = "+44770****01"
KEY = "key of the first number"
FEW = 7


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    engine = database.open_engine(tmp_path)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def add(connection: Connection, n: int, **values: Any) -> None:
    """The message `n`, accepted `n` seconds after the start."""
    row: dict[str, Any] = {
        "n": n,
        "id": f"msg_{n:022d}",
        "client": "shop",
        "status": Status.DELIVERED,
        "rank": 0,
        "recipient": PHONE,
        "alphabet": "gsm7",
        "segments": 1,
        "created_at_ms": START_MS + n * STEP_MS,
        "deadline_ms": START_MS + n * STEP_MS + 300_000,
        "next_at_ms": 0,
        "on_unknown": "resend",
    }
    connection.execute(insert(messages).values({**row, **values}))


def walked(connection: Connection, wanted: Filter) -> list[int]:
    """The numbers on all pages."""
    found = []
    while True:
        page = reading.page(connection, wanted)
        assert len(page.records) <= wanted.limit
        found += [record.n for record in page.records]
        if page.next_before is None:
            return found
        assert wanted.before is None or page.next_before < wanted.before
        wanted = replace(wanted, before=page.next_before)


CLIENTS = (None, "shop", "nobody")
STATUSES = (None, Status.QUEUED, Status.SENDING, Status.SENT, Status.DELIVERED, Status.FAILED)
REFERENCES = (None, "login", "nothing")
TIMES = (None, START_MS - 1, START_MS + 60 * STEP_MS, START_MS + 10**12)
NUMBERS = ((None, None), (PHONE, None), (PHONE, KEY))


def fill(connection: Connection) -> list[dict[str, Any]]:
    rng = random.Random(3)  # noqa: S311 - reproducible, not secret
    rows: list[dict[str, Any]] = []
    for n in sorted(rng.sample(range(1, 300), 120)):
        reduced = n < 150 and rng.random() < 0.8
        values = {
            "client": rng.choice(["shop", "bank"]),
            "status": rng.choice(STATUSES[1:]),
            "reference": rng.choice([None, "login", f"order {n}"]),
            "recipient": MASK if reduced else rng.choice([PHONE, OTHER]),
            "number_key": KEY if reduced else None,
        }
        add(connection, n, **values)
        rows.append({"n": n, "created_at_ms": START_MS + n * STEP_MS, **values})
    return rows


def fits(row: dict[str, Any], wanted: Filter) -> bool:
    equal = {"client": wanted.client, "status": wanted.status, "reference": wanted.reference}
    by_number = wanted.recipient is None or (
        row["recipient"] == wanted.recipient or (wanted.number_key and row["number_key"] == wanted.number_key)
    )
    return bool(
        by_number
        and all(row[name] == value for name, value in equal.items() if value is not None)
        and (wanted.created_after_ms is None or row["created_at_ms"] > wanted.created_after_ms)
    )


@pytest.mark.parametrize("looked_at", [FEW, reading.LOOKED_AT])
def test_all_pages_together_hold_what_fits_once_and_in_order(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    monkeypatch.setattr(reading, "LOOKED_AT", looked_at)
    rows = fill(connection)
    for client, status, reference, after_ms, (to, key) in itertools.product(
        CLIENTS, STATUSES, REFERENCES, TIMES, NUMBERS
    ):
        wanted = Filter(client, status, reference, to, key, after_ms, limit=4)
        expected = [row["n"] for row in reversed(rows) if fits(row, wanted)]
        assert walked(connection, wanted) == expected, wanted


def test_a_page_looks_at_no_more_than_so_many_and_the_next_goes_on_there(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LOOKED_AT", FEW)
    for n in range(1, 3 * FEW + 1):
        add(connection, n, status=Status.SENT if n == 1 else Status.DELIVERED)
    wanted = Filter(client="shop", status=Status.SENT)
    assert reading.page(connection, wanted) == Page([], 2 * FEW + 1)
    assert reading.page(connection, replace(wanted, before=2 * FEW + 1)) == Page([], FEW + 1)
    last = reading.page(connection, replace(wanted, before=FEW + 1))
    assert ([record.n for record in last.records], last.next_before) == ([1], None)


def test_where_the_index_has_it_all_a_page_is_never_short(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LOOKED_AT", 1)
    for n in range(1, 31):
        add(connection, n, reference="login", status=Status.FAILED)
    for wanted in (
        Filter(),
        Filter(client="shop"),
        Filter(reference="login"),
        Filter(status=Status.FAILED),
        Filter(recipient=PHONE),
    ):
        assert len(reading.page(connection, wanted).records) == 30


def test_where_none_waits_nothing_is_walked_to_find_that_out(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LOOKED_AT", FEW)
    for n in range(1, 3 * FEW):
        add(connection, n)
    assert reading.page(connection, Filter(client="shop", status=Status.QUEUED)) == Page([], None)


def test_where_many_wait_the_oldest_is_found_behind_those_that_go_first(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LOOKED_AT", FEW)
    for n in range(1, 3 * FEW):
        add(connection, n, status=Status.QUEUED, rank=2 if n == 1 else 0)
    assert walked(connection, Filter(status=Status.QUEUED)) == list(range(3 * FEW - 1, 0, -1))


def test_a_time_is_found_though_most_numbers_are_gone(connection: Connection) -> None:
    for n in (5, 1_000_000, 1_000_001, 9_000_000):
        add(connection, n)
    after_ms = START_MS + 1_000_000 * STEP_MS
    assert walked(connection, Filter(created_after_ms=after_ms)) == [9_000_000, 1_000_001]


def test_a_message_that_was_numbered_out_of_turn_is_not_missed(connection: Connection) -> None:
    for n in range(1, 200):
        add(connection, n)
    add(connection, 200, created_at_ms=START_MS + 260 * STEP_MS)
    for n in range(201, 231):
        add(connection, n)
    assert walked(connection, Filter(created_after_ms=START_MS + 250 * STEP_MS)) == [200]


def asked(connection: Connection, wanted: Filter) -> list[tuple[str, list[str]]]:
    """The statements of a page with how SQLite answers each."""
    seen: list[tuple[str, Any]] = []

    def spy(_conn: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        seen.append((statement, parameters))

    event.listen(connection.engine, "before_cursor_execute", spy)
    try:
        reading.page(connection, wanted)
    finally:
        event.remove(connection.engine, "before_cursor_execute", spy)
    raw = connection.connection.dbapi_connection
    assert raw is not None
    return [
        (statement, [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)])
        for statement, parameters in seen
    ]


def lane_of(wanted: Filter) -> str:
    """How the page itself must be found: one of these, with a bound on `n`, and nothing sorted."""
    if wanted.recipient is not None:
        return "INDEX messages_recipient (recipient=? AND n>?"
    if wanted.reference is not None:
        return "INDEX messages_reference (reference=? AND n>?"
    if wanted.status in {Status.FAILED, Status.SENDING}:
        return f"INDEX messages_{wanted.status} (n>?"
    if wanted.client is not None:
        return "INDEX messages_client (client=? AND n>?"
    return "INTEGER PRIMARY KEY (rowid>?"


@pytest.mark.parametrize("before", [None, 250])
def test_every_filter_is_answered_by_an_index_within_bounds(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, before: int | None
) -> None:
    monkeypatch.setattr(reading, "LOOKED_AT", FEW)
    fill(connection)
    for client, status, reference, after_ms, (to, _key) in itertools.product(
        CLIENTS, STATUSES, REFERENCES, TIMES, NUMBERS[:2]
    ):
        wanted = Filter(client, status, reference, to, None, after_ms, before)
        statements = asked(connection, wanted)
        pages = [plan for statement, plan in statements if "messages.id" in statement]
        assert [len(plan) for plan in pages] == [1], (wanted, statements)
        assert lane_of(wanted) in pages[0][0], (wanted, pages)
        scans = [line for _, plan in statements for line in plan if line.startswith("SCAN messages")]
        assert all("messages_queue" in line for line in scans), (wanted, statements)


def test_a_reduced_number_has_its_index(connection: Connection) -> None:
    fill(connection)
    pages = [plan for statement, plan in asked(connection, Filter("shop", recipient=PHONE, number_key=KEY))]
    lanes = [line for plan in pages for line in plan]
    assert any("messages_recipient (recipient=? AND n>?" in line for line in lanes)
    assert any("messages_number (number_key=? AND n>?" in line for line in lanes)
    assert not any("SCAN" in line or "TEMP" in line for line in lanes)
