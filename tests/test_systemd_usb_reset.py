"""The units that wake USB sticks for the service: what systemd says of them, and that both sides mean the same."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from simcourier.radio.specs import RadioSettings

DIRECTORY = Path(__file__).parent.parent / "systemd"
PATH_UNIT = DIRECTORY / "simcourier-usb-reset.path"
UNIT = DIRECTORY / "simcourier-usb-reset.service"
SCRIPT = DIRECTORY / "simcourier-usb-reset"

has_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="there is no systemd-analyze here (Debian: apt-get install systemd)",
)


def settings(unit: Path) -> dict[str, str]:
    lines = [line for line in unit.read_text("utf-8").splitlines() if line and line[0] not in "#["]
    return dict(line.split("=", 1) for line in lines)


@has_systemd
def test_systemd_finds_nothing_to_say_about_the_units(tmp_path: Path) -> None:
    for unit in (PATH_UNIT, UNIT):
        shutil.copy(unit, tmp_path)
    verdict = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / PATH_UNIT.name)],
        capture_output=True,
        text=True,
    )
    ours = [line for line in verdict.stderr.splitlines() if "simcourier" in line]
    assert (verdict.returncode, ours) == (0, [])


@has_systemd
def test_the_exposure_of_the_unit_is_low_although_it_is_root(tmp_path: Path) -> None:
    shutil.copy(UNIT, tmp_path)
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20"]
    verdict = subprocess.run([*command, str(tmp_path / UNIT.name)], capture_output=True, text=True)
    assert verdict.returncode == 0, verdict.stdout.splitlines()[-1]


def test_daemon_path_unit_and_script_mean_the_same_directory() -> None:
    requests = RadioSettings().rescue_requests
    assert settings(PATH_UNIT)["DirectoryNotEmpty"] == requests
    start = settings(UNIT)["ExecStart"].split()
    assert start[-1] == requests
    assert Path(start[-2]).name == SCRIPT.name
    daemon = settings(DIRECTORY / "simcourier.service")
    assert requests.startswith(f"/run/{daemon['RuntimeDirectory']}/")


def test_the_script_is_plain_shell_and_says_no_before_it_does_anything(tmp_path: Path) -> None:
    assert SCRIPT.read_text("ascii").startswith("#!/bin/sh\n")
    checked = subprocess.run(["sh", "-n", SCRIPT], capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    missing = subprocess.run(
        ["sh", SCRIPT, tmp_path / "none"], capture_output=True, text=True, env=dict(os.environ)
    )
    assert missing.returncode == 1


def test_the_readme_tells_where_the_units_go() -> None:
    readme = (DIRECTORY / "README.md").read_text("utf-8")
    assert PATH_UNIT.name in readme
    assert UNIT.name in readme
