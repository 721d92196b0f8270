"""What is held about a number: told on request, erased on request, and reduced to a mask with age."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice

from sqlalchemy.engine import Connection

from simcourier import log
from simcourier.errors import RequestError
from simcourier.outbox import audit, database, duties, mentions, privacy, reduction
from simcourier.outbox.audit import ERASE, Entry
from simcourier.outbox.mentions import Mention
from simcourier.outbox.privacy import Held, Left, Number
from simcourier.outbox.reduction import DAY_MS
from simcourier.service.clients import Client
from simcourier.service.tools import Tools
from simcourier.sms.address import parse_recipient

_TRUNCATE_TRIES = 5
_TRUNCATE_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased, and what is left until when; `files_clean`: nothing of it can be found in the files either."""

    messages: int
    verifications: int
    reports: int
    counters: int
    inbound: int
    audit_entries: int
    mentions: int
    left: Left
    files_clean: bool


def _batches(found: Iterator[Mention]) -> Iterator[list[Mention]]:
    while batch := list(islice(found, duties.BATCH)):
        yield batch


class Privacy:
    """Numbers of persons; safe from any thread but the writer's."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._log = log.get("privacy")

    def export(self, by: Client, to: str) -> tuple[Held, list[Mention]]:
        """All that is held about a number, without codes and texts, and what names that beside it.

        Raises RequestError `invalid-number`.
        """
        number = self._number(to)
        self._tools.writer.run(lambda c: self._record(c, by, "privacy.export"))
        with self._tools.engine.connect() as connection:
            held = privacy.held(connection, number)
        ids = {each.record.id for each in held.messages} | {each.id for each in held.verifications}
        ids |= {each.id for each in held.inbound}
        return held, list(islice(mentions.find(self._tools.engine, ids), privacy.MOST_TOLD))

    def erase(self, by: Client, to: str) -> Erased:
        """Erase what is held about a number, but for what still waits and what locks. Raises RequestError."""
        number, now_ms = self._number(to), self._tools.clock.wall_ms()
        # Before the first row goes: an erasure that a crash interrupts is on record as well.
        entry, entries = self._tools.writer.run(lambda c: self._order(c, by, number))
        with self._tools.engine.connect() as connection:
            ids = privacy.ids_that_are_over(connection, number, now_ms)
        # Once while the rows that tell the ids are there, for a crash in between; and for what was told meanwhile.
        named = self._erase_mentions(ids)
        messages = self._all(lambda c: privacy.erase_messages(c, number, now_ms))
        verifications = self._all(lambda c: privacy.erase_verifications(c, number))
        self._all(lambda c: audit.forget_number(c, number.key, entry))
        inbound = self._all(lambda c: privacy.erase_inbound(c, number))
        named += self._erase_mentions(ids)
        reports = self._tools.writer.run(lambda c: privacy.erase_reports(c, number))
        counters = self._tools.writer.run(lambda c: privacy.erase_counts(c, number, now_ms))
        told = f"{messages} messages, {verifications} verifications, {inbound} that came in"
        self._tools.writer.run(lambda c: self._record(c, by, "privacy.erased", told))
        with self._tools.engine.connect() as connection:
            left = privacy.left(connection, number)
        cleaned = self._clean_files()
        return Erased(messages, verifications, reports, counters, inbound, entries, named, left, cleaned)

    def tick(self) -> None:
        """Reduce the numbers that are old enough by now; a batch at a time, so that no code waits for it."""
        now_ms = self._tools.clock.wall_ms()
        before_ms = now_ms - self._tools.config.privacy.number_days * DAY_MS
        self._reduce_messages(before_ms, now_ms, 0)
        self._in_batches(lambda c: reduction.reduce_verifications(c, before_ms))
        self._in_batches(lambda c: reduction.reduce_reports(c, before_ms))
        self._in_batches(lambda c: reduction.reduce_inbound(c, before_ms))

    def _number(self, to: str) -> Number:
        text = parse_recipient(to).text
        return Number(text, self._tools.sealer.number_key(text))

    def _order(self, connection: Connection, by: Client, number: Number) -> tuple[int, int]:
        """Put the erasure on record: the number of its entry, and from how many before it the number goes."""
        count = audit.count_of_number(connection, number.key)
        return self._record(connection, by, ERASE, audit.erasing(count)), count

    def _erase_mentions(self, ids: set[str]) -> int:
        total = 0
        for batch in _batches(mentions.find(self._tools.engine, ids)):
            total += self._tools.writer.run(lambda c, batch=batch: mentions.erase(c, batch))  # type: ignore[misc] # bound now
        return total

    def _record(self, connection: Connection, by: Client, action: str, detail: str = "") -> int:
        # Without the number, by intent: an erasure must leave nothing that tells whose it was.
        entry = Entry(self._tools.clock.wall_ms(), by.id, action, "number", detail)
        return self._tools.audit.append(connection, entry)

    def _all(self, work: Callable[[Connection], int]) -> int:
        total = 0
        while count := self._tools.writer.run(work):
            total += count
        return total

    def _reduce_messages(self, before_ms: int, now_ms: int, after: int) -> None:
        key = self._tools.sealer.number_key

        def done(result: tuple[int, int]) -> None:
            looked_at, last = result
            if looked_at >= duties.BATCH:
                self._tools.writer.call(lambda: self._reduce_messages(before_ms, now_ms, last))

        self._tools.writer.submit(
            lambda c: reduction.reduce_messages(c, key, before_ms, now_ms, after), done, self._failed
        )

    def _in_batches(self, work: Callable[[Connection], int]) -> None:
        def done(count: int) -> None:
            if count >= duties.BATCH:
                self._tools.writer.call(lambda: self._in_batches(work))

        self._tools.writer.submit(work, done, self._failed)

    def _failed(self, error: BaseException) -> None:
        self._log.error("numbers could not be reduced; it will be tried again", error=error)

    def _clean_files(self) -> bool:
        """Empty the write-ahead log, where erased rows could still be read; a reader at work can stand in the way.

        False: the next wipe does it.
        """
        return any(self._truncated() for _ in range(_TRUNCATE_TRIES))

    def _truncated(self) -> bool:
        future: Future[bool] = Future()

        def truncate() -> None:
            try:
                future.set_result(database.checkpoint(self._tools.engine, "TRUNCATE")[0] == 0)
            except Exception as error:  # told to the caller, in whose thread it belongs
                future.set_exception(error)

        # Between two transactions of the only writer.
        self._tools.writer.call(truncate)
        try:
            return future.result(_TRUNCATE_TIMEOUT_S)
        except Exception as error:
            self._log.error("the write-ahead log could not be emptied", error=error)
            raise RequestError(
                "storage-unavailable", "It is erased, but the box can't clean its files right now; ask again."
            ) from error
