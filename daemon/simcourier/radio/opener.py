"""Opens and closes ports beside the radio thread, since either call may block on a sick device."""

from __future__ import annotations

import contextlib
import os
import queue
import termios
import threading
import time
from collections.abc import Callable

from simcourier.radio.holders import Holders
from simcourier.radio.ports import PortError, change_rate, open_port
from simcourier.radio.remote import Remotes, is_remote

Task = Callable[[], None]
MOST_THREADS = 16
"""A hub that is sick makes all of its sticks so."""
STUCK_AFTER = 2.0


class Opener:
    """One thread; another one while a device holds the first, and so on up to a bound."""

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._busy_since: dict[int, float] = {}
        self._remotes = Remotes()
        self._holders = Holders()

    def open(self, path: str, baudrate: int, done: Callable[[int | PortError], None]) -> None:
        """Open `path` and hand its descriptor, or why there is none, to `done`, which runs in another thread."""
        if is_remote(path):
            self._remotes.open(path, baudrate, done)
            return

        def task() -> None:
            try:
                outcome: int | PortError = open_port(path, baudrate, self._holders)
            except PortError as error:
                outcome = error
            done(outcome)

        self._put(task)

    def change_rate(self, fd: int, rate: int, done: Callable[[], None]) -> None:
        """Set an open port to another rate, then call `done`, in another thread: a sick stick is asked for seconds."""
        ours = os.dup(
            fd
        )  # whoever closes the port meanwhile gives the number of its descriptor to another one

        def task() -> None:
            change_rate(ours, rate)
            os.close(ours)
            done()

        self._put(task)

    def close(self, fd: int) -> None:
        """Throw away what has not left yet, and close; what has come in stays for whoever opens the port next."""

        def task() -> None:
            # A USB port that is gone can do neither; a serial one would wait up to 30 s for its output to leave.
            with contextlib.suppress(OSError, termios.error):
                termios.tcflush(fd, termios.TCOFLUSH)
            with contextlib.suppress(OSError):
                os.close(fd)

        self._put(task)

    def look_after(self) -> None:
        """Start another thread if those there are have been stuck for some time and work is waiting."""
        now = time.monotonic()
        stuck = all(now - since > STUCK_AFTER for since in self._busy_since.copy().values())
        waiting = not self._tasks.empty()
        if waiting and stuck and len(self._busy_since) == len(self._threads) < MOST_THREADS:
            self._start_thread()

    def stop(self, timeout_s: float) -> None:
        """Let the threads end after the tasks that wait."""
        for _ in self._threads:
            self._tasks.put(None)
        end = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _put(self, task: Task) -> None:
        self._tasks.put(task)
        if not self._threads:
            self._start_thread()

    def _start_thread(self) -> None:
        name = f"opener-{len(self._threads) + 1}"
        thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self) -> None:
        ident = threading.get_ident()
        while (task := self._tasks.get()) is not None:
            self._busy_since[ident] = time.monotonic()
            try:
                task()
            finally:
                del self._busy_since[ident]
