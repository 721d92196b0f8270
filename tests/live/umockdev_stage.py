"""A machine with pretended USB sticks, for `test_umockdev`: run by the system's Python under umockdev-wrapper.

Reads orders as JSON lines and runs a program on that machine, whose output is passed on. A tty of a stick may lead to
a port elsewhere (`to`), such as a virtual modem's; of the others it is told what was written to them.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import tty
from typing import Any

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402 -- the version has to be said first

PCI = "/devices/pci0000:00/0000:00:14.0/usb1"


class Stage:
    """The machine."""

    def __init__(self, program: list[str]) -> None:
        self.bed = UMockdev.Testbed.new()
        self.heard: dict[str, int] = {}
        self._nodes: dict[str, list[str]] = {}
        self._ends: dict[str, int] = {}
        environment = dict(os.environ, UMOCKDEV_DIR=self.bed.get_root_dir())
        self.program = subprocess.Popen(program, env=environment, stdin=subprocess.PIPE)

    def obey(self, order: dict[str, Any]) -> None:
        """Carry out one order."""
        do = order.pop("do")
        if do == "plug":
            self.plug(**order)
        elif do == "pull":
            self.pull(**order)
        else:
            print(json.dumps({"heard": self.heard}), flush=True)

    def plug(self, device: str, vendor: str, product: str, ttys: list[dict[str, Any]]) -> None:
        """A stick appears: `ttys` have a name, an interface, and perhaps where they lead and properties."""
        nodes = [self._add(f"{PCI}/{device}", "usb", "usb_device", vendor=vendor, product=product)]
        for port in ttys:
            interface = f"{PCI}/{device}/{device}:1.{port['interface']}"
            nodes.append(self._add(interface, "usb", "usb_interface", number=port["interface"]))
            nodes.append(self._add(f"{interface}/{port['name']}", "usb-serial"))
            nodes.append(self._add_tty(f"{interface}/{port['name']}/tty/{port['name']}", port))
            self._lead(port["name"], port.get("to"))
        self._nodes[device] = nodes

    def _add(self, path: str, subsystem: str, kind: str = "", **about: Any) -> str:
        lines = [f"P: {path}", f"E: SUBSYSTEM={subsystem}"]
        if kind:
            lines.append(f"E: DEVTYPE={kind}")
        if "vendor" in about:
            lines += [f"A: idVendor={about['vendor']}\\n", f"A: idProduct={about['product']}\\n"]
            lines += ["A: manufacturer=Pretend\\n", "A: product=Stick\\n"]
        if "number" in about:
            lines += [f"A: bInterfaceNumber={about['number']:02x}\\n", "A: bInterfaceClass=ff\\n"]
            lines += ["A: bInterfaceProtocol=ff\\n"]
        self.bed.add_from_string("\n".join([*lines, "", ""]))
        return f"/sys{path}"

    def _add_tty(self, path: str, port: dict[str, Any]) -> str:
        name = port["name"]
        minor = int(name.removeprefix("ttyUSB"))
        lines = [f"P: {path}", f"N: {name}", "E: SUBSYSTEM=tty", f"E: DEVNAME=/dev/{name}", "E: MAJOR=188"]
        lines += [f"E: MINOR={minor}", f"A: dev=188:{minor}", f"L: device=../../../{name}"]
        lines += [f"E: {key}={value}" for key, value in port.get("properties", {}).items()]
        self.bed.add_from_string("\n".join([*lines, "", ""]))
        return f"/sys{path}"

    def _lead(self, name: str, to: str | None) -> None:
        ours = os.dup(self.bed.get_dev_fd(f"/dev/{name}"))
        # While nobody has the tty open its other end can't be read; so somebody always has.
        tty.setraw(os.open(f"/dev/{name}", os.O_RDWR | os.O_NOCTTY))
        theirs = os.open(to, os.O_RDWR | os.O_NOCTTY) if to else -1
        if to:
            tty.setraw(theirs)
        self.heard[name] = 0
        end, self._ends[name] = os.pipe()
        threading.Thread(target=self._carry, args=(name, ours, theirs, end), daemon=True).start()

    def _carry(self, name: str, ours: int, theirs: int, stop: int) -> None:
        """Carry bytes both ways, until the stick is pulled."""
        try:
            while True:
                ready, _, _ = select.select([end for end in (stop, ours, theirs) if end >= 0], [], [])
                if stop in ready:
                    break
                for end in ready:
                    data = os.read(end, 4096)
                    if end == ours:
                        self.heard[name] += len(data)
                    if theirs >= 0 and data:
                        os.write(theirs if end == ours else ours, data)
        finally:
            for end in (ours, theirs):
                if end >= 0:
                    os.close(end)

    def pull(self, device: str) -> None:
        """A stick goes, its ttys first."""
        for node in reversed(self._nodes.pop(device)):
            if (end := self._ends.pop(node.rpartition("/")[2], None)) is not None:
                os.close(end)
            self.bed.uevent(node, "remove")
            self.bed.remove_device(node)


def main() -> None:
    stage = Stage(sys.argv[1:])
    try:
        for line in sys.stdin:
            stage.obey(json.loads(line))
    finally:
        stage.program.terminate()
        stage.program.wait()


if __name__ == "__main__":
    main()
