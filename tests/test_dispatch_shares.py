"""Which class is next."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from simcourier.dispatch.shares import Shares


def leave(shares: Shares, waiting: list[int], count: int) -> list[int]:
    left = []
    for _ in range(count):
        rank = shares.order(waiting)[0]
        shares.took(rank, waiting)
        left.append(rank)
    return left


def test_a_code_is_first_and_of_a_hundred_each_class_has_its_share() -> None:
    left = leave(Shares((90, 9, 1)), [0, 1, 2], 100)
    assert left[0] == 0
    assert Counter(left) == {0: 90, 1: 9, 2: 1}


def test_where_one_class_does_not_wait_the_others_share_its_part() -> None:
    assert Counter(leave(Shares((90, 9, 1)), [1, 2], 100)) == {1: 90, 2: 10}


def test_a_code_that_comes_finds_no_class_that_saved_something_up() -> None:
    shares = Shares((90, 9, 1))
    leave(shares, [1, 2], 1000)
    leave(shares, [2], 1000)
    assert leave(shares, [0, 2], 5) == [0] * 5


def test_a_class_that_waited_in_vain_does_not_crowd_out_the_codes_afterwards() -> None:
    shares = Shares((90, 9, 1))
    for _ in range(100_000):
        shares.took(0, [0, 2])
    assert leave(shares, [0, 2], 4).count(2) <= 2


@given(st.lists(st.sets(st.integers(0, 2), min_size=1), min_size=1, max_size=300))
def test_who_waits_for_long_is_served(waits: list[set[int]]) -> None:
    shares, hungry = Shares((90, 9, 1)), Counter[int]()
    for waiting in (sorted(ranks) for ranks in waits):
        rank = shares.order(waiting)[0]
        shares.took(rank, waiting)
        hungry = Counter({other: hungry[other] + 1 for other in waiting if other != rank})
        assert all(count <= 300 for count in hungry.values())
        assert hungry[0] <= 20
