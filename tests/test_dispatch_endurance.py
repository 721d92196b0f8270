"""What wears a queue down: clocks that are set, SIMs that rest, tries that are burnt, streams that never end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dispatch_bench import PHONE, Box
from sqlalchemy import func, select

from simcourier.config import Operator, Pace, SecondSim, Sims
from simcourier.modem.facts import ModemState, PartSubmitted, ReportRoute, SubmitEnd, SubmitEnded
from simcourier.outbox.message import Status
from simcourier.outbox.schema import messages, sim_recipients, sim_usage
from simcourier.sms.causes import Verdict

EAST = Operator("East", networks=("00101",), prefixes=("+4477009000",))
WEST = Operator("West", networks=("00102",), prefixes=("+4477009001",))
RESTING_WEST = Operator("West", networks=("00102",), prefixes=("+4477009001",), pace=Pace(hour=1))
WESTERN = "+447700900101"
DAY_MS = 24 * 3_600_000


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    made: list[Box] = []

    def build(**tables: Any) -> Box:
        made.append(Box(tmp_path, **tables))
        return made[-1]

    yield build
    for box in made:
        box.close()


def set_clock(box: Box, days: int) -> None:
    """Somebody sets the system's clock, so many days from what is true."""
    box.system_ms = lambda: box.wall_ms() + days * DAY_MS
    box.pass_time(1)
    box.pass_time(2)


def leave(box: Box, name: str, tp_mr: int) -> None:
    """The newest job of this modem is over, after four seconds at the network."""
    job = next(job for modem, job in reversed(box.radio.jobs) if modem == name)
    box.now += 4
    box.tell(
        PartSubmitted(name, f"sim-{name}", job.number, 0, tp_mr, box.now - 4, box.now),
        SubmitEnded(name, f"sim-{name}", job.number, SubmitEnd.SENT, parts_sent=1),
    )


def resting_west(make: Any) -> Box:
    """East may send, and West's only SIM has sent what it may in this hour."""
    box: Box = make(operators=[EAST, RESTING_WEST])
    box.modem("w", network="00102")
    box.accept(to=WESTERN)
    box.sent(tp_mr=1)
    box.modem("e", network="00101")
    return box


def test_tries_are_not_burnt_at_once_where_the_other_operators_sim_rests(make: Any) -> None:
    box = resting_west(make)
    code = box.accept()
    box.ended(SubmitEnd.NOT_SENT, "+CMS ERROR: 42", Verdict.AGAIN_HERE)
    assert (box.status(code), len(box.radio.jobs)) == (Status.QUEUED, 2)
    box.now += 2
    box.turn()
    assert box.status(code) is Status.SENDING


def test_a_code_waits_not_for_minutes_for_a_sim_that_rests_where_one_that_failed_it_is_free(
    make: Any,
) -> None:
    box: Box = make(operators=[RESTING_WEST], now=40 * 60 - 60.0)
    box.modem("w", network="00102")
    box.accept(to=WESTERN)
    box.sent(tp_mr=1)
    box.modem("e", network="00101")
    code = box.accept(ttl=300)
    box.ended(SubmitEnd.NOT_SENT, "no prompt in 5 s")
    box.pass_time(1)
    assert (box.job()[0], box.status(code)) == ("e", Status.SENDING)


def test_a_phone_that_is_full_costs_no_tries_through_other_operators(make: Any) -> None:
    box: Box = make(operators=[EAST, WEST])
    box.modem("e", network="00101")
    code = box.accept()
    box.modem("w", network="00102")
    box.ended(SubmitEnd.NOT_SENT, "+CMS ERROR: 22", Verdict.LATER)
    assert (box.status(code), len(box.radio.jobs)) == (Status.QUEUED, 1)
    box.now += 2
    box.turn()
    assert box.status(code) is Status.SENDING


def seconded(box: Box) -> str:
    """A code that went through a and waits for its report; b, of another operator, searches for its network."""
    for _ in range(40):
        box.dispatcher.learned.delivered("sim-x", "00101", PHONE, 9.9)
    box.modem("a", network="00101", reports=ReportRoute.DIRECT)
    box.modem("b", ModemState.SEARCHING, network="00102", reports=ReportRoute.DIRECT)
    code = box.accept(ttl=600)
    box.sent(tp_mr=1)
    return code


def test_a_second_copy_that_failed_pauses_before_its_only_sim_gets_it_again(make: Any) -> None:
    box: Box = make()
    code = seconded(box)
    box.modem("b", network="00102", reports=ReportRoute.DIRECT)
    for _ in range(16):
        box.pass_time(1)
    assert box.job()[0] == "b"
    box.ended(SubmitEnd.NOT_SENT, "no prompt in 5 s")
    assert box.status(code) is Status.QUEUED
    box.pass_time(1)
    assert box.status(code) is Status.SENDING


def test_no_second_copy_leaves_after_the_admin_switched_them_off(make: Any) -> None:
    box: Box = make()
    code = seconded(box)
    box.tables = {"second_sim": SecondSim(enabled=False)}
    again = box.crash()
    for name, network in (("a", "00101"), ("b", "00102")):
        again.modem(name, network=network, reports=ReportRoute.DIRECT)
    for _ in range(30):
        again.pass_time(1)
    assert (again.status(code), len(again.radio.jobs)) == (Status.SENT, 0)
    with again.engine.connect() as connection:
        assert connection.execute(select(messages.c.body)).scalars().all() == [None]
    again.close()


@pytest.mark.parametrize("days", [-1, 1])
def test_a_paced_sim_wakes_in_its_minute_although_the_clock_was_set(make: Any, days: int) -> None:
    box: Box = make(sims=Sims(pace=Pace(minute=1)))
    box.modem("a")
    box.accept()
    box.sent(tp_mr=1)
    code = box.accept()
    set_clock(box, days)
    box.pass_time(50)
    assert box.status(code) is Status.QUEUED
    box.pass_time(8)
    assert box.status(code) is Status.SENDING


def test_a_months_bound_outlives_a_clock_that_goes_back_and_forth(make: Any) -> None:
    box: Box = make(sims=Sims(pace=Pace(month=2, recipients_month=1)))
    box.modem("a")
    for tp_mr in (1, 2):
        box.accept()
        box.sent(tp_mr)
    set_clock(box, -40)
    set_clock(box, 0)
    code = box.accept()
    assert box.status(code) is Status.QUEUED


def test_an_hour_that_the_clock_was_set_back_from_counts_when_it_comes_again(make: Any) -> None:
    box: Box = make(sims=Sims(pace=Pace(hour=2)))
    box.modem("a")
    box.accept()
    box.sent(tp_mr=1)
    set_clock(box, -1)
    for tp_mr in (2, 3):
        box.accept()
        box.sent(tp_mr)
    waiting = box.accept()
    assert box.status(waiting) is Status.QUEUED
    set_clock(box, 0)
    assert box.status(waiting) is Status.SENDING
    box.sent(tp_mr=4)
    assert box.status(box.accept()) is Status.QUEUED


def test_whom_paced_sims_wrote_to_is_forgotten_after_the_month(make: Any) -> None:
    box: Box = make(sims=Sims(pace=Pace(recipients_month=10)))
    box.modem("a")
    box.accept()
    box.sent(tp_mr=1)
    box.now += 100 * 86_400
    box.pass_time(1)
    with box.engine.connect() as connection:
        kept = [
            connection.execute(select(func.count()).select_from(table)).scalar()
            for table in (sim_recipients, sim_usage)
        ]
    assert kept == [0, 0]


def test_a_modem_that_rests_for_a_month_is_kept_in_mind_once(make: Any) -> None:
    box: Box = make(sims=Sims(pace=Pace(month=1)))
    box.modem("a")
    box.accept()
    box.sent(tp_mr=1)
    for minute in range(100):
        box.modem("a", signal_dbm=-70 - minute % 20)
    assert len(box.dispatcher.fleet._resting) == 1


@pytest.mark.parametrize("resting", [True, False])
def test_a_code_for_a_busy_or_resting_operator_is_passed_over_for_seconds_only(
    make: Any, resting: bool
) -> None:
    box: Box = make(operators=[EAST, RESTING_WEST if resting else WEST])
    box.modem("w", network="00102")
    box.accept(to=WESTERN, ttl=3600)
    if resting:
        leave(box, "w", 1)
    box.modem("e", network="00101")
    box.accept()
    western = box.accept(to=WESTERN, ttl=120)
    for _ in range(4):
        box.accept()
    for tp_mr in range(2, 6):
        box.accept()
        leave(box, "e", tp_mr)
    assert box.status(western) in {Status.SENDING, Status.SENT}


def test_a_message_that_left_and_came_back_is_not_taken_for_what_it_was(make: Any) -> None:
    box: Box = make(operators=[EAST, WEST])
    for name, network in (("x", "00103"), ("b", "00101"), ("c", "00101"), ("d", "00102")):
        box.modem(name, network=network)
    for _ in range(4):
        box.accept()
    code = box.accept(ttl=600)

    def index(name: str) -> int:
        return max(i for i, (modem, _job) in enumerate(box.radio.jobs) if modem == name)

    box.sent(1, index("x"))
    box.ended(SubmitEnd.NOT_SENT, "no prompt in 5 s", index=index("x"))
    box.sent(2, index("b"))
    box.ended(SubmitEnd.NOT_SENT, "+CMS ERROR: 42", Verdict.AGAIN_HERE, index=index("b"))
    box.sent(3, index("c"))
    assert box.status(code) is Status.QUEUED
    box.sent(4, index("d"))
    assert (box.job()[0], box.status(code)) == ("d", Status.SENDING)
    assert all(box.radio.permits.values())
