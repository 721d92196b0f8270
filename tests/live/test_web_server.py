"""The HTTP server's end: who is being answered gets the answer, and nothing is written to files of others."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable

import pytest
from flask import Flask

from live.appliance import eventually
from simcourier.config import Http
from simcourier_web.server import Server, serve

pytestmark = pytest.mark.live


class Slow:
    """An application whose one answer waits to be let go."""

    def __init__(self) -> None:
        self.asked, self.may_answer = threading.Event(), threading.Event()
        self.app = Flask("slow")
        self.app.add_url_rule("/", "slow", self._answer)
        self.server: Server = serve(self.app, Http(), 0)
        self._loop = threading.Thread(target=self.server.run, daemon=True)
        self._loop.start()

    def _answer(self) -> str:
        self.asked.set()
        assert self.may_answer.wait(10)
        return "here you are"

    def ask(self) -> socket.socket:
        """Ask, and wait until a worker has the request."""
        connection = socket.create_connection(("127.0.0.1", self.server.port), 10)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert self.asked.wait(10)
        return connection

    def refuses(self) -> bool:
        """Whether nobody is let in any more."""
        try:
            socket.create_connection(("127.0.0.1", self.server.port), 1).close()
        except ConnectionRefusedError:
            return True
        return False


def in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def everything(connection: socket.socket) -> bytes:
    with connection, connection.makefile("rb") as stream:
        return stream.read()


def test_who_is_being_answered_when_the_server_closes_gets_the_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    slow = Slow()
    connection = slow.ask()
    closing = in_thread(slow.server.close)
    eventually(slow.refuses, 5.0)
    slow.may_answer.set()
    assert everything(connection).endswith(b"here you are")
    closing.join(10)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_worker_that_outlives_the_close_writes_to_no_file_of_others(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simcourier_web.server._LAST_ANSWERS_S", 0.2)
    slow = Slow()
    numbers = set(slow.server.trigger._fds)
    with slow.ask():
        slow.server.close()
        reader, writer = socket.socketpair()
        with reader, writer:
            assert not numbers & {reader.fileno(), writer.fileno()}, "the trigger's numbers are not free yet"
            slow.may_answer.set()
            slow.server.task_dispatcher.shutdown()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
