"""Wake a stick that nothing else wakes: USB authorisation off and on, and the power of its hub's port (sysfs, uhubctl).

We seldom may do so ourselves. Then a file is put into a directory that a systemd unit of root's watches; it is named
after the device and is gone when that was done (systemd/simcourier-usb-reset.path).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from simcourier.modem.facts import Rung
from simcourier.radio.sticks import Place

MOST_HUBS = 8
"""Hubs that are worked at at a time."""
MOST_WAITING = 256
"""Sticks that wait for their turn: a hub that dies takes all of its own along."""
OFF_S = 1.0
"""How long a stick is without authorisation or power."""
REQUEST_S = 45.0
"""How long root may take: it may have several to see to."""
_DOUBTFUL_S = 3.0
"""The same where nobody answered the last time."""
_COMES_BACK_S = 10.0
_LOOK_S = 0.05
_DEVICE = re.compile(r"[0-9]{1,3}-[0-9]{1,3}(\.[0-9]{1,3}){0,6}")

Done = Callable[[str], None]
Wanted = Callable[[], bool]


class RescueError(Exception):
    """It could not be done; the message says why."""


class _Task(NamedTuple):
    """What is to be done to a device."""

    rung: Rung
    device: str
    number: str
    """What the kernel counted it as: another stick at its socket, or itself anew, has another number."""
    done: Done
    wanted: Wanted


def hub_and_port(device: str) -> tuple[str, str]:
    """Return the hub of a device, as uhubctl names it, and the port there: 1-2.3 is at port 3 of 1-2, 1-2 at 2 of 1."""
    cut = "." if "." in device else "-"
    hub, _, port = device.rpartition(cut)
    return hub, port


class Rescuer:
    """Does one thing at a time at each hub, in threads of its own: what is done to one port may stir its neighbours."""

    def __init__(
        self, *, usb: bool, power: bool, requests: str, sysfs: str = "/sys", off_s: float = OFF_S
    ) -> None:
        self._allowed = {Rung.REAUTHORISE: usb, Rung.POWER: power}
        self._requests = Path(requests)
        self._devices = Path(sysfs) / "bus" / "usb" / "devices"
        self._off_s = off_s
        self._busy: set[str] = set()
        self._waiting: dict[str, deque[_Task]] = {}
        self._patience_s = REQUEST_S
        self._lock = threading.Lock()

    def start(self, rung: Rung, place: Place | None, done: Done, wanted: Wanted = lambda: True) -> str:
        """Begin, and hand "" or why it failed to `done` in another thread; or return why nothing will be done.

        At a hub where something is being done already it waits for its turn, and is left out if it is not `wanted`
        any more by then; both are called in another thread.
        """
        why = self._obstacle(rung, place)
        if why or place is None:
            return why
        hub, _ = hub_and_port(place.device)
        with self._lock:
            if sum(map(len, self._waiting.values())) >= MOST_WAITING:
                return "too many sticks wait to be woken"
            self._waiting.setdefault(hub, deque()).append(
                _Task(rung, place.device, self._number(place.device), done, wanted)
            )
            self._begin()
        return ""

    def _begin(self) -> None:
        """Give a thread to each hub that has something waiting, as long as there are any."""
        for hub in [hub for hub in self._waiting if hub not in self._busy][: MOST_HUBS - len(self._busy)]:
            self._busy.add(hub)
            threading.Thread(target=self._work_at, args=(hub,), name=f"rescue at {hub}", daemon=True).start()

    def _work_at(self, hub: str) -> None:
        while (task := self._next(hub)) is not None:
            task.done(self._carry_out(task))

    def _next(self, hub: str) -> _Task | None:
        with self._lock:
            waiting = self._waiting.get(hub)
            if waiting:
                return waiting.popleft()
            self._waiting.pop(hub, None)
            self._busy.discard(hub)
            self._begin()
            return None

    def _obstacle(self, rung: Rung, place: Place | None) -> str:
        if not self._allowed.get(rung, False):
            return "it is switched off in [recovery]"
        if place is None or not _DEVICE.fullmatch(place.device):
            return "its port is not on USB"
        if place.shared:
            return f"other modems may hang on the USB device {place.device} too"
        if not (self._devices / place.device).exists():
            return f"the USB device {place.device} is gone"
        return ""

    def _carry_out(self, task: _Task) -> str:
        if not task.wanted() or self._number(task.device) != task.number:
            return "it went or came back by itself before its turn"
        try:
            if task.rung is Rung.POWER:
                self._switch(task.device)
            else:
                self._reauthorise(task.device)
        except (RescueError, OSError) as error:
            return str(error)
        return ""

    # -- authorisation -------------------------------------------------------------------------------------------

    def _reauthorise(self, device: str) -> None:
        switch = self._devices / device / "authorized"
        if not os.access(switch, os.W_OK):
            self._ask_root(device)
            return
        switch.write_text("0")
        try:
            time.sleep(self._off_s)
        finally:
            with contextlib.suppress(FileNotFoundError):  # it was unplugged meanwhile
                switch.write_text("1")

    # -- power ---------------------------------------------------------------------------------------------------

    def _switch(self, device: str) -> None:
        before = self._number(device)
        if os.geteuid() == 0:
            self._run_uhubctl(device)
        elif shutil.which("uhubctl") is None:
            raise RescueError("uhubctl is not installed (apt-get install uhubctl)")
        else:
            self._ask_root(f"power-{device}")
        # The kernel gives a device that comes back another number.
        end = time.monotonic() + _COMES_BACK_S
        while self._number(device) == before:
            if time.monotonic() > end:
                raise RescueError("its hub did not switch the power of its port")
            time.sleep(_LOOK_S)

    def _number(self, device: str) -> str:
        try:
            return (self._devices / device / "devnum").read_text("ascii").strip()
        except OSError:
            return ""

    def _run_uhubctl(self, device: str) -> None:
        program = shutil.which("uhubctl")
        if program is None:
            raise RescueError("uhubctl is not installed (apt-get install uhubctl)")
        hub, port = hub_and_port(device)
        command = [program, "-l", hub, "-p", port, "-a", "cycle", "-d", f"{self._off_s:g}"]
        try:
            # Its arguments are digits, dots and dashes, which `_DEVICE` has seen to.
            ended = subprocess.run(command, capture_output=True, timeout=REQUEST_S, check=False)  # noqa: S603
        except subprocess.TimeoutExpired:
            raise RescueError(f"uhubctl took longer than {REQUEST_S:g} s") from None
        if ended.returncode:
            # It repeats what devices call themselves, in whatever octets.
            said = (ended.stderr or ended.stdout).decode("ascii", "replace").strip().splitlines()
            raise RescueError(f"uhubctl: {said[-1] if said else f'exit code {ended.returncode}'}")

    # -- root ----------------------------------------------------------------------------------------------------

    def _ask_root(self, name: str) -> None:
        request = self._requests / name
        try:
            self._requests.mkdir(exist_ok=True)
            request.touch()
        except OSError as error:
            raise RescueError(
                f"it takes root, and nobody can be asked: {request}: {error.strerror}"
            ) from None
        end = time.monotonic() + self._patience_s
        while request.exists():
            if time.monotonic() > end:
                request.unlink(missing_ok=True)
                self._patience_s = _DOUBTFUL_S
                raise RescueError(
                    "it takes root, and the unit simcourier-usb-reset did nothing: is it enabled (systemd/README.md)?"
                )
            time.sleep(_LOOK_S)
        self._patience_s = REQUEST_S
