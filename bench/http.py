"""One keep-alive HTTP connection on a bare socket: what a lean client costs, and nothing on top."""

from __future__ import annotations

import json
import re
import select
import socket
import time
from dataclasses import dataclass
from typing import Any, Self

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD_LIMIT = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with the moments (CLOCK_MONOTONIC) just before the request left and when all of it was read."""

    status: int
    body: bytes
    sent_ns: int
    read_ns: int

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


def request_bytes(method: str, path: str, key: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def split_response(data: bytes) -> tuple[int, bytes] | None:
    """Status and body once all of a response is there. Every answer of simcourier has a Content-Length."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        if len(data) > _HEAD_LIMIT:
            raise ConnectionError("the answer is not HTTP")
        return None
    if not head.startswith(b"HTTP/1."):
        raise ConnectionError(f"the answer is not HTTP: {data[:200]!r}")
    found = _LENGTH.search(head)
    length = int(found[1]) if found else 0
    return (int(head[9:12]), rest[:length]) if len(rest) >= length else None


class Connection:
    """Requests one after the other; opened at the first, and again after the server has closed it."""

    def __init__(self, port: int, key: str, timeout_s: float = 30.0) -> None:
        self._address = ("127.0.0.1", port)
        self._key = key
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def open(self) -> socket.socket:
        """Connect where that is not done yet, and anew where the server has closed an idle connection."""
        if self._socket is not None and select.select([self._socket], (), (), 0)[0]:
            self.close()
        if self._socket is None:
            self._socket = socket.create_connection(self._address, self._timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def request(self, method: str, path: str, body: object = None) -> Answer:
        """Send a request and read its answer. Raises OSError."""
        raw = b"" if body is None else json.dumps(body).encode()
        wire = request_bytes(method, path, self._key, raw)
        link = self.open()
        try:
            sent_ns = time.monotonic_ns()
            link.sendall(wire)
            data = b""
            while (answer := split_response(data)) is None:
                more = link.recv(65_536)
                if not more:
                    raise ConnectionResetError("the server closed the connection")
                data += more
        except OSError:
            self.close()
            raise
        return Answer(*answer, sent_ns, time.monotonic_ns())
