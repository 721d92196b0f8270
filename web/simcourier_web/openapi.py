"""The OpenAPI 3.1 document, made from the declared operations and the very structs that check requests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from simcourier import __version__
from simcourier_web.forms import Form
from simcourier_web.operations import Operation
from simcourier_web.problems import KINDS, Problem

Json: TypeAlias = dict[str, Any]

REF = "#/components/schemas/{name}"
_WAITING = frozenset({409, 423, 429, 503})
_TEXT = {"type": "string"}
_PATH_WORDS = {
    "message_id": "The id that a message was given",
    "inbound_id": "The id that a message got when it came in",
    "name": "Its name",
    "sim": "The number of a SIM card: its ICCID, or its IMSI where the modem tells no ICCID",
    "code": "The code of a problem",
}
_PATH_SCHEMAS = {"code": {"type": "string", "enum": sorted(KINDS)}}
_HEADERS: dict[str, Json] = {
    "Location": {"description": "The path of what was made", "schema": _TEXT},
    "Link": {"description": 'The next page, rel="next" (RFC 8288); absent on the last', "schema": _TEXT},
    "Idempotency-Replayed": {
        "description": "Present where this is the stored answer to an earlier request with the same key",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Retry-After": {
        "description": "Whole seconds after which trying again may help",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {"description": "How to give a key (RFC 9110 section 11.6.1)", "schema": _TEXT},
    "X-Request-Id": {"description": "By which the request is found in the box's log", "schema": _TEXT},
}
_IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key with the same body within 24 hours gives the stored answer and sends nothing",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}
_SECURITY_SCHEMES: Json = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "sck_<id>_<secret>"},
    "basic": {"type": "http", "scheme": "basic", "description": "The key's id and its secret"},
}
_DESCRIPTION = """One-time codes by SMS through the SIM cards of this box.

Times are UTC (RFC 3339). Numbers are in international form and never in a URL. Errors are problems (RFC 9457): go by
`code`, which stays the same; `/problems/{code}` says what to do. 400 is for what this document does not allow, 422 for
what it allows and this box, as it is set up, does not. Every answer may be joined by new fields, never by other
meanings. Lists come in pages: follow `next_cursor`, or the Link header where there is one, until there is none: a page
of a filtered list may be short, even empty, and yet not be the last."""
_TAGS = {
    "verifications": "Have codes made, sent and checked",
    "messages": "Send texts of your own, and see how far they came",
    "numbers": "What is known of a number",
    "webhook-endpoints": "Be told what happened (Standard Webhooks)",
    "templates": "The texts of codes, in each language",
    "modems": "What every modem does, and an admin's hand on it",
    "sims": "The SIM cards, and an admin's yes or no to each",
    "inbound": "What people wrote to the SIM cards",
    "stops": "Who wants no more messages",
    "loop-tests": "One SIM texts another, to find the one that delivers nothing",
    "limits": "How often something may be sent, and where nothing is",
    "keys": "API keys",
    "audit": "Who did what",
    "privacy": "Tell and erase what is held about a number",
    "secrets": "The keys that seal what is on disk",
    "box": "How the box is",
    "api": "What the API tells of itself",
}
_TAG_OF = {"status": "box", "healthz": "box", "readyz": "box", "openapi.json": "api", "problems": "api"}


def build(operations: Sequence[Operation]) -> Json:
    """The document of these operations."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "simcourier",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": description} for name, description in _TAGS.items()],
        "paths": _paths(operations),
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": _SECURITY_SCHEMES,
            "headers": _HEADERS,
        },
    }


def _paths(operations: Sequence[Operation]) -> Json:
    paths: Json = {}
    for operation in operations:
        described = _operation(operation)
        if "Location" in operation.headers:
            usual = next(iter(operation.answers))
            described["responses"][str(usual)]["links"] = _links(operation, operations)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return paths


def _links(operation: Operation, operations: Iterable[Operation]) -> Json:
    """What can be done next with the thing whose id the answer tells (OpenAPI 3.1 section 4.8.20)."""
    collection = operation.path.partition("/{")[0]
    return {
        other.id: {
            "operationId": other.id,
            "parameters": dict.fromkeys(other.parameters, "$response.body#/id"),
            "description": other.summary,
        }
        for other in operations
        if other.path.startswith(collection + "/{") and len(other.parameters) == 1
    }


def _tag(path: str) -> str:
    first = path.removeprefix("/v1").split("/")[1]
    return first if first in _TAGS else _TAG_OF[first]


def _operation(operation: Operation) -> Json:
    described: Json = {
        "operationId": operation.id,
        "tags": [_tag(operation.path)],
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation), *_query_parameters(operation.query)],
        "responses": _responses(operation),
        "security": [],
    }
    if operation.idempotent:
        described["parameters"].append(_IDEMPOTENCY_KEY)
    if operation.scope is not None:
        # OpenAPI 3.1 section 4.8.30: for schemes that are not OAuth the list names the roles that are needed.
        described["security"] = [{scheme: [operation.scope]} for scheme in _SECURITY_SCHEMES]
    if operation.body is not None:
        content: Json = {"schema": _ref(operation.body.struct)}
        if operation.body.example is not None:
            content["example"] = operation.body.example
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    return described


def _path_parameters(operation: Operation) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PATH_WORDS.get(name, f"Its {name.replace('_', ' ')}"),
            "schema": _PATH_SCHEMAS.get(name, {"type": "string", "minLength": 1}),
        }
        for name in operation.parameters
    ]


def _query_parameters(form: Form[Any] | None) -> list[Json]:
    if form is None:
        return []
    found = _component(form.struct)
    required = set(found.get("required", ()))
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": form.rules.get(name, ""),
            "schema": _not_null(schema),
        }
        for name, schema in found["properties"].items()
    ]


def _component(struct: type[Struct]) -> Json:
    """The schema of one struct with everything it refers to written out."""
    _, schemas = msgspec.json.schema_components([struct], ref_template=REF)
    inlined: Json = _inlined(_plain(schemas[struct.__name__]), schemas)
    return inlined


def _inlined(schema: Any, schemas: Json) -> Any:
    match schema:
        case {"$ref": str(ref), **rest}:
            named = _plain(schemas[ref.rpartition("/")[2]])
            return {**_inlined(named, schemas), **rest}
        case dict():
            return {name: _inlined(value, schemas) for name, value in schema.items()}
        case list():
            return [_inlined(value, schemas) for value in schema]
        case _:
            return schema


def _not_null(schema: Json) -> Json:
    """A parameter is given or not; it is never null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "title"}}
    if rest.get("default", "") is None:
        del rest["default"]
    match kinds:
        case []:
            return rest
        case [only]:
            return {**only, **rest}
        case _:
            return {"anyOf": kinds, **rest}


def _responses(operation: Operation) -> Json:
    responses: Json = {}
    for status, struct in operation.answers.items():
        responses[str(status)] = _success(operation, struct)
    for status, codes in _refusals(operation):
        responses[str(status)] = _refusal(status, codes)
    return responses


def _refusals(operation: Operation) -> list[tuple[int, list[str]]]:
    """Each status that is no success, with its codes."""
    by_status: dict[int, list[str]] = {}
    for code in sorted(operation.expected_problems):
        by_status.setdefault(KINDS[code].status, []).append(code)
    return sorted(by_status.items())


def _success(operation: Operation, struct: type[Struct] | None) -> Json:
    described: Json = {
        "description": operation.summary,
        "headers": _header_refs(*operation.headers, "X-Request-Id"),
    }
    if struct is not None:
        described["content"] = {"application/json": {"schema": _ref(struct)}}
    return described


def _refusal(status: int, codes: list[str]) -> Json:
    names = ["X-Request-Id"]
    if status == 401:
        names.append("WWW-Authenticate")
    if status in _WAITING:
        names.append("Retry-After")
    return {
        "description": "; ".join(f"{code}: {KINDS[code].title}" for code in codes),
        "headers": _header_refs(*names),
        "content": {"application/problem+json": {"schema": {"$ref": REF.format(name=_name(status, codes))}}},
    }


def _name(status: int, codes: Sequence[str]) -> str:
    """What a problem with one of these codes is called: Problem409IdempotencyConflict."""
    return f"Problem{status}" + "".join(code.title().replace("-", "") for code in codes)


def _narrowed(status: int, codes: Sequence[str]) -> Json:
    # With their types and no `const`: generators of clients can then merge them with those of Problem.
    members: Json = {
        "status": {"type": "integer", "enum": [status]},
        "code": {"type": "string", "enum": list(codes)},
    }
    return {"allOf": [_ref(Problem), {"properties": members}]}


def _header_refs(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _ref(struct: type[Struct]) -> Json:
    return {"$ref": REF.format(name=struct.__name__)}


def _schemas(operations: Sequence[Operation]) -> Json:
    forms = [operation.body for operation in operations if operation.body is not None]
    answers = [
        struct for operation in operations for struct in operation.answers.values() if struct is not None
    ]
    structs = dict.fromkeys([Problem, *(form.struct for form in forms), *answers])
    _, schemas = msgspec.json.schema_components(list(structs), ref_template=REF)
    schemas = _plain(schemas)
    for form in forms:
        _explain(schemas, schemas[form.struct.__name__], form)
    for operation in operations:
        schemas |= {_name(status, codes): _narrowed(status, codes) for status, codes in _refusals(operation)}
    return dict(sorted(schemas.items()))


def _explain(schemas: Json, schema: Json, form: Form[Any], under: str = "") -> None:
    """Give each field the rule in words that the form has for it."""
    for name, field in schema.get("properties", {}).items():
        if under + name in form.rules:
            field["description"] = form.rules[under + name]
        for part in [field, *field.get("anyOf", ())]:
            if "$ref" in part:
                _explain(schemas, schemas[part["$ref"].rpartition("/")[2]], form, f"{under}{name}.")


def _plain(schema: Any) -> Any:
    """A schema as JSON, with what is Python's own way of writing patterns written as in JSON Schema."""
    match schema:
        case {"pattern": str(pattern), **rest}:
            return {"pattern": pattern.replace(r"\A", "^").replace(r"\Z", "$"), **_plain(rest)}
        case dict():
            return {name: _plain(value) for name, value in schema.items()}
        case list() | tuple():
            return [_plain(value) for value in schema]
        case _:
            return schema
