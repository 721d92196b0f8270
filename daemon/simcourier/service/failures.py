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
        name = _row(binding)
        rows = verifications.read_failures(connection, number_key, ALL, name)
        return {ALL: _failures(rows.get(ALL)), name: _failures(rows.get(name))}

    def held(self, connection: Connection, number_key: str, binding: str, now_ms: int) -> RequestError | None:
        """The refusal where a delay or a lock holds this number under this binding."""
        return refusal(self.read(connection, number_key, binding), now_ms)

    def failed(
        self, connection: Connection, number_key: str, counts: dict[str, Failures], now_ms: int
    ) -> bool:
        """Count one more wrong code on top of what was read; True where it locked the number."""
        after = {
            name: after_failure(before, now_ms, self._of_all if name == ALL else self._of_binding)
            for name, before in counts.items()
        }
        written = {name: asdict(failures) for name, failures in after.items()}
        verifications.write_failures(connection, number_key, written)
        return counts[ALL].locked_at_ms is None and after[ALL].locked_at_ms is not None

    @staticmethod
    def succeeded(connection: Connection, number_key: str, counts: dict[str, Failures]) -> None:
        """A right code ends the row of failures that was read, of all and of its own binding."""
        after = {name: after_success(before) for name, before in counts.items()}
        changed = {name: asdict(failures) for name, failures in after.items() if failures != counts[name]}
        verifications.write_failures(connection, number_key, changed)


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
