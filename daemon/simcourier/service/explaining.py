"""Why a message went through the SIM that it did, why it waits, or why it ended as it did."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection

from simcourier.dispatch.explain import Explanation
from simcourier.errors import RequestError
from simcourier.outbox import lanes, reading
from simcourier.outbox.message import FINAL, Status
from simcourier.outbox.store import REPORT_LINE
from simcourier.service.clients import Client
from simcourier.service.tools import Tools


@dataclass(frozen=True, slots=True)
class Tried:
    """One time that a SIM was taken: why that one, and what came of it (None: nothing yet)."""

    at_ms: int
    modem: str | None
    why: str | None
    after: Status | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Explained:
    """A message's attempts and, where it waits, why; where it ended otherwise than delivered, why so."""

    record: reading.Record
    attempts: list[Tried]
    waits: Explanation | None
    ended: str | None = None


class Explaining:
    """What callers may ask about decisions; safe from any thread but the writer's."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def explain(self, client: Client, message_id: str) -> Explained:
        """Explain a message. Raises RequestError `not-found`, also for another client's message."""
        with self._tools.engine.connect() as connection:
            record = reading.find(connection, message_id, client.sees)
            if record is None:
                raise RequestError("not-found", "There is no message with this id.")
            history = reading.history(connection, record.n)
        waits = self._waits(client, record.n) if record.status is Status.QUEUED else None
        return Explained(record, _attempts(history), waits, _ended(history))

    def _waits(self, client: Client, n: int) -> Explanation | None:
        """Asked in the writer's thread, where decisions are made; None where it waits no more."""

        def work(connection: Connection) -> Explanation | None:
            found = lanes.find(connection, n)
            return None if found is None else self._tools.dispatcher.explain(*found)

        told = self._tools.writer.run(work)
        if told is None or client.may("status:read"):
            return told
        # What ails a modem or a SIM is for those who look after the box.
        return replace(told, sims=[replace(sim, detail="") for sim in told.sims])


def _ended(events: list[reading.Event]) -> str | None:
    moves = [event for event in events if not (event.detail or "").startswith(REPORT_LINE)]
    last = moves[-1] if moves else None
    is_told = last is not None and last.status in FINAL and last.status is not Status.DELIVERED
    return last.detail if last is not None and is_told else None


def _attempts(events: list[reading.Event]) -> list[Tried]:
    found = []
    for event, following in zip(events, [*events[1:], None], strict=True):
        if event.status is Status.SENDING:
            after = None if following is None else following.status
            detail = None if following is None else following.detail
            found.append(Tried(event.at_ms, event.modem, event.detail, after, detail))
    return found
