"""The same code again through another operator, at most once, where no delivery report came in the usual time."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.engine import Connection

from simcourier.config import SecondSim
from simcourier.dispatch.clock import Clock
from simcourier.dispatch.fleet import Fleet
from simcourier.dispatch.learned import Learned
from simcourier.dispatch.operators import Operators
from simcourier.dispatch.records import Records
from simcourier.dispatch.waiting import Rooms
from simcourier.metrics import Metrics
from simcourier.modem.facts import ModemSnapshot, ModemState, ReportRoute
from simcourier.outbox import seconds
from simcourier.outbox.message import CLASS_OF_RANK, MessageClass, Status, Waiting
from simcourier.outbox.seconds import Due

LEAST_LIFE_S = 20.0
"""With less life left a second copy would come too late to be typed in."""
_LOOK_AGAIN_MS = 2_000
_SETTLING_S = 15.0
"""After a start: reports that came meanwhile lie in the SIMs and are read first."""


class Seconds:
    """Decides which text is kept after the first copy left, and what goes out again; in the writer's thread only."""

    def __init__(
        self,
        settings: SecondSim,
        operators: Operators,
        learned: Learned,
        fleet: Fleet,
        rooms: Rooms,
        records: Records,
        metrics: Metrics,
        clock: Clock,
        count: Callable[[Status, str], None],
    ) -> None:
        self._settings = settings
        self._operators = operators
        self._learned = learned
        self._fleet = fleet
        self._rooms = rooms
        self._records = records
        self._metrics = metrics
        self._clock = clock
        self._count = count
        self._not_before = clock.monotonic() + _SETTLING_S

    def due_at_ms(self, message: Waiting, modem: str, now_ms: int) -> int | None:
        """When a message that left just now goes out again if no report comes; None: never, its text is wiped."""
        snapshot = self._fleet.snapshot(modem)
        usual_s = None if snapshot is None else self._learned.usual_s(snapshot.network)
        if snapshot is None or usual_s is None or not self._may_be_seconded(message, snapshot):
            return None
        if not self._has_other(snapshot.network):
            return None
        at_ms = now_ms + int(usual_s * 1000)
        return at_ms if message.deadline_ms - at_ms >= LEAST_LIFE_S * 1000 else None

    def _may_be_seconded(self, message: Waiting, snapshot: ModemSnapshot) -> bool:
        return (
            self._is_wanted(message.rank, snapshot.network)
            and not message.sandbox
            and message.modem is None
            and message.other_network is None
            and snapshot.reports is not ReportRoute.NONE
        )

    def _is_wanted(self, rank: int, network: str) -> bool:
        operator, settings = self._operators.of(network), self._settings
        may = operator is None or (operator.second_sim and operator.reports)
        return settings.enabled and CLASS_OF_RANK[rank] in settings.classes and may

    def _has_other(self, network: str) -> bool:
        """Is there any SIM of another operator, even if it can't send at this moment?"""
        away = (s.network for s in self._fleet.others(sandbox=False) if s.state is not ModemState.ABSENT)
        return bool(self._others(network)) or any(self._is_other(other, network) for other in away)

    def _is_other(self, other: str, network: str) -> bool:
        return bool(other) and self._operators.key(other) != self._operators.key(network)

    def tick(self) -> None:
        """Queue again what got no report in time; called every second or so."""
        if self._clock.monotonic() >= self._not_before:
            now_ms = self._clock.wall_ms()
            self._records.write(lambda c: self._begin(c, now_ms), self._begun)

    def _begin(self, connection: Connection, now_ms: int) -> list[Waiting]:
        begun = (self._judge(connection, due, now_ms) for due in seconds.due(connection, now_ms))
        return [message for message in begun if message is not None]

    def _judge(self, connection: Connection, due: Due, now_ms: int) -> Waiting | None:
        network = self._network_of(due)
        life_s = (due.deadline_ms - now_ms) / 1000
        # The configuration may be another one than when it was sent.
        if life_s < LEAST_LIFE_S or not self._is_wanted(due.rank, network):
            seconds.forget(connection, due.n)
            return None
        times = (
            [self._learned.usual_s(other) or LEAST_LIFE_S for other in self._others(network)]
            if network
            else []
        )
        if not times or min(times) > life_s:
            # A modem may be coming up; its time is over when its life is.
            seconds.later(connection, due.n, now_ms + _LOOK_AGAIN_MS)
            return None
        what = "code" if CLASS_OF_RANK[due.rank] is MessageClass.OTP else "text"
        waited_s = (now_ms - due.sent_at_ms) / 1000
        detail = f"no report within {waited_s:.0f} s; the same {what} again through another operator"
        return seconds.begin(connection, due.n, network, now_ms, detail)

    def _network_of(self, due: Due) -> str:
        snapshot = self._fleet.snapshot(due.modem)
        if snapshot is not None and snapshot.sim == due.sim:
            return snapshot.network
        return self._learned.network_of(due.sim)

    def _others(self, network: str) -> list[str]:
        """The networks of other operators' SIMs that can send."""
        able = dict.fromkeys(c.network for c in self._fleet.side(False).standing.values() if not c.barred)
        return [other for other in able if self._is_other(other, network)]

    def _begun(self, begun: list[Waiting]) -> None:
        for message in begun:
            self._rooms.enter(message)
            self._count(Status.QUEUED, "")
            self._metrics.second_copies.inc()
