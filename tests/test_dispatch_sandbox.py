"""What sandbox keys send reaches no real SIM, and nothing else reaches the sandbox: whatever happens in between."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from dispatch_bench import Box
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from simcourier.config import parse
from simcourier.errors import ConfigError
from simcourier.modem.facts import ModemChanged, ModemSnapshot, ModemState, SubmitEnd
from simcourier.outbox.message import MessageClass, Status
from simcourier.sms.causes import Verdict

PORTS = ("/run/sandbox/modem-*",)


def real(box: Box, name: str = "real", state: ModemState = ModemState.READY) -> None:
    box.modem(name, state)


def virtual(box: Box, name: str = "modem-000", state: ModemState = ModemState.READY) -> None:
    snapshot = ModemSnapshot(name, f"/run/sandbox/{name}", state, "", box.now, sim=f"sim-{name}")
    box.tell(ModemChanged(snapshot))


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path, sandbox_ports=PORTS)
    yield box
    box.close()


def test_a_message_waits_rather_than_take_the_only_idle_modem_which_is_the_sandbox_s(box: Box) -> None:
    virtual(box)
    code = box.accept()
    assert (box.radio.jobs, box.status(code)) == ([], Status.QUEUED)
    real(box)
    assert box.job()[0] == "real"


def test_a_sandbox_message_waits_for_the_sandbox_and_delays_nobody(box: Box) -> None:
    real(box)
    tried = box.accept(sandbox=True)
    code = box.accept(message_class=MessageClass.BULK)
    assert [modem for modem, _job in box.radio.jobs] == ["real"]
    assert (box.status(tried), box.status(code)) == (Status.QUEUED, Status.SENDING)
    virtual(box)
    assert box.job()[0] == "modem-000"


@pytest.mark.parametrize("verdict", [None, Verdict.ELSEWHERE, Verdict.AGAIN_HERE, Verdict.CARE])
def test_a_retry_stays_in_the_sandbox(box: Box, verdict: Verdict | None) -> None:
    virtual(box)
    real(box)
    tried = box.accept(sandbox=True)
    for _ in range(3):
        box.ended(SubmitEnd.NOT_SENT, "it failed", verdict)
        box.pass_time(31)
    assert {modem for modem, _job in box.radio.jobs} == {"modem-000"}
    assert len(box.radio.jobs) == 4
    box.sent(tp_mr=1)
    assert box.status(tried) is Status.SENT


def test_a_sandbox_message_whose_modem_died_waits_for_another_of_the_sandbox(box: Box) -> None:
    virtual(box)
    real(box)
    tried = box.accept(sandbox=True)
    virtual(box, state=ModemState.ABSENT)
    box.ended(SubmitEnd.IN_DOUBT, "silence")
    box.pass_time(5)
    assert (len(box.radio.jobs), box.status(tried)) == (1, Status.QUEUED)
    virtual(box, "modem-001")
    assert box.job()[0] == "modem-001"


def test_after_a_restart_without_a_sandbox_its_messages_wait_and_expire(box: Box) -> None:
    tried = box.accept(sandbox=True)
    pinned = box.accept(sandbox=True, modem="modem-000")
    code = box.accept(modem="modem-000")
    again = box.crash(sandbox_ports=())
    # The same name and port, and now a real modem: the configuration says so.
    virtual(again)
    real(again)
    assert [modem for modem, _job in again.radio.jobs] == ["modem-000"]
    assert again.status(code) is Status.SENDING
    assert (again.dispatcher.sandbox.total(), again.dispatcher.room.total()) == (2, 0)
    again.pass_time(301)
    assert (again.status(tried), again.status(pinned)) == (Status.EXPIRED, Status.EXPIRED)
    assert again.dispatcher.sandbox.total() == 0
    again.close()


def test_after_a_restart_that_makes_a_modem_the_sandbox_s_real_messages_wait(tmp_path: Path) -> None:
    before = Box(tmp_path)
    pinned = before.accept(modem="modem-000")
    free = before.accept()
    tried = before.accept(sandbox=True)
    box = before.crash(sandbox_ports=PORTS)
    virtual(box)
    assert [modem for modem, _job in box.radio.jobs] == ["modem-000"]
    assert [box.status(code) for code in (pinned, free, tried)] == [
        Status.QUEUED,
        Status.QUEUED,
        Status.SENDING,
    ]
    box.close()


def test_what_was_under_way_in_the_sandbox_at_a_crash_is_sent_again_there(box: Box) -> None:
    virtual(box)
    tried = box.accept(sandbox=True)
    again = box.crash()
    real(again)
    assert (again.radio.jobs, again.status(tried)) == ([], Status.QUEUED)
    virtual(again)
    assert again.job()[0] == "modem-000"
    again.close()


def test_the_sandbox_counts_neither_in_the_queue_nor_in_the_expected_wait(box: Box) -> None:
    before = box.dispatcher.eta_ms(0)
    waiting = [box.accept(sandbox=True) for _ in range(20)]
    assert box.dispatcher.eta_ms(0) == before
    assert (box.dispatcher.room.total(), box.dispatcher.sandbox.total()) == (0, 20)
    assert box.dispatcher.eta_ms(0, sandbox=True) > before
    assert box.cancel(waiting[0])
    box.accept(sandbox=True, supersedes="login")
    box.accept(sandbox=True, supersedes="login")
    assert (box.dispatcher.room.total(), box.dispatcher.sandbox.total()) == (0, 20)
    box.pass_time(301)
    assert (box.dispatcher.room.total(), box.dispatcher.sandbox.total()) == (0, 0)


def test_a_fast_virtual_modem_says_nothing_of_real_ones(box: Box) -> None:
    guess = box.dispatcher.fleet.submit_s
    virtual(box)
    box.accept(sandbox=True)
    box.sent(tp_mr=1)
    assert box.dispatcher.fleet.submit_s == guess


def test_each_side_tells_for_itself_how_long_it_could_not_send(box: Box) -> None:
    virtual(box)
    box.pass_time(100)
    fleet = box.dispatcher.fleet
    assert fleet.idle_for(box.now) == 100
    assert fleet.idle_for(box.now, sandbox=True) == 0
    assert fleet.operational == {"modem-000"}


def test_a_modem_is_judged_by_its_port_and_not_by_its_name(box: Box) -> None:
    # A stick that was plugged in takes the name of a modem it is taken for.
    box.tell(
        ModemChanged(ModemSnapshot("modem-000", "/dev/ttyUSB0", ModemState.READY, "", box.now, sim="sim-x"))
    )
    box.accept(sandbox=True)
    assert box.radio.jobs == []
    virtual(box)
    assert box.job()[0] == "modem-000"


STEPS = st.lists(st.integers(0, 2**32), min_size=5, max_size=60)
_NAMES = ("modem-000", "modem-001", "real", "other")


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(STEPS)
def test_whatever_happens_no_message_changes_sides(steps: list[int]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        box = Box(Path(directory), sandbox_ports=PORTS)
        sides: dict[str, bool] = {}
        looked_at = 0
        for step in steps:
            dice = random.Random(step)  # noqa: S311 - a test's own dice
            box = _step(box, dice, sides)
            jobs = box.radio.jobs
            looked_at = min(looked_at, len(jobs))
            for number, (modem, _job) in enumerate(jobs[looked_at:], start=looked_at):
                _check(box, modem, number, sides)
            looked_at = len(jobs)
        box.close()


def _step(box: Box, dice: random.Random, sides: dict[str, bool]) -> Box:
    name = dice.choice(_NAMES)
    match dice.randrange(6):
        case 0 | 1:
            sandbox = dice.random() < 0.5
            modem = dice.choice([None, None, name])
            code = box.accept(to=f"+44770090{len(sides):04d}", sandbox=sandbox, modem=modem)
            sides[code] = sandbox
        case 2:
            state = dice.choice([ModemState.READY, ModemState.READY, ModemState.ABSENT])
            (virtual if name.startswith("modem-") else real)(box, name, state)
        case 3 if box.dispatcher.in_flight:
            end = dice.choice([SubmitEnd.NOT_SENT, SubmitEnd.IN_DOUBT, SubmitEnd.WITHDRAWN])
            verdict = dice.choice([None, Verdict.ELSEWHERE, Verdict.AGAIN_HERE])
            box.ended(end, "it failed", verdict, index=dice.randrange(len(box.radio.jobs)))
        case 4:
            box.pass_time(dice.choice([1.0, 5.0, 31.0]))
        case 5 if dice.random() < 0.3:
            return box.crash()
        case _:
            pass
    return box


def _check(box: Box, modem: str, number: int, sides: dict[str, bool]) -> None:
    flights = box.dispatcher._outcomes.flights.values()
    job = box.radio.jobs[number][1]
    flight = next((flight for flight in flights if flight.job == job.number), None)
    if flight is not None:
        assert sides[flight.message.id] is modem.startswith("modem-"), (flight.message.id, modem)


@pytest.mark.parametrize(
    "port", ["/dev/ttyUSB0", "/dev/tty*", "//dev/ttyACM0", "/dev/simcourier/x", "ttyUSB*", "modem-000"]
)
def test_a_port_that_may_have_a_sim_behind_it_can_t_be_for_the_sandbox(port: str) -> None:
    with pytest.raises(ConfigError, match="sandbox"):
        parse(f'[[modems]]\nport = "{port}"\nsandbox = true\n'.encode(), "file")
    assert parse(f'[[modems]]\nport = "{port}"\n'.encode(), "file").sandbox_ports == ()


@pytest.mark.parametrize("port", ["/run/simcourier-sandbox/modem-*", "/dev/pts/7"])
def test_a_virtual_port_may_be_for_the_sandbox(port: str) -> None:
    config = parse(f'[[modems]]\nport = "{port}"\nsandbox = true\n'.encode(), "file")
    assert config.sandbox_ports == (port,)
