"""Keys and scopes, and who may look at the page without a key."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from web_fixtures import WebBox, web_box

from simcourier.config import Http
from simcourier.service import SCOPES
from simcourier_web.auth import is_local, parse_credentials

KEY = "sck_0123456789abcdef_" + "a" * 64


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebBox]:
    with web_box(tmp_path_factory.mktemp("box")) as box:
        box.modem()
        yield box


def basic(words: str) -> str:
    return "Basic " + base64.b64encode(words.encode()).decode()


@pytest.mark.parametrize(
    ("header", "credentials"),
    [
        (f"Bearer {KEY}", ("0123456789abcdef", "a" * 64)),
        (f"bearer   {KEY} ", ("0123456789abcdef", "a" * 64)),
        (basic("0123:secret"), ("0123", "secret")),
        (basic("sck_0123:secret"), ("0123", "secret")),
        (basic("0123:with:colons"), ("0123", "with:colons")),
        ("Bearer sck_local_x", ("local", "x")),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearer 0123_secret", None),
        ("Bearer sck_0123", None),
        ("Bearer sck__secret", None),
        ("Basic !!!", None),
        ("Basic /w==", None),
        (basic("nothing"), None),
        (basic(":secret"), None),
        (basic("id:"), None),
        (f"Digest {KEY}", None),
        (KEY, None),
    ],
)
def test_credentials_are_read_from_bearer_and_basic(header: str, credentials: tuple[str, str] | None) -> None:
    assert parse_credentials(header) == credentials


def test_a_key_is_known_as_bearer_and_as_basic(web: WebBox) -> None:
    key = web.key("status:read")
    _, key_id, secret = key.split("_")
    for header in (f"Bearer {key}", basic(f"{key_id}:{secret}"), basic(f"sck_{key_id}:{secret}")):
        assert web.get("/v1/status", headers={"Authorization": header}).status_code == 200


def test_wrong_credentials_are_a_401_that_says_how_to_do_it(web: WebBox) -> None:
    _, key_id, secret = web.key("status:read").split("_")
    wrong = [
        {},
        {"Authorization": f"Bearer sck_{key_id}_{secret[:-1]}"},
        {"Authorization": f"Bearer sck_{key_id}_{secret}x"},
        {"Authorization": f"Bearer sck_{secret}_{key_id}"},
        {"Authorization": basic(f"{key_id}:")},
        {"Authorization": "Bearer sck_local_wrong"},
        {"Authorization": "Bearer sck_\xff_\xff"},
        {"X-Api-Key": f"sck_{key_id}_{secret}"},
        {"Cookie": f"key=sck_{key_id}_{secret}"},
    ]
    for headers in wrong:
        answer = web.get("/v1/status", headers=headers)
        assert (answer.status_code, answer.json["code"]) == (401, "unauthorized")
        challenges = answer.headers.getlist("WWW-Authenticate")
        assert [challenge.split()[0] for challenge in challenges] == ["Bearer", "Basic"]
        assert secret not in answer.text


@pytest.mark.parametrize(
    "path", ["/v1/status", "/v1/messages", "/v1/keys", "/", "/metrics", "/healthz", "/nowhere"]
)
def test_a14_a_key_in_the_address_is_refused_with_a_sentence(
    web: WebBox, path: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    key = web.key("admin")
    secret = key.split("_")[2]
    for query in (
        f"key={key}",
        f"api_key={secret}",
        f"Access_Token={secret}",
        f"token=Bearer%20{key}",
        f"cursor=1&anything={key}",
        f"key=1&key={key}",
    ):
        # Also beside a key where it belongs: the one in the address is told all the same.
        for answer in (web.get(f"{path}?{query}"), web.get(f"{path}?{query}", key)):
            assert (answer.status_code, answer.json["code"]) == (400, "invalid-request"), query
            assert "Authorization header" in answer.json["detail"]
            assert secret not in answer.text
    said = capfd.readouterr()
    assert secret not in caplog.text + said.out + said.err


def test_what_is_no_key_may_be_called_key(web: WebBox) -> None:
    reader = web.key("status:read")
    for query in ("key=GB", "key=0123456789abcdef", "token=", "cursor=sck_"):
        assert web.get(f"/v1/status?{query}", reader).status_code == 200


def test_a_revoked_key_is_refused_within_seconds(web: WebBox) -> None:
    key = web.key("status:read")
    assert web.get("/v1/status", key).status_code == 200
    with web.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE keys SET revoked_at_ms = 1 WHERE id = ?", (key.split("_")[1],))
    web.pass_time(3)
    assert web.get("/v1/status", key).status_code == 401


NEEDED = [
    ("POST", "/v1/messages", "messages:send"),
    ("GET", "/v1/messages", "messages:read"),
    ("GET", "/v1/messages/msg_x", "messages:read"),
    ("POST", "/v1/messages/search", "messages:read"),
    ("POST", "/v1/messages/msg_x/cancel", "messages:send"),
    ("POST", "/v1/messages/msg_x/feedback", "messages:send"),
    ("GET", "/v1/modems", "status:read"),
    ("GET", "/v1/modems/modem-1", "status:read"),
    ("GET", "/v1/modems/modem-1/trace", "admin"),
    ("POST", "/v1/modems/modem-1/pause", "admin"),
    ("POST", "/v1/modems/modem-1/resume", "admin"),
    ("POST", "/v1/modems/modem-1/restart", "admin"),
    ("GET", "/v1/status", "status:read"),
]


@pytest.mark.parametrize(("method", "path", "scope"), NEEDED)
def test_every_path_wants_its_scope_and_names_it(web: WebBox, method: str, path: str, scope: str) -> None:
    others = web.key(*[other for other in SCOPES if other not in {scope, "admin"}])
    assert web.call(method, path).status_code == 401
    refused = web.call(method, path, others)
    assert (refused.status_code, refused.json["code"]) == (403, "forbidden-scope")
    assert scope in refused.json["detail"]
    for key in (web.key(scope), web.key("admin")):
        assert web.call(method, path, key).status_code not in {401, 403}


def test_every_documented_operation_wants_the_scope_it_names(web: WebBox) -> None:
    for path, methods in web.get("/v1/openapi.json").json["paths"].items():
        for method, operation in methods.items():
            if operation["security"]:
                scope = operation["security"][0]["bearer"][0]
                real = re.sub(r"\{[a-z_]+\}", "x", path)
                test_every_path_wants_its_scope_and_names_it(web, method.upper(), real, scope)


def test_another_sites_page_can_change_nothing_with_a_browsers_stored_key(web: WebBox) -> None:
    key = web.key("admin")
    for origin in ("https://evil.example", "null", "http://localhost:1"):
        answer = web.post("/v1/modems/modem-1/pause", key, headers={"Origin": origin})
        assert (answer.status_code, answer.json["code"]) == (403, "forbidden-origin")
    assert not web.service.modems.one("modem-1").paused
    assert (
        web.post("/v1/modems/modem-1/resume", key, headers={"Origin": "http://localhost"}).status_code == 200
    )


LOCAL = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1:8080", "SERVER_PROTOCOL": "HTTP/1.1"}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"HTTP_HOST": "localhost"},
        {"HTTP_HOST": "LocalHost:8080"},
        {"HTTP_HOST": "[::1]:8080"},
        {"HTTP_HOST": "127.0.0.1"},
        {"REMOTE_ADDR": "::1"},
        {"REMOTE_ADDR": "127.0.0.2"},
        {"REMOTE_ADDR": "::ffff:127.0.0.1"},
    ],
)
def test_a_program_on_this_machine_is_local(change: dict[str, str]) -> None:
    assert is_local({**LOCAL, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"REMOTE_ADDR": "192.0.2.7"},
        {"REMOTE_ADDR": "::ffff:192.0.2.7"},
        {"REMOTE_ADDR": "2001:db8::1"},
        {"REMOTE_ADDR": ""},
        {"HTTP_HOST": "evil.example"},
        {"HTTP_HOST": "127.0.0.1.evil.example"},
        {"HTTP_HOST": "localhost.evil.example:8080"},
        {"HTTP_HOST": "localhost:8080@evil.example"},
        {"HTTP_HOST": "::1"},
        {"HTTP_HOST": "192.0.2.1:8080"},
        {"HTTP_HOST": "localhost\n"},
        {"HTTP_HOST": ""},
        {"HTTP_X_FORWARDED_FOR": "192.0.2.7"},
        {"HTTP_X_FORWARDED_FOR": ""},
        {"HTTP_FORWARDED": "for=192.0.2.7"},
        {"HTTP_X_REAL_IP": "192.0.2.7"},
        {"HTTP_VIA": "1.1 proxy"},
        {"SERVER_PROTOCOL": "HTTP/1.0"},
    ],
)
def test_whatever_comes_from_elsewhere_by_a_strange_name_or_a_proxy_is_not_local(
    change: dict[str, str],
) -> None:
    assert not is_local({**LOCAL, **change})


VIEWS = ["/", "/live", "/modems/modem-1", "/modems/modem-1/live", "/metrics"]


@pytest.mark.parametrize("path", VIEWS)
def test_page_and_metrics_are_open_to_this_machine_only(web: WebBox, path: str) -> None:
    assert web.get(path).status_code == 200
    elsewhere = {"environ_base": {"REMOTE_ADDR": "192.0.2.7"}}
    refused = web.get(path, **elsewhere)
    assert refused.status_code == 401
    assert any(challenge.startswith("Basic") for challenge in refused.headers.getlist("WWW-Authenticate"))
    assert web.get(path, web.key("status:read"), **elsewhere).status_code == 200
    assert web.get(path, web.key("messages:send"), **elsewhere).status_code == 403
    assert web.get(path, headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401
    assert web.get(path, headers={"Host": "evil.example"}).status_code == 400


def test_page_and_metrics_can_be_closed_to_this_machine_too(tmp_path: Path) -> None:
    with web_box(tmp_path, http=Http(open_page_on_loopback=False)) as web:
        web.modem()
        assert {web.get(path).status_code for path in VIEWS} == {401}
        key = web.key("status:read")
        assert {web.get(path, key).status_code for path in VIEWS} == {200}


def test_watchers_need_no_key_from_anywhere(web: WebBox) -> None:
    for path in ("/healthz", "/readyz"):
        answer = web.get(path, environ_base={"REMOTE_ADDR": "192.0.2.7"})
        assert answer.status_code == 200
        assert len(answer.data) < 30
