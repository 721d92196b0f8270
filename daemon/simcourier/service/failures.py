"""Wrong codes to a number: counted over all clients and verifications, and what follows from the counts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy.engine import Connection

from simcourier.errors import RequestError
from simcourier.outbox import verifications
from simcourier.service.tools import Tools
from simcourier.verify.failures import Failures, Patience, after_failure, after_success, hold

ALL = ""
"""The binding under which all failures of a number are counted."""


class FailureCounts:
    """The counts on disk; what takes a connection is called in the writer's thread only.

    Those of one binding (a session, a device) delay that binding first, so that a stranger who guesses does not
    lock out the person whose number it is; those of all bindings together delay and lock the number later.
    """

    def __init__(self, tools: Tools) -> None:
        settings = tools.config.verifications
        self._of_binding = Patience(settings.failures_to_delay, settings.delay_first, settings.delay_max)
        self._of_all = Patience(
            settings.failures_to_delay_all,
            settings.delay_first,
            settings.delay_max,
            settings.failures_to_lock,
            settings.failures_hour,
        )

    def read(self, connection: Connection, number_key: str, binding: str) -> dict[str, Failures]:
        """The counts of all bindings (`ALL`) and of this one; without a binding the number is one person's."""
        names = (ALL, _row(binding))
        rows = verifications.read_failures(connection, number_key, *names)
        return {name: _failures(rows.get(name)) for name in names}

    def held(self, connection: Connection, number_key: str, binding: str, now_ms: int) -> RequestError | None:
        """The refusal where a delay or a lock holds this number under this binding."""
        return refusal(self.read(connection, number_key, binding), now_ms)

    def failed(self, connection: Connection, number_key: str, binding: str, now_ms: int) -> bool:
        """Count one more wrong code; True where it locked the number."""
        counts = self.read(connection, number_key, binding)
        locked = False
        for name, before in counts.items():
            after = after_failure(before, now_ms, self._of_all if name == ALL else self._of_binding)
            locked |= after.locked_at_ms is not None and before.locked_at_ms is None
            verifications.write_failures(connection, number_key, name, asdict(after))
        return locked

    def succeeded(self, connection: Connection, number_key: str, binding: str) -> None:
        """A right code ends the row of failures, of all and of its own binding."""
        rows = verifications.read_failures(connection, number_key, ALL, _row(binding))
        for name, row in rows.items():
            verifications.write_failures(connection, number_key, name, asdict(after_success(_failures(row))))


def refusal(counts: dict[str, Failures], now_ms: int) -> RequestError | None:
    """The refusal that these counts lead to, if any."""
    held = hold(now_ms, *counts.values())
    if held is None:
        return None
    if held.until_ms is None:
        return RequestError("recipient-locked", "Too many wrong codes: an admin has to unlock this number.")
    return RequestError(
        "recipient-locked",
        "Too many wrong codes: wait before the next try.",
        retry_after_s=-(-(held.until_ms - now_ms) // 1000),
    )


def _row(binding: str) -> str:
    return binding or "none"


def _failures(row: Any) -> Failures:
    if row is None:
        return Failures()
    return Failures(**{name: row[name] for name in Failures.__slots__})
