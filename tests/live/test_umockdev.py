"""Sticks that udev tells of, in a pretended machine (umockdev), with virtual modems behind their AT ports."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from simcourier.virtual import scenario
from simcourier.virtual.host import VirtualHost

HERE = Path(__file__).parent
SYSTEM_PYTHON = "/usr/bin/python3"
PATIENCE_S = 20.0


def missing() -> str:
    """Why these tests can't be run here, or nothing."""
    if shutil.which("umockdev-wrapper") is None:
        return "there is no umockdev here (Debian: apt-get install umockdev)"
    asked = [SYSTEM_PYTHON, "-c", "import gi; gi.require_version('UMockdev', '1.0')"]
    if not Path(SYSTEM_PYTHON).exists() or subprocess.run(asked, capture_output=True).returncode:
        return (
            "the system's Python knows no umockdev (Debian: apt-get install gir1.2-umockdev-1.0 python3-gi)"
        )
    return ""


WHY_NOT = missing()
pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]


class Machine:
    """A pretended machine with a radio on it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [
                "umockdev-wrapper",
                SYSTEM_PYTHON,
                HERE / "umockdev_stage.py",
                sys.executable,
                HERE / "umockdev_radio.py",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ, PYTHONUNBUFFERED="1"),
        )
        self._lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.told: list[dict[str, Any]] = []
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()
        self.until(lambda told: "listening" in told)

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            self._lines.put(json.loads(line))

    def order(self, **order: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for a line for which something is so."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                told = self._lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"not within {PATIENCE_S} s; told: {self.told[-10:]}")
            self.told.append(told)
            if condition(told):
                return told

    def until_state(self, name: str, state: str) -> dict[str, Any]:
        return self.until(lambda told: (told.get("name"), told.get("state")) == (name, state))

    def heard(self) -> dict[str, int]:
        """How many octets were written to each tty."""
        self.order(do="tell")
        found: dict[str, int] = self.until(lambda told: "heard" in told)["heard"]
        return found

    def plug(self, device: str, first: int, to: Path, interface: int = 2, **about: Any) -> None:
        """A stick with four ttys; the one at `interface` leads to a modem."""
        ttys = [
            {"name": f"ttyUSB{first + number}", "interface": number}
            | ({"to": str(to)} if number == interface else {})
            | ({"properties": about["properties"][number]} if number in about.get("properties", {}) else {})
            for number in range(4)
        ]
        vendor, product = about.get("vendor", "2c7c"), about.get("product", "0125")
        self.order(do="plug", device=device, vendor=vendor, product=product, ttys=ttys)

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)


@pytest.fixture
def machine() -> Iterator[Machine]:
    machine = Machine()
    yield machine
    machine.end()


@pytest.fixture
def modems(tmp_path: Path) -> Iterator[list[Path]]:
    """The ports of two virtual modems."""
    with VirtualHost(2, tmp_path / "ports", scenario.parse("")) as host:
        yield list(host.ports)


def test_a_stick_with_four_ttys_appears_goes_and_comes_back_elsewhere(
    machine: Machine, modems: list[Path]
) -> None:
    machine.plug("1-2", 0, modems[0])
    ready = machine.until_state("ttyUSB2", "ready")
    assert (ready["port"], ready["device"]) == ("/dev/ttyUSB2", "1-2")
    heard = machine.heard()
    assert [name for name, octets in heard.items() if octets] == ["ttyUSB2"]

    machine.order(do="pull", device="1-2")
    assert machine.until_state("ttyUSB2", "absent")["reason"] == "/dev/ttyUSB2: the device is gone"

    machine.plug("1-4", 4, modems[0])
    back = machine.until_state("ttyUSB2", "ready")
    assert (back["port"], back["device"], back["imei"]) == ("/dev/ttyUSB6", "1-4", ready["imei"])
    assert [name for name, octets in machine.heard().items() if octets] == ["ttyUSB2", "ttyUSB6"]


def test_two_sticks_have_two_names(machine: Machine, modems: list[Path]) -> None:
    machine.plug("1-2", 0, modems[0])
    machine.plug("1-3", 4, modems[1])
    ready: set[str] = set()

    def both(told: dict[str, Any]) -> bool:
        if told.get("state") == "ready":
            ready.add(told["name"])
        return ready == {"ttyUSB2", "ttyUSB6"}

    machine.until(both)


def test_of_an_unknown_stick_the_port_that_answers_is_found(machine: Machine, modems: list[Path]) -> None:
    machine.plug("1-2", 0, modems[0], interface=3, vendor="1234", product="5678")
    assert machine.until_state("ttyUSB3", "ready")["port"] == "/dev/ttyUSB3"
    heard = machine.heard()
    assert heard["ttyUSB0"] == heard["ttyUSB1"] == 0, "what is often for diagnostics is tried last"


def test_what_udev_says_of_a_port_is_believed(machine: Machine, modems: list[Path]) -> None:
    said = {0: {"ID_SIMCOURIER_ROLE": "at"}, 2: {"ID_SIMCOURIER_ROLE": "diag"}}
    machine.plug("1-2", 0, modems[0], interface=0, vendor="1234", product="5678", properties=said)
    assert machine.until_state("ttyUSB0", "ready")["port"] == "/dev/ttyUSB0"
    assert machine.heard()["ttyUSB2"] == 0
