"""The load generator, a process of its own: `python -m bench.load PORT KEY JOURNAL STREAM ...` until SIGTERM or done.

A stream is a JSON object: `clients` that each keep one connection and one request under way, `count` (requests
of the whole stream; none: without end) or `seconds`, `pause` (mean seconds between answer and next request,
exponential), `tag` (begins each text) and `extra` (further keys of the body). The journal has one JSON object a
line: every text before it is posted, every answer, and at the end a line {"end": true}.
"""

from __future__ import annotations

import heapq
import json
import random
import selectors
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bench.http import request_bytes, split_response
from bench.processes import Program, ProgramError, wait_until

RECONNECT_S = 0.02


class Entry(msgspec.Struct, omit_defaults=True):
    """A line of the journal: `status` 0 means that the text is about to be posted, -1 that no answer came."""

    text: str = ""
    status: int = 0
    at_ns: int = 0
    posted_ns: int = 0
    id: str = ""
    end: bool = False


@dataclass(slots=True)
class Stream:
    """What the clients of one stream do."""

    tag: str
    clients: int = 1
    count: int | None = None
    seconds: float | None = None
    pause: float = 0.0
    phones: int = 1000
    extra: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> str:
        """The stream as an argument of this program."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__})


def phone(number: int) -> str:
    """One of a thousand fictional mobile numbers (Ofcom's range for drama)."""
    return f"+447700900{number % 1000:03d}"


class _Flow:
    """A stream at work."""

    def __init__(self, stream: Stream, now: float) -> None:
        self.stream = stream
        self.posted = 0
        self.until = now + stream.seconds if stream.seconds else float("inf")

    def next_text(self, now: float) -> str | None:
        if now >= self.until or (self.stream.count is not None and self.posted >= self.stream.count):
            return None
        self.posted += 1
        return f"{self.stream.tag} code {self.posted:07d}"


class _Client:
    """One connection: posts, waits for the answer, pauses."""

    def __init__(self, engine: _Engine, flow: _Flow) -> None:
        self._engine = engine
        self._flow = flow
        self._link: socket.socket | None = None
        self._data = b""
        self._text = ""
        self._posted_ns = 0
        self._is_resting = False

    def go(self) -> None:
        """Post the next message, or leave."""
        self._is_resting = False
        if self._link is None and not self._connect():
            self._rest_for(RECONNECT_S)
            return
        text = self._flow.next_text(time.monotonic())
        if text is None or self._link is None:
            self._leave()
            return
        self._text, self._data = text, b""
        stream = self._flow.stream
        body = {"to": phone(self._flow.posted % stream.phones), "text": text, **stream.extra}
        wire = request_bytes("POST", "/v1/messages", self._engine.key, json.dumps(body).encode())
        self._engine.note(Entry(text=text))
        self._posted_ns = time.monotonic_ns()
        try:
            self._link.send(wire)
        except OSError:
            self._lost()

    def _connect(self) -> bool:
        try:
            self._link = socket.create_connection(("127.0.0.1", self._engine.port), 5)
        except OSError:
            return False
        self._link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._link.setblocking(False)
        self._engine.selector.register(self._link, selectors.EVENT_READ, self)
        return True

    def read(self) -> None:
        """Take what the server says."""
        assert self._link is not None
        try:
            data = self._link.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost()
            return
        self._data += data
        answer = split_response(self._data)
        if answer is None:
            return
        now_ns = time.monotonic_ns()
        status, body = answer
        message_id = json.loads(body)["id"] if status == 202 else ""
        self._engine.note(
            Entry(text=self._text, status=status, at_ns=now_ns, posted_ns=self._posted_ns, id=message_id)
        )
        self._text = ""
        self._rest()

    def _rest(self) -> None:
        if self._flow.stream.pause:
            self._rest_for(random.expovariate(1 / self._flow.stream.pause))
        else:
            self.go()

    def _rest_for(self, seconds: float) -> None:
        # The server may close a connection while its client rests already.
        if not self._is_resting:
            self._is_resting = True
            self._engine.later(seconds, self)

    def _lost(self) -> None:
        assert self._link is not None
        if self._text:
            self._engine.note(Entry(text=self._text, status=-1, posted_ns=self._posted_ns))
            self._text = ""
        self._engine.selector.unregister(self._link)
        self._link.close()
        self._link = None
        self._rest_for(RECONNECT_S)

    def _leave(self) -> None:
        if self._link:
            self._engine.selector.unregister(self._link)
            self._link.close()
            self._link = None
        self._engine.clients -= 1


class _Engine:
    """All clients on one selector."""

    def __init__(self, port: int, key: str, journal: Path, streams: list[Stream]) -> None:
        self.port = port
        self.key = key
        self.selector = selectors.DefaultSelector()
        self._journal = journal.open("wb", buffering=1 << 16)
        self._encoder = msgspec.json.Encoder()
        self._later: list[tuple[float, int, _Client]] = []
        self._order = 0
        self._stopping = False
        now = time.monotonic()
        flows = [_Flow(stream, now) for stream in streams]
        self._waiting = [_Client(self, flow) for flow in flows for _ in range(flow.stream.clients)]
        self.clients = len(self._waiting)

    def note(self, entry: Entry) -> None:
        """Write a line of the journal."""
        self._journal.write(self._encoder.encode(entry) + b"\n")

    def later(self, seconds: float, client: _Client) -> None:
        """Let a client go on after a pause."""
        self._order += 1
        heapq.heappush(self._later, (time.monotonic() + seconds, self._order, client))

    def stop(self, *_: object) -> None:
        """End after this turn."""
        self._stopping = True

    def run(self) -> None:
        """Work until every stream is done, or until told to stop."""
        for client in self._waiting:
            client.go()
        while self.clients and not self._stopping:
            timeout = self._later[0][0] - time.monotonic() if self._later else 0.5
            for key, _ in self.selector.select(max(0.0, min(timeout, 0.5))):
                key.data.read()
            now = time.monotonic()
            while self._later and self._later[0][0] <= now:
                heapq.heappop(self._later)[2].go()
        self.note(Entry(end=True))
        self._journal.close()


class Load:
    """The load generator, as the bench sees it."""

    def __init__(self, port: int, key: str, journal: Path, streams: list[Stream]) -> None:
        self.journal = journal
        arguments = [str(port), key, journal, *(stream.as_json() for stream in streams)]
        self.program = Program(
            "load", [sys.executable, "-P", "-m", "bench.load", *arguments], journal.with_suffix(".log")
        )

    def wait(self, timeout_s: float) -> list[Entry]:
        """The journal, once all is done."""
        wait_until(lambda: not self.program.is_running, timeout_s, "the load generator", 0.05)
        return self.entries()

    def stop(self) -> list[Entry]:
        """Stop it now; the journal."""
        self.program.stop()
        return self.entries()

    def entries(self) -> list[Entry]:
        """Every line of the journal; it must be whole."""
        decoder = msgspec.json.Decoder(Entry)
        entries = [decoder.decode(line) for line in self.journal.read_bytes().splitlines()]
        if not entries or not entries[-1].end:
            raise ProgramError(f"the load generator did not end well\n{self.program.tail()}")
        return entries[:-1]


def accepted(entries: list[Entry]) -> list[Entry]:
    """The answers 202."""
    return [entry for entry in entries if entry.status == 202]


def main() -> None:
    """Run as a program."""
    port, key, journal, *streams = sys.argv[1:]
    engine = _Engine(int(port), key, Path(journal), [Stream(**json.loads(text)) for text in streams])
    signal.signal(signal.SIGTERM, engine.stop)
    engine.run()


if __name__ == "__main__":
    main()
