"""Each code's fate at the network against what the appliance has on record: what was promised, counted.

A code accepted is never lost, never sent late, never sent twice without saying so, and never readable afterwards.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from simcourier.outbox.message import FINAL, MessageClass, OnUnknown, Status

_TOKEN = re.compile(r"\d{7}")
_REACHED = frozenset({Status.SENT, Status.DELIVERED, Status.UNDELIVERED})
_SHOWN = 12
_SLACK_S = 0.002
"""Times on record are whole milliseconds."""
_NEGLECT_S = 15.0
_UNHEARD_SHARE = 0.005
"""A report may be lost with the stick that just took it from the network."""


class Submitted(Protocol):
    """A line of network.jsonl."""

    monotonic_ns: int
    modem: str
    text: str
    part: int
    delivered: bool


def find_token(text: str) -> str | None:
    """The first seven digits in a row."""
    found = _TOKEN.search(text)
    return found and found[0]


@dataclass(slots=True)
class Accepted:
    """One message that the appliance took; `token` is what it and no other has in its text, once in each segment.

    Times are monotonic seconds.
    """

    token: str
    id: str
    to: str
    message_class: MessageClass
    at: float
    deadline: float
    segments: int
    on_unknown: OnUnknown
    modem: str | None = None


@dataclass(slots=True)
class Evidence:
    """What there is to judge by, at the monotonic time `now`."""

    records: Sequence[Submitted]
    """The network's."""
    rows: Callable[[str], Sequence[Any]]
    """Asks the appliance's database."""
    zero_ms: float
    """Milliseconds since 1970 when monotonic time was 0."""
    now: float
    idle: Sequence[tuple[float, int]] = ()
    """At some times, how many modems had nothing to do."""
    idle_every_s: float = 0.0
    reports_lost: int = 0
    """Those that were handed over while the daemon was down, and that no modem keeps."""
    token: Callable[[str], str | None] = find_token

    def seconds(self, at_ms: int) -> float:
        """A time on record as monotonic seconds."""
        return (at_ms - self.zero_ms) / 1000


@dataclass(slots=True)
class Copy:
    """One attempt as the network saw it: which parts of the message, from which modem."""

    modem: str
    first_at: float
    last_at: float
    parts: set[int]
    delivered: set[int]


@dataclass(slots=True)
class Told:
    """What the appliance has on record of one message; events as (seconds, status, detail)."""

    status: Status
    events: list[tuple[float, Status, str]]
    has_body: bool
    seconded: bool


@dataclass(slots=True)
class Verdict:
    """What became of a run: `wrong` holds a sentence for each promise that was broken."""

    wrong: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    copies: int = 0
    """Messages that the network saw more than once, each with the reason on record."""
    seconded: int = 0
    """Of these, through a second SIM."""
    accepted: int = 0
    at_network: int = 0
    unheard: int = 0
    """Messages that handsets got, and whose report never came through to the record."""

    @property
    def summary(self) -> str:
        """One line."""
        ends = ", ".join(f"{status} {count}" for status, count in self.ends.most_common())
        at_network = (
            f"{self.at_network} at the network, {self.copies} twice ({self.seconded} by a second SIM)"
        )
        return f"{self.accepted} accepted, {at_network}, {self.unheard} unheard; {ends}"

    def check(self) -> None:
        """Fail where a promise was broken."""
        if self.wrong:
            shown = "\n  ".join(self.wrong[:_SHOWN])
            raise AssertionError(f"{len(self.wrong)} broken promises ({self.summary}):\n  {shown}")


def judge(evidence: Evidence, accepted: dict[str, Accepted]) -> Verdict:
    """Compare the network's records with the database, once everything has ended."""
    verdict = Verdict(accepted=len(accepted))
    copies = _copies(evidence)
    told = _told(evidence)
    for token in copies.keys() - accepted.keys():
        verdict.wrong.append(f"{token}: at the network, and nobody sent it")
    for token, message in accepted.items():
        record = told.get(message.id)
        if record is None:
            verdict.wrong.append(f"{token}: accepted, and not on record")
            continue
        seen = copies.get(token, [])
        verdict.ends[record.status] += 1
        verdict.at_network += bool(seen)
        verdict.copies += len(seen) > 1
        verdict.seconded += len(seen) > 1 and record.seconded
        arrived = any(len(copy.delivered) == message.segments for copy in seen)
        verdict.unheard += arrived and record.status is Status.SENT
        for sentence in _broken(evidence, message, record, seen):
            verdict.wrong.append(f"{token} ({message.id}): {sentence}; {_history(record, message)}")
    if verdict.unheard > 2 + len(accepted) * _UNHEARD_SHARE + evidence.reports_lost:
        verdict.wrong.append(f"of {verdict.unheard} messages that handsets got, no report came through")
    return verdict


def _history(record: Told, message: Accepted) -> str:
    return ", ".join(f"{at - message.at:+.2f} {status}" for at, status, _ in record.events)


def _broken(evidence: Evidence, message: Accepted, record: Told, seen: list[Copy]) -> Iterable[str]:
    yield from _lost(message, record)
    yield from _neglected(evidence, message, record)
    yield from _late(message, seen)
    yield from _twice(record, seen)
    yield from _untrue(message, record, seen)
    if record.has_body and record.status in FINAL:
        yield f"it is {record.status}, and its text is still kept"
    if record.has_body and evidence.now > message.deadline + 60:
        yield "its text can still be read"


def _lost(message: Accepted, record: Told) -> Iterable[str]:
    last = record.events[-1][1]
    if last is not record.status:
        yield f"it is {record.status}, and its history ends with {last}"
    # A report that came later is told behind it, under the same state.
    ended_at, _, reason = next(
        (event for event in record.events if event[1] is record.status), (0.0, last, "")
    )
    match record.status:
        case Status.QUEUED | Status.SENDING:
            yield f"it is still {record.status}"
        case Status.FAILED if not reason:
            yield "it failed without a reason"
        case Status.EXPIRED if ended_at < message.deadline - 0.1:
            yield "it expired before its time"
        case Status.UNKNOWN if not any(status is Status.SENDING for _, status, _ in record.events):
            yield "nobody knows, and nobody tried"
        case _:
            pass


def _neglected(evidence: Evidence, message: Accepted, record: Told) -> Iterable[str]:
    """A message that any modem may take, and that nobody tried to send while some modem had nothing to do."""
    tried = any(status is Status.SENDING for _, status, _ in record.events)
    if record.status is not Status.EXPIRED or tried or message.modem is not None:
        return
    idle = sum(count > 0 for at, count in evidence.idle if message.at <= at <= message.deadline)
    idle_s = idle * evidence.idle_every_s
    if idle_s > _NEGLECT_S:
        yield f"it expired untried, and for {idle_s:.0f} s there was a modem that had nothing to do"


def _late(message: Accepted, seen: list[Copy]) -> Iterable[str]:
    for copy in seen:
        if copy.last_at > message.deadline + _SLACK_S:
            yield f"{copy.modem} sent it {copy.last_at - message.deadline:.3f} s after its deadline"


def _twice(record: Told, seen: list[Copy]) -> Iterable[str]:
    """Between two copies there must be `unknown`, or a second SIM, on record."""
    for earlier, later in itertools.pairwise(seen):
        between = [
            (status, detail)
            for at, status, detail in record.events
            if earlier.first_at - _SLACK_S <= at <= later.last_at + _SLACK_S
        ]
        said = any(status is Status.UNKNOWN for status, _ in between)
        if not said and not (record.seconded and (Status.SENT in {s for s, _ in between})):
            yield f"{earlier.modem} sent it, then {later.modem}, and nothing in between says so"
    doubts = sum(status is Status.UNKNOWN for _, status, _ in record.events)
    if len(seen) > 1 + doubts + record.seconded:
        yield f"{len(seen)} copies, unknown {doubts} times"


def _untrue(message: Accepted, record: Told, seen: list[Copy]) -> Iterable[str]:
    whole = [copy for copy in seen if len(copy.parts) == message.segments]
    doubted = any(status is Status.UNKNOWN for _, status, _ in record.events)
    match record.status:
        case Status.DELIVERED if not any(len(copy.delivered) == message.segments for copy in seen):
            yield "it is delivered, and no handset got it"
        case Status.SENT | Status.UNDELIVERED if not whole:
            yield f"it is {record.status}, and the network never had it"
        case Status.UNDELIVERED if all(len(copy.delivered) == message.segments for copy in whole):
            yield "it is undelivered, and the handset has it"
        case Status.FAILED | Status.EXPIRED | Status.CANCELED | Status.SUPERSEDED if seen and not doubted:
            yield f"it is {record.status}, and the network had it from {seen[0].modem}"
        case _:
            pass


# -- what there is -------------------------------------------------------------------------------------------------


def _copies(evidence: Evidence) -> dict[str, list[Copy]]:
    """By token, the attempts in the order of their first part: a modem sends a message again only in another attempt.

    The parts of one attempt follow one another on one modem, so a part that comes again begins a new one.
    """
    found: dict[str, list[Copy]] = defaultdict(list)
    for record in evidence.records:
        token = evidence.token(record.text)
        if token is None:
            continue
        copies, at = found[token], record.monotonic_ns / 1e9
        copy = copies[-1] if copies else None
        if copy is None or copy.modem != record.modem or record.part in copy.parts:
            copy = Copy(record.modem, at, at, set(), set())
            copies.append(copy)
        copy.parts.add(record.part)
        copy.last_at = at
        if record.delivered:
            copy.delivered.add(record.part)
    return found


def _told(evidence: Evidence) -> dict[str, Told]:
    events: dict[int, list[tuple[float, Status, str]]] = defaultdict(list)
    for n, at_ms, status, detail in evidence.rows(
        "SELECT message, at_ms, status, detail FROM message_events ORDER BY seq"
    ):
        events[n].append((evidence.seconds(at_ms), Status(status), detail or ""))
    rows = evidence.rows("SELECT n, id, status, body IS NOT NULL, seconded FROM messages")
    return {
        id_: Told(Status(status), events[n], bool(body), bool(seconded))
        for n, id_, status, body, seconded in rows
    }
