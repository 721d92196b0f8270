"""What an earlier start of the daemon left in `sending`: nobody can say whether it left, so it is `unknown`."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.engine import Connection

from simcourier.outbox import lanes, reports, store
from simcourier.outbox.message import OnUnknown, Status, Waiting

_DETAIL = "the daemon ended while the submit was under way"


def recover(connection: Connection, now_ms: int, max_resends: int) -> tuple[int, int]:
    """Settle every stranded message; returns how many were in doubt and how many of these will be sent again."""
    resent = 0
    stranded = lanes.stranded(connection)
    for message in stranded:
        store.parts_ended(connection, message.n, message.attempts, "in-doubt", _DETAIL, awaiting=True)
        # The attempt was counted when it was claimed.
        doubtful = replace(message.after_doubt(""), attempts=message.attempts, avoid=message.avoid)
        after = doubt(connection, doubtful, now_ms, max_resends, modem=None, detail=_DETAIL)
        resent += after is Status.QUEUED
    return len(stranded), resent


def doubt(
    connection: Connection,
    message: Waiting,
    now_ms: int,
    max_resends: int,
    *,
    modem: str | None,
    detail: str,
) -> Status | None:
    """Put `unknown` on record and, where policy and time allow, queue the message again.

    Returns where the message stands then; None where it was not `sending` any more.
    """
    if not store.move(
        connection,
        message.n,
        Status.SENDING,
        Status.UNKNOWN,
        now_ms,
        modem=modem,
        detail=detail,
        doubts=message.doubts,
    ):
        return None
    if message.doubts > 1 or message.other_network is not None:
        # Of a second copy too: the first left for certain, so there is no third.
        settled = reports.settle_after_submit(connection, message.n, Status.UNKNOWN, now_ms)
        if settled is not None:
            return settled
    if message.on_unknown is OnUnknown.HOLD or message.doubts > max_resends or message.deadline_ms <= now_ms:
        return Status.UNKNOWN
    again = "sent again: on_unknown is resend"
    return store.requeue(connection, message, Status.UNKNOWN, 0, now_ms, again)
