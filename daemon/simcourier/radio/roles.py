"""Which USB interface of which stick speaks AT, as data (ModemManager's port types, USB descriptors)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase


class Role(StrEnum):
    """What a port of a stick is for."""

    AT = "at"
    """Answers commands, and gets the unsolicited lines."""
    AUX = "aux"
    """Answers commands too, but mostly without unsolicited lines: the port for a data call."""
    GPS = "gps"
    DIAG = "diag"
    """Speaks a binary protocol; some sticks crash when they are probed there."""
    OTHER = "other"
    """Sound, network, firmware: nothing for us."""
    IGNORED = "ignored"
    """An admin wants it left alone (SIMCOURIER_IGNORE)."""
    UNKNOWN = "unknown"


NEVER_OPENED = frozenset({Role.GPS, Role.DIAG, Role.OTHER, Role.IGNORED})

IN_WORDS: Mapping[Role, str] = {
    Role.AT: "AT",
    Role.AUX: "second AT",
    Role.GPS: "GPS, never opened",
    Role.DIAG: "diagnostics, never opened",
    Role.OTHER: "no AT port, never opened",
    Role.IGNORED: "left alone, as configured",
    Role.UNKNOWN: "unknown",
}

Ports = Mapping[int, Role]

_QUECTEL: Ports = {0: Role.DIAG, 1: Role.GPS, 2: Role.AT, 3: Role.AUX}
_SIERRA: Ports = {0: Role.DIAG, 2: Role.GPS, 3: Role.AT}


def _at(interface: int) -> Ports:
    return {interface: Role.AT}


def _each(products: str, ports: Ports) -> dict[str, Ports]:
    return dict.fromkeys(products.split(), ports)


# By vendor, then product; a pattern stands for those not listed. udev-rules/70-simcourier.hwdb says the same.
TABLE: Mapping[str, Mapping[str, Ports]] = {
    "2c7c": {  # Quectel
        **_each("0121 0125 0191 0195 0296 0306 0512 0800 0801", _QUECTEL),
        "0128": _at(5),
        "*": _at(2),
    },
    "1e0e": {  # SIMCom
        "9001": {0: Role.DIAG, 1: Role.GPS, 2: Role.AT, 3: Role.AUX, 4: Role.OTHER},
        "9011": {2: Role.OTHER, 4: Role.AT, 5: Role.AUX},
        "9205": {2: Role.AT, 3: Role.AUX},
        **_each("9100 9200", _at(3)),
    },
    "1bc7": {  # Telit
        **_each("1003 1004 1005 1006", _at(0)),
        **_each("1011 1031 1033", _at(1)),
        "1010": _at(3),
        **_each("1040 1050 1201", _at(4)),
        **_each("1041 1051", _at(5)),
    },
    "1e2d": {  # Cinterion, Gemalto, Thales
        **_each("0061 00b3 00f1", _at(2)),
        **_each("005b 005d 0069 006f", _at(0)),
    },
    "1546": {
        "1???": _at(0),
        "01??": {0: Role.GPS, 1: Role.GPS, 2: Role.GPS},
    },  # u-blox; 01xx are GNSS receivers
    "05c6": {"908b": _at(1)},  # u-blox SARA-R4, under Qualcomm's vendor id
    "1199": _each("68c0 9071 9079 9091", _SIERRA),  # Sierra Wireless
    "12d1": {  # Huawei, where the descriptor does not say it: E1550, E1750, E171, E173 and their kin
        "1001": {1: Role.OTHER, 2: Role.AT},
        "140c": _at(3),
        **_each("1436 14ac", _at(4)),
    },
    "19d2": {  # ZTE
        "0001": _at(0),
        **_each("0002 0016", _at(2)),
        **_each("0031 0037", _at(3)),
        "0063": {1: Role.AUX, 3: Role.AT},
        "0048": _at(4),
    },
}

# Huawei's own class ff: protocol 01 is the port for data calls, 02 and 12 PCUI, 03 and 13 diagnostics.
_HUAWEI = {"01": Role.AUX, "02": Role.AT, "12": Role.AT, "03": Role.DIAG, "13": Role.DIAG}

# Adapters from USB to serial lines: each of their ports may have a modem of its own behind it. By what the kernel's
# drivers call themselves, which is not always what their modules are called.
_ADAPTERS = re.compile(
    r"ark3116|ch341|cp210x|edgeport_|f8(1232|1534)|ftdi_sio|keyspan|mos(chip)?7[78][0-9]+|mxuport|oti6858|"
    r"pl2303|quatech|SPCP8x5|ssu100|ti_usb_|whiteheat|xr_serial"
)
_ACM_ADAPTERS = frozenset({"1a86", "04e2"})
"""WCH and MaxLinear make such adapters that call themselves modems (cdc_acm)."""


def role_of(vendor: str, product: str, interface: int | None, descriptor: tuple[str, str]) -> Role:
    """Return what the table knows of an interface; `descriptor` is its class and protocol, in hex."""
    if vendor == "12d1" and descriptor[0] == "ff" and descriptor[1] in _HUAWEI:
        return _HUAWEI[descriptor[1]]
    return _ports_of(vendor, product).get(interface, Role.UNKNOWN) if interface is not None else Role.UNKNOWN


def has_at_port(vendor: str, product: str) -> bool:
    """Whether the table knows the AT port of this stick, be it there already or not."""
    return Role.AT in _ports_of(vendor, product).values()


def _ports_of(vendor: str, product: str) -> Ports:
    products = TABLE.get(vendor, {})
    patterns = (known for pattern, known in products.items() if fnmatchcase(product, pattern))
    return products.get(product) or next(patterns, {})


def is_adapter(driver: str, vendor: str) -> bool:
    """Whether a port belongs to an adapter for serial lines and not to a modem itself."""
    return _ADAPTERS.match(driver) is not None or (driver == "cdc_acm" and vendor in _ACM_ADAPTERS)
