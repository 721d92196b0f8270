"""The endpoints that are told what happens: an admin registers, tests and removes them."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection

from simcourier.errors import RequestError
from simcourier.hooks.events import encode
from simcourier.hooks.signing import new_secret
from simcourier.outbox import access, endpoints, hooks
from simcourier.outbox.audit import Entry
from simcourier.outbox.endpoints import TEST_TYPE, Endpoint
from simcourier.outbox.hooks import DeliveryState, Logged, NewDelivery
from simcourier.outbox.notices import new_event_id
from simcourier.service.clients import Client
from simcourier.service.tools import Tools

OLD_SECRET_MS = 24 * 3600 * 1000
"""So long both secrets sign, for the receiver to learn the new one."""


@dataclass(frozen=True, slots=True)
class EndpointView:
    """An endpoint without its secrets; `waiting` events are not delivered yet."""

    endpoint: Endpoint
    waiting: int


@dataclass(frozen=True, slots=True)
class TestResult:
    """What came of an admin's test; `error` is None where the endpoint took it."""

    event_id: str
    status: int | None
    error: str | None
    took_ms: int


class Webhooks:
    """Every endpoint by its id."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._hooks = tools.hooks
        self._testing = threading.Lock()

    def all(self) -> list[EndpointView]:
        """Every endpoint, oldest first."""
        with self._tools.engine.connect() as connection:
            waiting = hooks.waiting(connection)
            return [EndpointView(each, waiting.get(each.n, 0)) for each in endpoints.all_of_them(connection)]

    def one(self, endpoint_id: str) -> EndpointView:
        """One endpoint. Raises RequestError `not-found`."""
        endpoint = self._find(endpoint_id)
        with self._tools.engine.connect() as connection:
            return EndpointView(endpoint, hooks.waiting(connection).get(endpoint.n, 0))

    def create(
        self, by: Client, url: str, client: str | None, types: frozenset[str]
    ) -> tuple[EndpointView, str]:
        """Register an endpoint; its secret is told this once. Raises RequestError."""
        self._hooks.guard.admit(url)
        endpoint_id = "whk_" + secrets.token_urlsafe(16)
        secret = new_secret()
        sealed = self._tools.sealer.seal(secret, endpoint_id)
        new = Endpoint(endpoint_id, url, client, types, sealed, self._now_ms())
        limit = self._tools.config.webhooks.max_endpoints

        def work(connection: Connection) -> RequestError | None:
            if endpoints.count(connection) >= limit:
                return RequestError("policy-violation", f"This box has {limit} endpoints; it takes no more.")
            if client is not None and not _is_live(connection, client):
                return RequestError(
                    "policy-violation", "There is no live key with this id.", pointer="/client"
                )
            endpoints.add(connection, new)
            self._audit(connection, by, "webhook.create", endpoint_id, client or "for all clients")
            return None

        self._write(work)
        return self.one(endpoint_id), secret

    def change(
        self, by: Client, endpoint_id: str, url: str | None, types: frozenset[str] | None
    ) -> EndpointView:
        """Give an endpoint another URL or other types; None leaves them. Raises RequestError."""
        endpoint = self._find(endpoint_id)
        if url is not None:
            self._hooks.guard.admit(url)
        wanted = replace(
            endpoint,
            url=endpoint.url if url is None else url,
            types=endpoint.types if types is None else types,
        )
        if wanted != endpoint:
            what = [name for name, given in (("url", url), ("types", types)) if given is not None]

            def work(connection: Connection) -> RequestError | None:
                if not endpoints.change(connection, endpoint_id, wanted.url, wanted.types):
                    return _not_found()
                self._audit(connection, by, "webhook.change", endpoint_id, ", ".join(what))
                return None

            self._write(work)
        return self.one(endpoint_id)

    def remove(self, by: Client, endpoint_id: str) -> None:
        """Forget an endpoint and what waits for it. Raises RequestError `not-found`."""

        def work(connection: Connection) -> RequestError | None:
            if not endpoints.remove(connection, endpoint_id):
                return _not_found()
            self._audit(connection, by, "webhook.remove", endpoint_id)
            return None

        self._write(work)

    def rotate(self, by: Client, endpoint_id: str) -> tuple[EndpointView, str]:
        """Give an endpoint a new secret, told this once; the one before it signs too for a day. Raises RequestError."""
        secret = new_secret()
        sealed = self._tools.sealer.seal(secret, endpoint_id)
        now_ms = self._now_ms()

        def work(connection: Connection) -> RequestError | None:
            endpoint = endpoints.find(connection, endpoint_id)
            if endpoint is None:
                return _not_found()
            endpoints.rotate(connection, endpoint, sealed, now_ms + OLD_SECRET_MS)
            self._audit(connection, by, "webhook.rotate", endpoint_id)
            return None

        self._write(work)
        return self.one(endpoint_id), secret

    def enable(self, by: Client, endpoint_id: str) -> EndpointView:
        """Tell a disabled endpoint what happens from now on. Raises RequestError `not-found`."""
        self._find(endpoint_id)

        def work(connection: Connection) -> None:
            if endpoints.enable(connection, endpoint_id):
                self._audit(connection, by, "webhook.enable", endpoint_id)

        self._write(work)
        return self.one(endpoint_id)

    def test(self, endpoint_id: str) -> TestResult:
        """Send a test now, once, also to a disabled endpoint. Raises RequestError."""
        endpoint = self._find(endpoint_id)
        # It holds one of the few threads that answer HTTP for as long as the endpoint takes.
        if not self._testing.acquire(blocking=False):
            raise RequestError("rate-limited", "Another endpoint is being tested right now.", retry_after_s=5)
        try:
            return self._test(endpoint)
        finally:
            self._testing.release()

    def _test(self, endpoint: Endpoint) -> TestResult:
        event_id, now_ms, began = new_event_id(), self._now_ms(), time.monotonic()
        body = encode(TEST_TYPE, now_ms, {"endpoint": endpoint.id})
        outcome = self._hooks.courier().carry(endpoint, event_id, body)
        took_ms = round((time.monotonic() - began) * 1000)
        state = DeliveryState.DELIVERED if outcome.delivered else DeliveryState.FAILED
        sent = NewDelivery(endpoint.n, event_id, TEST_TYPE, body, now_ms)
        self._tools.writer.run(
            lambda connection: hooks.add_tested(connection, sent, state, outcome.status, outcome.error)
        )
        return TestResult(event_id, outcome.status, outcome.error, took_ms)

    def deliveries(self, endpoint_id: str, before: int | None, limit: int) -> list[Logged]:
        """The newest deliveries to an endpoint. Raises RequestError `not-found`."""
        endpoint = self._find(endpoint_id)
        with self._tools.engine.connect() as connection:
            return hooks.log(connection, endpoint.n, before, limit)

    def _find(self, endpoint_id: str) -> Endpoint:
        with self._tools.engine.connect() as connection:
            endpoint = endpoints.find(connection, endpoint_id)
        if endpoint is None:
            raise _not_found()
        return endpoint

    def _write(self, work: Callable[[Connection], RequestError | None]) -> None:
        self._tools.writer.run(work)
        self._hooks.refresh()

    def _audit(
        self, connection: Connection, by: Client, action: str, endpoint_id: str, detail: str = ""
    ) -> None:
        self._tools.audit.append(connection, Entry(self._now_ms(), by.id, action, endpoint_id, detail))

    def _now_ms(self) -> int:
        return self._tools.clock.wall_ms()


def _not_found() -> RequestError:
    return RequestError("not-found", "There is no endpoint with this id.")


def _is_live(connection: Connection, client: str) -> bool:
    key = access.find_key(connection, client)
    return key is not None and key.revoked_at_ms is None
