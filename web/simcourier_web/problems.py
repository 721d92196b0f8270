"""Errors as `application/problem+json` (RFC 9457), each with a stable code and one sentence."""

from __future__ import annotations

import re
import traceback
from typing import NamedTuple

import msgspec
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from simcourier import log
from simcourier.errors import RequestError, SimcourierError
from simcourier_web.answers import request_id


class Kind(NamedTuple):
    """A code's HTTP status and its title, which is the same every time."""

    status: int
    title: str


KINDS = {
    "invalid-request": Kind(400, "The request is not valid"),
    "unauthorized": Kind(401, "A valid API key is needed"),
    "forbidden-scope": Kind(403, "The API key may not do this"),
    "forbidden-origin": Kind(403, "Another site's page may not do this"),
    "not-found": Kind(404, "There is no such thing"),
    "method-not-allowed": Kind(405, "This path does not know this method"),
    "idempotency-conflict": Kind(409, "The same request is still running"),
    "not-cancelable": Kind(409, "The message can't be canceled any more"),
    "name-taken": Kind(409, "The name is taken"),
    "payload-too-large": Kind(413, "The body is too large"),
    "unsupported-media-type": Kind(415, "The body is not declared as JSON"),
    "idempotency-mismatch": Kind(422, "The Idempotency-Key belongs to another request"),
    "invalid-number": Kind(422, "The recipient's number is not valid"),
    "text-not-encodable": Kind(422, "The text can't be sent as an SMS"),
    "too-long": Kind(422, "The text is too long"),
    "headers-too-large": Kind(431, "The headers are too large"),
    "internal-error": Kind(500, "Something went wrong in the box"),
    "not-implemented": Kind(501, "The box does not speak this form of HTTP"),
    "queue-full": Kind(503, "The queue is full"),
    "no-modem": Kind(503, "No modem can send"),
    # Documented; the service will say it once it knows every SIM's pace.
    "wait-exceeds-life": Kind(503, "The message would expire before it could leave"),
    "storage-unavailable": Kind(503, "The box can't write"),
    "shutting-down": Kind(503, "The box is stopping"),
    "unhealthy": Kind(503, "The box is stuck"),
}
"""Every code that this surface answers with (the table of API.md)."""

_OF_STATUS = {
    400: ("invalid-request", "The request can't be understood."),
    404: ("not-found", "There is nothing under this path."),
    405: ("method-not-allowed", "Use one of the methods that the Allow header names."),
    413: ("payload-too-large", "The body is larger than this box accepts."),
    415: ("unsupported-media-type", "Send the body as application/json."),
    431: ("headers-too-large", "The headers are larger than this box accepts."),
    501: ("not-implemented", "Send the body with a Content-Length or chunked."),
}
_BUG = ("internal-error", "This is a fault of the box, not of the request; its log says more.")
_CHALLENGES = ('Bearer realm="simcourier"', 'Basic realm="simcourier", charset="UTF-8"')


class InvalidRequest(RequestError):  # noqa: N818 - a RequestError that knows its place
    """A part of the request is not as documented; `place` says which.

    One of `{"pointer": "/ttl"}` (the body), `{"parameter": "limit"}` (the query) and `{"header": "..."}`.
    """

    def __init__(self, detail: str, place: dict[str, str] | None = None) -> None:
        super().__init__("invalid-request", detail, pointer=(place or {}).get("pointer"))
        self.place = place


def document(
    code: str,
    detail: str,
    instance: str,
    *,
    retry_after_s: int | None = None,
    place: dict[str, str] | None = None,
) -> bytes:
    """The body of a problem. A code that is not in the table is a KeyError: our bug."""
    kind = KINDS[code]
    detail = _sentence(detail)
    body: dict[str, object] = {
        "type": f"/problems/{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": instance,
        "code": code,
    }
    if retry_after_s is not None:
        body["retry_after"] = retry_after_s
    if place is not None:
        body["errors"] = [{**place, "detail": detail}]
    return msgspec.json.encode(body)


# `ttl must be at most 86400`: a name keeps its letters.
_NAMES_A_FIELD = re.compile(r"[a-z_]+ must\b")


def _sentence(detail: str) -> str:
    first = detail[:1] if _NAMES_A_FIELD.match(detail) else detail[:1].upper()
    return first + detail[1:] + ("" if detail.endswith(".") else ".")


def document_of_status(status: int, instance: str) -> bytes:
    """The body of a problem that the HTTP server or Flask found, by its status alone."""
    code, detail = _OF_STATUS.get(status, _BUG)
    return document(code, detail, instance)


def install(app: Flask) -> None:
    """Answer every error of this application with a problem."""
    app.register_error_handler(RequestError, _refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _bug)


def _response(body: bytes, status: int) -> Response:
    return Response(body, status, content_type="application/problem+json")


def _refused(error: RequestError) -> Response:
    if error.code not in KINDS:
        return _bug(error)
    pointer = None if error.pointer is None else {"pointer": error.pointer}
    place = error.place if isinstance(error, InvalidRequest) else pointer
    body = document(error.code, error.detail, request_id(), retry_after_s=error.retry_after_s, place=place)
    response = _response(body, KINDS[error.code].status)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    if error.code == "unauthorized":
        response.headers.extend([("WWW-Authenticate", challenge) for challenge in _CHALLENGES])
    return response


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if status not in _OF_STATUS:
        return _bug(error)
    response = _response(document_of_status(status, request_id()), status)
    if status == 405:
        allowed = dict(error.get_headers()).get("Allow", "")
        response.headers["Allow"] = allowed
    return response


def _bug(error: Exception) -> Response:
    # A database's exception carries the values of its statement, so only our own errors may speak for themselves.
    log.get("web").error(
        "a request failed",
        request=request_id(),
        kind=type(error).__name__,
        said=str(error) if isinstance(error, SimcourierError) else "",
        where="".join(traceback.format_tb(error.__traceback__)),
    )
    return _response(document(*_BUG, request_id()), 500)
