"""`simcourier keys`: the key alone on standard output, a digest of it in the database."""

from __future__ import annotations

import io
import json
import os
import re
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_process import call, free_port, write_config
from rich.console import Console

from simcourier.cli import keys
from simcourier.cli.ownership import act_as_owner
from simcourier.config import Storage
from simcourier.outbox import database
from simcourier.outbox.access import digest
from simcourier.outbox.audit import START, Audit, stretch
from simcourier.outbox.seal import open_sealer
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
    assert again.stderr == "simcourier: There is already a key with this name.\n"


def test_a_revoked_key_is_listed_as_such_and_revoked_once(config: Path) -> None:
    for name in ("shop", "door"):
        call("keys", "create", name, "--scope", "admin", "--config", config)
    assert call("keys", "revoke", "shop", "--config", config).returncode == 0
    shown = listed(config)
    assert list(shown) == ["shop", "door"]
    assert shown["shop"]["revoked_at"] is not None
    assert shown["door"]["revoked_at"] is None
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


def test_a_key_is_bound_to_what_was_said(config: Path) -> None:
    made = call(
        *(
            "keys",
            "create",
            "shop",
            "--scope",
            "messages:send",
            "--cidr",
            "10.0.0.0/8",
            "--cidr",
            "192.0.2.7",
        ),
        *("--expires", "2030-01-31", "--template-only", "--sandbox", "--config", config),
    )
    assert made.returncode == 0, made.stderr
    key = listed(config)["shop"]
    assert key["cidrs"] == ["10.0.0.0/8", "192.0.2.7/32"]
    # The last day is over at midnight behind it.
    assert key["expires_at"] == "2030-02-01T00:00:00.000Z"
    assert (key["template_only"], key["sandbox"], key["live"]) == (True, True, True)


def test_a_key_lives_for_as_long_as_was_said(config: Path) -> None:
    before = datetime.now(UTC)
    call("keys", "create", "shop", "--expires", "90d", "--config", config)
    expires_at = datetime.fromisoformat(str(listed(config)["shop"]["expires_at"]))
    assert timedelta(days=90) <= expires_at - before < timedelta(days=90, minutes=1)


def test_a_sandbox_key_without_a_scope_may_send_and_look_and_nothing_of_the_real_box(config: Path) -> None:
    assert call("keys", "create", "shop", "--sandbox", "--config", config).returncode == 0
    assert listed(config)["shop"]["scopes"] == ["messages:read", "messages:send"]


@pytest.mark.parametrize(
    "wrong",
    [
        ("--cidr", "10.0.0.1/8"),
        ("--cidr", "example.org"),
        ("--expires", "soon"),
        ("--expires", "90"),
        ("--expires", "0d"),
        ("--expires", "2001-01-01"),
        ("--expires", "2030-02-30"),
        ("--expires", "9999-12-31"),
        ("--scope", "admin", "--sandbox"),
        ("--scope", "admin", "--template-only"),
    ],
)
def test_what_no_key_can_be_is_a_wrong_use_and_nothing_is_made(config: Path, wrong: tuple[str, ...]) -> None:
    made = call("keys", "create", "shop", *wrong, "--config", config)
    assert (made.returncode, made.stdout) == (2, ""), made.stderr
    assert not (config.parent / "storage").exists()


def test_a_rotated_key_has_a_new_secret_and_keeps_its_id_and_the_old_one_for_a_while(config: Path) -> None:
    first = call("keys", "create", "shop", "--scope", "admin", "--config", config).stdout.strip()
    rotated = call("keys", "rotate", "shop", "--keep-old", "12h", "--config", config)
    assert rotated.returncode == 0
    assert re.fullmatch(r"sck_[0-9a-f]{16}_[0-9a-f]{64}\n", rotated.stdout)
    assert rotated.stdout.split("_")[1] == first.split("_")[1]
    assert rotated.stdout.strip() != first
    assert "still works for 12 h 0 min" in rotated.stderr
    until = datetime.fromisoformat(str(listed(config)["shop"]["old_secret_until"]))
    assert timedelta(hours=11, minutes=59) < until - datetime.now(UTC) <= timedelta(hours=12)
    assert call("keys", "revoke", "shop", "--old", "--config", config).returncode == 0
    assert (listed(config)["shop"]["old_secret_until"], listed(config)["shop"]["live"]) == (None, True)
    again = call("keys", "revoke", "shop", "--old", "--config", config)
    assert again.returncode == 1
    assert "there is no old secret of a live key called 'shop'" in again.stderr


def test_a_rotation_may_end_the_old_secret_at_once(config: Path) -> None:
    call("keys", "create", "shop", "--scope", "admin", "--config", config)
    rotated = call("keys", "rotate", "shop", "--keep-old", "0", "--config", config)
    assert "works no more" in rotated.stderr
    assert listed(config)["shop"]["old_secret_until"] is None


@pytest.mark.parametrize("wrong", ["31d", "soon", "-1h", ""])
def test_an_old_secret_is_not_kept_for_ever(config: Path, wrong: str) -> None:
    call("keys", "create", "shop", "--scope", "admin", "--config", config)
    assert call("keys", "rotate", "shop", f"--keep-old={wrong}", "--config", config).returncode == 2


def test_what_is_not_there_or_not_live_is_not_rotated(config: Path) -> None:
    assert call("keys", "rotate", "shop", "--config", config).returncode == 1
    call("keys", "create", "shop", "--scope", "admin", "--config", config)
    call("keys", "revoke", "shop", "--config", config)
    again = call("keys", "rotate", "shop", "--config", config)
    assert (again.returncode, again.stdout) == (1, "")
    assert "There is no live key" in again.stderr


def test_the_list_fits_a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(keys, "console", lambda: Console(width=80, file=out))
    soon = datetime.now(UTC) + timedelta(days=3)
    shown = {
        "name": "web-shop-of-the-north",
        "id": "0123456789abcdef",
        "live": True,
        "scopes": ["messages:send", "messages:read_body", "verifications:start", "verifications:check"],
        "cidrs": ["10.0.0.0/8", "192.168.1.0/24"],
        "template_only": True,
        "sandbox": True,
        "created_at": "2026-01-01T00:00:00.000Z",
        "expires_at": "2030-01-31T12:00:00.000Z",
        "revoked_at": None,
        "old_secret_until": soon.isoformat(),
        "last_used_at": (datetime.now(UTC) - timedelta(hours=5)).isoformat(),
    }
    keys._show([shown, {**shown, "live": False}, {**shown, "revoked_at": soon.isoformat(), "live": False}])
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    text = out.getvalue()
    for word in (
        "0123456789abcdef",
        "verifications:start",
        "10.0.0.0/8",
        "192.168.1.0/24",
        "2030-01-31",
        "expired",
        "revoked",
    ):
        assert word in text, f"{word} is whole"
    assert "5 h ago" in text
    assert "sandbox" in text


# --- on record ---


def entries(config: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(config.parent / "storage" / "simcourier.db") as connection:
        return connection.execute("SELECT actor, action FROM audit ORDER BY seq").fetchall()


def test_every_change_is_on_the_audit_s_record(config: Path) -> None:
    call("keys", "create", "shop", "--scope", "admin", "--config", config)
    call("keys", "rotate", "shop", "--config", config)
    call("keys", "revoke", "shop", "--old", "--config", config)
    last = call("keys", "revoke", "shop", "--config", config)
    call("keys", "list", "--config", config)
    call("keys", "revoke", "shop", "--config", config)
    assert last.stderr == ""
    actions = ["key.create", "key.rotate", "key.revoke-old", "key.revoke"]
    assert entries(config) == [("local", action) for action in actions]


def test_what_the_command_line_wrote_is_the_daemon_s_own_chain(config: Path) -> None:
    call("keys", "create", "shop", "--scope", "admin", "--config", config)
    call("keys", "revoke", "shop", "--config", config)
    storage = Storage(directory=str(config.parent / "storage"))
    record = Audit(open_sealer(storage).audit_key)
    engine = database.open_engine(storage.path)
    with engine.connect() as connection:
        before = START
        for row in stretch(connection, 0, 10):
            assert record.follows(row, before)
            before = row.link
    engine.dispose()
    assert before.seq == 2


def test_without_the_daemon_s_key_file_a_key_is_revoked_all_the_same_and_that_is_said(config: Path) -> None:
    call("keys", "create", "shop", "--scope", "admin", "--config", config)
    storage = config.parent / "storage"
    (storage / "body.key").write_bytes(b"x" * 32)
    revoked = call("keys", "revoke", "shop", "--config", config)
    assert revoked.returncode == 0
    assert "not on the audit's record" in revoked.stderr
    assert listed(config)["shop"]["live"] is False
    assert entries(config) == [("local", "key.create")], "and the chain is not broken"


def test_no_key_file_is_made_beside_a_daemon_that_has_its_own_elsewhere(config: Path) -> None:
    call("keys", "create", "shop", "--scope", "admin", "--config", config)
    storage = config.parent / "storage"
    (storage / "body.key").unlink()
    with sqlite3.connect(storage / "simcourier.db") as connection:
        connection.execute("INSERT INTO starts (at_ms) VALUES (1)")
    made = call("keys", "create", "door", "--scope", "admin", "--config", config)
    assert made.returncode == 0
    assert "systemd credential" in made.stderr
    assert not (storage / "body.key").exists()


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
