"""The modems: what they do, and an admin's hand on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from simcourier.at.trace import TraceLine
from simcourier.care.faults import FaultView
from simcourier.errors import RequestError
from simcourier.modem.facts import ModemSnapshot, ModemState
from simcourier.modem.rehearsal import dialogue
from simcourier.outbox import access, store
from simcourier.outbox.equipment import SimState
from simcourier.service.loads import Load, Loads
from simcourier.service.sims import Sims
from simcourier.service.tools import Tools

_SIM_READ = frozenset({ModemState.SEARCHING, ModemState.BARRED, ModemState.READY, ModemState.SENDING})
"""In these states a SIM that is not known is one that tells no number; in others nobody has read it yet."""


@dataclass(frozen=True, slots=True)
class Mishap:
    """What went wrong last, when, and how long and which step it took until the modem was well again, if it is."""

    fault: str
    detail: str
    at_ms: int
    ago_s: float
    recovered_in_s: float | None
    recovered_by: str | None


@dataclass(frozen=True, slots=True)
class ModemView:
    """A modem's snapshot, whether an admin paused it, for how many seconds it has been in its state, and its side.

    Of its SIM: its own number, what an admin said of it, and its `load`. `faults` counts since the box started.
    """

    snapshot: ModemSnapshot
    paused: bool
    for_s: float
    sandbox: bool = False
    number: str = ""
    sim_state: SimState | None = None
    load: Load = Load()  # noqa: RUF009 - frozen
    faults: Mapping[str, int] = field(default_factory=dict)
    mishap: Mishap | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording so far: how many seconds it goes on, how much was said, and the dialogue file."""

    left_s: float
    entries: int
    dialogue: str


class Modems:
    """Every modem by its name."""

    def __init__(self, tools: Tools, sims: Sims, loads: Loads) -> None:
        self._tools = tools
        self._sims = sims
        self._loads = loads
        self._started = tools.clock.monotonic()

    def all(self) -> list[ModemView]:
        """Every modem, by name."""
        states = self._sims.states()
        return [
            self._view(snapshot, states.get(snapshot.sim))
            for _name, snapshot in sorted(self._tools.radio.snapshots().items())
        ]

    def _view(self, snapshot: ModemSnapshot, sim_state: SimState | None) -> ModemView:
        name, sim = snapshot.name, snapshot.sim
        fleet, faults = self._tools.dispatcher.fleet, self._tools.care.faults.of(name)
        sandbox = fleet.is_sandbox(snapshot)
        load = self._loads.of(sim, snapshot.network, modem=name, sandbox=sandbox)
        return ModemView(
            snapshot,
            fleet.is_paused(name),
            self._tools.clock.monotonic() - max(self._started, snapshot.since),
            sandbox,
            self._sims.number(sim, snapshot.number),
            sim_state,
            load if sim or snapshot.state in _SIM_READ else replace(load, held=None),
            {str(fault): count for fault, count in faults.counts.items()},
            self._mishap(faults),
        )

    def _mishap(self, faults: FaultView) -> Mishap | None:
        if faults.last is None:
            return None
        ago_s = self._tools.clock.monotonic() - faults.last_at
        at_ms = self._tools.clock.wall_ms() - int(ago_s * 1000)
        return Mishap(
            str(faults.last),
            faults.last_detail,
            at_ms,
            ago_s,
            faults.recovered_in_s,
            None if faults.recovered_by is None else str(faults.recovered_by),
        )

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

    def record(self, name: str, seconds: float) -> None:
        """Bring a modem up anew and record what is said for so long. Raises RequestError `not-found`."""
        self.one(name)
        self._tools.radio.record(name, seconds)

    def recorded(self, name: str) -> Recorded:
        """What was recorded last, as a dialogue file. Raises RequestError `not-found`."""
        card = self.one(name).snapshot
        recording = self._tools.radio.recording(name)
        if recording is None:
            raise RequestError("not-found", "Nothing of this modem was recorded since the box started.")
        left_s = max(0.0, recording.until - self._tools.clock.monotonic())
        made = (
            " ".join(filter(None, (card.manufacturer, card.model, card.revision)))
            or "a modem that tells no name"
        )
        shows = f"{made}, {card.state}" + (f": {card.reason}" if card.reason else "")
        source = "recorded by simcourier; numbers, identities and texts were replaced"
        if recording.full:
            source += "; cut off at its longest"
        return Recorded(
            left_s, len(recording.entries), dialogue.write(list(recording.entries), source, shows)
        )

    def snapshots(self) -> Mapping[str, ModemSnapshot]:
        """Every modem's snapshot by name."""
        return self._tools.radio.snapshots()
