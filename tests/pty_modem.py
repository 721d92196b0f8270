"""Scripted modems (modem_desk) on pseudo terminals, for live tests of what the virtual modem does not do."""

from __future__ import annotations

import os
import pty
import select
import threading
import tty
from pathlib import Path
from types import TracebackType
from typing import Self

from modem_desk import ScriptedModem


class PtyModem:
    """One scripted modem behind `path`, in a thread; without a modem, a port that nobody answers."""

    def __init__(self, path: Path, modem: ScriptedModem | None = None, *, chunk: int = 4096) -> None:
        self.path = path
        self.modem = modem
        self._chunk = chunk
        self._master = self._slave = -1
        self._thread: threading.Thread | None = None
        self._stop_read, self._stop_write = os.pipe()

    def __enter__(self) -> Self:
        self.plug()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()
        os.close(self._stop_read)
        os.close(self._stop_write)

    def plug(self) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.path.symlink_to(os.ttyname(self._slave))
        self._thread = threading.Thread(target=self._run, name=f"modem {self.path.name}", daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        if self._thread is None:
            return
        os.write(self._stop_write, b"x")
        self._thread.join()
        self._thread = None
        os.read(self._stop_read, 1)
        self.path.unlink()
        os.close(self._slave)
        os.close(self._master)

    def say(self, data: bytes) -> None:
        for start in range(0, len(data), self._chunk):
            os.write(self._master, data[start : start + self._chunk])

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._stop_read], [], [])
            if self._stop_read in ready:
                return
            data = os.read(self._master, 4096)
            if self.modem is not None:
                self.say(self.modem.hear(data))
