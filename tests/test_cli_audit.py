"""`simcourier audit` and `simcourier secrets`: what an admin types, and what is told."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_process import ENVIRONMENT, Started, call, free_port, wait_until, write_config

from simcourier.config import Storage
from simcourier.outbox import database
from simcourier.outbox.audit import Audit, Entry, last
from simcourier.outbox.audit_head import HeadFile
from simcourier.outbox.keyring import KeyFile, Ring
from simcourier.outbox.seal import Sealer, open_sealer

START_MS = 1_800_000_000_000


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path, free_port())


@pytest.fixture
def running(config: Path) -> Iterator[Path]:
    with Started("run", "--config", config) as daemon:
        daemon.wait_for_words("simcourier runs")
        wait_until((config.parent / "storage" / "local.key").exists, "the local key")
        yield config


def fill(config: Path, count: int, key_file: Path | None = None) -> Path:
    """A chain as a daemon leaves it; returns the storage directory."""
    storage = Storage(directory=str(config.parent / "storage"))
    database.make_directory(storage.path)
    sealer = open_sealer(storage) if key_file is None else Sealer(KeyFile(key_file).load(START_MS))
    engine = database.open_engine(storage.path)
    audit = Audit(sealer.audit_key)
    with engine.begin() as connection:
        for number in range(count):
            audit.append(connection, Entry(START_MS + number, "local", "keys.create", f"shop {number}"))
        HeadFile(audit, storage.path).write(last(connection))
    engine.dispose()
    return storage.path


def change(storage: Path, statement: str) -> None:
    with sqlite3.connect(storage / "simcourier.db") as connection:
        connection.execute(statement)


def verified(config: Path, *more: object) -> tuple[int, dict[str, Any]]:
    ended = call("audit", "verify", "--json", "--config", config, *more)
    return ended.returncode, json.loads(ended.stdout)


def test_a_whole_audit_is_told_in_one_line(config: Path) -> None:
    fill(config, 3)
    ended = call("audit", "verify", "--config", config)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "The audit is whole: 3 entries checked, number 1 to 3.\n"


def test_a_long_audit_is_checked_with_nothing_else_in_a_pipe(config: Path) -> None:
    fill(config, 2500)
    code, verdict = verified(config)
    assert (code, verdict["checked"], verdict["whole"]) == (0, 2500, True)


def test_a_removed_row_ends_with_1_and_the_number_and_time_of_the_break(config: Path) -> None:
    storage = fill(config, 9)
    change(storage, "DELETE FROM audit WHERE seq = 4")
    ended = call("audit", "verify", "--config", config)
    assert ended.returncode == 1
    assert "simcourier: the audit is broken: entry 5 of 2027-01-15 " in ended.stderr
    assert "the entry before is missing" in ended.stderr
    code, verdict = verified(config)
    assert (code, verdict["whole"]) == (1, False)
    assert [(each["kind"], each["seq"]) for each in verdict["findings"]] == [("removed", 5)]


def test_it_can_be_checked_while_the_box_runs(running: Path) -> None:
    call("audit", "list", "--config", running)
    code, verdict = verified(running)
    assert (code, verdict["whole"]) == (0, True)


def test_a_cut_off_end_is_found_after_a_stop(config: Path) -> None:
    with Started("run", "--config", config) as daemon:
        daemon.wait_for_words("simcourier runs")
        for _ in range(3):
            assert call("secrets", "rotate", "--config", config).returncode == 0
        daemon.process.terminate()
        assert daemon.end() == 0
    storage = config.parent / "storage"
    assert (storage / "audit.head").exists()
    assert verified(config)[1]["whole"]
    change(storage, "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
    code, verdict = verified(config)
    assert (code, verdict["findings"][0]["kind"]) == (1, "cut-off")


def test_the_key_of_a_credential_is_named_by_hand(config: Path, tmp_path: Path) -> None:
    key = tmp_path / "simcourier.key"
    fill(config, 2, key)
    ended = call("audit", "verify", "--config", config)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "--key-file" in ended.stderr
    assert not (config.parent / "storage" / "body.key").exists(), "no key was made"
    assert verified(config, "--key-file", key)[0] == 0


def test_where_there_is_no_database_none_is_made(config: Path) -> None:
    ended = call("audit", "verify", "--config", config)
    assert ended.returncode == 1
    assert "there is no database in" in ended.stderr
    assert not (config.parent / "storage").exists()


def test_the_newest_entries_are_listed_in_columns_that_fit(running: Path) -> None:
    assert call("secrets", "rotate", "--config", running).returncode == 0
    shown = call("audit", "list", "--config", running).stdout
    assert "secrets.rotate" in shown
    assert "sealing key" in shown
    assert max(map(len, shown.splitlines())) <= 80
    listed = json.loads(
        call("audit", "list", "--action", "secrets.rotate", "--json", "--config", running).stdout
    )
    assert [item["actor"] for item in listed["items"]] == ["local"]
    none = call("audit", "list", "--actor", "nobody", "--config", running)
    assert none.stdout == "There is no such entry.\n"


def test_entries_about_a_number_are_found_also_from_standard_input(running: Path) -> None:
    for given in ({"number": "+447700900001"}, {"number": "-", "input": "+447700900001\n"}):
        ended = call("audit", "list", "--number", given.pop("number"), "--config", running, **given)
        assert (ended.returncode, ended.stdout) == (0, "There is no such entry.\n")
    both = call("audit", "list", "--number", "+447700900001", "--actor", "local", "--config", running)
    assert both.returncode == 2


# --- secrets ---


def test_keys_are_shown_by_id_and_age_and_rotated(running: Path) -> None:
    key_file = running.parent / "storage" / "body.key"
    before = KeyFile(key_file).read()
    made = call("secrets", "rotate", "--config", running)
    assert made.stdout.startswith("Key 2 seals from now on.")
    shown = call("secrets", "show", "--config", running).stdout
    assert "opens what is left" in shown
    assert max(map(len, shown.splitlines())) <= 80
    after = KeyFile(key_file).read()
    assert (after.root, after.keys[0]) == (before.root, before.keys[0])
    for key in after.keys:
        assert key.octets.hex() not in shown + made.stdout
    assert key_file.stat().st_mode & 0o777 == 0o600


def test_a_credential_s_source_gets_a_new_key_and_loses_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "simcourier.key"
    path.write_bytes(b"k" * 32)
    path.chmod(0o600)
    added = call("secrets", "add-key", path)
    assert added.stdout == f"{path} has the new key 2; restart the box to seal with it.\n"
    sealed = Sealer(Ring.raw(b"k" * 32)).seal("text", "msg_1")
    assert Sealer(KeyFile(path).read()).open(sealed, "msg_1") == "text"
    assert call("secrets", "drop-key", path, 2).returncode == 1
    assert call("secrets", "drop-key", path, 7).returncode == 1
    assert call("secrets", "drop-key", path, 1).stdout == f"{path} has no key 1 any more.\n"
    assert KeyFile(path).read().ids == (2,)


def test_a_key_file_that_is_none_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "simcourier.key"
    missing = call("secrets", "add-key", path)
    assert (missing.returncode, path.exists()) == (78, False)
    path.write_text("something else")
    path.chmod(0o600)
    assert call("secrets", "add-key", path).returncode == 78
    assert path.read_text() == "something else"


def test_a_box_whose_keys_are_a_credential_says_what_to_do(config: Path, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "simcourier.key").write_bytes(b"k" * 32)
    (credentials / "simcourier.key").chmod(0o400)
    environment = ENVIRONMENT | {"CREDENTIALS_DIRECTORY": str(credentials)}
    with Started("run", "--config", config, env=environment) as daemon:
        daemon.wait_for_words("simcourier runs")
        assert not (config.parent / "storage" / "body.key").exists()
        refused = call("secrets", "rotate", "--config", config)
        assert refused.returncode == 1
        assert "simcourier secrets add-key FILE" in " ".join(refused.stderr.split())


# --- a lost key file ---


def test_a_box_does_not_start_without_its_key_file_until_an_admin_says_so(config: Path) -> None:
    storage = config.parent / "storage"
    key_file = storage / "body.key"
    with Started("run", "--config", config) as daemon:
        daemon.wait_for_words("simcourier runs")
        assert call("secrets", "rotate", "--config", config).returncode == 0
        running = call("secrets", "accept-new-key", "--yes", "--config", config)
        assert running.returncode == 75, "only where no daemon uses the database"
        daemon.process.terminate()
        assert daemon.end() == 0
    kept = key_file.read_bytes()
    key_file.unlink()
    refused = call("run", "--config", config)
    assert refused.returncode == 78
    assert f"{key_file}: is missing" in " ".join(refused.stderr.split())
    assert not key_file.exists()
    key_file.write_bytes(kept)
    key_file.chmod(0o600)
    assert verified(config)[1]["whole"]
    key_file.unlink()
    assert call("secrets", "accept-new-key", "--yes", "--config", config).returncode == 0
    with Started("run", "--config", config) as daemon:
        daemon.wait_for_words("simcourier runs")
        listed = json.loads(call("audit", "list", "--json", "--config", config).stdout)
        assert "secrets.new-key" in [item["action"] for item in listed["items"]]
    assert key_file.read_bytes() != kept


def test_an_end_and_its_file_that_were_removed_leave_an_entry_that_stays(config: Path) -> None:
    storage = config.parent / "storage"
    with Started("run", "--config", config) as daemon:
        daemon.wait_for_words("simcourier runs")
        for _ in range(3):
            assert call("secrets", "rotate", "--config", config).returncode == 0
    change(storage, "DELETE FROM audit WHERE seq > 1")
    (storage / "audit.head").unlink()
    code, verdict = verified(config)
    assert (code, verdict["findings"][0]["kind"]) == (1, "no-head")
    with Started("run", "--config", config) as daemon:
        daemon.wait_for_words("audit.head is missing")
        wait_until((storage / "audit.head").exists, "the end on file")
        listed = json.loads(call("audit", "list", "--json", "--config", config).stdout)
    assert [item["action"] for item in listed["items"]] == ["audit.head-lost", "secrets.rotate"]
    code, verdict = verified(config)
    assert (code, [note["seq"] for note in verdict["notes"]]) == (0, [2])


def test_keys_that_were_made_before_the_first_start_are_whole_on_record(config: Path) -> None:
    assert call("keys", "create", "shop", "--config", config).returncode == 0
    assert verified(config)[1]["whole"]
    with Started("run", "--config", config) as daemon:
        daemon.wait_for_words("simcourier runs")
    assert verified(config)[1]["whole"]
    assert verified(config)[1]["notes"] == []


def test_an_audit_that_was_emptied_with_all_that_tells_of_it_begins_with_an_entry(config: Path) -> None:
    storage = config.parent / "storage"
    with Started("run", "--config", config) as daemon:
        daemon.wait_for_words("simcourier runs")
        assert call("secrets", "rotate", "--config", config).returncode == 0
    for table in ("audit", "audit_anchors", "key_check"):
        change(storage, f"DELETE FROM {table}")  # noqa: S608 - the three above
    (storage / "audit.head").unlink()
    with Started("run", "--config", config) as daemon:
        daemon.wait_for_words("simcourier runs")
        (item,) = json.loads(call("audit", "list", "--json", "--config", config).stdout)["items"]
    assert (item["action"], item["detail"]) == ("audit.begin", "the box was started 1 times before")
