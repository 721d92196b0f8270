"""What the radio is told at its birth: which ports, how to find more, how to time them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from simcourier.modem.timings import Timings


@dataclass(frozen=True, slots=True)
class PortSpec:
    """One configured modem: a path, a serial port on the network (`rfc2217://host:port`, `socket://host:port`), or
    a glob that stands for as many modems as it matches.

    An empty `name` means the basename of the port. `pin` is tried only for exactly `SIM PIN`, after `allow_pin`.
    """

    port: str
    name: str = ""
    baudrate: int = 115200
    pin: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class DiscoverySpec:
    """Ports to look at that nobody configured: `patterns` are globs, `ignore` wins over them."""

    patterns: tuple[str, ...] = ("/dev/ttyUSB*", "/dev/ttyACM*")
    ignore: tuple[str, ...] = ()
    baudrate: int = 115200
    max_modems: int = 256


@dataclass(frozen=True, slots=True)
class RadioSettings:
    """Bounds and paces of the radio thread; seconds where the name has no unit."""

    timings: Timings = field(default_factory=Timings)
    pins: Mapping[str, str] = field(default_factory=dict, repr=False)
    """PINs by the ICCID of their card; a card that is not in here gets its port's `pin`."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What sticks were called before, by IMEI."""
    roaming: bool = True
    """Whether a SIM may send while it roams; where not, its modem is `barred`."""
    inbound: bool = True
    """Whether what people write to the SIMs is read and deleted there; reports are in any case."""
    reset: bool = True
    """Whether a modem that is of no use may be restarted by AT+CFUN=1,1."""
    trace_lines: int = 200
    """Lines kept in each modem's trace."""
    udev: bool = False
    """Whether udev is asked and heard; without it sysfs and the device files tell the same, later."""
    usb: bool = True
    """Whether a stick's USB authorisation may be taken away and given back."""
    power: bool = True
    """Whether the power of its hub's port may be switched."""
    rescue_requests: str = "/run/simcourier/usb-reset"
    """Where root is asked for what we may not do ourselves (systemd/simcourier-usb-reset.path)."""
    sysfs: str = "/sys"
    """Where the kernel tells of devices."""
    look_every: float = 0.5
    """How often the path of an absent modem is looked for."""
    retry_every: float = 2.0
    """How often a port that is taken, forbidden or broken is tried again."""
    scan_every: float = 2.0
    """How often globs are expanded while udev tells nothing."""
    reconcile_every: float = 10.0
    """The same while udev tells what comes and goes, since events can be lost."""
    settle: float = 0.3
    """How long the ports of a stick that was just plugged in are left to udev's rules, and to be complete."""
    remote_pause: float = 1.0
    """Before a lost connection to a port on the network is made anew; doubles up to `remote_pause_limit`."""
    remote_pause_limit: float = 60.0
    forget_after: float = 300.0
    """How long a discovered port that is no modem is left alone."""
    write_stall: float = 5.0
    """A port that takes no byte for so long is silent."""
    output_limit: int = 8192
    """Bytes that may wait for one port."""
    poll_spread: float = 10.0
    """One `poll()` is spread over so many seconds."""
