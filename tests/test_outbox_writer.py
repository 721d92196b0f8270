"""The writer: commits together, loses nobody's work, survives its callers' faults."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from simcourier.errors import RequestError
from simcourier.outbox import database
from simcourier.outbox.writer import Writer


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = database.open_engine(tmp_path)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (v INTEGER UNIQUE)"))
    yield engine
    engine.dispose()


@pytest.fixture
def writer(engine: Engine) -> Iterator[Writer]:
    writer = Writer(engine)
    writer.start()
    yield writer
    writer.stop(5)


def put(value: int) -> object:
    def work(connection: Connection) -> int:
        connection.execute(text("INSERT INTO t VALUES (:v)"), {"v": value})
        return value

    return work


def values(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT v FROM t ORDER BY v")).scalars())


def test_what_run_returned_is_on_disk(writer: Writer, engine: Engine) -> None:
    assert writer.run(put(1)) == 1
    assert values(engine) == [1]


def test_many_callers_share_few_commits(engine: Engine) -> None:
    commits: list[int] = []
    writer = Writer(engine, on_commit=lambda: commits.append(1))
    started = threading.Event()
    release = threading.Event()

    def hold(_connection: Connection) -> None:
        started.set()
        release.wait(10)

    writer.start()
    with ThreadPoolExecutor(17) as pool:
        pool.submit(writer.run, hold)
        started.wait(10)
        waiting = [pool.submit(writer.run, put(value)) for value in range(16)]
        while writer._inbox.qsize() < 16:
            started.wait(0.001)
        release.set()
        assert sorted(future.result() for future in waiting) == list(range(16))
    writer.stop(5)
    assert len(commits) == 2


def test_a_work_that_fails_takes_no_other_with_it(engine: Engine) -> None:
    writer = Writer(engine)
    told: list[object] = []
    for value in (1, 2, 1, 3):
        writer.submit(put(value), told.append, lambda error: told.append(type(error).__name__))
    with engine.connect() as connection:
        writer.turn(connection)
    assert told == [1, 2, "IntegrityError", 3]
    assert values(engine) == [1, 2, 3]


def test_a_disk_that_refuses_is_told_to_the_caller_in_words(writer: Writer) -> None:
    writer.run(put(1))
    with pytest.raises(RequestError) as caught:
        writer.run(put(1))
    assert caught.value.code == "storage-unavailable"
    assert isinstance(caught.value.__cause__, SQLAlchemyError)


def test_a_callback_that_fails_does_not_end_the_thread(writer: Writer, engine: Engine) -> None:
    def broken(_result: object) -> None:
        raise ValueError("a bug")

    writer.submit(put(1), broken, broken)
    assert writer.run(put(2)) == 2
    assert values(engine) == [1, 2]


def test_the_stop_writes_what_is_waiting(engine: Engine) -> None:
    writer = Writer(engine)
    for value in range(50):
        writer.submit(put(value), lambda _result: None, lambda _error: None)
    writer.start()
    writer.stop(5)
    assert values(engine) == list(range(50))


def test_works_that_a_call_adds_join_the_batch(engine: Engine) -> None:
    commits: list[int] = []
    writer = Writer(engine, on_commit=lambda: commits.append(1))
    ignore = lambda _anything: None  # noqa: E731 - shorter than a function that does nothing
    writer.submit(put(1), ignore, ignore)
    writer.call(lambda: writer.submit(put(2), ignore, ignore))
    with engine.connect() as connection:
        writer.turn(connection)
    assert values(engine) == [1, 2]
    assert len(commits) == 1


def test_a_caller_that_gave_up_has_nothing_written_behind_its_back(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simcourier.outbox.writer.RUN_TIMEOUT_S", 0.05)
    writer = Writer(engine)  # its thread does not run yet
    with pytest.raises(RequestError, match="can't write"):
        writer.run(put(1))
    writer.start()
    assert writer.run(put(2)) == 2
    writer.stop(5)
    assert values(engine) == [2]


def test_a_checkpoint_never_waits_for_a_reader(engine: Engine, writer: Writer) -> None:
    writer.run(put(1))
    with engine.connect() as reader:
        reader.execute(text("BEGIN"))
        reader.execute(text("SELECT * FROM t")).all()
        writer.run(put(2))
        busy, _frames, _moved = database.checkpoint(engine, "TRUNCATE")
    assert busy == 1
