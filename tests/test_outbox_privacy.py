"""Numbers: reduced with age, told and erased on request, and then in no file any more."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from dispatch_bench import PHONE, START_MS, Box
from sqlalchemy import Connection, Engine, func, insert, select, text, update

from simcourier.outbox import database, privacy, reading, reduction
from simcourier.outbox.audit import Audit, Entry
from simcourier.outbox.message import FINAL, Status
from simcourier.outbox.privacy import Number
from simcourier.outbox.reduction import DAY_MS
from simcourier.outbox.schema import (
    audit,
    blocks,
    events,
    failures,
    limit_rules,
    limit_windows,
    messages,
    relay_cursors,
    unmatched_reports,
    verifications,
)
from simcourier.outbox.seal import Sealer
from simcourier.sms.address import mask

NOW_MS = START_MS
SEALER = Sealer(b"k" * 32)
OTHER = "+15550100123"
# A box counts its own from 1.
_ids = itertools.count(1_000_000)


def number(text: str = PHONE) -> Number:
    return Number(text, SEALER.number_key(text))


def add(
    connection: Connection,
    status: Status = Status.DELIVERED,
    *,
    age_days: float = 0,
    to: str = PHONE,
    client: str = "shop",
) -> int:
    at_ms = NOW_MS - int(age_days * DAY_MS)
    result = connection.execute(
        insert(messages).values(
            id=f"msg_{next(_ids):022d}",
            client=client,
            status=status,
            rank=0,
            recipient=to,
            alphabet="gsm7",
            segments=1,
            created_at_ms=at_ms,
            deadline_ms=at_ms + 300_000,
            next_at_ms=0,
            on_unknown="resend",
        )
    )
    return int(result.inserted_primary_key[0])


def add_verification(connection: Connection, status: str = "approved", *, age_days: float = 0) -> None:
    at_ms = NOW_MS - int(age_days * DAY_MS)
    connection.execute(
        insert(verifications).values(
            id=f"ver_{next(_ids):022d}",
            client="shop",
            status=status,
            recipient=PHONE,
            number_key=number().key,
            region="GB",
            purpose="login",
            subject="user 17",
            binding="",
            template="code",
            locale="en",
            code_type="numeric",
            code_length=6,
            send_no=1,
            attempts=2,
            max_attempts=5,
            created_at_ms=at_ms,
            deadline_ms=at_ms + 300_000,
            resend_at_ms=at_ms,
        )
    )


def add_failures(connection: Connection, binding: str = "", **values: object) -> None:
    row = {
        "number_key": number().key,
        "binding": binding,
        "consecutive": 0,
        "hour_started_at_ms": 0,
        "in_hour": 0,
        "last_at_ms": NOW_MS,
        "delayed_until_ms": 0,
    }
    connection.execute(insert(failures).values(row | values))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = database.open_engine(tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


def reduce(connection: Connection, days: int = 30) -> int:
    """A whole pass; returns how many messages it looked at."""
    before_ms, after, total = NOW_MS - days * DAY_MS, 0, 0
    while True:
        looked_at, after = reduction.reduce_messages(connection, SEALER.number_key, before_ms, NOW_MS, after)
        total += looked_at
        if looked_at < reduction.BATCH:
            return total


def recipients(connection: Connection) -> list[str]:
    return list(connection.execute(select(messages.c.recipient).order_by(messages.c.n)).scalars())


# --- reduced with age ---


def test_c14_old_numbers_become_mask_and_keyed_hash(connection: Connection) -> None:
    add(connection, age_days=31)
    add(connection, age_days=29)
    assert reduce(connection) == 1
    assert recipients(connection) == [mask(PHONE), PHONE]
    keys = connection.execute(select(messages.c.number_key).order_by(messages.c.n)).scalars().all()
    assert keys == [number().key, None]
    assert PHONE[-6:] not in str(connection.execute(select(messages).limit(1)).one())


def test_a_message_that_is_looked_at_is_not_looked_at_again(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reduction, "BATCH", 3)
    for _ in range(10):
        add(connection, age_days=31)
    assert reduce(connection) == 10
    assert reduce(connection) == 0
    add(connection, age_days=31)
    assert reduce(connection) == 1
    assert set(recipients(connection)) == {mask(PHONE)}


@pytest.mark.parametrize("status", list(Status))
def test_a_number_by_which_a_report_may_still_be_matched_stays(
    connection: Connection, status: Status
) -> None:
    add(connection, status, age_days=2)
    add(connection, status, age_days=1.5)
    reduce(connection, days=1)
    assert recipients(connection) == ([mask(PHONE)] * 2 if status in FINAL else [PHONE] * 2)


@pytest.mark.parametrize("status", [Status.SENT, Status.UNKNOWN])
def test_after_three_days_no_report_is_waited_for(connection: Connection, status: Status) -> None:
    add(connection, status, age_days=3.1)
    reduce(connection, days=1)
    assert recipients(connection) == [mask(PHONE)]


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SENDING])
def test_the_number_of_what_waits_is_never_reduced(connection: Connection, status: Status) -> None:
    add(connection, status, age_days=100)
    reduce(connection)
    assert recipients(connection) == [PHONE]


def test_one_that_waits_for_its_report_holds_up_no_other_and_is_not_forgotten(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reduction, "BATCH", 2)
    for status in (Status.FAILED, Status.SENT, Status.FAILED, Status.FAILED, Status.FAILED):
        add(connection, status, age_days=2)
    reduce(connection, days=1)
    assert recipients(connection) == [mask(PHONE), PHONE, *[mask(PHONE)] * 3]
    connection.execute(update(messages).values(status=Status.DELIVERED))
    reduce(connection, days=1)
    assert set(recipients(connection)) == {mask(PHONE)}


def test_verifications_and_reports_that_fit_nothing_are_reduced_too(connection: Connection) -> None:
    add_verification(connection, age_days=31)
    add_verification(connection, age_days=1)
    for age_days, recipient in ((31, PHONE), (31, "07700900001"), (31, ""), (1, PHONE)):
        connection.execute(
            insert(unmatched_reports).values(
                at_ms=NOW_MS - age_days * DAY_MS, sim="sim", tp_mr=1, recipient=recipient, tp_st=0
            )
        )
    before_ms = NOW_MS - 30 * DAY_MS
    assert reduction.reduce_verifications(connection, before_ms) == 1
    assert reduction.reduce_verifications(connection, before_ms) == 0
    assert reduction.reduce_reports(connection, before_ms) == 3
    assert reduction.reduce_reports(connection, before_ms) == 0
    whole = select(verifications.c.recipient).order_by(verifications.c.n)
    assert connection.execute(whole).scalars().all() == [mask(PHONE), PHONE]
    reports = connection.execute(select(unmatched_reports.c.recipient)).scalars().all()
    assert reports == [mask(PHONE), mask("07700900001"), "", PHONE]


@pytest.mark.parametrize("text", [PHONE, OTHER, "12345", "+380501234567", "+8801712345678"])
def test_a_mask_is_shown_as_it_is(text: str) -> None:
    assert mask(mask(text)) == mask(text)


def test_a_sender_s_name_that_looks_like_a_mask_is_masked() -> None:
    assert mask("•••••John") == "•••••"
    assert mask("+44•••••0001 or call me") != "+44•••••0001 or call me"


def test_messages_to_a_number_are_found_whole_and_reduced_the_newest_first(connection: Connection) -> None:
    added = [add(connection, age_days=days) for days in (40, 35, 31, 2, 1)]
    add(connection, age_days=1, to=OTHER)
    add(connection, age_days=40, client="other")
    reduce(connection)
    wanted = reading.Filter(client="shop", recipient=PHONE, number_key=number().key, limit=4)
    assert [record.n for record in reading.page(connection, wanted).records] == added[:0:-1]
    further = reading.Filter(client="shop", recipient=PHONE, number_key=number().key, before=added[1])
    assert [record.n for record in reading.page(connection, further).records] == added[:1]


def test_a_reduced_number_is_found_by_its_index(connection: Connection) -> None:
    plan = connection.execute(
        text(
            "EXPLAIN QUERY PLAN SELECT n FROM messages WHERE number_key IS NOT NULL AND number_key = 'x' "
            "ORDER BY n DESC LIMIT 50"
        )
    ).all()
    assert "messages_number" in str(plan)
    assert "TEMP" not in str(plan)


# --- told ---


def test_all_that_is_held_about_a_number_is_told_without_codes_or_texts(box: Box) -> None:
    with box.engine.begin() as connection:
        add(connection, age_days=31)
    box.modem("modem-1")
    message_id = box.accept("Your code is 493817")
    box.sent(7)
    with box.engine.begin() as connection:
        add(connection, to=OTHER)
        reduce(connection)
        add_verification(connection)
        add_failures(connection, consecutive=3)
        for scope in ("verifications.number", "messages.number"):
            connection.execute(
                insert(limit_windows).values(scope=scope, key=number().key, counts="[]", updated_at_ms=NOW_MS)
            )
        connection.execute(
            insert(limit_windows).values(
                scope="verifications.prefix", key="x", counts="[]", updated_at_ms=NOW_MS
            )
        )
        Audit(SEALER.audit_key).append(
            connection, Entry(NOW_MS, "local", "recipient.lock", "+44•••••0001", "", number().key)
        )
        held = privacy.held(connection, number())
    assert [each.reduced for each in held.messages] == [False, True]
    assert held.messages[0].record.id == message_id
    assert [event.status for event in held.messages[0].events] == ["queued", "sending", "sent"]
    (verification,) = held.verifications
    assert (verification.subject, verification.attempts, verification.reduced) == ("user 17", 2, False)
    assert sorted(count.kind for count in held.counts) == ["failures", "limit", "limit"]
    assert [row.entry.action for row in held.audit] == ["recipient.lock"]
    assert held.complete
    assert "493817" not in str(held)


def test_an_answer_that_leaves_something_out_says_so(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privacy, "MOST_TOLD", 3)
    for _ in range(2):
        add(connection)
    assert privacy.held(connection, number()).complete
    add(connection)
    assert not privacy.held(connection, number()).complete


# --- erased ---


def erase(connection: Connection) -> tuple[int, int]:
    counts = []
    for work in (
        lambda: privacy.erase_messages(connection, number(), NOW_MS),
        lambda: privacy.erase_verifications(connection, number()),
    ):
        total = 0
        while count := work():
            total += count
        counts.append(total)
    privacy.erase_reports(connection, number())
    privacy.erase_counts(connection, number(), NOW_MS)
    return counts[0], counts[1]


def test_what_is_over_is_erased_whole_or_reduced_and_what_waits_is_told(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privacy, "BATCH", 2)
    for status in Status:
        add(connection, status)
        add(connection, status, to=OTHER)
    for _ in range(5):
        add(connection, age_days=31)
    add(connection, Status.SENT, age_days=4)
    reduce(connection)
    add_verification(connection)
    add_verification(connection, "pending")
    assert erase(connection) == (len(FINAL) + 5 + 1, 1)
    left = privacy.left(connection, number())
    assert (left.waiting, left.on_their_way, left.pending) == (2, 2, 1)
    assert left.again_after_ms == NOW_MS + 3 * DAY_MS
    others = select(messages.c.n).where(messages.c.recipient == OTHER)
    assert len(connection.execute(others).all()) == len(Status)


def test_erasing_is_no_way_to_lift_a_lock_or_a_limit(connection: Connection) -> None:
    key = number().key
    add_failures(connection, "locked", consecutive=100, locked_at_ms=NOW_MS - 40 * DAY_MS)
    add_failures(connection, "delayed", delayed_until_ms=NOW_MS + 1)
    add_failures(connection, "near", consecutive=99)
    add_failures(connection, "hour", in_hour=99, hour_started_at_ms=NOW_MS - 1000)
    add_failures(connection, "idle", in_hour=99, hour_started_at_ms=NOW_MS - DAY_MS)
    for at_ms in (NOW_MS - 1000, NOW_MS - 2 * DAY_MS):
        connection.execute(limit_windows.delete())
        connection.execute(
            insert(limit_windows).values(
                scope="verifications.number", key=key, counts="[]", updated_at_ms=at_ms
            )
        )
        erase(connection)
        left = connection.execute(select(limit_windows)).all()
        assert len(left) == (1 if at_ms == NOW_MS - 1000 else 0)
    kept = connection.execute(select(failures.c.binding).order_by(failures.c.binding)).scalars().all()
    assert kept == ["delayed", "hour", "locked", "near"]
    left = privacy.left(connection, number())
    assert (left.locks, left.counters, left.rules) == (1, 3, 0)


def test_what_an_admin_set_for_the_number_stays_and_is_told(connection: Connection) -> None:
    key = number().key
    connection.execute(
        insert(blocks).values(
            scope="number", key=key, cause="admin", shown="•", reason="fraud", at_ms=NOW_MS, set_by="local"
        )
    )
    connection.execute(
        insert(limit_rules).values(
            kind="messages",
            scope="number",
            key=key,
            window_s=60,
            maximum=1,
            shown="•",
            set_at_ms=NOW_MS,
            set_by="local",
        )
    )
    erase(connection)
    assert privacy.left(connection, number()).rules == 2


def test_reports_that_fit_nothing_are_erased_however_the_number_is_written(connection: Connection) -> None:
    for recipient in (PHONE, "07700900001", OTHER, ""):
        connection.execute(
            insert(unmatched_reports).values(at_ms=NOW_MS, sim="sim", tp_mr=1, recipient=recipient, tp_st=0)
        )
    assert privacy.erase_reports(connection, number()) == 2
    left = connection.execute(select(unmatched_reports.c.recipient)).scalars().all()
    assert left == [OTHER, ""]


# --- in no file ---


def files_with(directory: Path, *words: bytes) -> list[str]:
    return [path.name for path in directory.iterdir() if any(word in path.read_bytes() for word in words)]


def test_c14_after_the_final_state_no_text_is_in_any_file_of_the_database(box: Box) -> None:
    """The body is sealed, so what is looked for is what was written: the sealed octets themselves."""
    box.modem("modem-1")
    sealed = []
    for word in ("first", "second", "third"):
        message_id = box.accept(f"{word} 493817")
        body = box.record(message_id).body
        assert body is not None
        sealed.append(body)
        box.sent(len(sealed))
    canceled = box.accept("fourth 493817", modem="nobody")
    sealed.append(box.record(canceled).body or b"")
    # In the write-ahead log they still are: the test can fail.
    assert files_with(box.directory, *sealed) == ["simcourier.db-wal"]
    box.report("modem-1", 1)
    assert box.cancel(canceled)
    assert box.connection.in_transaction() is False
    assert database.checkpoint(box.engine, "TRUNCATE")[0] == 0
    assert files_with(box.directory, *sealed, b"493817") == []


def test_c14_without_secure_deletion_the_same_search_finds_it(tmp_path: Path) -> None:
    engine = database.open_engine(tmp_path)
    word = b"canary 493817"
    with engine.connect() as connection:
        connection.execute(text("PRAGMA secure_delete=OFF"))
        n = add(connection, Status.QUEUED)
        connection.execute(update(messages).where(messages.c.n == n).values(body=word * 20))
        connection.commit()
        database.checkpoint(engine, "TRUNCATE")
        connection.execute(update(messages).where(messages.c.n == n).values(body=None))
        connection.commit()
    database.checkpoint(engine, "TRUNCATE")
    assert files_with(tmp_path, word) == ["simcourier.db"]
    engine.dispose()


def test_c14_an_erased_number_is_in_no_file_of_the_database(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        for _ in range(50):
            add(connection)
            add_verification(connection)
        connection.execute(
            insert(unmatched_reports).values(at_ms=NOW_MS, sim="sim", tp_mr=1, recipient=PHONE, tp_st=0)
        )
        Audit(SEALER.audit_key).append(
            connection, Entry(NOW_MS, "local", "recipient.lock", "+44•••••0001", "", number().key)
        )
    database.checkpoint(engine)
    words = (PHONE.encode(), number().key.encode())
    assert "simcourier.db" in files_with(tmp_path, *words)
    with engine.begin() as connection:
        erase(connection)
        connection.execute(update(audit).values(number_key=None))
    assert database.checkpoint(engine, "TRUNCATE")[0] == 0
    assert files_with(tmp_path, *words) == []


def test_an_erasure_takes_the_relay_back_to_the_last_row_there_is(connection: Connection) -> None:
    """SQLite gives the number of a deleted last row again: the next event would be told to nobody."""
    kept = add(connection, to=OTHER)
    gone = add(connection)
    for n in (kept, gone):
        connection.execute(insert(events).values(message=n, at_ms=NOW_MS, status=Status.DELIVERED))
    last = connection.execute(select(func.max(events.c.seq))).scalar_one()
    of_messages = relay_cursors.c.name == "messages"
    connection.execute(relay_cursors.delete().where(of_messages))
    connection.execute(insert(relay_cursors).values(name="messages", seq=last))
    assert privacy.erase_messages(connection, number(), NOW_MS) == 1
    at = connection.execute(select(relay_cursors.c.seq).where(of_messages)).scalar_one()
    assert at == connection.execute(select(func.max(events.c.seq))).scalar_one() < last


def test_c14_a_reduced_number_is_in_no_file_of_the_database(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        for _ in range(50):
            add(connection, age_days=31)
    assert files_with(tmp_path, PHONE.encode())
    with engine.begin() as connection:
        reduce(connection)
        assert 50 in connection.execute(select(relay_cursors.c.seq)).scalars().all()
    assert database.checkpoint(engine, "TRUNCATE")[0] == 0
    assert files_with(tmp_path, PHONE.encode()) == []
