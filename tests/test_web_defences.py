"""What strangers may send: pages of other sites, repeated names, SQL, large bodies; and nothing of it comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web_fixtures import PHONE, TEXT, WebBox, web_box
from werkzeug.test import TestResponse

CANARY = "zq83kx71"
"""In every string that is sent here; so short that no detail may hold a part of it by chance."""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebBox]:
    with web_box(tmp_path_factory.mktemp("box")) as box:
        box.modem()
        yield box


@pytest.fixture(scope="module")
def admin(web: WebBox) -> str:
    return web.key("admin")


def documented(web: WebBox) -> dict[str, Any]:
    return dict(web.get("/v1/openapi.json").json)


def post(web: WebBox, key: str, content: bytes, **headers: str) -> TestResponse:
    return web.post("/v1/messages", key, data=content, content_type="application/json", headers=headers)


# --- A16: pages of other sites ---


def test_a16_a_page_of_another_site_is_refused_on_every_operation(web: WebBox, admin: str) -> None:
    strange: list[dict[str, str]] = [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    ]
    asked = 0
    for path, methods in documented(web)["paths"].items():
        for method, operation in methods.items():
            if not operation["security"]:
                continue
            for headers in strange:
                real = re.sub(r"\{[a-z_]+\}", "modem-1", path)
                answer = web.call(method.upper(), real, admin, headers=headers)
                assert (answer.status_code, answer.json["code"]) == (403, "forbidden-origin"), (method, path)
                asked += 1
    assert asked > 70
    assert not web.service.modems.one("modem-1").paused


def test_a16_the_page_itself_and_programs_may_ask(web: WebBox, admin: str) -> None:
    for headers in (
        {},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ):
        assert web.get("/v1/status", admin, headers=headers).status_code == 200


def test_a16_a_link_on_another_site_may_lead_to_the_page(web: WebBox) -> None:
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert web.get("/", headers=followed).status_code == 200


def test_a16_no_answer_sets_a_cookie_and_none_is_taken(web: WebBox, admin: str) -> None:
    _, key_id, secret = admin.split("_")
    for path in ("/", "/v1/status", "/healthz", "/metrics", "/nowhere", "/v1/openapi.json"):
        assert "Set-Cookie" not in web.get(path, admin).headers
        assert web.get("/v1/status", headers={"Cookie": f"key=sck_{key_id}_{secret}"}).status_code == 401
    for path in ("/v1/status", "/healthz", "/metrics"):
        headers = web.get(path, admin).headers
        assert not [name for name, _ in headers if name.lower().startswith("access-control-")]
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


# --- A21: strings as SQL ---

SQL = (
    "' OR 1=1 --",
    "'; DROP TABLE messages; --",
    '" OR ""="',
    "%",
    "_",
    "*",
    "x' UNION SELECT secret FROM keys --",
    "1); DELETE FROM messages; --",
    "\\",
)
texts = st.one_of(st.sampled_from(SQL), st.text(max_size=80))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reference=texts, status=texts, cursor=texts, created_after=texts, to=texts)
def test_a21_no_filter_finds_more_than_it_names(
    web: WebBox, admin: str, reference: str, status: str, cursor: str, created_after: str, to: str
) -> None:
    if not web.get("/v1/messages?reference=kept", admin).json["items"]:
        assert web.send(admin, reference="kept").status_code == 202
    for name, value in (
        ("reference", reference),
        ("status", status),
        ("cursor", cursor),
        ("created_after", created_after),
    ):
        answer = web.get("/v1/messages", admin, query_string={name: value})
        assert answer.status_code in {200, 400}
        if name == "reference" and answer.status_code == 200:
            assert {item["reference"] for item in answer.json["items"]} <= {value}
    found = web.post("/v1/messages/search", admin, json={"to": to})
    assert found.status_code in {200, 422}
    for path in ("/v1/messages/{}", "/v1/modems/{}"):
        quoted = "".join(f"%{octet:02X}" for octet in reference.encode()) or "-"
        assert web.get(path.format(quoted), admin).status_code in {404, 200}
    assert web.get("/v1/messages?reference=kept", admin).json["items"]


def test_a21_sql_in_every_query_parameter_and_path_is_harmless(web: WebBox, admin: str) -> None:
    for path, methods in documented(web)["paths"].items():
        for method, operation in methods.items():
            names = [one["name"] for one in operation["parameters"] if one["in"] == "query"]
            for text in SQL:
                quoted = "".join(f"%{octet:02X}" for octet in text.encode())
                real = re.sub(r"\{[a-z_]+\}", quoted, path)
                for name in [*names, "unknown"]:
                    answer = web.call(method.upper(), real, admin, query_string={name: text})
                    assert answer.status_code < 500 or answer.status_code == 503, (method, path, name, text)


# --- A23: large, deep and broken bodies ---


def test_a23_17_kib_are_too_much_on_every_path(web: WebBox, admin: str) -> None:
    large = b'{"to":"' + b"1" * (17 * 1024) + b'"}'
    for path, methods in {**documented(web)["paths"], "/nowhere": {"post": {}}, "/": {"get": {}}}.items():
        for method in methods:
            real = re.sub(r"\{[a-z_]+\}", "x", path)
            answer = web.call(method.upper(), real, admin, data=large, content_type="application/json")
            assert (answer.status_code, answer.json["code"]) == (413, "payload-too-large"), (method, path)


def test_a23_10000_nested_arrays_and_objects_are_refused_wherever_a_body_is_read(
    tmp_path_factory: Any,
) -> None:
    from simcourier.config import Http

    with web_box(tmp_path_factory.mktemp("deep"), http=Http(max_body_bytes=1 << 18)) as web:
        key = web.key("admin")
        bodies = [
            (method, re.sub(r"\{[a-z_]+\}", "x", path))
            for path, methods in documented(web)["paths"].items()
            for method, operation in methods.items()
            if "requestBody" in operation
        ]
        assert len(bodies) >= 3
        for method, path in bodies:
            for opened, closed in (("[", "]"), ('{"a":', "}")):
                for inside in ("%s", '{"to":%s}', '{"ttl":9.0,"a":%s}'):
                    for end in (closed, ""):
                        deep = inside % (opened * 10_000 + "1" + end * 10_000)
                        answer = web.call(
                            method.upper(), path, key, data=deep, content_type="application/json"
                        )
                        assert (answer.status_code, answer.json["code"]) == (400, "invalid-request"), path


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ('{"to":"PHONE","text":"a","text":"b"}', {"pointer": "/text"}),
        ('{"to":"PHONE","text":"a","te\\u0078t":"b"}', {"pointer": "/text"}),
        ('{"to":"+12025550100","to":"PHONE","text":"a"}', {"pointer": "/to"}),
        ('{"to":"PHONE","text":"a","ttl":300,"ttl":300}', {"pointer": "/ttl"}),
    ],
)
def test_a_name_twice_is_refused_by_its_name(
    web: WebBox, admin: str, content: str, place: dict[str, str]
) -> None:
    answer = post(web, admin, content.replace("PHONE", PHONE).encode())
    assert (answer.status_code, answer.json["code"]) == (400, "invalid-request")
    assert answer.json["errors"] == [{**place, "detail": answer.json["detail"]}]
    assert answer.json["detail"] == "The body has a name twice in one object."


@pytest.mark.parametrize(
    "content",
    [
        b"NaN",
        b"Infinity",
        b'{"to":"+447700900123","text":"x","ttl":Infinity}',
        b'{"to":"+447700900123","text":"x","ttl":-Infinity}',
        b'{"to":"+447700900123","text":"x","ttl":1e999}',
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16-le"),
        b'{"to":"\xc0\xaf","text":"x"}',
        b'{"to":"\xed\xa0\x80","text":"x"}',
        b"",
        b" ",
        b"null",
        b"[]",
        b"3",
        b'{"to":"+447700900123","text":"x",}',
        b"{'to':'+447700900123'}",
        b'{"to":"+447700900123","text":"x"}{}',
        b'{"to":"+447700900123","text":"a\nb"}',
    ],
)
def test_a_body_that_is_no_json_object_is_a_400(web: WebBox, admin: str, content: bytes) -> None:
    answer = post(web, admin, content)
    assert (answer.status_code, answer.json["code"]) == (400, "invalid-request")
    assert PHONE not in answer.text


def test_a_whole_number_may_be_written_with_a_point(web: WebBox, admin: str) -> None:
    body = b'{"to":"%s","text":"x","ttl":120.0,"max_segments":1e0}' % PHONE.encode()
    assert post(web, admin, body).status_code == 202
    for number in (b"120.5", b"1e18", b"1e-1"):
        answer = post(web, admin, body.replace(b"120.0", number))
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (400, "/ttl")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity, gzip", "x"])
def test_a_packed_body_is_a_415(web: WebBox, admin: str, coding: str) -> None:
    body = json.dumps({"to": PHONE, "text": TEXT}).encode()
    answer = post(web, admin, body, **{"Content-Encoding": coding})
    assert (answer.status_code, answer.json["code"]) == (415, "unsupported-media-type")
    assert post(web, admin, body, **{"Content-Encoding": "Identity"}).status_code == 202


def test_a_parameter_that_says_null_says_nothing_that_is_known(web: WebBox, admin: str) -> None:
    for name in ("cursor", "status", "limit"):
        answer = web.get(f"/v1/messages?{name}=null", admin)
        assert (answer.status_code, answer.json["errors"][0]["parameter"]) == (400, name)
    assert web.get("/v1/messages?reference=null", admin).status_code == 200


def test_a_box_without_a_modem_says_when_to_ask_again(tmp_path_factory: Any) -> None:
    with web_box(tmp_path_factory.mktemp("empty")) as web:
        answer = web.get("/readyz")
        assert (answer.status_code, answer.json["code"]) == (503, "no-modem")
        assert answer.json["retry_after"] == int(answer.headers["Retry-After"]) > 0


# --- nothing comes back ---

odd = st.one_of(
    st.text(max_size=30),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.lists(st.text(max_size=5), max_size=3),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
)


def spiked(value: Any) -> Any:
    """The same with the canary in each string and name."""
    match value:
        case str():
            return value + CANARY
        case list():
            return [spiked(item) for item in value]
        case dict():
            return {spiked(name): spiked(item) for name, item in value.items()}
        case _:
            return value


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nothing_that_was_sent_is_in_an_error_or_in_the_log(
    web: WebBox, admin: str, capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    """Each field of each form, each query parameter, and names that no form knows."""
    document = documented(web)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            real = re.sub(r"\{[a-z_]+\}", CANARY, path)
            query = {
                one["name"]: str(spiked(data.draw(st.text(max_size=20))))
                for one in operation["parameters"]
                if one["in"] == "query"
            }
            sent: dict[str, Any] = {"query_string": query}
            if "requestBody" in operation:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                body = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
                fields = body["properties"]
                usual = {name: fields[name].get("examples", ["x"])[0] for name in body.get("required", ())}
                chosen = data.draw(st.sampled_from([*fields, spiked("x"), "unknown"]))
                sent["json"] = {**usual, chosen: spiked(data.draw(odd))}
            answer = web.call(method.upper(), real, admin, **sent)
            if answer.status_code >= 400:
                assert CANARY not in answer.text, (method, path)
    assert CANARY not in "".join(capsys.readouterr())
