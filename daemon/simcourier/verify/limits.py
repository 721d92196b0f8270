"""How often something was done lately, in sliding windows, and what share of codes was confirmed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

SECOND_MS = 1000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_WINDOWS_MS = (600_000, HOUR_MS, DAY_MS)
_SLOTS = 16
_MOST_MARKS = 64
"""More marks than this are merged into slots; the counts of default limits stay exact to the millisecond."""

Mark = tuple[int, int]
"""A time in wall-clock milliseconds, and how often it happened then."""


class Usage(msgspec.Struct, array_like=True):
    """What one number, prefix, country or client used: `sent` codes, `started` verifications, `confirmed` ones.

    `told` is when the last alarm about it was given, and of the box's day the highest percentage that was told.
    """

    sent: list[Mark] = []
    started: list[Mark] = []
    confirmed: list[Mark] = []
    told: int = 0


def within(marks: Iterable[Mark], window_ms: int, now_ms: int) -> int:
    """How often it happened in the window that ends now."""
    since_ms, until_ms = now_ms - window_ms, now_ms + DAY_MS
    return sum([count for at_ms, count in marks if since_ms < at_ms <= until_ms])


def _counts(at_ms: int, window_ms: int, now_ms: int) -> bool:
    # Marks from the future: the clock was set back. They count, but nobody is to be locked out for a year.
    return now_ms - window_ms < at_ms <= now_ms + DAY_MS


def add(marks: list[Mark], now_ms: int, longest_ms: int = DAY_MS) -> list[Mark]:
    """The marks with one more and without those that the longest window holds no more."""
    outdated = bool(marks) and not _counts(marks[0][0], longest_ms, now_ms)
    kept = [mark for mark in marks if _counts(mark[0], longest_ms, now_ms)] if outdated else marks[:]
    if kept and kept[-1][0] == now_ms:
        kept[-1] = (now_ms, kept[-1][1] + 1)
    else:
        kept.append((now_ms, 1))
    return kept if len(kept) <= _MOST_MARKS else _merge(kept, now_ms)


def _merge(marks: list[Mark], now_ms: int) -> list[Mark]:
    """Fewer marks: those of one slot become one at the latest time of them, so that none is forgotten too early."""
    slots: dict[tuple[int, int], Mark] = {}
    for at_ms, count in marks:
        age_ms = now_ms - at_ms
        grain_ms = next((window for window in _WINDOWS_MS if age_ms < window), DAY_MS) // _SLOTS
        place = (grain_ms, at_ms // grain_ms)
        before = slots.get(place, (0, 0))
        slots[place] = (max(before[0], at_ms), before[1] + count)
    return sorted(slots.values())


def wait_ms(marks: list[Mark], window_ms: int, maximum: int, now_ms: int) -> int:
    """How long until one more fits into the window; 0: now, or where the maximum is 0: without a bound."""
    if maximum == 0:
        return 0
    over = within(marks, window_ms, now_ms) + 1 - maximum
    if over <= 0:
        return 0
    live = sorted(mark for mark in marks if _counts(mark[0], window_ms, now_ms))
    gone = itertools.accumulate(count for _, count in live)
    last_ms = next(at_ms for (at_ms, _), count in zip(live, gone, strict=True) if count >= over)
    return last_ms + window_ms - now_ms


def gap_wait_ms(marks: list[Mark], first_s: int, longest_s: int, now_ms: int) -> int:
    """How long until the next code: the gap doubles with each of the last hour."""
    live = [mark for mark in marks if _counts(mark[0], HOUR_MS, now_ms)]
    if not live or first_s == 0:
        return 0
    doublings = min(sum(count for _, count in live) - 1, 20)
    # Not at the gap's length behind a mark of the future: that clock was wrong.
    last_ms = min(max(at_ms for at_ms, _ in live), now_ms)
    gap_s = max(first_s, min(first_s << doublings, longest_s))
    return max(0, last_ms + gap_s * SECOND_MS - now_ms)


@dataclass(frozen=True, slots=True)
class Share:
    """Of `started` verifications so many were `confirmed`."""

    started: int
    confirmed: int

    def below(self, percent: int) -> bool:
        """Is the confirmed share smaller? Never of 0 percent."""
        return self.confirmed * 100 < percent * self.started

    @property
    def percent(self) -> int:
        """The confirmed share."""
        return min(100, self.confirmed * 100 // self.started)


def confirmed_share(usage: Usage, now_ms: int, life_ms: int, sample: int) -> Share | None:
    """The share of those started within the last hour, or of the last `sample` where these were fewer.

    A verification younger than `life_ms` may still be confirmed, so it is not judged. None: fewer than `sample`
    in a day.
    """
    started, since_ms = 0, now_ms
    for at_ms, count in sorted(usage.started, reverse=True):
        if at_ms > now_ms - life_ms:
            continue
        if started >= sample and at_ms <= now_ms - HOUR_MS:
            break
        started, since_ms = started + count, at_ms
    if started < sample:
        return None
    return Share(started, sum(count for at_ms, count in usage.confirmed if at_ms >= since_ms))
