"""Tell the service manager how the daemon is (systemd's sd_notify(3) and sd_watchdog_enabled(3))."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class Supervisor:
    """The service manager that started this process; without one, every call does nothing.

    `environment` is what the manager left: NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    """

    def __init__(self, environment: Mapping[str, str], pid: int) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._status = ""
        self.watchdog_s = _watchdog_s(environment, pid) if self._address else None

    @property
    def listens(self) -> bool:
        """Is there anybody to tell?"""
        return self._address is not None

    @property
    def pause_s(self) -> float:
        """How long to wait between two calls of `alive`: a third of the watchdog's patience at most."""
        return min(5.0, self.watchdog_s / 3) if self.watchdog_s else 5.0

    def ready(self, status: str) -> None:
        """The daemon serves."""
        self._status = status
        self._tell("READY=1", f"STATUS={status}")

    def alive(self, status: str | None = None, *, healthy: bool) -> None:
        """Feed the watchdog while the daemon is healthy; a manager that is not fed restarts it."""
        lines = ["WATCHDOG=1"] if healthy and self.watchdog_s else []
        if status is not None and status != self._status:
            self._status = status
            lines.append(f"STATUS={status}")
        if lines:
            self._tell(*lines)

    def stopping(self) -> None:
        """The daemon ends, in an orderly way."""
        self._tell("STOPPING=1", "STATUS=stopping: the submits in flight finish")

    def _tell(self, *lines: str) -> None:
        if self._address is None:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            try:
                sender.sendto("\n".join(lines).encode(), self._address)
            except OSError:
                # A manager that went away is no reason to stop sending codes; one that is there will miss us.
                return


def _address(path: str) -> str | bytes | None:
    """A path, or an abstract name, which begins with @ in the environment and with NUL on the socket."""
    if path.startswith("@"):
        return b"\0" + os.fsencode(path[1:])
    return path if path.startswith("/") else None


def _watchdog_s(environment: Mapping[str, str], pid: int) -> float | None:
    """The watchdog's patience, if it watches this very process."""
    if environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    microseconds = environment.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdecimal() and int(microseconds) else None
