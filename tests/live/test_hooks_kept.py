"""Events one after another over one connection: when it is kept, when it is not, and what is checked each time."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hooks_receiver import Authority, raw_server, read_request, receiver

from simcourier.hooks import post
from simcourier.hooks.delivery import Courier
from simcourier.hooks.guard import Guard
from simcourier.hooks.post import Outcome
from simcourier.hooks.targets import AllowList
from simcourier.outbox.endpoints import Endpoint
from simcourier.outbox.seal import Sealer

pytestmark = pytest.mark.live
SEALER = Sealer(b"k" * 32)
BODY = b'{"type":"webhook.test"}'
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
CLOSED = Outcome(None, "the connection was closed without an answer")


class Line:
    """A courier, the endpoint that it tells, and how often its name was asked for."""

    def __init__(self, port: int, ca_file: str, scheme: str = "http", timeout_s: float = 5.0) -> None:
        self.addresses = ["127.0.0.1"]
        self.asked = 0
        guard = Guard(AllowList.read(["127.0.0.0/8"]), frozenset(), lookup=self._look_up)
        self.courier = Courier(guard, SEALER, lambda: 0, ca_file, timeout_s)
        secret = SEALER.seal("whsec_c2VjcmV0", "whk_1")
        url = f"{scheme}://app.example:{port}/hooks"
        self.endpoint = Endpoint("whk_1", url, None, frozenset(), secret, 0)

    def _look_up(self, _host: str, _port: int) -> list[str]:
        self.asked += 1
        return self.addresses

    def carry(self, event_id: str = "evt_1", *, keep: bool = True) -> Outcome:
        return self.courier.carry(self.endpoint, event_id, BODY, keep=keep)


@contextmanager
def line(port: int, ca_file: str = "", **settings: object) -> Iterator[Line]:
    made = Line(port, ca_file, **settings)  # type: ignore[arg-type] # passed on
    try:
        yield made
    finally:
        made.courier.hang_up()


def test_a_batch_goes_over_one_connection_that_was_checked_once() -> None:
    with receiver() as application, line(application.port) as to:
        assert [to.carry(f"evt_{number}") for number in range(20)] == [Outcome(204, None)] * 20
        assert (application.connections, to.asked) == (1, 1)
        assert [got.id for got in application.got] == [f"evt_{number}" for number in range(20)]


def test_so_it_does_with_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with (
        receiver(context=authority.context("app.example")) as application,
        line(application.port, str(authority.ca_file), scheme="https") as to,
    ):
        assert all(to.carry().delivered for _ in range(5))
        assert (application.connections, to.asked) == (1, 1)


def test_a_failure_in_the_answer_keeps_the_connection() -> None:
    with receiver(500, 404) as application, line(application.port) as to:
        assert [to.carry().status for _ in range(3)] == [500, 404, 204]
        assert application.connections == 1


def test_a15_each_new_connection_is_checked_anew() -> None:
    with receiver() as application, line(application.port) as to:
        assert to.carry().delivered
        to.addresses = ["192.0.2.1"]
        to.courier.hang_up()
        assert "not on this box's list" in (to.carry().error or "")
        assert len(application.got) == 1


def test_a15_a_kept_connection_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as application, line(application.port) as to:
        assert to.carry().delivered
        monkeypatch.setattr(post, "KEEP_S", 0.0)
        to.addresses = ["192.0.2.1"]
        assert to.carry().status is None
        assert len(application.got) == 1


def test_another_url_is_another_connection() -> None:
    with receiver() as application, receiver() as other, line(application.port) as to:
        assert to.carry().delivered
        to.endpoint = replace(to.endpoint, url=f"http://app.example:{other.port}/")
        assert to.carry().delivered
        assert (len(application.got), len(other.got), to.asked) == (1, 1, 2)


def test_without_keep_nothing_is_left_open() -> None:
    ends: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(NO_CONTENT)
        ends.append(connection.recv(1))

    with raw_server(serve) as port, line(port) as to:
        assert to.carry(keep=False).delivered
        _eventually(lambda: ends == [b""])


def _eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def answering_then(*answers: bytes) -> Callable[[socket.socket], None]:
    """Each answer of a connection in turn; then it waits for one more request and hangs up."""

    def serve(connection: socket.socket) -> None:
        for octets in answers:
            read_request(connection)
            connection.sendall(octets)
        read_request(connection)

    return serve


def test_a_receiver_that_closes_a_kept_connection_has_the_event_over_a_new_one() -> None:
    with raw_server(answering_then(NO_CONTENT)) as port, line(port) as to:
        assert to.carry().delivered
        assert to.carry().delivered
        assert to.asked == 2


def test_one_that_closes_a_new_connection_is_not_asked_again_at_once() -> None:
    with raw_server(answering_then()) as port, line(port) as to:
        assert to.carry() == CLOSED
        assert to.asked == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
        # What follows would be the answer to an event that was not yet sent.
        NO_CONTENT + b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["http-1.0", "close", "long", "broken", "unasked"],
)
def test_what_can_not_be_read_to_its_end_is_not_read_on(answer: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)
        if answer.startswith(b"HTTP/1.0"):
            return
        with suppress(OSError):
            while connection.recv(4096):
                connection.sendall(answer)

    with raw_server(serve) as port, line(port) as to:
        for _ in range(3):
            outcome = to.carry()
            assert outcome.status in (200, 204), outcome


def test_each_event_has_a_deadline_of_its_own_on_a_kept_connection() -> None:
    def serve(connection: socket.socket) -> None:
        for _ in range(4):
            read_request(connection)
            time.sleep(0.4)
            connection.sendall(NO_CONTENT)
        read_request(connection)
        time.sleep(20)

    with raw_server(serve) as port, line(port, timeout_s=1.0) as to:
        assert [to.carry().status for _ in range(4)] == [204] * 4
        began = time.monotonic()
        assert to.carry() == Outcome(None, "no answer within 1 s")
        assert time.monotonic() - began < 10
        assert to.asked == 1
