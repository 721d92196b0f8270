"""Wrong codes to a number: how long the next check must wait, and when nothing is checked any more (RFC 4226 7.3)."""

from __future__ import annotations

from dataclasses import dataclass, replace

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Failures:
    """Wrong codes so far, of a number under one binding or under all; times are wall-clock milliseconds."""

    consecutive: int = 0
    hour_started_at_ms: int = 0
    in_hour: int = 0
    last_at_ms: int = 0
    delayed_until_ms: int = 0
    locked_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """The bounds: a delay after each `to_delay` failures in a row, doubling; a lock at `to_lock`; `hour` in an hour."""

    to_delay: int
    delay_first_s: int
    delay_max_s: int
    to_lock: int | None = None
    hour: int | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing is checked until then; None: until an admin unlocks."""

    until_ms: int | None


def after_failure(failures: Failures, now_ms: int, patience: Patience) -> Failures:
    """The counts after one more wrong code."""
    fresh_hour = now_ms - failures.hour_started_at_ms >= HOUR_MS
    after = replace(
        failures,
        consecutive=failures.consecutive + 1,
        hour_started_at_ms=now_ms if fresh_hour else failures.hour_started_at_ms,
        in_hour=1 if fresh_hour else failures.in_hour + 1,
        last_at_ms=now_ms,
    )
    return replace(
        after,
        delayed_until_ms=max(failures.delayed_until_ms, _delayed_until_ms(after, now_ms, patience)),
        locked_at_ms=failures.locked_at_ms or _locked_at_ms(after, now_ms, patience),
    )


def _delayed_until_ms(failures: Failures, now_ms: int, patience: Patience) -> int:
    until = 0
    times, rest = divmod(failures.consecutive, patience.to_delay)
    if rest == 0:
        seconds = min(patience.delay_first_s * 2 ** min(times - 1, 20), patience.delay_max_s)
        until = now_ms + seconds * 1000
    # Windows of an hour follow one another: with half of the bound in each, no hour across two has more than all.
    if patience.hour is not None and failures.in_hour >= patience.hour // 2:
        until = max(until, failures.hour_started_at_ms + HOUR_MS)
    return until


def _locked_at_ms(failures: Failures, now_ms: int, patience: Patience) -> int | None:
    return now_ms if patience.to_lock is not None and failures.consecutive >= patience.to_lock else None


def after_success(failures: Failures) -> Failures:
    """The counts after a right code: what failed within the hour still counts, the row of failures is broken."""
    return replace(failures, consecutive=0, delayed_until_ms=0)


def hold(now_ms: int, *counted: Failures) -> Hold | None:
    """What stands against a check now, the longest first; None: nothing."""
    if any(failures.locked_at_ms is not None for failures in counted):
        return Hold(None)
    until_ms = max((failures.delayed_until_ms for failures in counted), default=0)
    return Hold(until_ms) if until_ms > now_ms else None
