"""What an earlier start of the daemon left in `sending`: nobody can say whether it left, so it is `unknown`."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.engine import Connection

from simcourier.outbox import reports, store
from simcourier.outbox.message import OnUnknown, Status, Waiting

_DETAIL = "the daemon ended while the submit was under way"


def recover(connection: Connection, now_ms: int, max_resends: int) -> tuple[int, int]:
    """Settle every stranded message; returns how many were in doubt and how many of these will be sent again."""
    resent = 0
    stranded = store.stranded(connection)
    for message in stranded:
        store.parts_ended(connection, message.n, message.attempts, "in-doubt", _DETAIL, awaiting=True)
        # The attempt was counted when it was claimed.
        doubtful = replace(message.after_doubt(""), attempts=message.attempts, avoid=message.avoid)
        resent += doubt(connection, doubtful, now_ms, max_resends, modem=None, detail=_DETAIL)
    return len(stranded), resent


def doubt(
    connection: Connection, message: Waiting, now_ms: int, max_resends: int, *, modem: str | None, detail: str
) -> bool:
    """Put `unknown` on record and, where policy and time allow, queue the message again; True where it was."""
    store.move(
        connection,
        message.n,
        Status.SENDING,
        Status.UNKNOWN,
        now_ms,
        modem=modem,
        detail=detail,
        doubts=message.doubts,
    )
    if message.doubts > 1 and reports.settle_after_submit(connection, message.n, Status.UNKNOWN, now_ms):
        return False
    if message.on_unknown is OnUnknown.HOLD or message.doubts > max_resends or message.deadline_ms <= now_ms:
        return False
    return store.requeue(
        connection, message, Status.UNKNOWN, now_ms, now_ms, "sent again: on_unknown is resend"
    )
