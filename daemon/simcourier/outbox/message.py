"""The life of a message: its states, the moves between them, and what is known of it while it waits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from simcourier.errors import BugError


class Status(StrEnum):
    """Where a message stands (daemon/DESIGN.md, "States")."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


MOVES: dict[Status, frozenset[Status]] = {
    # A queued message may be reported: it was in doubt, waits to be sent again, and the first copy arrived.
    Status.QUEUED: frozenset(
        {
            Status.SENDING,
            Status.EXPIRED,
            Status.SUPERSEDED,
            Status.CANCELED,
            Status.FAILED,
            Status.SENT,
            Status.DELIVERED,
        }
    ),
    # Delivered while sending: the first copy's report came while the second was on its way.
    Status.SENDING: frozenset(
        {
            Status.SENT,
            Status.QUEUED,
            Status.UNKNOWN,
            Status.FAILED,
            Status.EXPIRED,
            Status.SUPERSEDED,
            Status.DELIVERED,
        }
    ),
    # Queued again: no report came in the usual time, and the same code goes through another operator once more.
    Status.SENT: frozenset({Status.QUEUED, Status.DELIVERED, Status.UNDELIVERED}),
    Status.UNKNOWN: frozenset(
        {Status.QUEUED, Status.SENT, Status.DELIVERED, Status.UNDELIVERED, Status.SUPERSEDED}
    ),
    Status.DELIVERED: frozenset(),
    Status.UNDELIVERED: frozenset(),
    Status.FAILED: frozenset(),
    Status.EXPIRED: frozenset(),
    Status.SUPERSEDED: frozenset(),
    Status.CANCELED: frozenset(),
}
"""Every move that a message may make; all others are bugs."""

OWN_CLIENT = "simcourier"
"""Whose messages the box's own are: loop tests. No API key has this id."""

FINAL = frozenset(status for status, moves in MOVES.items() if not moves)


def check_move(before: Status, after: Status) -> Status:
    """Return `after`, or raise BugError where no message may move so."""
    if after not in MOVES[before]:
        raise BugError(f"a message can't move from {before} to {after}")
    return after


class MessageClass(StrEnum):
    """Who goes first when messages wait."""

    OTP = "otp"
    TRANSACTIONAL = "transactional"
    BULK = "bulk"

    @property
    def rank(self) -> int:
        """0 leaves first."""
        return _RANKS[self]


_RANKS = {MessageClass.OTP: 0, MessageClass.TRANSACTIONAL: 1, MessageClass.BULK: 2}
CLASS_OF_RANK = {rank: message_class for message_class, rank in _RANKS.items()}


class OnUnknown(StrEnum):
    """What follows when nobody can say whether a submit reached the network."""

    RESEND = "resend"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message that passed every check and waits to be written; times are wall-clock milliseconds."""

    id: str
    client: str
    message_class: MessageClass
    recipient: str
    sealed: bytes
    alphabet: str
    segments: int
    created_at_ms: int
    deadline_ms: int
    on_unknown: OnUnknown
    supersede_key: str | None = None
    reference: str | None = None
    modem: str | None = None
    region: str | None = None
    callback: str | None = None
    verification: int | None = None
    send_no: int | None = None
    replace_type: int | None = None
    prefer: str | None = None
    sandbox: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queued message as the dispatcher holds it; `n` orders it within its class.

    `prefer` is the modem that should take it where it is idle; unlike `modem`, it is not waited for. A `sandbox`
    message goes to sandbox modems only, and they take no other. One with an `other_network` goes through no SIM of
    that network, nor through one whose network nobody knows. `despite_bar`: it may leave through a SIM that is kept
    from sending (`Dispatcher.bar`), to see whether it still has to be.
    """

    n: int
    id: str
    rank: int
    recipient: str
    sealed: bytes
    segments: int
    created_at_ms: int
    deadline_ms: int
    on_unknown: OnUnknown
    modem: str | None
    attempts: int = 0
    refusals: int = 0
    doubts: int = 0
    avoid: frozenset[str] = frozenset()
    replace_type: int | None = None
    prefer: str | None = None
    sandbox: bool = False
    other_network: str | None = None
    despite_bar: bool = False

    @property
    def order(self) -> tuple[int, int]:
        """The place in the queue: class first, then age."""
        return self.rank, self.n

    def after_refusal(self, modem: str, *, elsewhere: bool) -> Waiting:
        """The message after a modem or the network refused it."""
        avoid = self.avoid | {modem} if elsewhere else self.avoid
        return replace(self, attempts=self.attempts + 1, refusals=self.refusals + 1, avoid=avoid)

    def after_failure(self, modem: str) -> Waiting:
        """The message after a modem failed before Ctrl-Z."""
        return replace(self, attempts=self.attempts + 1, avoid=self.avoid | {modem})

    def after_doubt(self, modem: str) -> Waiting:
        """The message after a submit whose outcome nobody can say."""
        return replace(self, attempts=self.attempts + 1, doubts=self.doubts + 1, avoid=self.avoid | {modem})
