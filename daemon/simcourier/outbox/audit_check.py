"""Prove that the audit is whole: walk its chain, and compare its end with the one that was put on file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, func, select

from simcourier.outbox import audit
from simcourier.outbox.audit import Audit, Link, Row
from simcourier.outbox.audit_head import Break, Finding, HeadFile
from simcourier.outbox.schema import starts

_STRETCH = 1000
MOST_FINDINGS = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk along the whole chain found; no findings: it is whole."""

    checked: int
    first: int
    last: int
    findings: list[Finding]


class Walk:
    """Walks the whole chain, a stretch at a time, so that it keeps neither memory nor the database busy."""

    def __init__(self, engine: Engine, chain: Audit, directory: Path) -> None:
        self._engine = engine
        self._audit = chain
        self._head = HeadFile(chain, directory)
        self._findings: list[Finding] = []
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
        self._compare_the_end()
        return Verdict(checked, self._first, self._before.seq, self._findings)

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
        self._find(Break.FORGED_BEGINNING, seq, None if first is None else first.entry.at_ms, words)
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
            self._find(Break.REMOVED, row.seq, row.entry.at_ms, words)
        # Behind a break the chain is judged anew from each row's own mac, so that one break is told once.
        elif self._proven and not self._audit.follows(row, self._before):
            self._find(Break.CHANGED, row.seq, row.entry.at_ms, "is not the entry that was written here")
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
        if found is None or (found.kind is Break.NO_HEAD and self._is_younger_than_any_start()):
            return
        if all(found.seq != known.seq or known.kind is not Break.CHANGED for known in self._findings):
            self._findings.append(found)

    def _is_younger_than_any_start(self) -> bool:
        """Is there nothing from before the last start? Then it may be that nobody has put the end on file yet."""
        with self._engine.connect() as connection:
            started_ms = connection.execute(select(func.max(starts.c.at_ms))).scalar()
            first = next(iter(audit.stretch(connection, 0, 1)), None)
        return first is None or started_ms is None or first.entry.at_ms >= int(started_ms)

    def _find(self, kind: Break, seq: int, at_ms: int | None, words: str) -> None:
        if len(self._findings) < MOST_FINDINGS:
            self._findings.append(Finding(kind, seq, at_ms, words))
