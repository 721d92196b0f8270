"""`simcourier verify` as a person meets it: the real program on a terminal, a daemon, virtual modems."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cli_process import ENVIRONMENT, PROGRAM, Started, ask, call, free_port, wait_until, write_config

from simcourier.virtual import scenario
from simcourier.virtual.handset import Message
from simcourier.virtual.host import VirtualHost

pytestmark = pytest.mark.live

NUMBER = "+447700900001"
SECONDS = 10.0


@contextmanager
def running(directory: Path) -> Iterator[tuple[Path, list[Message]]]:
    """A daemon that can send: its configuration, and what its handsets have shown."""
    texts: list[Message] = []
    port = free_port()
    with VirtualHost(1, directory / "modems", scenario.parse(""), texts.append) as host:
        config = write_config(directory, port, host.ports)
        with Started("run", "--config", config) as daemon:
            wait_until(lambda: ask(f"http://127.0.0.1:{port}/readyz")[0] == 200, "a modem")
            yield config, texts
            daemon.signal(signal.SIGTERM)
            assert daemon.end(SECONDS) == 0


class Terminal:
    """A command on a terminal of its own, which turns Ctrl-C into SIGINT as every terminal does."""

    def __init__(self, *words: object) -> None:
        master, slave = pty.openpty()
        self._master = master
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *PROGRAM, *map(str, words)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=ENVIRONMENT,
        )
        os.close(slave)
        os.set_blocking(master, False)
        self.said = ""

    def wait_for(self, holds: Callable[[str], bool], what: str) -> None:
        def looked() -> bool:
            # Nothing yet, or (EIO) the other side is gone and all was read.
            with suppress(OSError):
                self.said += os.read(self._master, 65_536).decode()
            return holds(self.said)

        wait_until(looked, f"{what}, after {self.said!r}")

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def end(self) -> int:
        code = self.process.wait(SECONDS)
        os.close(self._master)
        return code


def prompts(number: int) -> Callable[[str], bool]:
    return lambda said: said.count("send another): ") == number


def test_the_code_from_the_handset_is_approved_and_ctrl_c_takes_one_back(tmp_path: Path) -> None:
    with running(tmp_path) as (config, texts):
        first = Terminal("verify", NUMBER, "--config", config)
        first.wait_for(prompts(1), "the question")
        wait_until(lambda: len(texts) == 1, "the text")
        found = re.match(r"[0-9]{6}", texts[0].text)
        assert found is not None
        code = found[0]
        first.type(f"{code[:-1]}{(int(code[-1]) + 1) % 10}\n")
        first.wait_for(prompts(2), "the next question")
        assert "That is not the code; 4 attempts left." in first.said
        first.type(f"{code}\n")
        assert first.end() == 0

        second = Terminal("verify", "--purpose", "payment", "+447700900002", "--config", config)
        second.wait_for(prompts(1), "the question")
        second.type("\x03")
        second.wait_for(lambda said: "Canceled: the code counts no more." in said, "the end")
        assert second.end() == 130
        shown = call("activity", "+447700900002", "--config", config).stdout
        assert "canceled" in shown
