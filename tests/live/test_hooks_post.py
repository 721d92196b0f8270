"""One POST over real sockets: certificates, redirects, and receivers that answer badly, slowly or not at all."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hooks_receiver import Authority, raw_server, read_request, receiver

from simcourier.errors import ConfigError
from simcourier.hooks.post import Outcome, Post, tls
from simcourier.hooks.targets import parse

pytestmark = pytest.mark.live
HEADERS = {"Content-Type": "application/json", "webhook-id": "evt_1"}
BODY = b'{"type":"webhook.test"}'


def post(
    url: str, *, ca_file: str = "", timeout_s: float = 5.0, addresses: tuple[str, ...] = ("127.0.0.1",)
) -> Outcome:
    under_way = Post(parse(url), addresses, tls(ca_file), timeout_s)
    try:
        return under_way.send(HEADERS, BODY)
    finally:
        under_way.close()


def test_the_request_is_what_was_signed_under_the_name_of_the_url() -> None:
    with receiver() as application:
        assert post(application.url("app.example", "/a?b=c")) == Outcome(204, None)
        (got,) = application.got
    assert (got.path, got.raw) == ("/a?b=c", BODY)
    assert got.headers["host"] == f"app.example:{application.port}"
    assert got.headers["content-length"] == str(len(BODY))
    assert "transfer-encoding" not in got.headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a15_a_redirect_is_not_followed(status: int) -> None:
    with receiver() as elsewhere, receiver(status) as application:
        application.headers = {"Location": elsewhere.url()}
        outcome = post(application.url())
        assert elsewhere.got == []
    assert outcome == Outcome(status, f"status {status}: redirects are not followed")


def test_a15_a_proxy_of_the_environment_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as proxy, receiver() as application:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(path=""))
        assert post(application.url()).delivered
        assert (len(proxy.got), len(application.got)) == (0, 1)


def test_a_second_address_is_tried_where_the_first_refuses() -> None:
    with receiver() as application:
        assert post(application.url("app.example"), addresses=("::1", "127.0.0.2", "127.0.0.1")).delivered
        assert len(application.got) == 1


def test_a_certificate_of_the_site_s_own_authority_is_taken(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with receiver(context=authority.context("app.example")) as application:
        assert post(application.url("app.example"), ca_file=str(authority.ca_file)).delivered


def test_a_certificate_of_another_name_or_authority_is_not(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with receiver(context=authority.context("app.example")) as application:
        for url, ca_file in (
            (application.url("other.example"), str(authority.ca_file)),
            (application.url("127.0.0.1"), str(authority.ca_file)),
            (application.url("app.example"), ""),
        ):
            outcome = post(url, ca_file=ca_file)
            assert outcome.status is None
            assert "certificate" in (outcome.error or "")
        assert application.got == []


def test_a_receiver_without_tls_gets_nothing_that_was_meant_for_one_with(tmp_path: Path) -> None:
    with receiver() as application:
        outcome = post(application.url("app.example").replace("http:", "https:"))
        assert outcome == Outcome(None, "no TLS connection could be made")
        assert application.got == []


def test_nobody_at_the_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert post(f"http://127.0.0.1:{port}/") == Outcome(None, "the connection was refused")


def answering(octets: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(octets)

    return serve


@pytest.mark.parametrize(
    ("octets", "error"),
    [
        (b"", "the connection was closed without an answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 99999 What\r\n\r\n", "the answer is not HTTP"),
        (b"\x00" * 5000, "the answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", "the answer is not HTTP"),
    ],
)
def test_what_is_no_answer_is_a_failure_in_our_own_words(octets: bytes, error: str) -> None:
    with raw_server(answering(octets)) as port:
        assert post(f"http://127.0.0.1:{port}/") == Outcome(None, error)


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 100_000,
    ],
)
def test_a_success_is_one_whatever_its_body_is_worth(octets: bytes) -> None:
    with raw_server(answering(octets)) as port:
        assert post(f"http://127.0.0.1:{port}/") == Outcome(200, None)


def dribbling(first: bytes) -> Callable[[socket.socket], None]:
    """An octet each tenth of a second: no single wait is ever too long."""

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(first)
        for _ in range(200):
            connection.sendall(b"x")
            time.sleep(0.1)

    return serve


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nX: "])
def test_a_receiver_that_dribbles_is_given_up_at_the_deadline(first: bytes) -> None:
    with raw_server(dribbling(first)) as port:
        began = time.monotonic()
        outcome = post(f"http://127.0.0.1:{port}/", timeout_s=1.0)
        # Its 200 octets take 20 s.
        assert time.monotonic() - began < 10
    assert outcome == Outcome(None, "no answer within 1 s")


def test_a_receiver_that_dribbles_its_body_has_taken_the_event() -> None:
    with raw_server(dribbling(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")) as port:
        began = time.monotonic()
        assert post(f"http://127.0.0.1:{port}/", timeout_s=1.0).delivered
        assert time.monotonic() - began < 10


def test_a_handshake_that_never_ends_is_given_up() -> None:
    with raw_server(lambda connection: time.sleep(20)) as port:
        began = time.monotonic()
        outcome = post(f"https://127.0.0.1:{port}/", timeout_s=1.0)
        assert time.monotonic() - began < 10
    assert outcome == Outcome(None, "no answer within 1 s")


def test_a_post_can_be_ended_from_another_thread() -> None:
    arrived = threading.Event()

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        arrived.set()
        connection.recv(4096)

    with raw_server(serve) as port:
        under_way = Post(parse(f"http://127.0.0.1:{port}/"), ["127.0.0.1"], tls(""), 30.0)
        outcomes: list[Outcome] = []
        thread = threading.Thread(target=lambda: outcomes.append(under_way.send(HEADERS, BODY)))
        thread.start()
        assert arrived.wait(10)
        under_way.abort()
        thread.join(10)
    assert outcomes == [Outcome(None, "simcourier was stopped meanwhile")]


def test_no_descriptor_is_left_behind(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    with receiver(context=authority.context("app.example")) as application:
        post(application.url("app.example"), ca_file=str(authority.ca_file))
        before = descriptors()
        for _ in range(20):
            post(application.url("app.example"), ca_file=str(authority.ca_file))
            post(application.url("other.example"), ca_file=str(authority.ca_file))
        assert descriptors() < before + 10


def test_a_bad_ca_file_stops_the_start_and_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for path in (str(empty), str(tmp_path / "none.pem"), "relative.pem"):
        with pytest.raises(ConfigError, match=r"webhooks\.ca_file"):
            tls(path)
    assert tls("").verify_mode is ssl.CERT_REQUIRED
