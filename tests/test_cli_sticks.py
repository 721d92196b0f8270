"""What `simcourier check` says of sticks and their ports."""

from __future__ import annotations

from pathlib import Path

from usb_tree import UsbTree

from simcourier.cli.sticks import group, in_words
from simcourier.radio.sticks import Sticks


def words(tree: UsbTree, modems: dict[str, str], let_go: dict[str, str]) -> list[str]:
    sticks = group(Sticks(str(tree.directory), labels=True).ports(), modems, let_go)
    return [line for stick in sticks for line in in_words(stick)]


def test_every_port_of_a_stick_is_told_with_what_it_is_for(tmp_path: Path) -> None:
    tree = UsbTree(tmp_path / "sys")
    tree.plug("1-2", "2c7c", "0125", {f"ttyUSB{number}": number for number in range(4)})
    assert words(tree, {"ttyUSB2": "modem-1"}, {}) == [
        "USB device 1-2 (Pretend Stick, 2c7c:0125): ttyUSB0 diagnostics, never opened, ttyUSB1 GPS, never opened, "
        "ttyUSB2 AT (used as modem-1), ttyUSB3 second AT"
    ]


def test_a_port_that_can_not_be_had_says_why(tmp_path: Path) -> None:
    tree = UsbTree(tmp_path / "sys")
    tree.plug("1-2", "1234", "5678", {"ttyUSB0": 0})
    assert words(
        tree, {}, {"ttyUSB0": "no modem: /dev/ttyUSB0: in use by ModemManager (process 812): stop it"}
    ) == [
        "USB device 1-2 (Pretend Stick, 1234:5678): ttyUSB0 unknown",
        "  ttyUSB0: no modem: /dev/ttyUSB0: in use by ModemManager (process 812): stop it",
    ]


def test_the_ports_of_an_adapter_are_serial_lines(tmp_path: Path) -> None:
    tree = UsbTree(tmp_path / "sys")
    tree.plug("1-2", "0403", "6011", {"ttyUSB0": 0, "ttyUSB1": 1}, driver="ftdi_sio")
    assert words(tree, {"ttyUSB1": "far"}, {}) == [
        "USB device 1-2 (Pretend Stick, 0403:6011): ttyUSB0 serial line, ttyUSB1 serial line (used as far)"
    ]


def test_what_a_stick_calls_itself_can_not_draw_on_the_terminal(tmp_path: Path) -> None:
    tree = UsbTree(tmp_path / "sys")
    tree.plug("1-2", "1234", "5678", {"ttyUSB0": 0})
    (tree.directory / "devices/usb1/1-2/product").write_text("\x1b[31mred\x07\n")
    (line,) = words(tree, {}, {})
    assert line.isprintable()
