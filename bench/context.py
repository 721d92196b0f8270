"""What every part is given: a place on a real disk, processes that surely end, progress, and where tables go."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench import machine
from bench.appliance import Daemon, Virtual
from bench.load import Entry, Load, Stream
from bench.network import NetworkLog
from bench.processes import SOURCES
from bench.tables import Table

PREFIX = "simcourier-bench-"
REFRESH_S = 0.5
T = TypeVar("T")


class Place:
    """A directory in which processes run; when it is left they are ended and the directory is removed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._ending = ExitStack()
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def keep(self, thing: T, end: Callable[[], None]) -> T:
        """Remember what ends a thing."""
        self._ending.callback(end)
        return thing

    def path(self, name: str) -> Path:
        """A path in here that nobody used yet."""
        self._count += 1
        return self.directory / f"{name}-{self._count}"

    def virtual(self, modems: int, scenario: str = "") -> Virtual:
        """Virtual modems in a process of their own."""
        virtual = Virtual(modems, self.path("virtual"), scenario)
        return self.keep(virtual, virtual.program.stop)

    def daemon(
        self,
        virtual: Virtual,
        storage: Path | None = None,
        *,
        modems: list[str] | None = None,
        sending: str = "",
        tables: str = "",
        sources: str = SOURCES,
    ) -> Daemon:
        """A daemon that is not started yet; without `storage` on an empty one."""
        where = storage or self.path("storage")
        daemon = Daemon(where, virtual, modems=modems, sending=sending, tables=tables, sources=sources)
        return self.keep(daemon, daemon.stop)

    def log(self, virtual: Virtual) -> NetworkLog:
        """The network's log, from now on."""
        log = NetworkLog(virtual.log_path)
        log.forget()
        return self.keep(log, log.close)

    def load(self, daemon: Daemon, *streams: Stream) -> Load:
        """A load generator at work."""
        load = Load(daemon.port, daemon.key, self.path("load").with_suffix(".jsonl"), list(streams))
        return self.keep(load, load.program.stop)

    def post(self, daemon: Daemon, count: int, tag: str, clients: int = 8, **extra: object) -> list[Entry]:
        """Post so many messages as fast as they are accepted; all must be."""
        stream = Stream(tag, clients=clients, count=count, extra={"ttl": 3600, **extra})
        entries = self.load(daemon, stream).wait(60 + count / 20)
        answers = [entry for entry in entries if entry.status]
        refused = [entry for entry in answers if entry.status != 202]
        assert not refused, refused[:3]
        assert len(answers) == count, f"{len(answers)} answers of {count}"
        return answers


class Context:
    """One run of the benches."""

    def __init__(
        self, console: Console, base: Path, *, quick: bool, rounds: int | None, kills: int, against: str = ""
    ) -> None:
        self.console = console
        self.against = against
        self.quick = quick
        self.kills = kills
        self.rounds = rounds or (1 if quick else 3)
        self.tables: list[Table] = []
        kind = machine.file_system(base.resolve())
        if kind in machine.MEMORY_FILE_SYSTEMS:
            raise SystemExit(f"{base} is on {kind}, not on a disk: give another directory with --dir")
        _sweep(base)
        self.root = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=base))
        self._places = 0
        self._refreshed_at = 0.0
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(), console=console, auto_refresh=False, transient=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        signal.signal(signal.SIGTERM, _leave)
        signal.signal(signal.SIGHUP, _leave)
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    def pick(self, full: int, quick: int) -> int:
        """A count for a full run, or for a quick one."""
        return quick if self.quick else full

    @contextmanager
    def place(self) -> Iterator[Place]:
        """A directory of its own; everything in it ends with the block."""
        self._places += 1
        directory = self.root / f"{self._places}"
        directory.mkdir()
        try:
            with Place(directory) as place:
                yield place
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    @contextmanager
    def progress(self, what: str, total: float) -> Iterator[Callable[[], None]]:
        """A line that shows how far a step is; calling the result means one more. It never draws by itself."""
        task = self._progress.add_task(what, total=total)
        self._draw(force=True)

        def advance() -> None:
            self._progress.advance(task)
            self._draw()

        try:
            yield advance
        finally:
            self._progress.remove_task(task)
            self._draw(force=True)

    def _draw(self, *, force: bool = False) -> None:
        # A thread that draws at its own times would take the processor from what is being measured.
        now = time.monotonic()
        if force or now - self._refreshed_at > REFRESH_S:
            self._refreshed_at = now
            self._progress.refresh()

    def say(self, text: str) -> None:
        """A line for whoever watches."""
        self.console.print(text, highlight=False, markup=False)

    def show(self, table: Table) -> None:
        """A finished table: on the terminal now, in the results later."""
        self.tables.append(table)
        self.console.print(table.rich())
        for note in table.notes:
            self.say(f"  {note}")


def _leave(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _sweep(base: Path) -> None:
    """Remove what a run left that was killed: its processes (known by the directory in their arguments), its files."""
    for directory in base.glob(f"{PREFIX}*"):
        owner = re.match(rf"{PREFIX}(\d+)-", directory.name)
        if owner and not Path(f"/proc/{owner[1]}").exists():
            for pid in _users(directory):
                os.kill(pid, signal.SIGKILL)
            shutil.rmtree(directory, ignore_errors=True)


def _users(directory: Path) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if f"{directory}/".encode() in arguments:
            found.append(int(entry.name))
    return found
