"""Each field and parameter of every operation there is, wrong in each way: refused, named, not repeated, no effect."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import jsonschema_rs
import pytest
from sqlalchemy import inspect, text
from test_verifications import OPEN
from web_fixtures import PHONE, WebBox, web_box
from werkzeug.test import TestResponse

from simcourier.config import Webhooks
from simcourier_web.operations import Operation
from simcourier_web.problems import KINDS

Json = dict[str, Any]
CANARY = "Zq83kx71"
HUGE = 98_765_432_109_876_543_210
LONG = CANARY * 300
WRONG = (
    *(None, True, False, 0, -1, -7_654_321, 7_654_321, 7_654_321.5, HUGE, -HUGE, "", [], {}),
    *(
        CANARY,
        f"{CANARY} {CANARY}",
        f"{CANARY}\n",
        f"\n{CANARY}",
        f"{CANARY}\x00",
        f"{CANARY}\x7f",
        f"{CANARY}é",
    ),
    *(LONG[:33], LONG[:36], LONG[:65], LONG[:129], LONG[:257], LONG[:501], LONG[:2001], LONG),
    *([CANARY], [None], [7_654_321], [[CANARY]], [{CANARY: CANARY}], {CANARY: CANARY}, {"code": 7_654_321}),
    *([LONG] * 1, [CANARY] * 40, "true", "60", "+447700900123", [LONG[:501]]),
)
"""Wrong somewhere each; a field is given those that its own schema forbids."""
WHOLE: dict[str, Json] = {
    "createKey": {"name": "web shop", "scopes": ["messages:send"]},
    "giveFeedback": {"outcome": "confirmed"},
    "setLimit": {"scope": "box", "window": "day", "maximum": 1},
    "resetLimit": {"scope": "box", "window": "day"},
    "block": {"scope": "country", "key": "GB"},
}
"""Bodies that are right, of operations whose schema shows no example of one."""


NOT_TOLD = "There is a field that this box does not know."
"""What is said of a name that may be somebody's secret."""


class Fault(NamedTuple):
    """A request that is wrong in one place; `place` begins with the pointer that must be named."""

    operation: Operation
    what: str
    body: Any
    place: str
    sent: Any


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebBox]:
    hooks = Webhooks(allowed_targets=("127.0.0.1",))
    with web_box(tmp_path_factory.mktemp("box"), webhooks=hooks, limits=OPEN) as box:
        box.modem()
        yield box


@pytest.fixture(scope="module")
def admin(web: WebBox) -> str:
    return web.key("admin")


@pytest.fixture(scope="module")
def document(web: WebBox) -> Json:
    return dict(web.get("/v1/openapi.json").json)


def operations(web: WebBox) -> list[Operation]:
    return list(web.app.extensions["operations"])


def forms(web: WebBox, document: Json) -> Iterator[tuple[Operation, Json]]:
    """The operations that read a body, each with the schema of it."""
    for operation in operations(web):
        if operation.body is not None:
            yield operation, document["components"]["schemas"][operation.body.struct.__name__]


def validator(document: Json, schema: Json) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})


def whole_body(operation: Operation, schema: Json) -> Json:
    """A body that fits its schema, so that nothing else can be to blame."""
    shown = {name: schema["properties"][name].get("examples", [CANARY])[0] for name in schema["required"]}
    return WHOLE.get(operation.id, shown)


def faults_of(document: Json, operation: Operation, schema: Json) -> Iterator[Fault]:
    whole = whole_body(operation, schema)
    for name, field in schema["properties"].items():
        fits = validator(document, field)
        for value in WRONG:
            if not fits.is_valid(value):
                yield Fault(operation, f"{name}={value!r:.40}", {**whole, name: value}, f"/{name}", value)
        for inner, value in _inside(document, field):
            sent = {**whole, name: {inner: value}}
            yield Fault(operation, f"{name}.{inner}={value!r:.40}", sent, f"/{name}/{inner}", value)
    for name in schema["required"]:
        left_out = {other: value for other, value in whole.items() if other != name}
        yield Fault(operation, f"no {name}", left_out, f"/{name}", None)
    yield Fault(operation, "unknown field", {**whole, "no_such_field": CANARY}, "/no_such_field", CANARY)


def _inside(document: Json, field: Json) -> Iterator[tuple[str, Any]]:
    """Wrong values of the fields of an object in a field."""
    for choice in field.get("anyOf", [field]):
        named = choice.get("$ref", "").rpartition("/")[2]
        for inner, schema in document["components"]["schemas"].get(named, {}).get("properties", {}).items():
            fits = validator(document, schema)
            yield from ((inner, value) for value in WRONG if not fits.is_valid(value))
            yield "no_such_field", CANARY


def path_of(operation: Operation) -> str:
    """With parameters that name nothing: what is wrong in a body is found before anything is looked up."""
    return re.sub(r"\{[a-z_]+\}", "x", operation.path)


def ask(web: WebBox, key: str, operation: Operation, body: Any) -> TestResponse:
    content = json.dumps(body)
    return web.call(operation.method, path_of(operation), key, data=content, content_type="application/json")


def on_disk(web: WebBox) -> dict[str, int]:
    """How many rows each table has."""
    with web.engine.connect() as connection:
        return {
            table: connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one()  # noqa: S608 - our own
            for table in inspect(connection).get_table_names()
        }


def repeats(answer: str, sent: Any) -> bool:
    """Whether an answer has what was sent in it, or a part of it that is long enough to know it by."""
    if CANARY in answer or str(HUGE)[:9] in answer or "7654321" in answer:
        return True
    return isinstance(sent, str) and len(sent) > 4 and sent in answer


def test_every_form_has_a_right_body_to_begin_with(web: WebBox, document: Json) -> None:
    """An operation that was added later may need a body in `WHOLE`."""
    count = 0
    for operation, schema in forms(web, document):
        whole = whole_body(operation, schema)
        assert validator(document, schema).is_valid(whole), f"{operation.id}: {whole} does not fit its schema"
        count += 1
    assert count >= 20


def test_every_wrong_field_is_refused_named_not_repeated_and_has_no_effect(
    web: WebBox, admin: str, document: Json
) -> None:
    web.settle()
    before, asked = on_disk(web), 0
    for operation, schema in forms(web, document):
        for fault in faults_of(document, operation, schema):
            answer = ask(web, admin, operation, fault.body)
            where = f"{operation.id}: {fault.what}"
            assert (answer.status_code, answer.json["code"]) == (400, "invalid-request"), (where, answer.text)
            if answer.json["detail"] == NOT_TOLD:
                assert CANARY in str(fault.sent), where
                continue
            (blamed,) = answer.json["errors"]
            pointer = blamed["pointer"]
            assert pointer == fault.place or pointer.startswith(f"{fault.place}/"), (where, pointer)
            assert blamed["detail"] == answer.json["detail"]
            assert "as documented" not in blamed["detail"], f"{where}: no rule in words"
            assert not repeats(answer.text, fault.sent), (where, answer.text)
            asked += 1
    assert asked > 1000
    assert on_disk(web) == before
    assert web.radio.jobs == []


def test_every_field_that_comes_twice_is_refused(web: WebBox, admin: str, document: Json) -> None:
    before = on_disk(web)
    for operation, schema in forms(web, document):
        whole = whole_body(operation, schema)
        for name, value in whole.items():
            members = [f"{json.dumps(key)}: {json.dumps(one)}" for key, one in whole.items()]
            twice = "{" + ", ".join([*members, f"{json.dumps(name)}: {json.dumps(value)}"]) + "}"
            answer = web.call(
                operation.method, path_of(operation), admin, data=twice, content_type="application/json"
            )
            assert (answer.status_code, answer.json["code"]) == (400, "invalid-request"), operation.id
            assert answer.json["errors"][0]["pointer"] == f"/{name}"
    assert on_disk(web) == before


@pytest.mark.parametrize("body", ["[]", "1", "null", '"Zq83kx71"', "true", "{", "", '{"a":NaN}', "\xff"])
def test_no_operation_takes_a_body_that_is_no_object(
    web: WebBox, admin: str, document: Json, body: str
) -> None:
    before = on_disk(web)
    for operation, _schema in forms(web, document):
        answer = web.call(
            operation.method,
            path_of(operation),
            admin,
            data=body.encode("latin-1"),
            content_type="application/json",
        )
        assert (answer.status_code, answer.json["code"]) == (400, "invalid-request"), operation.id
        assert CANARY not in answer.text
    assert on_disk(web) == before


def test_no_operation_reads_a_body_of_another_type(web: WebBox, admin: str, document: Json) -> None:
    for operation, schema in forms(web, document):
        content = json.dumps(whole_body(operation, schema))
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml"):
            answer = web.call(operation.method, path_of(operation), admin, data=content, content_type=kind)
            assert (answer.status_code, answer.json["code"]) == (415, "unsupported-media-type"), operation.id


QUERY_WRONG = (
    "",
    CANARY,
    "null",
    "true",
    "-1",
    "0",
    "1.5",
    "１",
    str(HUGE),
    f"{CANARY}\n",
    LONG[:65],
    "a b\x00",
)


def test_every_wrong_parameter_is_refused_named_and_not_repeated(
    web: WebBox, admin: str, document: Json
) -> None:
    asked = 0
    for operation in operations(web):
        if operation.query is None:
            continue
        declared = document["paths"][operation.path][operation.method.lower()]["parameters"]
        names = {one["name"]: one["schema"] for one in declared if one["in"] == "query"}
        for name, schema in names.items():
            for value in QUERY_WRONG:
                if not _fits_query(schema, value):
                    _assert_parameter_is_blamed(web, admin, operation, name, [value])
                    asked += 1
            _assert_parameter_is_blamed(web, admin, operation, name, ["1", "1"])
        _assert_parameter_is_blamed(web, admin, operation, "no_such_parameter", [CANARY])
    assert asked > 20


def _fits_query(schema: Json, value: str) -> bool:
    """Where no more than a type is said, a parameter is a number or a string by how it is written."""
    fits = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    is_number = re.fullmatch(r"-?[0-9]+", value) is not None
    return fits.is_valid(value) or (is_number and fits.is_valid(int(value)))


def _assert_parameter_is_blamed(
    web: WebBox, key: str, operation: Operation, name: str, values: list[str]
) -> None:
    answer = web.call(operation.method, path_of(operation), key, query_string={name: values})
    where = (operation.id, name, values, answer.text)
    assert (answer.status_code, answer.json["code"]) == (400, "invalid-request"), where
    assert answer.json["errors"][0]["parameter"] == name, where
    assert not repeats(answer.text, None), where


def test_a_path_that_names_nothing_is_not_found_and_not_repeated(
    web: WebBox, admin: str, document: Json
) -> None:
    schemas = {operation.id: schema for operation, schema in forms(web, document)}
    asked = 0
    for operation in operations(web):
        if not operation.parameters or operation.path.startswith(("/v1/templates/", "/problems/")):
            continue
        path = re.sub(r"\{[a-z_]+\}", CANARY, operation.path)
        body = whole_body(operation, schemas[operation.id]) if operation.id in schemas else None
        answer = web.call(operation.method, path, admin, json=body)
        assert (answer.status_code, answer.json["code"]) == (404, "not-found"), (operation.id, answer.text)
        assert CANARY not in answer.text
        asked += 1
    assert asked > 10


# --- what fits its schema and is wrong all the same ---

BAD_NUMBERS = (
    *(
        "",
        " ",
        "07700900123",
        "+",
        "12",
        "+0447700900123",
        "abc",
        "+447700900123\n",
        "＋４４７７００９００１２３",
    ),
    *("+44 (0)7700 900123", '+447700900123";AT+CMGD=1,4', "+4477009001234567"),
)


def test_every_number_that_is_none_is_refused_by_its_name_wherever_one_is_read(
    web: WebBox, admin: str, document: Json
) -> None:
    before, asked = on_disk(web), 0
    for operation, schema in forms(web, document):
        if "invalid-number" not in operation.expected_problems or "to" not in schema["properties"]:
            continue
        fits = validator(document, schema["properties"]["to"])
        whole = {name: value for name, value in whole_body(operation, schema).items() if name != "key"}
        if "scope" in schema["properties"]:
            whole["scope"] = "number"
        for number in BAD_NUMBERS:
            if fits.is_valid(number):
                answer = ask(web, admin, operation, {**whole, "to": number})
                where = (operation.id, number, answer.text)
                assert (answer.status_code, answer.json["code"]) == (422, "invalid-number"), where
                assert answer.json["errors"][0]["pointer"] == "/to"
                assert len(number) < 4 or number not in answer.text, where
                asked += 1
    assert asked > 80
    assert on_disk(web) == before


POLICY: tuple[tuple[str, Json, str], ...] = (
    *(("startVerification", {"ttl": value}, "/ttl") for value in (-1, 0, 59, 601, 3600, HUGE, -HUGE)),
    *(("startVerification", {"max_attempts": value}, "/max_attempts") for value in (-1, 0, 6, 100, HUGE)),
    *(("startVerification", {"code": {"length": value}}, "/code/length") for value in (-1, 0, 5, 11, HUGE)),
    *(("startVerification", {"code": value}, "/code") for value in ("", CANARY, "483920")),
    *(
        ("startVerification", {"template": value}, "/template")
        for value in (CANARY, "../login", "Login", "login\n")
    ),
    *(
        ("startVerification", {"origin_host": value}, "/origin_host")
        for value in (
            *(
                "https://zq83kx71.example",
                "zq83kx71.example/path",
                "zq83kx71.example:8443",
                "user@zq83kx71.example",
            ),
            *("zq83kx71 .example", "zq83kx71.example\n#000000", "-zq83kx71.example", "é.zq83kx71.example"),
        )
    ),
    *(
        ("startVerification", {"app_hash": value}, "/app_hash")
        for value in ("Zq83kx71", "Zq83kx71 ab", "Zq83kx71ab\n")
    ),
    ("startVerification", {"origin_host": "vpn.example", "app_hash": "abcdefghijk"}, "/app_hash"),
    *(
        ("startVerification", {"amount": "1 EUR", "payee": value}, "/payee")
        for value in (LONG[:64], f"{CANARY}\n")
    ),
    *(
        ("startVerification", {"payee": "Shop", "amount": value}, "/amount")
        for value in (LONG[:64], f"{CANARY}\n")
    ),
    *(
        ("startVerification", {"app": value}, "/app")
        for value in (LONG[:64], f"{CANARY}\n", f"{CANARY}.com/x")
    ),
    *(("createKey", {"cidrs": [value]}, "/cidrs") for value in (CANARY, "10.0.0.0/33", "10.0.0.1/8/8", "")),
    *(
        ("createWebhookEndpoint", {"url": value}, "/url")
        for value in (CANARY, f"ftp://{CANARY}", f"https://{CANARY}")
    ),
    ("createWebhookEndpoint", {"url": "http://127.0.0.1:9/", "client": CANARY}, "/client"),
)


@pytest.mark.parametrize(("name", "fields", "pointer"), POLICY)
def test_what_a_schema_cannot_forbid_is_a_policy_violation_with_its_field(
    web: WebBox, admin: str, document: Json, name: str, fields: Json, pointer: str
) -> None:
    before = on_disk(web)
    ((operation, schema),) = [found for found in forms(web, document) if found[0].id == name]
    body = {**whole_body(operation, schema), **fields}
    assert validator(document, schema).is_valid(body), "this is not what is tested here"
    answer = ask(web, admin, operation, body)
    assert (answer.status_code, answer.json["code"]) == (422, "policy-violation"), answer.text
    assert answer.json["errors"][0]["pointer"].startswith(pointer)
    assert not repeats(answer.text.lower(), None)
    assert CANARY.lower() not in answer.text.lower()
    assert PHONE not in answer.text
    assert on_disk(web) == before


def test_every_code_that_an_operation_names_is_one_that_is_documented(web: WebBox) -> None:
    for operation in operations(web):
        assert operation.expected_problems <= set(KINDS), operation.id
