"""Tell of modems that come and go: to the fleet, the journal, the metrics and the applications' endpoints."""

from __future__ import annotations

from simcourier import log
from simcourier.dispatch.clock import Clock
from simcourier.dispatch.fleet import Fleet
from simcourier.dispatch.records import Records
from simcourier.metrics import Metrics
from simcourier.modem.facts import ModemSnapshot, ModemState
from simcourier.outbox.notices import notify

_NEEDS_SOMEBODY = frozenset(
    {
        ModemState.ABSENT,
        ModemState.SILENT,
        ModemState.SIM_MISSING,
        ModemState.SIM_LOCKED,
        ModemState.BARRED,
    }
)
"""States that the journal must tell of, also of a modem that never could send."""


def _standing(snapshot: ModemSnapshot) -> tuple[ModemState, str]:
    return snapshot.state, snapshot.reason


class Telling:
    """In the writer's thread only."""

    def __init__(self, records: Records, fleet: Fleet, metrics: Metrics, clock: Clock) -> None:
        self._records = records
        self._fleet = fleet
        self._metrics = metrics
        self._clock = clock
        self._log = log.get("dispatch")

    def modem_changed(self, snapshot: ModemSnapshot, *, quietly: bool) -> None:
        """Take a modem's new state, and tell of it; `quietly` at the end, when all of them go."""
        before = self._fleet.snapshot(snapshot.name)
        is_new = before is None or _standing(before) != _standing(snapshot)
        if is_new and snapshot.state in _NEEDS_SOMEBODY and not quietly:
            self._log.warning(
                "modem can't send", modem=snapshot.name, state=str(snapshot.state), reason=snapshot.reason
            )
        if self._fleet.update(snapshot, self._clock.monotonic()):
            up = snapshot.name in self._fleet.operational
            self._metrics.modem_up.labels(snapshot.name).set(int(up))
            self._log.info("modem up" if up else "modem down", modem=snapshot.name, reason=snapshot.reason)
            if not quietly:
                self._notify(snapshot, up=up)
        if snapshot.signal_dbm is not None:
            self._metrics.modem_signal.labels(snapshot.name).set(snapshot.signal_dbm)

    def _notify(self, snapshot: ModemSnapshot, *, up: bool) -> None:
        now_ms, type_ = self._clock.wall_ms(), "modem.up" if up else "modem.down"
        data: dict[str, object] = {
            "modem": snapshot.name,
            "state": snapshot.state,
            "reason": snapshot.reason,
            "operator": snapshot.operator,
        }
        self._records.write(lambda c: notify(c, type_, now_ms, None, data))
