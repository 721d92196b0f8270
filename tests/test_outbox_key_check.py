"""A database goes on with the key file under which it was written, and with no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, insert, select

from simcourier.config import Storage
from simcourier.errors import ConfigError
from simcourier.outbox import database, key_check
from simcourier.outbox.keyring import KeyFile
from simcourier.outbox.schema import key_check as checks
from simcourier.outbox.schema import messages
from simcourier.outbox.seal import Sealer

NOW_MS = 1_800_000_000_000


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(directory=str(tmp_path / "data"))


@pytest.fixture
def engine(storage: Storage) -> Iterator[Engine]:
    engine = database.open_engine(storage.path)
    yield engine
    engine.dispose()


def opened(engine: Engine, storage: Storage) -> key_check.Opened:
    with engine.begin() as connection:
        return key_check.open_checked(connection, storage, NOW_MS)


def seal_something(connection: Connection, sealer: Sealer) -> None:
    connection.execute(
        insert(messages).values(
            id="msg_1",
            client="client",
            status="queued",
            rank=0,
            recipient="+447700900001",
            body=sealer.seal("Your code is 493817", "msg_1"),
            alphabet="gsm7",
            segments=1,
            created_at_ms=NOW_MS,
            deadline_ms=NOW_MS,
            next_at_ms=0,
            on_unknown="resend",
        )
    )


def test_the_first_start_makes_a_key_file_and_knows_it_again(engine: Engine, storage: Storage) -> None:
    first = opened(engine, storage)
    assert (first.new, first.accepted) == (True, False)
    again = opened(engine, storage)
    assert (again.new, again.accepted) == (False, False)
    assert again.sealer.ring == first.sealer.ring
    with engine.connect() as connection:
        (row,) = connection.execute(select(checks)).all()
    assert row.mac not in (*first.sealer.ring.root.octets, first.sealer.ring.newest.octets)


def test_a_missing_key_file_is_named_and_none_is_made_in_its_place(engine: Engine, storage: Storage) -> None:
    opened(engine, storage)
    storage.key_path.unlink()
    with pytest.raises(ConfigError, match=rf"{storage.key_path}: is missing.*Restore it.*accept-new-key"):
        opened(engine, storage)
    assert not storage.key_path.exists()


def test_another_key_file_is_refused_and_the_right_one_is_taken_again(
    engine: Engine, storage: Storage
) -> None:
    opened(engine, storage)
    right = storage.key_path.read_bytes()
    storage.key_path.write_bytes(b"x" * 32)
    with pytest.raises(ConfigError, match="is not the key file that the database was written under"):
        opened(engine, storage)
    storage.key_path.write_bytes(right)
    assert not opened(engine, storage).new


def test_a_rotation_leaves_it_the_same_key_file(engine: Engine, storage: Storage) -> None:
    storage.key_path.write_bytes(b"k" * 32)
    storage.key_path.chmod(0o600)
    ring = opened(engine, storage).sealer.ring
    KeyFile(storage.key_path).save(ring.with_another(NOW_MS).without([1]))
    assert opened(engine, storage).sealer.ring.ids == (2,)


def test_after_an_upgrade_one_thing_that_opens_proves_the_key_file(engine: Engine, storage: Storage) -> None:
    storage.key_path.write_bytes(b"k" * 32)
    storage.key_path.chmod(0o600)
    with engine.begin() as connection:
        seal_something(connection, Sealer(b"k" * 32))
    storage.key_path.write_bytes(b"x" * 32)
    with pytest.raises(ConfigError, match="is not the key file"):
        opened(engine, storage)
    storage.key_path.unlink()
    with pytest.raises(ConfigError, match="is missing"):
        opened(engine, storage)
    assert not storage.key_path.exists()
    storage.key_path.write_bytes(b"k" * 32)
    storage.key_path.chmod(0o600)
    assert opened(engine, storage).new
    assert not opened(engine, storage).new


def test_an_admin_may_go_on_without_the_lost_one(engine: Engine, storage: Storage) -> None:
    opened(engine, storage)
    with engine.begin() as connection:
        seal_something(connection, Sealer(b"lost" * 8))
        key_check.accept_any(connection)
    storage.key_path.unlink()
    after = opened(engine, storage)
    assert (after.new, after.accepted) == (False, True)
    assert not opened(engine, storage).accepted
    storage.key_path.unlink()
    with pytest.raises(ConfigError, match="is missing"):
        opened(engine, storage)
