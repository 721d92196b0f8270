"""Open the database: SQLite in WAL mode with full synchronisation, one daemon at a time, schema up to date."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.engine import Connection

from simcourier.errors import ConfigError, UnavailableError
from simcourier.outbox import schema

BUSY_TIMEOUT_MS = 5000
HEAD = "0002"
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


def open_engine(directory: Path) -> Engine:
    """An engine on the database in `directory`, which is made where missing. Raises ConfigError."""
    make_directory(directory)
    engine = create_engine(
        f"sqlite:///{directory / 'simcourier.db'}", pool_size=12, max_overflow=4, hide_parameters=True
    )
    event.listen(engine, "connect", _set_up)
    try:
        _bring_to_head(engine)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"storage.directory {directory}: the database can't be opened: {error}") from error
    return engine


def _bring_to_head(engine: Engine) -> None:
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    # Alembic takes a quarter of a second to import: only a start that has to migrate pays for it.
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", "simcourier.outbox:migrations")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise ConfigError(f"the database was written by a newer simcourier: {error}") from None
        connection.commit()


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


def checkpoint(engine: Engine, mode: str = "PASSIVE") -> tuple[int, int, int]:
    """Move the WAL into the database; returns (busy, frames in WAL, frames moved).

    TRUNCATE gives up at once where a reader is at work: it is asked for again soon, and codes must not wait.
    """
    if mode not in {"PASSIVE", "TRUNCATE"}:
        raise ValueError(mode)
    with engine.connect() as connection:
        connection.execute(text("PRAGMA busy_timeout=0"))
        try:
            row = connection.execute(text(f"PRAGMA wal_checkpoint({mode})")).one()
        finally:
            connection.execute(text(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}"))
    return int(row[0]), int(row[1]), int(row[2])
