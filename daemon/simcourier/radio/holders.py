"""Say in words which program holds a port, and what to do about it (/proc, /sys/fs/cgroup)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

MODEM_MANAGER = "ModemManager"
_MOST_PROCESSES = 5000
_LOOK_EVERY = 5.0
# Programs that are known to open modems: named where the holder itself can't be seen.
_SUSPECTS = (
    MODEM_MANAGER,
    "gammu-smsd",
    "smsd",
    "wvdial",
    "pppd",
    "brltty",
    "minicom",
    "picocom",
    "screen",
    "chat",
)
_ADVICE = {
    MODEM_MANAGER: "install udev-rules/70-simcourier.rules and replug the stick, or stop it: "
    "systemctl disable --now ModemManager",
    "brltty": "it takes serial adapters for Braille displays: remove it, or systemctl disable --now brltty",
}


class Holders:
    """Who has which port open. Many ports may be taken at once and are tried again and again: all processes are
    looked through for all of them together, and not more often than every few seconds."""

    def __init__(self, proc: str = "/proc", cgroups: str = "/sys/fs/cgroup") -> None:
        self._proc = proc
        self._cgroups = cgroups
        self._seen: tuple[float, dict[str, list[int]], str] = (-_LOOK_EVERY, {}, "")

    def in_use(self, path: str) -> str:
        """Return who has the port open, in words that follow its path."""
        held, suspect = self._look(time.monotonic())
        pids = held.get(os.path.realpath(path), [])
        pid = next((pid for pid in pids if pid != os.getpid()), None)
        if pid is not None:
            name = _name(self._proc, pid)
            return f"in use by {name} (process {pid}): {_advice(name)}"
        if pids:
            return "in use by simcourier itself, under another name: configure it once"
        if suspect:
            return f"in use by another program, most likely {suspect}: {_advice(suspect)}"
        return "in use by another program: end it, or keep the port out of discovery.ports"

    def _look(self, now: float) -> tuple[dict[str, list[int]], str]:
        at, held, suspect = self._seen
        if now >= at + _LOOK_EVERY:
            held, suspect = _held(self._proc), _suspect(self._proc, self._cgroups)
            self._seen = now, held, suspect
        return held, suspect


def in_use(path: str, proc: str = "/proc", cgroups: str = "/sys/fs/cgroup") -> str:
    """The same, looked at just now."""
    return Holders(proc, cgroups).in_use(path)


def _advice(name: str) -> str:
    return _ADVICE.get(name, "end it, or put the port into discovery.ignore")


def _processes(proc: str) -> Iterator[int]:
    try:
        names = os.listdir(proc)  # noqa: PTH208 -- names only
    except OSError:
        return
    yield from [int(name) for name in names if name.isdecimal()][:_MOST_PROCESSES]


def _held(proc: str) -> dict[str, list[int]]:
    """The device files that processes have open, as far as we may see, and by whom."""
    held: dict[str, list[int]] = {}
    for pid in _processes(proc):
        directory = f"{proc}/{pid}/fd"
        try:
            descriptors = os.listdir(directory)  # noqa: PTH208 -- names only
        except OSError:  # somebody else's, or gone
            continue
        for path in {_target(f"{directory}/{number}") for number in descriptors}:
            if path.startswith("/") and path != "/dev/null":
                held.setdefault(path, []).append(pid)
    return held


def _target(link: str) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115 -- thousands of these
    except OSError:
        return ""


def _name(proc: str, pid: int) -> str:
    try:
        # The command line has the whole name; `comm` only its first 15 characters.
        command = Path(f"{proc}/{pid}/cmdline").read_bytes().split(b"\0")[0].decode("utf-8", "replace")
        text = Path(command).name or Path(f"{proc}/{pid}/comm").read_text("utf-8", "replace").strip()
    except OSError:
        text = ""
    return "".join(character for character in text if character.isprintable())[:40] or "a program"


def _suspect(proc: str, cgroups: str) -> str:
    """A program that runs here and is known to open modems. A confined service sees no other user's processes,
    but the groups that systemd puts them into."""
    running = {_name(proc, pid) for pid in _processes(proc)}
    for name in _SUSPECTS:
        if name in running or _in_group(cgroups, name):
            return name
    return ""


def _in_group(cgroups: str, name: str) -> bool:
    try:
        return bool(Path(f"{cgroups}/system.slice/{name}.service/cgroup.procs").read_text().strip())
    except OSError:
        return False
