"""Which ports globs and discovery come up with."""

from __future__ import annotations

from pathlib import Path

import pytest

from simcourier.errors import ConfigError
from simcourier.modem.facts import Fact
from simcourier.radio.discovery import Finder, Occupied, is_pattern
from simcourier.radio.loop import Radio
from simcourier.radio.specs import DiscoverySpec, PortSpec


def touch(directory: Path, *names: str) -> None:
    for name in names:
        (directory / name).touch()


def names(
    finder: Finder, now: float = 0.0, known: set[str] | None = None, taken: set[str] | None = None
) -> list[str]:
    return [
        Path(found.spec.port).name
        for found in finder.scan(Occupied(frozenset(known or ()), frozenset(taken or ())), now)
    ]


def discovery(directory: Path, *, ignore: tuple[str, ...] = ()) -> Finder:
    spec = DiscoverySpec(
        patterns=(f"{directory}/ttyUSB*", f"{directory}/ttyACM*"), ignore=ignore, baudrate=9600
    )
    return Finder([], spec, 300.0)


def test_a_path_is_told_from_a_glob() -> None:
    assert not is_pattern("/dev/serial/by-id/usb-A-if02")
    assert is_pattern("/dev/ttyUSB*")
    assert is_pattern("/dev/ttyUSB[02]")


def test_ports_that_match_are_found_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "ttyUSB1", "ttyUSB0", "ttyACM0", "ttyS0")
    found = discovery(tmp_path).scan(Occupied(), 0.0)
    assert [Path(one.spec.port).name for one in found] == ["ttyUSB0", "ttyUSB1", "ttyACM0"]
    assert {(one.discovered, one.spec.baudrate, one.spec.pin) for one in found} == {(True, 9600, None)}


def test_a_configured_glob_gives_its_settings_and_wins(tmp_path: Path) -> None:
    touch(tmp_path, "ttyUSB0", "ttyUSB1")
    glob = PortSpec(f"{tmp_path}/ttyUSB1*", "stick", 115200, "1234")
    finder = Finder([glob], DiscoverySpec(patterns=(f"{tmp_path}/tty*",)), 300.0)
    (first, second) = finder.scan(Occupied(), 0.0)
    assert (first.spec.name, first.spec.pin, first.discovered) == ("stick", "1234", False)
    assert Path(second.spec.port).name == "ttyUSB0"


def test_what_is_known_or_leads_to_a_taken_device_is_not_found(tmp_path: Path) -> None:
    touch(tmp_path, "ttyUSB0", "ttyUSB1", "ttyUSB2")
    (tmp_path / "ttyACM9").symlink_to(tmp_path / "ttyUSB2")
    finder = discovery(tmp_path)
    assert names(finder, known={f"{tmp_path}/ttyUSB0"}, taken={f"{tmp_path}/ttyUSB1"}) == ["ttyUSB2"]


def test_discovery_leaves_what_it_was_told_to_ignore(tmp_path: Path) -> None:
    touch(tmp_path, "ttyUSB0", "ttyUSB1")
    assert names(discovery(tmp_path, ignore=(f"{tmp_path}/*0",))) == ["ttyUSB1"]


def test_a_port_that_was_let_go_is_tried_less_and_less_often(tmp_path: Path) -> None:
    touch(tmp_path, "ttyUSB0")
    finder = discovery(tmp_path)
    now, waits = 0.0, []
    for _ in range(9):
        finder.leave_alone(f"{tmp_path}/ttyUSB0", now)
        assert names(finder, now) == []
        wait = next(seconds for seconds in range(1, 400) if names(finder, now + seconds))
        waits.append(wait)
        now += wait
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_a_port_that_went_and_came_is_tried_at_once(tmp_path: Path) -> None:
    touch(tmp_path, "ttyUSB0")
    finder = discovery(tmp_path)
    finder.leave_alone(f"{tmp_path}/ttyUSB0", 0.0)
    assert names(finder) == []
    (tmp_path / "ttyUSB0").unlink()
    assert names(finder) == []
    touch(tmp_path, "ttyUSB0")
    assert names(finder) == ["ttyUSB0"]


def test_without_globs_and_discovery_there_is_nothing_to_look_for() -> None:
    assert not Finder([], None, 300.0).looks
    assert Finder([], DiscoverySpec(), 300.0).looks


def test_two_modems_of_one_name_are_an_error_in_the_configuration() -> None:
    facts: list[Fact] = []
    with pytest.raises(ConfigError, match="two modems are named ttyUSB0"):
        Radio([PortSpec("/dev/ttyUSB0"), PortSpec("/dev/other", "ttyUSB0")], None, facts.append)


def test_a_pin_is_in_no_representation() -> None:
    assert "1234" not in repr(PortSpec("/dev/ttyUSB0", pin="1234"))
