"""What each SIM sent against its pace, and what keeps it from sending now."""

from __future__ import annotations

from dataclasses import dataclass

from simcourier.care.balance import Balance
from simcourier.config import Pace
from simcourier.dispatch.bars import Cause
from simcourier.dispatch.operators import Operators
from simcourier.dispatch.outcomes import identity
from simcourier.dispatch.pace import DAY_MS, Meter, Meters, Used, month_begin_ms
from simcourier.outbox import usage
from simcourier.outbox.usage import Use
from simcourier.service.tools import Tools

_FRESH_S = 5.0
"""How old the counts may be: the page asks every two seconds, and they are a sum over a month."""
_NOTHING = Use(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Held:
    """Why a SIM sends nothing now; by its pace until `until_ms`, `for_s` from now, by all else until that changes."""

    why: str
    cause: Cause | None
    until_ms: int | None = None
    for_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Load:
    """One SIM: `operator` as configured, segments sent and allowed, what is left on it, and what holds it back."""

    operator: str = ""
    used: Use = _NOTHING
    pace: Pace = Pace()  # noqa: RUF009 - frozen
    balance: Balance | None = None
    held: Held | None = None


class Loads:
    """Looks at all SIMs together; safe from any thread but the writer's."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._operators = Operators(tools.config.operators)
        self._meters = Meters(tools.config.sims, self._operators)
        self._read: tuple[float, dict[str, Use]] = (float("-inf"), {})

    def of(self, sim: str, network: str, *, modem: str = "", sandbox: bool = False) -> Load:
        """What is to be said of one SIM; one that tells no number is known by the modem that it is in."""
        operator = self._operators.of(network)
        used, now_ms = self._used().get(identity(sim, modem), _NOTHING), self._tools.clock.wall_ms()
        pace = Pace() if sandbox else self._meters.pace(sim, network)
        return Load(
            "" if operator is None else operator.name,
            used,
            pace,
            self._tools.care.balances.of(sim),
            self._barred(sim) or _over(pace, used, now_ms),
        )

    def _barred(self, sim: str) -> Held | None:
        barred = self._tools.dispatcher.fleet.barred
        return next((Held(why, cause) for cause in Cause if (why := barred(sim, cause))), None)

    def _used(self) -> dict[str, Use]:
        now, now_ms = self._tools.clock.monotonic(), self._tools.clock.wall_ms()
        read_at, used = self._read
        if now - read_at >= _FRESH_S:
            with self._tools.engine.connect() as connection:
                used = usage.used(connection, now_ms, now_ms // DAY_MS * DAY_MS, month_begin_ms(now_ms))
            self._read = (now, used)
        return used


def _over(pace: Pace, used: Use, now_ms: int) -> Held | None:
    """Which bound of an hour, day or month is reached, and when it ends: a minute is over before anybody looks."""
    meter = Meter(pace, Used(used.hour, used.day, used.month), now_ms)
    refusal = meter.refusal(0, 1, None, now_ms)
    if refusal is None:
        return None
    for_s = (refusal.until_ms - now_ms) / 1000
    return Held(f"over its pace of {refusal.bound}", None, refusal.until_ms, for_s)
