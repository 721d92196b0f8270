"""The head of the queue in memory: bounded lanes, in order, refilled from disk."""

from __future__ import annotations

from bisect import insort
from collections.abc import Collection

from simcourier.outbox.message import Waiting


def _descending(message: Waiting) -> tuple[int, int]:
    return -message.rank, -message.n


class Lane:
    """The next messages of one lane, by class and age, at most `capacity` of them.

    `complete` tells that every message of the lane that may leave now is in here: the disk need not be asked.
    """

    def __init__(self, capacity: int, *, complete: bool) -> None:
        self.capacity = capacity
        self.complete = complete
        # Last is next: popping is cheap, and a new message goes in near the front.
        self._messages: list[Waiting] = []
        self._present: set[int] = set()

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def low(self) -> bool:
        """Is it time to read more from disk?"""
        return not self.complete and len(self._messages) < max(1, self.capacity // 4)

    def offer(self, message: Waiting) -> None:
        """Take a message that may leave now, unless the ones on disk that come before it must be read first."""
        if not self.complete and (not self._messages or message.order > self._messages[0].order):
            return
        self._insert(message)
        if len(self._messages) > self.capacity:
            self._present.discard(self._messages.pop(0).n)
            self.complete = False

    def refill(self, messages: list[Waiting], *, complete: bool) -> None:
        """Add what a read of the disk brought."""
        for message in messages:
            self._insert(message)
        self.complete = complete

    def _insert(self, message: Waiting) -> None:
        if message.n not in self._present:
            insort(self._messages, message, key=_descending)
            self._present.add(message.n)

    def peek(self) -> Waiting | None:
        """The next message, or None."""
        return self._messages[-1] if self._messages else None

    def pop(self) -> Waiting:
        """Take the next message out."""
        message = self._messages.pop()
        self._present.discard(message.n)
        return message

    def discard(self, n: int) -> None:
        """Drop a message that left the queue by another door."""
        if n in self._present:
            self._present.discard(n)
            self._messages = [message for message in self._messages if message.n != n]


class Window:
    """One lane for messages that any modem may take (key None) and one for each modem that messages are pinned to."""

    def __init__(self, capacity: int = 1000, pinned_capacity: int = 100) -> None:
        self._capacity = capacity
        self._pinned_capacity = pinned_capacity
        self._lanes: dict[str | None, Lane] = {None: Lane(capacity, complete=False)}

    def __len__(self) -> int:
        return sum(len(lane) for lane in self._lanes.values())

    def lane(self, key: str | None) -> Lane:
        """The lane with this key; a new one is complete, for every message passes through `offer`."""
        if key not in self._lanes:
            self._lanes[key] = Lane(self._pinned_capacity, complete=True)
        return self._lanes[key]

    def offer(self, message: Waiting) -> None:
        """Take a message that may leave now."""
        self.lane(message.modem).offer(message)

    def pop(self, idle: Collection[str]) -> Waiting | None:
        """The next message that some idle modem may take: the first of the common lane and the idle modems' lanes."""
        best: Lane | None = None
        first: Waiting | None = None
        for key in (None, *idle) if len(self._lanes) > 1 else (None,):
            lane = self._lanes.get(key)
            head = lane.peek() if lane is not None else None
            if head is not None and (first is None or head.order < first.order):
                best, first = lane, head
        return best.pop() if best is not None else None

    def put_back(self, message: Waiting) -> None:
        """Return a message that could not be placed just now."""
        lane = self.lane(message.modem)
        lane.refill([message], complete=lane.complete)

    def discard(self, n: int) -> None:
        """Drop a message that was canceled, superseded, delivered or expired."""
        for lane in self._lanes.values():
            lane.discard(n)

    def clear(self) -> list[str | None]:
        """Forget every message; each lane will be read anew. Returns the lanes."""
        for key, lane in self._lanes.items():
            self._lanes[key] = Lane(lane.capacity, complete=False)
        return list(self._lanes)

    def stale(self, key: str | None) -> None:
        """Something on disk in this lane may leave now that was not offered."""
        self.lane(key).complete = False

    def low(self) -> list[tuple[str | None, int]]:
        """The lanes to refill from disk, each with how many rows to read."""
        return [(key, lane.capacity) for key, lane in self._lanes.items() if lane.low]
