"""Requests that are repeated under one Idempotency-Key: done once, answered the same each time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from sqlalchemy.engine import Connection

from simcourier.errors import RequestError
from simcourier.outbox import access
from simcourier.service.clients import Client
from simcourier.service.tools import Tools


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """The caller's key, and the octets of the request it stands for."""

    key: str
    content: bytes


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered to a request that may be repeated; `replayed` says that it was answered before."""

    replayed: bool = False


T = TypeVar("T", bound=Answer)
Remember = Callable[[Connection, T], None]
"""Called in the transaction that does what the answer speaks of."""


class Repeats:
    """Knows what runs and what was answered; safe from any thread but the writer's."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._running: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def once(
        self,
        client: Client,
        idempotency: IdempotencyKey | None,
        what: str,
        decoder: msgspec.json.Decoder[T],
        act: Callable[[Remember[T]], T],
    ) -> T:
        """Act, or give the answer that this key got before; `what` tells one operation's requests from another's.

        Raises RequestError `idempotency-conflict` while the same key runs, `idempotency-mismatch` for another request.
        """
        if idempotency is None:
            return act(lambda _connection, _answer: None)
        token = (client.id, idempotency.key)
        with self._lock:
            if token in self._running:
                raise RequestError(
                    "idempotency-conflict",
                    "A request with this Idempotency-Key is still running.",
                    retry_after_s=1,
                )
            self._running.add(token)
        try:
            return self._replayed(client, idempotency, what, decoder) or act(
                self._remember(client, idempotency, what)
            )
        finally:
            with self._lock:
                self._running.discard(token)

    def _fingerprint(self, idempotency: IdempotencyKey, what: str) -> str:
        return self._tools.sealer.fingerprint(what.encode() + b"\n" + idempotency.content)

    def _replayed(
        self, client: Client, idempotency: IdempotencyKey, what: str, decoder: msgspec.json.Decoder[T]
    ) -> T | None:
        with self._tools.engine.connect() as connection:
            known = access.recall(connection, client.id, idempotency.key)
        if known is None:
            return None
        if known.fingerprint != self._fingerprint(idempotency, what):
            raise RequestError(
                "idempotency-mismatch", "This Idempotency-Key was used before with another request."
            )
        return msgspec.structs.replace(decoder.decode(known.answer), replayed=True)

    def _remember(self, client: Client, idempotency: IdempotencyKey, what: str) -> Remember[T]:
        fingerprint = self._fingerprint(idempotency, what)

        def remember(connection: Connection, given: T) -> None:
            now_ms = self._tools.clock.wall_ms()
            content = msgspec.json.encode(given)
            access.remember(connection, client.id, idempotency.key, fingerprint, content, now_ms)

        return remember
