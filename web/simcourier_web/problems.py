"""Errors as `application/problem+json` (RFC 9457), each with a stable code and one sentence."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from flask import Flask, Response, current_app, request
from msgspec import UNSET, Struct, UnsetType
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from simcourier import log
from simcourier.errors import RequestError, SimcourierError
from simcourier_web.answers import request_id


class Kind(NamedTuple):
    """A code's HTTP status, its title, which is the same every time, and what to do about it."""

    status: int
    title: str
    advice: str = ""


KINDS = {
    "invalid-request": Kind(
        400,
        "The request is not valid",
        "Mend what `detail` and `errors` name; the same request will fail again.",
    ),
    "invalid-host": Kind(
        400,
        "This box is not called so",
        "Call the box by its address, or list the name you call it by in the setting http.allowed_hosts.",
    ),
    "unauthorized": Kind(
        401,
        "A valid API key is needed",
        "Send a key that `simcourier keys list` shows as live, as Bearer or Basic.",
    ),
    "forbidden-scope": Kind(
        403,
        "The API key may not do this",
        "Use a key with the scope that `detail` names; an admin makes keys.",
    ),
    "forbidden-address": Kind(
        403,
        "The API key may not be used from here",
        "Call from one of the networks the key is bound to, or have an admin make a key for this address.",
    ),
    "template-required": Kind(
        403, "The API key may send templates only", "Name a template and its vars in place of the text."
    ),
    "forbidden-origin": Kind(
        403,
        "Another site's page may not do this",
        "Call the API from a program on your side, not from a browser.",
    ),
    "destination-not-allowed": Kind(
        403,
        "The box does not send to this destination",
        "Use another way to reach this person, or have an admin allow the country or prefix.",
    ),
    "recipient-stopped": Kind(
        403,
        "The recipient wants no more messages",
        "Send this person no more of this class, and take them off your list; they can write START to the box.",
    ),
    "not-found": Kind(
        404,
        "There is no such thing",
        "Check the path and the id; what belongs to another client is not shown.",
    ),
    "method-not-allowed": Kind(405, "This path does not know this method", "Use a method that Allow names."),
    "idempotency-conflict": Kind(
        409, "The same request is still running", "Wait a second and send the same request again."
    ),
    "rotation-refused": Kind(
        409,
        "The sealing key can't be replaced now",
        "The detail says why, and what to do before the next try.",
    ),
    "not-cancelable": Kind(
        409, "The message can't be canceled any more", "It is on its way or at its end; look at its history."
    ),
    "ussd-busy": Kind(
        409,
        "The network is being asked something already",
        "Wait as long as Retry-After says, and ask again.",
    ),
    "name-taken": Kind(409, "The name is taken", "Choose another name."),
    "verification-pending": Kind(
        409,
        "A verification is under way",
        "Check or cancel the one that is pending, or wait until it expires.",
    ),
    "resend-too-soon": Kind(
        409, "It is too soon to send another code", "Wait as long as Retry-After says before the next code."
    ),
    "verification-closed": Kind(
        410, "The verification is over", "Start a new verification; the code of this one counts no more."
    ),
    "payload-too-large": Kind(413, "The body is too large", "Send less; http.max_body_bytes is the bound."),
    "unsupported-media-type": Kind(
        415, "The body is not declared as JSON", "Send JSON as application/json, UTF-8 and not compressed."
    ),
    "code-incorrect": Kind(422, "The code is not right", "Let the person try again while attempts remain."),
    "policy-violation": Kind(
        422,
        "The request is outside what this box allows",
        "Mend what `detail` names; nothing is changed silently.",
    ),
    "balance-unreadable": Kind(
        422,
        "The network's answer tells no balance",
        "Look at the answer with `simcourier ussd`, and mend the operator's balance_pattern.",
    ),
    "idempotency-mismatch": Kind(
        422,
        "The Idempotency-Key belongs to another request",
        "Use a new key for a new request; the same key only to repeat the same one.",
    ),
    "invalid-number": Kind(
        422, "The recipient's number is not valid", "Send it in international form: +, country code, number."
    ),
    "text-not-encodable": Kind(
        422, "The text can't be sent as an SMS", "Take out control characters and what no phone shows."
    ),
    "too-long": Kind(422, "The text is too long", "Shorten it, or allow more segments."),
    "recipient-locked": Kind(
        423,
        "The recipient is locked",
        "Wait as long as Retry-After says, use another factor, or have an admin unlock the recipient.",
    ),
    "rate-limited": Kind(429, "Too much in too short a time", "Wait as long as Retry-After says."),
    "budget-exhausted": Kind(
        429, "The day's budget is spent", "Use another way today; an admin can raise the budget."
    ),
    "headers-too-large": Kind(
        431, "The headers are too large", "Send less; http.max_header_bytes is the bound."
    ),
    "internal-error": Kind(
        500,
        "Something went wrong in the box",
        "Tell the admin the `instance`; the log has it with the reason.",
    ),
    "not-implemented": Kind(
        501, "The box does not speak this form of HTTP", "Send the body with a Content-Length or chunked."
    ),
    "queue-full": Kind(503, "The queue is full", "Wait as long as Retry-After says, or use another way."),
    "no-modem": Kind(
        503,
        "No modem can send",
        "Use another way meanwhile; an admin sees on the page what each modem lacks.",
    ),
    "wait-exceeds-life": Kind(
        503,
        "The message would expire before it could leave",
        "Use another way now, or try again when Retry-After is over.",
    ),
    "ussd-unanswered": Kind(
        503,
        "The network gave no answer",
        "See that the modem is ready and the code is one of this operator's, then ask again.",
    ),
    "storage-unavailable": Kind(
        503, "The box can't write", "Wait as long as Retry-After says; an admin looks after the disk."
    ),
    "shutting-down": Kind(503, "The box is stopping", "Try again in a moment."),
    "unhealthy": Kind(503, "The box is stuck", "An admin restarts it; under systemd that happens by itself."),
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


class Fault(Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong in a request, by its place in the body, the query or the headers."""

    detail: str
    pointer: str | UnsetType = UNSET
    """A JSON pointer (RFC 6901) into the body."""
    parameter: str | UnsetType = UNSET
    header: str | UnsetType = UNSET


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error (RFC 9457); `code` says which, the same every time. Some codes have further members."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    retry_after: int | UnsetType = UNSET
    errors: list[Fault] | UnsetType = UNSET


class InvalidRequest(RequestError):  # noqa: N818 - a RequestError that knows its place
    """A part of the request is not as documented; `place` says which.

    One of `{"pointer": "/ttl"}` (the body), `{"parameter": "limit"}` (the query) and `{"header": "..."}`.
    """

    def __init__(
        self, detail: str, place: dict[str, str] | None = None, *, code: str = "invalid-request"
    ) -> None:
        super().__init__(code, detail, pointer=(place or {}).get("pointer"))
        self.place = place


def document(
    code: str,
    detail: str,
    instance: str,
    *,
    retry_after_s: int | None = None,
    place: Mapping[str, str] | None = None,
    extra: Mapping[str, int | str] | None = None,
) -> bytes:
    """The body of a problem. A code that is not in the table is a KeyError: our bug."""
    kind = KINDS[code]
    detail = _sentence(detail)
    problem = Problem(
        type=f"/problems/{code}",
        title=kind.title,
        status=kind.status,
        detail=detail,
        instance=instance,
        code=code,
        retry_after=UNSET if retry_after_s is None else retry_after_s,
        errors=UNSET if place is None else [Fault(detail, **place)],
    )
    return msgspec.json.encode({**extra, **msgspec.to_builtins(problem)} if extra else problem)


# `ttl must be at most 86400`: a name keeps its letters.
_NAMES_A_FIELD = re.compile(r"[a-z_.]+ must\b")


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
    body = document(
        error.code,
        error.detail,
        request_id(),
        retry_after_s=error.retry_after_s,
        place=place,
        extra=error.extra,
    )
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
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(_methods_of_path() or error.valid_methods or ()))
    return response


def _methods_of_path() -> set[str]:
    """Those of the very path that was asked for: `/search` also fits `/<id>`, which knows other methods."""
    rules = current_app.url_map.iter_rules()
    return {method for rule in rules if rule.rule == request.path for method in rule.methods or ()}


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
