"""The udev rules: every line is what udev(7) allows, and they decide rightly for described devices."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from simcourier.radio.roles import TABLE, Role, role_of

FILE = Path(__file__).parent.parent / "udev-rules" / "70-simcourier.rules"
HWDB = FILE.with_suffix(".hwdb")

# udev(7): keys to match (the first, with an attribute in braces where it says so) and to assign.
MATCHES = {
    "ACTION": False,
    "SUBSYSTEM": False,
    "KERNEL": False,
    "SUBSYSTEMS": False,
    "ENV": True,
    "ATTR": True,
    "ATTRS": True,
}
ASSIGNMENTS = {
    "ENV": True,
    "GROUP": False,
    "MODE": False,
    "SYMLINK": False,
    "GOTO": False,
    "LABEL": False,
    "IMPORT": True,
}
PART = re.compile(r'\s*([A-Z]+)(?:\{([^{}"]+)\})?(==|!=|\+=|=)"((?:[^"\\\n])*)"\s*(,|$)')
LOOK_UP = "hwdb 'simcourier:v$env{ID_VENDOR_ID}p$env{ID_MODEL_ID}i$env{ID_USB_INTERFACE_NUM}'"
BUILTINS = {"usb_id", "path_id", LOOK_UP}


@dataclass(frozen=True)
class Part:
    key: str
    attribute: str
    operator: str
    value: str

    @property
    def is_match(self) -> bool:
        return self.operator in {"==", "!="}


def parse_line(line: str) -> list[Part]:
    """The parts of one rule; an AssertionError that shows the rest where it is not one."""
    parts = []
    rest = line
    while rest:
        found = PART.match(rest)
        assert found is not None, f"not a rule: {rest!r}"
        key, attribute, operator, value, comma = found.groups()
        part = Part(key, attribute or "", operator, value)
        table = MATCHES if part.is_match else ASSIGNMENTS
        assert key in table, f"{key}{operator} is not used here or unknown: {line!r}"
        assert table[key] == bool(attribute), f"{key} and its braces: {line!r}"
        parts.append(part)
        rest = rest[found.end() :]
        assert bool(rest) == (comma == ","), f"commas: {line!r}"
    return parts


def rules() -> list[list[Part]]:
    text = FILE.read_text("ascii")
    assert text.endswith("\n")
    lines = text.splitlines()
    assert not any(line.endswith("\\") for line in lines), "a continued line can't be read by eye"
    return [parse_line(line) for line in lines if line and not line.startswith("#")]


def test_every_line_is_a_comment_or_a_rule_of_udev() -> None:
    assert len(rules()) > 15


def test_the_parser_of_this_test_refuses_what_udev_would() -> None:
    for wrong in (
        'SUBSYSTEM="tty"',  # an assignment to a key that can only be matched
        'SUBSYSTEM=="tty" KERNEL=="ttyUSB*"',  # no comma
        'SUBSYSTEM=="tty",',  # nothing after the comma
        'ENV=="1"',  # no braces
        'KERNEL{x}=="1"',  # braces
        'GROUP=="x"',
        'SUBSYSTEM=="tty',  # no quote
        "SUBSYSTEM==tty",
        'SUBSYTEM=="tty"',
    ):
        with pytest.raises(AssertionError):
            parse_line(wrong)


def test_matches_stand_before_assignments_and_every_goto_leads_forward_to_one_label() -> None:
    labels = [part.value for rule in rules() for part in rule if part.key == "LABEL"]
    assert len(labels) == len(set(labels))
    seen: set[str] = set()
    for rule in rules():
        kinds = [part.is_match for part in rule]
        assert kinds == sorted(kinds, reverse=True), rule
        for part in rule:
            if part.key == "LABEL":
                seen.add(part.value)
            if part.key == "GOTO":
                assert part.value in labels, part
                assert part.value not in seen, f"a jump back to {part.value}"


def test_values_are_what_their_keys_take() -> None:
    for part in (part for rule in rules() for part in rule):
        if part.key == "IMPORT":
            assert (part.attribute, part.value in BUILTINS) == ("builtin", True)
        if part.attribute.endswith(("idVendor", "idProduct", "ID_VENDOR_ID", "ID_MODEL_ID")):
            assert all(re.fullmatch(r"[0-9a-f]{4}|1(\[0-9a-f\]){3}", one) for one in part.value.split("|")), (
                part
            )
        if part.attribute == "ID_USB_INTERFACE_NUM" and part.value:
            assert re.fullmatch("[0-9a-f]{2}", part.value), part
        if part.key in {"SUBSYSTEMS", "SUBSYSTEM", "KERNEL"}:
            assert part.operator == "==", "`SUBSYSTEMS!=` matches every device: some parent is always another"


@pytest.mark.skipif(
    shutil.which("udevadm") is None
    or "verify" not in subprocess.run(["udevadm", "--help"], capture_output=True, text=True).stdout,
    reason="there is no udevadm here, or none that can verify (systemd 254)",
)
def test_udev_itself_finds_nothing_to_say() -> None:
    verdict = subprocess.run(
        ["udevadm", "verify", "--resolve-names=never", str(FILE)], capture_output=True, text=True
    )
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


# --- what they decide ---


@dataclass
class Device:
    """A device as udev sees it: itself, its properties, and its parents from the nearest on."""

    subsystem: str
    kernel: str
    env: dict[str, str] = field(default_factory=dict)
    attrs: dict[str, str] = field(default_factory=dict)
    parents: list[dict[str, Any]] = field(default_factory=list)
    group: str = "dialout"
    mode: str = "0660"
    links: list[str] = field(default_factory=list)


def _fits(value: str | None, part: Part) -> bool:
    # A property or attribute that is missing compares as empty, as in udev.
    fits = any(fnmatchcase(value or "", pattern) for pattern in part.value.split("|"))
    return fits == (part.operator == "==")


def _fits_parents(device: Device, parts: list[Part]) -> bool:
    """All of SUBSYSTEMS and ATTRS must fit one and the same device: it or one of its parents."""
    chain: list[Mapping[str, Any]] = [{"subsystem": device.subsystem, "attrs": device.attrs}, *device.parents]
    return any(
        all(
            _fits(link["subsystem"] if part.key == "SUBSYSTEMS" else link["attrs"].get(part.attribute), part)
            and (part.key == "SUBSYSTEMS" or part.attribute in link["attrs"])
            for part in parts
        )
        for link in chain
    )


def _matches(device: Device, rule: list[Part]) -> bool:
    upward = [part for part in rule if part.is_match and part.key in {"SUBSYSTEMS", "ATTRS"}]
    own = {"ACTION": "add", "SUBSYSTEM": device.subsystem, "KERNEL": device.kernel}
    for part in rule:
        if not part.is_match or part in upward:
            continue
        if part.key == "ENV":
            value: str | None = device.env.get(part.attribute)
        elif part.key == "ATTR":
            value = device.attrs.get(part.attribute)
        else:
            value = own[part.key]
        if not _fits(value, part):
            return False
    return not upward or _fits_parents(device, upward)


@functools.cache
def records() -> list[tuple[str, str, str]]:
    """Every pattern of the hwdb with its property and value, in order."""
    found: list[tuple[str, str, str]] = []
    for block in re.split(r"\n\n+", HWDB.read_text("ascii")):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        patterns = [line for line in lines if not line.startswith(" ")]
        for line in lines[len(patterns) :]:
            name, _, value = line.strip().partition("=")
            found += [(pattern, name, value) for pattern in patterns]
    return found


def look_up(modalias: str) -> dict[str, str]:
    """What systemd-hwdb answers: of the records that match, the last one holds."""
    return {name: value for pattern, name, value in records() if fnmatchcase(modalias, pattern)}


def decide(device: Device) -> Device:
    """Apply the rules as udev would, but for usb_id and path_id, whose properties the device has from the start."""
    goto: str | None = None
    for rule in rules():
        if goto is not None:
            if not any(part.key == "LABEL" and part.value == goto for part in rule):
                continue
            goto = None
        if not _matches(device, rule):
            continue
        for part in rule:
            if part.is_match:
                continue
            value = part.value.replace("$env{ID_PATH}", device.env.get("ID_PATH", ""))
            if part.key == "ENV":
                device.env[part.attribute] = value
            elif part.value == LOOK_UP:
                ids = (device.env[f"ID_{name}"] for name in ("VENDOR_ID", "MODEL_ID", "USB_INTERFACE_NUM"))
                device.env.update(look_up("simcourier:v{}p{}i{}".format(*ids)))
            elif part.key == "GROUP":
                device.group = value
            elif part.key == "MODE":
                device.mode = value
            elif part.key == "SYMLINK":
                device.links.append(value)
            elif part.key == "GOTO":
                goto = value
    return device


def usb(vendor: str, product: str) -> dict[str, Any]:
    return {"subsystem": "usb", "attrs": {"idVendor": vendor, "idProduct": product}}


def tty(
    vendor: str, product: str, interface: str, *, protocol: str = "ff", kernel: str = "ttyUSB2"
) -> Device:
    return Device(
        "tty",
        kernel,
        env={
            "ID_VENDOR_ID": vendor,
            "ID_MODEL_ID": product,
            "ID_USB_INTERFACE_NUM": interface,
            "ID_PATH": f"pci-0000:00:14.0-usb-0:2:1.{int(interface, 16)}",
        },
        parents=[
            {"subsystem": "usb-serial", "attrs": {"port_number": "0"}},
            {"subsystem": "usb", "attrs": {"bInterfaceClass": "ff", "bInterfaceProtocol": protocol}},
            usb(vendor, product),
            {"subsystem": "pci", "attrs": {"vendor": "0x8086"}},
        ],
    )


def is_open(device: Device) -> bool:
    return device.group == "simcourier-modem" and device.mode == "0660" and bool(device.links)


def is_ignored_by_modem_manager(device: Device) -> bool:
    return device.env.get("ID_MM_DEVICE_IGNORE") == device.env.get("ID_MM_PORT_IGNORE") == "1"


@pytest.mark.parametrize(
    ("vendor", "product", "interface"),
    [
        ("2c7c", "0125", "02"),  # Quectel EC25
        ("2c7c", "0128", "05"),  # Quectel EM060K
        ("1e0e", "9001", "02"),  # SIMCom SIM7600
        ("1e0e", "9011", "04"),  # SIMCom A7600
        ("1bc7", "1201", "04"),  # Telit LE910
        ("1bc7", "1031", "01"),
        ("1e2d", "005d", "00"),  # Cinterion
        ("1199", "9071", "03"),  # Sierra Wireless MC7455
        ("05c6", "908b", "01"),  # u-blox SARA-R4
        ("19d2", "0031", "03"),  # ZTE MF626
        ("19d2", "0016", "02"),
        ("12d1", "1001", "02"),  # Huawei E1550
        ("12d1", "14ac", "04"),
    ],
)
def test_only_the_at_port_of_a_known_stick_is_opened_to_the_group(
    vendor: str, product: str, interface: str
) -> None:
    opened = [
        f"{number:02x}" for number in range(8) if is_open(decide(tty(vendor, product, f"{number:02x}")))
    ]
    assert opened == [interface]


def test_every_port_of_a_known_stick_is_kept_from_modem_manager() -> None:
    assert all(
        is_ignored_by_modem_manager(decide(tty("2c7c", "0125", f"{number:02x}"))) for number in range(5)
    )


@pytest.mark.parametrize(("protocol", "opened"), [("01", False), ("02", True), ("12", True), ("03", False)])
def test_a_huawei_tells_its_at_port_in_the_interface_descriptor(protocol: str, opened: bool) -> None:
    assert is_open(decide(tty("12d1", "1506", "01", protocol=protocol))) is opened


def test_a_u_blox_modem_is_opened_and_a_u_blox_gnss_receiver_is_not() -> None:
    assert is_open(decide(tty("1546", "1102", "00", kernel="ttyACM0")))
    receiver = decide(tty("1546", "01a9", "00", kernel="ttyACM0"))
    assert not is_open(receiver)
    assert not is_ignored_by_modem_manager(receiver)


def test_the_name_of_a_port_stays_the_same_for_a_usb_socket() -> None:
    assert decide(tty("2c7c", "0125", "02")).links == ["simcourier/pci-0000:00:14.0-usb-0:2:1.2"]


@pytest.mark.parametrize(
    "device",
    [
        tty("0403", "6001", "00"),  # an FTDI cable
        tty("2341", "0043", "00", kernel="ttyACM0"),  # an Arduino
        tty("05c6", "9008", "00"),  # a telephone in download mode
        Device("tty", "ttyS0", parents=[{"subsystem": "pnp", "attrs": {}}]),
        Device("tty", "tty1"),
        Device("usb", "1-2", env={"DEVTYPE": "usb_device"}, attrs=usb("0403", "6001")["attrs"]),
        Device("net", "eth0", parents=[{"subsystem": "pci", "attrs": {"vendor": "0x8086"}}]),
        Device("block", "sda", parents=[usb("12d1", "1506")]),
    ],
    ids=lambda device: f"{device.subsystem}-{device.kernel}-{device.env.get('ID_VENDOR_ID', '')}",
)
def test_no_other_device_is_touched(device: Device) -> None:
    before = dict(device.env)
    decided = decide(device)
    assert (decided.env, decided.group, decided.links) == (before, "dialout", [])


def test_modem_manager_keeps_off_the_stick_and_its_network_and_control_devices() -> None:
    stick = decide(Device("usb", "1-2", env={"DEVTYPE": "usb_device"}, attrs=usb("2c7c", "0125")["attrs"]))
    assert stick.env["ID_MM_DEVICE_IGNORE"] == "1"
    for subsystem, kernel in (("net", "wwan0"), ("usbmisc", "cdc-wdm0")):
        assert is_ignored_by_modem_manager(decide(Device(subsystem, kernel, parents=[usb("2c7c", "0125")])))


def test_a_device_that_is_to_be_left_alone_is_left_alone() -> None:
    device = tty("2c7c", "0125", "02")
    device.env["SIMCOURIER_IGNORE"] = "1"
    assert not is_open(decide(device))
    assert not is_ignored_by_modem_manager(device)


def test_an_admin_can_add_a_port_that_the_table_does_not_know() -> None:
    device = tty("1234", "5678", "00")
    device.env["SIMCOURIER_AT_PORT"] = "1"
    assert is_open(decide(device))
    assert is_ignored_by_modem_manager(device)


# --- the table of ports ---


def test_every_record_of_the_hwdb_is_one_that_udev_reads() -> None:
    for block in re.split(r"\n\n+", HWDB.read_text("ascii").rstrip("\n")):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        shape = "".join("p" if line.startswith("simcourier:") else "v" for line in lines)
        assert re.fullmatch("(p+v)?", shape), block
        for line in lines:
            assert re.fullmatch(
                r"simcourier:v[0-9a-f]{4}p([0-9a-f?]{4}|\*)i[0-9a-f]{2}| ID_SIMCOURIER_ROLE=[a-z]+", line
            ), line


def test_the_hwdb_and_the_table_of_the_daemon_say_the_same() -> None:
    products = {
        (vendor, product.replace("?", "2").replace("*", "4321"))
        for vendor, products in TABLE.items()
        for product in products
    } | {("1234", "5678"), ("1546", "01a9")}
    for vendor, product in products:
        for interface in range(8):
            said = look_up(f"simcourier:v{vendor}p{product}i{interface:02x}").get(
                "ID_SIMCOURIER_ROLE", "unknown"
            )
            assert Role(said) is role_of(vendor, product, interface, ("ff", "ff")), (
                vendor,
                product,
                interface,
            )


@pytest.mark.skipif(
    shutil.which("systemd-hwdb") is None,
    reason="there is no systemd-hwdb here (Debian: apt-get install udev)",
)
def test_systemd_itself_reads_the_hwdb_so(tmp_path: Path) -> None:
    directory = tmp_path / "etc" / "udev" / "hwdb.d"
    directory.mkdir(parents=True)
    shutil.copy(HWDB, directory)
    made = subprocess.run(
        ["systemd-hwdb", f"--root={tmp_path}", "update", "--strict"], capture_output=True, text=True
    )
    assert (made.returncode, made.stderr) == (0, "")
    for ids in (
        "v2c7cp0125i02",
        "v2c7cp0128i02",
        "v2c7cp9999i02",
        "v1e0ep9001i00",
        "v1546p1102i00",
        "v1546p01a9i00",
    ):
        asked = subprocess.run(
            ["systemd-hwdb", f"--root={tmp_path}", "query", f"simcourier:{ids}"],
            capture_output=True,
            text=True,
        )
        expected = [f"{name}={value}" for name, value in look_up(f"simcourier:{ids}").items()]
        assert asked.stdout.splitlines() == expected, ids
