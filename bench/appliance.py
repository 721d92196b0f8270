"""The daemon and the virtual modems, each a process of its own, as an admin would start them."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.http import Connection
from bench.processes import SOURCES, Program, ProgramError, wait_until

SIMCOURIER = (sys.executable, "-P", "-m", "simcourier")
SCOPES = (
    "messages:send",
    "messages:read",
    "verifications:start",
    "verifications:check",
    "status:read",
    "admin",
)


def free_port() -> int:
    """A TCP port of loopback that nobody uses at this moment.

    Below the range from which the kernel takes ports for clients: one that tries again and again to reach a dead
    daemon there would some day be given the very port as its own, and be connected to itself.
    """
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Virtual:
    """`simcourier virtual` in `directory`, with a scenario given as TOML."""

    def __init__(self, modems: int, directory: Path, scenario: str = "") -> None:
        directory.mkdir(parents=True)
        self.directory = directory
        self.names = [f"modem-{index:03d}" for index in range(modems)]
        self.ports = [directory / name for name in self.names]
        self.log_path = directory / "network.jsonl"
        file = directory / "scenario.toml"
        file.write_text(scenario)
        command = [*SIMCOURIER, "virtual", "--modems", str(modems), "--dir", directory, "--scenario", file]
        self.program = Program("simcourier virtual", command, directory / "virtual.log")
        wait_until(self._is_up, 20, lambda: f"virtual modems in {directory}\n{self.program.tail()}")

    def _is_up(self) -> bool:
        self.program.check()
        try:
            return bool(self.ask(do="stats")["ok"])
        except OSError:
            return False

    def ask(self, **request: object) -> dict[str, Any]:
        """Ask the control socket; a refusal is our mistake. `for_s` and `sender` mean "for" and "from"."""
        for word, name in (("for_s", "for"), ("sender", "from")):
            if word in request:
                request[name] = request.pop(word)
        # Through /proc a path of any length fits the 108 octets of sun_path.
        directory = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(10)
                client.connect(f"/proc/self/fd/{directory}/control.sock")
                client.sendall(json.dumps(request).encode() + b"\n")
                with client.makefile("rb") as lines:
                    reply: dict[str, Any] = json.loads(lines.readline())
        finally:
            os.close(directory)
        assert reply["ok"], reply
        return reply

    def reports(self) -> int:
        """Status reports that the network has given so far."""
        return int(self.ask(do="stats")["reports"])

    def modem(self, name: str) -> dict[str, Any]:
        """One modem's entry of the list: plugged, deaf, submits, held."""
        entry: dict[str, Any] = self.ask(do="modems", modem=name)["modems"][0]
        return entry


class Daemon:
    """`simcourier run` on a storage directory, which outlives it; may be started again and again.

    `sending` is TOML for the table of this name, `tables` are further whole tables; `sources` is where its code is, if
    not in this checkout.
    """

    def __init__(
        self,
        storage: Path,
        virtual: Virtual,
        *,
        modems: list[str] | None = None,
        sending: str = "",
        tables: str = "",
        sources: str = SOURCES,
    ) -> None:
        self.storage = storage
        self._environment = {"PYTHONPATH": sources}
        self.port = free_port()
        self.names = virtual.names if modems is None else modems
        storage.mkdir(parents=True, exist_ok=True)
        self.config = storage / "simcourier.toml"
        self._log = storage / "daemon.log"
        entries = [
            f'[[modems]]\nport = "{virtual.directory / name}"\nname = "{name}"\n' for name in self.names
        ]
        self.config.write_text(
            f'[http]\nlisten = "127.0.0.1:{self.port}"\n[storage]\ndirectory = "{storage}"\n'
            f'[discovery]\nenabled = false\n[log]\nlevel = "warning"\n[sending]\n{sending}\n{tables}\n'
            + "".join(entries)
        )
        self.client = f"bench-{time.time_ns()}"
        self.key = self._make_key()
        self.program: Program | None = None
        self.api = Connection(self.port, self.key)

    def _make_key(self) -> str:
        command = [*SIMCOURIER, "keys", "create", self.client, "--config", self.config]
        for scope in SCOPES:
            command += ["--scope", scope]
        output = self.storage / "key.txt"
        output.write_bytes(b"")
        maker = Program("simcourier keys create", command, output, environment=self._environment)
        wait_until(lambda: not maker.is_running, 30, "simcourier keys create")
        if maker.exit_code != 0:
            raise ProgramError(maker.obituary())
        key = (output.read_text().split() or [""])[-1]
        output.unlink()
        if not key.startswith("sck_"):
            raise ProgramError("simcourier keys create told no key")
        return key

    # -- life ---------------------------------------------------------------------------------------------

    def spawn(self) -> None:
        """Start the process and wait for nothing."""
        command = [*SIMCOURIER, "run", "--config", self.config]
        self.program = Program("simcourier run", command, self._log, environment=self._environment)

    def start(self, timeout_s: float = 60.0) -> None:
        """Start, and wait until every modem is ready."""
        self.spawn()
        self.wait_ready(timeout_s)
        wait_until(self.all_ready, timeout_s, lambda: f"modems are not ready: {self.states()}", 0.1)

    def wait_ready(self, timeout_s: float = 60.0, pause_s: float = 0.005) -> None:
        """Wait for the first 200 of /readyz."""
        wait_until(self._is_ready, timeout_s, lambda: f"/readyz is not 200\n{self.running.tail()}", pause_s)

    def _is_ready(self) -> bool:
        self.running.check()
        try:
            return self.api.request("GET", "/readyz").status == 200
        except OSError:
            return False

    def states(self) -> dict[str, str]:
        """Each modem's state."""
        items = self.get("/v1/modems")["items"]
        return {item["id"]: item["state"] for item in items}

    def all_ready(self) -> bool:
        """Is every modem ready?"""
        return list(self.states().values()) == ["ready"] * len(self.names)

    @property
    def running(self) -> Program:
        """The process. Raises ProgramError where none was started."""
        if self.program is None:
            raise ProgramError("the daemon was not started")
        return self.program

    def kill(self) -> str:
        """`kill -9`, and nothing else. Returns how it had ended by itself before, or an empty text."""
        was_running = self.running.is_running
        if was_running:
            os.kill(self.running.pid, signal.SIGKILL)
        self.running.kill()
        self.api.close()
        by_us = was_running and self.running.exit_code == -signal.SIGKILL
        return "" if by_us else self.running.obituary()

    def stop(self) -> None:
        """SIGTERM, and wait for the clean end."""
        self.api.close()
        if self.program:
            self.program.stop(75)

    # -- questions ----------------------------------------------------------------------------------------

    def get(self, path: str, **query: object) -> Any:
        """GET a path; anything but 200 is a failure of the bench."""
        answer = self.api.request("GET", f"{path}?{urlencode(query)}" if query else path)
        assert answer.status == 200, (path, answer)
        return answer.json()

    def pause(self, *, paused: bool) -> None:
        """Pause or resume every modem."""
        for name in self.names:
            answer = self.api.request("POST", f"/v1/modems/{name}/{'pause' if paused else 'resume'}", {})
            assert answer.status == 200, answer

    def is_quiet(self) -> bool:
        """Does nothing wait and nothing fly?"""
        status = self.get("/v1/status")
        return not status["in_flight"] and not sum(status["queue"].values())
