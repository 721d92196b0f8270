"""Reports that fit nothing yet: one may overtake the `+CMGS` of its own message."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection

from simcourier.modem.facts import ReportArrived

HOLD_S = 15.0
"""How long a report may be ahead of its `+CMGS` before it counts as unmatched."""
LONGEST_S = 240.0
"""The same while its SIM has a submit under way: the answer to a Ctrl-Z may take minutes."""
LIMIT = 1000


class EarlyReports:
    """Keeps unmatched reports for a while, by SIM and TP-MR, at most `LIMIT` of them."""

    def __init__(self) -> None:
        self._held: OrderedDict[int, tuple[float, str, ReportArrived]] = OrderedDict()
        self._next = 0

    def __len__(self) -> int:
        return len(self._held)

    def keep(self, sim: str, fact: ReportArrived, came_at: float) -> None:
        """Hold a report; `came_at` is monotonic seconds."""
        self._held[self._next] = (came_at, sim, fact)
        self._next += 1

    def take(self, sim: str, references: Collection[int] | None) -> list[tuple[float, ReportArrived]]:
        """The held reports of this SIM with these TP-MRs (None: with any), oldest first; they are not held any more.

        Each with when it came: one that fits nothing still is held again from then.
        """
        if not self._held:
            return []
        fitting = [
            key
            for key, (_at, of, fact) in self._held.items()
            if of == sim and (references is None or fact.report.tp_mr in references)
        ]
        return [(at, fact) for at, _sim, fact in map(self._held.pop, fitting)]

    def overdue(self, now: float, busy: Collection[str]) -> list[ReportArrived]:
        """The reports that waited long enough, or that are too many; they are not held any more.

        `busy` are the SIMs with a submit under way: theirs wait longer.
        """
        spare = len(self._held) - LIMIT
        gone = [
            key
            for index, (key, (at, sim, _fact)) in enumerate(self._held.items())
            if index < spare or now - at >= (LONGEST_S if sim in busy else HOLD_S)
        ]
        return [self._held.pop(key)[2] for key in gone]
