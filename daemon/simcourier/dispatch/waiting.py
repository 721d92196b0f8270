"""The messages that wait: how many, which are next, and when delayed ones come due; in the writer's thread only."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator

from sqlalchemy.engine import Connection

from simcourier import log
from simcourier.dispatch.clock import Clock
from simcourier.dispatch.window import Key, Lane, Window
from simcourier.outbox import lanes
from simcourier.outbox.message import CLASS_OF_RANK, Waiting
from simcourier.outbox.writer import Writer

PAUSE_MS = 1000
"""Before the disk is asked again that failed to answer, or a claim is tried again that it refused."""


class WaitingRoom:
    """One side's queue as the dispatcher sees it: a bounded window in memory, the whole on disk."""

    def __init__(self, writer: Writer, clock: Clock, *, sandbox: bool = False) -> None:
        self._writer = writer
        self._sandbox = sandbox
        self._clock = clock
        self._window = Window()
        self._due: list[tuple[int, str]] = []
        self._refilling: set[Key] = set()
        self._log = log.get("dispatch")
        self.depth = {0: 0, 1: 0, 2: 0}
        self._pinned: dict[int, int] = {}
        """What waits for one modem, by n, with its rank: it is not ahead of what any modem may take."""

    def load(self, connection: Connection, depth: dict[int, int]) -> None:
        """Take up what waits on disk, `depth` messages by rank; called once, before the writer starts."""
        self.depth.update(depth)
        self._pinned.update(lanes.pinned(connection, sandbox=self._sandbox))
        for key in lanes.waiting_lanes(connection, sandbox=self._sandbox):
            self._window.stale(key)
        for due_ms, key in lanes.delayed(connection, self._clock.wall_ms(), sandbox=self._sandbox):
            self.later(due_ms, key)

    def ahead_of(self, rank: int) -> int:
        """How many messages leave before a new one of this rank that any modem may take."""
        waiting = sum(count for other, count in self.depth.items() if other <= rank)
        return waiting - sum(other <= rank for other in self._pinned.values())

    def total(self) -> int:
        """How many messages wait."""
        return sum(self.depth.values())

    def by_class(self) -> dict[str, int]:
        """How many messages of each class wait."""
        return {CLASS_OF_RANK[rank]: count for rank, count in self.depth.items()}

    def enter(self, message: Waiting, due_ms: int = 0) -> None:
        """A message is queued on disk, not to leave before `due_ms`."""
        self.depth[message.rank] += 1
        if message.modem is not None:
            self._pinned[message.n] = message.rank
        if due_ms > self._clock.wall_ms():
            self.later(due_ms, message.modem)
        else:
            self._window.offer(message)

    def leave(self, rank: int, n: int | None = None) -> None:
        """A message is not queued any more; with `n`, by another door than `next`."""
        self.depth[rank] -= 1
        if n is not None:
            self._pinned.pop(n, None)
            self._window.discard(n)

    def claimed(self, message: Waiting) -> None:
        """A message that `next` gave is in a modem's hands."""
        self._pinned.pop(message.n, None)
        self.leave(message.rank)

    def later(self, due_ms: int, key: str | None) -> None:
        """Something in this lane may leave at `due_ms`; then the disk is asked."""
        heapq.heappush(self._due, (due_ms, key or ""))

    def forget(self) -> None:
        """What is in memory is out of date: read it anew."""
        keys = self._window.clear()
        self._due.clear()
        self._due.extend((self._clock.wall_ms() + PAUSE_MS, key or "") for key in keys)

    def wake(self) -> None:
        """Mark the lanes in which something has come due."""
        if self._due:
            now_ms = self._clock.wall_ms()
            while self._due and self._due[0][0] <= now_ms:
                self._window.stale(heapq.heappop(self._due)[1] or None)

    def wake_in(self) -> float | None:
        """Seconds until something comes due; None where nothing waits for a time."""
        return max(0.0, (self._due[0][0] - self._clock.wall_ms()) / 1000) if self._due else None

    def ranks(self) -> list[int]:
        """The classes that wait in memory, codes first."""
        return self._window.ranks()

    def look(self, rank: int, modems: Collection[str]) -> Iterator[Waiting]:
        """The messages of a class that these modems may take, the oldest first; stop before anything is changed."""
        return self._window.look(rank, modems)

    def look_pinned(self, rank: int, modem: str) -> Iterator[Waiting]:
        """The messages of a class that are pinned to this modem; stop before anything is changed."""
        return self._window.look_pinned(rank, modem)

    def take(self, message: Waiting) -> None:
        """Take a message out of memory that `look` gave: it is given to a modem, or its time is over."""
        self._window.take(message)

    def park(self, message: Waiting, modems: Collection[str]) -> None:
        """Keep a message aside that only these modems may take, and none of them now."""
        self._window.park(message, modems)

    def revisit(self, *, thoroughly: bool = True) -> None:
        """Other modems can send now: look again at what was kept aside, and `thoroughly` at what was passed over."""
        self._window.revisit(thoroughly=thoroughly)

    def has_more_for(self, modem: str, than: int) -> bool:
        """Do more than so many messages wait in memory that this modem could take, or some other could?"""
        return self._window.has_more_for(modem, than)

    def refill(self, flying: Callable[[], set[int]]) -> None:
        """Read the lanes that run low from disk, leave out what is `flying`; the writer's next turn gives it out."""
        for key, lane in self._window.low():
            if key not in self._refilling:
                self._refilling.add(key)
                self._read(key, lane, flying)

    def _read(self, key: Key, lane: Lane, flying: Callable[[], set[int]]) -> None:
        now_ms, limit, after = self._clock.wall_ms(), lane.to_read, lane.after
        modem, rank = key

        def done(rows: list[Waiting]) -> None:
            self._refilling.discard(key)
            in_air = flying()
            fresh = [message for message in rows if message.n not in in_air]
            self._window.lane(*key).refill(fresh, complete=len(rows) < limit)

        def failed(error: BaseException) -> None:
            self._refilling.discard(key)
            self._log.error("the queue can't be read", error=str(error)[:200])
            self._window.lane(*key).complete = True
            self.later(self._clock.wall_ms() + PAUSE_MS, modem)

        self._writer.submit(
            lambda c: lanes.lane(c, modem, now_ms, limit, sandbox=self._sandbox, rank=rank, after=after),
            done,
            failed,
        )


class Rooms:
    """Both queues: what waits for real modems, and what sandbox keys sent. Neither delays the other."""

    def __init__(self, writer: Writer, clock: Clock) -> None:
        self.real = WaitingRoom(writer, clock)
        self.sandbox = WaitingRoom(writer, clock, sandbox=True)
        # Sandbox messages are few, and their callers bound them, so each can be known by its n.
        self._sandbox_ns: set[int] = set()

    def __iter__(self) -> Iterator[WaitingRoom]:
        return iter((self.real, self.sandbox))

    def load(self, connection: Connection, depth: dict[int, int]) -> None:
        """Take up what waits on disk; `depth` counts both sides by rank. Called once, before the writer starts."""
        inside = dict.fromkeys(depth, 0)
        for n, rank in lanes.waiting_in_sandbox(connection):
            self._sandbox_ns.add(n)
            inside[rank] += 1
        self.sandbox.load(connection, inside)
        self.real.load(connection, {rank: count - inside[rank] for rank, count in depth.items()})

    def of(self, message: Waiting) -> WaitingRoom:
        """Where this message waits."""
        return self.sandbox if message.sandbox else self.real

    def enter(self, message: Waiting, due_ms: int = 0) -> None:
        """A message is queued on disk, not to leave before `due_ms`."""
        if message.sandbox:
            self._sandbox_ns.add(message.n)
        self.of(message).enter(message, due_ms)

    def claimed(self, message: Waiting) -> None:
        """A message that was taken out by `next` is not queued any more."""
        self._sandbox_ns.discard(message.n)
        self.of(message).claimed(message)

    def leave(self, rank: int, n: int) -> None:
        """A message is not queued any more, and left by another door than `next`."""
        room = self.sandbox if n in self._sandbox_ns else self.real
        self._sandbox_ns.discard(n)
        room.leave(rank, n)
