"""How much a SIM may still send: counts by minute, hour, day and month against the configured pace."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from simcourier.config import Pace, Sims
from simcourier.dispatch.operators import Operators

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_RESERVE = 10
"""The last tenth of a bound is for codes, of a small bound the last one."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A SIM may not take a message until then (wall-clock ms); `bound` says why in words."""

    until_ms: int
    bound: str


@dataclass(slots=True)
class Used:
    """Segments that a SIM sent in the hour, day and month that begin at these times (UTC, ms)."""

    hour: int = 0
    day: int = 0
    month: int = 0
    recipients: set[str] = field(default_factory=set)
    """Keyed hashes of the numbers that it wrote to in this month, where that is bounded."""


def month_of(now_ms: int) -> str:
    """The calendar month (UTC) as `2026-11`."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m")


def month_begin_ms(now_ms: int, *, following: bool = False) -> int:
    """When this calendar month (UTC) began, or when the following one will."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    year, month = now.year, now.month
    if following:
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000


class Meter:
    """One SIM that has a pace: what it used of it. Time is a parameter, and may also go back.

    The minute is a sliding one and is kept on the average: what is more than one segment long may overdraw it. An
    hour, day or month is the calendar's (UTC) and never overdrawn, but for a message that is larger than the bound.
    """

    def __init__(self, pace: Pace, used: Used, now_ms: int) -> None:
        self.pace = pace
        self.used = used
        self._hour = self._day = 0
        self._month_begin_ms = self._month_end_ms = 0
        self._begin(now_ms)
        self._minute: deque[tuple[int, int]] = deque()
        self._in_minute = 0

    def clock_was_set(self, used: Used, step_ms: int, now_ms: int) -> None:
        """The clock was set by `step_ms`: by the calendar of now the SIM used this much."""
        self.used = used
        self._begin(now_ms)
        self._minute = deque((at_ms + step_ms, segments) for at_ms, segments in self._minute)

    def _begin(self, now_ms: int) -> None:
        self._hour = now_ms // HOUR_MS
        self._day = now_ms // DAY_MS
        self._month_begin_ms = month_begin_ms(now_ms)
        self._month_end_ms = month_begin_ms(now_ms, following=True)

    def seed(self, sent: Iterable[tuple[int, int]]) -> None:
        """Take up what was sent in the last minute before the start, as (when in ms, segments), the oldest first."""
        for at_ms, segments in sent:
            self._minute.append((at_ms, segments))
            self._in_minute += segments

    def take(self, segments: int, number_key: str | None, now_ms: int) -> None:
        """A message is claimed for this SIM."""
        self._roll(now_ms)
        self._minute.append((now_ms, segments))
        self._in_minute += segments
        self.used.hour += segments
        self.used.day += segments
        self.used.month += segments
        if number_key is not None:
            self.used.recipients.add(number_key)

    def give_back(self, segments: int) -> None:
        """A claim was refused: it was not sent. Its number stays, for the same one may wait for another claim."""
        if self._minute:
            _at_ms, last = self._minute.pop()
            self._in_minute -= last
        self.used.hour = max(0, self.used.hour - segments)
        self.used.day = max(0, self.used.day - segments)
        self.used.month = max(0, self.used.month - segments)

    def refusal(self, rank: int, segments: int, number_key: str | None, now_ms: int) -> Refusal | None:
        """Why this SIM may not take a message of this rank and size to this number now; None where it may.

        `number_key` None: whatever the number is.
        """
        self._roll(now_ms)
        pace = self.pace
        if pace.month and self._over(pace.month, self.used.month, rank, segments):
            return Refusal(self._month_end_ms, f"{pace.month} a month")
        if pace.recipients_month and self._is_new(number_key):
            return Refusal(self._month_end_ms, f"{pace.recipients_month} recipients a month")
        if pace.day and self._over(pace.day, self.used.day, rank, segments):
            return Refusal((self._day + 1) * DAY_MS, f"{pace.day} a day")
        if pace.hour and self._over(pace.hour, self.used.hour, rank, segments):
            return Refusal((self._hour + 1) * HOUR_MS, f"{pace.hour} an hour")
        if pace.minute and self._in_minute >= (allowed := _allowed(pace.minute, rank)):
            return Refusal(self._minute_opens_ms(allowed), f"{pace.minute} a minute")
        return None

    def _is_new(self, number_key: str | None) -> bool:
        known = self.used.recipients
        return number_key is not None and number_key not in known and len(known) >= self.pace.recipients_month

    @staticmethod
    def _over(bound: int, used: int, rank: int, segments: int) -> bool:
        # A message that is larger than the whole bound goes first and alone, or it never would.
        return used + segments > _allowed(bound, rank) and used > 0

    def _minute_opens_ms(self, allowed: int) -> int:
        over, opens_ms = self._in_minute - allowed, 0
        for at_ms, segments in self._minute:
            over -= segments
            opens_ms = at_ms + MINUTE_MS
            if over < 0:
                break
        return opens_ms

    def _roll(self, now_ms: int) -> None:
        minute = self._minute
        # Also where the clock was set back: nothing was sent later than now.
        while minute and not now_ms - MINUTE_MS < minute[0][0] <= now_ms:
            self._in_minute -= minute.popleft()[1]
        if now_ms // HOUR_MS == self._hour:
            return
        self._hour = now_ms // HOUR_MS
        self.used.hour = 0
        if now_ms // DAY_MS != self._day:
            self._day = now_ms // DAY_MS
            self.used.day = 0
        if not self._month_begin_ms <= now_ms < self._month_end_ms:
            self._month_begin_ms = month_begin_ms(now_ms)
            self._month_end_ms = month_begin_ms(now_ms, following=True)
            self.used.month = 0
            self.used.recipients.clear()


def _allowed(bound: int, rank: int) -> int:
    return bound if rank == 0 or bound == 1 else bound - max(1, bound // _RESERVE)


class Meters:
    """The meters of all SIMs that have a pace: the card's own, else its operator's, else the one of all."""

    def __init__(self, sims: Sims, operators: Operators) -> None:
        self._sims = sims
        self._cards = {card.iccid: card.pace for card in sims.cards if card.pace is not None}
        self._operators = operators
        self._used: dict[str, Used] = {}
        self._just_sent: dict[str, list[tuple[int, int]]] = {}
        self._meters: dict[str, Meter] = {}

    def load(self, used: dict[str, Used], just_sent: dict[str, list[tuple[int, int]]]) -> None:
        """Take up what is on record: use in this hour, day and month, and in the last minute."""
        self._used = used
        self._just_sent = just_sent

    def clock_was_set(self, used: dict[str, Used], step_ms: int, now_ms: int) -> None:
        """The clock was set by `step_ms`: take up what is on record by the calendar of now."""
        self._used = used
        for sim, meter in self._meters.items():
            meter.clock_was_set(used.pop(sim, Used()), step_ms, now_ms)

    def of(self, sim: str, network: str, now_ms: int) -> Meter | None:
        """The meter of this SIM; None where nothing bounds it."""
        pace = self.pace(sim, network)
        if pace == _WITHOUT:
            return None
        meter = self._meters.get(sim)
        if meter is None:
            meter = self._meters[sim] = Meter(pace, self._used.pop(sim, Used()), now_ms)
            meter.seed(self._just_sent.pop(sim, ()))
        # The network is known later than the card, and with it the operator.
        meter.pace = pace
        return meter

    def pace(self, sim: str, network: str) -> Pace:
        """What is configured for this SIM."""
        if sim in self._cards:
            return self._cards[sim]
        operator = self._operators.of(network)
        return operator.pace if operator is not None and operator.pace is not None else self._sims.pace


_WITHOUT = Pace()
