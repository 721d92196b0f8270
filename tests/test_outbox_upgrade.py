"""A database of an older simcourier: brought up to date whole or not at all, and nothing that waits is lost."""

from __future__ import annotations

import hmac
import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import create_engine, text

from simcourier.errors import ConfigError, UnavailableError
from simcourier.outbox import database
from simcourier.outbox.database import Upgrade
from simcourier.outbox.seal import Sealer

ROOT = b"k" * 32
MESSAGE = "msg_" + "1" * 22


def old_box(directory: Path) -> Path:
    """A database of revision 0001 with a message that waits, sealed as it was then: without a key's id."""
    directory.mkdir(exist_ok=True)
    engine = create_engine(f"sqlite:///{directory / 'simcourier.db'}")
    config = Config()
    config.set_main_option("script_location", "simcourier.outbox:migrations")
    nonce = b"n" * 12
    body = nonce + AESGCM(hmac.new(ROOT, b"simcourier body", "sha256").digest()).encrypt(
        nonce, b"Your code is 483920", MESSAGE.encode()
    )
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO messages (id, client, status, rank, recipient, body, alphabet, segments, created_at_ms,"
                " deadline_ms, next_at_ms, on_unknown, attempts, refusals, doubts, avoid) VALUES (:id, 'c', 'queued',"
                " 0, '+447700900001', :body, 'gsm7', 1, 1, 2, 0, 'resend', 0, 0, 0, '')"
            ),
            {"id": MESSAGE, "body": body},
        )
        connection.execute(
            text("INSERT INTO message_events (message, at_ms, status) VALUES (1, 1, 'queued')")
        )
        connection.commit()
    engine.dispose()
    return directory


def body_of(directory: Path) -> str:
    engine = database.open_engine(directory)
    with engine.connect() as connection:
        sealed = connection.execute(text("SELECT body FROM messages")).scalar()
    engine.dispose()
    return Sealer(ROOT).open(sealed, MESSAGE)


def test_what_waits_can_still_be_sent_after_an_upgrade(tmp_path: Path) -> None:
    assert body_of(old_box(tmp_path)) == "Your code is 483920"


def test_events_from_before_are_told_to_no_endpoint(tmp_path: Path) -> None:
    engine = database.open_engine(old_box(tmp_path))
    with engine.connect() as connection:
        cursor = connection.execute(text("SELECT seq FROM relay_cursors WHERE name = 'messages'")).scalar()
    assert cursor == 1


_CUT = """
import os, sys
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.engine import Engine
from simcourier.outbox import database
left = int(sys.argv[2])

@event.listens_for(Engine, "before_cursor_execute")
def count(*_given):
    global left
    left -= 1
    if left == 0:
        os._exit(9)

database.open_engine(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("statements", [4, 12, 20, 28, 36])
def test_a_power_cut_in_the_middle_of_an_upgrade_leaves_a_box_that_starts(
    tmp_path: Path, statements: int
) -> None:
    old_box(tmp_path)
    cut = subprocess.run([sys.executable, "-c", _CUT, str(tmp_path), str(statements)], env=dict(os.environ))
    assert cut.returncode == 9
    assert body_of(tmp_path) == "Your code is 483920"


def test_a_command_upgrades_no_database_that_a_daemon_uses(tmp_path: Path) -> None:
    old_box(tmp_path)
    lock = database.DirectoryLock(tmp_path)
    with pytest.raises(UnavailableError, match="another simcourier"):
        database.open_engine(tmp_path, Upgrade.ALONE)
    lock.release()
    database.open_engine(tmp_path, Upgrade.ALONE).dispose()
    database.open_engine(tmp_path, Upgrade.NEVER).dispose()


def test_who_only_looks_upgrades_nothing(tmp_path: Path) -> None:
    old_box(tmp_path)
    with pytest.raises(ConfigError, match="start simcourier on it once"):
        database.open_engine(tmp_path, Upgrade.NEVER)


def test_the_number_of_an_erased_verification_is_never_given_again(tmp_path: Path) -> None:
    engine = database.open_engine(tmp_path)
    with engine.connect() as connection:
        made = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'verifications'")).scalar()
    assert "AUTOINCREMENT" in made
