"""What udev tells: how often ports are looked for besides, and what is done where it is silent."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from usb_tree import UsbTree

from simcourier.modem.facts import Fact
from simcourier.radio import DiscoverySpec, Radio, RadioSettings, hotplug, loop
from simcourier.radio.hotplug import Event, Hotplug, NoUdevError


class Box:
    """A radio that is not started, its roster, and a pretended /sys and /dev."""

    def __init__(self, directory: Path) -> None:
        self.dev = directory / "dev"
        self.dev.mkdir()
        self.usb = UsbTree(directory / "sys")
        self.facts: list[Fact] = []
        self.settings = RadioSettings(
            sysfs=str(self.usb.directory), scan_every=2.0, reconcile_every=10.0, settle=0.3
        )
        self.radio = Radio([], DiscoverySpec((f"{self.dev}/ttyUSB*",)), self.facts.append, self.settings)
        self.roster = self.radio._roster

    def plug(self, device: str, tty: str) -> None:
        self.usb.plug(device, "2c7c", "0125", {tty: 2})
        (self.dev / tty).touch()

    def ports(self) -> list[str]:
        return [Path(link.spec.port).name for link in self.roster.links]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    box = Box(tmp_path)
    box.roster.scan(0.0)
    return box


def test_while_udev_is_silent_ports_are_looked_for_often(box: Box) -> None:
    assert box.roster.scan_at == 2.0
    box.plug("1-2", "ttyUSB0")
    box.roster.scan(2.0)
    assert box.roster.scan_at == pytest.approx(2.3)
    box.roster.scan(2.3)
    assert box.ports() == ["ttyUSB0"]
    assert box.roster.scan_at == pytest.approx(4.3)


def test_where_udev_tells_ports_are_looked_for_when_it_does_and_seldom_besides(box: Box) -> None:
    box.plug("1-2", "ttyUSB0")
    box.roster.hear(f"{box.dev}/ttyUSB0", gone=False, now=5.0)
    assert box.roster.scan_at == 2.0, "which is past"
    box.roster.scan(5.0)
    box.roster.scan(5.3)
    assert box.ports() == ["ttyUSB0"]
    assert box.roster.scan_at == pytest.approx(15.3)


def test_a_udev_that_keeps_a_stick_to_itself_is_not_relied_on_any_more(box: Box) -> None:
    box.plug("1-2", "ttyUSB0")
    box.roster.hear(f"{box.dev}/ttyUSB0", gone=False, now=5.0)
    box.roster.scan(5.0)
    box.plug("1-3", "ttyUSB1")
    box.roster.scan(15.0)
    box.roster.scan(15.3)
    assert sorted(box.ports()) == ["ttyUSB0", "ttyUSB1"]
    assert box.roster.scan_at == pytest.approx(17.3)


def test_nothing_is_looked_for_once_the_radio_stops(box: Box) -> None:
    box.roster.stop()
    box.roster.hear(f"{box.dev}/ttyUSB0", gone=False, now=5.0)
    assert box.roster.scan_at == float("inf")


def test_without_udev_the_radio_goes_on_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> Hotplug:
        raise NoUdevError("udev can't be asked: no such library")

    monkeypatch.setattr(loop, "Hotplug", refuse)
    caplog.set_level(logging.INFO)
    radio = Radio([], None, lambda _: None, RadioSettings(udev=True))
    radio.stop()
    assert "no such library" in caplog.text


def test_a_missing_libudev_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise ImportError("No library named udev")

    monkeypatch.setattr(hotplug.pyudev, "Context", refuse)
    with pytest.raises(NoUdevError, match="udev can't be asked: No library named udev"):
        Hotplug()


def test_events_that_were_lost_are_an_event_without_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    class Overrun:
        def poll(self, timeout: float) -> None:
            raise OSError(105, "No buffer space available")

    events = Hotplug.__new__(Hotplug)
    events._monitor = Overrun()
    assert events.take() == [Event("", gone=False)]
