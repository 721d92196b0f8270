"""Delays and locks after wrong codes, as arithmetic: what holds for every guesser, however patient."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.config import Verifications
from simcourier.verify.failures import HOUR_MS, Failures, Hold, Patience, after_failure, after_success, hold

START_MS = 1_800_000_000_000
DEFAULT = Verifications()
ALL = Patience(
    DEFAULT.failures_to_delay_all,
    DEFAULT.delay_first,
    DEFAULT.delay_max,
    DEFAULT.failures_to_lock,
    DEFAULT.failures_hour,
)
ONE = Patience(DEFAULT.failures_to_delay, DEFAULT.delay_first, DEFAULT.delay_max)

patiences = st.builds(
    Patience,
    to_delay=st.integers(1, 100),
    delay_first_s=st.integers(30, 3600),
    delay_max_s=st.integers(30, 86_400),
    to_lock=st.none() | st.integers(5, 100),
    hour=st.integers(5, 100),
)
# Milliseconds between two tries; None: a right code comes, where anything is checked at all.
steps = st.lists(
    st.none()
    | st.sampled_from([0, 1, 999, 30_000, HOUR_MS // 2, HOUR_MS - 1, HOUR_MS])
    | st.integers(0, HOUR_MS),
    max_size=150,
)


@dataclass
class Guesser:
    """Tries as often as it is let, and waits as long as it has to where that is over one day."""

    patience: Patience
    now_ms: int = START_MS
    counts: Failures = field(default_factory=Failures)
    wrong_at_ms: list[int] = field(default_factory=list)

    @property
    def held(self) -> Hold | None:
        return hold(self.now_ms, self.counts)

    def guess(self) -> bool:
        """One wrong code, if it is looked at."""
        if self.held is not None:
            return False
        self.wrong_at_ms.append(self.now_ms)
        self.counts = after_failure(self.counts, self.now_ms, self.patience)
        return True

    def wait(self) -> bool:
        """Until something is checked again; False where only an admin can change that."""
        held = self.held
        if held is not None:
            if held.until_ms is None:
                return False
            self.now_ms = held.until_ms
        return True

    def follow(self, walk: list[int | None]) -> None:
        for step in walk:
            if step is None and self.held is None:
                self.counts = after_success(self.counts)
            self.now_ms += step or 0
            self.guess()

    @property
    def most_in_an_hour(self) -> int:
        times = self.wrong_at_ms
        return max((bisect_left(times, at + HOUR_MS) - n for n, at in enumerate(times)), default=0)


@given(patience=patiences, walk=steps)
def test_c08_no_hour_holds_more_wrong_codes_than_its_bound(
    patience: Patience, walk: list[int | None]
) -> None:
    guesser = Guesser(patience)
    guesser.follow(walk)
    assert patience.hour is not None
    assert guesser.most_in_an_hour <= patience.hour


@given(pause_ms=st.integers(0, 120_000), rights=st.sets(st.integers(0, 400)))
def test_c08_a_hundred_in_an_hour_also_for_who_knows_right_codes_and_waits_out_every_delay(
    pause_ms: int, rights: set[int]
) -> None:
    guesser = Guesser(ALL)
    for number in range(400):
        if not guesser.wait():
            break
        if number in rights:
            guesser.counts = after_success(guesser.counts)
        assert guesser.guess()
        guesser.now_ms += pause_ms
    assert guesser.most_in_an_hour <= 100


def test_c08_the_bound_is_reached_across_two_windows_and_never_passed() -> None:
    """The worst case: the second half of one window and the first of the next."""
    patience = Patience(to_delay=1000, delay_first_s=30, delay_max_s=3600, hour=100)
    guesser = Guesser(patience)
    assert guesser.guess()
    guesser.now_ms += HOUR_MS - 50
    while guesser.guess():
        pass
    assert guesser.wait()
    while guesser.guess():
        pass
    assert guesser.most_in_an_hour == 99
    assert guesser.held == Hold(START_MS + 2 * HOUR_MS)


@given(pauses=st.lists(st.integers(0, 10 * HOUR_MS), min_size=100, max_size=100))
def test_c07_a_hundred_in_a_row_lock_however_slowly_they_come(pauses: list[int]) -> None:
    guesser = Guesser(ALL)
    for number, pause in enumerate(pauses):
        guesser.now_ms += pause
        assert guesser.wait(), f"locked after {number}"
        assert guesser.counts.locked_at_ms is None
        assert guesser.guess()
    assert guesser.counts.locked_at_ms == guesser.now_ms
    assert guesser.held == Hold(None)
    guesser.now_ms += 10 * 365 * 24 * HOUR_MS
    assert guesser.held == Hold(None)


@given(walk=steps, at=st.integers(1, START_MS))
def test_c07_nothing_but_an_admin_ends_a_lock(walk: list[int | None], at: int) -> None:
    locked = Failures(consecutive=100, locked_at_ms=at)
    guesser = Guesser(ALL, counts=locked)
    guesser.follow(walk)
    assert after_success(after_failure(locked, START_MS, ALL)).locked_at_ms == at
    assert guesser.wrong_at_ms == []
    assert guesser.held == Hold(None)


@pytest.mark.parametrize(("first_s", "most_s"), [(30, 3600), (30, 30), (60, 3600), (45, 86_400)])
def test_c09_delays_double_up_to_their_bound(first_s: int, most_s: int) -> None:
    patience = Patience(to_delay=5, delay_first_s=first_s, delay_max_s=most_s)
    guesser = Guesser(patience)
    delays = []
    for _ in range(30):
        assert all(guesser.guess() for _ in range(5))
        held = guesser.held
        assert held is not None
        assert held.until_ms is not None
        delays.append((held.until_ms - guesser.now_ms) // 1000)
        assert not guesser.guess()
        guesser.now_ms = held.until_ms
    assert delays[0] == first_s
    assert delays[-1] == most_s
    assert all(after == min(2 * before, most_s) for before, after in pairwise(delays))


@given(patience=patiences, walk=steps)
def test_c09_a_wrong_code_never_shortens_a_delay(patience: Patience, walk: list[int | None]) -> None:
    guesser = Guesser(patience)
    for step in walk:
        guesser.now_ms += step or 0
        before = guesser.counts
        after = after_failure(before, guesser.now_ms, patience)
        assert after.delayed_until_ms >= before.delayed_until_ms
        assert after.consecutive == before.consecutive + 1
        assert after.in_hour >= 1
        guesser.guess()


@given(walk=steps)
def test_a_right_code_ends_the_row_and_not_what_failed_within_the_hour(walk: list[int | None]) -> None:
    guesser = Guesser(ALL)
    guesser.follow(walk)
    before = guesser.counts
    after = after_success(before)
    assert (after.consecutive, after.delayed_until_ms) == (0, 0)
    assert (after.in_hour, after.hour_started_at_ms) == (before.in_hour, before.hour_started_at_ms)
    assert (after.last_at_ms, after.locked_at_ms) == (before.last_at_ms, before.locked_at_ms)


def test_the_longest_of_several_delays_counts_and_a_lock_before_all() -> None:
    short, long = Failures(delayed_until_ms=START_MS + 1), Failures(delayed_until_ms=START_MS + 2)
    assert hold(START_MS, short, long) == hold(START_MS, long, short) == Hold(START_MS + 2)
    assert hold(START_MS + 2, short, long) is None
    assert hold(START_MS + 2, short, Failures(locked_at_ms=START_MS)) == Hold(None)
    assert hold(START_MS) is None


def test_a26_a_binding_is_delayed_long_before_its_number() -> None:
    of_binding, of_all = Guesser(ONE), Guesser(ALL)
    for _ in range(5):
        assert of_binding.guess()
        assert of_all.guess()
    assert of_binding.held == Hold(START_MS + 30_000)
    assert of_all.held is None
