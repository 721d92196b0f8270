"""A configuration that can't be used: one clear sentence, exit code 78 (75 where it may help to try again)."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from cli_process import LIKE_EVERYBODY, call, free_port, write_config

from simcourier.cli import options
from simcourier.cli.endings import EX_CONFIG, EX_TEMPFAIL
from simcourier.errors import ConfigError


def sentence_of(*arguments: object, prefix: Sequence[str] = (), code: int = EX_CONFIG) -> str:
    """What a command says that ends with this code."""
    ended = call(*arguments, prefix=prefix)
    assert ended.returncode == code, ended.stderr
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr


@pytest.mark.parametrize("command", [["run"], ["check"], ["status"], ["keys", "list"]])
def test_a_file_that_is_not_there(command: list[str], tmp_path: Path) -> None:
    path = tmp_path / "nowhere.toml"
    said = sentence_of(*command, "--config", path)
    assert said == f"simcourier: {path}: there is no such file; give one with --config FILE\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[http\n", "is not TOML"),
        ("[http]\nlissten = 1\n", "there is no setting called `lissten`"),
        ("[http]\nthreads = 0\n", "http.threads: "),
        ('[http]\nlisten = "box:8080"\n', "http.listen: 'box' is not an IP address"),
        ("[[modems]]\nname = 'x'\n", "needs the setting `port`"),
        (
            "[[modems]]\nport = '/dev/a'\n[[modems]]\nport = '/dev/a'\n",
            "modems: two entries have the port '/dev/a'",
        ),
    ],
)
def test_a_file_with_a_fault_is_named_with_the_key(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "simcourier.toml"
    path.write_text(text)
    said = sentence_of("run", "--config", path)
    assert said.startswith(f"simcourier: {path}: ")
    assert words in said


def test_a_pin_file_that_is_not_there(tmp_path: Path) -> None:
    path = write_config(
        tmp_path, free_port(), more="[[modems]]\nport = '/dev/a'\npin_file = '/nowhere/pin'\n"
    )
    said = sentence_of("run", "--config", path)
    assert said == f"simcourier: {path}: modems: pin_file /nowhere/pin: there is no such file\n"
    assert sentence_of("check", "--config", path) == said


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("[webhooks]\nallowed_targets = ['not a host']\n", "webhooks.allowed_targets: 'not a host': write"),
        ("[webhooks]\nca_file = '/nowhere/ca.pem'\n", "webhooks.ca_file /nowhere/ca.pem: can't be read"),
        ("[verifications]\ntemplate_files = ['/nowhere/t.toml']\n", "there is no file /nowhere/t.toml"),
        ("[verifications]\ndefault_locale = '?'\n", "verifications.default_locale: write a language tag"),
        ('[verifications]\napp_name = "two\\nlines"\n', "verifications.app_name: "),
        ("[destinations]\nverifications = ['UK']\n", "Great Britain is GB"),
    ],
)
def test_a_check_says_what_a_start_would(command: str, more: str, words: str, tmp_path: Path) -> None:
    path = write_config(tmp_path, free_port(), more=more)
    said = sentence_of(command, "--config", path)
    assert said.startswith(f"simcourier: {path}: ")
    assert words in said


def test_a_check_finds_a_key_file_that_can_t_be_used_and_makes_none(tmp_path: Path) -> None:
    path = write_config(tmp_path, free_port())
    (tmp_path / "storage").mkdir()
    assert call("check", "--config", path).returncode == 1, "there is no modem"
    key_file = tmp_path / "storage" / "body.key"
    assert not key_file.exists()
    key_file.write_bytes(b"short")
    assert "must hold exactly 32 octets" in sentence_of("check", "--config", path)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_that_another_program_uses(taken_port: int, tmp_path: Path) -> None:
    path = write_config(tmp_path, taken_port)
    said = sentence_of("run", "--config", path, code=EX_TEMPFAIL)
    assert said.startswith(f"simcourier: {path}: http.listen 127.0.0.1:{taken_port}: ")
    assert "another program is using this address" in said


def test_an_address_that_this_machine_does_not_have_yet(tmp_path: Path) -> None:
    path = write_config(tmp_path, free_port())
    elsewhere = path.read_text().replace("127.0.0.1", "192.0.2.7")
    path.write_text(elsewhere.replace("[http]", "[http]\nplain_http_is_protected = true"))
    said = sentence_of("run", "--config", path, code=EX_TEMPFAIL)
    assert "this machine does not have this address (yet)" in said


def test_a_storage_directory_that_can_not_be_made(tmp_path: Path) -> None:
    path = write_config(tmp_path, free_port())
    (tmp_path / "storage").write_text("a file where the directory should be")
    said = sentence_of("run", "--config", path)
    assert said.startswith(f"simcourier: {path}: storage.directory {tmp_path / 'storage'}: can't be made")


needs_modes = pytest.mark.skipif(
    bool(LIKE_EVERYBODY) and shutil.which("setpriv") is None,
    reason="root may write everywhere, and there is no setpriv here (Debian: apt-get install util-linux)",
)


@needs_modes
@pytest.mark.parametrize("command", [["run"], ["check"], ["keys", "list"]])
def test_a_storage_directory_that_can_not_be_written_to(command: list[str], tmp_path: Path) -> None:
    path = write_config(tmp_path, free_port())
    (tmp_path / "storage").mkdir(0o500)
    said = sentence_of(*command, "--config", path, prefix=LIKE_EVERYBODY)
    assert f"{path}: storage.directory {tmp_path / 'storage'}: can't be written to" in said


@needs_modes
def test_a_configuration_that_can_not_be_read(tmp_path: Path) -> None:
    path = write_config(tmp_path, free_port())
    path.chmod(0)
    said = sentence_of("run", "--config", path, prefix=LIKE_EVERYBODY)
    assert said == f"simcourier: {path}: can't be read: Permission denied\n"


@needs_modes
def test_a_lock_of_another_user_is_named(tmp_path: Path) -> None:
    path = write_config(tmp_path, free_port())
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage" / "lock").touch(0o400)
    said = sentence_of("run", "--config", path, prefix=LIKE_EVERYBODY)
    assert f"{path}: storage.directory" in said
    assert str(tmp_path / "storage" / "lock") in said


@needs_modes
def test_a_local_key_that_may_not_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    path = write_config(tmp_path, free_port())
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage" / "local.key").touch(0)
    ended = call("status", "--config", path, prefix=LIKE_EVERYBODY)
    assert ended.returncode == 1
    assert ended.stderr.startswith(
        f"simcourier: you may not read {tmp_path / 'storage' / 'local.key'}; use sudo"
    )


def test_a_storage_directory_that_another_simcourier_uses(tmp_path: Path) -> None:
    path = write_config(tmp_path, free_port())
    storage = tmp_path / "storage"
    storage.mkdir()
    with (storage / "lock").open("w") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = sentence_of("run", "--config", path, code=EX_TEMPFAIL)
    assert said == (
        f"simcourier: {path}: storage.directory {storage}: another simcourier (process 4711) is using it\n"
    )


def test_without_any_configuration_the_sentence_says_where_one_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "DEFAULT_CONFIG", tmp_path / "simcourier.toml")
    with pytest.raises(
        ConfigError, match=r"there is no .*simcourier\.toml; give a configuration with --config"
    ):
        options.load_config(None)
    write_config(tmp_path, 8080)
    assert options.load_config(None)[1] == tmp_path / "simcourier.toml"


def test_a_fault_of_the_program_is_shown_with_a_traceback_and_exit_code_1(tmp_path: Path) -> None:
    # What can't happen: an engine that is no database. The module is put in front of ours.
    (tmp_path / "simcourier_web").mkdir()
    (tmp_path / "simcourier_web" / "__init__.py").write_text("raise RuntimeError('a fault')\n")
    path = write_config(tmp_path, free_port())
    ended = call("run", "--config", path, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    assert "RuntimeError: a fault" in ended.stderr
