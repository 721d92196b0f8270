"""What the benches ask of a peer."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from bench.context import Place
from bench.machine import debian_version
from bench.processes import Program

Outgoing = tuple[str, str]
"""Recipient and text."""


class Peer(ABC):
    """A peer at work on some modems; `backlog` is in its queue before it starts.

    Its processes end with `place`. `hand_over` returns CLOCK_MONOTONIC just before the peer is given the message;
    `finish` waits until the peer itself has done with the last one, its report included where the peer shows it.
    """

    name: str
    settings: str
    """One sentence for the notes: what was set, and what the peer puts on disk."""
    package = ""
    binary = ""
    max_modems = 64
    has_backlog = True
    waits_s: tuple[float, float] = (0.005, 0.025)
    """The idle pause between two messages of the latency part: a random time in this range."""
    is_slow = False
    """Takes over half a second a message: fewer of them are measured."""

    def __init__(self, place: Place, ports: Sequence[Path], backlog: Sequence[Outgoing] = ()) -> None:
        self.place = place
        self.ports = ports
        self.directory = place.path(type(self).__name__.lower())
        self.directory.mkdir()
        self.programs: list[Program] = []
        self.prepare()
        for number, message in enumerate(backlog):
            self.enqueue(number, message)
        self.start()

    @classmethod
    def missing(cls) -> str:
        """Why it can't be run here, or an empty text."""
        return f"{cls.package} is not installed" if cls.binary and not shutil.which(cls.binary) else ""

    @classmethod
    def version(cls) -> str:
        """Name and version."""
        return f"{cls.package} {debian_version(cls.package)}"

    def run(self, name: str, command: Sequence[str | Path], *, with_input: bool = False) -> Program:
        """Start one of its programs."""
        program = Program(name, command, self.directory / f"{name}.out", with_input=with_input)
        self.programs.append(program)
        return self.place.keep(program, lambda: program.stop(5))

    def cpu_s(self) -> float:
        """Processor seconds of all its programs."""
        return sum(program.cpu_s() for program in self.programs)

    def stop(self) -> None:
        """End its programs."""
        for program in reversed(self.programs):
            program.stop(5)

    @abstractmethod
    def prepare(self) -> None:
        """Make directories and configuration."""

    @abstractmethod
    def enqueue(self, number: int, message: Outgoing) -> None:
        """Put a message into the queue of a peer that is not running yet."""

    @abstractmethod
    def start(self) -> None:
        """Start, and wait until it is ready to send."""

    @abstractmethod
    def hand_over(self, number: int, message: Outgoing) -> int:
        """Give it a message."""

    @abstractmethod
    def finish(self, number: int) -> None:
        """Wait until it has done with this message."""
