"""Declare what the API can do: each operation once, for its route, its checks and its documentation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

from flask import Flask, Response, request
from msgspec import Struct

from simcourier.errors import RequestError
from simcourier.service import Client, IdempotencyKey
from simcourier_web.answers import answer
from simcourier_web.auth import Gate
from simcourier_web.forms import Form
from simcourier_web.problems import InvalidRequest

B = TypeVar("B", bound=Struct | None)
Q = TypeVar("Q", bound=Struct | None)

_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
_PARAMETER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Call(Generic[B, Q]):
    """One request that passed the checks its operation declares: who calls, and what the forms read.

    `Call[SendBody, None]` has a body and no query.
    """

    caller: Client | None
    body: B
    query: Q
    content: bytes

    @property
    def client(self) -> Client:
        """Who calls. Only an operation without a scope has nobody here."""
        assert self.caller is not None  # noqa: S101 - a fault of ours, and narrows the type
        return self.caller

    @property
    def idempotency(self) -> IdempotencyKey | None:
        """The caller's Idempotency-Key with the request it stands for. Raises InvalidRequest."""
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return None
        if not _VISIBLE.fullmatch(key):
            raise InvalidRequest(
                "Idempotency-Key must be 1 to 255 visible ASCII characters.", {"header": "Idempotency-Key"}
            )
        return IdempotencyKey(key, self.content)


class Reply(NamedTuple):
    """An answer with more than a body; without a status it has the first that the operation declares."""

    body: Struct | None
    headers: Mapping[str, str] = {}
    status: int | None = None


View = Callable[..., Struct | Reply]
"""`view(call, message_id=...)`: a keyword for each `{message_id}` in the path."""


def link_to_next(cursor: int | str | None) -> dict[str, str]:
    """The Link header (RFC 8288) to the page behind the one at hand: the same query with its `next_cursor`."""
    if cursor is None:
        return {}
    again = urlencode({**request.args.to_dict(), "cursor": str(cursor)})
    return {"Link": f'<{request.path}?{again}>; rel="next"'}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path. What is not declared here does not exist.

    `id` is the operationId, in camel case. `path` has its parameters in braces. `scope` None: no key is
    asked for. `answers` gives the struct of each status that is a success (None: no body), the usual one first.
    `problems` are the codes it may refuse with beside those that any operation of its kind has
    (`expected_problems`). `headers` are those of its success; `idempotent` says that it heeds an
    Idempotency-Key. `on_refusal` is told the code of each refusal.
    """

    id: str
    method: str
    path: str
    view: View
    summary: str
    scope: str | None
    answers: Mapping[int, type[Struct] | None]
    body: Form[Any] | None = None
    query: Form[Any] | None = None
    problems: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    idempotent: bool = False
    on_refusal: Callable[[str], None] | None = field(default=None, compare=False)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in the path."""
        return tuple(_PARAMETER.findall(self.path))

    @property
    def rule(self) -> str:
        """The path as Flask writes it."""
        return _PARAMETER.sub(r"<\1>", self.path)

    @property
    def expected_problems(self) -> frozenset[str]:
        """Every code that it may refuse with."""
        found = {*self.problems, *_ANY}
        if self.scope is not None:
            found |= _WITH_KEY
        if self.body is not None:
            found |= _WITH_BODY
        if self.parameters:
            found.add("not-found")
        if self.idempotent:
            found |= {"idempotency-conflict", "idempotency-mismatch"}
        return frozenset(found)


_ANY = {"invalid-request", "invalid-host", "payload-too-large", "headers-too-large"} | {
    "internal-error",
    "not-implemented",
    "storage-unavailable",
    "shutting-down",
}
_WITH_KEY = {"unauthorized", "forbidden-scope", "forbidden-address", "forbidden-origin"}
_WITH_BODY = {"unsupported-media-type"}


def install(app: Flask, gate: Gate, operations: Iterable[Operation]) -> None:
    """Add the route of each operation, behind the checks that it declares.

    `app.extensions["operations"]` has them all.
    """
    installed: list[Operation] = app.extensions.setdefault("operations", [])
    for operation in operations:
        installed.append(operation)
        app.add_url_rule(
            operation.rule, operation.id, _view(operation, gate), methods=[operation.method.upper()]
        )


def _view(operation: Operation, gate: Gate) -> Callable[..., Response]:
    usual = next(iter(operation.answers))

    def handle(**path: str) -> Response:
        given = operation.view(_call(operation, gate), **path)
        if isinstance(given, Reply):
            return answer(given.body, given.status or usual, given.headers)
        return answer(given, usual)

    def observed(**path: str) -> Response:
        try:
            return handle(**path)
        except RequestError as error:
            assert operation.on_refusal is not None  # noqa: S101 - chosen below
            operation.on_refusal(error.code)
            raise

    return handle if operation.on_refusal is None else observed


def _call(operation: Operation, gate: Gate) -> Call[Any, Any]:
    client = None if operation.scope is None else gate.client(operation.scope)
    query = None if operation.query is None else operation.query.read_query()
    body, content = (None, b"") if operation.body is None else operation.body.read_body()
    return Call(client, body, query, content)
