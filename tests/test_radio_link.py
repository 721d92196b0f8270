"""One link between a descriptor and a session: what happens to bytes, and when the descriptor fails."""

from __future__ import annotations

import os
import selectors
import socket
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from modem_desk import ScriptedModem, job

from simcourier.modem.facts import Fact, ModemState, SubmitEnd, SubmitEnded
from simcourier.modem.session import Session
from simcourier.modem.timings import Timings
from simcourier.radio.link import Link, Origin
from simcourier.radio.loop import Radio
from simcourier.radio.opener import Opener
from simcourier.radio.ports import PortError
from simcourier.radio.specs import PortSpec, RadioSettings

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class DeferringOpener(Opener):
    """Opens when told to, with what it is told; closes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: deque[Callable[[int | PortError], None]] = deque()
        self.looked_after = 0

    def open(self, path: str, baudrate: int, done: Callable[[int | PortError], None]) -> None:
        self.waiting.append(done)

    def close(self, fd: int) -> None:
        os.close(fd)

    def look_after(self) -> None:
        self.looked_after += 1


class Bench:
    """A link, its hub, and the modem's end of the wire."""

    def __init__(self, path: Path) -> None:
        self.selector: selectors.BaseSelector = selectors.DefaultSelector()
        self.deferring = DeferringOpener()
        self.opener: Opener = self.deferring
        self.settings = RadioSettings(write_stall=3.0)
        self.facts: list[Fact] = []
        self.now = 1000.0
        self.modem = ScriptedModem()
        session = Session("modem", str(path), timings=Timings())
        self.link = Link(self, PortSpec(str(path)), session, Origin.CONFIGURED)
        self.wire: socket.socket | None = None

    def post(self, order: Callable[[float], None]) -> None:
        order(self.now)

    def arm(self, link: Link) -> None:
        """Time is passed by hand here."""

    def tell(self, link: Link, fact: Fact) -> None:
        self.facts.append(fact)

    def ended(self) -> SubmitEnded:
        (fact,) = [fact for fact in self.facts if isinstance(fact, SubmitEnded)]
        return fact

    @property
    def state(self) -> ModemState:
        return self.link.session.modem.state

    def plug(self) -> None:
        self.link.advance(self.now)
        ours, self.wire = socket.socketpair()
        ours.setblocking(False)
        self.deferring.waiting.popleft()(ours.detach())

    def up(self) -> Bench:
        self.plug()
        for _ in range(200):
            self.exchange()
            self.now += 0.01
            self.link.advance(self.now)
        assert self.state is ModemState.READY
        return self

    def exchange(self) -> None:
        assert self.wire is not None
        self.wire.setblocking(False)
        try:
            answer = self.modem.hear(self.wire.recv(65536))
        except BlockingIOError:
            return
        if answer:
            self.wire.sendall(answer)
            self.link.ready(READ, self.now)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    path = tmp_path / "ttyUSB0"
    path.touch()
    bench = Bench(path)
    yield bench
    bench.link.close_for_good("the test is over", bench.now)
    bench.selector.close()


def test_a_wake_up_without_a_byte_is_no_loss(bench: Bench) -> None:
    bench.up().link.ready(READ, bench.now)
    assert bench.state is ModemState.READY


def test_the_end_of_the_file_means_gone_now(bench: Bench) -> None:
    bench.up()
    assert bench.wire is not None
    bench.wire.close()
    bench.link.ready(READ | WRITE, bench.now)
    assert bench.state is ModemState.ABSENT
    assert bench.link.session.modem.standing.reason.endswith("the device is gone")


def test_an_error_on_reading_means_gone_now(bench: Bench, tmp_path: Path) -> None:
    bench.link.advance(bench.now)
    # Reading a directory fails, and a selector takes only what can wait: a pipe stands in for it there.
    ours, theirs = os.pipe()
    bench.deferring.waiting.popleft()(ours)
    os.close(theirs)
    directory = os.open(tmp_path, os.O_RDONLY)
    os.dup2(directory, ours)
    os.close(directory)
    bench.link._read(bench.now)
    assert bench.state is ModemState.ABSENT


def test_a_command_that_the_port_refuses_has_not_left(bench: Bench) -> None:
    bench.up()
    assert bench.wire is not None
    bench.wire.close()
    bench.link.submit(job(now=bench.now), bench.now)
    assert (bench.ended().end, bench.state) == (SubmitEnd.NOT_SENT, ModemState.ABSENT)


def test_a_pdu_that_the_port_refuses_has_not_left(bench: Bench) -> None:
    bench.up()
    bench.link.submit(job(now=bench.now), bench.now)
    bench.exchange()
    assert bench.modem.at_prompt
    assert bench.wire is not None
    bench.wire.close()
    bench.link.permit(1, True, bench.now)
    assert (bench.ended().end, bench.ended().parts_sent) == (SubmitEnd.NOT_SENT, 0)


def test_a_pdu_that_the_port_took_is_in_doubt_when_the_port_goes(bench: Bench) -> None:
    bench.up()
    bench.link.submit(job(now=bench.now), bench.now)
    bench.exchange()
    bench.link.permit(1, True, bench.now)
    assert bench.wire is not None
    assert bench.wire.recv(100).endswith(b"\x1a")
    bench.wire.close()
    bench.link.ready(READ, bench.now)
    assert bench.ended().end is SubmitEnd.IN_DOUBT


def fill(bench: Bench) -> int:
    """Leave no room in the wire; return how much fits."""
    filled = 0
    while True:
        try:
            filled += os.write(bench.link._fd, b" " * 4096)
        except BlockingIOError:
            return filled


def test_bytes_without_room_wait_and_leave_in_order(bench: Bench) -> None:
    bench.up()
    filled = fill(bench)
    bench.link.submit(job(now=bench.now), bench.now)
    assert bench.link.due() == bench.now + 3.0
    bench.now += 1.0
    bench.link.ready(WRITE, bench.now)
    assert bench.link.due() == bench.now + 2.0, "no byte was taken, so the time runs on"
    assert bench.wire is not None
    bench.wire.setblocking(True)
    while filled:
        filled -= len(bench.wire.recv(min(filled, 65536)))
    assert bench.selector.get_key(bench.link._fd).events == READ | WRITE
    bench.link.ready(WRITE, bench.now)
    assert bench.wire.recv(100) == b"AT+CMGS=14\r"
    assert bench.selector.get_key(bench.link._fd).events == READ
    assert bench.link.due() > bench.now + 2.0, "only the prompt is waited for"


def test_a_port_without_room_is_closed_and_opened_anew_after_some_seconds(bench: Bench) -> None:
    bench.up()
    fill(bench)
    bench.link.submit(job(now=bench.now), bench.now)
    bench.now += 2.9
    bench.link.advance(bench.now)
    assert bench.link._fd >= 0
    bench.now += 0.2
    bench.link.advance(bench.now)
    assert (bench.ended().end, bench.state, bench.link._fd) == (SubmitEnd.NOT_SENT, ModemState.SILENT, -1)
    assert len(bench.deferring.waiting) == 1


def test_output_has_a_bound(bench: Bench) -> None:
    bench.up()
    fill(bench)
    bench.link._write(b"x" * (bench.settings.output_limit + 1), bench.now)
    assert bench.state is ModemState.SILENT


def test_a_port_that_opens_after_nobody_wants_it_any_more_is_closed(bench: Bench) -> None:
    bench.link.advance(bench.now)
    bench.link.restart(bench.now)
    first, second = bench.deferring.waiting
    ours, theirs = os.pipe()
    first(ours)
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(ours)
    first(PortError("too late"))
    assert bench.link.session.modem.state is ModemState.OPENING
    os.close(theirs)
    second(PortError("/dev/ttyUSB0: in use by another program"))
    assert bench.link.session.modem.standing.reason == "/dev/ttyUSB0: in use by another program"


def test_an_open_that_hangs_is_looked_after_and_the_modem_is_opening(bench: Bench) -> None:
    for _ in range(5):
        bench.link.advance(bench.now)
        bench.now += 0.5
    assert bench.state is ModemState.OPENING
    assert (len(bench.deferring.waiting), bench.deferring.looked_after) == (1, 4)


def test_a_silent_modem_whose_port_is_gone_is_absent(bench: Bench) -> None:
    bench.up()
    Path(bench.link.spec.port).unlink()
    bench.link.reopen(bench.now, "nothing comes from it")
    states = [bench.state]
    bench.link.advance(bench.now)
    assert [*states, bench.state] == [ModemState.SILENT, ModemState.ABSENT]


def test_an_order_that_comes_as_the_loop_goes_to_sleep_keeps_it_awake() -> None:
    radio = Radio([], None, lambda _: None)
    assert radio._patience() is None
    radio._awake = True
    radio.poll()
    assert radio._patience() == 0.0
    radio.stop()


def test_a_fault_in_an_order_is_logged_and_the_next_order_is_carried_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done: list[float] = []

    def broken(_: float) -> None:
        raise RuntimeError("a fault")

    radio = Radio([], None, lambda _: None)
    radio.post(broken)
    radio.post(done.append)
    radio._take_orders()
    assert len(done) == 1
    assert "a fault of this program; the radio goes on" in caplog.text
    radio.stop()


def test_orders_that_another_thread_took_first_are_nobodys() -> None:
    class Snatched(deque[Callable[[float], None]]):
        def __len__(self) -> int:
            return 1

    radio = Radio([], None, lambda _: None)
    radio._orders = Snatched()
    radio._take_orders()
    radio._orders = deque()
    radio.stop()
