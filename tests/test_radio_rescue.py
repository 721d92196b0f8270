"""Waking a stick: what is written where, one at a hub, and what is said when it can't be done."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from usb_tree import UsbTree

from simcourier.modem.facts import Rung
from simcourier.radio import rescue
from simcourier.radio.rescue import Rescuer, hub_and_port
from simcourier.radio.sticks import Place, Sticks

SCRIPT = Path(__file__).parent.parent / "systemd" / "simcourier-usb-reset"


@pytest.fixture
def usb(tmp_path: Path) -> UsbTree:
    tree = UsbTree(tmp_path / "sys")
    tree.plug("1-2.3", "2c7c", "0125", {"ttyUSB2": 2})
    tree.plug("1-2.4", "2c7c", "0125", {"ttyUSB6": 2})
    tree.plug("1-5", "0403", "6011", {"ttyUSB7": 0}, driver="ftdi_sio")
    return tree


class Bench:
    """A rescuer in a pretended /sys, and what it said."""

    def __init__(self, usb: UsbTree, requests: Path, *, usb_allowed: bool = True, power: bool = True) -> None:
        self.devices = usb.directory / "bus" / "usb" / "devices"
        self.requests = requests
        self.sticks = Sticks(str(usb.directory))
        self.rescuer = Rescuer(
            usb=usb_allowed, power=power, requests=str(requests), sysfs=str(usb.directory), off_s=0.01
        )
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()

    def place(self, tty: str) -> Place:
        place = self.sticks.place(f"/dev/{tty}")
        assert place is not None
        return place

    def start(self, rung: Rung = Rung.REAUTHORISE, tty: str = "ttyUSB2") -> str:
        return self.rescuer.start(rung, self.place(tty), self._said.put)

    def said(self) -> str:
        return self._said.get(timeout=10)


@pytest.fixture
def bench(usb: UsbTree, tmp_path: Path) -> Bench:
    return Bench(usb, tmp_path / "requests")


def test_a_device_names_its_hub_and_the_port_there() -> None:
    assert hub_and_port("1-2.3") == ("1-2", "3")
    assert hub_and_port("1-2") == ("1", "2")
    assert hub_and_port("3-1.4.12") == ("3-1.4", "12")


def test_authorisation_is_taken_away_and_given_back(bench: Bench) -> None:
    written: list[str] = []
    usual = Path.write_text

    def note(path: Path, text: str, *rest: str) -> int:
        written.append(text)
        return usual(path, text, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "write_text", note)
        assert bench.start() == ""
        assert bench.said() == ""
    assert written == ["0", "1"]
    assert (bench.devices / "1-2.3" / "authorized").read_text() == "1"


def test_at_one_hub_one_stick_is_woken_at_a_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr(Rescuer, "_reauthorise", lambda *_: go.wait(10))
    assert bench.start(tty="ttyUSB2") == ""
    assert bench.start(tty="ttyUSB6") == ""
    assert bench.rescuer._busy == {"1-2"}
    go.set()
    assert [bench.said(), bench.said()] == ["", ""]


def test_of_a_hub_that_died_each_stick_has_its_turn(usb: UsbTree, tmp_path: Path) -> None:
    for number in range(5, 21):
        usb.plug(f"1-3.{number}", "2c7c", "0125", {f"ttyUSB{number}0": 2})
    bench = Bench(usb, tmp_path / "requests")
    devices = [bench.devices / f"1-3.{number}" for number in range(5, 21)]
    for device in devices:
        (device / "authorized").write_text("dead")
    for number in range(5, 21):
        assert bench.start(tty=f"ttyUSB{number}0") == ""
    assert [bench.said() for _ in devices] == [""] * 16
    assert {(device / "authorized").read_text() for device in devices} == {"1"}


def test_a_stick_is_let_be_that_went_before_its_turn_or_is_not_to_be_woken_any_more(
    bench: Bench, usb: UsbTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, woken = threading.Event(), []
    monkeypatch.setattr(Rescuer, "_reauthorise", lambda _, device: (woken.append(device), go.wait(10)))
    usb.plug("1-2.5", "2c7c", "0125", {"ttyUSB10": 2})
    assert bench.start(tty="ttyUSB2") == ""
    assert bench.start(tty="ttyUSB6") == ""
    place = bench.place("ttyUSB10")
    assert bench.rescuer.start(Rung.REAUTHORISE, place, bench._said.put, lambda: False) == ""
    usb.unplug("1-2.4")
    usb.plug("1-2.4", "1e0e", "9001", {"ttyUSB11": 2})  # somebody else's, at the same socket
    go.set()
    left = "it went or came back by itself before its turn"
    assert [bench.said() for _ in range(3)] == ["", left, left]
    assert woken == ["1-2.3"]


def test_more_hubs_than_threads_have_their_turn_and_no_thread_is_left(
    usb: UsbTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescue, "MOST_HUBS", 2)
    for number in range(1, 7):
        usb.plug(f"1-7.{number}.1", "2c7c", "0125", {f"ttyUSB7{number}": 2})
    bench = Bench(usb, tmp_path / "requests")
    for number in range(1, 7):
        assert bench.start(tty=f"ttyUSB7{number}") == ""
        assert len(bench.rescuer._busy) <= 2
    assert [bench.said() for _ in range(6)] == [""] * 6
    end = time.monotonic() + 10
    while any(thread.name.startswith("rescue at") for thread in threading.enumerate()):
        assert time.monotonic() < end
    assert not bench.rescuer._waiting
    assert not bench.rescuer._busy


def test_what_can_not_be_woken_says_why(usb: UsbTree, tmp_path: Path) -> None:
    bench = Bench(usb, tmp_path, usb_allowed=False)
    assert bench.start() == "it is switched off in [recovery]"
    bench = Bench(usb, tmp_path, power=False)
    assert bench.start(Rung.POWER) == "it is switched off in [recovery]"
    assert bench.start(tty="ttyUSB7") == "other modems may hang on the USB device 1-5 too"
    assert bench.rescuer.start(Rung.REAUTHORISE, None, lambda _: None) == "its port is not on USB"
    place = bench.place("ttyUSB2")
    usb.unplug("1-2.3")
    assert bench.rescuer.start(Rung.REAUTHORISE, place, lambda _: None) == "the USB device 1-2.3 is gone"


def not_root(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(rescue.shutil, "which", lambda _: "/usr/sbin/uhubctl")


def test_what_takes_root_is_asked_of_the_unit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    not_root(bench, monkeypatch)
    assert bench.start() == ""
    request = bench.requests / "1-2.3"
    end = time.monotonic() + 10
    while not request.exists():
        assert time.monotonic() < end
    request.unlink()
    assert bench.said() == ""


def test_where_no_unit_answers_the_request_is_taken_back_and_the_next_one_is_not_waited_for_so_long(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    not_root(bench, monkeypatch)
    bench.rescuer._patience_s = 0.05
    assert bench.start() == ""
    assert "the unit simcourier-usb-reset did nothing" in bench.said()
    assert not (bench.requests / "1-2.3").exists()
    assert bench.rescuer._patience_s < rescue.REQUEST_S


def test_where_nobody_can_be_asked_it_says_so(
    usb: UsbTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(usb, tmp_path / "nothing" / "requests")
    not_root(bench, monkeypatch)
    assert bench.start() == ""
    assert bench.said().startswith("it takes root, and nobody can be asked")


def test_power_is_switched_at_the_hub_and_the_device_comes_back_under_another_number(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def uhubctl(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        (bench.devices / "1-2.3" / "devnum").write_text("77\n")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(rescue.shutil, "which", lambda _: "/usr/sbin/uhubctl")
    monkeypatch.setattr(rescue.subprocess, "run", uhubctl)
    assert bench.start(Rung.POWER) == ""
    assert bench.said() == ""
    assert asked == [["/usr/sbin/uhubctl", "-l", "1-2", "-p", "3", "-a", "cycle", "-d", "0.01"]]


def test_a_hub_that_does_not_switch_and_a_missing_program_are_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescue, "_COMES_BACK_S", 0.05)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(rescue.shutil, "which", lambda _: "/bin/true")
    assert bench.start(Rung.POWER) == ""
    assert bench.said() == "its hub did not switch the power of its port"
    monkeypatch.setattr(rescue.shutil, "which", lambda _: "/bin/false")
    assert bench.start(Rung.POWER) == ""
    assert bench.said() == "uhubctl: exit code 1"
    monkeypatch.setattr(rescue.shutil, "which", lambda _: None)
    assert bench.start(Rung.POWER) == ""
    assert "uhubctl is not installed" in bench.said()


# -- root's side ---------------------------------------------------------------------------------------------


class Root:
    """The script of simcourier-usb-reset.service, in a pretended /sys."""

    def __init__(self, directory: Path, usb: UsbTree) -> None:
        self.requests = directory / "requests"
        self.requests.mkdir()
        self.usb = usb
        self.bin = directory / "bin"
        self.bin.mkdir()
        self.asked = directory / "uhubctl.log"
        program = self.bin / "uhubctl"
        program.write_text(f'#!/bin/sh\necho "$@" >>{self.asked}\n')
        program.chmod(0o755)

    def run(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", SCRIPT, self.requests, self.usb.directory, "0"],
            capture_output=True,
            text=True,
            env={"PATH": f"{self.bin}:{os.environ['PATH']}"},
        )


@pytest.fixture
def root(tmp_path: Path, usb: UsbTree) -> Root:
    return Root(tmp_path, usb)


def test_the_unit_does_what_was_asked_and_takes_the_requests_away(root: Root) -> None:
    switch = root.usb.directory / "bus" / "usb" / "devices" / "1-2.3" / "authorized"
    switch.write_text("never written")
    for name in ("1-2.3", "power-1-2.4", "power-1-5"):
        (root.requests / name).touch()
    ended = root.run()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert switch.read_text() == "1\n"
    assert root.asked.read_text().splitlines() == [
        "-l 1-2 -p 4 -a cycle -d 0",
        "-l 1 -p 5 -a cycle -d 0",
    ]
    assert list(root.requests.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "..x",
        ".x",
        "usb1",
        "1-2.3;id",
        "-rf",
        "1-2..3",
        "1-",
        "power-",
        "power-../1-2",
        "1-2.3 x",
        "1-2-3",
        "1-2:1.0",
        "*",
    ],
)
def test_the_unit_throws_other_names_away(root: Root, name: str) -> None:
    path = root.requests / name.replace("/", "_")
    path.touch()
    ended = root.run()
    assert ended.returncode == 0
    assert not root.asked.exists()
    assert not path.exists()
    assert (root.usb.directory / "bus/usb/devices/1-2.3/authorized").read_text() == "1\n"


def test_the_unit_follows_no_link(root: Root, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "1-2.3").write_text("precious")
    (root.requests / "1-9").symlink_to(elsewhere)
    assert root.run().returncode == 0
    assert (elsewhere / "1-2.3").read_text() == "precious"
    root.requests.rmdir()
    root.requests.symlink_to(elsewhere)
    assert root.run().returncode == 1
    assert (elsewhere / "1-2.3").read_text() == "precious"


def test_a_unit_that_is_told_to_end_leaves_no_stick_without_authorisation(root: Root) -> None:
    switch = root.usb.directory / "bus" / "usb" / "devices" / "1-2.3" / "authorized"
    (root.requests / "1-2.3").touch()
    (root.requests / "1-2.4").touch()
    with subprocess.Popen(
        ["sh", SCRIPT, root.requests, root.usb.directory, "1"], start_new_session=True
    ) as unit:
        end = time.monotonic() + 10
        while switch.read_text() != "0\n":
            assert time.monotonic() < end
        os.killpg(unit.pid, signal.SIGTERM)  # as systemd does: all of the unit's processes
        assert unit.wait(10) == 1
    assert switch.read_text() == "1\n"
    assert [request.name for request in root.requests.iterdir()] == ["1-2.4"]


def test_the_unit_goes_on_behind_a_device_that_is_gone(root: Root) -> None:
    for name in ("1-1", "1-2.3"):
        (root.requests / name).touch()
    ended = root.run()
    assert "1-1: it can't be taken away and given back" in ended.stderr
    assert (root.usb.directory / "bus/usb/devices/1-2.3/authorized").read_text() == "1\n"
    assert list(root.requests.iterdir()) == []
