"""What systemd hears of the daemon, over a real datagram socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from simcourier.cli.supervisor import Supervisor

PID = 4711


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket as systemd makes it, and the value of NOTIFY_SOCKET for it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(5)
        if request.param == "path":
            address = str(tmp_path / "notify")
            listener.bind(address)
        else:
            # Bound to no name, the kernel gives an abstract one.
            listener.bind("")
            address = "@" + listener.getsockname()[1:].decode()
        yield listener, address


def test_ready_alive_and_stopping_are_told(manager: tuple[socket.socket, str]) -> None:
    listener, address = manager
    supervisor = Supervisor({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"}, PID)
    supervisor.ready("0 of 2 modems can send")
    assert listener.recv(999) == b"READY=1\nSTATUS=0 of 2 modems can send"
    supervisor.alive("2 of 2 modems can send", healthy=True)
    assert listener.recv(999) == b"WATCHDOG=1\nSTATUS=2 of 2 modems can send"
    supervisor.alive("2 of 2 modems can send", healthy=True)
    assert listener.recv(999) == b"WATCHDOG=1"
    supervisor.stopping()
    assert listener.recv(999).startswith(b"STOPPING=1\n")


def test_an_unhealthy_daemon_is_not_fed(manager: tuple[socket.socket, str]) -> None:
    listener, address = manager
    supervisor = Supervisor({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"}, PID)
    supervisor.alive("stuck", healthy=False)
    supervisor.alive("stuck", healthy=False)
    supervisor.alive("stuck", healthy=True)
    assert [listener.recv(999), listener.recv(999)] == [b"STATUS=stuck", b"WATCHDOG=1"]


def test_a_status_that_stays_the_same_is_told_once(manager: tuple[socket.socket, str]) -> None:
    listener, address = manager
    supervisor = Supervisor({"NOTIFY_SOCKET": address}, PID)
    supervisor.ready("one")
    for status in ("one", "one", "two"):
        supervisor.alive(status, healthy=True)
    listener.recv(999)
    assert listener.recv(999) == b"STATUS=two"


def test_without_a_manager_nothing_happens() -> None:
    supervisor = Supervisor({"WATCHDOG_USEC": "30000000"}, PID)
    supervisor.ready("up")
    supervisor.alive("up", healthy=True)
    supervisor.stopping()
    assert not supervisor.listens
    assert supervisor.watchdog_s is None


def test_a_manager_that_went_away_does_no_harm(tmp_path: Path) -> None:
    Supervisor({"NOTIFY_SOCKET": str(tmp_path / "gone")}, PID).ready("up")


@pytest.mark.parametrize(
    ("more", "watchdog_s", "pause_s"),
    [
        ({}, None, 5.0),
        ({"WATCHDOG_USEC": "6000000"}, 6.0, 2.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(PID)}, 30.0, 5.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None, 5.0),
        ({"WATCHDOG_USEC": "soon"}, None, 5.0),
        ({"WATCHDOG_USEC": "0"}, None, 5.0),
    ],
)
def test_the_watchdog_is_fed_in_time_if_it_is_ours(
    more: dict[str, str], watchdog_s: float, pause_s: float
) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": "/run/notify", **more}, PID)
    assert (supervisor.watchdog_s, supervisor.pause_s) == (watchdog_s, pause_s)
