"""Which SIM takes which message, and why: pure decisions on plain values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import NamedTuple

from simcourier.dispatch.candidates import USUAL_S, Candidate, Terms
from simcourier.dispatch.pace import Refusal
from simcourier.outbox.message import Waiting

ALIKE_S = 2.0
"""SIMs that differ by less are as good as each other: the one that rested longest is taken."""
CLEAR_S = 3.0
"""A busy SIM is waited for only where that is sooner by more than this."""
SOON_MS = 30_000
"""A SIM that failed a message is left out for one that rests only where that may send by then."""


class Why(StrEnum):
    """Why a SIM may not take a message."""

    OTHER_SIDE = "other-side"
    """Only one of the two is of the sandbox."""
    PINNED = "pinned"
    BARRED = "barred"
    SAME_NETWORK = "same-network"
    """A second copy goes through another operator than the first."""
    PACE = "pace"
    FAILED = "failed"
    """It failed this message, and another could take it."""


def bound(message: Waiting, candidate: Candidate, terms: Terms, now_ms: int) -> Refusal | None:
    """What the pace of this SIM has against the message now."""
    meter = candidate.meter
    if meter is None:
        return None
    key = terms.number_key(message.recipient) if meter.pace.recipients_month else None
    return meter.refusal(message.rank, message.segments, key, now_ms)


def objection(message: Waiting, candidate: Candidate, terms: Terms, now_ms: int) -> Why | None:
    """Why this SIM may never take this message, or not now; None where it may. Earlier failures are left out."""
    if candidate.sandbox != message.sandbox:
        return Why.OTHER_SIDE
    if message.modem is not None and message.modem != candidate.modem:
        return Why.PINNED
    if candidate.barred and (candidate.barred_to_tests or not message.despite_bar):
        return Why.BARRED
    if message.other_network is not None and not _is_other(message.other_network, candidate, terms):
        return Why.SAME_NETWORK
    if candidate.meter is not None and bound(message, candidate, terms, now_ms) is not None:
        return Why.PACE
    return None


def _is_other(network: str, candidate: Candidate, terms: Terms) -> bool:
    """Is this a SIM of another operator for certain? Where nobody knows its network, it is not."""
    if not candidate.network or candidate.network == network:
        return False
    return candidate.operator != terms.operators.key(network)


def could(message: Waiting, all_: Iterable[Candidate], terms: Terms, now_ms: int) -> list[Candidate]:
    """The SIMs that could take the message in its life, busy ones too; none that failed it where others soon can."""
    able = [c for c in all_ if _could(message, c, terms, now_ms, message.deadline_ms)]
    if not message.avoid or not elsewhere(message, able, terms, now_ms):
        return able
    return [c for c in able if c.modem not in message.avoid]


def elsewhere(
    message: Waiting, all_: Iterable[Candidate], terms: Terms, now_ms: int, modem: str | None = None
) -> list[Candidate]:
    """The SIMs that never failed this message and could take it soon, busy ones too; without the one in `modem`."""
    by_ms = min(message.deadline_ms, now_ms + SOON_MS)
    fresh = (c for c in all_ if c.modem != modem and c.modem not in message.avoid)
    return [c for c in fresh if _could(message, c, terms, now_ms, by_ms)]


def _could(message: Waiting, candidate: Candidate, terms: Terms, now_ms: int, by_ms: int) -> bool:
    against = objection(message, candidate, terms, now_ms)
    if against is not Why.PACE:
        return against is None
    refusal = bound(message, candidate, terms, now_ms)
    return refusal is None or refusal.until_ms < by_ms


class Choice(NamedTuple):
    """The SIM that is the best of the `of` ones at hand and fit; in `expected_s` the phone has the message.

    `delivery_s` of that is the network's. `fallback`: it failed this message, and no other could take it.
    """

    candidate: Candidate
    expected_s: float
    delivery_s: float
    of: int
    fallback: bool = False


def choose(
    message: Waiting, idle: Collection[Candidate], everyone: Collection[Candidate], terms: Terms, now_ms: int
) -> Choice | None:
    """The idle SIM that takes this message now, or None to let it wait.

    `everyone` is all that can send or are sending. A modem that failed this message gets it again only where no
    other could take it soon. A message and a modem of which only one is of the sandbox never meet, whatever the
    caller mixed up before.
    """
    fit = [c for c in idle if objection(message, c, terms, now_ms) is None]
    fallback = False
    if message.avoid:
        fresh = [c for c in fit if c.modem not in message.avoid]
        if not fresh and fit and message.modem is None and elsewhere(message, everyone, terms, now_ms):
            return None
        fallback = not fresh
        fit = fresh or fit
    if not fit:
        return None
    if message.prefer is not None:
        fit = [c for c in fit if c.modem == message.prefer] or fit
    return _best(message, fit, terms, fallback=fallback)


def is_plain(message: Waiting, terms: Terms) -> bool:
    """May any SIM without bounds take it, each as well as another of its speed? Then `choose_quick` will do."""
    if terms.varied or message.avoid:
        return False
    return message.modem is None and message.prefer is None and message.other_network is None


def choose_quick(message: Waiting, idle: Collection[Candidate]) -> Choice:
    """The same as `choose`, for a plain message and at least one idle SIM of its side, none of them bounded or barred.

    Under load each message passes here, and most are plain.
    """
    segments = message.segments
    times = [(c.submit_s * segments + c.burden_s, c) for c in idle]
    best_s, best = times[0]
    if len(times) > 1:
        limit = min(time for time, _ in times) + ALIKE_S
        last_used = inf
        for time, candidate in times:
            if time <= limit and candidate.last_used < last_used:
                best_s, best, last_used = time, candidate, candidate.last_used
    return Choice(best, best_s + USUAL_S, USUAL_S, len(times))


def own_s(message: Waiting, candidate: Candidate) -> float:
    """Seconds that the submit takes, and what the SIM's own troubles add."""
    return candidate.submit_s * message.segments + candidate.burden_s


def _best(message: Waiting, fit: Sequence[Candidate], terms: Terms, *, fallback: bool) -> Choice:
    deliveries = terms.deliveries_s(fit, message.recipient)
    times = [own_s(message, c) + delivery_s for c, delivery_s in zip(fit, deliveries, strict=True)]
    limit = min(times) + ALIKE_S
    best = min((i for i, time in enumerate(times) if time <= limit), key=lambda i: fit[i].last_used)
    return Choice(fit[best], times[best], deliveries[best], len(fit), fallback)


def sooner(
    message: Waiting, choice: Choice, busy: Iterable[tuple[Candidate, float]], terms: Terms, now_ms: int
) -> Candidate | None:
    """The busy SIM that is worth waiting for: with its wait in seconds it is sooner than the choice, clearly."""
    best: Candidate | None = None
    limit = choice.expected_s - max(CLEAR_S, choice.expected_s / 5)
    for candidate, wait_s in busy:
        cost = wait_s + own_s(message, candidate) + terms.delivery_s(candidate, message.recipient)
        if cost < limit and candidate.modem not in message.avoid:
            if objection(message, candidate, terms, now_ms) is not None:
                continue
            best, limit = candidate, cost
    return best


@dataclass(frozen=True, slots=True)
class Judged:
    """What is to be said of one SIM for one message: an objection, or when it would be delivered.

    `wait_s` is how long it is busy still, and `refusal` what its pace has against it.
    """

    candidate: Candidate
    why: Why | None
    expected_s: float
    wait_s: float = 0.0
    refusal: Refusal | None = None


def rank(
    message: Waiting, candidates: Iterable[tuple[Candidate, float]], terms: Terms, now_ms: int
) -> list[Judged]:
    """Judge every SIM, each given with how long it is busy: those that may take it by time, then the others."""
    given = list(candidates)
    allowed = {c.modem for c in could(message, (c for c, _wait_s in given), terms, now_ms)}
    judged = []
    for candidate, wait_s in given:
        why = objection(message, candidate, terms, now_ms)
        if why is None and candidate.modem in message.avoid and candidate.modem not in allowed:
            why = Why.FAILED
        refusal = bound(message, candidate, terms, now_ms) if why is Why.PACE else None
        total_s = wait_s + own_s(message, candidate) + terms.delivery_s(candidate, message.recipient)
        judged.append(Judged(candidate, why, total_s, wait_s, refusal))
    return sorted(judged, key=lambda j: (j.why is not None, j.expected_s, j.candidate.last_used))
