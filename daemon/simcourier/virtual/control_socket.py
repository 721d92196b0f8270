"""DIR/control.sock: the line on which a running virtual host is asked and told things (see `control`)."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from simcourier.virtual.scenario import ScenarioError

SOCKET_NAME = "control.sock"
LINE_LIMIT = 65_536
READ_SIZE = 65_536


class Client:
    """One program on the control line; what it does not read waits here."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._typed = b""
        self._pending = b""

    def fileno(self) -> int:
        """Return the descriptor to watch."""
        return self._socket.fileno()

    @property
    def is_writing(self) -> bool:
        """Whether answers wait for the program to read."""
        return bool(self._pending)

    def close(self) -> None:
        """End the conversation."""
        self._socket.close()

    def read(self) -> list[bytes] | None:
        """Return the whole lines that have come, or None when the program is gone or sends no line ends."""
        try:
            data = self._socket.recv(READ_SIZE)
        except BlockingIOError:
            return []
        except ConnectionError:
            return None
        *lines, self._typed = (self._typed + data).split(b"\n")
        return None if not data or len(self._typed) > LINE_LIMIT else lines

    def write(self, data: bytes = b"") -> bool:
        """Send what can be sent now and keep the rest; false when the program is gone."""
        self._pending += data
        try:
            self._pending = self._pending[self._socket.send(self._pending) :]
        except BlockingIOError:
            pass
        except ConnectionError:
            return False
        return True


def listen(directory: Path) -> socket.socket:
    """Make DIR/control.sock and listen. A socket left by a dead host is replaced, a living one is an error."""
    with _short_name(directory) as name:
        if _is_answered(name):
            raise ScenarioError(f"{directory}: another virtual host is running there")
        (directory / SOCKET_NAME).unlink(missing_ok=True)
        server = socket.socket(socket.AF_UNIX)
        server.setblocking(False)
        server.bind(name)
    server.listen(16)
    return server


def accept(server: socket.socket) -> Client | None:
    """Take a new conversation, if one waits."""
    try:
        return Client(server.accept()[0])
    except BlockingIOError:
        return None


def ask(directory: Path, timeout_s: float = 5.0, /, **request: object) -> dict[str, Any]:
    """Send one request to the host that runs in `directory` and return its answer.

    `for_s` and `sender` stand for the keys "for" and "from", which Python keeps to itself. Raises OSError when
    no host answers.
    """
    renamed = {{"for_s": "for", "sender": "from"}.get(key, key): value for key, value in request.items()}
    with _short_name(directory) as name, socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout_s)
        client.connect(name)
        client.sendall(msgspec.json.encode(renamed) + b"\n")
        with client.makefile("rb") as lines:
            reply: dict[str, Any] = json.loads(lines.readline())
    return reply


def _is_answered(name: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(name)
        except OSError:
            return False
    return True


@contextmanager
def _short_name(directory: Path) -> Iterator[str]:
    """The socket's name through /proc: a path of any length fits the 108 bytes of sun_path."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{fd}/{SOCKET_NAME}"
    finally:
        os.close(fd)
