"""Hear from udev of ports that come and go (netlink), on a descriptor that fits into a selector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyudev

from simcourier.errors import EquipmentError

MOST_EVENTS = 256
"""Taken at a time; the rest makes the descriptor readable again."""


class NoUdevError(EquipmentError):
    """There is no udev to ask; the message says why. Where it is there but tells nothing (a container, a network
    namespace of our own), only time shows it."""


@dataclass(frozen=True, slots=True)
class Event:
    """A port came, changed or went; an empty `path` stands for events that were lost."""

    path: str
    gone: bool


class Hotplug:
    """udev's events of ttys, and what it knows of each."""

    def __init__(self) -> None:
        try:
            self._context = pyudev.Context()
            self._monitor = pyudev.Monitor.from_netlink(self._context)
            self._monitor.filter_by("tty")
            self._monitor.start()
        except (OSError, ImportError) as error:
            raise NoUdevError(f"udev can't be asked: {error}") from error

    def fileno(self) -> int:
        """The monitor's descriptor: readable when there are events."""
        return int(self._monitor.fileno())

    def take(self) -> list[Event]:
        """Return the events that are there; never blocks."""
        events: list[Event] = []
        try:
            while len(events) < MOST_EVENTS and (device := self._monitor.poll(timeout=0)) is not None:
                events.append(Event(device.device_node or "", device.action == "remove"))
        except OSError:  # ENOBUFS: more came at once than the kernel keeps
            events.append(Event("", gone=False))
        return events

    def properties(self, tty: str) -> Mapping[str, str]:
        """Return what udev's rules and hwdb say of a tty."""
        try:
            return dict(pyudev.Devices.from_name(self._context, "tty", tty).properties)
        except (pyudev.DeviceNotFoundError, OSError):
            return {}

    def close(self) -> None:
        """Let the descriptor go; pyudev closes it with its last reference."""
        del self._monitor
