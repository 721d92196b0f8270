"""Turns what happened into deliveries: follows the history of messages and the notices, each behind a cursor."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

from sqlalchemy import Engine

from simcourier.hooks.events import deliveries, of_move, of_notice
from simcourier.outbox import endpoints, hooks
from simcourier.outbox.hooks import Cursors
from simcourier.outbox.writer import Writer


class Relay:
    """Passes events on, each exactly once: its deliveries and the cursor are written together."""

    def __init__(self, engine: Engine, writer: Writer, wall_ms: Callable[[], int]) -> None:
        self._engine = engine
        self._writer = writer
        self._wall_ms = wall_ms

    def turn(self) -> bool:
        """Pass on a batch of what happened since the last turn; was there anything? Raises RequestError."""
        with self._engine.connect() as connection:
            before, last = hooks.cursors(connection), hooks.ends(connection)
            moves, last_move = hooks.moves(connection, before.messages)
            told = hooks.notices_behind(connection, before.notices)
            listening = endpoints.enabled(connection)
        if before.messages > last.messages or before.notices > last.notices:
            self._writer.run(hooks.rewind)
            return True
        after = Cursors(last_move, told[-1].seq if told else before.notices)
        if after == before:
            return False
        found = chain(filter(None, map(of_move, moves)), map(of_notice, told))
        # Built here and not in the writer's thread, where every code would wait for it.
        new = list(deliveries(found, listening, self._wall_ms()))
        heard = frozenset(endpoint.n for endpoint in listening)
        self._writer.run(lambda connection: hooks.pass_on(connection, before, after, heard, new))
        return True
