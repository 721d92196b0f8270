"""Writes that must reach the disk: what became of a message is tried again until the disk takes it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from simcourier import log
from simcourier.dispatch.clock import Clock
from simcourier.outbox.writer import Work, Writer

T = TypeVar("T")
PAUSE_S = 1.0
LIMIT = 10_000
"""Refused writes that are kept; beyond it the oldest is lost, and a restart finds its message in doubt."""


class Records:
    """Posts works to the writer and keeps those that the disk refused; in the writer's thread only."""

    def __init__(self, writer: Writer, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock
        self._refused: deque[tuple[Work[Any], Callable[[Any], None], str]] = deque(maxlen=LIMIT)
        self._again_at = 0.0
        self._log = log.get("dispatch")

    def write(
        self, work: Work[T], done: Callable[[T], None] = lambda _result: None, *, modem: str = ""
    ) -> None:
        """Write in the batch that is being collected, or later when the disk refuses now.

        What became of a submit of a `modem` goes to disk no later than that modem's next claim, unless the disk
        refused it: else a crash would leave two submits of one SIM in doubt, with nothing to tell whose report comes.
        """

        def failed(error: BaseException) -> None:
            if not isinstance(error, SQLAlchemyError):
                self._log.error("a change of state failed", error=repr(error)[:200])
                return
            self._log.error(
                "the disk refused a change of state; it will be tried again", error=str(error)[:200]
            )
            self._refused.append((work, done, modem))
            self._again_at = self._clock.monotonic() + PAUSE_S

        self._writer.submit(work, done, failed, lane=modem)

    def wake_in(self) -> float | None:
        """Seconds until refused writes are tried again; None where there are none."""
        return max(0.0, self._again_at - self._clock.monotonic()) if self._refused else None

    def try_again(self) -> None:
        """Post the refused writes anew once their pause is over."""
        if self._refused and self._clock.monotonic() >= self._again_at:
            refused = list(self._refused)
            self._refused.clear()
            for work, done, modem in refused:
                self.write(work, done, modem=modem)
