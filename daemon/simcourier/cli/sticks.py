"""The USB sticks of this machine and what each of their ports is for, in words."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from simcourier.cli.wording import printable
from simcourier.radio.hotplug import Hotplug, NoUdevError
from simcourier.radio.roles import IN_WORDS
from simcourier.radio.sticks import Place, Sticks


@dataclass(frozen=True, slots=True)
class Port:
    """One port of a stick: what it is for, the modem that it is used for, or why it is of no use."""

    tty: str
    role: str
    modem: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stick:
    """One USB device with serial ports."""

    device: str
    label: str
    vendor: str
    product: str
    ports: tuple[Port, ...]


def sticks_here(modems: Mapping[str, str], let_go: Mapping[str, str]) -> list[Stick]:
    """Return the sticks of this machine; `modems` are names by port, `let_go` reasons by port."""
    try:
        properties = Hotplug().properties
    except NoUdevError:
        properties = None
    return group(Sticks(properties=properties, labels=True).ports(), _by_tty(modems), _by_tty(let_go))


def _by_tty(by_port: Mapping[str, str]) -> dict[str, str]:
    return {Path(os.path.realpath(port)).name: text for port, text in by_port.items()}


def group(places: Iterable[Place], modems: Mapping[str, str], let_go: Mapping[str, str]) -> list[Stick]:
    """Put ports of one USB device together; names and reasons are by tty."""
    devices: dict[str, list[Place]] = {}
    for place in sorted(places, key=lambda place: (place.device, place.interface or 0, place.tty)):
        devices.setdefault(place.device, []).append(place)
    return [
        Stick(
            device,
            ports[0].label,
            ports[0].vendor,
            ports[0].product,
            tuple(_port(place, modems, let_go) for place in ports),
        )
        for device, ports in devices.items()
    ]


def _port(place: Place, modems: Mapping[str, str], let_go: Mapping[str, str]) -> Port:
    role = "serial line" if place.shared else IN_WORDS[place.role]
    return Port(place.tty, role, modems.get(place.tty, ""), let_go.get(place.tty, ""))


def in_words(stick: Stick) -> list[str]:
    """Say which ports a stick has, and below it what is wrong with any of them."""
    name = f"{stick.label}, " if stick.label else ""
    ports = ", ".join(
        f"{port.tty} {port.role}" + (f" (used as {port.modem})" if port.modem else "") for port in stick.ports
    )
    first = printable(f"USB device {stick.device} ({name}{stick.vendor}:{stick.product}): {ports}")
    wrong = [
        f"  {port.tty}: {printable(port.reason)}" for port in stick.ports if port.reason and not port.modem
    ]
    return [first, *wrong]
