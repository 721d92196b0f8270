"""The life of a verification: its states, and the moves between them."""

from __future__ import annotations

from enum import StrEnum

from simcourier.errors import BugError


class VerificationStatus(StrEnum):
    """Where a verification stands; all but `pending` are final."""

    PENDING = "pending"
    APPROVED = "approved"
    EXPIRED = "expired"
    MAX_ATTEMPTS = "max_attempts"
    CANCELED = "canceled"
    FAILED = "failed"
    BLOCKED = "blocked"


VERIFICATION_MOVES: dict[VerificationStatus, frozenset[VerificationStatus]] = {
    status: frozenset(set(VerificationStatus) - {status})
    if status is VerificationStatus.PENDING
    else frozenset()
    for status in VerificationStatus
}
"""A closed verification never opens again: what was approved, used up or expired stays so."""


def check_verification_move(before: VerificationStatus, after: VerificationStatus) -> VerificationStatus:
    """Return `after`, or raise BugError where no verification may move so."""
    if after not in VERIFICATION_MOVES[before]:
        raise BugError(f"a verification can't move from {before} to {after}")
    return after
