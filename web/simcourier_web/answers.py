"""What every answer has: compact JSON, RFC 3339 times, a request id, and nothing that a cache may keep."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from flask import Response, g
from msgspec import Meta

_encoder = msgspec.json.Encoder()

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""A time in an answer, as `rfc3339` writes it."""


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; None: an answer without a body."""
    if body is None:
        return Response(status=status, headers=dict(headers or {}))
    return Response(_encoder.encode(body), status, dict(headers or {}), content_type="application/json")


def rfc3339(at_ms: int) -> str:
    """Milliseconds since 1970 as `2026-01-31T12:00:00.000Z` (RFC 3339 section 5.6)."""
    whole = datetime.fromtimestamp(at_ms // 1000, UTC).replace(tzinfo=None)
    return f"{whole.isoformat()}.{at_ms % 1000:03d}Z"


def rfc3339_or_none(at_ms: int | None) -> str | None:
    """The same for a time that may not be known."""
    return None if at_ms is None else rfc3339(at_ms)


def new_request_id() -> str:
    """An id by which a request is found in the log."""
    return "req_" + secrets.token_urlsafe(16)


def request_id() -> str:
    """The id of the request at hand, made when it is first asked for."""
    if "request_id" not in g:
        g.request_id = new_request_id()
    return str(g.request_id)


def finish(response: Response) -> Response:
    """Add the headers that every answer carries; Flask calls this last."""
    headers = response.headers
    headers["X-Request-Id"] = request_id()
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"
    return response
