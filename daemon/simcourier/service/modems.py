"""The modems: what they do, and an admin's hand on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simcourier.at.trace import TraceLine
from simcourier.errors import RequestError
from simcourier.modem.facts import ModemSnapshot
from simcourier.outbox import access, store
from simcourier.service.tools import Tools


@dataclass(frozen=True, slots=True)
class ModemView:
    """A modem's snapshot, whether an admin paused it, for how many seconds it has been in its state, and its side."""

    snapshot: ModemSnapshot
    paused: bool
    for_s: float
    sandbox: bool = False


class Modems:
    """Every modem by its name."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._started = tools.clock.monotonic()

    def all(self) -> list[ModemView]:
        """Every modem, by name."""
        now = self._tools.clock.monotonic()
        fleet = self._tools.dispatcher.fleet
        return [
            ModemView(
                snapshot,
                fleet.is_paused(name),
                now - max(self._started, snapshot.since),
                fleet.is_sandbox(snapshot),
            )
            for name, snapshot in sorted(self._tools.radio.snapshots().items())
        ]

    def one(self, name: str) -> ModemView:
        """One modem. Raises RequestError `not-found`."""
        found = next((view for view in self.all() if view.snapshot.name == name), None)
        if found is None:
            raise RequestError("not-found", "There is no modem with this name.")
        return found

    def pause(self, name: str, *, paused: bool) -> None:
        """Keep a modem from sending until resumed, also over a restart. Raises RequestError `not-found`."""
        self.one(name)
        self._tools.writer.run(
            lambda c: store.set_paused(c, name, paused=paused),
            lambda _result: self._tools.dispatcher.pause(name, paused),
        )

    def restart(self, name: str) -> None:
        """Bring a modem up anew; a refused PIN may be tried once more. Raises RequestError `not-found`."""
        card = self.one(name).snapshot
        self._tools.writer.run(lambda c: access.forgive_pins(c, card.sim or card.imei or None))
        self._tools.radio.restart(name)

    def trace(self, name: str, after: int = 0) -> list[TraceLine]:
        """The masked wire of a modem. Raises RequestError `not-found`."""
        self.one(name)
        return self._tools.radio.trace(name, after)

    def snapshots(self) -> Mapping[str, ModemSnapshot]:
        """Every modem's snapshot by name."""
        return self._tools.radio.snapshots()
