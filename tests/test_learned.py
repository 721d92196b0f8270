"""How long deliveries take is learned from reports, kept over restarts, and bounded."""

from __future__ import annotations

import pytest
from dispatch_bench import PHONE, Box
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from simcourier.config import Operator, SecondSim
from simcourier.dispatch import learned
from simcourier.dispatch.learned import BOUNDS_S, Learned, Times, area_of
from simcourier.dispatch.operators import Operators
from simcourier.modem.facts import ModemChanged, ModemSnapshot, ModemState, ReportRoute
from simcourier.outbox import delivery_times
from simcourier.outbox.schema import delivery_times as table

NETWORK = "00101"


def make(settings: SecondSim | None = None, *operators: Operator) -> Learned:
    return Learned(settings or SecondSim(), Operators(operators))


def feed(one: Learned, count: int, seconds: float, recipient: str = PHONE, sim: str = "sim-a") -> None:
    for _ in range(count):
        one.delivered(sim, NETWORK, recipient, seconds)


def plug(box: Box, network: str = NETWORK) -> None:
    snapshot = ModemSnapshot(
        "a", "/dev/a", ModemState.READY, "", box.now, sim="sim-a", network=network, reports=ReportRoute.DIRECT
    )
    box.tell(ModemChanged(snapshot))


def test_nothing_is_known_before_enough_reports_came() -> None:
    one = make()
    feed(one, 9, 3)
    assert one.expected_s(NETWORK, PHONE) is None
    feed(one, 1, 3)
    assert one.expected_s(NETWORK, PHONE) is not None
    assert one.usual_s(NETWORK) is None
    feed(one, 10, 3)
    assert one.usual_s(NETWORK) == 8.0  # no shorter than `least`


def test_an_area_is_known_before_the_network_answers_for_it() -> None:
    one = make()
    feed(one, 20, 2.5)
    feed(one, 20, 40, "+15550100001")
    assert one.expected_s(NETWORK, "+447700999999") == pytest.approx(2.5)
    assert one.expected_s(NETWORK, "+15550199999") == pytest.approx(37.5)
    assert one.expected_s(NETWORK, "+4915999999999") is not None
    assert one.expected_s("00102", PHONE) is None


def test_the_usual_time_is_bounded() -> None:
    one = make()
    feed(one, 30, 500)
    assert one.usual_s(NETWORK) == 60.0


def test_an_operator_without_reports_has_no_usual_time() -> None:
    one = make(None, Operator(name="Example", networks=(NETWORK,), reports=False))
    feed(one, 30, 20)
    assert one.usual_s(NETWORK) is None


def test_an_area_tells_nobody_apart() -> None:
    assert area_of("+447700900001") == "+447700"
    assert area_of("60123") == ""


def test_a_sim_without_a_known_network_teaches_nothing() -> None:
    one = make()
    one.delivered("sim-a", "", PHONE, 3)
    assert one.news(0) == ([], [])


@given(st.lists(st.floats(0, 3600), min_size=1, max_size=300), st.integers(1, 99))
def test_a_percentile_lies_in_the_bucket_where_it_belongs(times: list[float], percent: int) -> None:
    counted = Times()
    for seconds in times:
        counted.add(seconds)
    exact = sorted(times)[max(0, -(-len(times) * percent // 100) - 1)]
    ends = (0, *BOUNDS_S)
    place = next(index for index, end in enumerate(BOUNDS_S) if exact <= end)
    assert ends[place] <= counted.percentile(percent) <= ends[place + 1]


def test_what_was_learned_long_ago_fades() -> None:
    counted = Times()
    for _ in range(2000):
        counted.add(2)
    for _ in range(1500):
        counted.add(50)
    assert counted.total < 1000
    assert counted.percentile(50) > 40


def test_reports_teach_and_a_restart_forgets_nothing(box: Box) -> None:
    plug(box)
    for tp_mr in range(12):
        box.accept()
        box.sent(tp_mr=tp_mr)
        box.pass_time(7)
        box.report("a", tp_mr=tp_mr, age=7)
    before = box.dispatcher.learned.expected_s(NETWORK, PHONE)
    assert before is not None
    assert 6 < before <= 8
    box.pass_time(31)
    again = box.crash()
    assert again.dispatcher.learned.expected_s(NETWORK, PHONE) == before
    assert again.dispatcher.learned.network_of("sim-a") == NETWORK
    again.close()


def test_what_lay_in_the_sim_while_the_box_was_down_teaches_nothing(box: Box) -> None:
    plug(box)
    box.accept()
    box.sent(tp_mr=1)
    box.now += 3600
    again = box.crash()
    plug(again)
    again.report("a", tp_mr=1, age=3600)
    assert again.dispatcher.learned.news(0) == ([], [])
    again.close()


def test_it_is_written_in_batches_and_not_for_each_report(box: Box) -> None:
    feed(box.dispatcher.learned, 100, 3)
    box.pass_time(5)
    with box.engine.connect() as connection:
        assert delivery_times.read(connection, 10) == []
    box.pass_time(26)
    with box.engine.connect() as connection:
        (row,) = delivery_times.read(connection, 10)
    assert (row.sim, row.area, row.network) == ("sim-a", "+447700", NETWORK)


def test_the_table_is_bounded(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "ROWS", 3)
    one = box.dispatcher.learned
    for place in range(5):
        one.delivered("sim-a", NETWORK, f"+44770{place}000001", 3)
        box.pass_time(31)
    with box.engine.connect() as connection:
        areas = connection.execute(select(table.c.area)).scalars().all()
    assert sorted(areas) == ["+447702", "+447703", "+447704"]


def test_counts_of_another_version_are_begun_anew(box: Box) -> None:
    feed(box.dispatcher.learned, 50, 3)
    box.pass_time(31)
    with box.engine.begin() as connection:
        connection.execute(update(table).values(counts="[1, 2"))
    again = box.crash()
    assert again.dispatcher.learned.expected_s(NETWORK, PHONE) is None
    again.close()
