"""Bring modems up by the radio on its own, without a daemon, to see what there is."""

from __future__ import annotations

import glob
import queue
import time
from collections.abc import Callable, Mapping, Sequence

from simcourier.modem.facts import Fact, ModemChanged, ModemSnapshot, ModemState, PinJudged, PinWanted
from simcourier.radio.loop import Radio
from simcourier.radio.specs import DiscoverySpec, PortSpec, RadioSettings

Snapshots = Mapping[str, ModemSnapshot]
_LOOK_EVERY_S = 0.1
# A state that is neither an end nor on the way to one by itself counts once it has lasted.
_CALM_S = 2.0
_AT_THE_END = frozenset({ModemState.READY, ModemState.SENDING, ModemState.BARRED})
_STUCK = frozenset({ModemState.ABSENT, ModemState.SIM_MISSING, ModemState.SIM_LOCKED, ModemState.SILENT})

_AGAIN = frozenset({ModemState.ABSENT, ModemState.OPENING})


def is_settled(snapshots: Snapshots, now: float) -> bool:
    """Will waiting longer tell nothing more of any modem? Searching for a network may end well, so it is waited for."""
    return all(
        snapshot.state in _AT_THE_END or (snapshot.state in _STUCK and now - snapshot.since >= _CALM_S)
        for snapshot in snapshots.values()
    )


def ports_there(discovery: DiscoverySpec) -> list[str]:
    """The ports that discovery would look at now."""
    # Path.glob takes no absolute pattern.
    return sorted(port for pattern in discovery.patterns for port in glob.glob(pattern))  # noqa: PTH207 - as above


class Survey:
    """One look at the modems of some ports.

    `may_try_pin` decides on a PIN that a card wants, and `pin_judged` hears what came of it; both are called in the
    thread that looks.
    """

    def __init__(
        self,
        ports: Sequence[PortSpec],
        discovery: DiscoverySpec | None,
        may_try_pin: Callable[[PinWanted], bool] = lambda _wanted: False,
        pin_judged: Callable[[PinJudged], None] = lambda _judged: None,
        settings: RadioSettings | None = None,
    ) -> None:
        self._facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()
        self._radio = Radio(ports, discovery, self._facts.put, settings or RadioSettings())
        self._may_try_pin = may_try_pin
        self._pin_judged = pin_judged
        self._failed: dict[str, ModemSnapshot] = {}
        """Ports that could not be opened, as they stood then: the radio tries them again and again."""

    def look(self, patience_s: float, enough: Callable[[Snapshots, float], bool] = is_settled) -> Snapshots:
        """Bring the modems up until it is enough, or patience ends; returns how each stands then."""
        began = time.monotonic()
        self._radio.start()
        try:
            while (now := time.monotonic()) < began + patience_s:
                # The radio needs a moment to look at every port: before that, nothing is said by nobody being there.
                looked = now - began >= _CALM_S and not self._radio.looking
                if looked and enough(self._snapshots(), now):
                    break
                self._take_fact()
            return self._snapshots()
        finally:
            self._radio.stop(1.0)

    @property
    def let_go(self) -> Mapping[str, str]:
        """Ports that were found and are no modem's, or can't be had, each with the reason."""
        return self._radio.let_go()

    def _snapshots(self) -> Snapshots:
        """How each modem stands; one that is being opened once more stands as after the last try."""
        return {
            name: self._failed.get(name, snapshot) if snapshot.state in _AGAIN else snapshot
            for name, snapshot in self._radio.snapshots().items()
        }

    def _take_fact(self) -> None:
        try:
            fact = self._facts.get(timeout=_LOOK_EVERY_S)
        except queue.Empty:
            return
        if isinstance(fact, ModemChanged):
            self._note(fact.snapshot)
        elif isinstance(fact, PinWanted):
            self._radio.allow_pin(fact.modem, self._may_try_pin(fact))
        elif isinstance(fact, PinJudged):
            self._pin_judged(fact)

    def _note(self, snapshot: ModemSnapshot) -> None:
        if snapshot.state is ModemState.ABSENT:
            # The first try counts from when it was made: a later one tells nothing more.
            self._failed.setdefault(snapshot.name, snapshot)
        elif snapshot.state is not ModemState.OPENING:
            self._failed.pop(snapshot.name, None)
