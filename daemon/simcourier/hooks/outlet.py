"""One endpoint's thread: tries what is due for it, records what came of it, and sleeps until more is due.

A batch goes over one connection and is recorded in one work. What was not recorded when the box died is told again,
under the same webhook-id: a batch at most, or a second of it and one try. The order of events is not promised.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.engine import Connection

from simcourier import log
from simcourier.hooks.delivery import Courier, judge
from simcourier.hooks.post import Outcome
from simcourier.hooks.schedule import LONGEST_MS
from simcourier.metrics import Metrics
from simcourier.outbox import endpoints, hooks
from simcourier.outbox.audit import Audit, Entry
from simcourier.outbox.endpoints import Endpoint
from simcourier.outbox.hooks import Delivery, DeliveryState, Tried
from simcourier.outbox.writer import Writer

LONGEST_PAUSE_S = 60.0
"""So long at most, in case the clock is set."""
AFTER_FAILURE_S = 5.0
BATCH = 200
BATCH_S = 1.0
"""A batch is ended and recorded after so many tries of each kind, or so long."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What every outlet works with."""

    engine: Engine
    writer: Writer
    audit: Audit
    metrics: Metrics
    wall_ms: Callable[[], int]


class Outlet:
    """Tells one endpoint. A slow one is slow in a thread of its own and delays nobody else."""

    def __init__(self, desk: Desk, courier: Courier, endpoint_id: str, changed: Callable[[], None]) -> None:
        self._desk = desk
        self._courier = courier
        self._id = endpoint_id
        self._changed = changed
        self._wanted = threading.Event()
        self._altered = threading.Event()
        self._unrecorded: list[tuple[Tried, Outcome]] = []
        self._owed_s = 0.0
        self._stopping = threading.Event()
        self._log = log.get("hooks")
        self._thread = threading.Thread(target=self._run, name=f"hook {endpoint_id[-6:]}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Something new is due."""
        self._wanted.set()

    def change(self) -> None:
        """The endpoint was changed: what waits is tried with its new URL and secret."""
        self._altered.set()
        self._wanted.set()

    def stop(self) -> None:
        """Try nothing more; what is under way may finish."""
        self._stopping.set()
        self._wanted.set()

    def abort(self) -> None:
        """End what is under way; it counts as not tried, and is tried again at the next start."""
        self._courier.abort()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread's end; did it come?"""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                pause_s = self.turn()
            except Exception:  # the top of this thread's loop: the disk may be full, or it is our fault
                self._log.exception("a webhook endpoint can't be served now", endpoint=self._id)
                pause_s = AFTER_FAILURE_S
            if pause_s > 0:
                self._courier.hang_up()
            self._wanted.wait(pause_s)
        self._courier.hang_up()

    def turn(self) -> float:
        """Try a batch of what is due; returns how many seconds nothing is due."""
        # Cleared before looking: who wakes us meanwhile is not overheard.
        self._wanted.clear()
        self._altered.clear()
        # What the disk refused last time: nothing more is told that could not be recorded either.
        self._record()
        now_ms = self._desk.wall_ms()
        with self._desk.engine.connect() as connection:
            endpoint = endpoints.find(connection, self._id)
            if endpoint is None or endpoint.disabled_reason is not None:
                return LONGEST_PAUSE_S
            first, again = (
                deque(hooks.due(connection, endpoint.n, now_ms, LONGEST_MS, again=again, limit=BATCH))
                for again in (False, True)
            )
        try:
            self._try_them(endpoint, first, again)
        finally:
            self._record()
        return self._pause_s(endpoint)

    def _try_them(self, endpoint: Endpoint, first: deque[Delivery], again: deque[Delivery]) -> None:
        """First tries go first; while there are any, a retry waits until they had as long as the last one took.

        So what keeps hanging holds up a new event by one timeout, and what keeps coming holds up no retry for ever.
        """
        until = time.monotonic() + BATCH_S
        self._owed_s = min(self._owed_s, 0.0)
        while (first or again) and time.monotonic() < until and not self._interrupted():
            retry = not first or (bool(again) and self._owed_s > 0)
            began = time.monotonic()
            gone = self._try(endpoint, (again if retry else first).popleft()).gone
            took_s = time.monotonic() - began
            self._owed_s = -took_s if retry else self._owed_s + took_s
            if gone or (retry and self._wanted.is_set()):
                return

    def _interrupted(self) -> bool:
        return self._stopping.is_set() or self._altered.is_set()

    def _pause_s(self, endpoint: Endpoint) -> float:
        with self._desk.engine.connect() as connection:
            at_ms = hooks.next_due_ms(connection, endpoint.n)
        if at_ms is None:
            return LONGEST_PAUSE_S
        return min(LONGEST_PAUSE_S, max(0.0, (at_ms - self._desk.wall_ms()) / 1000))

    def _try(self, endpoint: Endpoint, delivery: Delivery) -> Outcome:
        outcome = self._courier.carry(endpoint, delivery.event_id, delivery.body, keep=True)
        if outcome.status is not None or not self._stopping.is_set():
            now_ms = self._desk.wall_ms()
            verdict = judge(outcome, delivery.attempts, now_ms)
            tried = Tried(
                delivery.n, verdict.state, now_ms, outcome.status, outcome.error, verdict.next_at_ms
            )
            self._unrecorded.append((tried, outcome))
        return outcome

    def _record(self) -> None:
        """Write down a batch's outcomes; where that fails they stay here for the next turn."""
        if not self._unrecorded:
            return
        tries = [tried for tried, _ in self._unrecorded]
        gone = any(outcome.gone for _, outcome in self._unrecorded)

        def work(connection: Connection) -> None:
            hooks.record(connection, tries)
            if gone:
                self._disable(connection, tries[-1].at_ms)

        self._desk.writer.run(work)
        done, self._unrecorded = self._unrecorded, []
        for tried, outcome in done:
            self._count(tried.state, outcome)
        if gone:
            self._changed()

    def _disable(self, connection: Connection, now_ms: int) -> None:
        why = "it answered 410 (Gone)"
        if endpoints.disable(connection, self._id, why):
            self._desk.audit.append(connection, Entry(now_ms, "simcourier", "webhook.disable", self._id, why))

    def _count(self, state: DeliveryState, outcome: Outcome) -> None:
        result = "retried" if state is DeliveryState.PENDING else state.value
        self._desk.metrics.webhook_deliveries.labels(result).inc()
        if state is DeliveryState.FAILED:
            self._log.warning(
                "an event could not be delivered",
                endpoint=self._id,
                why=outcome.error or "",
                gone=outcome.gone,
            )
