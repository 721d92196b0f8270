"""Only by its own names is this box reached, on every path (A20)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_fixtures import WebBox, web_box
from werkzeug.test import run_wsgi_app

from simcourier.config import Http
from simcourier_web.hosts import LOCAL_ADDRESS, HostCheck, Hosts, parse_authority

PORT = "8080"


def admits(http: Http, host: str, *, local: str | None = "192.0.2.9", machine: str = "box-7") -> bool:
    return Hosts(http, machine).admits(host, PORT, local)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8080",
        "localhost.",
        "localhost.:8080",
        "127.0.0.1",
        "127.0.0.1:8080",
        "[::1]",
        "[::1]:8080",
        "[0:0:0:0:0:0:0:1]",
        "[::0001]:8080",
    ],
)
def test_this_machine_is_always_called_so(host: str) -> None:
    assert admits(Http(), host)
    assert admits(Http(allowed_hosts=("sms.example",)), host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost:80",
        "localhost:08080",
        "localhost:",
        "localhost:8080:8080",
        "localhost:8080@evil.example",
        "user@localhost",
        "localhost, evil.example",
        "localhost evil.example",
        "localhost/",
        "localhost#",
        "localhost\n",
        "localhost..",
        ".",
        "::1",
        "[::1",
        "::1]",
        "[localhost]",
        "[::ffff:127.0.0.1]",
        "[127.0.0.1]",
        "0.0.0.0",  # noqa: S104 - nothing is bound here
        "0177.0.0.1",
        "2130706433",
        "127.1",
        "127.0.0.2",
        "192.0.2.9",
        "box-7",
        "ⓛocalhost",
        "１２７.0.0.1",
        "localhost:８０８０",
    ],
)
def test_a20_a_strange_name_is_refused(host: str) -> None:
    assert not admits(Http(), host)


@given(st.text(max_size=40))
def test_a20_no_text_is_taken_for_a_name_but_those_that_are(host: str) -> None:
    authority = parse_authority(host)
    known = authority is not None and authority.host in {"localhost", "127.0.0.1", "[::1]"}
    assert admits(Http(), host) <= known


def test_the_address_of_listen_is_a_name() -> None:
    assert admits(Http(listen="192.168.7.2:8080"), "192.168.7.2:8080")
    assert admits(Http(listen="[fd00::7]:8080"), "[FD00:0::7]")
    assert not admits(Http(listen="192.168.7.2:8080"), "192.168.7.3")


@pytest.mark.parametrize(
    ("host", "admitted"),
    [
        ("sms.example", True),
        ("SMS.Example.:8080", True),
        ("sms.example:443", False),
        ("proxy.example:8443", True),
        ("proxy.example", False),
        ("proxy.example:8080", False),
        ("[2001:db8:0::5]", True),
        ("example", False),
        ("x.sms.example", False),
    ],
)
def test_configured_names_are_taken_with_their_port(host: str, admitted: bool) -> None:
    http = Http(allowed_hosts=("sms.example", "Proxy.Example:8443", "[2001:db8::5]"))
    assert admits(http, host) is admitted


EVERYWHERE = Http(listen="0.0.0.0:8080")


@pytest.mark.parametrize(
    ("host", "admitted"),
    [
        ("192.0.2.9:8080", True),
        ("192.0.2.10", False),
        ("0.0.0.0", False),  # noqa: S104 - nothing is bound here
        ("box-7", True),
        ("Box-7.local:8080", True),
        ("box-7.example", False),
        ("evil.example", False),
    ],
)
def test_a_box_that_listens_everywhere_answers_to_the_address_that_was_called(
    host: str, admitted: bool
) -> None:
    assert admits(EVERYWHERE, host) is admitted


def test_ipv6_addresses_are_compared_by_value_and_without_their_zone() -> None:
    everywhere = Http(listen="[::]:8080")
    assert admits(everywhere, "[2001:DB8:0:0::9]:8080", local="2001:db8::9")
    assert admits(everywhere, "[fe80::1%25eth0]", local="fe80::1%eth0")
    assert not admits(everywhere, "[2001:db8::8]", local="2001:db8::9")


def test_where_names_are_configured_addresses_are_none() -> None:
    named = Http(listen="0.0.0.0:8080", allowed_hosts=("sms.example",))
    assert admits(named, "sms.example")
    assert not admits(named, "192.0.2.9")
    assert not admits(named, "box-7")


def test_a_machine_with_a_full_name_is_called_by_both() -> None:
    for host in ("box.lan.example", "box", "box.local"):
        assert admits(EVERYWHERE, host, machine="box.lan.example")


def call(environ: dict[str, Any], http: Http = EVERYWHERE) -> int:
    """Status of a request with this WSGI environment; the application behind says 204."""

    def application(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("204 No Content", [])
        return []

    whole = {
        "SERVER_PORT": PORT,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_URI": "/",
        LOCAL_ADDRESS: "192.0.2.9",
        **environ,
    }
    _body, status, _headers = run_wsgi_app(HostCheck(application, http, "box-7"), whole)
    return int(status.split()[0])


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"HTTP_HOST": "localhost"}, 204),
        ({}, 400),
        ({"HTTP_HOST": ""}, 400),
        ({"HTTP_HOST": "localhost, localhost"}, 400),
        # Watchers that speak HTTP/1.0 send none; if they do, it counts.
        ({"SERVER_PROTOCOL": "HTTP/1.0"}, 204),
        ({"SERVER_PROTOCOL": "HTTP/1.0", "HTTP_HOST": "evil.example"}, 400),
        ({"HTTP_HOST": "localhost", "HTTP_X_FORWARDED_HOST": "evil.example"}, 204),
        ({"HTTP_HOST": "evil.example", "HTTP_X_FORWARDED_HOST": "localhost"}, 400),
        ({"HTTP_HOST": "192.0.2.9", LOCAL_ADDRESS: "192.0.2.9"}, 204),
        ({"HTTP_HOST": "192.0.2.9", LOCAL_ADDRESS: "192.0.2.8"}, 400),
    ],
)
def test_the_host_header_decides(environ: dict[str, Any], status: int) -> None:
    assert call(environ) == status


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://localhost/healthz", 204),
        ("HTTP://LocalHost:8080/", 204),
        ("https://localhost", 204),
        ("http://evil.example/healthz", 400),
        ("http://localhost@evil.example/", 400),
        ("http:///healthz", 400),
        ("ftp://localhost/", 400),
        ("/http://evil.example/", 204),
    ],
)
def test_a_target_in_absolute_form_names_a_host_too(target: str, status: int) -> None:
    assert call({"HTTP_HOST": "localhost", "REQUEST_URI": target}) == status
    assert call({"HTTP_HOST": "evil.example", "REQUEST_URI": target}) == 400


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebBox]:
    with web_box(tmp_path_factory.mktemp("box")) as box:
        box.modem()
        yield box


def every_path(web: WebBox) -> list[tuple[str, str]]:
    return [
        (method, rule.rule.replace("<", "").replace(">", ""))
        for rule in web.app.url_map.iter_rules()
        for method in sorted(rule.methods or ())
    ]


def test_a20_a_wrong_host_is_a_400_on_every_path(web: WebBox) -> None:
    key = web.key("admin")
    paths = [*every_path(web), ("GET", "/nowhere"), ("BREW", "/"), ("OPTIONS", "/v1/messages")]
    assert len(paths) > 30
    for method, path in paths:
        for host in ("evil.example", "localhost:1", "[::2]", ""):
            answer = web.call(method, path, key, headers={"Host": host})
            assert answer.status_code == 400, (method, path, host)
            if method != "HEAD":
                told = json.loads(answer.data)
                assert (told["code"], told["type"]) == ("invalid-host", "/problems/invalid-host")
                assert told["instance"] == answer.headers["X-Request-Id"]
            assert answer.content_type == "application/problem+json"
            assert answer.headers["Cache-Control"] == "no-store"
            assert "evil" not in answer.text


def test_a_refused_head_has_no_body(web: WebBox) -> None:
    answer = web.call("HEAD", "/healthz", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.data) == (400, b"")


def test_a20_a_wrong_host_changes_nothing(web: WebBox) -> None:
    key = web.key("admin")
    assert web.post("/v1/modems/modem-1/pause", key, headers={"Host": "evil.example"}).status_code == 400
    assert not web.service.modems.one("modem-1").paused


def test_a20_a_configured_name_reaches_the_box_and_not_the_open_page(tmp_path: Path) -> None:
    with web_box(tmp_path, http=Http(allowed_hosts=("sms.example",))) as web:
        named = {"Host": "sms.example"}
        assert web.get("/healthz", headers=named).status_code == 200
        assert web.get("/", headers=named).status_code == 401
        assert web.get("/v1/status", web.key("status:read"), headers=named).status_code == 200
