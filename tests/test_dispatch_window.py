"""The head of the queue in memory: in order, bounded, never forgetting what is on disk."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simcourier.dispatch.window import PARKED, Lane, Window
from simcourier.outbox.message import OnUnknown, Waiting


def waiting(n: int, rank: int = 0, modem: str | None = None) -> Waiting:
    return Waiting(n, f"msg_{n}", rank, "+447700900001", b"", 1, 0, 1, OnUnknown.RESEND, modem)


def seen(lane: Lane, *modems: str) -> list[int]:
    return [message.n for message in lane.look(modems)]


def full(capacity: int, *ns: int, complete: bool = True) -> Lane:
    lane = Lane(capacity, complete=complete)
    lane.refill([waiting(n) for n in ns], complete=complete)
    return lane


def window_of(*messages: Waiting) -> Window:
    window = Window()
    for rank in (0, 1, 2):
        window.lane(None, rank).refill([], complete=True)
    for message in messages:
        window.offer(message)
    return window


def test_the_oldest_comes_first() -> None:
    assert seen(full(10, 3, 1, 4, 2)) == [1, 2, 3, 4]


def test_a_full_lane_keeps_the_first_ones_and_knows_that_there_is_more() -> None:
    lane = Lane(2, complete=True)
    for n in (3, 1, 2):
        lane.offer(waiting(n))
    assert not lane.complete
    assert seen(lane) == [1, 2]


def test_a_lane_that_misses_something_takes_only_what_comes_before_its_last() -> None:
    lane = Lane(10, complete=False)
    lane.offer(waiting(5))
    assert len(lane) == 0
    lane.refill([waiting(3), waiting(6)], complete=False)
    lane.offer(waiting(4))
    lane.offer(waiting(9))
    assert seen(lane) == [3, 4, 6]


def test_a_message_is_never_in_a_lane_twice() -> None:
    lane = full(10, 1, 1)
    lane.offer(waiting(1))
    assert seen(lane) == [1]
    lane.park(waiting(1), ["a"])
    lane.offer(waiting(1))
    assert seen(lane, "a") == [1]


def test_what_is_taken_is_gone_wherever_it_stood() -> None:
    lane = full(10, 1, 2, 3)
    lane.park(waiting(3), ["a", "b"])
    for n in (2, 3, 1):
        lane.take(waiting(n))
    assert (len(lane), seen(lane, "a", "b")) == (0, [])


def test_what_is_parked_holds_up_nobody_and_is_seen_by_those_who_may_take_it() -> None:
    lane = full(10, 1, 2, 3)
    lane.park(waiting(1), ["b", "c"])
    assert seen(lane, "a") == [2, 3]
    assert seen(lane, "a", "b", "c") == [1, 2, 3]


def test_what_was_parked_is_looked_at_again_where_other_modems_are_at_hand() -> None:
    lane = full(10, 1, 2)
    lane.park(waiting(1), [])
    assert seen(lane, "a", "b") == [2]
    lane.revisit()
    assert seen(lane, "a") == [1, 2]


def test_too_much_that_nobody_may_take_is_passed_over_and_read_again_later() -> None:
    lane = full(5000, *range(1, PARKED + 3), complete=True)
    for n in range(1, PARKED + 2):
        lane.park(waiting(n), [])
    assert (len(lane), lane.after, lane.complete) == (1, PARKED + 1, False)
    assert seen(lane, "a") == [PARKED + 2]
    lane.revisit()
    assert (lane.after, lane.low) == (0, True)


def test_a_message_that_came_back_is_for_the_modems_that_it_is_for_now() -> None:
    lane = full(10, 1)
    lane.park(next(lane.look(["a"])), ["a", "b"])
    lane.take(next(lane.look(["a"])))
    lane.offer(waiting(1))
    lane.park(next(lane.look([])), ["c"])
    assert (seen(lane, "b"), seen(lane, "c")) == ([], [1])


def overfull() -> Lane:
    """Too much is parked: all for a, but every hundredth for b, and some for nobody."""
    lane = full(2 * PARKED, *range(1, PARKED + 2))
    for message in list(lane.look([])):
        lane.park(message, ["b"] if message.n % 100 == 0 else [] if message.n < 50 else ["a"])
    return lane


def test_of_too_much_that_is_parked_the_first_ones_for_each_modem_stay() -> None:
    lane = overfull()
    assert (seen(lane, "a")[:3], seen(lane, "b")) == ([50, 51, 52], list(range(100, PARKED + 1, 100)))
    assert (lane.after, lane.complete) == (PARKED + 1, False)


def test_what_was_passed_over_is_read_again_when_a_modem_has_nothing_more_to_do() -> None:
    lane = overfull()
    lane.refill([], complete=True)
    lane.revisit(thoroughly=False)
    assert lane.complete
    for message in list(lane.look([])):
        lane.park(message, ["a"])
    while waits := seen(lane, "a"):
        for n in waits:
            lane.discard(n)
    lane.revisit(thoroughly=False)
    assert (lane.after, lane.complete) == (0, False)


def test_one_that_comes_back_behind_what_was_passed_over_is_not_lost_from_sight() -> None:
    lane = overfull()
    lane.offer(waiting(7))
    assert seen(lane) == [7]


def test_a_lane_whose_messages_are_parked_reads_on_behind_them() -> None:
    lane = full(8, *range(1, 9), complete=False)
    assert not lane.low
    for n in range(1, 8):
        lane.park(waiting(n), ["b"])
    assert (lane.low, lane.to_read) == (True, 15)


def test_a_discarded_message_is_not_given_out() -> None:
    window = window_of(waiting(1), waiting(2), waiting(3))
    window.park(waiting(3), ["a"])
    for n in (1, 3, 7):
        window.discard(n)
    assert [message.n for message in window.look(0, ["a"])] == [2]


def test_pinned_messages_are_seen_only_by_their_modem() -> None:
    window = window_of(waiting(5), waiting(1, modem="b"))
    assert [message.n for message in window.look(0, ["a"])] == [5]
    assert [message.n for message in window.look(0, ["a", "b"])] == [1, 5]
    assert [message.n for message in window.look_pinned(0, "b")] == [1]
    assert list(window.look_pinned(0, "a")) == []


def test_each_class_has_its_lanes() -> None:
    window = window_of(waiting(1, 2), waiting(2, 0), waiting(3, 1, modem="a"))
    assert window.ranks() == [0, 1, 2]
    window.take(waiting(2, 0))
    assert window.ranks() == [1, 2]
    assert [message.n for message in window.look(1, ["a"])] == [3]


def test_a_modem_knows_how_much_it_could_take() -> None:
    window = window_of(waiting(1), waiting(2, 2), waiting(3, modem="a"), waiting(4, modem="b"))
    assert [window.has_more_for(modem, 2) for modem in "ac"] == [True, False]


def test_a_cleared_window_reads_every_lane_anew() -> None:
    window = window_of(waiting(1), waiting(2, modem="a"))
    assert window.clear() == [None, "a"]
    assert (len(window), len(window.low())) == (0, 4)


def test_a_lane_that_is_complete_is_not_read_and_a_stale_one_is() -> None:
    window = window_of(waiting(1))
    assert window.low() == []
    window.stale(None)
    assert [key for key, _lane in window.low()] == [(None, 0), (None, 1), (None, 2)]


numbers = st.integers(1, 30)
moves = st.lists(
    st.tuples(st.sampled_from(["offer", "take", "park", "discard", "revisit", "read"]), numbers), max_size=60
)


@given(moves, st.integers(1, 8))
def test_nothing_that_waits_is_ever_lost(moves: list[tuple[str, int]], capacity: int) -> None:
    """What is on disk is in the lane, or the lane knows that it must read."""
    lane, disk = Lane(capacity, complete=True), set[int]()
    for move, n in moves:
        if move == "offer" and n not in disk:
            disk.add(n)
            lane.offer(waiting(n))
        elif move == "take" and seen(lane, "a"):
            first = next(iter(lane.look(["a"])))
            lane.take(first)
            disk.discard(first.n)
        elif move == "park" and seen(lane, "b"):
            lane.park(next(iter(lane.look(["b"]))), ["a"])
        elif move == "discard":
            disk.discard(n)
            lane.discard(n)
        elif move == "revisit":
            lane.revisit()
        elif move == "read" and lane.low:
            rows = sorted(n for n in disk if n > lane.after)[: lane.to_read]
            lane.refill([waiting(n) for n in rows], complete=len(rows) < lane.to_read)
        known = set(seen(lane, "a"))
        assert known <= disk
        assert not lane.complete or known == disk
