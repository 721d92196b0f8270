"""Read bodies and query parameters strictly; say what is wrong without repeating what was sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from simcourier.errors import RequestError
from simcourier_web.problems import InvalidRequest

T = TypeVar("T", bound=msgspec.Struct)

_UNKNOWN = "Object contains unknown field `"
_MISSING = "Object missing required field `"
# A name that may be told back: none can be a number, hardly one a code.
_TELLABLE = re.compile(r"[a-z][A-Za-z_]{0,39}")
_BYTE = re.compile(r"\(byte ([0-9]{1,9})\)\Z")


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """What a request may hold: a struct, and for each of its fields the rule in words."""

    struct: type[T]
    rules: Mapping[str, str]

    def read_body(self) -> tuple[T, bytes]:
        """The JSON body of the request at hand, and its octets. Raises RequestError."""
        if request.mimetype != "application/json":
            raise RequestError("unsupported-media-type", "Send the body as application/json.")
        try:
            content = request.get_data(cache=False)
        except RequestEntityTooLarge:
            raise RequestError("payload-too-large", "The body is larger than this box accepts.") from None
        return self.decode(content), content

    def decode(self, content: bytes) -> T:
        """The struct in a JSON text. Raises InvalidRequest."""
        try:
            return msgspec.json.decode(content, type=self.struct)
        except msgspec.ValidationError as error:
            raise self._explained(str(error), "pointer") from None
        except msgspec.DecodeError as error:
            raise InvalidRequest(_not_json(str(error))) from None
        except UnicodeDecodeError:
            raise InvalidRequest("The body is not JSON: it is not UTF-8.") from None

    def read_query(self) -> T:
        """The query parameters of the request at hand. Raises InvalidRequest."""
        values: dict[str, str] = {}
        for name, given in request.args.lists():
            if len(given) != 1 and name in self.rules:
                raise InvalidRequest(f"{name}: give this parameter once.", {"parameter": name})
            values[name] = given[0]
        try:
            return msgspec.convert(values, self.struct, strict=False)
        except msgspec.ValidationError as error:
            raise self._explained(str(error), "parameter") from None

    def _explained(self, message: str, kind: str) -> InvalidRequest:
        """Say in our own words what msgspec found: its own may repeat the value."""
        slash = "/" if kind == "pointer" else ""
        if message.startswith(_UNKNOWN):
            return _unknown(message.removeprefix(_UNKNOWN)[:-1], kind)
        if message.startswith(_MISSING):
            name = message.removeprefix(_MISSING)[:-1]
            return InvalidRequest(f"{name} is missing: {self.rules[name]}.", {kind: slash + name})
        name = message.rpartition(" - at `$.")[2].rstrip("`")
        if name in self.rules:
            return InvalidRequest(f"{name} must be {self.rules[name]}.", {kind: slash + name})
        return InvalidRequest("The body must be a JSON object.", {kind: ""})


def _unknown(name: str, kind: str) -> InvalidRequest:
    what = "field" if kind == "pointer" else "parameter"
    if not _TELLABLE.fullmatch(name):
        return InvalidRequest(f"There is a {what} that this box does not know.")
    place = f"/{name}" if kind == "pointer" else name
    return InvalidRequest(f"There is no {what} called {name}.", {kind: place})


def _not_json(message: str) -> str:
    found = _BYTE.search(message)
    if found:
        return f"The body is not JSON: look at byte {int(found[1]) + 1}."
    if "truncated" in message:
        return "The body is not JSON: it ends too early."
    return "The body is not JSON: a \\u escape in it is half of a pair, or no character."
