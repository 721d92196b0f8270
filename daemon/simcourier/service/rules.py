"""What bounds hold now: the configured ones, or what an admin set instead; and what is blocked."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy.engine import Connection

from simcourier.config import Limits
from simcourier.outbox import limits as record
from simcourier.outbox.limits import Block, Book, Key
from simcourier.verify.destinations import Kind
from simcourier.verify.limits import Usage, gap_wait_ms, wait_ms

GAP_S = 0
"""Stands for `number_gap` where a window is named by its seconds."""
SECOND_S = 1
DAY_S = 86_400
BOX_KEY = "day"
_BOOK_EVERY_MS = 60_000


class Scope(StrEnum):
    """What is counted; a refusal names it as `scope`."""

    NUMBER = "number"
    PREFIX = "prefix"
    COUNTRY = "country"
    CLIENT = "client"
    BOX = "box"


WINDOWS: dict[Scope, dict[int, str]] = {
    Scope.NUMBER: {
        GAP_S: "number_gap",
        600: "number_10_minutes",
        3600: "number_hour",
        86_400: "number_day",
    },
    Scope.PREFIX: {3600: "prefix_hour"},
    Scope.COUNTRY: {3600: "country_hour"},
    Scope.CLIENT: {SECOND_S: "client_second", 3600: "client_hour"},
    Scope.BOX: {DAY_S: "box_segments_day"},
}
"""The windows of each scope in seconds, and the setting that bounds it: of `Quota`, and for the box of `Limits`."""


class Wait(NamedTuple):
    """A window, what bounds it, and for how many milliseconds it lets nothing through."""

    window_s: int
    bound: int
    ms: int


LONGEST_MS = {scope: max(windows) * 1000 for scope, windows in WINDOWS.items()}
"""How long a send counts for a scope."""


class Rules:
    """The bounds. Changed in the writer's thread only; other threads read what was true a moment ago."""

    def __init__(self, config: Limits) -> None:
        self._quotas = {Kind.CODE: config.verifications, Kind.TEXT: config.messages}
        self._defaults = {
            (kind, scope, window_s): int(getattr(config if scope is Scope.BOX else quota, setting))
            for kind, quota in self._quotas.items()
            for scope, windows in WINDOWS.items()
            for window_s, setting in windows.items()
        }
        self._loaded_at_ms: int | None = None
        self._counted: frozenset[tuple[Kind, Scope]] = frozenset()
        self.replace(Book())

    def stale(self) -> None:
        """Rules or blocks were changed: read them anew at the next look."""
        self._loaded_at_ms = None

    def replace(self, book: Book) -> None:
        """Rules or blocks were changed to these; in the writer's thread, behind the commit."""
        bounded = {(kind, scope) for (kind, scope, _), bound in self._defaults.items() if bound}
        ruled = {(Kind(kind), Scope(scope)) for kind, scope, _, _ in book.rules if kind}
        self._counted = frozenset(bounded | ruled)
        self.book = book

    def refresh(self, connection: Connection, now_ms: int) -> Book:
        """The rules and blocks as they are on disk, from memory where nothing changed."""
        # Once a minute also without a change: a transaction that was rolled back must leave no phantom here.
        if self._loaded_at_ms is None or not 0 <= now_ms - self._loaded_at_ms < _BOOK_EVERY_MS:
            self.replace(record.load_book(connection))
            self._loaded_at_ms = now_ms
        return self.book

    def bound(self, kind: Kind, place: Key, window_s: int, now_ms: int) -> int:
        """How often at most in this window; 0: without a bound. Of the gap: its seconds."""
        scope = Scope(place[0])
        owner = "" if scope is Scope.BOX else kind.value
        return self.book.bound(owner, place, window_s, self.default(kind, scope, window_s), now_ms)

    def default(self, kind: Kind, scope: Scope, window_s: int) -> int:
        """What the configuration says."""
        return self._defaults[kind, scope, window_s]

    def waits(self, kind: Kind, place: Key, usage: Usage, now_ms: int) -> Iterator[Wait]:
        """How long each window that is kept on disk lets nothing more through."""
        for window_s in WINDOWS[Scope(place[0])]:
            bound = self.bound(kind, place, window_s, now_ms)
            if window_s == GAP_S:
                longest_s = self._quotas[kind].number_gap_max
                yield Wait(window_s, bound, gap_wait_ms(usage.sent, bound, longest_s, now_ms))
            elif window_s != SECOND_S:
                yield Wait(window_s, bound, wait_ms(usage.sent, window_s * 1000, bound, now_ms))

    def counts(self, kind: Kind, scope: Scope) -> bool:
        """Does anything bound this scope, so that its counts are wanted?"""
        return (kind, scope) in self._counted

    def block(self, place: Key, now_ms: int) -> Block | None:
        """The block that holds there."""
        return self.book.block(place, now_ms)
