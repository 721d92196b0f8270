"""The document tells what the API does, and the API does what the document tells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from inbound_texts import write
from schemathesis import GenerationMode
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR
from web_fixtures import PHONE, WebBox, web_box
from werkzeug.test import Client

from simcourier.service import SCOPES
from simcourier_web import problems
from simcourier_web.auth import Gate
from simcourier_web.operations import Reply, install
from simcourier_web.problems import KINDS

Json = dict[str, Any]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebBox]:
    with web_box(tmp_path_factory.mktemp("box")) as box:
        box.modem()
        yield box


@pytest.fixture(scope="module")
def document(web: WebBox) -> Json:
    answer = web.get("/v1/openapi.json")
    assert answer.status_code == 200
    return dict(answer.json)


def operations(document: Json) -> list[tuple[str, str, Json]]:
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_document_is_openapi_3_1(document: Json) -> None:
    assert document["openapi"] == "3.1.0"
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(document)] == []


def test_every_schema_is_a_json_schema(document: Json) -> None:
    for name, schema in document["components"]["schemas"].items():
        whole = {**schema, "components": document["components"]}
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **whole})
        jsonschema_rs.Draft202012Validator(whole)
        assert r"\A" not in str(schema), name


def test_every_reference_leads_somewhere(document: Json) -> None:
    for ref in set(re.findall(r"'\$ref': '#/([^']+)'", str(document))):
        found: Any = document
        for name in ref.split("/"):
            found = found[name]
        assert found


def test_every_route_is_documented_and_every_documented_operation_is_a_route(
    web: WebBox, document: Json
) -> None:
    documented = {(method, path) for method, path, _operation in operations(document)}
    others = ("/static/", "/modems/", "/metrics", "/live")
    routes = {
        (method, re.sub(r"<([a-z_]+)>", r"{\1}", rule.rule))
        for rule in web.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
        if rule.rule != "/" and not rule.rule.startswith(others)
    }
    assert routes == documented


def test_operations_are_named_once_and_say_what_they_need(document: Json) -> None:
    names = [operation["operationId"] for _method, _path, operation in operations(document)]
    assert len(names) == len(set(names))
    for method, path, operation in operations(document):
        assert operation["summary"]
        roles = {role for scheme in operation["security"] for needed in scheme.values() for role in needed}
        assert roles <= set(SCOPES), (method, path)
        assert bool(roles) == path.startswith("/v1/") or path == "/v1/openapi.json"
        assert ("requestBody" in operation) <= (method in {"POST", "PUT", "PATCH", "DELETE"})


def test_every_refusal_is_a_problem_with_its_codes(document: Json) -> None:
    for _method, _path, operation in operations(document):
        for status, response in operation["responses"].items():
            assert "X-Request-Id" in response["headers"]
            if int(status) < 400:
                continue
            named = response["content"]["application/problem+json"]["schema"]["$ref"].rpartition("/")[2]
            reference, narrowed = document["components"]["schemas"][named]["allOf"]
            assert reference == {"$ref": "#/components/schemas/Problem"}
            codes = narrowed["properties"]["code"]["enum"]
            assert codes
            assert {KINDS[code].status for code in codes} == {int(status)}
            assert narrowed["properties"]["status"]["enum"] == [int(status)]


def test_every_operation_is_under_a_heading_that_says_what_it_is_about(document: Json) -> None:
    headings = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert all(headings.values())
    assert {tag for *_, operation in operations(document) for tag in operation["tags"]} == set(headings)
    assert {len(operation["tags"]) for *_, operation in operations(document)} == {1}


def test_what_is_made_links_to_what_can_be_done_with_it(document: Json) -> None:
    links = document["paths"]["/v1/verifications"]["post"]["responses"]["202"]["links"]
    assert set(links) == {"getVerification", "checkVerification", "resendVerification", "cancelVerification"}
    taken = {operation["operationId"]: operation for *_, operation in operations(document)}
    for *_, operation in operations(document):
        for response in operation["responses"].values():
            assert ("links" in response) == ("Location" in response["headers"])
            for link in response.get("links", {}).values():
                (parameter,) = link["parameters"]
                target = taken[link["operationId"]]["parameters"]
                assert parameter in {found["name"] for found in target if found["in"] == "path"}


def test_every_example_of_a_body_is_one(web: WebBox, document: Json) -> None:
    forms = [operation.body for operation in web.app.extensions["operations"] if operation.body is not None]
    shown = [form for form in forms if form.example is not None]
    assert len(shown) >= 8
    for form in shown:
        form.decode(json.dumps(form.example).encode())
        schema = {**document["components"]["schemas"][form.struct.__name__]}
        validator = jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})
        validator.validate(form.example)


def test_no_body_of_a_request_lets_an_unknown_field_pass(document: Json) -> None:
    for method, path, operation in operations(document):
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            named = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            assert named["additionalProperties"] is False, (method, path)
            assert all(field.get("description") for field in named["properties"].values()), (method, path)


def test_a_send_is_documented_whole(document: Json) -> None:
    send = document["paths"]["/v1/messages"]["post"]
    assert send["security"] == [{"bearer": ["messages:send"]}, {"basic": ["messages:send"]}]
    assert {"Location", "Idempotency-Replayed"} <= set(send["responses"]["202"]["headers"])
    (key,) = [parameter for parameter in send["parameters"] if parameter["in"] == "header"]
    assert key["name"] == "Idempotency-Key"
    assert {"202", "400", "401", "403", "409", "413", "415", "422", "503"} <= set(send["responses"])
    assert "Retry-After" in send["responses"]["503"]["headers"]
    body = document["components"]["schemas"]["SendBody"]
    assert {"to", "text", "class", "ttl"} <= set(body["properties"])
    assert set(body["required"]) == {"to"}


def test_what_is_answered_fits_its_documented_schema(web: WebBox, document: Json) -> None:
    key = web.key("admin")
    message = web.send(key, reference="order 7").json
    web.submitted()
    write(web, "STOP")
    (received,) = web.get("/v1/inbound", key).json["items"]
    asked = [
        ("/v1/inbound", "/v1/inbound"),
        ("/v1/inbound/{inbound_id}", f"/v1/inbound/{received['id']}"),
        ("/v1/stops", "/v1/stops"),
        ("/v1/messages/{message_id}", f"/v1/messages/{message['id']}"),
        ("/v1/messages", "/v1/messages"),
        ("/v1/modems", "/v1/modems"),
        ("/v1/modems/{name}", "/v1/modems/modem-1"),
        ("/v1/status", "/v1/status"),
        ("/healthz", "/healthz"),
        ("/readyz", "/readyz"),
        ("/v1/openapi.json", "/v1/openapi.json"),
        ("/problems/{code}", "/problems/no-modem"),
    ]
    for path, real in asked:
        answer = web.get(real, key)
        response = document["paths"][path]["get"]["responses"][str(answer.status_code)]
        schema = response["content"][answer.mimetype]["schema"]
        validator = jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})
        validator.validate(answer.json)


def reading_only(web: WebBox) -> Client:
    """The same operations with the same forms, and nothing behind them."""
    app = Flask("reading")
    problems.install(app)
    install(
        app,
        Gate(web.service),
        [
            replace(operation, view=lambda _call, **_path: Reply(None), answers={204: None}, on_refusal=None)
            for operation in web.app.extensions["operations"]
        ],
    )
    return app.test_client()


@settings(max_examples=15, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_form_takes_whatever_its_documented_schema_allows(web: WebBox, data: st.DataObject) -> None:
    """The fuzz run asks the whole box; here are only the forms, so nothing else can refuse in their place."""
    document = dict(web.get("/v1/openapi.json").json)
    client, key = reading_only(web), web.key("admin")
    asked = 0
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = found.ok()
        case = data.draw(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
        answer = client.open(
            re.sub(r"\{[a-z_]+\}", "x", case.path),
            method=case.method,
            query_string=dict(case.query or {}),
            headers={"Authorization": f"Bearer {key}"},
            **({"json": case.body} if "requestBody" in operation.definition.raw else {}),
        )
        assert answer.status_code == 204, (case.method, case.path, case.query, case.body, answer.text)
        asked += 1
    assert asked == len(web.app.extensions["operations"])


def test_every_problem_explains_itself_where_its_type_points(web: WebBox) -> None:
    for code, kind in KINDS.items():
        answer = web.get(f"/problems/{code}")
        assert answer.status_code == 200
        told = answer.json
        assert (told["code"], told["status"], told["title"]) == (code, kind.status, kind.title)
        assert len(told["advice"]) > 10, code
    problem = web.get("/v1/status")
    assert web.get(problem.json["type"]).json["code"] == "unauthorized"
    assert web.get(f"/problems/{PHONE}").status_code == 404
    assert PHONE not in web.get(f"/problems/{PHONE}").text


def test_the_document_names_no_secret_and_needs_no_key(web: WebBox) -> None:
    key = web.key("admin")
    text = web.get("/v1/openapi.json").text
    assert key not in text
    assert "local-secret" not in text


def test_the_document_is_in_the_box_whatever_its_files_say(tmp_path: Path) -> None:
    with web_box(tmp_path) as web:
        first, second = web.get("/v1/openapi.json"), web.get("/v1/openapi.json", web.key("admin"))
        assert first.data == second.data
