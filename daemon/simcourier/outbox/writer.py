"""The one thread that writes: it commits everything that is waiting in one transaction (group commit)."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from simcourier import log
from simcourier.errors import RequestError

T = TypeVar("T")
Work = Callable[[Connection], T]
_LONGEST_PAUSE_S = 5.0
RUN_TIMEOUT_S = 30.0
"""How long a caller waits for its work to begin."""
BATCH_LIMIT = 256
"""Works in one transaction; more wait for the next."""


@dataclass(slots=True)
class _Item:
    """A unit of writing; `work` must change nothing but the database: it may run twice."""

    work: Work[Any]
    done: Callable[[Any], None]
    failed: Callable[[BaseException], None]
    urgent: bool = False
    lane: str = ""


@dataclass(slots=True)
class _Call:
    """Something to run in the writer's thread before the next transaction; it may add works to it."""

    run: Callable[[], None]


def _by_urgency(batch: list[_Item]) -> list[list[_Item]]:
    lanes = {item.lane for item in batch if item.urgent and item.lane}
    ahead: list[_Item] = []
    rest: list[_Item] = []
    for item in batch:
        (ahead if item.urgent or item.lane in lanes else rest).append(item)
    return [items for items in (ahead, rest) if items]


class Writer:
    """Runs works on one connection in their order of arrival and tells their results after the commit.

    Works of one batch share a transaction. When one of them fails, the batch is rolled back and each of its
    works runs again in a transaction of its own, so that only the failing one is lost to its caller.
    `before_commit` runs once a batch and may add works to it.
    `wake_in` says after how many seconds a turn is wanted when nothing else happens (None: never).
    """

    def __init__(self, engine: Engine, *, on_commit: Callable[[], None] = lambda: None) -> None:
        self._engine = engine
        self._on_commit = on_commit
        self._inbox: queue.SimpleQueue[_Item | _Call | None] = queue.SimpleQueue()
        self._batch: list[_Item] = []
        self._stopping = False
        self._owner = 0
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._log = log.get("outbox")
        self.wake_in: Callable[[], float | None] = lambda: None
        self.before_commit: Callable[[], None] = lambda: None
        self.beat: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Write what is waiting, then end the thread."""
        self._inbox.put(None)
        self._thread.join(timeout_s)

    def submit(
        self,
        work: Work[T],
        done: Callable[[T], None],
        failed: Callable[[BaseException], None],
        *,
        urgent: bool = False,
        lane: str = "",
    ) -> None:
        """Queue a work; `done` or `failed` is called in the writer's thread, `done` after the commit.

        Urgent works of a batch go to disk in a transaction of their own before the others: a modem holds its
        prompt open meanwhile. With them goes what was queued before in the same `lane`, the modem's name; on
        nothing else that was queued before may an urgent work depend.
        """
        item = _Item(work, done, failed, urgent, lane)
        if threading.get_ident() == self._owner:
            self._batch.append(item)
        else:
            self._inbox.put(item)

    def run(self, work: Work[T | RequestError], then: Callable[[T], None] = lambda _result: None) -> T:
        """Queue a work and wait until it is on disk; `then` runs first, in the writer's thread.

        A work that refuses, before it wrote anything, returns a RequestError: that is raised here, and `then` does
        not run. To raise it in the work would cost all others of its batch their common transaction.
        Raises what the work raised, or RequestError `storage-unavailable` when the disk refused it.
        """
        future: Future[T] = Future()

        def once_wanted(connection: Connection) -> T | RequestError:
            # A work may run twice; only before its first run can its caller have given up.
            if not future.running() and not future.set_running_or_notify_cancel():
                raise TimeoutError
            return work(connection)

        def done(result: T | RequestError) -> None:
            if isinstance(result, RequestError):
                future.set_exception(result)
                return
            try:
                then(result)
            finally:
                future.set_result(result)

        def failed(error: BaseException) -> None:
            if not future.cancelled():
                future.set_exception(error)

        self.submit(once_wanted, done, failed)
        try:
            return self._result(future)
        except (SQLAlchemyError, TimeoutError) as error:
            self._log.error("a write was refused", error=str(error)[:200])
            raise RequestError(
                "storage-unavailable", "The box can't write to its disk right now.", retry_after_s=5
            ) from error

    def _result(self, future: Future[T]) -> T:
        try:
            return future.result(timeout=RUN_TIMEOUT_S)
        except TimeoutError:
            if future.cancel():
                raise
            # It is being written at this moment: to say that it was not would be a lie.
            return future.result()

    def call(self, run: Callable[[], None]) -> None:
        """Run something in the writer's thread before the next transaction, which it may add works to."""
        self._inbox.put(_Call(run))

    def _run(self) -> None:
        with self._engine.connect() as connection:
            while not self._stopping:
                self.turn(connection, self._pause())

    def _pause(self) -> float:
        wanted = self.wake_in()
        return min(_LONGEST_PAUSE_S, wanted) if wanted is not None else _LONGEST_PAUSE_S

    def turn(self, connection: Connection, pause_s: float = 0.0) -> None:
        """Wait at most `pause_s` for something to do, then do everything that is waiting and what it leads to."""
        self._owner = threading.get_ident()
        # A pause may end by itself: then `before_commit` looks what has come due.
        with contextlib.suppress(queue.Empty):
            self._take(self._inbox.get(timeout=pause_s) if pause_s > 0 else self._inbox.get_nowait())
        while True:
            # Here and not once a turn: under load a turn has no end.
            self._guarded(self.beat)
            self._drain()
            self._guarded(self.before_commit)
            if not self._batch:
                return
            batch, self._batch = self._batch, []
            for items in _by_urgency(batch):
                self._commit(connection, items)

    def _drain(self) -> None:
        while len(self._batch) < BATCH_LIMIT:
            try:
                self._take(self._inbox.get_nowait())
            except queue.Empty:
                return

    def _take(self, item: _Item | _Call | None) -> None:
        match item:
            case None:
                self._stopping = True
            case _Call():
                self._guarded(item.run)
            case _Item():
                self._batch.append(item)

    def _commit(self, connection: Connection, batch: list[_Item]) -> None:
        try:
            results = [item.work(connection) for item in batch]
            connection.commit()
        except Exception as error:  # the top of this thread's loop: each failure goes to its caller
            connection.rollback()
            self._one_by_one(connection, batch, error)
            return
        self._on_commit()
        for item, result in zip(batch, results, strict=True):
            self._guarded(item.done, result)

    def _one_by_one(self, connection: Connection, batch: list[_Item], error: Exception) -> None:
        if len(batch) == 1:
            self._guarded(batch[0].failed, error)
            return
        for item in batch:
            self._commit(connection, [item])

    def _guarded(self, run: Callable[..., None], *arguments: Any) -> None:
        """A callback that fails is our bug; it must not end the only thread that writes."""
        try:
            run(*arguments)
        except Exception:
            self._log.exception("a callback of the writer failed")
