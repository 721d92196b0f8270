"""The SIM cards: which there are, what they may, and an admin's yes or no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from simcourier.dispatch.bars import Cause
from simcourier.errors import RequestError
from simcourier.modem.facts import ModemState
from simcourier.outbox import equipment
from simcourier.outbox.audit import Entry
from simcourier.outbox.equipment import Card, SimState
from simcourier.service.clients import Client
from simcourier.service.loads import Load, Loads
from simcourier.service.tools import Tools

_AWAY = frozenset({ModemState.ABSENT, ModemState.SIM_MISSING})
"""A modem in such a state still tells which SIM it had."""


@dataclass(frozen=True, slots=True)
class LastTest:
    """How the last loop test of a SIM ended."""

    outcome: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class SimView:
    """A card, its name as configured, its own number, what it sent and may, and whether it is in its modem now."""

    card: Card
    name: str
    number: str
    load: Load
    present: bool
    last_test: LastTest | None


class Sims:
    """Every SIM card that was seen; safe from any thread but the writer's."""

    def __init__(self, tools: Tools, loads: Loads) -> None:
        self._tools = tools
        self._loads = loads
        self._configured = {card.iccid: card for card in tools.config.sims.cards}

    def all(self) -> list[SimView]:
        """Every card, the first one seen first."""
        with self._tools.engine.connect() as connection:
            cards, tests = equipment.cards(connection), equipment.last_loop_tests(connection)
        return [self._view(card, tests) for card in cards]

    def one(self, sim: str) -> SimView:
        """One card. Raises RequestError `not-found`."""
        with self._tools.engine.connect() as connection:
            card, tests = equipment.card(connection, sim), equipment.last_loop_tests(connection)
        if card is None:
            raise _not_found()
        return self._view(card, tests)

    def states(self) -> dict[str, SimState]:
        """What an admin has said of each card."""
        with self._tools.engine.connect() as connection:
            return {card.sim: card.state for card in equipment.cards(connection)}

    def number(self, sim: str, told: str) -> str:
        """A card's own number: what an admin wrote, else what the card tells."""
        configured = self._configured.get(sim)
        return configured.number if configured is not None and configured.number else told

    def approve(self, by: Client, sim: str) -> SimView:
        """Let a card send. Raises RequestError `not-found`."""
        return self._decide(by, sim, SimState.APPROVED, "sim.approve")

    def refuse(self, by: Client, sim: str) -> SimView:
        """Let a card send nothing, in whatever modem it is. Raises RequestError `not-found`."""
        return self._decide(by, sim, SimState.REFUSED, "sim.refuse")

    def forget(self, by: Client, sim: str) -> None:
        """Drop a card, as if it had never been seen; one that is in a modem is new again at once."""

        def work(connection: Connection) -> bool | RequestError:
            return self._write(
                connection, by, sim, "sim.forget", lambda: equipment.forget_card(connection, sim)
            )

        self._tools.writer.run(work, lambda _done: self._forgotten(sim))

    def _decide(self, by: Client, sim: str, state: SimState, action: str) -> SimView:
        now_ms = self._tools.clock.wall_ms()

        def change(connection: Connection) -> bool:
            return equipment.change_card(
                connection, sim, state=state, reason="", decided_at_ms=now_ms, decided_by=by.id
            )

        self._tools.writer.run(
            lambda c: self._write(c, by, sim, action, lambda: change(c)),
            lambda _done: self._tools.care.registry.decided(sim, state, now_ms, by.id),
        )
        return self.one(sim)

    def _write(
        self, connection: Connection, by: Client, sim: str, action: str, change: Callable[[], bool]
    ) -> bool | RequestError:
        card = equipment.card(connection, sim)
        if card is None:
            return _not_found()
        entry = Entry(self._tools.clock.wall_ms(), by.id, action, sim, f"{card.modem}, was {card.state}")
        self._tools.audit.append(connection, entry)
        return change()

    def _forgotten(self, sim: str) -> None:
        # First of all it is barred again where new cards wait, so that nothing leaves between.
        self._tools.care.registry.forgotten(sim)
        self._tools.care.balances.forgotten(sim)
        self._tools.dispatcher.bar(sim, "", Cause.LOOP_TEST)

    def _view(self, card: Card, tests: dict[str, tuple[str, int]]) -> SimView:
        snapshot = self._tools.radio.snapshots().get(card.modem)
        configured, test = self._configured.get(card.sim), tests.get(card.sim)
        return SimView(
            card,
            "" if configured is None else configured.name,
            self.number(card.sim, card.number),
            self._loads.of(card.sim, card.network),
            snapshot is not None and snapshot.sim == card.sim and snapshot.state not in _AWAY,
            None if test is None else LastTest(*test),
        )


def _not_found() -> RequestError:
    return RequestError("not-found", "There is no SIM with this number that was ever seen.")
