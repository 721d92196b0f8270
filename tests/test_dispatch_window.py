"""The head of the queue in memory: in order, bounded, never forgetting what is on disk."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simcourier.dispatch.window import Lane, Window
from simcourier.outbox.message import OnUnknown, Waiting


def waiting(n: int, rank: int = 0, modem: str | None = None) -> Waiting:
    return Waiting(n, f"msg_{n}", rank, "+447700900001", b"", 1, 0, 1, OnUnknown.RESEND, modem)


def drain(lane: Lane) -> list[int]:
    return [lane.pop().n for _ in range(len(lane))]


def test_class_comes_before_age() -> None:
    lane = Lane(10, complete=True)
    for message in (waiting(1, 2), waiting(2, 0), waiting(3, 1), waiting(4, 0)):
        lane.offer(message)
    assert drain(lane) == [2, 4, 3, 1]


def test_a_full_lane_keeps_the_first_ones_and_knows_that_there_is_more() -> None:
    lane = Lane(2, complete=True)
    for n in (3, 1, 2):
        lane.offer(waiting(n))
    assert not lane.complete
    assert drain(lane) == [1, 2]


def test_a_lane_that_misses_something_takes_only_what_comes_before_its_last() -> None:
    lane = Lane(10, complete=False)
    lane.offer(waiting(5))
    assert len(lane) == 0
    lane.refill([waiting(3), waiting(6)], complete=False)
    lane.offer(waiting(4))
    lane.offer(waiting(9))
    assert drain(lane) == [3, 4, 6]


def test_a_message_is_never_in_a_lane_twice() -> None:
    lane = Lane(10, complete=True)
    lane.offer(waiting(1))
    lane.offer(waiting(1))
    lane.refill([waiting(1)], complete=True)
    assert drain(lane) == [1]


def test_a_discarded_message_is_not_given_out() -> None:
    window = Window()
    window.lane(None).refill([waiting(1), waiting(2)], complete=True)
    window.discard(1)
    window.discard(7)
    message = window.pop(["a"])
    assert message is not None
    assert message.n == 2
    assert window.pop(["a"]) is None


def test_pinned_messages_are_given_only_to_their_modem() -> None:
    window = Window()
    window.lane(None).refill([waiting(5)], complete=True)
    window.offer(waiting(1, modem="b"))
    first = window.pop(["a"])
    assert first is not None
    assert first.n == 5
    assert window.pop(["a"]) is None
    second = window.pop(["a", "b"])
    assert second is not None
    assert second.n == 1


def test_an_older_pinned_message_comes_before_a_younger_free_one() -> None:
    window = Window()
    window.lane(None).refill([waiting(5)], complete=True)
    window.offer(waiting(1, modem="a"))
    first = window.pop(["a"])
    assert first is not None
    assert first.n == 1


def test_a_message_put_back_is_next_again() -> None:
    window = Window()
    window.lane(None).refill([waiting(1), waiting(2)], complete=True)
    message = window.pop(["a"])
    assert message is not None
    window.put_back(message)
    again = window.pop(["a"])
    assert again is not None
    assert again.n == 1


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 2)), max_size=60), st.integers(1, 8))
def test_whatever_arrives_what_is_given_out_is_the_true_head(
    arrivals: list[tuple[int, int]], capacity: int
) -> None:
    """The lane against a plain sorted list that stands for the disk."""
    lane = Lane(capacity, complete=True)
    disk: dict[int, Waiting] = {}
    for n, rank in arrivals:
        if n in disk:
            continue
        disk[n] = waiting(n, rank)
        lane.offer(disk[n])
    given_out = []
    while disk:
        if lane.low or not len(lane):
            head = sorted(disk.values(), key=lambda m: m.order)[:capacity]
            lane.refill(head, complete=len(head) < capacity)
        message = lane.pop()
        given_out.append(message.order)
        del disk[message.n]
    assert given_out == sorted(given_out)
