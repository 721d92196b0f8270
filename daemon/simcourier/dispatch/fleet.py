"""What the dispatcher knows of the modems: who can send, who is busy, who is kept from it, and how fast they are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import PurePath

from simcourier.config import Sims
from simcourier.dispatch.bars import Bars, Cause
from simcourier.dispatch.candidates import SUBMIT_S, Candidate
from simcourier.dispatch.operators import Operators
from simcourier.dispatch.pace import Meters
from simcourier.dispatch.side import Side
from simcourier.modem.facts import ModemSnapshot
from simcourier.modem.states import CAN_TAKE_JOBS

_SMOOTHING = 0.2
_LEAST_S = 0.001
"""No submit takes no time at all."""
_ROAMING = "roaming"


class Fleet:
    """The modems by name, so two with the same SIM or IMEI stay apart; `now` is monotonic seconds everywhere.

    A modem is operational while it can send or is sending, and idle while it could take a message at once. It is
    of the sandbox where its port fits one of `sandbox_ports` (paths or globs). The port counts and not the name,
    which may move to another port with the modem.
    """

    def __init__(
        self,
        now: float,
        sandbox_ports: Collection[str] = (),
        operators: Operators | None = None,
        meters: Meters | None = None,
        wall_ms: Callable[[], int] = lambda: 0,
    ) -> None:
        self._snapshots: dict[str, ModemSnapshot] = {}
        self._free_at: dict[str, float] = {}
        self._paused: set[str] = set()
        self._bars = Bars()
        self._last_used: dict[str, float] = {}
        self._sandbox_ports = sandbox_ports
        self._operators = operators or Operators()
        self._meters = meters or Meters(Sims(), self._operators)
        self._wall_ms = wall_ms
        self._resting: dict[str, int] = {}
        self._sides = (Side(False, now), Side(True, now))
        # At each submit: nothing is ever on the other side where no modem may be.
        self._used_sides = self._sides if sandbox_ports else self._sides[:1]
        self._measured: dict[str, float] = {}
        self.submit_s = SUBMIT_S
        self._was_measured = False
        self.changes = 0
        """Grows whenever a message that nobody could take may find a taker."""

    def side(self, sandbox: bool) -> Side:
        """The real modems, or those of the sandbox."""
        return self._sides[sandbox]

    @property
    def has_sandbox(self) -> bool:
        """Is any modem configured for the sandbox?"""
        return bool(self._sandbox_ports)

    def is_sandbox(self, snapshot: ModemSnapshot) -> bool:
        """Is this a modem of the sandbox?"""
        if not self._sandbox_ports:
            return False
        port = PurePath(snapshot.port)
        return any(snapshot.port == known or port.match(known) for known in self._sandbox_ports)

    @property
    def operational(self) -> frozenset[str]:
        """Every modem that can send or is sending, on both sides."""
        real, sandbox = self._sides
        return real.operational | sandbox.operational

    # --- what changes ---

    def update(self, snapshot: ModemSnapshot, now: float) -> bool:
        """Take a modem's new state; True where it went up or down."""
        before = self._snapshots.get(snapshot.name)
        was_up = before is not None and before.state in CAN_TAKE_JOBS
        is_up = snapshot.state in CAN_TAKE_JOBS
        self._snapshots[snapshot.name] = snapshot
        if (is_up or was_up) and not self.barred(snapshot.sim):
            self.side(self.is_sandbox(snapshot)).last_operational = now
        self._refresh(snapshot.name)
        if was_up != is_up or before is None or _is_other_card(before, snapshot):
            self._recount()
        return was_up != is_up

    def _refresh(self, name: str) -> None:
        snapshot = self._snapshots[name]
        self._resting.pop(name, None)
        for side in self._used_sides:
            side.standing.pop(name, None)
            side.idle.pop(name, None)
            side.aside.pop(name, None)
        if snapshot.state not in CAN_TAKE_JOBS or name in self._paused:
            return
        sandbox = self.is_sandbox(snapshot)
        side = self.side(sandbox)
        candidate = side.standing[name] = self._candidate(snapshot, sandbox)
        if name not in self._free_at:
            self._put_idle(side, candidate)

    def _candidate(self, snapshot: ModemSnapshot, sandbox: bool) -> Candidate:
        card = _card(snapshot)
        return Candidate(
            snapshot.name,
            snapshot.failures,
            snapshot.signal_dbm,
            self._last_used.get(snapshot.name, 0.0),
            sandbox,
            snapshot.network,
            self._operators.key(snapshot.network),
            snapshot.registration == _ROAMING,
            self._measured.get(card, SUBMIT_S),
            self._bars.why(snapshot.sim),
            self._bars.holds_tests(snapshot.sim),
            None if sandbox else self._meters.of(card, snapshot.network, self._wall_ms()),
        )

    def _put_idle(self, side: Side, candidate: Candidate) -> None:
        """It may take a message; or rests, where its pace lets it take none for now."""
        if candidate.barred:
            if not candidate.barred_to_tests:
                side.aside[candidate.modem] = candidate
            return
        if candidate.meter is not None:
            refusal = candidate.meter.refusal(0, 1, None, self._wall_ms())
            if refusal is not None:
                self._resting[candidate.modem] = refusal.until_ms
                return
        side.idle[candidate.modem] = candidate

    def begin(self, name: str, now: float, segments: int = 1, number_key: str | None = None) -> None:
        """The modem got a job."""
        for side in self._used_sides:
            side.idle.pop(name, None)
            side.aside.pop(name, None)
            candidate = side.standing.get(name)
            if candidate is not None and candidate.meter is not None:
                candidate.meter.take(segments, number_key, self._wall_ms())
        self._free_at[name] = now + segments * self._submit_s(name)
        self._last_used[name] = now

    def end(self, name: str) -> None:
        """The modem's job is over."""
        self._free_at.pop(name, None)
        if name in self._snapshots:
            self._refresh(name)

    def give_back(self, name: str, segments: int) -> None:
        """What it got was not claimed."""
        candidate = self._standing(name)
        if candidate is not None and candidate.meter is not None:
            candidate.meter.give_back(segments)

    def pause(self, name: str, paused: bool) -> None:
        """Give the modem no more messages, or let it send again."""
        (self._paused.add if paused else self._paused.discard)(name)
        self._look_anew([name])

    def is_paused(self, name: str) -> bool:
        """Did an admin pause this modem?"""
        return name in self._paused

    def bar(self, sim: str, why: str, cause: Cause = Cause.OTHER) -> None:
        """Let this SIM send nothing, in whatever modem it is; an empty `why` lifts this cause and no other."""
        self._bars.put(sim, why, cause)
        self._look_anew([name for name, snapshot in self._snapshots.items() if snapshot.sim == sim])

    def barred(self, sim: str, cause: Cause | None = None) -> str:
        """Why this SIM may not send, or why not for one cause; empty where it may."""
        return self._bars.why(sim, cause)

    def _look_anew(self, names: Collection[str]) -> None:
        for name in names:
            if name in self._snapshots:
                self._refresh(name)
        self._recount()

    def measured(self, seconds: float, modem: str = "") -> None:
        """A submit took this long, Ctrl-Z to +CMGS; kept for its SIM, and on the average of all."""
        seconds = max(seconds, _LEAST_S)
        weight = _SMOOTHING if self._was_measured else 1.0
        self._was_measured = True
        self.submit_s += weight * (seconds - self.submit_s)
        snapshot = self._snapshots.get(modem)
        if snapshot is not None:
            card = _card(snapshot)
            before = self._measured.get(card, seconds)
            self._measured[card] = before + _SMOOTHING * (seconds - before)

    # --- what is asked ---

    def snapshot(self, name: str) -> ModemSnapshot | None:
        """The modem's last snapshot."""
        return self._snapshots.get(name)

    def others(self, sandbox: bool) -> Iterator[ModemSnapshot]:
        """The modems of this side that can't send, or were paused."""
        standing = self.side(sandbox).standing
        for name, snapshot in self._snapshots.items():
            if name not in standing and self.is_sandbox(snapshot) is sandbox:
                yield snapshot

    def held(self) -> Iterator[tuple[str, bool]]:
        """The real modems, and whether one can send and its SIM may not: it is barred, or over its pace."""
        now_ms, standing = self._wall_ms(), self._sides[0].standing
        for name in self._snapshots:
            candidate = standing.get(name)
            meter = candidate.meter if candidate is not None else None
            over = meter is not None and meter.refusal(0, 1, None, now_ms) is not None
            yield name, over or (candidate is not None and bool(candidate.barred))

    def idle_for(self, now: float, *, sandbox: bool = False) -> float:
        """Seconds since any modem of this side was operational; 0 while one is."""
        return self.side(sandbox).idle_for(now)

    def busy_s(self, name: str, now: float) -> float:
        """How long this modem will probably be at its job; 0: it has none.

        One that takes longer than it mostly does will take as long again, for all that anybody knows.
        """
        free_at = self._free_at.get(name)
        if free_at is None:
            return 0.0
        overdue_s = now - free_at
        return -overdue_s if overdue_s < 0 else max(1.0, now - self._last_used[name])

    def busy(self, side: Side, now: float) -> Iterator[tuple[Candidate, float]]:
        """The modems at work, each with how long it will probably be."""
        for name in self._free_at:
            candidate = side.standing.get(name)
            if candidate is not None:
                yield candidate, self.busy_s(name, now)

    def same_operator(self, name: str) -> frozenset[str]:
        """The modems whose SIM is of the same operator as this one's, itself among them."""
        snapshot = self._snapshots.get(name)
        if snapshot is None or not snapshot.network:
            return frozenset({name})
        key = self._operators.key(snapshot.network)
        return frozenset(
            other for other, known in self._snapshots.items() if self._operators.key(known.network) == key
        )

    def has_other_operator(self, name: str, among: Iterable[Candidate]) -> bool:
        """Is one among these whose SIM is of another operator than this one's for certain?"""
        mine = self._standing(name)
        if mine is None or not mine.operator:
            return False
        return any(c.operator and c.operator != mine.operator for c in among)

    # --- the time of day ---

    def wake(self) -> None:
        """Let the SIMs send again whose pace allows it by now."""
        if self._resting:
            now_ms = self._wall_ms()
            for name in [name for name, until_ms in self._resting.items() if until_ms <= now_ms]:
                self._refresh(name)

    def wake_in(self) -> float | None:
        """Seconds until a SIM that rests may send again; None where none rests."""
        if not self._resting:
            return None
        return max(0.0, (min(self._resting.values()) - self._wall_ms()) / 1000)

    def clock_was_set(self) -> None:
        """It is another time of day: look anew at who rests, and until when."""
        self._look_anew(self._snapshots)

    def _recount(self) -> None:
        self.changes += 1
        self.recount()

    def recount(self) -> None:
        """Sum up how much each side can send; a tick calls this, for paces come and go with the time."""
        now_ms = self._wall_ms()
        for side in self._sides:
            side.sum_up(now_ms)

    def _standing(self, name: str) -> Candidate | None:
        real, sandbox = self._sides
        return real.standing.get(name) or sandbox.standing.get(name)

    def _submit_s(self, name: str) -> float:
        candidate = self._standing(name)
        return candidate.submit_s if candidate is not None else SUBMIT_S


def _card(snapshot: ModemSnapshot) -> str:
    """What a SIM's counts are kept under; a card that tells no number is its modem's."""
    return snapshot.sim or snapshot.name[:32]


def _is_other_card(one: ModemSnapshot, other: ModemSnapshot) -> bool:
    return one.sim != other.sim or one.network != other.network
