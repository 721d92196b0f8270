"""Modems behind ports on the network: raw TCP, and RFC 2217 with pyserial's own other end."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from modem_desk import ScriptedModem
from radio_watch import Watch
from serial import rfc2217

from simcourier.modem.facts import ModemState, SubmitEnd
from simcourier.modem.timings import Timings
from simcourier.radio import PortSpec, RadioSettings
from simcourier.radio.remote import is_remote, remote_name

pytestmark = pytest.mark.live

FAST = RadioSettings(
    timings=Timings(probe=0.1, quiet=0.05, command=1.0), remote_pause=0.05, remote_pause_limit=0.2
)


class Line:
    """What pyserial's RFC 2217 server wants of the serial port behind it."""

    def __init__(self) -> None:
        self.baudrate, self.bytesize, self.parity, self.stopbits = 9600, 8, "N", 1
        self.xonxoff = self.rtscts = self.break_condition = False
        self.dtr = self.rts = True
        self.cts = self.dsr = self.ri = self.cd = False

    def reset_input_buffer(self) -> None:
        """Nothing waits here."""

    def reset_output_buffer(self) -> None:
        """Nor here."""


class Server:
    """A scripted modem behind a TCP port; one connection at a time, in a thread."""

    def __init__(self, modem: ScriptedModem, *, telnet: bool) -> None:
        self.modem = modem
        self.line = Line()
        self.connections = 0
        self._telnet = telnet
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._current: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{'rfc2217' if self._telnet else 'socket'}://127.0.0.1:{self.port}"

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._current, _ = self._listener.accept()
                self.connections += 1
                with contextlib.suppress(OSError), self._current as connection:
                    self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        class Back:
            def write(self, data: bytes) -> None:
                connection.sendall(data)

        manager = rfc2217.PortManager(self.line, Back()) if self._telnet else None
        while True:
            select.select([connection], [], [])
            data = connection.recv(4096)
            if not data:
                return
            if manager is not None:
                data = b"".join(manager.filter(data))
            answer = self.modem.hear(data) if data else b""
            if answer:
                connection.sendall(b"".join(manager.escape(answer)) if manager is not None else answer)

    def drop(self) -> None:
        """End the connection."""
        if self._current is not None:
            with contextlib.suppress(OSError):
                self._current.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()
        self._thread.join(5)


@pytest.fixture(params=[False, True], ids=["raw", "rfc2217"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    server = Server(ScriptedModem(), telnet=request.param)
    yield server
    server.close()


@contextlib.contextmanager
def watching(spec: PortSpec, settings: RadioSettings = FAST) -> Iterator[Watch]:
    watch = Watch(spec, settings=settings)
    watch.radio.start()
    try:
        yield watch
    finally:
        watch.radio.stop(0.0)


def test_a_modem_behind_the_network_comes_up_and_sends(server: Server) -> None:
    with watching(PortSpec(server.url, "far", 57600)) as watch:
        watch.until_ready("far")
        assert watch.send("far").end is SubmitEnd.SENT
        assert watch.radio.snapshots()["far"].port == server.url
    assert server.line.baudrate == (57600 if server.url.startswith("rfc2217") else 9600)


def test_a_connection_that_breaks_is_made_anew(server: Server) -> None:
    with watching(PortSpec(server.url, "far")) as watch:
        watch.until_ready("far")
        server.drop()
        watch.until_state("far", ModemState.ABSENT)
        watch.until_ready("far")
        assert watch.send("far").end is SubmitEnd.SENT
    assert server.connections == 2


def test_no_thread_is_left_when_the_radio_has_stopped(server: Server) -> None:
    before = threading.active_count()
    with watching(PortSpec(server.url, "far")) as watch:
        watch.until_ready("far")
    watch.until(lambda: threading.active_count() <= before, "the end of the bridge")


def test_a_host_that_refuses_is_tried_with_growing_pauses_and_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with watching(PortSpec(f"socket://127.0.0.1:{port}")) as watch:
        name = f"127.0.0.1-{port}"
        watch.until(lambda: "the host refuses" in watch.radio.snapshots()[name].reason, "the reason")
        link = watch.radio._roster.named[name]
        watch.until(lambda: link._pause == FAST.remote_pause_limit, "the longest pause")
        assert watch.state(name) is ModemState.ABSENT or watch.state(name) is ModemState.OPENING


class Mute(ScriptedModem):
    """Takes whatever comes, and says nothing."""

    def hear(self, data: bytes) -> bytes:
        return b""


def test_a_host_that_speaks_no_rfc_2217_says_so() -> None:
    server = Server(Mute(), telnet=False)
    try:
        settings = replace(FAST, remote_pause=60.0)
        with watching(PortSpec(f"rfc2217://127.0.0.1:{server.port}", "far"), settings) as watch:
            watch.until(lambda: "write socket://" in watch.radio.snapshots()["far"].reason, "the reason")
    finally:
        server.close()


def test_a_port_on_the_network_is_told_from_a_path() -> None:
    assert is_remote("rfc2217://host:1")
    assert is_remote("socket://[::1]:1")
    assert not is_remote("/dev/ttyUSB0")
    assert not is_remote("socket:/dev")
    assert remote_name("socket://[::1]:4001") == "::1-4001"
