"""Which submitted part a status report speaks of: SIM and TP-MR first, then recipient and time (23.040 9.2.3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simcourier.sms.address import same_subscriber
from simcourier.sms.report import StatusReport

# A service centre's clock and zone may be wrong, but not by more than this; beyond it the time says nothing.
_PLAUSIBLE_MS = 26 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A part that awaits its report; `at_ms` is when it was submitted, wall-clock milliseconds."""

    message: int
    attempt: int
    part: int
    recipient: str
    at_ms: int
    modem: str = ""


def service_centre_ms(report: StatusReport) -> int | None:
    """TP-SCTS as wall-clock milliseconds, where the report has one."""
    stamp = report.service_centre_at
    return None if stamp is None else int(stamp.timestamp() * 1000)


def _is_to(reported: str, recipient: str) -> bool:
    return not reported or same_subscriber(recipient, reported)


def match(report: StatusReport, candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate that the report speaks of, or None.

    TP-MR wraps after 256 messages, so several candidates of one SIM may share it. Of those with the report's
    recipient (or of all, where the service centre left it empty) the one submitted nearest to the service
    centre's time stamp is meant; without a usable stamp the newest.
    """
    fitting = [c for c in candidates if _is_to(report.recipient, c.recipient)]
    if not fitting:
        return None
    stamp = service_centre_ms(report)
    if stamp is not None:
        near = [c for c in fitting if abs(c.at_ms - stamp) < _PLAUSIBLE_MS]
        if near:
            return min(near, key=lambda c: (abs(c.at_ms - stamp) // 1000, c.at_ms))
    return max(fitting, key=lambda c: c.at_ms)
