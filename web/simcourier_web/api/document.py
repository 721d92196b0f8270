"""What the API tells of itself: its OpenAPI document, and each problem's meaning."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct

from simcourier.errors import RequestError
from simcourier_web import openapi
from simcourier_web.operations import Call, Operation
from simcourier_web.problems import KINDS


class Document(Struct, frozen=True):
    """An OpenAPI document, version 3.1."""

    openapi: str
    info: dict[str, Any]
    servers: list[dict[str, Any]]
    tags: list[dict[str, Any]]
    paths: dict[str, Any]
    components: dict[str, Any]


class Explanation(Struct, frozen=True):
    """What a problem's code means, and what to do about it."""

    code: str
    status: int
    title: str
    advice: str


class DocumentApi:
    """The operations that need no key: whoever may reach the box may read what it can do."""

    def __init__(self, others: Sequence[Operation]) -> None:
        self._others = others

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        return (
            Operation(
                "getOpenApi",
                "GET",
                "/v1/openapi.json",
                self.document,
                "This document",
                scope=None,
                answers={200: Document},
            ),
            Operation(
                "explainProblem",
                "GET",
                "/problems/{code}",
                self.problem,
                "What a problem means, and what to do about it",
                scope=None,
                answers={200: Explanation},
            ),
        )

    def document(self, _call: Call[None, None]) -> Document:
        """`GET /v1/openapi.json`."""
        return self._document

    @cached_property
    def _document(self) -> Document:
        return Document(**openapi.build([*self._others, *self.operations()]))

    def problem(self, _call: Call[None, None], code: str) -> Explanation:
        """`GET /problems/{code}`: where the `type` of a problem points to."""
        kind = KINDS.get(code)
        if kind is None:
            raise RequestError("not-found", "There is no problem with this code.")
        return Explanation(code, kind.status, kind.title, kind.advice)
