"""Many virtual modems on pseudo terminals, in one process and one thread."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from heapq import heappop, heappush
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

import msgspec

from simcourier.virtual import control_socket, scenario, sim
from simcourier.virtual.control import Control
from simcourier.virtual.control_socket import SOCKET_NAME, Client
from simcourier.virtual.handset import Message
from simcourier.virtual.modem import Modem
from simcourier.virtual.network import Network
from simcourier.virtual.port import Port
from simcourier.virtual.scenario import Scenario, ScenarioError

LOG_NAME = "network.jsonl"
READ_SIZE = 4096
MAX_MODEMS = 1000
_NEVER = float("inf")
_FD_SETSIZE = 1024


class _Seat:
    """A modem, its port, and when the host next looks at it by itself."""

    __slots__ = ("due_at", "modem", "port")

    def __init__(self, modem: Modem, port: Port) -> None:
        self.modem = modem
        self.port = port
        self.due_at = _NEVER


class VirtualHost:
    """`modems` virtual modems whose ports appear in `directory` as modem-000, modem-001 and so on.

    `on_text` is called in the host's thread for each text a handset shows. Use it as a context manager, which
    runs it in a thread of its own, or call `open` (the ports exist when it returns), `run` and, from any
    thread or signal handler, `stop`.
    """

    def __init__(
        self,
        modems: int,
        directory: Path,
        scenario: Scenario | None = None,
        on_text: Callable[[Message], None] | None = None,
    ) -> None:
        if not 1 <= modems <= MAX_MODEMS:
            raise ScenarioError(f"there can be 1 to {MAX_MODEMS} virtual modems, not {modems}")
        self.directory = directory
        self.names = [f"modem-{index:03d}" for index in range(modems)]
        self.ports = [directory / name for name in self.names]
        self._scenario = scenario or Scenario()
        self._on_text = on_text
        self._seats: list[_Seat] = []
        self._by_fd: dict[int, _Seat] = {}
        self._others: dict[int, Callable[[], None]] = {}
        self._due: list[tuple[float, int]] = []
        self._clients: set[Client] = set()
        self._wake = -1
        self._is_open = self._is_stopping = False
        self._thread: threading.Thread | None = None

    # -- life ---------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Make ports, log and control socket. Raises ScenarioError when another host is there."""
        if self._is_open:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        _allow_descriptors(2 * len(self.names) + 64)
        self._server = control_socket.listen(self.directory)
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._log = os.open(
            self.directory / LOG_NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644
        )
        self._epoll = select.epoll()
        self._watch(self._wake, self._wake_up)
        self._watch(self._server.fileno(), self._accept)
        now = time.monotonic()
        self.network = Network(time.time() - now, self._on_text)
        for name, path in zip(self.names, self.ports, strict=True):
            self._seats.append(_Seat(self._make_modem(name, now), Port(path)))
        self._control = Control([seat.modem for seat in self._seats], self.network, self._scenario.hubs)
        self._is_open = True
        for seat in self._seats:
            self._settle(seat)

    def _make_modem(self, name: str, now: float) -> Modem:
        index = len(self._seats)
        timeline = self._scenario.timeline(index, name)
        rng = Random(f"{self._scenario.seed} {name}")
        return Modem(name, sim.make(index, timeline.at(0.0)[0]), self.network, timeline, rng, now)

    def run(self) -> None:
        """Serve until `stop`; then remove ports and socket."""
        self.open()
        try:
            while not self._is_stopping:
                self._turn()
        finally:
            self._close()

    def stop(self) -> None:
        """End `run`, from any thread or signal handler; waits for a thread that the host itself started."""
        self._is_stopping = True
        if self._wake >= 0:
            with contextlib.suppress(OSError):  # it may have seen the flag by itself, and be gone by now
                os.eventfd_write(self._wake, 1)
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join()

    def __enter__(self) -> Self:
        self.open()
        self._thread = threading.Thread(target=self.run, name="virtual-host", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _close(self) -> None:
        for seat in self._seats:
            seat.port.close()
        for client in self._clients:
            client.close()
        self._flush_log()
        self._server.close()
        (self.directory / SOCKET_NAME).unlink(missing_ok=True)
        self._epoll.close()
        os.close(self._log)
        wake, self._wake = self._wake, -1
        os.close(wake)

    # -- the loop -----------------------------------------------------------------------------------------

    def _turn(self) -> None:
        by_fd, others = self._by_fd, self._others
        for fd, mask in self._wait():
            seat = by_fd.get(fd)
            if seat is None:
                # A port that was unplugged in this very turn is neither.
                others.get(fd, _nothing)()
            else:
                self._serve(seat, mask)
        self._advance(time.monotonic())
        if self.network.records:
            self._flush_log()

    def _wait(self) -> list[tuple[int, int]]:
        """Wait for input until the next deadline.

        epoll counts in whole milliseconds, rounded up, which would lengthen each delay of a scenario; select on
        epoll's own descriptor counts in microseconds and looks at one descriptor however many modems there are.
        """
        deadline = self._due[0][0] if self._due else _NEVER
        network = self.network.next_deadline()
        if network is not None and network < deadline:
            deadline = network
        if deadline == _NEVER:
            return self._epoll.poll()
        timeout = max(0.0, deadline - time.monotonic())
        if self._epoll.fileno() >= _FD_SETSIZE:
            return self._epoll.poll(timeout)
        if timeout:
            select.select((self._epoll,), (), (), timeout)
        return self._epoll.poll(0)

    def _serve(self, seat: _Seat, mask: int) -> None:
        if mask & select.EPOLLOUT:
            seat.port.write()
            self._watch_output(seat)
        if mask & select.EPOLLIN:
            try:
                data = os.read(seat.port.fd, READ_SIZE)
            except BlockingIOError:
                return
            if seat.modem.settings.baud:
                seat.modem.speed = seat.port.speed
            seat.modem.receive(data, time.monotonic())
            self._settle(seat)

    def _advance(self, now: float) -> None:
        due, seats = self._due, self._seats
        while due and due[0][0] <= now:
            when, index = heappop(due)
            seat = seats[index]
            if seat.due_at == when:
                seat.due_at = _NEVER
                seat.modem.advance(now)
                self._settle(seat)
        for modem in self.network.advance(now):
            self._settle(seats[modem.index])

    def _settle(self, seat: _Seat) -> None:
        """Carry out what a modem wants after it was touched: output, port in or out, and its next deadline."""
        modem, port = seat.modem, seat.port
        if modem.settings.baud and port.is_open:
            modem.speed = port.speed
        output = modem.take_output()
        name = modem.settings.port or modem.name
        if modem.is_plugged is not port.is_open:
            self._plug_or_unplug(seat, output)
        elif port.path.name != name:
            self._plug_or_unplug(seat, b"")
            self._plug_or_unplug(seat, output)
        elif output:
            port.write(output)
            if port.is_writing:
                self._watch_output(seat)
        deadline = modem.next_deadline()
        if deadline is not None and deadline < seat.due_at:
            seat.due_at = deadline
            heappush(self._due, (deadline, modem.index))

    def _plug_or_unplug(self, seat: _Seat, output: bytes) -> None:
        port = seat.port
        if port.is_open:
            if output:
                port.write(output)
            self._epoll.unregister(port.fd)
            del self._by_fd[port.fd]
            port.close()
            return
        port.path = self.directory / (seat.modem.settings.port or seat.modem.name)
        fd = port.open()
        self._by_fd[fd] = seat
        self._epoll.register(fd, select.EPOLLIN)
        if output:
            port.write(output)

    def _watch_output(self, seat: _Seat) -> None:
        wanted = select.EPOLLIN | (select.EPOLLOUT if seat.port.is_writing else 0)
        self._epoll.modify(seat.port.fd, wanted)

    def _flush_log(self) -> None:
        records, self.network.records = self.network.records, []
        lines = b"".join([msgspec.json.encode(record) + b"\n" for record in records])
        while lines:
            lines = lines[os.write(self._log, lines) :]

    # -- control ------------------------------------------------------------------------------------------

    def _watch(self, fd: int, callback: Callable[[], None]) -> None:
        self._others[fd] = callback
        self._epoll.register(fd, select.EPOLLIN)

    def _wake_up(self) -> None:
        os.eventfd_read(self._wake)

    def _accept(self) -> None:
        client = control_socket.accept(self._server)
        if client is not None:
            self._clients.add(client)
            self._watch(client.fileno(), lambda: self._converse(client))

    def _converse(self, client: Client) -> None:
        lines = client.read()
        if lines is None or not client.write(self._answer(lines)):
            self._epoll.unregister(client.fileno())
            del self._others[client.fileno()]
            self._clients.discard(client)
            client.close()
            return
        self._epoll.modify(client.fileno(), select.EPOLLIN | (select.EPOLLOUT if client.is_writing else 0))

    def _answer(self, lines: list[bytes]) -> bytes:
        now = time.monotonic()
        answers = b"".join(self._control.answer(line, now) for line in lines if line.strip())
        for seat in self._seats if answers else ():
            self._settle(seat)
        return answers


def _nothing() -> None:
    """Stand in for the callback of a descriptor that is gone."""


def _allow_descriptors(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def choose(scenario_path: Path | None, profile: str | None) -> Scenario:
    """Read a scenario, or take good modems; `profile` is their make where it names none. Raises ScenarioError."""
    chosen = scenario.load(scenario_path) if scenario_path else Scenario()
    return chosen.played_by(profile) if profile else chosen


def run_virtual(
    modems: int, directory: Path, scenario_path: Path | None = None, profile: str | None = None
) -> None:
    """Run virtual modems in the foreground until SIGINT or SIGTERM, and say on stderr what there is.

    `profile` is their make where the scenario names none.
    """
    chosen = choose(scenario_path, profile)
    host = VirtualHost(modems, directory, chosen)
    host.open()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: host.stop())
    _introduce(host, scenario_path)
    for stranger in chosen.strangers(host.names):
        modem = stranger if isinstance(stranger, str) else f"modem {stranger}"
        print(f"warning: the scenario has a rule for {modem}, which does not exist here", file=sys.stderr)
    host.run()
    stats = host.network.stats
    print(f"stopped: {stats.submits} submits, {stats.reports} reports; the ports are gone", file=sys.stderr)


def _introduce(host: VirtualHost, scenario_path: Path | None) -> None:
    first, last, count = host.ports[0], host.ports[-1], len(host.ports)
    ports = f"port {first}" if count == 1 else f"ports {first} to {last.name}"
    lines = [
        f"{count} virtual modem{'s' if count > 1 else ''}, {ports}",
        f"scenario: {scenario_path or 'good modems, no delays'}",
        f"each message that reaches the network is a line of {host.directory / LOG_NAME}",
        f"faults and questions while this runs: {host.directory / SOCKET_NAME} (JSON lines)",
        "stop with Ctrl-C",
    ]
    print("\n".join(lines), file=sys.stderr, flush=True)
