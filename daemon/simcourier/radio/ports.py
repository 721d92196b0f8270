"""Open and configure a serial port, and say in words why that failed (termios, flock)."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import termios
from pathlib import Path

import serial

from simcourier.radio.errors import PortError, PortGoneError
from simcourier.radio.holders import Holders

__all__ = ["PortError", "PortGoneError", "change_rate", "open_port"]

# The device is going away, or has not come back altogether: like a path that is not there.
_GONE = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO, errno.ENOTDIR})
_TAKEN = frozenset({errno.EBUSY, errno.EAGAIN})

# Where termios.tcgetattr puts the rates.
_ISPEED, _OSPEED = 4, 5


class _Port(serial.Serial):
    """A port whose opening leaves alone what pyserial would touch.

    If a later pyserial no longer calls these, nothing worse happens than what it does by default.
    """

    def _reset_input_buffer(self) -> None:
        """Keep what waits there: it may be a status report that came while nobody read."""

    def _update_dtr_state(self) -> None:
        """The kernel has raised DTR by now; some sticks answer the ioctl with EPIPE, which would fail the open."""

    def _update_rts_state(self) -> None:
        """The same with RTS."""


def open_port(path: str, baudrate: int, holders: Holders | None = None) -> int:
    """Open a port for ourselves alone and return its one descriptor, which never blocks.

    pyserial opens, locks and configures; of its five descriptors only a copy of the first is kept, and the lock,
    which belongs to what both of them stand for, stays.
    """
    try:
        # An inter-byte timeout makes VMIN 1: else a read that finds nothing looks like the end of the file.
        port = _Port(path, baudrate, timeout=0, write_timeout=0, exclusive=True, inter_byte_timeout=0)
    except (OSError, ValueError, termios.error) as error:  # SerialException is an OSError
        raise _in_words(path, error, holders or Holders()) from error
    try:
        fd = os.dup(port.fileno())
    finally:
        port.close()
    os.set_blocking(fd, False)
    return fd


def change_rate(fd: int, rate: int) -> None:
    """Set an open port to another rate; a port that has none, or not this one, stays as it is."""
    with contextlib.suppress(termios.error, AttributeError):
        attributes = termios.tcgetattr(fd)
        attributes[_ISPEED] = attributes[_OSPEED] = getattr(termios, f"B{rate}")
        termios.tcsetattr(fd, termios.TCSANOW, attributes)


def _in_words(path: str, error: Exception, holders: Holders) -> PortError:
    number = _errno(error)
    if number in _GONE:
        return PortGoneError(f"{path}: no such port")
    if number in (errno.EACCES, errno.EPERM):
        return PortError(f"{path}: no permission; {_who_may(path)}")
    if number in _TAKEN or "exclusively lock" in str(error):
        return PortError(f"{path}: {holders.in_use(path)}")
    if number in (errno.ENOTTY, errno.EISDIR) or "Could not configure port" in str(error):
        return PortError(f"{path}: not a serial port")
    return PortError(f"{path}: {error}")


def _errno(error: Exception) -> int | None:
    number = error.errno if isinstance(error, OSError) else None
    if number is None and isinstance(error, termios.error) and error.args:
        number = error.args[0]
    return number if isinstance(number, int) else None


def _who_may(path: str) -> str:
    try:
        status = Path(path).stat()
    except OSError:
        return "a directory above it is closed to us"
    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = str(status.st_gid)
    if status.st_mode & 0o060 == 0o060:
        return f"it belongs to the group {group}: add the service's user to it"
    return f"its mode is {status.st_mode & 0o777:03o}, which lets only its owner in: see udev-rules/"
