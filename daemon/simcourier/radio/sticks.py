"""Which USB device, and which of its interfaces, a port belongs to (sysfs, and what udev knows besides)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from simcourier.radio.roles import IN_WORDS, NEVER_OPENED, Role, has_at_port, is_adapter, role_of

Properties = Callable[[str], Mapping[str, str]]
_DEEPEST = 6
"""From a tty up to its USB device: the serial port, the interface, the device; a few more do no harm."""
# Where nothing is known: on most sticks the first interface is for diagnostics, the second for GPS.
_LIKELY = (2, 3, 1, 4, 5, 6, 7, 0)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a port sits."""

    tty: str
    """ttyUSB2."""
    device: str
    """The USB device as the kernel names it: 1-2.3 is port 3 of the hub at port 2 of bus 1."""
    stick: str
    """The same for all ports of one modem."""
    vendor: str
    product: str
    interface: int | None
    descriptor: tuple[str, str]
    """Class and protocol of the interface, in hex."""
    role: Role
    label: str
    """What the stick calls itself; empty where nobody asks for it."""

    @property
    def kind(self) -> tuple[str, str, int | None]:
        """The same for the same port of all sticks of a make."""
        return self.vendor, self.product, self.interface

    @property
    def shared(self) -> bool:
        """Whether other modems may hang on the same USB device."""
        return self.stick != self.device


def likelihood(place: Place) -> tuple[int, int, int]:
    """Sort the ports of a stick by how likely, and how well, they speak AT; the best is the least."""
    rank = {Role.AT: 0, Role.AUX: 1}.get(place.role, 2)
    interface = place.interface if place.interface is not None else 0
    if place.descriptor[0] == "02":  # CDC ACM; protocols 01 to 06 say that it takes commands
        return rank, "01" <= place.descriptor[1] <= "06" and -1, interface
    return rank, 0, _LIKELY.index(interface) if interface in _LIKELY else interface + len(_LIKELY)


def worth_opening(ports: list[Place]) -> list[Place]:
    """Return the ports of one stick that may be opened, best first; unknown ones only where none is known.

    A stick's ports appear one after the other: one that is known and not there yet is waited for.
    """
    known = any(place.role is Role.AT or has_at_port(place.vendor, place.product) for place in ports)
    wanted = [
        place
        for place in ports
        if place.role not in NEVER_OPENED and not (known and place.role is Role.UNKNOWN)
    ]
    return sorted(wanted, key=likelihood)


class Sticks:
    """Looks ports up in sysfs, and remembers what it saw until a port's node there is another one.

    With `labels` what sticks call themselves is read too. Not by the radio: the kernel lets whoever reads that wait
    as long as it resets the device, which with a sick one takes seconds.
    """

    def __init__(
        self, sysfs: str = "/sys", properties: Properties | None = None, *, labels: bool = False
    ) -> None:
        self._sysfs = sysfs
        self._labels = labels
        self.properties = properties
        self._seen: dict[str, tuple[str, Place | None]] = {}

    def place(self, path: str) -> Place | None:
        """Return where the port at `path` sits, or None if it is not on USB, or not there."""
        return self.at(os.path.basename(os.path.realpath(path)))  # noqa: PTH119 -- hundreds of these a scan

    def at(self, tty: str) -> Place | None:
        """The same for a port by its bare name: ttyUSB2."""
        try:
            node = os.readlink(f"{self._sysfs}/class/tty/{tty}")  # noqa: PTH115 -- some 200 of these a scan
        except OSError:
            self._seen.pop(tty, None)
            return None
        seen = self._seen.get(tty)
        if seen is None or seen[0] != node:
            seen = self._seen[tty] = (node, self._look_up(tty))
        return seen[1]

    def forget(self, path: str) -> None:
        """Something has changed about this port."""
        self._seen.pop(Path(path).name, None)

    def is_there(self, place: Place) -> bool:
        """Whether the port is still where it was: a descriptor may outlive its device unnoticed."""
        now = self.at(place.tty)
        return now is not None and now.device == place.device

    def ports(self) -> list[Place]:
        """Return every port of a USB device that the kernel knows."""
        try:
            names = os.listdir(f"{self._sysfs}/class/tty")  # noqa: PTH208 -- names only
        except OSError:
            return []
        places = (self.at(name) for name in names)
        return [place for place in places if place is not None]

    def why_never(self, place: Place) -> str:
        """Say why a port must not be opened, and which one of its stick would do."""
        others = [one for one in self.ports() if one.stick == place.stick]
        better = next((f"; its AT port is /dev/{one.tty}" for one in others if one.role is Role.AT), "")
        return f"this port of the stick is for {IN_WORDS[place.role]}{better}"

    def _look_up(self, tty: str) -> Place | None:
        directory = Path(os.path.realpath(f"{self._sysfs}/class/tty/{tty}/device"))
        driver = Path(os.path.realpath(directory / "driver")).name
        interface: Path | None = None
        for parent in [directory, *directory.parents][:_DEEPEST]:
            if interface is None and (parent / "bInterfaceNumber").exists():
                interface = parent
            if (parent / "idVendor").exists() and (parent / "idProduct").exists():
                return self._place(tty, driver, interface, parent)
        return None

    def _place(self, tty: str, driver: str, interface: Path | None, device: Path) -> Place:
        vendor, product = _read(device / "idVendor"), _read(device / "idProduct")
        number = _hex(_read(interface / "bInterfaceNumber")) if interface else None
        descriptor = (
            (_read(interface / "bInterfaceClass"), _read(interface / "bInterfaceProtocol"))
            if interface
            else ("", "")
        )
        label = f"{_text(device / 'manufacturer')} {_text(device / 'product')}" if self._labels else ""
        adapter = is_adapter(driver, vendor)
        return Place(
            tty=tty,
            device=device.name,
            stick=f"{device.name}/{tty}" if adapter else device.name,
            vendor=vendor,
            product=product,
            interface=number,
            descriptor=descriptor,
            role=self._role(tty, adapter, vendor, product, number, descriptor),
            label=label.strip(),
        )

    def _role(
        self,
        tty: str,
        adapter: bool,
        vendor: str,
        product: str,
        interface: int | None,
        descriptor: tuple[str, str],
    ) -> Role:
        """What an admin says by udev holds before what the table says."""
        said = self.properties(tty) if self.properties is not None else {}
        if said.get("SIMCOURIER_IGNORE") == "1":
            return Role.IGNORED
        if said.get("SIMCOURIER_AT_PORT") == "1":
            return Role.AT
        role = said.get("ID_SIMCOURIER_ROLE", "")
        if role in {*Role}:
            return Role(role)
        return Role.UNKNOWN if adapter else role_of(vendor, product, interface, descriptor)


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace").strip().lower()
    except OSError:
        return ""


def _text(path: Path) -> str:
    """What a stick says of itself, made harmless for logs and tables."""
    try:
        text = path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
    return "".join(character for character in text if character.isprintable())[:64]


def _hex(text: str) -> int | None:
    try:
        return int(text, 16)
    except ValueError:
        return None
