"""Reports that fit nothing yet: one may overtake the `+CMGS` of its own message."""

from __future__ import annotations

from collections import OrderedDict

from simcourier.sms.report import StatusReport

HOLD_S = 15.0
"""How long a report may be ahead of its `+CMGS` before it counts as unmatched."""
LIMIT = 1000


class EarlyReports:
    """Keeps unmatched reports for a while, by SIM and TP-MR, at most `LIMIT` of them."""

    def __init__(self) -> None:
        self._held: OrderedDict[int, tuple[float, str, StatusReport]] = OrderedDict()
        self._next = 0

    def __len__(self) -> int:
        return len(self._held)

    def keep(self, sim: str, report: StatusReport, now: float) -> None:
        """Hold a report; `now` is monotonic seconds."""
        self._held[self._next] = (now, sim, report)
        self._next += 1

    def take(self, sim: str, tp_mr: int) -> list[StatusReport]:
        """The held reports of this SIM and TP-MR, oldest first; they are not held any more."""
        if not self._held:
            return []
        fitting = [
            key for key, (_at, of, report) in self._held.items() if of == sim and report.tp_mr == tp_mr
        ]
        return [self._held.pop(key)[2] for key in fitting]

    def overdue(self, now: float) -> list[tuple[str, StatusReport]]:
        """The reports that waited long enough, or that are too many; they are not held any more."""
        gone: list[tuple[str, StatusReport]] = []
        while self._held:
            key, (at, sim, report) = next(iter(self._held.items()))
            if now - at < HOLD_S and len(self._held) <= LIMIT:
                break
            del self._held[key]
            gone.append((sim, report))
        return gone
