"""The audit: whole as it was written, and broken where anybody touched it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select, text, update

from simcourier.outbox import audit as chain
from simcourier.outbox import audit_check, database
from simcourier.outbox.audit import Audit, Entry, Wanted
from simcourier.outbox.audit_check import Verdict, Walk
from simcourier.outbox.audit_head import HEAD_FILE, HEAD_LOST, Break, Finding, HeadFile
from simcourier.outbox.schema import audit, audit_anchors

KEY = b"a" * 32
NOW_MS = 1_800_000_000_000
NUMBER_KEY = "0123456789abcdef" * 2


class Trail:
    """A chain in a real database, with its head on file."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.audit = Audit(KEY)
        self.engine = database.open_engine(directory)
        self.head = HeadFile(self.audit, directory)
        self.now_ms = NOW_MS
        # As at a first start, before anything is on record.
        self.started(1)
        self.keep()

    def add(self, count: int = 1, action: str = "keys.create", number_key: str | None = None) -> None:
        with self.engine.begin() as connection:
            for _ in range(count):
                self.now_ms += 1000
                self.audit.append(
                    connection, Entry(self.now_ms, "local", action, "shop", "scopes: admin", number_key)
                )

    def change(self, statement: str, **values: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def work(self, work: Callable[[Connection], object]) -> object:
        with self.engine.begin() as connection:
            return work(connection)

    def keep(self) -> Finding | None:
        return self.head.follow(self.engine)

    def verify(self, chain: Audit | None = None) -> Verdict:
        return Walk(self.engine, chain or self.audit, self.directory).verify()

    def erase(self, most: int = 500) -> int:
        """As the service does: the entry first, then what it tells of."""

        def order(connection: Connection) -> int:
            detail = chain.erasing(chain.count_of_number(connection, NUMBER_KEY))
            return self.audit.append(connection, Entry(self.now_ms, "local", chain.ERASE, "number", detail))

        with self.engine.begin() as connection:
            end = order(connection)
        with self.engine.begin() as connection:
            return chain.forget_number(connection, NUMBER_KEY, end, most)

    def started(self, times: int) -> None:
        for _ in range(times):
            self.work(lambda c: database.new_epoch(c, self.now_ms))

    def breaks(self) -> list[tuple[Break, int]]:
        return [(finding.kind, finding.seq) for finding in self.verify().findings]

    def seqs(self) -> list[int]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(audit.c.seq).order_by(audit.c.seq)).scalars())


@pytest.fixture
def trail(tmp_path: Path) -> Iterator[Trail]:
    trail = Trail(tmp_path)
    yield trail
    trail.engine.dispose()


def test_c21_what_was_written_is_whole(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_check, "_STRETCH", 7)
    trail.add(30)
    trail.add(2, number_key=NUMBER_KEY)
    trail.keep()
    told: list[tuple[int, int]] = []
    verdict = Walk(trail.engine, trail.audit, trail.directory).verify(
        lambda done, of: told.append((done, of))
    )
    assert verdict == Verdict(checked=32, first=1, last=32, findings=[])
    assert told == [(7, 32), (14, 32), (21, 32), (28, 32), (32, 32)]


def test_an_empty_audit_is_whole(trail: Trail) -> None:
    assert trail.verify() == Verdict(checked=0, first=1, last=0, findings=[])


@pytest.mark.parametrize("column", ["at_ms", "actor", "action", "object", "detail", "number_mac", "mac"])
def test_a_change_of_any_column_shows(trail: Trail, column: str) -> None:
    trail.add(9, number_key=NUMBER_KEY)
    value = (
        "at_ms + 1" if column == "at_ms" else f"CAST({column} || 'x' AS BLOB)" if "mac" in column else "'x'"
    )
    trail.change(f"UPDATE audit SET {column} = {value} WHERE seq = 5")  # noqa: S608 - columns of the list above
    # A changed mac breaks the row that follows as well.
    assert trail.breaks()[0] == (Break.CHANGED, 5)
    assert len(trail.breaks()) <= 2
    assert trail.verify().findings[0].at_ms is not None


def test_another_number_in_an_entry_shows_and_an_erased_one_does_not(trail: Trail) -> None:
    trail.add(4, number_key=NUMBER_KEY)
    trail.keep()
    trail.change("UPDATE audit SET number_key = :key WHERE seq = 2", key="f" * 32)
    assert trail.breaks() == [(Break.CHANGED, 2)]
    trail.change("UPDATE audit SET number_key = :key WHERE seq = 2", key=NUMBER_KEY)
    assert trail.erase() == 4
    assert trail.breaks() == []


def test_numbers_that_were_taken_out_by_no_erasure_show(trail: Trail) -> None:
    trail.add(6, number_key=NUMBER_KEY)
    trail.erase()
    trail.add(3, number_key=NUMBER_KEY)
    trail.change("UPDATE audit SET number_key = NULL WHERE seq >= 9")
    (found,) = trail.verify().findings
    assert (found.kind, found.seq) == (Break.ERASED, 10)
    assert found.words.startswith("2 more entries lost their number than were erased")


def test_an_erasure_that_a_crash_interrupted_is_none_that_nobody_ordered(trail: Trail) -> None:
    trail.add(6, number_key=NUMBER_KEY)
    trail.erase(most=2)
    assert trail.breaks() == []
    trail.erase()
    assert trail.breaks() == []


@pytest.mark.parametrize(
    ("column", "value"),
    [(column, "x'00ff'") for column in ("at_ms", "actor", "action", "object", "detail", "number_key")]
    + [("number_mac", "'text'"), ("mac", "'text'"), ("at_ms", "'soon'"), ("at_ms", str(10**17))],
)
def test_a_value_of_another_type_is_a_changed_entry_and_no_end_of_the_check(
    trail: Trail, column: str, value: str
) -> None:
    trail.add(4, number_key=NUMBER_KEY)
    trail.keep()
    trail.change(f"UPDATE audit SET {column} = {value} WHERE seq IN (2, 4)")  # noqa: S608 - the list above
    findings = trail.verify().findings
    assert (Break.CHANGED, 2) in [(finding.kind, finding.seq) for finding in findings]
    assert all(each.at_ms is None or each.at_ms < NOW_MS + 10_000 for each in findings)


def test_removed_rows_show(trail: Trail) -> None:
    trail.add(9)
    trail.change("DELETE FROM audit WHERE seq IN (3, 6, 7)")
    assert trail.breaks() == [(Break.REMOVED, 4), (Break.REMOVED, 8)]


def test_removed_rows_show_also_where_the_gap_was_closed(trail: Trail) -> None:
    trail.add(9)
    trail.change("DELETE FROM audit WHERE seq = 4")
    for seq in range(5, 10):
        trail.change("UPDATE audit SET seq = :seq - 1 WHERE seq = :seq", seq=seq)
    assert trail.breaks()[0] == (Break.CHANGED, 4)


def test_an_inserted_row_shows(trail: Trail) -> None:
    trail.add(5)
    trail.change(
        "INSERT INTO audit (seq, at_ms, actor, action, object, detail, mac)"
        " SELECT 6, at_ms, actor, action, object, detail, mac FROM audit WHERE seq = 5"
    )
    assert trail.breaks() == [(Break.CHANGED, 6)]


def test_rows_in_another_order_show(trail: Trail) -> None:
    trail.add(9)
    for before, after in ((4, 100), (5, 4), (100, 5)):
        trail.change("UPDATE audit SET seq = :after WHERE seq = :before", before=before, after=after)
    assert trail.breaks()[0] == (Break.CHANGED, 4)


def test_a_chain_under_another_key_shows_in_every_row(trail: Trail) -> None:
    trail.add(3)
    assert [f.seq for f in trail.verify(Audit(b"b" * 32)).findings] == [1, 2, 3, 0], (
        "and so is the end on file"
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=11, unique=True))
def test_any_removed_row_shows(tmp_path_factory: pytest.TempPathFactory, gone: list[int]) -> None:
    trail = Trail(tmp_path_factory.mktemp("trail"))
    trail.add(12)
    trail.keep()
    trail.work(lambda c: c.execute(audit.delete().where(audit.c.seq.in_(gone))))
    assert trail.breaks()
    trail.engine.dispose()


# --- the end on file ---


def test_a_cut_off_end_shows_by_the_head_on_file(trail: Trail) -> None:
    trail.add(9)
    trail.keep()
    trail.change("DELETE FROM audit WHERE seq > 6")
    assert trail.breaks() == [(Break.CUT_OFF, 6)]
    assert "went on to entry 9" in trail.verify().findings[0].words


def test_a_cut_off_end_shows_also_when_the_chain_went_on(trail: Trail) -> None:
    trail.add(9)
    trail.keep()
    trail.change("DELETE FROM audit WHERE seq > 6")
    trail.add(9)
    assert trail.breaks() == [(Break.CHANGED, 9)]


def test_the_head_on_file_is_never_taken_back(trail: Trail) -> None:
    trail.add(9)
    assert trail.keep() is None
    before = (trail.directory / HEAD_FILE).read_bytes()
    trail.change("DELETE FROM audit WHERE seq > 6")
    for _ in range(2):
        found = trail.keep()
        assert found is not None
        assert found.kind is Break.CUT_OFF
        assert (trail.directory / HEAD_FILE).read_bytes() == before


def test_the_head_goes_on_with_the_chain_and_is_private(trail: Trail) -> None:
    for _ in range(3):
        trail.add(2)
        assert trail.keep() is None
    assert trail.head.read() == trail.work(chain.last)
    assert (trail.directory / HEAD_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "7", "7 00 11\n", "x y z\n", "9 {mac} {signature}\n", "\xff"])
def test_a_head_that_this_box_did_not_write_shows(trail: Trail, content: str) -> None:
    trail.add(9)
    trail.keep()
    _, mac, signature = (trail.directory / HEAD_FILE).read_text().split()
    trail.change("DELETE FROM audit WHERE seq > 8")
    # The signature is that of number 9; the attacker writes 8.
    forged = content.format(mac=mac, signature=signature).replace("9 ", "8 ", 1)
    (trail.directory / HEAD_FILE).write_bytes(forged.encode("latin-1"))
    assert trail.breaks() == [(Break.DAMAGED_HEAD, 0)]


def test_a_head_that_was_taken_away_shows_and_is_not_made_anew_in_silence(trail: Trail) -> None:
    trail.add(9)
    trail.keep()
    trail.change("DELETE FROM audit WHERE seq > 4")
    (trail.directory / HEAD_FILE).unlink()
    assert trail.breaks() == [(Break.NO_HEAD, 0)]
    found = trail.keep()
    assert found is not None
    assert found.kind is Break.NO_HEAD
    assert trail.breaks() == [(Break.NO_HEAD, 0)]


def test_where_a_head_was_lost_once_is_told_for_as_long_as_the_entry_is_there(trail: Trail) -> None:
    trail.add(3)
    trail.add(1, action=HEAD_LOST)
    trail.head.write(trail.work(chain.last))
    verdict = trail.verify()
    assert verdict.findings == []
    assert [(note.kind, note.seq) for note in verdict.notes] == [(Break.NO_HEAD, 4)]


def test_an_audit_that_was_emptied_with_its_head_shows_by_the_earlier_starts(trail: Trail) -> None:
    trail.started(1)
    trail.add(9)
    trail.keep()
    trail.change("DELETE FROM audit")
    (trail.directory / HEAD_FILE).unlink()
    assert trail.breaks() == [(Break.NO_HEAD, 0)]
    assert trail.keep() is not None


# --- dropped for age ---


def test_old_rows_are_dropped_in_batches_and_the_rest_is_whole(
    trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "BATCH", 4)
    trail.add(10)
    before_ms = trail.now_ms
    trail.add(5)
    counts = [trail.work(lambda c: trail.audit.prune(c, before_ms)) for _ in range(4)]
    assert counts == [4, 4, 1, 0]
    trail.add(2)
    trail.keep()
    assert trail.verify() == Verdict(checked=8, first=10, last=17, findings=[])


def test_an_audit_of_which_all_was_dropped_goes_on_where_it_was(trail: Trail) -> None:
    trail.add(3)
    trail.keep()
    trail.work(lambda c: trail.audit.prune(c, trail.now_ms + 1))
    assert trail.breaks() == []
    trail.add(2)
    assert trail.seqs() == [4, 5]
    assert trail.breaks() == []
    assert trail.keep() is None


def test_a_beginning_that_was_removed_by_hand_shows(trail: Trail) -> None:
    trail.add(9)
    trail.change("DELETE FROM audit WHERE seq <= 4")
    assert trail.breaks() == [(Break.REMOVED, 5)]


@pytest.mark.parametrize("with_the_old_signature", [False, True])
def test_a_beginning_that_was_made_to_look_dropped_for_age_shows(
    trail: Trail, with_the_old_signature: bool
) -> None:
    trail.add(9)
    trail.work(lambda c: trail.audit.prune(c, NOW_MS + 2500))
    signature = trail.work(lambda c: c.execute(select(audit_anchors.c.mac)).scalar_one())[32:]
    forged = trail.work(lambda c: c.execute(select(audit.c.mac).where(audit.c.seq == 5)).scalar_one())
    forged += signature if with_the_old_signature else b""
    trail.work(lambda c: c.execute(update(audit_anchors).values(seq=5, mac=forged)))
    trail.change("DELETE FROM audit WHERE seq <= 5")
    assert trail.breaks() == [(Break.FORGED_BEGINNING, 6)]


def test_an_older_beginning_put_back_shows(trail: Trail) -> None:
    trail.add(9)
    trail.work(lambda c: trail.audit.prune(c, NOW_MS + 2500))
    old = trail.work(lambda c: c.execute(select(audit_anchors)).one())
    trail.work(lambda c: trail.audit.prune(c, NOW_MS + 5500))
    trail.work(lambda c: c.execute(update(audit_anchors).values(seq=old.seq, mac=old.mac)))
    assert trail.breaks() == [(Break.REMOVED, 6)]


def test_rows_that_are_dropped_while_it_is_verified_are_not_missed(
    trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_check, "_STRETCH", 4)
    trail.add(20)

    def drop(done: int, _of: int) -> None:
        if done == 4:
            trail.work(lambda c: trail.audit.prune(c, NOW_MS + 10_500))

    verdict = Walk(trail.engine, trail.audit, trail.directory).verify(drop)
    assert verdict.findings == []
    assert trail.seqs() == list(range(11, 21))


# --- looked up ---


def test_the_newest_entries_come_first_in_pages(trail: Trail) -> None:
    trail.add(7)
    seen: list[int] = []
    before: int | None = None
    while True:
        with trail.engine.connect() as connection:
            page = chain.page(connection, Wanted(before=before, limit=3))
        seen += [row.seq for row in page.rows]
        if page.next_before is None:
            break
        before = page.next_before
    assert seen == [7, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("looked_at", [1, 3, 1000])
def test_a_rare_entry_is_found_however_little_one_page_looks_at(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    monkeypatch.setattr(chain, "LOOKED_AT", looked_at)
    trail.add(1, "rare")
    trail.add(20)
    trail.add(1, "rare")
    seen: list[int] = []
    before: int | None = None
    while True:
        with trail.engine.connect() as connection:
            page = chain.page(connection, Wanted(action="rare", before=before))
        seen += [row.seq for row in page.rows]
        if page.next_before is None:
            break
        before = page.next_before
    assert seen == [22, 1]


@pytest.mark.parametrize("looked_at", [1, 3, 1000])
def test_of_a_number_with_many_entries_a_page_looks_at_some_and_all_are_found(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    monkeypatch.setattr(chain, "LOOKED_AT_OF_NUMBER", looked_at)
    for action, count in (("rare", 1), ("keys.create", 9), ("rare", 1)):
        trail.add(count, action, NUMBER_KEY)
        trail.add(2)
    pages: list[list[int]] = []
    before: int | None = None
    while True:
        with trail.engine.connect() as connection:
            page = chain.page(connection, Wanted(action="rare", number_key=NUMBER_KEY, before=before))
        pages.append([row.seq for row in page.rows])
        if page.next_before is None:
            break
        before = page.next_before
    assert [seq for seqs in pages for seq in seqs] == [15, 1]
    assert len(pages) == -(-11 // looked_at)


def test_entries_are_found_by_each_of_their_words_and_by_number(trail: Trail) -> None:
    trail.add(3)
    trail.add(1, "recipient.lock", NUMBER_KEY)
    for wanted, count in (
        (Wanted(actor="local"), 4),
        (Wanted(actor="other"), 0),
        (Wanted(object="shop"), 4),
        (Wanted(action="recipient.lock"), 1),
        (Wanted(number_key=NUMBER_KEY), 1),
        (Wanted(number_key="f" * 32), 0),
    ):
        with trail.engine.connect() as connection:
            assert len(chain.page(connection, wanted).rows) == count, wanted


def test_a_detail_is_cut_to_what_a_row_holds_and_still_whole(trail: Trail) -> None:
    with trail.engine.begin() as connection:
        trail.audit.append(connection, Entry(NOW_MS, "local", "limits.set", "box", "x" * 500))
        assert connection.execute(select(func.length(audit.c.detail))).scalar() == 200
    assert trail.breaks() == []


def test_the_end_of_the_chain_is_found_by_its_index(trail: Trail) -> None:
    with trail.engine.connect() as connection:
        for statement in (
            "SELECT seq, mac FROM audit ORDER BY seq DESC LIMIT 1",
            "SELECT * FROM audit WHERE number_key = 'x' ORDER BY seq DESC LIMIT 50",
        ):
            plan = str(connection.execute(text(f"EXPLAIN QUERY PLAN {statement}")).all())
            assert not re.search("TEMP B-TREE", plan), plan
