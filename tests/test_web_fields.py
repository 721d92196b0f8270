"""Each field of what callers send, wrong in each way: the documented code, and the field that is to blame."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web_fixtures import CODE, PHONE, TEXT, WebBox, web_box

from simcourier.config import Destinations

INVALID, NUMBER, POLICY = "invalid-request", "invalid-number", "policy-violation"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebBox]:
    listed = Destinations(allowed_prefixes=("12345",))
    with web_box(tmp_path_factory.mktemp("box"), destinations=listed) as box:
        box.modem()
        yield box


@pytest.fixture(scope="module")
def key(web: WebBox) -> str:
    return web.key("messages:send", "messages:read")


WRONG_SENDS: list[tuple[str, Any, int, str]] = [
    *[("to", value, 400, INVALID) for value in (None, 447700900123, 1.5, True, [], {}, [PHONE])],
    *[
        ("to", value, 422, NUMBER)
        for value in (
            "",
            " ",
            "07700900123",
            "+",
            "12",
            "+0447700900123",
            "+4477009001234567",
            "abc",
            "+44 (0)7700 900123",
        )
    ],
    ("to", "+447700900123\n", 422, NUMBER),
    ("to", "＋４４７７００９００１２３", 422, NUMBER),
    ("to", '+447700900123";AT+CMGD=1,4', 422, NUMBER),
    ("to", "1" * 3000, 422, NUMBER),
    *[("text", value, 400, INVALID) for value in (837261, True, [], {}, "")],
    ("text", None, 422, POLICY),
    ("text", "bell \x07", 422, "text-not-encodable"),
    ("text", "a\x00b", 422, "text-not-encodable"),
    ("text", "x" * 1000, 422, "too-long"),
    ("text", "電" * 500, 422, "too-long"),
    *[("class", value, 400, INVALID) for value in (1, True, [], {}, "", "OTP", "urgent", "otp ")],
    *[
        ("ttl", value, 400, INVALID)
        for value in (0, 59, 86_401, -60, 60.5, "60", True, [], {}, 10**30, -(10**30))
    ],
    *[
        ("supersedes", value, 400, INVALID)
        for value in (1, True, [], {}, "", "x" * 65, "a\nb", "a\n", "\x7f", "\x85")
    ],
    *[("on_unknown", value, 400, INVALID) for value in (1, True, [], {}, "", "Hold", "retry")],
    *[("reference", value, 400, INVALID) for value in (1, True, [], {}, "", "x" * 65, "a\x00", "a\n")],
    *[("modem", value, 400, INVALID) for value in (1, True, [], {}, "", "x" * 65, "modem-1\n")],
    ("modem", "no-such-modem", 422, POLICY),
    ("callback", "value", 422, POLICY),
    *[("max_segments", value, 400, INVALID) for value in (0, 11, -1, 1.5, "1", True, [], {}, 10**30)],
    *[
        (name, "value", 400, INVALID)
        for name in (
            "vars",
            "id",
            "status",
            "message_class",
            "validity",
        )
    ],
]


@pytest.mark.parametrize(("field", "value", "status", "code"), WRONG_SENDS)
def test_a_wrong_field_is_refused_and_named(
    web: WebBox, key: str, field: str, value: Any, status: int, code: str
) -> None:
    answer = web.send(key, **{field: value})
    assert (answer.status_code, answer.json["code"]) == (status, code)
    (blamed,) = answer.json["errors"]
    assert blamed["pointer"] == f"/{field}"
    assert blamed["detail"] == answer.json["detail"]
    assert PHONE not in answer.text
    assert CODE not in answer.text
    if isinstance(value, str) and len(value) > 2 and value != "value":
        assert value not in answer.text


def test_a_missing_field_is_named(web: WebBox, key: str) -> None:
    answer = web.post("/v1/messages", key, json={"text": TEXT})
    assert (answer.status_code, answer.json["code"]) == (400, INVALID)
    assert answer.json["errors"][0]["pointer"] == "/to"
    assert answer.json["detail"].startswith("To is missing")


@pytest.mark.parametrize("fields", [{}, {"text": TEXT, "template": "login"}, {"vars": {"code": "837261"}}])
def test_a_message_has_either_a_text_or_a_template(web: WebBox, key: str, fields: dict[str, Any]) -> None:
    answer = web.post("/v1/messages", key, json={"to": PHONE, **fields})
    assert (answer.status_code, answer.json["code"]) == (422, POLICY)
    assert answer.json["errors"][0]["pointer"] == "/text"


@pytest.mark.parametrize("body", ["[]", "1", "null", '"text"', "true", '[{"to":"+447700900123"}]'])
def test_a_body_that_is_no_object_is_refused(web: WebBox, key: str, body: str) -> None:
    answer = web.post("/v1/messages", key, data=body, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (400, INVALID)
    assert answer.json["errors"] == [{"pointer": "", "detail": "The body must be a JSON object."}]


@pytest.mark.parametrize(
    "name", [PHONE, CODE, f"a{CODE}", "x" * 41, "ABCDEF", "a b", "a\nb", "", "to`", "é", "a - at `$.to`"]
)
def test_an_unknown_field_that_may_be_somebodys_secret_is_not_repeated(
    web: WebBox, key: str, name: str
) -> None:
    answer = web.send(key, **{name: 1})
    assert (answer.status_code, answer.json["detail"]) == (
        400,
        "There is a field that this box does not know.",
    )
    assert "errors" not in answer.json


@pytest.mark.parametrize(
    "fields",
    [
        {
            "class": None,
            "ttl": None,
            "supersedes": None,
            "on_unknown": None,
            "reference": None,
            "modem": None,
        },
        {"max_segments": None},
        {"class": "transactional", "ttl": 60, "on_unknown": "hold", "max_segments": 1, "modem": "modem-1"},
        {"class": "bulk", "ttl": 86_400, "on_unknown": "resend", "max_segments": 10},
        {"reference": "x" * 64, "supersedes": "login/é ☃ 'quoted\"; DROP TABLE messages"},
        {"to": "+44 (7700) 900-123"},
        {"to": "00447700900123"},
        {"to": "12345"},
        {"text": "Grüße 電 😀\n€"},
    ],
)
def test_what_is_right_is_accepted(web: WebBox, key: str, fields: dict[str, Any]) -> None:
    assert web.send(key, **fields).status_code == 202


@pytest.mark.parametrize("value", ["", "a b", "a\tb", "é", "x" * 256, "\x7f"])
def test_a_wrong_idempotency_key_is_refused(web: WebBox, key: str, value: str) -> None:
    answer = web.post(
        "/v1/messages", key, json={"to": PHONE, "text": TEXT}, headers={"Idempotency-Key": value}
    )
    assert (answer.status_code, answer.json["code"]) == (400, INVALID)
    assert answer.json["errors"][0]["header"] == "Idempotency-Key"


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("status=", "status"),
        ("status=gone", "status"),
        ("status=QUEUED", "status"),
        ("reference=", "reference"),
        ("reference=" + "x" * 65, "reference"),
        ("reference=%0A", "reference"),
        ("created_after=yesterday", "created_after"),
        ("created_after=2026-01-31", "created_after"),
        ("created_after=2026-01-31T12:00:00", "created_after"),
        ("created_after=1800000000", "created_after"),
        ("created_after=2026-01-31T12:00:00%2B25:00", "created_after"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=%D9%A5", "limit"),
        ("cursor=0", "cursor"),
        ("cursor=-1", "cursor"),
        ("cursor=99999999999999999999", "cursor"),
        ("cursor=x", "cursor"),
        ("limit=1&limit=2", "limit"),
        ("page=1", "page"),
    ],
)
def test_a_wrong_parameter_is_refused_and_named(web: WebBox, key: str, query: str, parameter: str) -> None:
    answer = web.get(f"/v1/messages?{query}", key)
    assert (answer.status_code, answer.json["code"]) == (400, INVALID)
    assert answer.json["errors"][0]["parameter"] == parameter


def test_a_number_in_the_address_is_refused_and_not_repeated(web: WebBox, key: str) -> None:
    named = web.get(f"/v1/messages?to={PHONE.replace('+', '%2B')}", key)
    assert (named.status_code, named.json["errors"][0]["parameter"]) == (400, "to")
    bare = web.get(f"/v1/messages?{PHONE}", key)
    assert bare.status_code == 400
    assert PHONE[1:] not in named.text + bare.text


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/to", INVALID),
        ({"to": 1}, "/to", INVALID),
        ({"to": "x"}, "/to", NUMBER),
        ({"to": PHONE, "limit": 0}, "/limit", INVALID),
        ({"to": PHONE, "cursor": "1"}, "/cursor", INVALID),
        ({"to": PHONE, "text": TEXT}, "/text", INVALID),
    ],
)
def test_a_wrong_search_is_refused(
    web: WebBox, key: str, body: dict[str, Any], pointer: str, code: str
) -> None:
    answer = web.post("/v1/messages/search", key, json=body)
    assert (answer.json["code"], answer.json["errors"][0]["pointer"]) == (code, pointer)


@pytest.mark.parametrize("body", [{}, {"outcome": None}, {"outcome": "yes"}, {"outcome": 1}])
def test_a_wrong_feedback_is_refused(web: WebBox, key: str, body: dict[str, Any]) -> None:
    message = web.send(key).json["id"]
    answer = web.post(f"/v1/messages/{message}/feedback", key, json=body)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (400, "/outcome")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["to", "text", "class", "ttl", "reference", "modem", "supersedes"])
                | st.text(max_size=8),
                inner,
                max_size=6,
            )
        ),
        max_leaves=12,
    )
)
def test_no_body_whatever_breaks_the_box(web: WebBox, key: str, body: Any) -> None:
    answer = web.post("/v1/messages", key, data=json.dumps(body), content_type="application/json")
    assert answer.status_code in {202, 400, 422}


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=200))
def test_no_octets_whatever_break_the_box(web: WebBox, key: str, content: bytes) -> None:
    answer = web.post("/v1/messages", key, data=content, content_type="application/json")
    assert answer.status_code in {400, 422}


@settings(max_examples=150, deadline=None)
@given(
    value=st.text(max_size=80), name=st.sampled_from(["status", "reference", "created_after", "cursor", "x"])
)
def test_no_query_whatever_breaks_the_box(web: WebBox, key: str, name: str, value: str) -> None:
    value = value.encode("utf-8", "replace").decode()
    answer = web.get("/v1/messages", key, query_string={name: value})
    assert answer.status_code in {200, 400}
    answer = web.get("/v1/messages/" + value.replace("/", "").replace("?", "").replace("#", ""), key)
    assert answer.status_code in {200, 404}
