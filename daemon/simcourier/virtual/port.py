"""One pseudo terminal that stands for a modem's tty: unplugged it is gone, replugged it is a new one."""

from __future__ import annotations

import os
import pty
import termios
import tty
from pathlib import Path

from simcourier.virtual.settings import BAUDS

# What a client that reads nothing may leave waiting, beyond the kernel's own buffer; a real UART loses it too.
PENDING_LIMIT = 65_536
_SPEEDS = {getattr(termios, f"B{baud}"): baud for baud in BAUDS}


class Port:
    """A pty pair behind a stable name.

    The slave is held open here too: a master whose slave nobody has open reports EIO without end. So a client
    that closes the port leaves what it has not read to the next one, like a modem that goes on talking.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = -1
        self._slave = -1
        self._pending = b""

    @property
    def is_open(self) -> bool:
        """Whether the port exists."""
        return self.fd >= 0

    @property
    def speed(self) -> int | None:
        """Bits a second that the client has set, or None where that is no usual speed."""
        return _SPEEDS.get(termios.tcgetattr(self._slave)[4])

    @property
    def is_writing(self) -> bool:
        """Whether output waits for the client to read."""
        return bool(self._pending)

    def open(self) -> int:
        """Make the pty and its name, and return the master's descriptor."""
        self.fd, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.fd, False)
        # A name is never missing while a port of that name exists: rename replaces it in one step.
        fresh = self.path.with_name(f".{self.path.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(self.path)
        return self.fd

    def close(self) -> None:
        """Unplug: whoever has the port open gets a hang-up now."""
        if not self.is_open:
            return
        self.path.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self.fd)
        self.fd = self._slave = -1
        self._pending = b""

    def write(self, data: bytes = b"") -> None:
        """Write what can be written now and keep the rest."""
        data = self._pending + data
        try:
            sent = os.write(self.fd, data)
        except BlockingIOError:
            sent = 0
        self._pending = data[sent : sent + PENDING_LIMIT]
