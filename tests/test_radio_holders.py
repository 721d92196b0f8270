"""Who holds a port, in words: as /proc tells it, or guessed where that is hidden."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from simcourier.radio import holders
from simcourier.radio.holders import Holders, in_use


class Machine:
    """A pretended /proc and /sys/fs/cgroup, and a port."""

    def __init__(self, directory: Path) -> None:
        self.proc, self.cgroups = directory / "proc", directory / "cgroup"
        self.proc.mkdir()
        self.port = directory / "ttyUSB2"
        self.port.touch()

    def process(self, pid: int, command: str, *held: Path, hidden: bool = False) -> None:
        home = self.proc / str(pid)
        home.mkdir()
        (home / "cmdline").write_bytes(command.encode() + b"\0--flag\0" if command.startswith("/") else b"")
        (home / "comm").write_text(f"{command[:15]}\n")
        if not hidden:
            (home / "fd").mkdir()
            for number, path in enumerate(held):
                (home / "fd" / str(number)).symlink_to(path)

    def words(self) -> str:
        return in_use(str(self.port), str(self.proc), str(self.cgroups))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_modem_manager_is_named_with_what_to_do(machine: Machine) -> None:
    machine.process(812, "/usr/sbin/ModemManager", machine.port)
    assert machine.words() == (
        "in use by ModemManager (process 812): install udev-rules/70-simcourier.rules and replug the stick, or stop "
        "it: systemctl disable --now ModemManager"
    )


def test_another_program_is_named(machine: Machine) -> None:
    machine.process(41, "/usr/bin/other", machine.port.parent)
    machine.process(42, "/usr/bin/gammu-smsd", Path("/dev/null"), machine.port)
    assert machine.words().startswith("in use by gammu-smsd (process 42): end it")


def test_a_port_reached_by_another_name_is_found(machine: Machine) -> None:
    machine.process(42, "screen", machine.port)
    link = machine.port.with_name("by-id")
    link.symlink_to(machine.port)
    assert "screen" in in_use(str(link), str(machine.proc), str(machine.cgroups))


def test_where_the_holder_is_hidden_a_program_that_opens_modems_is_suspected(machine: Machine) -> None:
    machine.process(7, "/usr/sbin/cron", hidden=True)
    machine.process(812, "/usr/sbin/ModemManager", hidden=True)
    assert machine.words().startswith(
        "in use by another program, most likely ModemManager: install udev-rules"
    )


def test_where_all_processes_are_hidden_systemds_groups_tell(machine: Machine) -> None:
    group = machine.cgroups / "system.slice" / "ModemManager.service"
    group.mkdir(parents=True)
    (group / "cgroup.procs").write_text("812\n")
    assert "most likely ModemManager" in machine.words()
    (group / "cgroup.procs").write_text("")
    assert machine.words().startswith("in use by another program: end it")


def test_our_own_hold_is_told_as_such_unless_somebody_else_has_the_port_too(machine: Machine) -> None:
    machine.process(os.getpid(), "/usr/bin/python3", machine.port)
    assert machine.words().startswith("in use by simcourier itself")
    machine.process(42, "/usr/bin/minicom", machine.port)
    assert "minicom (process 42)" in machine.words()


def test_a_name_with_control_characters_is_made_harmless(machine: Machine) -> None:
    machine.process(42, "/tmp/\x1b[31mred\n" + "x" * 99, machine.port)
    assert "\x1b" not in machine.words()
    assert "\n" not in machine.words()
    assert len(machine.words()) < 150


def test_a_machine_without_proc_tells_nothing_and_fails_not(tmp_path: Path) -> None:
    words = in_use(str(tmp_path / "x"), str(tmp_path / "none"), str(tmp_path / "none"))
    assert words.startswith("in use by another program")


def test_for_many_ports_that_are_taken_the_processes_are_looked_through_once(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    whole = holders._processes

    def note(proc: str) -> Iterator[int]:
        looked.append(proc)
        return whole(proc)

    monkeypatch.setattr(holders, "_processes", note)
    machine.process(42, "screen", machine.port)
    asked = Holders(str(machine.proc), str(machine.cgroups))
    assert {asked.in_use(str(machine.port)) for _ in range(64)} == {machine.words()}
    assert len(looked) == 4, "once for the descriptors and once for the names, by each of the two"
