"""Who wants no more messages: the list, an admin's hand on it, and what is refused for it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from simcourier.errors import RequestError
from simcourier.outbox import stops
from simcourier.outbox.message import MessageClass
from simcourier.outbox.stops import Order, Stop, Stopped
from simcourier.service.clients import Client
from simcourier.service.tools import Tools
from simcourier.sms.address import mask, parse_recipient


@dataclass(frozen=True, slots=True)
class StopPage:
    """Some numbers on the list, and where the next page begins."""

    items: list[Stop]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class StopSet:
    """A number that an admin put on the list, how many waiting messages that canceled, and was it new."""

    stop: Stop
    canceled: int
    is_new: bool


class Stops:
    """Who wants no more messages; safe from any thread but the writer's."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._ranks = frozenset(MessageClass(name).rank for name in tools.config.inbound.stop_classes)

    def page(self, *, limit: int, cursor: str | None = None) -> StopPage:
        """Numbers on the list, masked."""
        with self._tools.engine.connect() as connection:
            return StopPage(*stops.page(connection, limit, cursor))

    def find(self, to: str) -> Stop | None:
        """The stop of this number, if there is one. Raises RequestError `invalid-number`."""
        with self._tools.engine.connect() as connection:
            return stops.find(connection, self._tools.sealer.number_key(parse_recipient(to).text))

    def add(self, by: Client, to: str) -> StopSet:
        """Put a number on the list, and cancel what waits for it. Raises RequestError `invalid-number`."""
        number = parse_recipient(to).text
        order = self._order(by, self._tools.sealer.number_key(number), mask(number), number)

        def work(connection: Connection) -> tuple[Stopped, Stop]:
            stopped = stops.begin(connection, self._tools.audit, order)
            found = stops.find(connection, order.key)
            assert found is not None  # noqa: S101 - it was just put there, or was there
            return stopped, found

        stopped, stop = self._tools.writer.run(work, lambda done: self._left(done[0]))
        return StopSet(stop, len(stopped.dropped), stopped.is_new)

    def lift(self, by: Client, *, to: str | None = None, key: str | None = None) -> Stop:
        """Take a number off the list: by itself, or by its key there. Raises RequestError."""
        if (to is None) == (key is None):
            raise RequestError("policy-violation", "Give either to, or the key of the list.", pointer="/to")
        number_key = key if to is None else self._tools.sealer.number_key(parse_recipient(to).text)

        def work(connection: Connection) -> Stop | RequestError:
            found = stops.find(connection, number_key or "")
            if found is None:
                return RequestError("not-found", "This number is not on the list.")
            stops.end(connection, self._tools.audit, self._order(by, found.key, found.shown))
            return found

        return self._tools.writer.run(work)

    def _order(self, by: Client, key: str, shown: str, number: str = "") -> Order:
        return Order(key, shown, by.id, self._tools.clock.wall_ms(), self._ranks, number)

    def _left(self, stopped: Stopped) -> None:
        for n, rank, status in stopped.dropped:
            self._tools.dispatcher.dropped(n, rank, status)
        self._tools.dispatcher.closed(stopped.closed)


class StopCheck:
    """Refuses what a recipient wants no more, in the transaction that would accept it."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = frozenset(MessageClass(name) for name in classes)

    def refusal(
        self, connection: Connection, message_class: MessageClass, number_key: str
    ) -> RequestError | None:
        """Why this must not be accepted, if it must not."""
        if message_class not in self._classes or not stops.holds(connection, number_key):
            return None
        return RequestError(
            "recipient-stopped", "The recipient wants no more messages of this class.", pointer="/to"
        )
