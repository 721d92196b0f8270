"""Prove that the audit is whole: walk its chain, and compare its end with the one that was put on file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from simcourier.outbox import audit
from simcourier.outbox.audit import Audit, Link, Row
from simcourier.outbox.audit_head import HEAD_LOST, Break, Finding, HeadFile, told_time

_STRETCH = 1000
MOST_FINDINGS = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk along the whole chain found; no findings: it is whole."""

    checked: int
    first: int
    last: int
    findings: list[Finding]
    notes: list[Finding] = field(default_factory=list)
    """What an admin may have done, or somebody else: entries that say that the end on file was missing."""


class Walk:
    """Walks the whole chain, a stretch at a time, so that it keeps neither memory nor the database busy."""

    def __init__(self, engine: Engine, chain: Audit, directory: Path) -> None:
        self._engine = engine
        self._audit = chain
        self._head = HeadFile(chain, directory)
        self._findings: list[Finding] = []
        self._notes: list[Finding] = []
        # Entries that lost their number, and how many the erasures behind them say there are.
        self._numberless: list[int] = []
        self._erased = 0
        self._before = audit.START
        self._first = 1
        # Nothing before the first row can be proven where somebody else set the beginning.
        self._proven = True

    def verify(self, progress: Callable[[int, int], None] = lambda _done, _of: None) -> Verdict:
        """Check every row; `progress` is told how many of how many were."""
        self._begin()
        with self._engine.connect() as connection:
            end = audit.last(connection).seq
        checked = 0
        for row in self._rows():
            self._check(row)
            checked += 1
            if checked % _STRETCH == 0:
                progress(checked, max(checked, end - self._first + 1))
        progress(checked, checked)
        self._count_the_erased()
        self._compare_the_end()
        return Verdict(checked, self._first, self._before.seq, self._findings, self._notes)

    def _begin(self) -> None:
        with self._engine.connect() as connection:
            anchor = self._audit.anchor(connection)
            first = next(iter(audit.stretch(connection, 0, 1)), None)
        if anchor is not None:
            self._before = anchor
            self._first = anchor.seq + 1
            return
        words = "the place from which the audit goes on was not set by this box: older entries were removed"
        seq = 0 if first is None else first.seq
        self._find(Break.FORGED_BEGINNING, seq, None if first is None else told_time(first), words)
        self._proven = False
        self._first = seq
        if first is not None:
            self._before = Link(seq - 1, b"")

    def _rows(self) -> Iterator[Row]:
        while True:
            with self._engine.connect() as connection:
                rows = audit.stretch(connection, self._before.seq, _STRETCH)
            yield from rows
            if len(rows) < _STRETCH:
                return

    def _check(self, row: Row) -> None:
        if row.seq != self._before.seq + 1 and not self._was_pruned(row):
            gone = row.seq - self._before.seq - 1
            words = (
                f"{gone} entries are missing before this one" if gone > 1 else "the entry before is missing"
            )
            self._find(Break.REMOVED, row.seq, told_time(row), words)
        # Behind a break the chain is judged anew from each row's own mac, so that one break is told once.
        elif self._proven and not self._audit.follows(row, self._before):
            self._find(Break.CHANGED, row.seq, told_time(row), "is not the entry that was written here")
        else:
            self._note(row)
        self._before, self._proven = row.link, True

    def _was_pruned(self, row: Row) -> bool:
        """Did the retention drop what is missing while we walked?"""
        with self._engine.connect() as connection:
            anchor = self._audit.anchor(connection)
        if anchor is None or anchor.seq + 1 != row.seq:
            return False
        self._before = anchor
        return self._audit.follows(row, anchor)

    def _compare_the_end(self) -> None:
        found = self._head.contradiction(self._engine)
        if found is None:
            return
        if all(found.seq != known.seq or known.kind is not Break.CHANGED for known in self._findings):
            self._findings.append(found)

    def _note(self, row: Row) -> None:
        if row.number_mac is not None and row.entry.number_key is None:
            self._numberless.append(row.seq)
        self._erased += audit.erased_by(row.entry)
        if row.entry.action == HEAD_LOST and len(self._notes) < MOST_FINDINGS:
            words = (
                "the end on file was missing here, so what was behind the entry before may have been cut off"
            )
            self._notes.append(Finding(Break.NO_HEAD, row.seq, told_time(row), words))

    def _count_the_erased(self) -> None:
        # Older entries are dropped first, so an erasure is on record for as long as what it erased.
        more = len(self._numberless) - self._erased
        if more > 0:
            words = f"{more} more entries lost their number than were erased, this one or others before it"
            self._find(Break.ERASED, self._numberless[-1], None, words)

    def _find(self, kind: Break, seq: int, at_ms: int | None, words: str) -> None:
        if len(self._findings) < MOST_FINDINGS:
            self._findings.append(Finding(kind, seq, at_ms, words))
