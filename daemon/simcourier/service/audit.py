"""Who did what: looked up by an admin, kept as long as the configuration says, its end put on file."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.engine import Connection

from simcourier import log
from simcourier.outbox import audit, duties
from simcourier.outbox.audit import Entry, Link, Page, Wanted
from simcourier.outbox.audit_head import HEAD_LOST, Break, Finding, HeadFile
from simcourier.outbox.reduction import DAY_MS
from simcourier.service.tools import Tools
from simcourier.sms.address import parse_recipient


class AuditTrail:
    """The audit, for those who read it; what is done is recorded by those who do it."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._head = HeadFile(tools.audit, tools.config.storage.path)
        self._told: Finding | None = None
        self._log = log.get("audit")

    def find(self, wanted: Wanted, to: str | None = None) -> Page:
        """The newest entries that fit; `to`: those about this number. Raises RequestError `invalid-number`."""
        if to is not None:
            number = parse_recipient(to).text
            wanted = replace(wanted, number_key=self._tools.sealer.number_key(number))
        with self._tools.engine.connect() as connection:
            return audit.page(connection, wanted)

    def keep_head(self) -> None:
        """Put the chain's end on file; at the start, by a tick, and at the stop when the writer has ended."""
        try:
            found = self._head.follow(self._tools.engine)
        except OSError as error:
            self._log.error("the end of the audit can't be put on file", error=error)
            return
        if found is not None and found != self._told:
            self._log.error(
                "the audit is not as this box left it; see simcourier audit verify",
                found=str(found.kind),
                seq=found.seq,
                said=found.words,
            )
            if found.kind is Break.NO_HEAD:
                self._record_the_loss()
        self._told = found

    def _record_the_loss(self) -> None:
        """Leave an entry for good, then put a new end on file: who took the old one away may have cut the chain."""
        entry = Entry(self._tools.clock.wall_ms(), "simcourier", HEAD_LOST, "audit", "audit.head was missing")

        def work(connection: Connection) -> Link:
            self._tools.audit.append(connection, entry)
            return audit.last(connection)

        self._tools.writer.submit(work, self._begin_anew, self._not_recorded)

    def _begin_anew(self, end: Link) -> None:
        try:
            self._head.write(end)
        except OSError as error:
            self._log.error("the end of the audit can't be put on file", error=error)

    def _not_recorded(self, error: BaseException) -> None:
        self._told = None
        self._log.error(
            "that the end of the audit was missing is not on record; it will be tried again", error=error
        )

    def prune(self) -> None:
        """Drop what is older than `privacy.audit_days`; a batch at a time."""
        before_ms = self._tools.clock.wall_ms() - self._tools.config.privacy.audit_days * DAY_MS
        self._in_batches(before_ms)

    def _in_batches(self, before_ms: int) -> None:
        def done(count: int) -> None:
            if count >= duties.BATCH:
                self._tools.writer.call(lambda: self._in_batches(before_ms))

        self._tools.writer.submit(lambda c: self._tools.audit.prune(c, before_ms), done, self._failed)

    def _failed(self, error: BaseException) -> None:
        self._log.error("old entries of the audit could not be dropped; it will be tried again", error=error)
