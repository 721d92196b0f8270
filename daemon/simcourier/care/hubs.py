"""Notices when every stick of a USB hub went at once: then it is the hub that died, and one sentence says so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from simcourier import log
from simcourier.care.tools import CareTools
from simcourier.modem.facts import Fact, ModemSnapshot, ModemState
from simcourier.radio.rescue import hub_and_port

_FEWEST = 2
"""Of a lone stick nobody can say whether it or its hub is gone."""
_AT_ONCE_S = 5.0
"""Sticks that go further apart were pulled out one by one."""
_CALM_S = 20.0
"""Modems that start anew or are woken through their hub are away for a while, too."""


def dead_hubs(modems: Iterable[ModemSnapshot], now: float) -> dict[str, int]:
    """Hubs, as the kernel names them (1-2), whose modems all went at once and stay away, with the number of these.

    A hub behind a dead hub is not named: many a hub is built of several. Ports of the machine itself are no hub that
    anybody could see to.
    """
    hubs: defaultdict[str, list[ModemSnapshot]] = defaultdict(list)
    for modem in modems:
        for hub in hubs_above(modem.device):
            hubs[hub].append(modem)
    dead = {hub: len(behind) for hub, behind in sorted(hubs.items()) if _is_dead(behind, now)}
    return {hub: count for hub, count in dead.items() if not any(above in dead for above in hubs_above(hub))}


def hubs_above(device: str) -> Iterator[str]:
    """The hubs between a USB device and the machine: of 1-2.4.1 they are 1-2.4 and 1-2."""
    hub, _ = hub_and_port(device)
    while "-" in hub:
        yield hub
        hub, _ = hub_and_port(hub)


def _is_dead(behind: list[ModemSnapshot], now: float) -> bool:
    since = [modem.since for modem in behind]
    return (
        len(behind) >= _FEWEST
        and all(modem.state is ModemState.ABSENT for modem in behind)
        and max(since) - min(since) <= _AT_ONCE_S
        and now - max(since) >= _CALM_S
    )


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
