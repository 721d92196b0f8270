"""One open descriptor in the selector: what the port does not take waits in order, up to a bound."""

from __future__ import annotations

import os
import selectors

from simcourier.errors import EquipmentError
from simcourier.radio.specs import RadioSettings

READ_SIZE = 4096
NEVER = float("inf")


class WireLostError(EquipmentError):
    """The port is gone; the message says how that showed."""


class WireFullError(EquipmentError):
    """The port takes no bytes, and no more may wait for it."""


class Wire:
    """Bytes out of a port and into it; `owner` is what the selector hands back."""

    def __init__(self, selector: selectors.BaseSelector, settings: RadioSettings, owner: object) -> None:
        self._selector = selector
        self._settings = settings
        self._owner = owner
        self._waiting = bytearray()
        self._held = False
        self.fd = -1
        self.stall_at = NEVER
        """When a port that takes nothing counts as stuck."""

    def attach(self, fd: int) -> None:
        """Watch a descriptor that was just opened."""
        self.fd = fd
        self._selector.register(fd, selectors.EVENT_READ, self._owner)

    def detach(self) -> int:
        """Watch it no more, and return it to be closed; what waits for it stays until `take_unwritten`."""
        fd, self.fd = self.fd, -1
        self._selector.unregister(fd)
        self.stall_at = NEVER
        self._held = False
        return fd

    def hold(self) -> None:
        """Let everything wait that is written from now on."""
        self._held = True
        self._selector.modify(self.fd, selectors.EVENT_READ, self._owner)

    def release(self, now: float) -> None:
        """Write what had to wait since `hold`. Raises WireLostError, WireFullError."""
        self._held = False
        self.stall_at = NEVER
        self.write(b"", now)

    @property
    def waits(self) -> bool:
        """Whether bytes wait for room."""
        return bool(self._waiting)

    def take_unwritten(self) -> bytes:
        """Return what the port never took, and forget it."""
        data = bytes(self._waiting)
        self._waiting.clear()
        return data

    def read(self) -> bytes:
        """Return what has come, perhaps nothing. Raises WireLostError."""
        try:
            data = os.read(self.fd, READ_SIZE)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise WireLostError(os.strerror(error.errno or 0)) from error
        if not data:
            raise WireLostError("the device is gone")
        return data

    def write(self, data: bytes, now: float) -> None:
        """Write what waits and then `data`. Raises WireLostError, WireFullError."""
        if self._waiting or not data:
            self._waiting += data
            data = bytes(self._waiting)
        try:
            taken = os.write(self.fd, data) if not self._held else 0
        except BlockingIOError:
            taken = 0
        except OSError as error:
            self._waiting[:] = data
            raise WireLostError(os.strerror(error.errno or 0)) from error
        waited = bool(self._waiting)
        self._waiting[:] = data[taken:]
        if self._waiting or waited:
            self._await_room(taken, now)

    def _await_room(self, taken: int, now: float) -> None:
        """Some bytes wait, or did: watch for room, and for a port that never has any."""
        if len(self._waiting) > self._settings.output_limit:
            raise WireFullError("the port takes no bytes")
        if not self._waiting:
            self.stall_at = NEVER
        elif taken or self.stall_at == NEVER:
            self.stall_at = now + self._settings.write_stall
        wants = self._waiting and not self._held
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if wants else 0)
        self._selector.modify(self.fd, events, self._owner)
