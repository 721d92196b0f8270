"""Counts what goes wrong with modems and how long it takes until they are well again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from simcourier import log
from simcourier.care.tools import CareTools
from simcourier.modem.facts import Fact, Fault, FaultSeen, Recovered, Rung

_LOG_EVERY_S = 10.0
"""Between two log entries about the same fault of a modem; those between are counted."""
_MOST_MODEMS = 1000


@dataclass(frozen=True, slots=True)
class FaultView:
    """What went wrong with a modem since the box started; `last_at` is monotonic seconds.

    `recovered_by` is the highest step of the ladder that was taken until it was well again.
    """

    counts: dict[Fault, int] = field(default_factory=dict)
    last: Fault | None = None
    last_detail: str = ""
    last_at: float = 0.0
    recovered_in_s: float | None = None
    recovered_by: Rung | None = None


class Faults:
    """Every modem's faults; the writer's thread changes them, any other may read."""

    def __init__(self, tools: CareTools) -> None:
        self._tools = tools
        self._views: dict[str, FaultView] = {}
        self._logged: dict[tuple[str, Fault], float] = {}
        self._unlogged: Counter[tuple[str, Fault]] = Counter()
        self._log = log.get("care")

    def on_fact(self, fact: Fact) -> None:
        """Count."""
        if type(fact) is FaultSeen:
            self._seen(fact)
        elif type(fact) is Recovered:
            self._recovered(fact)

    def tick(self) -> None:
        """Nothing is due by time."""

    def of(self, modem: str) -> FaultView:
        """What went wrong with this modem."""
        return self._views.get(modem, FaultView())

    def _seen(self, fact: FaultSeen) -> None:
        if fact.modem not in self._views and len(self._views) >= _MOST_MODEMS:
            return
        before = self.of(fact.modem)
        counts = {**before.counts, fact.fault: before.counts.get(fact.fault, 0) + 1}
        self._views[fact.modem] = FaultView(counts, fact.fault, fact.detail, fact.at)
        self._tools.metrics.modem_faults.labels(fact.modem, fact.fault).inc()
        self._note(fact)

    def _note(self, fact: FaultSeen) -> None:
        key = (fact.modem, fact.fault)
        if fact.at - self._logged.get(key, -_LOG_EVERY_S) < _LOG_EVERY_S:
            self._unlogged[key] += 1
            return
        self._logged[key] = fact.at
        self._log.warning(
            "a modem's fault",
            modem=fact.modem,
            fault=str(fact.fault),
            reason=fact.detail,
            more=self._unlogged.pop(key, 0),
        )

    def _recovered(self, fact: Recovered) -> None:
        self._tools.metrics.modem_recovery.labels(fact.modem).observe(fact.seconds)
        self._log.info(
            "a modem is well again",
            modem=fact.modem,
            after=str(fact.fault),
            by=str(fact.rung),
            seconds=round(fact.seconds, 2),
        )
        if fact.modem in self._views:
            self._views[fact.modem] = replace(
                self._views[fact.modem], recovered_in_s=fact.seconds, recovered_by=fact.rung
            )
