"""Read bodies and query parameters strictly; say what is wrong without repeating what was sent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Generic, NamedTuple, TypeVar

import msgspec
from flask import request
from msgspec import Meta
from werkzeug.exceptions import RequestEntityTooLarge

from simcourier.errors import RequestError
from simcourier_web.problems import InvalidRequest

Number = Annotated[str, Meta(examples=["+447700900123"])]
"""A phone number in a body, in whatever form callers write it; the service reads it."""

T = TypeVar("T", bound=msgspec.Struct)

_UNKNOWN = "Object contains unknown field `"
_FRACTION = "got `float`"
_EXACT = 2**53
_MISSING = "Object missing required field `"
# A name that may be told back: none can be a number, hardly one a code.
_TELLABLE = re.compile(r"[a-z][A-Za-z_]{0,39}")
_WHERE = re.compile(r" - at `\$([^`]*)`\Z")
_BYTE = re.compile(r"\(byte ([0-9]{1,9})\)\Z")


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """What a request may hold: a struct, for each of its fields the rule in words, and one that is right."""

    struct: type[T]
    rules: Mapping[str, str]
    example: Mapping[str, object] | None = None

    def __post_init__(self) -> None:
        # msgspec 0.22 fills a struct's table of fields at its first decode, unguarded: two threads at once in it
        # end the process. A decoder fills it here, at import, before there are threads.
        msgspec.json.Decoder(self.struct)

    def read_body(self) -> tuple[T, bytes]:
        """The JSON body of the request at hand, and its octets. Raises RequestError."""
        if request.mimetype != "application/json":
            raise RequestError("unsupported-media-type", "Send the body as application/json.")
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise RequestError("unsupported-media-type", "Send the body as it is, without Content-Encoding.")
        try:
            content = request.get_data(cache=False)
        except RequestEntityTooLarge:
            raise RequestError("payload-too-large", "The body is larger than this box accepts.") from None
        return self.decode(content), content

    def decode(self, content: bytes) -> T:
        """The struct in a JSON text. Raises InvalidRequest."""
        try:
            decoded = self._typed(content)
        except msgspec.ValidationError as error:
            raise self._explained(str(error), "pointer") from None
        except msgspec.DecodeError as error:
            raise InvalidRequest(_not_json(str(error))) from None
        except UnicodeDecodeError:
            raise InvalidRequest("The body is not JSON: it is not UTF-8.") from None
        except RecursionError:
            raise InvalidRequest("The body is nested too deep.") from None
        _refuse_repetition(content)
        return decoded

    def _typed(self, content: bytes) -> T:
        try:
            return msgspec.json.decode(content, type=self.struct)
        except msgspec.ValidationError as error:
            if _FRACTION not in str(error):
                raise
        # 300.0 is the whole number 300 to JSON and to JSON Schema; some languages write it so.
        return msgspec.convert(_with_whole_numbers(msgspec.json.decode(content)), self.struct)

    def read_query(self) -> T:
        """The query parameters of the request at hand. Raises InvalidRequest."""
        values: dict[str, str] = {}
        for name, given in request.args.lists():
            if len(given) != 1 and name in self.rules:
                raise InvalidRequest(f"{name}: give this parameter once.", {"parameter": name})
            values[name] = given[0]
        try:
            query = msgspec.convert(values, self.struct, strict=False)
        except msgspec.ValidationError as error:
            raise self._explained(str(error), "parameter") from None
        for field in msgspec.structs.fields(self.struct):
            # msgspec takes the word null for none; here a parameter is left out or it says something.
            if field.encode_name in values and getattr(query, field.name) is None:
                raise self._explained(f" - at `$.{field.encode_name}`", "parameter")
        return query

    def _explained(self, message: str, kind: str) -> InvalidRequest:
        """Say in our own words what msgspec found: its own may repeat the value."""
        path = _path_of(message)
        if message.startswith(_UNKNOWN):
            return _unknown(_named_in(message, _UNKNOWN), path, kind)
        if message.startswith(_MISSING):
            path = (*path, _named_in(message, _MISSING))
            return InvalidRequest(f"{_dotted(path)} is missing: {self._rule(path)}.", _place(path, kind))
        if not path:
            return InvalidRequest("The body must be a JSON object.", {kind: ""})
        return InvalidRequest(f"{_dotted(path)} must be {self._rule(path)}.", _place(path, kind))

    def _rule(self, path: tuple[str, ...]) -> str:
        # The rule of a field holds for what is in it where that has none of its own.
        names = [name for name in path if not name.isdigit()]
        known = (".".join(names[:length]) for length in range(len(names), 0, -1))
        return next((self.rules[name] for name in known if name in self.rules), "as documented")


def _path_of(message: str) -> tuple[str, ...]:
    """Where msgspec found the fault: `$.code.length`, `$.types[3]`; an entry of a mapping is `[...]`."""
    found = _WHERE.search(message)
    return () if found is None else tuple(re.findall(r"[A-Za-z_]\w*|[0-9]+", found[1]))


def _named_in(message: str, prefix: str) -> str:
    return _WHERE.sub("", message).removeprefix(prefix)[:-1]


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(path)


def _place(path: tuple[str, ...], kind: str) -> dict[str, str]:
    return {kind: "".join(f"/{name}" for name in path) if kind == "pointer" else _dotted(path)}


def _unknown(name: str, path: tuple[str, ...], kind: str) -> InvalidRequest:
    what = "field" if kind == "pointer" else "parameter"
    if not _TELLABLE.fullmatch(name):
        return InvalidRequest(f"There is a {what} that this box does not know.")
    return InvalidRequest(f"There is no {what} called {name}.", _place((*path, name), kind))


def _not_json(message: str) -> str:
    found = _BYTE.search(message)
    if found:
        return f"The body is not JSON: look at byte {int(found[1]) + 1}."
    if "truncated" in message:
        return "The body is not JSON: it ends too early."
    return "The body is not JSON: a \\u escape in it is half of a pair, or no character."


def _with_whole_numbers(value: object) -> object:
    match value:
        case dict():
            return {name: _with_whole_numbers(item) for name, item in value.items()}
        case list():
            return [_with_whole_numbers(item) for item in value]
        case float() if value.is_integer() and abs(value) <= _EXACT:
            return int(value)
        case _:
            return value


class _Object(NamedTuple):
    members: list[tuple[str, object]]


def _refuse_repetition(content: bytes) -> None:
    """A name that comes twice means one thing here and another elsewhere (RFC 8259 section 4).

    msgspec takes the last of them. What it accepted is as flat as its struct, so reading it again is cheap and safe.
    """
    once = True

    def build(members: list[tuple[str, object]]) -> None:
        nonlocal once
        once = once and len({name for name, _ in members}) == len(members)

    json.loads(content, object_pairs_hook=build, parse_int=str, parse_float=str)
    if not once:
        place = _repeated(json.loads(content, object_pairs_hook=_Object), "")
        raise InvalidRequest("The body has a name twice in one object.", place)


def _repeated(value: object, path: str) -> dict[str, str] | None:
    """Where the first name is that comes twice; None where it, or one on the way to it, may not be told."""
    match value:
        case list():
            inner = [(str(n), item) for n, item in enumerate(value)]
        case _Object(members):
            inner = members
        case _:
            return None
    seen: set[str] = set()
    for name, item in inner:
        if name in seen:
            return {"pointer": f"{path}/{name}"} if _TELLABLE.fullmatch(name) else None
        seen.add(name)
        found = (
            _repeated(item, f"{path}/{name}")
            if _TELLABLE.fullmatch(name) or isinstance(value, list)
            else None
        )
        if found is not None:
            return found
    return None
