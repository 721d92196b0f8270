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

from simcourier.modem.facts import Fact, ModemState, Rung, SubmitEnd, SubmitEnded
from simcourier.modem.session import Session
from simcourier.modem.timings import Timings
from simcourier.radio.link import Link, Origin
from simcourier.radio.loop import Radio
from simcourier.radio.opener import Opener
from simcourier.radio.ports import PortError, change_rate
from simcourier.radio.rescue import Rescuer
from simcourier.radio.roles import Role
from simcourier.radio.specs import PortSpec, RadioSettings
from simcourier.radio.sticks import Place, Sticks

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class DeferringOpener(Opener):
    """Opens when told to, with what it is told; closes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: deque[Callable[[int | PortError], None]] = deque()
        self.looked_after = 0
        self.changed: list[Callable[[], None]] = []
        self.changes_at_once = True

    def open(self, path: str, baudrate: int, done: Callable[[int | PortError], None]) -> None:
        self.waiting.append(done)

    def close(self, fd: int) -> None:
        os.close(fd)

    def change_rate(self, fd: int, rate: int, done: Callable[[], None]) -> None:
        change_rate(fd, rate)
        self.changed.append(done)
        if self.changes_at_once:
            done()

    def look_after(self) -> None:
        self.looked_after += 1


class FewSticks(Sticks):
    """Knows what it was told of ports."""

    def __init__(self) -> None:
        super().__init__("/nonexistent")
        self.here: dict[str, Place] = {}

    def place(self, path: str) -> Place | None:
        return self.here.get(path)

    def is_there(self, place: Place) -> bool:
        return place in self.here.values()

    def ports(self) -> list[Place]:
        return list(self.here.values())


class FakeRescuer(Rescuer):
    """Remembers what it was asked for; begins it unless `why` says otherwise."""

    def __init__(self) -> None:
        super().__init__(usb=True, power=True, requests="/nonexistent")
        self.asked: list[tuple[Rung, Place | None, Callable[[str], None]]] = []
        self.why = ""

    def start(
        self,
        rung: Rung,
        place: Place | None,
        done: Callable[[str], None],
        wanted: Callable[[], bool] = lambda: True,
    ) -> str:
        self.asked.append((rung, place, done))
        return self.why


class Bench:
    """A link, its hub, and the modem's end of the wire."""

    def __init__(self, path: Path) -> None:
        self.selector: selectors.BaseSelector = selectors.DefaultSelector()
        self.deferring = DeferringOpener()
        self.opener: Opener = self.deferring
        self.settings = RadioSettings(write_stall=3.0)
        self.sticks = FewSticks()
        self.rescuer: Rescuer = FakeRescuer()
        self.looked_around = 0
        self.neighbour = ""
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

    def look_around(self) -> None:
        self.looked_around += 1

    def shared_with(self, link: Link) -> str:
        return self.neighbour

    def claim(self, link: Link, real_path: str, place: Place | None) -> str:
        return ""

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
            filled += os.write(bench.link.wire.fd, b" " * 4096)
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
    assert bench.selector.get_key(bench.link.wire.fd).events == READ | WRITE
    bench.link.ready(WRITE, bench.now)
    assert bench.wire.recv(100) == b"AT+CMGS=14\r"
    assert bench.selector.get_key(bench.link.wire.fd).events == READ
    assert bench.link.due() > bench.now + 2.0, "only the prompt is waited for"


def test_a_port_without_room_is_closed_and_opened_anew_after_some_seconds(bench: Bench) -> None:
    bench.up()
    fill(bench)
    bench.link.submit(job(now=bench.now), bench.now)
    bench.now += 2.9
    bench.link.advance(bench.now)
    assert bench.link.wire.fd >= 0
    bench.now += 0.2
    bench.link.advance(bench.now)
    assert (bench.ended().end, bench.state, bench.link.wire.fd) == (SubmitEnd.NOT_SENT, ModemState.SILENT, -1)
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


# -- sticks --------------------------------------------------------------------------------------------------


def place(
    tty: str = "ttyUSB0",
    *,
    device: str = "1-2",
    interface: int = 2,
    role: Role = Role.AT,
    product: str = "0125",
) -> Place:
    return Place(tty, device, device, "2c7c", product, interface, ("ff", "ff"), role, "Pretend Stick")


def test_the_modem_knows_its_usb_device(bench: Bench) -> None:
    bench.sticks.here[bench.link.spec.port] = place(device="1-4.2")
    assert bench.up().link.session.snapshot().device == "1-4.2"


@pytest.mark.parametrize("rung", [Rung.REAUTHORISE, Rung.POWER])
def test_a_stick_is_woken_as_the_session_wants_it_and_then_its_port_is_looked_for(
    bench: Bench, rung: Rung
) -> None:
    here = bench.sticks.here[bench.link.spec.port] = place()
    bench.up().link.session.modem.rescue_wanted = rung
    bench.link.after_step(bench.now)
    ((asked, where, done),) = bench.rescuer.asked
    assert (asked, where, bench.state, bench.link.wire.fd) == (rung, here, ModemState.SILENT, -1)
    assert bench.link.session.modem.rescue_wanted is None
    bench.now += 5.0
    bench.link.advance(bench.now)
    assert not bench.deferring.waiting, "the port is left alone meanwhile"
    done("")
    bench.link.advance(bench.now)
    assert len(bench.deferring.waiting) == 1


def test_a_stick_that_can_not_be_woken_has_its_port_opened_anew_at_once_and_the_log_says_why(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    bench.rescuer.why = "its port is not on USB"
    bench.up().link.session.modem.rescue_wanted = Rung.POWER
    bench.link.after_step(bench.now)
    bench.link.advance(bench.now)
    assert len(bench.deferring.waiting) == 1
    assert "its port is not on USB; its port is opened anew" in caplog.text


def test_a_stick_is_not_woken_while_another_modem_is_on_its_usb_device(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    bench.neighbour = "modem-2 is on the USB device 1-2 too"
    bench.up().link.session.modem.rescue_wanted = Rung.REAUTHORISE
    bench.link.after_step(bench.now)
    assert bench.rescuer.asked == []
    assert "modem-2 is on the USB device 1-2 too; its port is opened anew" in caplog.text


def test_what_others_tell_of_their_ports_does_not_end_the_wait_of_a_stick_for_its_turn(bench: Bench) -> None:
    bench.up().link.session.modem.rescue_wanted = Rung.REAUTHORISE
    bench.link.after_step(bench.now)
    bench.link.look_now(bench.now)
    bench.link.advance(bench.now)
    assert not bench.deferring.waiting
    bench.rescuer.asked[0][2]("")
    bench.link.advance(bench.now)
    assert bench.deferring.waiting


def test_a_rescue_that_fails_later_is_told_and_the_port_opened_anew(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.up().link.session.modem.rescue_wanted = Rung.POWER
    bench.link.after_step(bench.now)
    ((_, _, done),) = bench.rescuer.asked
    done("its hub did not switch the power of its port")
    bench.link.advance(bench.now)
    assert len(bench.deferring.waiting) == 1
    assert "its hub did not switch" in caplog.text


def test_the_end_of_a_rescue_does_not_disturb_a_port_that_is_open_again(bench: Bench) -> None:
    bench.up().link.session.modem.rescue_wanted = Rung.REAUTHORISE
    bench.link.after_step(bench.now)
    ((_, _, done),) = bench.rescuer.asked
    bench.link.restart(bench.now)
    bench.plug()
    before = bench.link.look_at
    done("")
    assert (bench.link.look_at, bench.deferring.waiting) == (before, deque())


def test_a_message_in_the_air_is_in_doubt_when_its_stick_is_woken(bench: Bench) -> None:
    bench.up()
    bench.modem.on_pdu = lambda _: None
    bench.link.submit(job(now=bench.now), bench.now)
    bench.exchange()
    bench.link.permit(1, True, bench.now)
    bench.exchange()
    bench.link.session.modem.rescue_wanted = Rung.POWER
    bench.link.after_step(bench.now)
    assert bench.ended().end is SubmitEnd.IN_DOUBT


def test_a_port_for_diagnostics_is_not_opened_whoever_configured_it(bench: Bench) -> None:
    path = bench.link.spec.port
    bench.sticks.here[path] = place("ttyUSB0", interface=0, role=Role.DIAG)
    bench.sticks.here["/dev/ttyUSB2"] = place("ttyUSB2")
    bench.link.advance(bench.now)
    assert not bench.deferring.waiting
    assert bench.link.session.modem.standing.reason == (
        f"{path}: this port of the stick is for diagnostics, never opened; its AT port is /dev/ttyUSB2"
    )


def test_a_found_port_that_belongs_to_another_make_now_is_left_to_discovery(bench: Bench) -> None:
    path = bench.link.spec.port
    bench.link.origin = Origin.FOUND
    bench.sticks.here[path] = place()
    bench.up().link.lose(bench.now, "gone")
    bench.sticks.here[path] = place(product="9001", interface=0, role=Role.UNKNOWN)
    bench.link.advance(bench.now)
    assert (bench.link.parked, bench.looked_around, bench.state) == (True, 1, ModemState.ABSENT)
    assert not bench.deferring.waiting
    assert bench.link.due() == float("inf")


def test_a_silent_modem_at_whose_port_another_device_is_starts_from_the_beginning(bench: Bench) -> None:
    path = bench.link.spec.port
    bench.sticks.here[path] = place(device="1-2")
    bench.up().link.reopen(bench.now, "silent")
    bench.sticks.here[path] = place(device="1-3")
    bench.link.advance(bench.now)
    modem = bench.link.session.modem
    assert (bench.state, modem.settled, modem.device) == (ModemState.OPENING, False, "1-3")


def test_a_hot_plug_event_makes_a_missing_port_be_looked_for_at_once(bench: Bench) -> None:
    bench.link.advance(bench.now)
    bench.deferring.waiting.popleft()(PortError("in use"))
    assert bench.link.look_at == bench.now + bench.settings.retry_every
    bench.link.look_now(bench.now)
    bench.link.advance(bench.now)
    assert len(bench.deferring.waiting) == 1
