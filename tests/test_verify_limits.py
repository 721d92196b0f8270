"""Sliding windows, growing gaps, and the share of codes that is confirmed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simcourier.verify.limits import (
    DAY_MS,
    HOUR_MS,
    Mark,
    Share,
    Usage,
    add,
    confirmed_share,
    gap_wait_ms,
    wait_ms,
    within,
)

NOW = 1_800_000_000_000


def _at(*seconds: float) -> list[Mark]:
    marks: list[Mark] = []
    for second in seconds:
        marks = add(marks, NOW + int(second * 1000))
    return marks


def test_a_window_lets_its_maximum_through_and_the_next_when_the_first_has_left_it() -> None:
    marks = _at(0, 100, 200)
    now = NOW + 300_000
    assert wait_ms(marks, 600_000, 4, now) == 0
    assert wait_ms(marks, 600_000, 3, now) == 300_000
    assert wait_ms(marks, 600_000, 2, now) == 400_000
    assert wait_ms(marks, 600_000, 3, NOW + 600_000) == 0


def test_no_maximum_is_no_bound() -> None:
    assert wait_ms(_at(*range(100)), 600_000, 0, NOW + 100_000) == 0


@given(
    st.lists(st.integers(0, 200_000), max_size=400),
    st.sampled_from([600_000, HOUR_MS, DAY_MS]),
    st.integers(1, 150),
)
def test_no_window_ever_holds_more_than_the_maximum(steps: list[int], window: int, maximum: int) -> None:
    marks: list[Mark] = []
    let_through: list[int] = []
    now = NOW
    for step in steps:
        now += step
        if wait_ms(marks, window, maximum, now) == 0:
            marks = add(marks, now)
            let_through.append(now)
    for end in let_through:
        assert sum(end - window < at <= end for at in let_through) <= maximum


@given(st.lists(st.integers(0, 300_000), min_size=1, max_size=100), st.integers(1, 50))
def test_the_wait_that_is_told_is_the_shortest_that_helps(steps: list[int], maximum: int) -> None:
    marks: list[Mark] = []
    now = NOW
    for step in steps:
        now += step
        marks = add(marks, now)
    wait = wait_ms(marks, HOUR_MS, maximum, now)
    assert wait_ms(marks, HOUR_MS, maximum, now + wait) == 0
    assert wait == 0 or wait_ms(marks, HOUR_MS, maximum, now + wait - 1) == 1


@given(st.lists(st.integers(0, 60_000), min_size=200, max_size=1500))
def test_many_marks_stay_few_and_none_is_forgotten_too_early(steps: list[int]) -> None:
    marks: list[Mark] = []
    real: list[int] = []
    now = NOW
    for step in steps:
        now += step
        marks = add(marks, now)
        real.append(now)
    assert len(marks) <= 64
    for window in (600_000, HOUR_MS, DAY_MS):
        counted = within(marks, window, now)
        exact = sum(now - window < at for at in real)
        assert exact <= counted <= sum(now - window - window // 8 < at for at in real)


def test_a_clock_that_was_set_back_locks_nobody_out_for_long() -> None:
    assert wait_ms(_at(3600), HOUR_MS, 1, NOW) == 2 * HOUR_MS
    assert wait_ms(_at(2 * 86_400), DAY_MS, 1, NOW) == 0
    assert gap_wait_ms(_at(3600), 30, 300, NOW) == 30_000


def test_the_gap_between_codes_doubles_up_to_its_bound_and_starts_anew_after_an_hour() -> None:
    marks: list[Mark] = []
    now, gaps = NOW, []
    for _ in range(6):
        marks = add(marks, now)
        gaps.append(gap_wait_ms(marks, 30, 300, now) // 1000)
        now += gaps[-1] * 1000
        assert gap_wait_ms(marks, 30, 300, now) == 0
        assert gap_wait_ms(marks, 30, 300, now - 1) == 1
    assert gaps == [30, 60, 120, 240, 300, 300]
    later = now + HOUR_MS
    assert gap_wait_ms(add(marks, later), 30, 300, later) == 30_000
    assert gap_wait_ms(marks, 0, 300, marks[-1][0]) == 0


def _usage(started: dict[int, int], confirmed: dict[int, int]) -> Usage:
    """Counts by minutes ago."""
    return Usage(
        started=[(NOW - minutes * 60_000, count) for minutes, count in started.items()],
        confirmed=[(NOW - minutes * 60_000, count) for minutes, count in confirmed.items()],
    )


def test_a_code_that_may_still_be_confirmed_is_not_judged() -> None:
    young = _usage({9: 100}, {})
    assert confirmed_share(young, NOW, 600_000, 20) is None
    assert confirmed_share(young, NOW + 60_000, 600_000, 20) == Share(100, 0)


def test_the_share_is_that_of_the_last_hour_or_of_the_last_sample() -> None:
    assert confirmed_share(_usage({300: 50, 30: 20}, {299: 50, 29: 3}), NOW, 600_000, 20) == Share(20, 3)
    assert confirmed_share(_usage({300: 50, 30: 10}, {299: 50, 29: 3}), NOW, 600_000, 20) == Share(60, 53)
    assert confirmed_share(_usage({300: 5, 30: 10}, {}), NOW, 600_000, 20) is None


def test_a_share_below_a_percentage() -> None:
    assert Share(20, 0).below(5)
    assert not Share(20, 1).below(5)
    assert not Share(20, 0).below(0)
    assert (Share(3, 1).percent, Share(1, 5).percent) == (33, 100)
