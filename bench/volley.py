"""Prepared requests, a process of its own: `python -m bench.volley PORT KEY SCRIPTS JOURNAL CLIENTS SECONDS`.

A line of SCRIPTS is a JSON list of steps, each a path and a body that are posted, by one client and in this order. Each
client keeps one connection and one request under way, and begins no script behind SECONDS. JOURNAL has a line for each
answer.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.http import request_bytes, split_response
from bench.processes import Program, ProgramError, wait_until

Step = tuple[str, dict[str, Any]]
"""Path and body of a POST."""
Script = Sequence[Step]


class Shot(msgspec.Struct, array_like=True):
    """A request and its answer: which step of which script (from 0), and CLOCK_MONOTONIC before and after."""

    script: int
    step: int
    status: int
    posted_ns: int
    read_ns: int
    answer: str

    @property
    def took_ms(self) -> float:
        """From just before the POST to the whole answer."""
        return (self.read_ns - self.posted_ns) / 1e6


_DECODER = msgspec.json.Decoder(Shot)
_ENCODER = msgspec.json.Encoder()


class _Client:
    """One connection, and the script at hand."""

    def __init__(self, port: int) -> None:
        self.link = socket.create_connection(("127.0.0.1", port), 10)
        self.link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.script = 0
        self.wires: Sequence[bytes] = ()
        self.step = 0
        self._data = b""
        self._posted_ns = 0

    def post(self) -> None:
        """Post the step at hand."""
        self._data = b""
        self._posted_ns = time.monotonic_ns()
        self.link.sendall(self.wires[self.step])

    def read(self) -> Shot | None:
        """Take what the server says; the shot once the answer is whole. Raises ConnectionError where it hangs up."""
        data = self.link.recv(65_536)
        if not data:
            raise ConnectionResetError("the server closed a connection that a request was under way on")
        self._data += data
        found = split_response(self._data)
        if found is None:
            return None
        status, body = found
        now_ns = time.monotonic_ns()
        return Shot(self.script, self.step, status, self._posted_ns, now_ns, body.decode("utf-8", "replace"))


def _fire(
    port: int, scripts: Iterator[tuple[int, Sequence[bytes]]], clients: int, seconds: float
) -> Iterator[Shot]:
    selector = selectors.DefaultSelector()
    until = time.monotonic() + seconds

    def begin(client: _Client) -> bool:
        found = next(scripts, None) if time.monotonic() < until else None
        if found is None:
            return False
        client.script, client.wires = found
        client.step = 0
        client.post()
        return True

    for client in [_Client(port) for _ in range(clients)]:
        selector.register(client.link, selectors.EVENT_READ, client)
        if not begin(client):
            selector.unregister(client.link)
    while selector.get_map():
        for key, _ in selector.select():
            shooter: _Client = key.data
            shot = shooter.read()
            if shot is None:
                continue
            yield shot
            shooter.step += 1
            if shooter.step < len(shooter.wires):
                shooter.post()
            elif not begin(shooter):
                selector.unregister(shooter.link)


class Volley:
    """The program at work, as the bench sees it."""

    def __init__(
        self, port: int, key: str, scripts: Sequence[Script], base: Path, clients: int, seconds: float
    ) -> None:
        file, self._journal = base.with_suffix(".scripts"), base.with_suffix(".journal")
        with file.open("wb") as output:
            output.writelines(_ENCODER.encode(script) + b"\n" for script in scripts)
        command = [sys.executable, "-P", "-m", "bench.volley"]
        arguments = [str(port), key, file, self._journal, str(clients), str(seconds)]
        self.program = Program("volley", [*command, *arguments], base.with_suffix(".log"))

    def wait(self, timeout_s: float) -> list[Shot]:
        """Every answer, in the order in which they came, once all is done."""
        wait_until(lambda: not self.program.is_running, timeout_s, "the volley", 0.05)
        if self.program.exit_code != 0:
            raise ProgramError(self.program.obituary())
        return [_DECODER.decode(line) for line in self._journal.read_bytes().splitlines()]


def main() -> None:
    """Run as a program."""
    port, key, file, journal, clients, seconds = sys.argv[1:]
    # All is made before the first shot: what the machine does meanwhile is the server's.
    wires = [
        [request_bytes("POST", path, key, json.dumps(body).encode()) for path, body in json.loads(line)]
        for line in Path(file).read_bytes().splitlines()
    ]
    shots = list(_fire(int(port), iter(enumerate(wires)), int(clients), float(seconds)))
    with Path(journal).open("wb") as output:
        output.writelines(_ENCODER.encode(shot) + b"\n" for shot in shots)


if __name__ == "__main__":
    main()
