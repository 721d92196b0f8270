"""Which port of which stick: what sysfs, udev and the table say, and which port is opened first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from usb_tree import UsbTree

from simcourier.radio.discovery import Finder, Occupied
from simcourier.radio.roles import TABLE, Role, is_adapter, role_of
from simcourier.radio.specs import DiscoverySpec
from simcourier.radio.sticks import Sticks, worth_opening


@pytest.fixture
def usb(tmp_path: Path) -> UsbTree:
    return UsbTree(tmp_path / "sys")


def four(first: int = 0) -> dict[str, int]:
    """Four ttys at interfaces 0 to 3."""
    return {f"ttyUSB{first + number}": number for number in range(4)}


def order(sticks: Sticks, stick: str = "1-2") -> list[str]:
    return [place.tty for place in worth_opening([one for one in sticks.ports() if one.stick == stick])]


class Box:
    """The device files of some ttys, and a finder that looks at them."""

    def __init__(self, directory: Path, usb: UsbTree, *, settle: float = 0.3) -> None:
        self.directory = directory
        self.usb = usb
        spec = DiscoverySpec(patterns=(f"{directory}/ttyUSB*",))
        self.finder = Finder([], spec, 300.0, Sticks(str(usb.directory)), settle)

    def plug(
        self, device: str, vendor: str, product: str, ttys: dict[str, int], driver: str = "option1"
    ) -> None:
        self.usb.plug(device, vendor, product, ttys, driver=driver)
        for tty in ttys:
            (self.directory / tty).touch()

    def path(self, tty: str) -> str:
        return str(self.directory / tty)

    def found(self, now: float, *sticks: str) -> list[str]:
        occupied = Occupied(sticks=frozenset(sticks))
        return [Path(one.spec.port).name for one in self.finder.scan(occupied, now)]


@pytest.fixture
def box(tmp_path: Path, usb: UsbTree) -> Box:
    (tmp_path / "dev").mkdir()
    return Box(tmp_path / "dev", usb)


# -- places --------------------------------------------------------------------------------------------------


def test_a_port_tells_its_usb_device_and_its_interface(usb: UsbTree) -> None:
    usb.plug("1-2.3", "2c7c", "0125", four())
    place = Sticks(str(usb.directory), labels=True).place("/dev/ttyUSB2")
    assert place is not None
    assert (place.device, place.interface, place.role, place.label) == ("1-2.3", 2, Role.AT, "Pretend Stick")


def test_what_a_device_under_reset_would_keep_back_is_not_read(usb: UsbTree) -> None:
    usb.plug("1-2.3", "2c7c", "0125", four())
    for name in ("manufacturer", "product"):
        held = usb.directory / "bus" / "usb" / "devices" / "1-2.3" / name
        held.unlink()
        os.mkfifo(held)  # who reads it waits for ever
    place = Sticks(str(usb.directory)).place("/dev/ttyUSB2")
    assert place is not None
    assert (place.role, place.label) == (Role.AT, "")


def test_a_port_that_is_not_on_usb_has_no_place(usb: UsbTree) -> None:
    (usb.directory / "class" / "tty" / "ttyS0").mkdir()
    sticks = Sticks(str(usb.directory))
    assert sticks.place("/dev/ttyS0") is None
    assert sticks.place("/dev/nothing") is None
    assert sticks.ports() == []


def test_another_stick_at_the_same_name_is_seen(usb: UsbTree) -> None:
    sticks = Sticks(str(usb.directory))
    usb.plug("1-2", "2c7c", "0125", {"ttyUSB2": 2})
    before = sticks.place("/dev/ttyUSB2")
    assert before is not None
    assert sticks.is_there(before)
    usb.unplug("1-2")
    assert not sticks.is_there(before)
    usb.plug("1-4", "1e0e", "9001", {"ttyUSB2": 0})
    after = sticks.place("/dev/ttyUSB2")
    assert after is not None
    assert (after.device, after.role) == ("1-4", Role.DIAG)
    assert not sticks.is_there(before)


def test_every_port_of_an_adapter_for_serial_lines_is_a_stick_of_its_own(usb: UsbTree) -> None:
    usb.plug("1-2", "0403", "6011", four(), driver="ftdi_sio")
    places = Sticks(str(usb.directory)).ports()
    assert len({place.stick for place in places}) == 4
    assert all(place.shared and place.device == "1-2" for place in places)


# -- roles ---------------------------------------------------------------------------------------------------


def test_a_quectel_has_its_at_port_at_interface_two(usb: UsbTree) -> None:
    usb.plug("1-2", "2c7c", "0125", four())
    assert order(Sticks(str(usb.directory))) == ["ttyUSB2", "ttyUSB3"]


def test_a_huawei_tells_its_at_port_in_the_interface_descriptor(usb: UsbTree) -> None:
    protocols = {0: ("ff", "01"), 1: ("ff", "03"), 2: ("ff", "02"), 3: ("ff", "10")}
    usb.plug("1-2", "12d1", "1506", four(), descriptors=protocols)
    assert order(Sticks(str(usb.directory))) == ["ttyUSB2", "ttyUSB0"]


def test_on_an_unknown_stick_the_first_interfaces_are_tried_last(usb: UsbTree) -> None:
    usb.plug("1-2", "1234", "5678", four())
    assert order(Sticks(str(usb.directory))) == ["ttyUSB2", "ttyUSB3", "ttyUSB1", "ttyUSB0"]


def test_an_acm_port_that_takes_commands_is_tried_before_one_that_does_not_say_so(usb: UsbTree) -> None:
    descriptors = {0: ("02", "00"), 2: ("02", "01"), 4: ("02", "ff")}
    usb.plug("1-2", "1234", "5678", {"ttyACM0": 0, "ttyACM1": 2, "ttyACM2": 4}, descriptors=descriptors)
    assert order(Sticks(str(usb.directory))) == ["ttyACM1", "ttyACM0", "ttyACM2"]


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ({"ID_SIMCOURIER_ROLE": "gps"}, Role.GPS),
        ({"ID_SIMCOURIER_ROLE": "at", "SIMCOURIER_IGNORE": "1"}, Role.IGNORED),
        ({"SIMCOURIER_AT_PORT": "1"}, Role.AT),
        ({"ID_SIMCOURIER_ROLE": "nonsense"}, Role.DIAG),
        ({}, Role.DIAG),
    ],
)
def test_what_an_admin_says_by_udev_holds_before_the_table(
    usb: UsbTree, said: dict[str, str], role: Role
) -> None:
    usb.plug("1-2", "2c7c", "0125", {"ttyUSB0": 0})
    place = Sticks(str(usb.directory), lambda _: said).place("/dev/ttyUSB0")
    assert place is not None
    assert place.role is role


def test_no_stick_of_the_table_has_two_at_ports() -> None:
    for products in TABLE.values():
        for ports in products.values():
            assert sum(role is Role.AT for role in ports.values()) <= 1


def test_a_known_at_port_that_is_not_there_yet_is_waited_for_and_no_unknown_port_is_probed(
    usb: UsbTree,
) -> None:
    usb.plug("1-2", "1bc7", "1003", {"ttyUSB1": 1, "ttyUSB2": 2, "ttyUSB3": 3})
    assert order(Sticks(str(usb.directory))) == []


@pytest.mark.parametrize(
    "driver", ["ftdi_sio", "ch341-uart", "edgeport_4", "moschip7720", "mos7840", "quatech-serial"]
)
def test_the_adapters_of_the_kernel_are_known_by_what_their_drivers_call_themselves(driver: str) -> None:
    assert is_adapter(driver, "1234")
    assert not is_adapter("option1", "1234")


def test_a_receiver_of_positions_is_never_opened(usb: UsbTree) -> None:
    usb.plug("1-2", "1546", "01a8", {"ttyACM0": 0}, driver="cdc_acm", descriptors={0: ("02", "01")})
    assert order(Sticks(str(usb.directory))) == []


def test_a_make_that_the_table_does_not_know_has_no_known_port() -> None:
    assert role_of("1234", "5678", 2, ("ff", "ff")) is Role.UNKNOWN
    assert role_of("12d1", "1506", 2, ("ff", "ff")) is Role.UNKNOWN


# -- one port of each stick ----------------------------------------------------------------------------------


def test_of_a_known_stick_only_the_at_port_is_opened(box: Box) -> None:
    box.plug("1-2", "2c7c", "0125", four())
    assert box.found(0.0) == ["ttyUSB2"]
    assert box.found(0.0, "1-2") == []


def test_the_ports_of_an_unknown_stick_are_tried_one_after_the_other(box: Box) -> None:
    box.plug("1-2", "1234", "5678", four())
    tried = []
    for _ in range(4):
        (name,) = box.found(1.0)
        tried.append(name)
        box.finder.leave_alone(box.path(name), 1.0, "no modem", deaf=True)
    assert tried == ["ttyUSB2", "ttyUSB3", "ttyUSB1", "ttyUSB0"]
    assert box.found(1.0) == []
    assert box.found(6.5) == ["ttyUSB2"]


def test_the_second_at_port_is_tried_only_when_the_first_was_deaf_for_long(box: Box) -> None:
    box.plug("1-2", "2c7c", "0125", four())
    now, tried = 0.0, []
    for _ in range(4):
        while not (names := box.found(now)):
            now += 1.0
        tried += names
        box.finder.leave_alone(box.path(names[0]), now, "no modem", deaf=True)
    assert tried == ["ttyUSB2", "ttyUSB2", "ttyUSB2", "ttyUSB3"]
    assert now >= 15.0


def test_where_the_at_port_is_held_by_somebody_no_other_port_is_touched(box: Box) -> None:
    box.plug("1-2", "2c7c", "0125", four())
    for now in range(0, 2000, 400):
        assert box.found(float(now)) == ["ttyUSB2"]
        box.finder.leave_alone(box.path("ttyUSB2"), float(now), "in use", deaf=False)
        assert box.found(float(now)) == []


def test_a_stick_that_was_just_plugged_in_is_left_to_udev_for_a_moment(box: Box) -> None:
    assert box.found(0.0) == []
    box.plug("1-2", "1234", "5678", {"ttyUSB0": 0})
    assert box.found(10.0) == []
    assert box.finder.settled_at == pytest.approx(10.3)
    box.usb.unplug("1-2")
    box.plug("1-2", "1234", "5678", four())
    assert box.found(10.3) == ["ttyUSB2"], "not the one that was there first"


def test_all_ports_of_an_adapter_are_opened_at_once(box: Box) -> None:
    box.plug("1-2", "0403", "6011", four(), driver="ftdi_sio")
    assert box.found(0.0) == ["ttyUSB0", "ttyUSB1", "ttyUSB2", "ttyUSB3"]


def test_a_stick_whose_known_ports_are_for_something_else_is_left_alone(box: Box) -> None:
    box.plug("1-2", "2c7c", "0125", {"ttyUSB0": 0, "ttyUSB1": 1})
    assert box.found(0.0) == []
