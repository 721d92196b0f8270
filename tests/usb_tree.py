"""A part of sysfs with USB devices and their ttys, for tests that have no sticks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path


class UsbTree:
    """Lays out `directory` as the kernel does /sys, as far as ports of USB devices are concerned."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "class" / "tty").mkdir(parents=True)
        (directory / "bus" / "usb" / "devices").mkdir(parents=True)
        self._number = 1

    def plug(
        self,
        device: str,
        vendor: str,
        product: str,
        ttys: Mapping[str, int],
        *,
        driver: str = "option1",
        descriptors: Mapping[int, tuple[str, str]] | None = None,
    ) -> None:
        """A device appears at a place (1-2.3), with the interface of each of its ttys."""
        home = self.directory / "devices" / "usb1" / device
        home.mkdir(parents=True)
        self._number += 1
        about = {"idVendor": vendor, "idProduct": product, "manufacturer": "Pretend", "product": "Stick"}
        for name, value in {**about, "devnum": str(self._number), "authorized": "1"}.items():
            (home / name).write_text(f"{value}\n")
        (self.directory / "bus" / "usb" / "devices" / device).symlink_to(home)
        for tty, interface in ttys.items():
            self._add_tty(home / f"{device}:1.{interface}", tty, interface, driver, descriptors or {})

    def _add_tty(
        self, home: Path, tty: str, interface: int, driver: str, descriptors: Mapping[int, tuple[str, str]]
    ) -> None:
        node = home / tty / "tty" / tty
        node.mkdir(parents=True)
        kind, protocol = descriptors.get(interface, ("ff", "ff"))
        (home / "bInterfaceNumber").write_text(f"{interface:02x}\n")
        (home / "bInterfaceClass").write_text(f"{kind}\n")
        (home / "bInterfaceProtocol").write_text(f"{protocol}\n")
        drivers = self.directory / "bus" / "usb-serial" / "drivers" / driver
        drivers.mkdir(parents=True, exist_ok=True)
        (home / tty / "driver").symlink_to(drivers)
        (node / "device").symlink_to(home / tty)
        entry = self.directory / "class" / "tty" / tty
        entry.symlink_to(os.path.relpath(node, entry.parent))

    def unplug(self, device: str) -> None:
        """The device goes, and its ttys with it."""
        shutil.rmtree(self.directory / "devices" / "usb1" / device)
        (self.directory / "bus" / "usb" / "devices" / device).unlink()
        for entry in (self.directory / "class" / "tty").iterdir():
            if not entry.exists():
                entry.unlink()
