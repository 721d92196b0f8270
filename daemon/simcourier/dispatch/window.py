"""The head of the queue in memory: bounded lanes, in order, refilled from disk."""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Collection, Iterator
from operator import attrgetter

from simcourier.outbox.message import CLASS_OF_RANK, Waiting

RANKS = tuple(CLASS_OF_RANK)
PARKED = 1000
"""Messages of a lane that are kept aside at once; what is more of them is read from disk again later."""
_LOOKED_AT = 16
"""How many of the messages kept aside for one modem are looked at before others get their turn."""
_n = attrgetter("n")


def _descending(message: Waiting) -> tuple[int, int]:
    return -message.rank, -message.n


class Lane:
    """The next messages of one lane, by class and age, at most `capacity` of them.

    `complete` tells that every message of the lane behind `after` that may leave now is in here: the disk need not
    be asked. What no modem at hand may take is parked, under each modem that may: it holds up nobody behind it.
    """

    def __init__(self, capacity: int, *, complete: bool) -> None:
        self.capacity = capacity
        self.complete = complete
        self.after = 0
        # Last is next: popping is cheap, and a new message goes in near the front.
        self._messages: list[Waiting] = []
        self._present: set[int] = set()
        self._parked: dict[int, Waiting] = {}
        self._parked_for: dict[str, list[Waiting]] = {}
        self._left_out: set[str] = set()
        self._is_wanted = False

    def __len__(self) -> int:
        return len(self._present)

    @property
    def is_empty(self) -> bool:
        """Is nothing in here, not even parked?"""
        return not self._present

    @property
    def ready(self) -> int:
        """How many messages are not parked."""
        return len(self._messages)

    @property
    def low(self) -> bool:
        """Is it time to read more from disk?"""
        return not self.complete and len(self._messages) < max(1, self.capacity // 4)

    @property
    def to_read(self) -> int:
        """How many rows to read from disk: those that are parked will be among them."""
        return self.capacity + len(self._parked)

    def offer(self, message: Waiting) -> None:
        """Take a message that may leave now, unless the ones on disk that come before it must be read first."""
        # What comes back to a place behind which the disk is read is not found there.
        is_read = message.n > self.after and not self.complete
        if is_read and (not self._messages or message.order > self._messages[0].order):
            return
        self._insert(message)
        self._trim()

    def _trim(self) -> None:
        while len(self._messages) > self.capacity:
            gone = self._messages.pop(0).n
            self._present.discard(gone)
            self.after = min(self.after, gone - 1)
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

    def look(self, modems: Collection[str]) -> Iterator[Waiting]:
        """The messages in order, and of the parked ones those for these modems. Stop before anything is changed."""
        if not self._parked_for:
            return reversed(self._messages)
        parked = {message.n: message for modem in modems for message in self._for(modem)}
        return heapq.merge(reversed(self._messages), sorted(parked.values(), key=_n), key=_n)

    def _for(self, modem: str) -> list[Waiting]:
        waiting = self._parked_for.get(modem)
        if waiting is None:
            return []
        # One that left and came back is another by now, and may be for other modems.
        waiting[:] = [message for message in waiting if self._parked.get(message.n) is message]
        self._is_wanted = self._is_wanted or (not waiting and modem in self._left_out)
        return waiting[:_LOOKED_AT]

    def peek(self) -> Waiting | None:
        """The next message, or None."""
        return self._messages[-1] if self._messages else None

    def take(self, message: Waiting) -> None:
        """Take a message out that `look` gave."""
        self._present.discard(message.n)
        if self._parked.pop(message.n, None) is None:
            self._remove(message)

    def _remove(self, message: Waiting) -> None:
        if self._messages[-1].n == message.n:
            self._messages.pop()
        else:
            del self._messages[bisect_left(self._messages, _descending(message), key=_descending)]

    def park(self, message: Waiting, modems: Collection[str]) -> None:
        """Keep a message that `look` gave aside until one of these modems, which alone may take it, is at hand."""
        if message.n in self._parked:
            return
        self._remove(message)
        self._parked[message.n] = message
        for modem in modems:
            insort(self._parked_for.setdefault(modem, []), message, key=_n)
        if len(self._parked) > PARKED:
            self._pass_over()

    def _pass_over(self) -> None:
        """Too much waits for what is not at hand: keep the first ones for each modem, and read on behind all."""
        each = max(1, PARKED // 2 // max(1, len(self._parked_for)))
        kept: dict[int, Waiting] = {}
        for modem, waiting in self._parked_for.items():
            waiting[:] = [message for message in waiting if self._parked.get(message.n) is message]
            kept.update((message.n, message) for message in waiting[:each])
            if len(waiting) > each:
                self._left_out.add(modem)
        for waiting in self._parked_for.values():
            waiting[:] = [message for message in waiting if message.n in kept]
        self.after = max(self.after, *self._parked)
        self._present.difference_update(self._parked.keys() - kept.keys())
        self._parked = kept
        # What is behind may be on disk only.
        self.complete = False

    def revisit(self, *, thoroughly: bool = True) -> None:
        """Other modems may be at hand now: look at what was parked again, and at what was passed over.

        Not `thoroughly`: at the latter only where a modem has nothing more to do of what was kept for it.
        """
        if self.after and (thoroughly or self._is_wanted):
            self.after = 0
            self.complete = False
            self._left_out.clear()
        self._is_wanted = False
        for message in self._parked.values():
            insort(self._messages, message, key=_descending)
        self._parked.clear()
        self._parked_for.clear()
        self._trim()

    def discard(self, n: int) -> None:
        """Drop a message that left the queue by another door."""
        if n in self._present:
            self._present.discard(n)
            if self._parked.pop(n, None) is None:
                self._messages = [message for message in self._messages if message.n != n]


Key = tuple[str | None, int]
"""The modem that a lane's messages are pinned to (None: to none), and their rank."""


class Window:
    """A lane for each class of the messages that any modem may take, and such lanes for each modem with pinned ones."""

    def __init__(self, capacity: int = 1000, pinned_capacity: int = 100) -> None:
        self._capacity = capacity
        self._pinned_capacity = pinned_capacity
        self._common = tuple(Lane(capacity, complete=False) for _rank in RANKS)
        self._pinned: dict[Key, Lane] = {}

    def __len__(self) -> int:
        return sum(len(lane) for _key, lane in self._all())

    def _all(self) -> Iterator[tuple[Key, Lane]]:
        for rank, lane in enumerate(self._common):
            yield (None, rank), lane
        yield from self._pinned.items()

    def lane(self, modem: str | None, rank: int) -> Lane:
        """The lane of these messages; a new one is complete, for every message passes through `offer`."""
        if modem is None:
            return self._common[rank]
        lane = self._pinned.get((modem, rank))
        if lane is None:
            lane = self._pinned[modem, rank] = Lane(self._pinned_capacity, complete=True)
        return lane

    def offer(self, message: Waiting) -> None:
        """Take a message that may leave now."""
        self.lane(message.modem, message.rank).offer(message)

    def ranks(self) -> list[int]:
        """The classes of which something is in here, codes first."""
        found = [rank for rank, lane in enumerate(self._common) if not lane.is_empty]
        if self._pinned:
            pinned = {rank for (_modem, rank), lane in self._pinned.items() if lane}
            found = sorted(pinned.union(found))
        return found

    def look(self, rank: int, idle: Collection[str]) -> Iterator[Waiting]:
        """The messages of a class that these modems may take, the oldest first; stop before anything is changed."""
        common = self._common[rank].look(idle)
        if not self._pinned:
            return common
        own = [self._pinned[modem, rank].look((modem,)) for modem in idle if (modem, rank) in self._pinned]
        return heapq.merge(common, *own, key=_n)

    def look_pinned(self, rank: int, modem: str) -> Iterator[Waiting]:
        """The messages of a class that are pinned to this modem; stop before anything is changed."""
        lane = self._pinned.get((modem, rank))
        return iter(()) if lane is None else lane.look((modem,))

    def take(self, message: Waiting) -> None:
        """Take a message out that `look` gave."""
        self.lane(message.modem, message.rank).take(message)

    def park(self, message: Waiting, modems: Collection[str]) -> None:
        """Keep a message that `look` gave aside for these modems, which alone may take it."""
        self.lane(message.modem, message.rank).park(message, modems)

    def revisit(self, *, thoroughly: bool = True) -> None:
        """Look again at what was kept aside, and at what was passed over."""
        for _key, lane in self._all():
            lane.revisit(thoroughly=thoroughly)

    def has_more_for(self, modem: str, than: int) -> bool:
        """Do more than so many messages wait in here that this modem could take, or some other could?"""
        codes, texts, bulk = self._common
        free = codes.ready + texts.ready + bulk.ready
        if self._pinned and free <= than:
            free += sum(lane.ready for (name, _rank), lane in self._pinned.items() if name == modem)
        return free > than

    def discard(self, n: int) -> None:
        """Drop a message that was canceled, superseded, delivered or expired."""
        for _key, lane in self._all():
            lane.discard(n)

    def clear(self) -> list[str | None]:
        """Forget every message; each lane will be read anew. Returns what their messages are pinned to."""
        self._common = tuple(Lane(self._capacity, complete=False) for _rank in RANKS)
        for key in self._pinned:
            self._pinned[key] = Lane(self._pinned_capacity, complete=False)
        return [None, *{modem for modem, _rank in self._pinned}]

    def stale(self, modem: str | None) -> None:
        """Something on disk among these messages may leave now that was not offered."""
        for rank in RANKS:
            lane = self.lane(modem, rank)
            lane.complete = False
            lane.after = 0

    def low(self) -> list[tuple[Key, Lane]]:
        """The lanes to refill from disk."""
        if not self._pinned:
            # At each look at the queue: in a backlog, hundreds of times a second.
            codes, texts, bulk = self._common
            if not (codes.low or texts.low or bulk.low):
                return []
        return [(key, lane) for key, lane in self._all() if lane.low]
