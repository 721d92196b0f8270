"""A real appliance for the tests: `simcourier run` and `simcourier virtual` as processes of their own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(
    look: Callable[[], T],
    timeout_s: float = 30.0,
    every_s: float = 0.02,
    say: Callable[[], object] | None = None,
) -> T:
    """What `look` returns as soon as that is true; fails with its last value, or what `say` has, when time is over."""
    deadline = time.monotonic() + timeout_s
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout_s} s; last seen: {say() if say else seen!r}")
        time.sleep(every_s)


def simcourier(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "simcourier", *map(str, arguments)]


class Network:
    """`simcourier virtual`: the modems, and what reached the network through them."""

    def __init__(self, directory: Path, modems: int, scenario: str = "") -> None:
        self.directory = directory
        directory.mkdir(parents=True)
        arguments: list[object] = ["virtual", "--modems", modems, "--dir", directory]
        if scenario:
            (directory / "scenario.toml").write_text(scenario)
            arguments += ["--scenario", directory / "scenario.toml"]
        self.ports = [directory / f"modem-{index:03d}" for index in range(modems)]
        self._log = (directory / "virtual.log").open("wb")
        self.process = subprocess.Popen(simcourier(*arguments), stderr=self._log, stdout=self._log)
        eventually(
            lambda: all(port.exists() for port in self.ports) and (directory / "control.sock").exists()
        )

    def control(self, **request: object) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(self.directory / "control.sock"))
            link.sendall(json.dumps(request).encode() + b"\n")
            answer: dict[str, Any] = json.loads(link.makefile().readline())
        assert answer["ok"], answer
        return answer

    def submits(self) -> list[dict[str, Any]]:
        path = self.directory / "network.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    def copies(self) -> Counter[str]:
        """How often each text reached the network."""
        return Counter(submit["text"] for submit in self.submits())

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self._log.close()


class Appliance:
    """`simcourier run` on a directory; may be killed and started again."""

    def __init__(self, directory: Path, ports: list[Path], extra: str = "") -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = free_port()
        self.config = directory / "simcourier.toml"
        modems = "".join(f'[[modems]]\nport = "{port}"\n' for port in ports)
        self.config.write_text(
            f'[http]\nlisten = "127.0.0.1:{self.port}"\n[storage]\ndirectory = "{directory / "data"}"\n'
            f"[discovery]\nenabled = false\n{extra}\n{modems}"
        )
        self._log = (directory / "daemon.log").open("ab")
        self.process: subprocess.Popen[bytes] | None = None
        created = subprocess.run(
            simcourier("keys", "create", "test", "--scope", "admin", "--config", self.config),
            capture_output=True,
            text=True,
            check=True,
        )
        self.key = created.stdout.strip()

    def start(self, *, ready: bool = True) -> None:
        self.process = subprocess.Popen(
            simcourier("run", "--config", self.config), stderr=self._log, stdout=self._log
        )
        if ready:
            eventually(self.is_ready)

    def is_ready(self) -> bool:
        return self._answers("/readyz")

    def is_healthy(self) -> bool:
        return self._answers("/healthz")

    def _answers(self, path: str) -> bool:
        with contextlib.suppress(OSError):
            return self.call("GET", path)[0] == 200
        return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(90)

    def log(self) -> str:
        return (self.directory / "daemon.log").read_text()

    def call(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            content = None if body is None else json.dumps(body)
            sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"} | (
                headers or {}
            )
            connection.request(method, path, content, sent)
            answer = connection.getresponse()
            raw = answer.read()
            return answer.status, json.loads(raw) if raw[:1] in b"{[" and raw else raw.decode()
        finally:
            connection.close()

    def send(self, text: str, to: str = "+447700900001", **fields: object) -> str:
        status, answer = self.call("POST", "/v1/messages", {"to": to, "text": text, **fields})
        assert status == 202, answer
        return str(answer["id"])

    def message(self, message_id: str) -> dict[str, Any]:
        status, answer = self.call("GET", f"/v1/messages/{message_id}")
        assert status == 200, answer
        return dict(answer)

    def status_of(self, message_id: str) -> str:
        return str(self.message(message_id)["status"])

    def delivered(self, message_id: str, timeout_s: float = 30.0) -> dict[str, Any]:
        eventually(lambda: self.status_of(message_id) == "delivered", timeout_s)
        return self.message(message_id)

    def was_unknown(self, message_id: str) -> bool:
        return any(event["status"] == "unknown" for event in self.message(message_id)["events"])

    def modem(self, name: str) -> dict[str, Any]:
        status, answer = self.call("GET", f"/v1/modems/{name}")
        assert status == 200, answer
        return dict(answer)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._log.close()


@contextlib.contextmanager
def appliance(
    directory: Path, modems: int = 2, scenario: str = "", extra: str = "", *, start: bool = True
) -> Iterator[tuple[Appliance, Network]]:
    """Network and appliance together, stopped and cleaned up whatever happens."""
    network = Network(directory / "modems", modems, scenario)
    box = Appliance(directory / "box", network.ports, extra)
    try:
        if start:
            box.start()
        yield box, network
    finally:
        box.close()
        network.stop()


def tasks_of(pid: int) -> int:
    """Threads of a process."""
    return len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208 - /proc, not a tree
