"""Which SIM takes which message: pure decisions on plain values."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from simcourier.outbox.message import Waiting
from simcourier.sms.causes import Verdict

BACKOFF_MS = (2_000, 4_000, 8_000, 16_000, 30_000)
"""How long a refused message waits before its next try, by refusals so far."""


FAILURES_TO_REST = 3
"""Recoveries without a finished submit after which a modem is taken only where no other is idle."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A modem that could take a message now; `last_used` is monotonic seconds."""

    modem: str
    failures: int = 0
    signal_dbm: int | None = None
    last_used: float = 0.0
    sandbox: bool = False

    @property
    def preference(self) -> tuple[bool, float]:
        """The one that rested longest; those that fail again and again after all others.

        A modem that has just recovered rested longest: its next message shows soon whether it is well.
        """
        return self.failures >= FAILURES_TO_REST, self.last_used


def choose(message: Waiting, idle: Collection[Candidate], operational: Collection[str]) -> str | None:
    """The modem that takes this message now, or None to let it wait.

    `operational` are the modems of the message's side that can send or are sending. A pinned message waits for its
    modem. A modem that failed this message gets it again only where no other is operational. A message and a
    modem of which only one is of the sandbox never meet, whatever the caller mixed up before.
    """
    idle = [candidate for candidate in idle if candidate.sandbox == message.sandbox]
    if message.modem is not None:
        return message.modem if any(c.modem == message.modem for c in idle) else None
    fresh = [c for c in idle if c.modem not in message.avoid]
    if not fresh:
        others = [name for name in operational if name not in message.avoid]
        if others:
            return None
        fresh = idle
    if any(c.modem == message.prefer for c in fresh):
        return message.prefer
    return min(fresh, key=lambda c: c.preference).modem if fresh else None


@dataclass(frozen=True, slots=True)
class Retry:
    """What follows a refusal: `delay_ms` None means that the message has failed."""

    delay_ms: int | None
    elsewhere: bool
    care: bool


def after_refusal(message: Waiting, verdict: Verdict, max_attempts: int, *, alone: bool) -> Retry:
    """Decide on a refused message; `alone` says that no other modem is operational."""
    refusals = message.refusals + 1
    care = verdict is Verdict.CARE
    if verdict is Verdict.NEVER or refusals >= max_attempts:
        return Retry(None, elsewhere=False, care=care)
    backoff = BACKOFF_MS[min(refusals, len(BACKOFF_MS)) - 1]
    if verdict is Verdict.AGAIN_HERE:
        return Retry(backoff, elsewhere=False, care=False)
    return Retry(backoff if alone or message.modem is not None else 0, elsewhere=True, care=care)
