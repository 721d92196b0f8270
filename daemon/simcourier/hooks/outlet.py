"""One endpoint's thread: tries what is due for it, records what came of it, and sleeps until more is due."""

from __future__ import annotations

import threading
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
from simcourier.outbox.hooks import Delivery, DeliveryState
from simcourier.outbox.writer import Writer

LONGEST_PAUSE_S = 60.0
"""So long at most, in case the clock is set."""
AFTER_FAILURE_S = 5.0


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
        self._stopping = threading.Event()
        self._log = log.get("hooks")
        self._thread = threading.Thread(target=self._run, name=f"hook {endpoint_id[-6:]}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Something new is due, or the endpoint was changed."""
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
            self._wanted.wait(pause_s)

    def turn(self) -> float:
        """Try a batch of what is due; returns how many seconds nothing is due."""
        # Cleared before looking: who wakes us meanwhile is not overheard.
        self._wanted.clear()
        now_ms = self._desk.wall_ms()
        with self._desk.engine.connect() as connection:
            endpoint = endpoints.find(connection, self._id)
            if endpoint is None or endpoint.disabled_reason is not None:
                return LONGEST_PAUSE_S
            due = hooks.due(connection, endpoint.n, now_ms, LONGEST_MS)
        for delivery in due:
            if self._stopping.is_set():
                return 0.0
            gone = self._try(endpoint, delivery).gone
            if gone or self._wanted.is_set():
                # The endpoint is disabled, or may have another URL or secret by now.
                return 0.0
        return self._pause_s(endpoint)

    def _pause_s(self, endpoint: Endpoint) -> float:
        with self._desk.engine.connect() as connection:
            at_ms = hooks.next_due_ms(connection, endpoint.n)
        if at_ms is None:
            return LONGEST_PAUSE_S
        return min(LONGEST_PAUSE_S, max(0.0, (at_ms - self._desk.wall_ms()) / 1000))

    def _try(self, endpoint: Endpoint, delivery: Delivery) -> Outcome:
        outcome = self._courier.carry(endpoint, delivery.event_id, delivery.body)
        if outcome.status is None and self._stopping.is_set():
            return outcome
        now_ms = self._desk.wall_ms()
        verdict = judge(outcome, delivery.attempts, now_ms)

        def work(connection: Connection) -> None:
            hooks.tried(
                connection,
                delivery.n,
                verdict.state,
                now_ms,
                status=outcome.status,
                error=outcome.error,
                next_at_ms=verdict.next_at_ms,
            )
            if outcome.gone:
                self._disable(connection, now_ms)

        self._desk.writer.run(work)
        self._count(verdict.state, outcome)
        if outcome.gone:
            self._changed()
        return outcome

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
