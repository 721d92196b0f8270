"""The rate of an open port: set while the modem is looked for, kept for the next opening."""

from __future__ import annotations

import os
import pty
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_radio_link import Bench

from simcourier.radio import opener
from simcourier.radio.link import Origin
from simcourier.radio.ports import change_rate


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    theirs, ours = pty.openpty()
    os.set_blocking(ours, False)
    yield theirs, ours
    os.close(theirs)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    path = tmp_path / "ttyS0"
    path.touch()
    bench = Bench(path)
    yield bench
    bench.link.close_for_good("the test is over", bench.now)
    bench.selector.close()


def heard(fd: int) -> bytes:
    """What has come out at the modem's end, perhaps nothing."""
    os.set_blocking(fd, False)
    try:
        return os.read(fd, 4096)
    except BlockingIOError:
        return b""


def rates(fd: int) -> list[int]:
    """The rates of a terminal, in and out."""
    return termios.tcgetattr(fd)[4:6]


def test_a_rate_is_set_both_ways(terminal: tuple[int, int]) -> None:
    change_rate(terminal[1], 9600)
    assert rates(terminal[1]) == [termios.B9600, termios.B9600]


def test_a_rate_that_there_is_none_of_changes_nothing(terminal: tuple[int, int]) -> None:
    before = rates(terminal[1])
    change_rate(terminal[1], 12345)
    assert rates(terminal[1]) == before


def test_what_is_no_terminal_is_left_alone(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        change_rate(file.fileno(), 9600)


def test_a_silent_configured_port_is_set_to_the_next_rate(bench: Bench, terminal: tuple[int, int]) -> None:
    bench.link.advance(bench.now)
    bench.deferring.waiting.popleft()(terminal[1])
    change_rate(terminal[1], 115200)
    for _ in range(40):
        bench.now += 0.1
        bench.link.advance(bench.now)
    assert rates(terminal[1]) == [termios.B9600, termios.B9600]


def test_a_port_that_was_only_found_keeps_its_rate(bench: Bench, terminal: tuple[int, int]) -> None:
    bench.link.origin = Origin.SUSPECTED
    bench.link.advance(bench.now)
    bench.deferring.waiting.popleft()(terminal[1])
    change_rate(terminal[1], 115200)
    for _ in range(40):
        bench.now += 0.1
        bench.link.advance(bench.now)
    assert rates(terminal[1]) == [termios.B115200, termios.B115200]


def test_nothing_leaves_while_a_rate_is_being_set_and_then_all_of_it(
    bench: Bench, terminal: tuple[int, int]
) -> None:
    bench.deferring.changes_at_once = False
    bench.link.advance(bench.now)
    bench.deferring.waiting.popleft()(terminal[1])
    while not bench.deferring.changed:
        bench.now += 0.1
        bench.link.advance(bench.now)
        heard(terminal[0])
    bench.link.advance(bench.now)
    assert heard(terminal[0]) == b""
    bench.deferring.changed.pop()()
    assert heard(terminal[0]).endswith(b"AT\r")


def test_a_stick_that_takes_no_rate_is_given_up_like_one_that_takes_no_bytes(
    bench: Bench, terminal: tuple[int, int]
) -> None:
    bench.deferring.changes_at_once = False
    bench.link.advance(bench.now)
    bench.deferring.waiting.popleft()(os.dup(terminal[1]))
    for _ in range(100):
        bench.now += 0.1
        bench.link.advance(bench.now)
    assert bench.deferring.waiting, "its port is being opened anew"
    bench.deferring.changed.pop()()  # too late: this is about a port that nobody has any more


def test_a_rate_is_set_in_another_thread_which_may_have_to_wait(
    terminal: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    go, done = threading.Event(), threading.Event()
    monkeypatch.setattr(opener, "change_rate", lambda *_: go.wait(10))
    own = opener.Opener()
    own.change_rate(terminal[1], 9600, done.set)
    assert not done.is_set()
    go.set()
    assert done.wait(10)
    own.stop(5)
