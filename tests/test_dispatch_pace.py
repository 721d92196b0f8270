"""How much a SIM may still send."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.config import Card, Operator, Pace, Sims
from simcourier.dispatch.operators import Operators
from simcourier.dispatch.pace import DAY_MS, HOUR_MS, Meter, Meters, Refusal, Used, month_begin_ms


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOON = at("2026-11-23T12:00:10")
CODE, BULK = 0, 2


def meter(**bounds: int) -> Meter:
    return Meter(Pace(**bounds), Used(), NOON)


def may(of: Meter, now_ms: int, rank: int = CODE, segments: int = 1, key: str | None = None) -> bool:
    return of.refusal(rank, segments, key, now_ms) is None


def test_so_many_leave_in_any_minute_and_the_next_one_when_the_first_is_a_minute_ago() -> None:
    ten = meter(minute=2)
    ten.take(1, None, NOON)
    ten.take(1, None, NOON + 20_000)
    assert ten.refusal(CODE, 1, None, NOON + 30_000) == Refusal(NOON + 60_000, "2 a minute")
    assert may(ten, NOON + 60_000)


def test_a_long_message_may_overdraw_a_minute_and_is_paid_for_after_it() -> None:
    two = meter(minute=2)
    two.take(1, None, NOON)
    assert may(two, NOON + 1, segments=3)
    two.take(3, None, NOON + 1000)
    refusal = two.refusal(CODE, 1, None, NOON + 2000)
    assert refusal is not None
    assert refusal.until_ms == NOON + 61_000
    assert not may(two, NOON + 60_500)


def test_an_hour_a_day_and_a_month_are_the_calendars() -> None:
    for bounds, until in (
        ({"hour": 1}, "2026-11-23T13:00:00"),
        ({"day": 1}, "2026-11-24T00:00:00"),
        ({"month": 1}, "2026-12-01T00:00:00"),
    ):
        one = meter(**bounds)
        one.take(1, None, NOON)
        refusal = one.refusal(CODE, 1, None, NOON + 1)
        assert refusal is not None
        assert refusal.until_ms == at(until)
        assert not may(one, at(until) - 1)
        assert may(one, at(until))


def test_the_longest_bound_that_is_reached_is_told() -> None:
    both = meter(minute=1, day=1)
    both.take(1, None, NOON)
    refusal = both.refusal(CODE, 1, None, NOON)
    assert refusal is not None
    assert refusal.bound == "1 a day"


def test_the_last_tenth_is_for_codes() -> None:
    twenty = meter(hour=20)
    for _ in range(18):
        assert may(twenty, NOON, BULK)
        twenty.take(1, None, NOON)
    assert not may(twenty, NOON, BULK)
    assert may(twenty, NOON, CODE)
    twenty.take(2, None, NOON)
    assert not may(twenty, NOON, CODE)


def test_the_last_tenth_of_a_minute_is_for_codes_too() -> None:
    twenty = meter(minute=20)
    for second in range(18):
        assert may(twenty, NOON + second * 1000, BULK)
        twenty.take(1, None, NOON + second * 1000)
    now = NOON + 18_000
    assert twenty.refusal(BULK, 1, None, now) == Refusal(NOON + 60_000, "20 a minute")
    for _ in range(2):
        assert may(twenty, now, CODE)
        twenty.take(1, None, now)
    assert not may(twenty, now, CODE)
    assert twenty.refusal(BULK, 1, None, now) == Refusal(NOON + 62_000, "20 a minute"), (
        "two more than bulk may"
    )
    assert may(twenty, NOON + 60_000, CODE)
    assert not may(twenty, NOON + 60_000, BULK)
    assert may(twenty, NOON + 62_000, BULK)


def test_a_message_larger_than_the_bound_goes_alone() -> None:
    two = meter(day=2)
    assert may(two, NOON, segments=3)
    two.take(1, None, NOON)
    assert not may(two, NOON, segments=3)
    assert may(two, NOON, segments=1)


def test_a_number_that_was_written_to_this_month_is_always_allowed() -> None:
    two = meter(recipients_month=2)
    two.take(1, "one", NOON)
    two.take(1, "two", NOON)
    assert may(two, NOON, key="one")
    refusal = two.refusal(CODE, 1, "three", NOON)
    assert refusal == Refusal(at("2026-12-01T00:00:00"), "2 recipients a month")
    assert may(two, at("2026-12-01T00:00:00"), key="three")


def test_what_was_not_claimed_is_given_back() -> None:
    one = meter(minute=1, hour=1)
    one.take(1, None, NOON)
    one.give_back(1)
    assert may(one, NOON)


def test_use_before_the_start_counts() -> None:
    hour = Meter(Pace(hour=5, minute=3), Used(hour=4, day=4, month=4), NOON)
    hour.seed([(NOON - 30_000, 1), (NOON - 10_000, 2)])
    refusal = hour.refusal(CODE, 1, None, NOON)
    assert refusal is not None
    assert refusal.bound == "3 a minute"
    assert may(hour, NOON + 30_000)
    assert not may(hour, NOON + 30_000, segments=2)


def test_a_clock_that_goes_back_locks_no_sim() -> None:
    one = meter(minute=1)
    one.take(1, None, NOON)
    assert may(one, NOON - 3 * DAY_MS)


def test_a_card_has_its_own_pace_else_its_operators_else_that_of_all() -> None:
    sims = Sims(
        pace=Pace(minute=30),
        cards=(Card("894400000000000000", pace=Pace(minute=5)), Card("8944000000000001")),
    )
    meters = Meters(sims, Operators([Operator("East", networks=("00101",), pace=Pace(minute=10))]))
    assert meters.pace("894400000000000000", "00101").minute == 5
    assert meters.pace("8944000000000001", "00101").minute == 10
    assert meters.pace("8944000000000001", "00102").minute == 30
    first = meters.of("8944000000000001", "", NOON)
    assert first is not None
    assert first.pace.minute == 30
    first.take(7, None, NOON)
    assert meters.of("8944000000000001", "00101", NOON) is first
    assert first.pace.minute == 10


def test_a_sim_without_bounds_has_no_meter() -> None:
    assert Meters(Sims(), Operators()).of("8944000000000001", "00101", NOON) is None


def test_the_year_turns() -> None:
    december = at("2026-12-31T23:59:59")
    assert month_begin_ms(december) == at("2026-12-01T00:00:00")
    assert month_begin_ms(december, following=True) == at("2027-01-01T00:00:00")


steps = st.lists(
    st.tuples(st.integers(0, 40 * 60_000), st.integers(1, 3), st.sampled_from([CODE, BULK])), max_size=80
)


@given(steps, st.integers(1, 12), st.integers(0, 30), st.integers(0, 60))
def test_no_calendar_window_ever_holds_more_than_its_bound(
    steps: list[tuple[int, int, int]], minute: int, hour: int, day: int
) -> None:
    of, now_ms, sent = meter(minute=minute, hour=hour, day=day), NOON, []
    for wait_ms, segments, rank in steps:
        now_ms += wait_ms
        if may(of, now_ms, rank, segments):
            of.take(segments, None, now_ms)
            sent.append((now_ms, segments))
    for bound, length_ms in ((hour, HOUR_MS), (day, DAY_MS)):
        for window in {when // length_ms for when, _ in sent} if bound else ():
            inside = [segments for when, segments in sent if when // length_ms == window]
            assert sum(inside) <= bound or len(inside) == 1
    for when, _ in sent:
        inside = [segments for then, segments in sent if when <= then < when + 60_000]
        # One long message may overdraw the minute.
        assert sum(inside[:-1]) < minute or len(inside) == 1


@pytest.mark.parametrize(("bound", "bulk"), [(1, 1), (2, 1), (5, 4), (10, 9), (100, 90)])
def test_of_a_small_bound_the_last_one_is_for_codes(bound: int, bulk: int) -> None:
    meter = Meter(Pace(hour=bound), Used(), NOON)
    sent = 0
    while meter.refusal(2, 1, None, NOON) is None:
        meter.take(1, None, NOON)
        sent += 1
    assert sent == bulk
    assert (meter.refusal(0, 1, None, NOON) is None) == (bulk < bound)
