"""Whether the box can take a message now at all."""

from __future__ import annotations

import shutil

from simcourier.errors import RequestError
from simcourier.service.tools import Tools

SANDBOX_QUEUE_LIMIT = 1000
"""Messages of sandbox keys that may wait; the configured limit is for real ones."""


class Room:
    """Refuses what could only wait in vain: a full queue, a full disk, no modem, a stop."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._closing = False
        self.free_mb = 1 << 30
        self.measure_disk()

    def close(self) -> None:
        """Accept no more messages: the daemon is stopping."""
        self._closing = True

    def measure_disk(self) -> None:
        """Look at the free space; a tick calls this."""
        self.free_mb = shutil.disk_usage(self._tools.config.storage.path).free // (1 << 20)

    def check(self, *, sandbox: bool = False) -> None:
        """Raise RequestError where nothing can be accepted: for the real modems, or from a sandbox key."""
        if self._closing:
            raise RequestError(
                "shutting-down", "The box is stopping; try again in a moment.", retry_after_s=5
            )
        dispatcher = self._tools.dispatcher
        full = (
            dispatcher.sandbox.total() >= SANDBOX_QUEUE_LIMIT
            if sandbox
            else dispatcher.room.total() >= self._tools.config.sending.queue_limit
        )
        if full:
            raise RequestError("queue-full", "The queue is full; try again later.", retry_after_s=5)
        if self.free_mb < self._tools.config.storage.min_free_mb:
            raise RequestError(
                "storage-unavailable",
                "The box's disk is almost full; it accepts nothing now.",
                retry_after_s=60,
            )
        if sandbox and not dispatcher.fleet.has_sandbox:
            raise RequestError(
                "no-modem",
                "This is a sandbox key, and no modem is configured for it: run simcourier virtual, and name its "
                "port in a [[modems]] block with sandbox = true.",
            )
        idle_for = dispatcher.fleet.idle_for(self._tools.clock.monotonic(), sandbox=sandbox)
        if idle_for > self._tools.config.sending.no_modem_grace:
            raise RequestError(
                "no-modem",
                "No modem of this box can send right now; use another way to reach this person.",
                retry_after_s=10,
            )
