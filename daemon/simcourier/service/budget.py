"""The daily budget: segments that may leave this box between two midnights (UTC)."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.engine import Connection

from simcourier import log
from simcourier.errors import RequestError
from simcourier.outbox.limits import Key
from simcourier.outbox.notices import notify
from simcourier.service.rules import BOX_KEY, DAY_S, Rules, Scope
from simcourier.service.tools import Tools
from simcourier.service.usages import read_usages, write_usages
from simcourier.verify.destinations import Kind
from simcourier.verify.limits import DAY_MS, Usage

NOTICE = "budget.threshold"
Told = tuple[str, dict[str, object]]


class Budget:
    """Counts segments when they are accepted, whatever becomes of them; in the writer's thread only.

    The row of a day holds one mark; its `told` is the highest percentage that was told.
    """

    def __init__(self, tools: Tools, rules: Rules) -> None:
        self._tools = tools
        self._warning = tools.config.limits.budget_warning_percent
        self._rules = rules
        self._log = log.get("guard")

    @staticmethod
    def place(now_ms: int) -> Key:
        """The row of the day."""
        return (Scope.BOX.value, datetime.fromtimestamp(now_ms / 1000, UTC).date().isoformat())

    def bound(self, now_ms: int) -> int:
        """How many segments a day; 0: any number."""
        return self._rules.bound(Kind.TEXT, (Scope.BOX.value, BOX_KEY), DAY_S, now_ms)

    def refusal(self, usage: Usage, segments: int, now_ms: int) -> RequestError | None:
        """The refusal of what the day's budget has no room for."""
        bound = self.bound(now_ms)
        if bound == 0 or spent(usage) + segments <= bound:
            return None
        if usage.told < 100:
            self._tell_soon(bound, now_ms)
        return RequestError(
            "budget-exhausted",
            "This box has sent today as much as its budget allows; it goes on at midnight UTC.",
            retry_after_s=(DAY_MS - now_ms % DAY_MS + 999) // 1000,
            extra={"scope": Scope.BOX.value},
        )

    def spend(self, usage: Usage, segments: int, now_ms: int) -> list[Told]:
        """Count segments; returns what is to be told: the warning once a day, and once that all is spent."""
        total = spent(usage) + segments
        usage.sent = [(now_ms - now_ms % DAY_MS, total)]
        bound = self.bound(now_ms)
        reached = 0 if bound == 0 else total * 100 // bound
        passed = [mark for mark in {self._warning, 100} if usage.told < mark <= reached]
        if not passed:
            return []
        usage.told = max(passed)
        return [self._told(usage.told, total, bound)]

    def _told(self, percent: int, total: int, bound: int) -> Told:
        self._log.warning("the daily budget is being spent", percent=percent, segments=total, of=bound)
        return NOTICE, {"percent": percent, "segments": total, "budget": bound}

    def _tell_soon(self, bound: int, now_ms: int) -> None:
        """Tell that the budget is spent in a work of its own: the one at hand is refused, so it must write nothing."""
        place = self.place(now_ms)

        def work(connection: Connection) -> None:
            usages = read_usages(connection, [place])
            usage = usages[place]
            if usage.told < 100:
                usage.told = 100
                write_usages(connection, usages, now_ms)
                type_, data = self._told(100, spent(usage), bound)
                notify(connection, type_, now_ms, None, data)

        self._tools.writer.submit(work, lambda _result: None, self._failed)

    def _failed(self, error: BaseException) -> None:
        self._log.error("a notice of the budget could not be written", error=str(error)[:200])


def spent(usage: Usage) -> int:
    """The segments of the day."""
    return usage.sent[0][1] if usage.sent else 0
