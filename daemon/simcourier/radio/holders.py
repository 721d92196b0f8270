"""Say in words which program holds a port, and what to do about it (/proc, /sys/fs/cgroup)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

MODEM_MANAGER = "ModemManager"
_MOST_PROCESSES = 5000
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


def in_use(path: str, proc: str = "/proc", cgroups: str = "/sys/fs/cgroup") -> str:
    """Return who has the port open, in words that follow its path."""
    pid = _holder(path, proc)
    if pid is not None and pid == os.getpid():
        return "in use by simcourier itself, under another name: configure it once"
    if pid is not None:
        name = _name(proc, pid)
        return f"in use by {name} (process {pid}): {_advice(name)}"
    suspect = _suspect(proc, cgroups)
    if suspect:
        return f"in use by another program, most likely {suspect}: {_advice(suspect)}"
    return "in use by another program: end it, or keep the port out of discovery.ports"


def _advice(name: str) -> str:
    return _ADVICE.get(name, "end it, or put the port into discovery.ignore")


def _processes(proc: str) -> Iterator[int]:
    try:
        names = os.listdir(proc)  # noqa: PTH208 -- names only
    except OSError:
        return
    yield from [int(name) for name in names if name.isdecimal()][:_MOST_PROCESSES]


def _holder(path: str, proc: str) -> int | None:
    """The process with a descriptor on the port, as far as we may see; another one rather than ourselves."""
    real, ours = os.path.realpath(path), None
    for pid in _processes(proc):
        directory = f"{proc}/{pid}/fd"
        try:
            descriptors = os.listdir(directory)  # noqa: PTH208 -- names only
        except OSError:  # somebody else's, or gone
            continue
        if any(_leads_to(f"{directory}/{number}", real) for number in descriptors):
            if pid != os.getpid():
                return pid
            ours = pid
    return ours


def _leads_to(link: str, real: str) -> bool:
    try:
        return os.readlink(link) == real  # noqa: PTH115 -- thousands of these
    except OSError:
        return False


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
