"""What follows where a modem or the network refused a message: pure decisions on plain values."""

from __future__ import annotations

from dataclasses import dataclass

from simcourier.outbox.message import Waiting
from simcourier.sms.causes import Verdict

BACKOFF_MS = (2_000, 4_000, 8_000, 16_000, 30_000)
"""How long a refused message waits before its next try, by refusals so far."""


@dataclass(frozen=True, slots=True)
class Retry:
    """What follows a refusal: `delay_ms` None means that the message has failed.

    `elsewhere`: this modem is avoided from now on; `other_operator`: so is every SIM of the same operator.
    """

    delay_ms: int | None
    elsewhere: bool
    care: bool
    other_operator: bool = False


def after_refusal(
    message: Waiting, verdict: Verdict, max_attempts: int, *, alone: bool, other_operator: bool = False
) -> Retry:
    """Decide on a refused message; `alone` says that no other SIM could take it soon.

    What lies with the number is tried nowhere again, and a phone that can't take it now is waited for. So is a
    network, unless a SIM of another operator (`other_operator`: there is one) may do it at once.
    """
    refusals = message.refusals + 1
    care = verdict is Verdict.CARE
    if verdict is Verdict.NEVER or refusals >= max_attempts:
        return Retry(None, elsewhere=False, care=care)
    backoff = BACKOFF_MS[min(refusals, len(BACKOFF_MS)) - 1]
    if verdict is Verdict.LATER:
        return Retry(backoff, elsewhere=False, care=False)
    if verdict is Verdict.AGAIN_HERE:
        if other_operator and message.modem is None:
            return Retry(0, elsewhere=True, care=False, other_operator=True)
        return Retry(backoff, elsewhere=False, care=False)
    return Retry(backoff if alone or message.modem is not None else 0, elsewhere=True, care=care)
