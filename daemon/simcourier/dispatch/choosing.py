"""Find the next message of one side that leaves, and its SIM; in the writer's thread only."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from simcourier.dispatch import policy
from simcourier.dispatch.candidates import Candidate, Terms
from simcourier.dispatch.clock import Clock
from simcourier.dispatch.fleet import Fleet
from simcourier.dispatch.policy import Choice
from simcourier.dispatch.shares import Shares
from simcourier.dispatch.side import Side
from simcourier.dispatch.waiting import WaitingRoom
from simcourier.outbox.message import Waiting

_PATIENT = 8
"""Messages that wait for a better SIM than those free, at most; more than that take what there is."""
_LOOKED_AT = 8
"""Messages among which one is looked for that a free SIM suits, where it does not suit the first."""
_PASSED_OVER_S = 5.0
"""So long others may go before a message that the free SIMs suit less; then it takes what there is."""
_PASSED_OVER_KEPT = 1000


@dataclass(slots=True)
class Round:
    """What was found in one round of giving out: who waits for a better SIM, and what these SIMs have to do before."""

    deferred: set[int] = field(default_factory=set)
    promised_s: dict[str, float] = field(default_factory=dict)


class Chooser:
    """One side's messages and modems."""

    def __init__(
        self, room: WaitingRoom, side: Side, fleet: Fleet, terms: Terms, shares: Sequence[int], clock: Clock
    ) -> None:
        self.room = room
        self.side = side
        self._fleet = fleet
        self._varied = terms
        self._plain = replace(terms, varied=False)
        self._shares = Shares(shares)
        self._clock = clock
        self._changes = 0
        self._passed_over_at: dict[int, float] = {}

    @property
    def terms(self) -> Terms:
        """What decisions go by now."""
        matters = len(self.side.networks) > 1 or self._varied.operators.know_numbers
        return self._varied if matters else self._plain

    def is_ready(self) -> bool:
        """Is there a modem that could take a message?"""
        return bool(self.side.idle or self.side.aside)

    def begin(self) -> Round:
        """A new round: look again at what nobody could take where the modems are others by now."""
        if self._changes != self._fleet.changes:
            self._changes = self._fleet.changes
            self.room.revisit()
        return Round()

    def next(self, round_: Round) -> tuple[Waiting, Choice] | None:
        """Take out the next message that an idle SIM takes; None: nothing more leaves now."""
        if self.side.idle:
            waiting = self.room.ranks()
            for rank in self._shares.order(waiting):
                found = self._of_rank(rank, round_)
                if found is not None:
                    self._shares.took(rank, waiting)
                    self.room.take(found[0])
                    return found
        return self._test() if self.side.aside else None

    def _of_rank(self, rank: int, round_: Round) -> tuple[Waiting, Choice] | None:
        now_ms = self._clock.wall_ms()
        idle = self.side.idle
        if self.side.metered:
            idle = {name: c for name, c in idle.items() if _is_open(c, rank, now_ms)}
        if not idle:
            return None
        terms, unfit = self.terms, []
        passed: list[tuple[Waiting, Choice]] = []
        found: tuple[Waiting, Choice] | None = None
        for message in self.room.look(rank, idle):
            if message.n in round_.deferred:
                continue
            choice = self._choose(message, idle.values(), terms, now_ms)
            if choice is None:
                unfit.append(message)
            elif self._suits(message, choice, terms) or self._had_patience(message):
                found = message, choice
                break
            elif not self._waits(message, choice, round_, terms, now_ms):
                passed.append((message, choice))
                if len(passed) >= _LOOKED_AT or self._is_short:
                    break
        for message in unfit:
            self._set_aside(message, terms, now_ms)
        return self._pass_over(found, passed) if passed else found

    def _pass_over(
        self, found: tuple[Waiting, Choice] | None, passed: list[tuple[Waiting, Choice]]
    ) -> tuple[Waiting, Choice]:
        """One that the SIM suits goes before those that are older; the oldest does where there is none."""
        if found is None:
            found = passed[0]
        else:
            now = self._clock.monotonic()
            if len(self._passed_over_at) > _PASSED_OVER_KEPT:
                self._passed_over_at.clear()  # Most of them are gone; the others begin anew.
            for message, _choice in passed:
                self._passed_over_at.setdefault(message.n, now)
        self._passed_over_at.pop(found[0].n, None)
        return found

    def _had_patience(self, message: Waiting) -> bool:
        """Did others go before it for long enough?"""
        since = self._passed_over_at.get(message.n)
        return since is not None and self._clock.monotonic() - since >= _PASSED_OVER_S

    def _choose(
        self, message: Waiting, idle: Collection[Candidate], terms: Terms, now_ms: int
    ) -> Choice | None:
        if message.deadline_ms <= now_ms:
            return None
        if not self.side.metered and policy.is_plain(message, terms):
            return policy.choose_quick(message, idle)
        return policy.choose(message, idle, self.side.standing.values(), terms, now_ms)

    def _set_aside(self, message: Waiting, terms: Terms, now_ms: int) -> None:
        if message.deadline_ms <= now_ms:
            self.room.take(message)  # The expiry tick ends it; it must not leave.
            return
        able = policy.could(message, self.side.standing.values(), terms, now_ms)
        self.room.park(message, [c.modem for c in able])

    def _suits(self, message: Waiting, choice: Choice, terms: Terms) -> bool:
        """Is it about as good as any SIM could be?"""
        least_s = self.side.quickest_s * message.segments
        if terms.varied:
            one_each = {c.network: c for c in self.side.standing.values()}
            least_s += min(terms.delivery_s(c, message.recipient) for c in one_each.values())
        else:
            least_s += choice.delivery_s
        return choice.expected_s - least_s <= policy.CLEAR_S

    @property
    def _is_short(self) -> bool:
        """Do so few wait that each may choose?"""
        return self.room.total() <= len(self.side.standing)

    def _waits(self, message: Waiting, choice: Choice, round_: Round, terms: Terms, now_ms: int) -> bool:
        """Is a busy SIM worth waiting for? Only where few wait: in a backlog, who waits holds up another."""
        if not self._is_short or len(round_.deferred) >= _PATIENT:
            return False
        better = policy.sooner(message, choice, self._busy(round_), terms, now_ms)
        if better is None:
            return False
        round_.deferred.add(message.n)
        promised_s = round_.promised_s.get(better.modem, 0.0)
        round_.promised_s[better.modem] = promised_s + better.submit_s * message.segments
        return True

    def _busy(self, round_: Round) -> Iterator[tuple[Candidate, float]]:
        for candidate, wait_s in self._fleet.busy(self.side, self._clock.monotonic()):
            yield candidate, wait_s + round_.promised_s.get(candidate.modem, 0.0)

    def more_follow(self, candidate: Candidate) -> bool:
        """Will this modem, which was given a message, get another one right behind it?"""
        if not self.room.has_more_for(candidate.modem, len(self.side.idle)):
            return False
        return candidate.meter is None or _is_open(candidate, 0, self._clock.wall_ms())

    def _test(self) -> tuple[Waiting, Choice] | None:
        """A message that is to show whether a barred SIM works again."""
        now_ms = self._clock.wall_ms()
        for modem, candidate in self.side.aside.items():
            for rank in self.room.ranks():
                for message in self.room.look_pinned(rank, modem):
                    choice = self._choose(message, [candidate], self.terms, now_ms)
                    if choice is not None:
                        self.room.take(message)
                        return message, choice
        return None


def _is_open(candidate: Candidate, rank: int, now_ms: int) -> bool:
    return candidate.meter is None or candidate.meter.refusal(rank, 1, None, now_ms) is None
