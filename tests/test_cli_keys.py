"""`simcourier keys`: the key alone on standard output, a digest of it in the database."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from pathlib import Path

import pytest
from cli_process import call, free_port, write_config

from simcourier.cli.ownership import act_as_owner
from simcourier.outbox.access import digest
from simcourier.service import SCOPES


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path, free_port())


def listed(config: Path) -> dict[str, dict[str, object]]:
    return {
        key["name"]: key
        for key in json.loads(call("keys", "list", "--json", "--config", config).stdout)["items"]
    }


def test_the_key_and_only_it_is_printed(config: Path) -> None:
    made = call("keys", "create", "shop", "--scope", "messages:send", "--config", config)
    assert (made.returncode, made.stderr) == (0, "")
    assert re.fullmatch(r"sck_[0-9a-f]{16}_[0-9a-f]{64}\n", made.stdout)


def test_the_database_has_the_digest_and_not_the_secret(config: Path) -> None:
    key = call("keys", "create", "shop", "--scope", "admin", "--config", config).stdout.strip()
    _, key_id, secret = key.split("_")
    storage = config.parent / "storage"
    with sqlite3.connect(storage / "simcourier.db") as connection:
        assert connection.execute("SELECT id, digest, scopes FROM keys").fetchall() == [
            (key_id, digest(secret), '["admin"]')
        ]
    assert not any(secret.encode() in file.read_bytes() for file in storage.iterdir())


def test_without_a_scope_it_may_send_and_look_and_that_is_said(config: Path) -> None:
    made = call("keys", "create", "shop", "--config", config)
    assert made.stdout.count("\n") == 1
    assert "messages:send, messages:read, status:read" in made.stderr
    assert listed(config)["shop"]["scopes"] == ["messages:read", "messages:send", "status:read"]


def test_an_unknown_scope_is_a_wrong_use_and_lists_those_there_are(config: Path) -> None:
    made = call("keys", "create", "shop", "--scope", "messages:sned", "--config", config)
    assert (made.returncode, made.stdout) == (2, "")
    assert "messages:sned" in made.stderr
    said = " ".join(made.stderr.split())
    assert all(scope in said for scope in SCOPES)
    assert not (config.parent / "storage").exists(), "nothing was made"


@pytest.mark.parametrize("name", ["", " shop", "a\nb", "x" * 65])
def test_a_name_that_no_list_could_show_is_a_wrong_use(name: str, config: Path) -> None:
    made = call("keys", "create", name, "--config", config)
    assert (made.returncode, made.stdout) == (2, "")


def test_a_name_is_used_once(config: Path) -> None:
    call("keys", "create", "shop", "--config", config)
    again = call("keys", "create", "shop", "--scope", "admin", "--config", config)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "simcourier: There is already a key called 'shop'.\n"


def test_a_revoked_key_is_listed_as_such_and_revoked_once(config: Path) -> None:
    for name in ("shop", "door"):
        call("keys", "create", name, "--scope", "admin", "--config", config)
    assert call("keys", "revoke", "shop", "--config", config).returncode == 0
    keys = listed(config)
    assert list(keys) == ["shop", "door"]
    assert keys["shop"]["revoked_at"] is not None
    assert keys["door"]["revoked_at"] is None
    again = call("keys", "revoke", "shop", "--config", config)
    assert again.returncode == 1
    assert "there is no live key called 'shop'" in again.stderr


def test_the_list_has_a_line_for_each_key_and_no_secret(config: Path) -> None:
    assert "There is no key" in call("keys", "list", "--config", config).stdout
    secret = (
        call("keys", "create", "shop", "--scope", "admin", "--config", config).stdout.strip().split("_")[2]
    )
    shown = call("keys", "list", "--config", config).stdout
    assert any("shop" in line and "admin" in line for line in shown.splitlines())
    assert secret not in shown


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")
def test_what_root_makes_belongs_to_the_owner_of_the_directory(config: Path) -> None:
    storage = config.parent / "storage"
    storage.mkdir()
    os.chown(storage, 12_345, 12_345)
    # The owner must be able to come here: pytest's directories are closed to others.
    for directory in [storage, *list(storage.parents)[:-1]]:
        directory.chmod(directory.stat().st_mode | 0o001)
    child = os.fork()
    if child == 0:
        # In a process of its own: there is no way back to root.
        user = act_as_owner(storage)
        (storage / "made").touch()
        os._exit(0 if (user, os.getuid(), os.getgroups()) == ("12345", 12_345, []) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ((storage / "made").stat().st_uid, (storage / "made").stat().st_gid) == (12_345, 12_345)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could become somebody else")
def test_root_s_own_directory_and_one_that_is_not_there_yet_change_nothing(tmp_path: Path) -> None:
    assert act_as_owner(tmp_path) is None
    assert act_as_owner(tmp_path / "later") is None
    assert os.geteuid() == 0
