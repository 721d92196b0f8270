"""Loop tests by command: one SIM texts another, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.engine import Connection

from simcourier.care.looping import Looping, Pair, senders
from simcourier.errors import RequestError
from simcourier.outbox import loops
from simcourier.outbox.audit import Entry
from simcourier.outbox.loops import LoopTest
from simcourier.outbox.message import Status, Waiting
from simcourier.service.clients import Client
from simcourier.service.tools import Tools


class LoopTests:
    """Loop tests, for those who ask for one."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._looping = Looping(tools.config, tools.dispatcher, tools.sealer, tools.clock)

    def begin(self, by: Client, modem: str | None, to: str | None) -> list[LoopTest]:
        """Have this modem (None: each that may send) text that one (None: another). Raises RequestError."""
        ends = self._looping.ends(self._tools.radio.snapshots())
        names = [modem] if modem is not None else [name for name in senders(ends.values()) if name != to]
        if not names:
            raise RequestError(
                "policy-violation", "No modem can send a loop test now; see simcourier modems."
            )
        pairs = [self._looping.pair(ends, name, to) for name in names]
        return self._tools.writer.run(lambda c: self._write(c, by, pairs), self._then)[0]

    def _write(
        self, connection: Connection, by: Client, pairs: Iterable[Pair]
    ) -> tuple[list[LoopTest], list[Waiting]]:
        tests, waiting = [], []
        for pair in pairs:
            new, message = self._looping.begin(connection, pair)
            about = f"{new.from_modem} to {new.to_modem}"
            entry = Entry(new.at_ms, by.id, "loop-test.begin", new.from_modem, about[:200])
            self._tools.audit.append(connection, entry)
            found = loops.find(connection, new.id)
            assert found is not None  # noqa: S101 - written above
            tests.append(found)
            waiting.append(message)
        return tests, waiting

    def _then(self, begun: tuple[list[LoopTest], list[Waiting]]) -> None:
        for message in begun[1]:
            self._tools.dispatcher.accepted(message)
            self._tools.metrics.messages.labels(Status.QUEUED, "", "").inc()

    def page(self, limit: int, before: int | None) -> tuple[list[LoopTest], int | None]:
        """The newest tests, and where the next page begins."""
        with self._tools.engine.connect() as connection:
            return loops.page(connection, limit, before)

    def get(self, test_id: str) -> LoopTest:
        """One test. Raises RequestError `not-found`."""
        with self._tools.engine.connect() as connection:
            found = loops.find(connection, test_id)
        if found is None:
            raise RequestError("not-found", "There is no loop test with this id.")
        return found
