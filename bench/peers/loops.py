"""Two loops without a queue on disk: python-gsmmodem-new used plainly, and bare epoll as the floor for any Python."""

from __future__ import annotations

import sys
import time
from importlib.metadata import version
from typing import ClassVar

from bench.peers.base import Outgoing, Peer
from bench.processes import wait_until

REPORT_GRACE_S = 0.3
"""python-gsmmodem-new loses reports that arrive inside a command: no endless wait for them."""


class _Loop(Peer):
    """A program that reads `recipient TAB text` lines and tells `ready`, `done` and `report`, a line each."""

    program: ClassVar[str]

    def prepare(self) -> None:
        """Make directories and configuration."""
        self._backlog: list[bytes] = []

    def enqueue(self, number: int, message: Outgoing) -> None:
        """Put a message into the queue of a peer that is not running yet."""
        self._backlog.append(_line(message))

    def start(self) -> None:
        """Start, and wait until it is ready to send."""
        # With a backlog the program reads all of it before it begins.
        hold = ["--hold"] if self._backlog else []
        command = [sys.executable, "-P", "-m", self.program, *hold, *map(str, self.ports)]
        self._loop = self.run("loop", command, with_input=True)
        wait_until(
            lambda: self._count("ready") == len(self.ports), 60, lambda: f"{self.name}: {self._loop.tail()}"
        )
        if self._backlog:
            self._loop.input.writelines(self._backlog)
            self._loop.input.close()

    def _count(self, word: str) -> int:
        self._loop.check()
        return self._loop.log.read_bytes().count(word.encode() + b"\n")

    def hand_over(self, number: int, message: Outgoing) -> int:
        """Give it a message."""
        line = _line(message)
        self._done_before, self._reports_before = self._count("done"), self._count("report")
        at_ns = time.monotonic_ns()
        self._loop.input.write(line)
        self._loop.input.flush()
        return at_ns

    def finish(self, number: int) -> None:
        """Wait until it has done with this message."""
        wait_until(lambda: self._count("done") > self._done_before, 20, self.name, 0.001)
        until = time.monotonic() + REPORT_GRACE_S
        while self._count("report") <= self._reports_before and time.monotonic() < until:
            time.sleep(0.001)


class BareLoop(_Loop):
    """The floor: AT+CMGS, prompt, PDU, and nothing else."""

    name = "bare epoll loop"
    settings = (
        "messages come through a pipe; epoll, AT+CMGS, prompt, PDU, no queue on disk, no checks, no history; "
        "asks for reports and drops them"
    )
    program = "bench.peers.bare_program"

    @classmethod
    def version(cls) -> str:
        """Nothing but Python."""
        return cls.name


class GsmmodemLoop(_Loop):
    """`GsmModem.sendSms` in a loop, a thread a modem."""

    name = "python-gsmmodem-new loop"
    settings = (
        "messages come through a pipe; one thread a modem calls GsmModem.sendSms, PDU mode, nothing on disk; reports "
        "are asked for, stored and read when idle; for a backlog they are sent as +CDS, which the library drops, for "
        "with stored ones it loses messages under load (its AT+CMGD gets between prompt and PDU)"
    )
    program = "bench.peers.gsmmodem_program"

    @classmethod
    def version(cls) -> str:
        """The library's version."""
        return f"python-gsmmodem-new {version('python-gsmmodem-new')}"


def _line(message: Outgoing) -> bytes:
    return "\t".join(message).encode() + b"\n"
