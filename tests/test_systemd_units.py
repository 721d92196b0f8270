"""The unit, its user and its configuration: what systemd says of them, and what they promise."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

from simcourier import config
from simcourier.cli.endings import EX_CONFIG
from simcourier.cli.supervisor import Supervisor

DIRECTORY = Path(__file__).parent.parent / "systemd"
UNIT = DIRECTORY / "simcourier.service"
PROGRAM = "/opt/simcourier/bin/simcourier"

has_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="there is no systemd-analyze here (Debian: apt-get install systemd)",
)


def settings() -> dict[str, list[str]]:
    """Every setting of the unit, each with its values in order."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text("utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


@pytest.fixture
def installed_unit(tmp_path: Path) -> Path:
    """The unit with a program that exists on this machine, for checks that look whether it does."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text("utf-8").replace(PROGRAM, sys.executable))
    return unit


@has_systemd
def test_systemd_finds_nothing_to_say_about_the_unit(installed_unit: Path) -> None:
    verdict = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(installed_unit)], capture_output=True, text=True
    )
    # systemd also speaks of other units of this machine, which are not our matter.
    ours = [line for line in verdict.stderr.splitlines() if "simcourier" in line]
    assert (verdict.returncode, ours) == (0, [])


@has_systemd
def test_the_exposure_of_the_unit_is_low(installed_unit: Path) -> None:
    verdict = subprocess.run(
        [
            "systemd-analyze",
            "security",
            "--offline=true",
            "--no-pager",
            "--threshold=15",
            str(installed_unit),
        ],
        capture_output=True,
        text=True,
    )
    assert verdict.returncode == 0, verdict.stdout.splitlines()[-1]


@pytest.mark.skipif(
    shutil.which("systemd-sysusers") is None,
    reason="there is no systemd-sysusers here (Debian: apt-get install systemd)",
)
def test_the_user_is_made_and_belongs_to_the_group_of_the_modems(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    rules = DIRECTORY / "simcourier.sysusers"
    made = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", str(rules)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert made.returncode == 0, made.stderr
    assert re.search(
        r"^simcourier:.*:/var/lib/simcourier:\S*nologin$", (tmp_path / "etc/passwd").read_text(), re.M
    )
    assert re.search(r"^simcourier-modem:x:\d+:simcourier$", (tmp_path / "etc/group").read_text(), re.M)


def test_a_broken_configuration_is_not_tried_again_and_anything_else_is_for_ever() -> None:
    unit = settings()
    assert unit["RestartPreventExitStatus"] == [str(EX_CONFIG)]
    assert (unit["Restart"], unit["StartLimitIntervalSec"]) == (["always"], ["0"])


def test_a_stop_is_given_more_time_than_the_submits_in_flight() -> None:
    assert int(settings()["TimeoutStopSec"][0]) > config.Sending().drain + 10


def test_the_watchdog_waits_longer_than_the_pause_between_two_feeds() -> None:
    patience_s = int(settings()["WatchdogSec"][0])
    environment = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": str(patience_s * 1_000_000)}
    assert Supervisor(environment, 1).pause_s < patience_s / 2


def test_devices_are_named_by_number_because_a_name_is_looked_up_before_its_module_is_loaded() -> None:
    unit = settings()
    assert unit["DeviceAllow"] == ["char-188 rw", "char-166 rw"]
    assert "PrivateDevices" not in unit, "it would hide every modem"


def test_the_directories_are_those_of_the_configuration() -> None:
    unit = settings()
    assert f"/var/lib/{unit['StateDirectory'][0]}" == config.DEFAULT_DIRECTORY
    assert unit["ExecStart"] == [
        f"{PROGRAM} run --config /etc/{unit['ConfigurationDirectory'][0]}/simcourier.toml"
    ]


def test_the_unit_has_room_for_every_thread_of_the_configuration() -> None:
    default = config.Config()
    # Each endpoint has a thread, and while it is told something a second one that watches the deadline; beside those
    # that answer HTTP there are main, writer, radio, opener, http, hooks, ticks, watchdog and two in reserve.
    most = 2 * default.webhooks.max_endpoints + default.http.threads + 10
    assert int(settings()["TasksMax"][0]) >= most


def test_the_daemon_reads_nothing_that_the_unit_hides() -> None:
    read = {
        path
        for source in (DIRECTORY.parent / "daemon" / "simcourier").glob("*.py")
        for path in re.findall(r'"(/proc/(?!self\b)[^"]+)"', source.read_text("utf-8"))
    }
    assert not read or settings().get("ProcSubset", ["all"]) == ["all"], f"hidden by ProcSubset: {read}"


# --- the example configuration ---

SETTING = re.compile(r"^#(?=(\[\[?[a-z_.]+\]|[a-z0-9_]+ = ))", re.M)


def test_the_example_configuration_as_it_comes_is_the_default() -> None:
    raw = (DIRECTORY / "simcourier.toml").read_bytes()
    assert config.parse(raw, "example") == config.Config()


def test_the_example_configuration_shows_every_setting_with_its_default() -> None:
    text = (DIRECTORY / "simcourier.toml").read_text("utf-8")
    shown = tomllib.loads(SETTING.sub("", text))
    modem = shown.pop("modems")[0]
    assert set(modem) == set(config.Modem.__struct_fields__)
    assert modem["baudrate"] == config.Modem("x").baudrate
    card, operator = shown["sims"].pop("cards")[0], shown.pop("operators")[0]
    assert set(card) == set(config.Card.__struct_fields__) - {"pace"}
    assert set(operator) == set(config.Operator.__struct_fields__) - {"pace"}
    # By way of JSON, which has arrays for tuples as TOML has.
    defaults = msgspec.json.decode(msgspec.json.encode(config.Config()))
    for lists in ("modems", "operators"):
        defaults.pop(lists)
    defaults["sims"].pop("cards")
    assert shown == defaults


def tables() -> list[tuple[str, list[str]]]:
    """The tables of the example, each with its settings as they would be without the # before them."""
    found: list[tuple[str, list[str]]] = []
    for line in SETTING.sub("", (DIRECTORY / "simcourier.toml").read_text("utf-8")).splitlines():
        if line.startswith("["):
            found.append((line, []))
        elif re.match(r"[a-z0-9_]+ = ", line):
            found[-1][1].append(line)
    return [(name, lines) for name, lines in found if not name.startswith("[[")]


def test_a_setting_that_is_taken_alone_changes_none_of_the_others() -> None:
    for table, lines in tables():
        for line in lines:
            assert config.parse(f"{table}\n{line}\n".encode(), "example") == config.Config(), (table, line)


def test_every_setting_of_the_example_has_words_before_it() -> None:
    lines = (DIRECTORY / "simcourier.toml").read_text("utf-8").splitlines()
    for before, line in itertools.pairwise(lines):
        if re.match(r"#[a-z0-9_]+ = ", line):
            assert before.startswith("# "), f"nothing says what {line} is"


@pytest.mark.parametrize(
    "name", ["simcourier.service", "simcourier.sysusers", "simcourier.toml", "70-simcourier.rules"]
)
def test_the_readme_tells_where_each_file_goes(name: str) -> None:
    assert name in (DIRECTORY / "README.md").read_text("utf-8")
