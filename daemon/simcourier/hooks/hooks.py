"""Everything that tells applications what happened: one thread that passes events on, one for each endpoint."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import Engine

from simcourier import log
from simcourier.config import Webhooks
from simcourier.hooks.delivery import Courier
from simcourier.hooks.guard import Guard
from simcourier.hooks.outlet import AFTER_FAILURE_S, Desk, Outlet
from simcourier.hooks.post import tls
from simcourier.hooks.relay import Relay
from simcourier.hooks.targets import AllowList
from simcourier.metrics import Metrics
from simcourier.outbox import endpoints, hooks
from simcourier.outbox.audit import Audit
from simcourier.outbox.seal import Sealer
from simcourier.outbox.writer import Writer

PACE_S = 0.05
"""Between two turns at least: at full load many events share one."""
HOUSEKEEPING_S = 5.0


class Hooks:
    """Starts and stops the threads, and follows the list of endpoints. Without an endpoint it does nothing.

    Every method is safe to call from any thread; `wake` after each commit, `refresh` after endpoints were changed.
    """

    def __init__(
        self,
        engine: Engine,
        writer: Writer,
        sealer: Sealer,
        audit: Audit,
        metrics: Metrics,
        config: Webhooks,
        wall_ms: Callable[[], int],
        own_ports: frozenset[int],
    ) -> None:
        # It would log what a receiver wrote.
        logging.getLogger("urllib3").setLevel(logging.CRITICAL)
        self._config = config
        self._engine = engine
        self._writer = writer
        self._sealer = sealer
        self._wall_ms = wall_ms
        self._desk = Desk(engine, writer, audit, metrics, wall_ms)
        self.guard = Guard(AllowList.read(config.allowed_targets), own_ports)
        # Read once here, so that a bad file stops the start and not the first delivery.
        tls(config.ca_file)
        self._relay = Relay(engine, writer, wall_ms)
        self._listening = False
        self._outlets: dict[str, Outlet] = {}
        self._leaving: list[Outlet] = []
        self._wanted = threading.Event()
        self._changed = True
        self._stopping = threading.Event()
        self._kept_at = 0.0
        self._log = log.get("hooks")
        self._thread = threading.Thread(target=self._run, name="hooks", daemon=True)

    def courier(self) -> Courier:
        """A courier for one thread."""
        return Courier(self.guard, self._sealer, self._wall_ms, self._config.ca_file, self._config.timeout)

    def start(self) -> None:
        """Go on with what is waiting since the last time."""
        self._thread.start()
        self._wanted.set()

    def stop(self, timeout_s: float) -> None:
        """Let what is under way finish, for so long; what did not is tried again at the next start."""
        until = time.monotonic() + timeout_s
        self._stopping.set()
        self._wanted.set()
        self._thread.join(timeout_s)
        outlets = [*self._outlets.values(), *self._leaving]
        for outlet in outlets:
            outlet.stop()
        for outlet in outlets:
            if not outlet.join(max(0.0, until - time.monotonic())):
                outlet.abort()
        for outlet in outlets:
            outlet.join(1.0)

    def wake(self) -> None:
        """Something was written; called in the writer's thread after each commit."""
        if self._listening:
            self._wanted.set()

    def refresh(self) -> None:
        """Endpoints were added, changed or removed."""
        self._changed = True
        self._wanted.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wanted.wait(HOUSEKEEPING_S if self._listening else None)
            self._wanted.clear()
            try:
                self._turn()
            except Exception:  # the top of this thread's loop: the disk may be full, or it is our fault
                self._log.exception("events can't be passed on now")
                self._stopping.wait(AFTER_FAILURE_S)
                self._wanted.set()
            self._stopping.wait(PACE_S)

    def _turn(self) -> None:
        told = False
        while not self._stopping.is_set():
            if self._changed:
                self._changed = False
                self._follow()
            if not self._listening or not self._relay.turn():
                break
            told = True
        if told:
            for outlet in self._outlets.values():
                outlet.wake()
        if self._listening and time.monotonic() - self._kept_at >= HOUSEKEEPING_S:
            self._keep_house()

    def _follow(self) -> None:
        """Have an outlet for each enabled endpoint, and for no other."""
        with self._engine.connect() as connection:
            wanted = {endpoint.id for endpoint in endpoints.enabled(connection)}
        for gone in self._outlets.keys() - wanted:
            outlet = self._outlets.pop(gone)
            outlet.stop()
            self._leaving.append(outlet)
        self._leaving = [outlet for outlet in self._leaving if not outlet.join(0)]
        for new in wanted - self._outlets.keys():
            self._outlets[new] = Outlet(self._desk, self.courier(), new, self.refresh)
            self._outlets[new].start()
        self._listening = bool(wanted)
        for outlet in self._outlets.values():
            outlet.change()
        self._keep_house()

    def _keep_house(self) -> None:
        """Bound what waits for each endpoint, and tell how much it is."""
        self._kept_at = time.monotonic()
        with self._engine.connect() as connection:
            waiting = hooks.waiting(connection)
        self._desk.metrics.webhook_pending.set(sum(waiting.values()))
        for n, count in waiting.items():
            if count > self._config.max_pending:
                self._trim(n)

    def _trim(self, n: int) -> None:
        dropped = hooks.BATCH
        while dropped == hooks.BATCH and not self._stopping.is_set():
            dropped = self._writer.run(lambda connection: hooks.trim(connection, n, self._config.max_pending))
            self._desk.metrics.webhook_deliveries.labels(hooks.DeliveryState.DROPPED.value).inc(dropped)
        self._log.warning("too much waited for a webhook endpoint; the oldest was dropped")
