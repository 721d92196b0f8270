"""Which submitted part a status report speaks of: SIM and TP-MR first, then recipient and time (23.040 9.2.3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simcourier.sms.address import same_subscriber
from simcourier.sms.report import StatusReport

# When a service centre with a good clock may have stamped a part, from the time on record for it.
_EARLIEST_MS = -60_000
_LATEST_MS = 180_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A part that awaits its report; `at_ms` is when it was submitted, wall-clock milliseconds.

    Of a part without a TP-MR (`is_numbered` false) it is when the submit began.
    """

    message: int
    attempt: int
    part: int
    recipient: str
    at_ms: int
    modem: str = ""
    is_numbered: bool = True


def service_centre_ms(report: StatusReport) -> int | None:
    """TP-SCTS as wall-clock milliseconds, where the report has one."""
    stamp = report.service_centre_at
    return None if stamp is None else int(stamp.timestamp() * 1000)


def is_to(reported: str, recipient: str) -> bool:
    """May a report with this TP-RA be about a message to this recipient? Some service centres leave it empty."""
    return not reported or same_subscriber(recipient, reported)


def is_near(candidate: Candidate, stamp_ms: int) -> bool:
    """May a service centre with a good clock have stamped this part so?"""
    return _EARLIEST_MS <= stamp_ms - candidate.at_ms <= _LATEST_MS


def match(
    report: StatusReport, numbered: Sequence[Candidate], in_doubt: Sequence[Candidate] = ()
) -> Candidate | None:
    """The candidate that the report speaks of, or None: a report on record as unmatched is better than a wrong one.

    `numbered` have the report's TP-MR. It wraps after 256 messages, so several of one SIM may share it: the one
    that was submitted nearest to the service centre's time stamp is meant. `in_doubt` have no TP-MR on record, and
    may never have left: recipient and time must do there, so both must be told and fit one message alone. A message
    taken for delivered by the report of another would not be sent again, and be lost. Where the stamp fits none, for
    clock or zone of the service centre are wrong, the only numbered one is meant, but none of several.
    """
    fitting = [c for c in numbered if is_to(report.recipient, c.recipient)]
    stamp_ms = service_centre_ms(report)
    if stamp_ms is not None:
        near = [c for c in fitting if is_near(c, stamp_ms)]
        if near:
            return min(near, key=lambda c: (abs(stamp_ms - c.at_ms) // 1000, c.at_ms))
        doubtful = [
            c
            for c in in_doubt
            if report.recipient and is_to(report.recipient, c.recipient) and is_near(c, stamp_ms)
        ]
        if doubtful:
            return None if fitting else _part_of_one_message(doubtful)
    return fitting[0] if len(fitting) == 1 else None


def _part_of_one_message(candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate that will do where all are of one message; None where more than one message is meant.

    Copies of one part are as good as each other: the first given. Parts of one copy get a report each: the first part.
    """
    first = candidates[0]
    if any(c.message != first.message for c in candidates):
        return None
    if all(c.part == first.part for c in candidates):
        return first
    return (
        min(candidates, key=lambda c: c.part) if all(c.attempt == first.attempt for c in candidates) else None
    )
