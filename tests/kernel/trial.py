"""What a stick does on a real kernel: plugged, pulled out in a submit, back elsewhere, and woken through sysfs.

Runs as root in a virtual machine that is made for it (`scripts/kernel-trial`), never on a machine in use: it makes
USB devices. The kernel's drivers, udev and our rules are real; behind the AT port of each stick is a virtual modem.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import sys
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.appliance import Daemon, Virtual

GADGETS = Path("/sys/kernel/config/usb_gadget")
DEVICES = Path("/sys/bus/usb/devices")
PATIENCE_S = 30.0
SCENARIO = """
submit_delay = 1.0
[[rule]]
modems = 0
profile = "quectel"
[[rule]]
modems = 1
profile = "u-blox"
"""


def until(what: str, look: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait until something is so, and tell how long that took. Raises AssertionError."""
    began = time.monotonic()
    while True:
        with contextlib.suppress(OSError, KeyError):
            if look():
                print(f"{time.monotonic() - began:6.2f} s  {what}", flush=True)
                return
        if time.monotonic() - began > patience_s:
            raise AssertionError(f"not within {patience_s:g} s: {what}")
        time.sleep(0.02)  # between looks: the machine is emulated, and the daemon needs it more


class Bridge(threading.Thread):
    """Joins the gadget's end of a serial line with a virtual modem's port."""

    def __init__(self, number: int, port: Path) -> None:
        super().__init__(daemon=True)
        self._ends = (Path(f"/dev/ttyGS{number}"), port)
        self.start()

    def run(self) -> None:
        """Pass octets on for ever; a line that was hung up is opened anew."""
        while True:
            with contextlib.suppress(OSError):
                self._join()
            time.sleep(0.05)  # where the stick is out, its line can't be had before somebody plugs it in

    def _join(self) -> None:
        with contextlib.ExitStack() as stack:
            ends = []
            for path in self._ends:
                fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
                stack.callback(os.close, fd)
                tty.setraw(fd)
                ends.append(fd)
            while True:
                ready, _, _ = select.select(ends, [], [])
                for fd in ready:
                    data = os.read(fd, 4096)
                    if not data:
                        return
                    other = ends[1 - ends.index(fd)]
                    while data:
                        select.select([], [other], [])
                        data = data[os.write(other, data) :]


class Stick:
    """A USB device of several serial functions; `functions` is what the kernel calls them."""

    def __init__(self, name: str, vendor: str, product: str, functions: list[str]) -> None:
        self.path = GADGETS / name
        self.path.mkdir()
        (self.path / "idVendor").write_text(f"0x{vendor}")
        (self.path / "idProduct").write_text(f"0x{product}")
        (self.path / "strings/0x409").mkdir()
        (self.path / "strings/0x409/product").write_text(name)
        config = self.path / "configs/c.1"
        config.mkdir()
        self.ttys = []
        for function in functions:
            made = self.path / "functions" / function
            made.mkdir()
            (config / function).symlink_to(made)
            self.ttys.append(int((made / "port_num").read_text()))

    def plug(self, socket: int) -> None:
        """Put it into one of the machine's sockets."""
        (self.path / "UDC").write_text(f"dummy_udc.{socket}")

    def pull(self) -> None:
        """Take it out."""
        (self.path / "UDC").write_text("\n")


class Box:
    """The daemon, asked by HTTP."""

    def __init__(self, directory: Path, virtual: Virtual) -> None:
        self.virtual = virtual
        self.daemon = Daemon(directory, virtual, modems=[], tables="[recovery]\nusb = true")
        config = self.daemon.config.read_text().replace(
            "[discovery]\nenabled = false", "[discovery]\nenabled = true"
        )
        self.daemon.config.write_text(config.replace('level = "warning"', 'level = "info"'))
        self.daemon.spawn()
        until("the daemon answers", lambda: self.daemon.api.request("GET", "/healthz").status == 200)
        self._numbers = itertools.count(1)

    def modem(self, make: str) -> dict[str, Any]:
        """The modem of a make; KeyError where there is none."""
        for item in self.daemon.get("/v1/modems")["items"]:
            if make in item["manufacturer"].casefold():
                return dict(item)
        raise KeyError(make)

    def send(self, modem: str | None = None) -> str:
        """Post a message; returns its id."""
        body = {"to": f"+447700900{next(self._numbers):03d}", "text": "Your code is 314159", "ttl": 120}
        answer = self.daemon.api.request("POST", "/v1/messages", body | ({"modem": modem} if modem else {}))
        assert answer.status == 202, answer
        return str(answer.json()["id"])

    def message(self, id_: str) -> dict[str, Any]:
        """A message as it stands."""
        return dict(self.daemon.get(f"/v1/messages/{id_}"))

    def at_network(self) -> int:
        """How many messages the network has got."""
        return len(self.virtual.log_path.read_text().splitlines())

    def deliver(self, modem: str) -> None:
        """Send through one modem, and wait for the report."""
        id_ = self.send(modem)
        until(f"delivered through {modem}", lambda: self.message(id_)["status"] == "delivered")


def octets_waiting(number: int) -> bytes:
    """What was written to a port of a stick that nothing listens behind."""
    fd = os.open(f"/dev/ttyGS{number}", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(fd)
        time.sleep(0.2)  # what the other end wrote comes only once the line is open, and over USB
        return os.read(fd, 4096)
    except BlockingIOError:
        return b""
    finally:
        os.close(fd)


def main() -> None:
    directory = Path("/tmp/trial")
    virtual = Virtual(2, directory / "virtual", SCENARIO)
    lte = Stick("lte", "2c7c", "0125", [f"gser.{number}" for number in range(4)])
    cell = Stick("cell", "1546", "1102", ["acm.0"])
    Bridge(lte.ttys[2], virtual.ports[0])
    Bridge(cell.ttys[0], virtual.ports[1])
    box = Box(directory / "storage", virtual)
    try:
        trial(box, lte, cell)
    except BaseException:
        print(box.daemon.running.tail(), flush=True)
        raise
    box.daemon.stop()


def trial(box: Box, lte: Stick, cell: Stick) -> None:
    """Everything in its order."""

    def is_ready(make: str) -> bool:
        return box.modem(make)["state"] == "ready"

    lte.plug(0)
    until("the stick with four ttys is ready", lambda: is_ready("quectel"))
    cell.plug(1)
    until("the stick with a CDC ACM port is ready", lambda: is_ready("u-blox"))
    first, second = box.modem("quectel"), box.modem("u-blox")
    assert first["port"] == "/dev/ttyUSB2", first["port"]
    for modem in (first, second):
        port = Path(modem["port"])
        assert (port.group(), f"{port.stat().st_mode & 0o777:o}") == ("simcourier-modem", "660"), port
    names = sorted(path.name for path in Path("/dev/simcourier").iterdir())
    print(f"          ports {first['port']} and {second['port']}; udev made {', '.join(names)}", flush=True)
    for modem in (first, second):
        box.deliver(modem["id"])
    for number in (0, 1, 3):
        assert octets_waiting(lte.ttys[number]) == b"", f"port {number} of the stick was written to"

    before = box.at_network()
    id_ = box.send(first["id"])
    until("a message is at the network, and not answered yet", lambda: box.at_network() > before)
    lte.pull()
    until("pulled out in a submit: absent", lambda: box.modem("quectel")["state"] == "absent")
    until(
        "its message is in doubt", lambda: any(e["status"] == "unknown" for e in box.message(id_)["events"])
    )
    box.deliver(second["id"])

    lte.plug(2)
    until("back in another socket: ready", lambda: is_ready("quectel"))
    back = box.modem("quectel")
    assert back["id"] == first["id"], back
    print(
        f"          as {back['id']}, at {back['port']}, USB {first['device']} then {back['device']}",
        flush=True,
    )
    box.deliver(first["id"])

    lte.pull()
    cell.pull()
    until(
        "both pulled out at once: absent",
        lambda: {box.modem(m)["state"] for m in ("quectel", "u-blox")} == {"absent"},
    )
    cell.plug(2)
    lte.plug(3)
    until("each back at the other's place: ready", lambda: is_ready("quectel") and is_ready("u-blox"))
    assert (box.modem("quectel")["id"], box.modem("u-blox")["id"]) == (first["id"], second["id"])
    for modem in (first, second):
        box.deliver(modem["id"])

    device = box.modem("quectel")["device"]
    number = (DEVICES / device / "devnum").read_text()
    box.virtual.ask(do="set", modem=0, values={"deaf": True}, for_s=3600)
    box.daemon.api.request("POST", f"/v1/modems/{first['id']}/restart")
    authorized = DEVICES / device / "authorized"
    until("deaf: silent", lambda: box.modem("quectel")["state"] == "silent")
    until("its USB device is taken away", lambda: authorized.read_text().strip() == "0", 90)
    box.virtual.ask(do="set", modem=0, values={"deaf": False})
    until("its USB device is given back", lambda: authorized.read_text().strip() == "1")
    until("ready again", lambda: is_ready("quectel"))
    print(f"          by {box.modem('quectel')['last_fault']}; device number {number.strip()}", flush=True)
    box.deliver(first["id"])


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        print(f"FAILED: {error}", flush=True)
        sys.exit(1)
    print("all is well", flush=True)
