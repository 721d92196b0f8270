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
from collections.abc import Callable
from pathlib import Path

from simcourier.modem.facts import Rung
from simcourier.radio.sticks import Place

MOST_HUBS = 8
"""Hubs that are worked at at a time."""
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


class RescueError(Exception):
    """It could not be done; the message says why."""


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
        self._patience_s = REQUEST_S
        self._lock = threading.Lock()

    def start(self, rung: Rung, place: Place | None, done: Done) -> str:
        """Begin, and hand "" or why it failed to `done` in another thread; or return why nothing was begun."""
        why = self._obstacle(rung, place)
        if why or place is None:
            return why
        hub, _ = hub_and_port(place.device)
        with self._lock:
            if hub in self._busy:
                return f"another stick of the hub {hub} is just being woken"
            if len(self._busy) >= MOST_HUBS:
                return "sticks of many hubs are just being woken"
            self._busy.add(hub)
        threading.Thread(
            target=self._run, args=(rung, place, hub, done), name=f"rescue {place.device}", daemon=True
        ).start()
        return ""

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

    def _run(self, rung: Rung, place: Place, hub: str, done: Done) -> None:
        try:
            if rung is Rung.POWER:
                self._switch(place.device)
            else:
                self._reauthorise(place.device)
            why = ""
        except (RescueError, OSError) as error:
            why = str(error)
        finally:
            with self._lock:
                self._busy.discard(hub)
        done(why)

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
            ended = subprocess.run(command, capture_output=True, text=True, timeout=REQUEST_S, check=False)  # noqa: S603
        except subprocess.TimeoutExpired:
            raise RescueError(f"uhubctl took longer than {REQUEST_S:g} s") from None
        if ended.returncode:
            said = (ended.stderr or ended.stdout).strip().splitlines()
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
