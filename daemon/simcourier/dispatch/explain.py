"""Say in words why a SIM was taken for a message, or why none is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import assert_never

from simcourier import log
from simcourier.dispatch.candidates import FAILURES_TO_REST, WEAK_DBM, Candidate, Terms
from simcourier.dispatch.policy import Choice, Judged, Why
from simcourier.modem.facts import ModemSnapshot
from simcourier.modem.states import CAN_TAKE_JOBS
from simcourier.outbox.message import Waiting

_OTHER_SIDE = "one of the two is of the sandbox"
_ANOTHER = "the message is for another modem"
_OF_NO_USE = frozenset({_OTHER_SIDE, _ANOTHER})
"""What keeps a SIM from a message for good."""
_MOST_LOOKED_AT = 16

_log = log.get("dispatch")


@dataclass(frozen=True, slots=True)
class SimView:
    """One SIM and one message: may it take it now, why (not), when it would arrive, and until when not.

    `detail` is for those who look after the box.
    """

    modem: str
    may: bool
    why: str
    detail: str = ""
    expected_s: float | None = None
    until_ms: int | None = None
    away: bool = False
    """Its modem can't send whatever there is, or was paused."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a message that waits does so; `next_try_ms` where that is at a known time (wall-clock ms)."""

    why: str
    next_try_ms: int | None
    sims: Sequence[SimView]


def taken(message: Waiting, choice: Choice, terms: Terms) -> str:
    """Why this SIM was taken, in at most 200 characters."""
    candidate = choice.candidate
    if message.modem is not None:
        return "it was asked for by name"
    if choice.fallback:
        return "it failed this message before, but no other can take it"
    said = []
    if message.other_network is not None:
        said.append("a SIM of another operator")
    if message.prefer == candidate.modem:
        said.append("the message before it went this way")
    if terms.varied:
        said += _of_operator(message, candidate, terms, "no SIM of the recipient's operator was sooner")
    said.append("the only one free and fit" if choice.of == 1 else f"the best of {choice.of} free")
    if terms.varied:
        said.append(f"about {choice.expected_s:.0f} s expected")
    return "; ".join(said)


def _of_operator(message: Waiting, candidate: Candidate, terms: Terms, else_: str) -> list[str]:
    home = terms.operators.home_of(message.recipient)
    if not home:
        return []
    return ["its operator is the recipient's" if home == candidate.operator else else_]


def seen(message: Waiting, judged: Judged, terms: Terms) -> SimView:
    """What is to be said of one SIM that can send."""
    candidate, why = judged.candidate, judged.why
    if why is not None:
        until_ms = judged.refusal.until_ms if judged.refusal is not None else None
        detail = candidate.barred if why is Why.BARRED else ""
        return SimView(candidate.modem, False, _objection(judged, why), detail, until_ms=until_ms)
    said = ["free" if judged.wait_s <= 0 else f"busy for about {judged.wait_s:.0f} s"]
    said += _of_operator(message, candidate, terms, "not of the recipient's operator")
    said += _troubles(candidate)
    return SimView(candidate.modem, True, ", ".join(said), expected_s=round(judged.expected_s, 1))


def _objection(judged: Judged, why: Why) -> str:
    match why:
        case Why.OTHER_SIDE:
            return _OTHER_SIDE
        case Why.PINNED:
            return _ANOTHER
        case Why.BARRED:
            return "its SIM is kept from sending"
        case Why.SAME_NETWORK:
            known = (
                "of the same operator as the first copy's"
                if judged.candidate.network
                else "of no known operator"
            )
            return f"its SIM is {known}"
        case Why.PACE:
            bound = judged.refusal.bound if judged.refusal is not None else "what is allowed"
            return f"over its pace of {bound}"
        case Why.FAILED:
            return "it failed this message"
        case _:
            assert_never(why)


def _troubles(candidate: Candidate) -> list[str]:
    said = []
    if candidate.roaming:
        said.append("roams")
    if candidate.signal_dbm is not None and candidate.signal_dbm <= WEAK_DBM:
        said.append(f"weak signal ({candidate.signal_dbm} dBm)")
    if candidate.failures >= FAILURES_TO_REST:
        said.append(f"{candidate.failures} recoveries without a finished message")
    return said


class Unsent:
    """Says of messages that expire in one go what kept each until then.

    Where no SIM can send at all, that is the same for all but those that are for one modem. Else each is looked at by
    itself, as far as that holds up nobody: no more than `_MOST_LOOKED_AT`.
    """

    def __init__(self, explained: Callable[[Waiting, int], Explanation], began_ms: int) -> None:
        self._explained = explained
        self._began_ms = began_ms
        self._left = _MOST_LOOKED_AT
        self._said: dict[bool, str] = {}
        """Of all that are of the sandbox, and of all others."""

    def __call__(self, message: Waiting, due_ms: int) -> str:
        """Why this one was never taken; empty where that can't be said."""
        if message.deadline_ms <= self._began_ms:
            return "the box did not run then"
        if due_ms > message.deadline_ms:
            return "its next try would have been later"
        if message.modem is None and message.sandbox in self._said:
            return self._said[message.sandbox]
        if not self._left:
            return ""
        self._left -= 1
        try:
            told = self._explained(message, due_ms)
        except Exception as error:
            # What is said of an end must not stand in its way: the code is wiped by it.
            _log.error("a fault of this program", part="Unsent", error=repr(error)[:200])
            return ""
        said = unsent(told, message.modem)
        if message.modem is None and all(view.away for view in told.sims):
            self._said[message.sandbox] = said
        return said


def unsent(told: Explanation, modem: str | None) -> str:
    """What kept a message, which was for this modem or for any, until it was too late, in some words."""
    views = [view for view in told.sims if modem in (None, view.modem)]
    able = [view for view in views if view.may]
    if able:
        return f"{able[0].modem} would have been the best for it, {able[0].why}"
    whys = Counter(view.why for view in views if view.why not in _OF_NO_USE)
    kept = [f"{why} ({count})" if count > 1 else why for why, count in whys.most_common()]
    return f"{told.why}: {', '.join(kept)}" if kept else told.why


def away(snapshot: ModemSnapshot, *, paused: bool) -> SimView:
    """A modem that can't send, or was paused."""
    if paused and snapshot.state in CAN_TAKE_JOBS:
        return SimView(snapshot.name, False, "paused", away=True)
    return SimView(snapshot.name, False, str(snapshot.state), snapshot.reason, away=True)


def waiting(sims: Iterable[SimView], due_ms: int, now_ms: int, ahead: int) -> Explanation:
    """Why a message waits: `due_ms` is from when on it may leave, `ahead` how many are before it at most."""
    views = list(sims)
    able = [view for view in views if view.may]
    if due_ms > now_ms:
        return Explanation("it waits for its next try", due_ms, views)
    if able:
        before = f"; at most {ahead} wait before it" if ahead else ""
        best = able[0]
        return Explanation(f"{best.modem} is the best for it, {best.why}{before}", None, views)
    opens = [view.until_ms for view in views if view.until_ms is not None]
    if opens:
        return Explanation("no SIM may take it now", min(opens), views)
    return Explanation("no SIM can take it now" if views else "no modem was ever seen", None, views)
