"""Open the database: SQLite in WAL mode with full synchronisation, one daemon at a time, schema up to date."""

from __future__ import annotations

import fcntl
import os
from enum import Enum, auto
from pathlib import Path
from typing import Any, assert_never

from sqlalchemy import Engine, create_engine, event, func, inspect, select, text
from sqlalchemy.engine import Connection

from simcourier.errors import ConfigError, UnavailableError
from simcourier.outbox import schema

BUSY_TIMEOUT_MS = 5000
HEAD = "0003"
"""The newest revision in outbox/migrations; a test compares."""


def _set_up(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA cache_size=-16000")
    # Checkpoints have their own tick (app.py): one inside a commit would make some code wait for them.
    cursor.execute("PRAGMA wal_autocheckpoint=0")
    cursor.close()


def make_directory(directory: Path) -> None:
    """Make the storage directory where it is missing. Raises ConfigError where it can't be used."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"storage.directory {directory}: can't be made: {error.strerror}") from None
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ConfigError(
            f"storage.directory {directory}: can't be written to; give it to the user that runs simcourier"
        )


class Upgrade(Enum):
    """What happens to a database of an older simcourier."""

    NOW = auto()
    """It is brought up to date: the caller holds the directory's lock."""
    ALONE = auto()
    """The same, where no daemon uses it; otherwise UnavailableError."""
    NEVER = auto()
    """ConfigError."""


def open_engine(directory: Path, upgrade: Upgrade = Upgrade.NOW) -> Engine:
    """An engine on the database in `directory`, which is made where missing.

    Raises ConfigError, or UnavailableError where a daemon of an older version uses it.
    """
    make_directory(directory)
    engine = create_engine(
        f"sqlite:///{directory / 'simcourier.db'}", pool_size=12, max_overflow=4, hide_parameters=True
    )
    event.listen(engine, "connect", _set_up)
    try:
        _bring_to_head(engine, directory, upgrade)
    except (ConfigError, UnavailableError):
        raise
    except Exception as error:
        raise ConfigError(f"storage.directory {directory}: the database can't be opened: {error}") from error
    return engine


def _bring_to_head(engine: Engine, directory: Path, upgrade: Upgrade) -> None:
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    match upgrade:
        case Upgrade.NOW:
            _migrate(engine)
        case Upgrade.ALONE:
            lock = DirectoryLock(directory)
            try:
                _migrate(engine)
            finally:
                lock.release()
        case Upgrade.NEVER:
            raise ConfigError(
                f"storage.directory {directory}: the database is of another version; start simcourier on it once"
            )
        case _:
            assert_never(upgrade)


def _migrate(engine: Engine) -> None:
    # Alembic takes a quarter of a second to import: only a start that has to migrate pays for it.
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", "simcourier.outbox:migrations")
    with engine.connect() as connection:
        # sqlite3 would commit each change of the schema by itself: a power cut must leave all of them or none.
        driver: Any = connection.connection.dbapi_connection
        driver.isolation_level = None
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise ConfigError(f"the database was written by a newer simcourier: {error}") from None
        connection.commit()
        driver.isolation_level = ""


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def new_epoch(connection: Connection, now_ms: int) -> int:
    """Register a start of the daemon and return its epoch."""
    result = connection.execute(schema.starts.insert().values(at_ms=now_ms))
    key = result.inserted_primary_key
    assert key is not None  # noqa: S101 - an insert into a table with a serial has one
    return int(key[0])


def count_starts(connection: Connection) -> int:
    """How often the daemon was started on this database."""
    return int(connection.execute(select(func.count()).select_from(schema.starts)).scalar_one())


class DirectoryLock:
    """Holds `directory/lock`, so that one database has one daemon; freed by the kernel when the process ends."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._file = self._path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            owner = self._file.read().strip() or "unknown"
            self._file.close()
            raise UnavailableError(
                f"storage.directory {directory}: another simcourier (process {owner}) is using it"
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Give the directory back."""
        self._file.close()


def count_queued(connection: Connection) -> dict[int, int]:
    """Waiting messages by rank."""
    rows = connection.execute(
        text("SELECT rank, count(*) FROM messages WHERE status = 'queued' GROUP BY rank")
    )
    return {int(rank): int(count) for rank, count in rows}


def checkpoint(engine: Engine, mode: str = "PASSIVE", patience_ms: int = 0) -> tuple[int, int, int]:
    """Move the WAL into the database; returns (busy, frames in WAL, frames moved).

    TRUNCATE gives up after `patience_ms` where readers are at work: it is asked for again soon, and codes wait.
    """
    if mode not in {"PASSIVE", "TRUNCATE"}:
        raise ValueError(mode)
    with engine.connect() as connection:
        connection.execute(text(f"PRAGMA busy_timeout={int(patience_ms)}"))
        try:
            row = connection.execute(text(f"PRAGMA wal_checkpoint({mode})")).one()
        finally:
            connection.execute(text(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}"))
    return int(row[0]), int(row[1]), int(row[2])
