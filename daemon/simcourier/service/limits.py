"""An admin's hand on the limits: see, change, lift, block; each change is on record in the audit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.engine import Connection

from simcourier import log
from simcourier.errors import RequestError
from simcourier.outbox import limits as record
from simcourier.outbox.audit import Entry
from simcourier.outbox.limits import Block, Book, Rule
from simcourier.service.budget import spent
from simcourier.service.clients import Client
from simcourier.service.guard import Guard
from simcourier.service.places import NumberCheck
from simcourier.service.rules import WINDOWS, Scope
from simcourier.service.targets import Target, Targets, Whom
from simcourier.service.tools import Tools
from simcourier.service.usages import place_of, read_usages
from simcourier.verify.destinations import Kind
from simcourier.verify.limits import DAY_MS, HOUR_MS, Share, Usage, within

T = TypeVar("T")
MOST_RULES = 10_000
"""Rules and blocks of an admin: all are kept in memory."""
ADMIN = "admin"
LONGEST_KEPT_MS = DAY_MS + HOUR_MS


@dataclass(frozen=True, slots=True)
class Bound:
    """A configured bound; the box's is of no kind."""

    kind: Kind | None
    scope: Scope
    window_s: int
    maximum: int


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """The box's day: segments accepted since midnight UTC; a maximum of 0 is none."""

    day: str
    segments: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Every rule and block that holds, and the day's budget."""

    rules: list[Rule]
    blocks: list[Block]
    budget: BudgetUse


@dataclass(frozen=True, slots=True)
class WindowUse:
    """How much of a window is used, and for how long it lets nothing through.

    A maximum of 0 is none. Window 0 is the gap between two codes: `maximum` are its first seconds.
    """

    kind: Kind
    target: Target
    window_s: int
    used: int
    maximum: int
    wait_ms: int


@dataclass(frozen=True, slots=True)
class Lookup:
    """What holds for a number (with its prefix and country), a country or a client.

    `shares` are of the codes that were confirmed, by those that enough codes were sent to.
    """

    uses: list[WindowUse]
    shares: list[tuple[Target, Share]]
    blocks: list[Block]


@dataclass(frozen=True, slots=True)
class Lifted:
    """Whose counts were forgotten, and whether a block was taken away as well."""

    target: Target
    counts: int
    unblocked: bool


class Limits:
    """The limits as an admin sees them; safe from any thread but the writer's. Raises RequestError."""

    def __init__(self, tools: Tools, guard: Guard) -> None:
        self._tools = tools
        self._guard = guard
        self._targets = Targets(guard.places)
        self._log = log.get("limits")

    # --- see ---

    def overview(self) -> Overview:
        """Every rule and block that holds, and the day's budget."""
        now_ms = self._tools.clock.wall_ms()
        day = self._guard.budget.place(now_ms)
        with self._tools.engine.connect() as connection:
            book = record.load_book(connection)
            usage = read_usages(connection, [day])[day]
        return Overview(
            [rule for _, rule in sorted(book.rules.items()) if rule.holds(now_ms)],
            [block for _, block in sorted(book.blocks.items()) if block.holds(now_ms)],
            BudgetUse(day[1], spent(usage), self._guard.budget.bound(now_ms)),
        )

    def configured(self) -> Iterator[Bound]:
        """Every bound of the configuration."""
        for scope, windows in WINDOWS.items():
            for kind in (None,) if scope is Scope.BOX else tuple(Kind):
                for window_s in windows:
                    maximum = self._guard.rules.default(kind or Kind.TEXT, scope, window_s)
                    yield Bound(kind, scope, window_s, maximum)

    def lookup(self, whom: Whom) -> Lookup:
        """What a number, prefix, country or client used of what it may."""
        now_ms = self._tools.clock.wall_ms()
        with self._tools.engine.connect() as connection:
            targets = self._targets.around(connection, whom)
            places = {(kind, one): place_of(kind, one.scope, one.key) for one in targets for kind in Kind}
            usages = read_usages(connection, set(places.values()))
            book = record.load_book(connection)
        of = {key: usages[place] for key, place in places.items()}
        shares = ((one, self._guard.share(of[Kind.CODE, one], now_ms)) for one in targets)
        blocks = (book.block(one.place, now_ms) for one in targets)
        return Lookup(
            [use for (kind, one), usage in of.items() for use in self._uses(kind, one, usage, now_ms)],
            [(one, share) for one, share in shares if share is not None],
            [block for block in blocks if block is not None],
        )

    def _uses(self, kind: Kind, target: Target, usage: Usage, now_ms: int) -> Iterator[WindowUse]:
        if target.scope is Scope.BOX:
            return
        for wait in self._guard.rules.waits(kind, target.place, usage, now_ms):
            used = within(usage.sent, wait.window_s * 1000, now_ms)
            yield WindowUse(kind, target, wait.window_s, used, wait.bound, wait.ms)

    def check_number(self, to: str, kind: Kind) -> NumberCheck:
        """What is known of a number without asking anybody, and whether this box sends to it."""
        return self._guard.places.check(to, kind)

    # --- change ---

    def set_rule(
        self, by: Client, kind: Kind, whom: Whom, window_s: int, maximum: int, for_s: int | None = None
    ) -> Rule:
        """Let another bound hold, for one or (key `*`) for all of a scope; 0 is none."""
        now_ms, until_ms = self._span(for_s)

        def work(connection: Connection) -> Rule | RequestError:
            target = self._targets.one(connection, whom, every=True)
            place = self._rule_place(kind, target, window_s)
            book = record.load_book(connection)
            if len(book.rules) >= MOST_RULES and place not in book.rules:
                return RequestError("policy-violation", "There are too many rules; drop some first.")
            rule = Rule(*place, maximum, target.shown, until_ms, now_ms, by.id)
            record.put_rule(connection, rule)
            self._audit(connection, by, "limit.set", target, f"{_said(*place)}: {maximum}", for_s)
            return rule

        return self._change(work)

    def drop_rule(self, by: Client, kind: Kind, whom: Whom, window_s: int) -> Target:
        """Let the configured bound hold again."""

        def work(connection: Connection) -> Target | RequestError:
            target = self._targets.one(connection, whom, every=True)
            place = self._rule_place(kind, target, window_s)
            if not record.drop_rule(connection, *place):
                return RequestError("not-found", "There is no such rule.")
            self._audit(connection, by, "limit.unset", target, _said(*place))
            return target

        return self._change(work)

    @staticmethod
    def _rule_place(kind: Kind, target: Target, window_s: int) -> tuple[str, str, str, int]:
        if window_s not in WINDOWS[target.scope]:
            raise RequestError("policy-violation", "This scope has no such window.", pointer="/window")
        owner = "" if target.scope is Scope.BOX else kind.value
        return owner, target.scope.value, target.key, window_s

    def lift(self, by: Client, whom: Whom) -> Lifted:
        """Forget what was counted, and unblock."""

        def work(connection: Connection) -> Lifted:
            target = self._targets.one(connection, whom)
            places = {place_of(kind, target.scope, target.key) for kind in Kind}
            if target.scope is Scope.BOX:
                places = {self._guard.budget.place(self._tools.clock.wall_ms())}
            counts = record.forget(connection, places)
            unblocked = record.drop_block(connection, target.place)
            self._audit(connection, by, "limit.lift", target, "counts and block" if unblocked else "counts")
            return Lifted(target, counts, unblocked)

        return self._change(work)

    def block(self, by: Client, whom: Whom, reason: str, for_s: int | None = None) -> Block:
        """Send nothing more there, of no kind, until it is unblocked or the time is over."""
        now_ms, until_ms = self._span(for_s)

        def work(connection: Connection) -> Block | RequestError:
            target = self._targets.one(connection, whom)
            if target.scope is Scope.BOX:
                return RequestError("policy-violation", "The box has a budget instead.", pointer="/scope")
            if len(record.load_book(connection).blocks) >= MOST_RULES:
                return RequestError("policy-violation", "There are too many blocks; lift some first.")
            block = Block(*target.place, ADMIN, target.shown, reason, now_ms, until_ms, by.id)
            record.put_block(connection, block)
            self._audit(connection, by, "limit.block", target, reason, for_s)
            return block

        return self._change(work)

    def unblock(self, by: Client, whom: Whom) -> Target:
        """Send there again; what was counted stays counted."""

        def work(connection: Connection) -> Target | RequestError:
            target = self._targets.one(connection, whom)
            if not record.drop_block(connection, target.place):
                return RequestError("not-found", "This is not blocked.")
            self._audit(connection, by, "limit.unblock", target, "")
            return target

        return self._change(work)

    # --- keep ---

    def tick(self) -> None:
        """Drop counts that no window holds any more, a batch at a time, and rules and blocks whose time is over."""
        now_ms = self._tools.clock.wall_ms()
        self._tools.writer.submit(lambda c: record.retire_book(c, now_ms), lambda _count: None, self._failed)
        self._drop_counts(now_ms - LONGEST_KEPT_MS)

    def _drop_counts(self, before_ms: int) -> None:
        def done(count: int) -> None:
            if count >= record.BATCH:
                self._tools.writer.call(lambda: self._drop_counts(before_ms))

        self._tools.writer.submit(lambda c: record.retire(c, before_ms), done, self._failed)

    def _failed(self, error: BaseException) -> None:
        self._log.error("old counts of limits can't be dropped", error=str(error)[:200])

    # --- how a change is made ---

    def _span(self, for_s: int | None) -> tuple[int, int | None]:
        now_ms = self._tools.clock.wall_ms()
        return now_ms, None if for_s is None else now_ms + for_s * 1000

    def _change(self, work: Callable[[Connection], T | RequestError]) -> T:
        """Do a work, and let every later send see what it changed."""

        def change(connection: Connection) -> tuple[T, Book] | RequestError:
            try:
                result = work(connection)
            except RequestError as error:
                # Nothing is written yet: whom the admin means is found first.
                return error
            return result if isinstance(result, RequestError) else (result, record.load_book(connection))

        def then(changed: tuple[T, Book]) -> None:
            self._guard.rules.replace(changed[1])

        return self._tools.writer.run(change, then)[0]

    def _audit(
        self,
        connection: Connection,
        by: Client,
        action: str,
        target: Target,
        detail: str,
        for_s: int | None = None,
    ) -> None:
        whom = f"{target.scope.value} {target.shown}"[:64]
        said = detail if for_s is None else f"{detail} (for {for_s} s)"
        entry = Entry(self._tools.clock.wall_ms(), by.id, action, whom, said, target.number_key)
        self._tools.audit.append(connection, entry)


def _said(kind: str, scope: str, _key: str, window_s: int) -> str:
    setting = WINDOWS[Scope(scope)][window_s]
    return f"{kind}.{setting}" if kind else setting
