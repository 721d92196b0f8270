"""Start the real command line in a process of its own, and wait for what it does."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROGRAM = [sys.executable, "-P", "-m", "simcourier"]
# What the tester's own environment says must not be found.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith(("SIMCOURIER", "NOTIFY"))
}
PATIENCE_S = 30.0


# root obeys the mode of a file only without these capabilities.
LIKE_EVERYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


def call(*arguments: object, prefix: Sequence[str] = (), **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    options = {"env": ENVIRONMENT, "stdin": subprocess.DEVNULL} | options
    if "input" in options:
        del options["stdin"]
    return subprocess.run(
        [*prefix, *PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        **options,
    )


def wait_until(holds: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Look until it holds; fail with what was waited for."""
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, f"waited {patience_s:.0f} s for {what}"
        time.sleep(0.02)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_config(directory: Path, port: int, modems: list[Path] | None = None, more: str = "") -> Path:
    """A configuration without discovery, with everything under `directory`."""
    lines = [
        f'[http]\nlisten = "127.0.0.1:{port}"',
        f'[storage]\ndirectory = "{directory / "storage"}"\nmin_free_mb = 0',
        "[discovery]\nenabled = false",
        *(f'[[modems]]\nport = "{modem}"\nname = "{modem.name}"' for modem in modems or []),
        more,
    ]
    path = directory / "simcourier.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


class Started:
    """A command that runs; ended, at the latest, when the context is left."""

    def __init__(self, *arguments: object, **options: Any) -> None:
        self.out: list[str] = []
        self.err: list[str] = []
        self.process = subprocess.Popen(
            [*PROGRAM, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **({"env": ENVIRONMENT} | options),
        )
        self._readers = [
            threading.Thread(target=self._read, args=pair, daemon=True)
            for pair in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream: Any, lines: list[str]) -> None:
        lines.extend(iter(stream.readline, ""))

    def said(self, words: str) -> bool:
        """Did it say this, on either stream?"""
        return any(words in line for line in [*self.out, *self.err])

    def wait_for_words(self, words: str) -> None:
        """Wait until it has said this."""
        wait_until(lambda: self.said(words) or self.process.poll() is not None, repr(words))
        assert self.said(words), f"it ended without {words!r}: {self.everything}"

    @property
    def everything(self) -> str:
        """All that it said."""
        return "".join([*self.out, *self.err])

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def end(self, patience_s: float = PATIENCE_S) -> int:
        """Wait for its end; returns the exit code, when everything it said has been read."""
        try:
            code = self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            # A daemon that hangs tells where, thread by thread (faulthandler).
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(patience_s)
            for reader in self._readers:
                reader.join(patience_s)
            raise AssertionError(f"it did not end within {patience_s:.0f} s: {self.everything}") from None
        for reader in self._readers:
            reader.join(patience_s)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.end()


def ask(url: str, key: str | None = None, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    """One HTTP exchange; returns status and decoded body. Status 0: nobody answers."""
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode())
    if key is not None:
        request.add_header("Authorization", f"Bearer {key}")
    if body is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
    except OSError:
        return 0, None
