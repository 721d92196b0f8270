"""The virtual modems of a demo, in a process of their own, and the texts that reach their handsets."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from simcourier.cli.endings import Stop

_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Text:
    """A text on a handset's screen; `copy` is 2 where it came a second time."""

    at: datetime
    to: str
    text: str
    copy: int


class Handsets:
    """Virtual modems, as long as the context lasts; `on_text` is called in a thread of its own for each text.

    They are a process of their own, so that their work is not counted among the daemon's, and in our process group.
    They do not hear Ctrl-C: the daemon must be able to finish what it is sending.
    """

    def __init__(self, modems: int, directory: Path, scenario: str, on_text: Callable[[Text], None]) -> None:
        self._modems = modems
        self._directory = directory
        self._scenario = scenario
        self._on_text = on_text
        self.ports: list[Path] = []

    def __enter__(self) -> Self:
        self._directory.mkdir(parents=True, exist_ok=True)
        scenario = self._directory / "scenario.toml"
        scenario.write_text(self._scenario)
        self._log = (self._directory / "log").open("w+")
        self._process = self._start(scenario)
        assert self._process.stdout is not None  # noqa: S101 - it was given a pipe
        first = self._process.stdout.readline()
        if not first:
            self.__exit__(None, None, None)
            raise Stop(f"the virtual modems did not start: {self.last_words()}")
        self.ports = [Path(port) for port in json.loads(first)["ports"]]
        threading.Thread(target=self._listen, name="handsets", daemon=True).start()
        return self

    def _start(self, scenario: Path) -> subprocess.Popen[str]:
        # -P: the current directory is nobody's source of modules.
        command = [sys.executable, "-P", "-m", "simcourier", "virtual", "--attached"]
        command += ["--modems", str(self._modems), "--dir", str(self._directory), "--scenario", str(scenario)]
        before = signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGINT})
        try:
            return subprocess.Popen(  # noqa: S603 - our own program, with arguments of our own
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was given a pipe
        for line in self._process.stdout:
            told: dict[str, Any] = json.loads(line)
            self._on_text(Text(datetime.now().astimezone(), told["to"], told["text"], told["copy"]))

    @property
    def ended(self) -> bool:
        """Did the process end, without being asked to?"""
        return self._process.poll() is not None

    def last_words(self) -> str:
        """The last line of what it said on standard error."""
        self._log.seek(0)
        lines = self._log.read().strip().splitlines()
        return lines[-1] if lines else f"exit status {self._process.poll()}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
