"""Opening real ports: one descriptor, ours alone, and every refusal in words."""

from __future__ import annotations

import errno
import fcntl
import gc
import os
import pty
import termios
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serial

from simcourier.radio import opener as opener_module
from simcourier.radio import ports
from simcourier.radio.holders import Holders
from simcourier.radio.opener import Opener
from simcourier.radio.ports import PortError, PortGoneError, open_port

pytestmark = pytest.mark.live


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """A pty: its master, and the path of its slave."""
    master, slave = pty.openpty()
    yield master, os.ttyname(slave)
    os.close(slave)
    os.close(master)


def descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def test_an_open_port_is_one_descriptor_that_never_blocks(terminal: tuple[int, str]) -> None:
    before = descriptors()
    fd = open_port(terminal[1], 115200)
    assert descriptors() == before + 1
    with pytest.raises(BlockingIOError):
        os.read(fd, 1)
    os.close(fd)


def test_bytes_pass_as_they_are(terminal: tuple[int, str]) -> None:
    master, path = terminal
    fd = open_port(path, 115200)
    os.write(fd, b"AT\r\x1a\x1b\x03\x11\x13")
    assert os.read(master, 100) == b"AT\r\x1a\x1b\x03\x11\x13"
    os.write(master, b"\r\nOK\r\n\x03")
    assert os.read(fd, 100) == b"\r\nOK\r\n\x03"
    assert not termios.tcgetattr(fd)[2] & termios.CRTSCTS
    os.close(fd)


def test_a_port_is_ours_alone_until_it_is_closed(terminal: tuple[int, str]) -> None:
    fd = open_port(terminal[1], 115200)
    with pytest.raises(PortError, match="in use by simcourier itself"):
        open_port(terminal[1], 115200)
    os.close(fd)
    os.close(open_port(terminal[1], 115200))


def test_what_came_before_the_port_was_opened_is_kept(terminal: tuple[int, str]) -> None:
    master, path = terminal
    tty.setraw(master)
    os.write(master, b"\r\n+CDS: 25\r\n")
    fd = open_port(path, 115200)
    assert os.read(fd, 100) == b"\r\n+CDS: 25\r\n"
    os.write(master, b"\r\n+CDS: 26\r\n")
    opener = Opener()
    opener.close(fd)
    opener.stop(5)
    fd = open_port(path, 115200)
    assert os.read(fd, 100) == b"\r\n+CDS: 26\r\n"
    os.close(fd)


def test_a_missing_port_is_gone(tmp_path: Path) -> None:
    with pytest.raises(PortGoneError, match="no such port"):
        open_port(str(tmp_path / "ttyUSB9"), 115200)


def test_a_file_and_a_directory_are_no_ports(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello")
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(PortError, match="not a serial port"):
            open_port(str(path), 115200)


def test_a_failed_open_leaves_no_descriptor(tmp_path: Path, terminal: tuple[int, str]) -> None:
    fd = open_port(terminal[1], 115200)
    (tmp_path / "file").touch()
    before = descriptors()
    for path in (terminal[1], str(tmp_path / "file"), str(tmp_path / "none")):
        with pytest.raises(PortError):
            open_port(path, 115200)
    assert descriptors() == before
    os.close(fd)


def test_opening_touches_neither_dtr_nor_rts(
    terminal: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Some sticks answer those ioctls with EPIPE.
    asked: list[int] = []
    usual = fcntl.ioctl

    def ioctl(fd: int, request: int, *rest: Any) -> Any:
        asked.append(request)
        return usual(fd, request, *rest)

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    os.close(open_port(terminal[1], 115200))
    assert not {termios.TIOCMBIS, termios.TIOCMBIC, termios.TIOCMSET} & set(asked)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EBUSY, "in use by another program"),
        (errno.ENODEV, "no such port"),
        (errno.EIO, "no such port"),
        (errno.ENOTTY, "not a serial port"),
        (errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_every_refusal_is_in_words(number: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> serial.Serial:
        raise serial.SerialException(number, os.strerror(number))

    monkeypatch.setattr(ports, "_Port", refuse)
    with pytest.raises(PortError, match=words):
        open_port("/dev/ttyUSB0", 115200)


def test_a_configuration_that_the_driver_refuses_closes_the_port(
    terminal: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise termios.error(errno.EINVAL, "Invalid argument")

    before = descriptors()
    monkeypatch.setattr(termios, "tcsetattr", refuse)
    with pytest.raises(PortError):
        open_port(terminal[1], 115200)
    assert descriptors() == before


@pytest.mark.parametrize(
    ("mode", "advice"), [(0o660, "add the service's user to it"), (0o600, "only its owner")]
)
def test_a_missing_permission_says_what_to_do(
    mode: int, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> serial.Serial:
        raise serial.SerialException(errno.EACCES, "Permission denied")

    monkeypatch.setattr(ports, "_Port", refuse)
    path = tmp_path / "ttyUSB0"
    path.touch()
    path.chmod(mode)
    with pytest.raises(PortError, match=f"no permission; .*{advice}"):
        open_port(str(path), 115200)


def test_a_missing_permission_above_the_port_is_told() -> None:
    assert "directory" in ports._who_may("/nonexistent/ttyUSB0")


def test_a_group_without_a_name_is_told_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "ttyUSB0"
    path.touch(0o660)
    path.chmod(0o660)
    if os.getuid() == 0:
        os.chown(path, 0, 54321)
        assert "the group 54321" in ports._who_may(str(path))
    else:
        assert "the group" in ports._who_may(str(path))


class Stuck:
    """An `open_port` that hangs on some paths until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        monkeypatch.setattr(opener_module, "open_port", self.open)
        monkeypatch.setattr(opener_module, "STUCK_AFTER", 0.01)

    def open(self, path: str, _baudrate: int, _holders: Holders) -> int:
        if path.startswith("stuck"):
            self.go.wait(10)
        raise PortError(path)


def test_a_port_that_hangs_while_it_is_opened_delays_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck, opener, opened = Stuck(monkeypatch), Opener(), threading.Event()
    opener.open("stuck", 9600, lambda _: None)
    opener.open("well", 9600, lambda _: opened.set())
    end = time.monotonic() + 5
    while not opened.wait(0.02) and time.monotonic() < end:
        opener.look_after()
    assert opened.is_set()
    stuck.go.set()
    opener.stop(5)


def test_a_hub_full_of_ports_that_hang_delays_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck, opener, opened = Stuck(monkeypatch), Opener(), threading.Event()
    for number in range(15):
        opener.open(f"stuck {number}", 9600, lambda _: None)
    opener.open("well", 9600, lambda _: opened.set())
    end = time.monotonic() + 5
    while not opened.wait(0.02) and time.monotonic() < end:
        opener.look_after()
    assert opened.is_set()
    stuck.go.set()
    opener.stop(5)


def test_openers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck, opener = Stuck(monkeypatch), Opener()
    monkeypatch.setattr(opener_module, "MOST_THREADS", 3)
    for number in range(10):
        opener.open(f"stuck {number}", 9600, lambda _: None)
    end = time.monotonic() + 5
    while len(opener._threads) < 3 and time.monotonic() < end:
        opener.look_after()
    for _ in range(100):
        opener.look_after()
    assert len(opener._threads) == 3
    stuck.go.set()
    opener.stop(5)


def test_closing_a_port_that_is_closed_already_harms_nothing() -> None:
    fd = os.dup(0)
    os.close(fd)
    opener = Opener()
    opener.close(fd)
    opener.stop(5)
    assert not any(thread.is_alive() for thread in opener._threads)
