"""The database: durable settings, one daemon, a schema that its migrations make, indexes that are used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from dispatch_bench import Box
from sqlalchemy import text

from simcourier.errors import ConfigError, UnavailableError
from simcourier.outbox import access, database, duties, lanes, reading
from simcourier.outbox.schema import metadata


def test_the_migrations_make_the_schema(tmp_path: Path) -> None:
    engine = database.open_engine(tmp_path)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "simcourier.outbox:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == database.HEAD


def test_an_acknowledged_commit_is_on_disk(tmp_path: Path) -> None:
    engine = database.open_engine(tmp_path)
    with engine.connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "secure_delete")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}


def test_a_state_that_does_not_exist_is_refused_by_the_database(box: Box) -> None:
    box.accept()
    with box.engine.connect() as connection, pytest.raises(Exception, match="CHECK constraint"):
        connection.execute(text("UPDATE messages SET status = 'lost'"))


def test_a_database_of_a_newer_simcourier_is_left_alone(tmp_path: Path) -> None:
    engine = database.open_engine(tmp_path)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(ConfigError, match="newer simcourier"):
        database.open_engine(tmp_path)


def test_one_directory_has_one_daemon(tmp_path: Path) -> None:
    held = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib; from simcourier.outbox.database import DirectoryLock;"
            "lock = DirectoryLock(pathlib.Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()",
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert held.stdout is not None
    assert held.stdout.readline() == b"held\n"
    with pytest.raises(UnavailableError, match=f"another simcourier \\(process {held.pid}\\)"):
        database.DirectoryLock(tmp_path)
    held.communicate()
    database.DirectoryLock(tmp_path).release()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"storage\.directory .*file/below"):
        database.open_engine(tmp_path / "file" / "below")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="can't be written to"):
        database.open_engine(tmp_path)


def plans(box: Box, statements: list[str]) -> dict[str, str]:
    with box.engine.connect() as connection:
        return {
            statement: json.dumps(
                [row[3] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {statement}"))]
            )
            for statement in statements
        }


def test_every_hot_query_uses_an_index(box: Box) -> None:
    seen: list[str] = []
    original = box.connection.engine.dialect.do_execute

    def spy(cursor: object, statement: str, parameters: object, context: object = None) -> None:
        seen.append(statement)
        original(cursor, statement, parameters, context)  # type: ignore[arg-type]

    box.engine.dialect.do_execute = spy  # type: ignore[method-assign]
    box.modem("a")
    code = box.accept(supersedes="login")
    box.sent(tp_mr=1)
    box.report("a", tp_mr=1)
    box.pass_time(1)
    box.dispatcher.room._window.stale(None)
    box.turn()
    with box.engine.connect() as connection:
        record = reading.find(connection, code, None)
        assert record is not None
        reading.history(connection, record.n)
        reading.attempts(connection, record.n)
        lanes.oldest_queued_ms(connection)
        duties.wipe(connection, 0)
        access.recall(connection, "client", "key")
        for status in ("failed", "queued", "unknown"):
            reading.page(connection, reading.Filter(status=reading.Status(status)))
        reading.page(connection, reading.Filter(recipient="+447700900001"))
    box.engine.dialect.do_execute = original  # type: ignore[method-assign]
    asked = sorted({s for s in seen if s.split()[0] in {"SELECT", "UPDATE"} and "FROM starts" not in s})
    assert len(asked) >= 12
    with box.engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        for statement in asked:
            parameters = [1] * statement.count("?")
            plan = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            # "waiting" is what was found just before, and never many.
            scans = [line for line in plan if line.startswith("SCAN") and "INDEX" not in line]
            assert set(scans) <= {"SCAN waiting"}, (statement, plan)


def test_retention_removes_old_messages_with_their_history(box: Box) -> None:
    box.modem("a")
    old = box.accept()
    box.sent(tp_mr=1)
    box.pass_time(100)
    young = box.accept()
    before_ms = box.wall_ms() - 50_000
    with box.engine.begin() as connection:
        assert duties.retire(connection, before_ms) == (1, 1)
        assert reading.find(connection, old, None) is None
        left = connection.execute(text("SELECT count(DISTINCT message) FROM message_events")).scalar()
        parts_left = connection.execute(text("SELECT count(*) FROM parts")).scalar()
    assert (left, parts_left) == (1, 1)
    assert box.record(young).id == young


def test_retention_never_removes_what_still_waits(box: Box) -> None:
    code = box.accept()
    with box.engine.begin() as connection:
        assert duties.retire(connection, box.wall_ms() + 1) == (1, 1)
    assert box.record(code).id == code


def test_a_wiped_body_is_in_no_file(box: Box) -> None:
    box.accept()
    with box.engine.begin() as connection:
        sealed = connection.execute(text("SELECT body FROM messages")).scalar()
    files = sorted(box.directory.glob("simcourier.db*"))
    assert sealed is not None
    assert any(sealed in file.read_bytes() for file in files)
    box.modem("a")
    box.sent(tp_mr=1)
    box.connection.commit()
    database.checkpoint(box.engine, "TRUNCATE")
    assert not any(sealed in file.read_bytes() for file in box.directory.glob("simcourier.db*"))


def test_reports_are_not_awaited_for_ever(box: Box) -> None:
    box.modem("a")
    box.accept()
    box.sent(tp_mr=1)
    with box.engine.begin() as connection:
        assert duties.stop_awaiting(connection, box.wall_ms() - 1) == 0
        assert duties.stop_awaiting(connection, box.wall_ms() + 1) == 1
