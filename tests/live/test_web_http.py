"""The HTTP server with real sockets: what waitress answers by itself, and clients that are slow or broken."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_driver import served
from web_fixtures import PHONE, TEXT, WebBox, web_box

pytestmark = pytest.mark.live


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path) as box:
        box.modem()
        yield box


@pytest.fixture
def port(web: WebBox) -> Iterator[int]:
    with served(web, client_patience=2.0, connections_per_address=200) as url:
        yield int(url.rstrip("/").rpartition(":")[2])


def read_answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one answer."""
    with connection.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        headers = {}
        while (line := stream.readline().strip()) != b"":
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        return status, headers, stream.read(int(headers.get("content-length", 0)))


def exchange(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        return read_answer(connection)


def post(key: str, body: bytes, *more: str) -> bytes:
    lines = [
        "POST /v1/messages HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        *(more or (f"Content-Length: {len(body)}",)),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.mark.parametrize(
    ("request_octets", "status", "code"),
    [
        (
            b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n",
            413,
            "payload-too-large",
        ),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", 431, "headers-too-large"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ten\r\n\r\n", 400, "invalid-request"),
        (b"GET / HTTP/1.1\r\nbroken header\r\n\r\n", 400, "invalid-request"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "not-implemented"),
    ],
)
def test_what_the_server_itself_refuses_is_a_problem_too(
    port: int, request_octets: bytes, status: int, code: str
) -> None:
    answered, headers, body = exchange(port, request_octets)
    assert (answered, headers["content-type"]) == (status, "application/problem+json")
    told = json.loads(body)
    assert (told["code"], told["status"], told["instance"]) == (code, status, headers["x-request-id"])
    assert headers["cache-control"] == "no-store"


def test_a_body_just_over_the_limit_is_refused_and_the_connection_lives_on(web: WebBox, port: int) -> None:
    key = web.key("messages:send")
    body = json.dumps({"to": PHONE, "text": "x" * 17_000}).encode()
    small = json.dumps({"to": PHONE, "text": TEXT}).encode()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(post(key, body))
        status, _headers, told = read_answer(connection)
        assert (status, json.loads(told)["code"]) == (413, "payload-too-large")
        connection.sendall(post(key, small))
        assert read_answer(connection)[0] == 202


def test_a_chunked_body_is_read_and_its_limit_holds(web: WebBox, port: int) -> None:
    key = web.key("messages:send")
    for text, status in ((TEXT, 202), ("x" * 17_000, 413)):
        body = json.dumps({"to": PHONE, "text": text}).encode()
        chunks = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
        assert exchange(port, post(key, chunks, "Transfer-Encoding: chunked"))[0] == status


def test_a_request_that_dribbles_is_ended_and_others_are_served_meanwhile(port: int) -> None:
    slow = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(120)]
    try:
        for connection in slow:
            connection.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n")
        ended, give_up = 0, time.monotonic() + 20
        while ended < len(slow) and time.monotonic() < give_up:
            assert exchange(port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")[0] == 200
            ended = sum(is_ended(connection) for connection in slow)
        assert ended == len(slow)
    finally:
        for connection in slow:
            connection.close()


def is_ended(connection: socket.socket) -> bool:
    """Send one more octet; has the server closed the connection?"""
    connection.settimeout(0.001)
    try:
        connection.sendall(b"x")
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_a_connection_serves_many_requests(web: WebBox, port: int) -> None:
    key = web.key("messages:send")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for n in range(20):
            body = json.dumps({"to": PHONE, "text": f"code {n}"}).encode()
            connection.sendall(post(key, body))
            assert read_answer(connection)[0] == 202


def test_a_proxy_in_front_closes_the_open_page(port: int) -> None:
    plain = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    assert exchange(port, f"{plain}\r\n".encode())[0] == 200
    for header in ("X-Forwarded-For: 192.0.2.7", "Forwarded: for=192.0.2.7", "X-Real-IP: 192.0.2.7"):
        assert exchange(port, f"{plain}{header}\r\n\r\n".encode())[0] == 401
    # What nginx sends by default: no header of its own, the upstream's name as Host, HTTP/1.0.
    assert exchange(port, f"GET / HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())[0] == 401
