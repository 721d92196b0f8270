"""The unit of the sandbox's virtual modem, and what the README says of it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simcourier import config

DIRECTORY = Path(__file__).parent.parent / "systemd"
UNIT = DIRECTORY / "simcourier-sandbox.service"
PROGRAM = "/opt/simcourier/bin/simcourier"

has_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="there is no systemd-analyze here (Debian: apt-get install systemd)",
)


def settings(unit: Path) -> dict[str, str]:
    """The last value of each setting of a unit."""
    lines = [line for line in unit.read_text("utf-8").splitlines() if line and line[0] not in "#["]
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def installed_unit(tmp_path: Path) -> Path:
    """The unit with a program that exists on this machine."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text("utf-8").replace(PROGRAM, sys.executable))
    return unit


@has_systemd
def test_systemd_finds_nothing_to_say_about_the_unit(installed_unit: Path) -> None:
    verdict = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(installed_unit)], capture_output=True, text=True
    )
    ours = [line for line in verdict.stderr.splitlines() if "simcourier" in line]
    assert (verdict.returncode, ours) == (0, [])


@has_systemd
def test_the_exposure_of_the_unit_is_low(installed_unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15"]
    verdict = subprocess.run([*command, str(installed_unit)], capture_output=True, text=True)
    assert verdict.returncode == 0, verdict.stdout.splitlines()[-1]


def test_its_ports_belong_to_the_user_that_opens_them() -> None:
    ours, daemons = settings(UNIT), settings(DIRECTORY / "simcourier.service")
    assert (ours["User"], ours["Group"]) == (daemons["User"], daemons["Group"])
    assert ours["RuntimeDirectoryMode"] == "0700"


def test_the_readme_names_the_port_that_the_unit_makes() -> None:
    unit = settings(UNIT)
    directory = f"/run/{unit['RuntimeDirectory']}"
    assert unit["ExecStart"] == f"{PROGRAM} virtual --modems 1 --dir {directory}"
    readme = (DIRECTORY / "README.md").read_text("utf-8")
    assert UNIT.name in readme
    block = re.search(r"```toml\n(\[\[modems\]\].*?)```", readme, re.S)
    assert block is not None
    assert config.parse(block[1].encode(), "README").sandbox_ports == (f"{directory}/modem-000",)
    assert f"{directory}/network.jsonl" in readme
