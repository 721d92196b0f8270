"""The end of the audit's chain on file, so that a tail that was cut off is missed."""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Engine

from simcourier.outbox import audit
from simcourier.outbox.audit import Audit, Link, Row
from simcourier.outbox.database import count_starts

HEAD_FILE = "audit.head"
HEAD_LOST = "audit.head-lost"
"""The entry that stays where the file was missing and is written anew."""
_LAST_MS = 253_402_300_800_000


class Break(StrEnum):
    """How a chain can be broken."""

    CHANGED = "changed"
    REMOVED = "removed"
    CUT_OFF = "cut-off"
    FORGED_BEGINNING = "forged-beginning"
    NO_HEAD = "no-head"
    DAMAGED_HEAD = "damaged-head"
    ERASED = "erased"
    """Numbers were taken out of entries, and by no erasure that is on record."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where the chain is broken; `at_ms` is the time in the row there, None where there is no row."""

    kind: Break
    seq: int
    at_ms: int | None
    words: str


def told_time(row: Row) -> int | None:
    """The time in a row, where it is one that can be told: somebody else may have put anything there."""
    at_ms = row.entry.at_ms
    return at_ms if isinstance(at_ms, int) and 0 <= at_ms < _LAST_MS else None


class HeadFile:
    """The end of the chain, on file beside the database, so that a tail that was cut off is missed.

    Who can put back older copies of both database and file at once is not found out: nothing on this machine could
    tell that from the past itself.
    """

    def __init__(self, chain: Audit, directory: Path) -> None:
        self._audit = chain
        self._path = directory / HEAD_FILE

    def read(self) -> Link | Break:
        """The end on file. `no-head`: there is no file; `damaged-head`: we did not write it."""
        try:
            words = self._path.read_text("ascii").split()
            link, signature = Link(int(words[0]), bytes.fromhex(words[1])), bytes.fromhex(words[2])
        except FileNotFoundError:
            return Break.NO_HEAD
        except (OSError, ValueError, IndexError):
            return Break.DAMAGED_HEAD
        return (
            link if hmac.compare_digest(signature, self._audit.signed("head", link)) else Break.DAMAGED_HEAD
        )

    def write(self, link: Link) -> None:
        """Put this end on file: at every moment an old or a new one is whole on disk. Raises OSError."""
        new = self._path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{link.seq} {link.mac.hex()} {self._audit.signed('head', link).hex()}\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)

    def follow(self, engine: Engine) -> Finding | None:
        """Put the chain's present end on file. What contradicts the file is told, and the file stays: it is evidence.

        Nor is a file made where one is missed: first an entry must say so. Raises OSError.
        """
        found = self.contradiction(engine)
        if found is not None:
            return found
        with engine.connect() as connection:
            end = audit.last(connection)
        if end != self.read():
            self.write(end)
        return None

    def contradiction(self, engine: Engine) -> Finding | None:
        """What in the chain contradicts the end on file."""
        match self.read():
            case Break.NO_HEAD:
                return (
                    None
                    if _is_untouched(engine)
                    else Finding(
                        Break.NO_HEAD, 0, None, f"{HEAD_FILE} is missing, so a cut-off end would not show"
                    )
                )
            case Break():
                return Finding(Break.DAMAGED_HEAD, 0, None, f"{HEAD_FILE} is not as this box wrote it")
            case Link() as on_file:
                return self._compared(engine, on_file)

    def _compared(self, engine: Engine, on_file: Link) -> Finding | None:
        with engine.connect() as connection:
            end, row = audit.last(connection), audit.find(connection, on_file.seq)
            anchor = self._audit.anchor(connection) or audit.START
        if end.seq < on_file.seq:
            words = f"the audit ends here, but it went on to entry {on_file.seq}"
            return Finding(Break.CUT_OFF, end.seq, None, words)
        if row is None:
            # Dropped for its age since; or it is missing, and the walk along the chain finds that.
            same = on_file.seq != anchor.seq or on_file.mac == anchor.mac
            return (
                None
                if same
                else Finding(Break.CHANGED, on_file.seq, None, "is not the entry that was on file")
            )
        if row.mac == on_file.mac:
            return None
        return Finding(Break.CHANGED, row.seq, told_time(row), "is not the entry that was on file")


def _is_untouched(engine: Engine) -> bool:
    """Is this the first start, with nothing on record? Ever after there is an end on file."""
    with engine.connect() as connection:
        return audit.last(connection) == audit.START and count_starts(connection) <= 1
