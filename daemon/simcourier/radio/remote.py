"""Serial ports on the network: raw TCP, and RFC 2217 by pyserial, each as one descriptor that never blocks."""

from __future__ import annotations

import contextlib
import errno
import re
import socket
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from serial import rfc2217

from simcourier.radio.errors import PortError

MOST = 64
"""Connections at a time; each may take three threads."""
_CONNECT_S = 5.0
_STALL_S = 5.0
_IDLE_S, _PROBE_S, _PROBES = 20, 5, 3
"""A peer that vanished without a word is noticed after 35 s."""
_CHUNK = 4096
_URL = re.compile(r"(rfc2217|socket)://")

Done = Callable[[int | PortError], None]


def is_remote(port: str) -> bool:
    """Whether a configured port is on the network."""
    return _URL.match(port) is not None


def remote_name(port: str) -> str:
    """What a modem on the network is called if nobody named it: host and port."""
    parts = urlsplit(port)
    return f"{parts.hostname}-{parts.port}"


class Remotes:
    """Connects each port in a thread of its own, so that a host that is silent delays nobody else."""

    def __init__(self) -> None:
        self._room = threading.BoundedSemaphore(MOST)

    def open(self, port: str, baudrate: int, done: Done) -> None:
        """Connect, and hand the descriptor, or why there is none, to `done`, which runs in another thread."""
        if not self._room.acquire(blocking=False):
            done(PortError(f"{port}: {MOST} connections are being made or open already"))
            return
        threading.Thread(
            target=self._run, args=(port, baudrate, done), name=f"remote {remote_name(port)}", daemon=True
        ).start()

    def _run(self, port: str, baudrate: int, done: Done) -> None:
        try:
            if port.startswith("socket://"):
                done(_connect(port))
            else:
                _bridge(port, baudrate, done)
        finally:
            self._room.release()


def _connect(port: str) -> int | PortError:
    """A raw TCP connection is a descriptor already. pyserial's has no advantage, and waits by `select()`."""
    parts = urlsplit(port)
    try:
        connection = socket.create_connection((parts.hostname or "", parts.port or 0), _CONNECT_S)
    except OSError as error:
        return PortError(f"{port}: {_why(error)}")
    _keep_alive(connection)
    connection.setblocking(False)
    return connection.detach()


class _Port(rfc2217.Serial):
    """An RFC 2217 port whose opening keeps what waits there: it may be a status report."""

    def reset_input_buffer(self) -> None:
        """Leave it."""

    _socket: socket.socket

    @property
    def connection(self) -> socket.socket:
        """The connection below."""
        return self._socket


def _bridge(port: str, baudrate: int, done: Done) -> None:
    """Pump bytes between pyserial, which has no descriptor to wait for, and one end of a socket pair."""
    try:
        remote = _Port(port, baudrate, timeout=1.0)
        _keep_alive(remote.connection)
    except (OSError, ValueError) as error:  # SerialException is an OSError
        done(PortError(f"{port}: {_why(error)}"))
        return
    ours, theirs = socket.socketpair()
    ours.settimeout(_STALL_S)
    theirs.setblocking(False)
    inward = threading.Thread(
        target=_pump_in, args=(remote, ours), name=threading.current_thread().name + " in", daemon=True
    )
    inward.start()
    done(theirs.detach())
    _pump_out(ours, remote)
    inward.join()
    ours.close()
    with contextlib.suppress(OSError):
        remote.close()


def _pump_out(ours: socket.socket, remote: _Port) -> None:
    """Until the radio closes its end, or the connection fails."""
    try:
        while True:
            try:
                data = ours.recv(_CHUNK)
            except TimeoutError:
                continue
            if not data:
                break
            remote.write(data)
    except OSError:
        pass
    finally:
        _shut(ours)


def _pump_in(remote: _Port, ours: socket.socket) -> None:
    """Until the connection fails, or the radio takes nothing for so long that it must have closed its end."""
    try:
        while True:
            data = remote.read(1)
            if data:
                ours.sendall(data + remote.read(min(remote.in_waiting, _CHUNK)))
            elif _is_shut(ours):
                break
    except OSError:
        pass
    finally:
        _shut(ours)


def _is_shut(ours: socket.socket) -> bool:
    try:
        return not ours.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False


def _shut(ours: socket.socket) -> None:
    """Wake whoever waits on either end; what was sent before still arrives."""
    with contextlib.suppress(OSError):
        ours.shutdown(socket.SHUT_RDWR)


def _keep_alive(connection: socket.socket) -> None:
    for level, option, value in (
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE_S),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_S),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES),
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    ):
        connection.setsockopt(level, option, value)


def _why(error: Exception) -> str:
    text = str(error)
    if isinstance(error, TimeoutError) or "timed out" in text:
        return f"no answer within {_CONNECT_S:g} s"
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ECONNREFUSED or "refused" in text:
        return "the host refuses the connection: nobody listens there, or somebody else is connected"
    if isinstance(error, socket.gaierror) or "Name or service" in text or "name resolution" in text:
        return "nobody knows this host name"
    if "RFC2217" in text:
        return "the host does not speak RFC 2217; if it is a raw port, write socket://"
    return text.rpartition("[Errno")[2].partition("] ")[2] or text
