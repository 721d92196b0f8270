"""Notices when every stick of a USB hub is gone: then it is the hub that died, and one sentence says so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from simcourier import log
from simcourier.care.tools import CareTools
from simcourier.modem.facts import Fact, ModemSnapshot, ModemState
from simcourier.radio.rescue import hub_and_port

_FEWEST = 2
"""Of a lone stick nobody can say whether it or its hub is gone."""
_CALM_S = 3.0
"""A modem that is brought up anew is absent for a moment, too."""


def dead_hubs(modems: Iterable[ModemSnapshot], now: float) -> dict[str, int]:
    """Hubs, as the kernel names them (1-2), whose modems are all absent for a while, with the number of these.

    Ports of the machine itself are no hub that anybody could see to.
    """
    hubs: defaultdict[str, list[bool]] = defaultdict(list)
    for modem in modems:
        hub, _ = hub_and_port(modem.device)
        if "-" in hub:
            hubs[hub].append(modem.state is ModemState.ABSENT and now - modem.since >= _CALM_S)
    return {hub: len(gone) for hub, gone in sorted(hubs.items()) if len(gone) >= _FEWEST and all(gone)}


class Hubs:
    """The hubs that died; the writer's thread looks, any other may read."""

    def __init__(self, tools: CareTools) -> None:
        self._tools = tools
        self._dead: Mapping[str, int] = {}
        self._log = log.get("care")

    @property
    def dead(self) -> Mapping[str, int]:
        """Each with the number of its modems."""
        return self._dead

    def on_fact(self, fact: Fact) -> None:
        """Nothing depends on a single fact."""

    def tick(self) -> None:
        """Look whether a hub died or came back."""
        dead = dead_hubs(self._tools.radio.snapshots().values(), self._tools.clock.monotonic())
        for hub in dead.keys() - self._dead.keys():
            self._log.error(
                "a USB hub is gone with all its modems; see to its power and its cable",
                hub=hub,
                modems=dead[hub],
            )
        for hub in self._dead.keys() - dead.keys():
            self._log.info("a USB hub is back", hub=hub)
        self._dead = dead
