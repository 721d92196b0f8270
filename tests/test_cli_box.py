"""The command line as a client of the box: what it says when the answer is not the one that was hoped for."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cli_process import call, free_port, write_config
from click.testing import CliRunner

from simcourier.cli import box as box_module
from simcourier.cli.box import Box, Refused, Unreachable, local_url
from simcourier.cli.group import simcourier
from simcourier.cli.send import summary
from simcourier.config import Config, Http

Reply = tuple[int, Any]


class Peer:
    """A real HTTP server that answers from a list, and keeps what it was asked."""

    def __init__(self, replies: list[Reply]) -> None:
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(length)) if length else None
                peer.asked.append((self.command, self.path, dict(self.headers), body))
                status, answer = replies.pop(0)
                raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                if status == 0:
                    # Close without a word, as a server that is killed.
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = handle_any  # noqa: N815 - the names that http.server calls

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing on the tests' output."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def peer() -> Iterator[Callable[..., Peer]]:
    made: list[Peer] = []

    def make(*replies: Reply) -> Peer:
        made.append(Peer(list(replies)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_nobody_there_is_one_sentence_that_says_what_to_do() -> None:
    with pytest.raises(Unreachable, match=r"nothing answers at .*; is simcourier running\? Start it with"):
        Box(f"http://127.0.0.1:{free_port()}", "k").get("status")


def test_somebody_who_does_not_speak_http(peer: Callable[..., Peer]) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(999)
                connection.sendall(b"220 mail.example ESMTP\r\n")

        other = threading.Thread(target=answer)
        other.start()
        with pytest.raises(Unreachable, match="does not speak HTTP"):
            Box(f"http://127.0.0.1:{listener.getsockname()[1]}", "k").get("status")
        other.join()


def test_somebody_who_is_another_program(peer: Callable[..., Peer]) -> None:
    with pytest.raises(Unreachable, match=r"is not simcourier \(HTTP status 404\)"):
        Box(peer((404, b"<html>")).url, "k").get("status")


def test_a_box_that_never_answers_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box_module, "TIMEOUT_S", 0.05)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pytest.raises(Unreachable, match="did not answer within"):
            Box(f"http://127.0.0.1:{listener.getsockname()[1]}", "k").get("status")


def test_a_problem_becomes_its_sentence_with_the_wait(peer: Callable[..., Peer]) -> None:
    problem = {"code": "queue-full", "detail": "The queue is full.", "retry_after": 5}
    with pytest.raises(Refused) as refused:
        Box(peer((503, problem)).url, "k").post("messages", body={"to": "+447700900001"})
    assert refused.value.message == "The queue is full; try again in 5 s"
    assert (refused.value.code, refused.value.status, refused.value.exit_code) == ("queue-full", 503, 1)


def test_a_key_that_is_not_known(peer: Callable[..., Peer]) -> None:
    with pytest.raises(Refused, match="does not take this key; see `simcourier keys list`"):
        Box(peer((401, {"code": "unauthorized", "detail": "x"})).url, "k").get("status")


def test_the_key_goes_in_a_header_and_names_are_quoted_in_the_path(peer: Callable[..., Peer]) -> None:
    server = peer((200, {}), (200, {}))
    box = Box(server.url + "/", "sck_1_2")
    box.get("modems", "a/../b c", "trace", after=3, cursor=None)
    box.post("modems", "x", "pause")
    (_, path, headers, _), (method, _, _, body) = server.asked
    assert path == "/v1/modems/a%2F..%2Fb%20c/trace?after=3"
    assert headers["Authorization"] == "Bearer sck_1_2"
    assert (method, body) == ("POST", {})


def test_no_proxy_of_the_environment_sees_key_or_code(
    peer: Callable[..., Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, server = peer((200, {"who": "proxy"})), peer((200, {"who": "box"}))
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    assert Box(server.url, "k").get("status") == {"who": "box"}


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("[::]:8080", "http://[::1]:8080"),
        ("[fd00::1]:8080", "http://[fd00::1]:8080"),
        ("10.1.2.3:8080", "http://10.1.2.3:8080"),
    ],
)
def test_the_box_of_a_configuration_is_reached_from_this_machine(listen: str, url: str) -> None:
    assert local_url(Config(http=Http(listen=listen))) == url


def test_a_box_that_does_not_run_is_said_to_be_so(tmp_path: Path) -> None:
    config = write_config(tmp_path, free_port())
    ended = call("status", "--config", config)
    assert ended.returncode == 1
    assert ended.stderr == (
        f"simcourier: no simcourier is running with the storage directory {tmp_path / 'storage'}; start it with "
        "`systemctl start simcourier` or `simcourier run`\n"
    )


@pytest.mark.parametrize("url", ["box:8080", "ftp://box", "http://", "http://box:99999", "http://[::1"])
def test_a_url_that_is_none_is_a_wrong_use(url: str) -> None:
    ended = CliRunner().invoke(simcourier, ["status", "--url", url, "--key", "k"])
    assert ended.exit_code == 2
    assert "--url must be like" in ended.output


def test_a_url_without_a_key_is_a_wrong_use() -> None:
    ended = CliRunner(env={"SIMCOURIER_KEY": ""}).invoke(
        simcourier, ["status", "--url", "http://10.0.0.5:8080"]
    )
    assert (ended.exit_code, "--url needs a key" in ended.output) == (2, True)


# --- send ---

ACCEPTED = {
    "id": "msg_1",
    "status": "queued",
    "to_masked": "+44•••••0001",
    "segments": 1,
    "alphabet": "gsm7",
    "created_at": "2026-11-23T12:00:00.000Z",
    "expires_at": "2026-11-23T12:05:00.000Z",
    "eta_ms": 10,
}


def sent(peer: Peer, *arguments: str, text: str | bytes = "") -> Any:
    return CliRunner().invoke(simcourier, ["send", "--url", peer.url, "--key", "k", *arguments], input=text)


def test_only_what_was_said_is_sent(peer: Callable[..., Peer]) -> None:
    server = peer((202, ACCEPTED), (202, ACCEPTED))
    assert (
        sent(server, "+447700900001", "Your code is 1").output
        == "msg_1  queued to +44•••••0001, 1 segment of gsm7\n"
    )
    sent(
        server,
        "+447700900001",
        "x",
        "--ttl",
        "90",
        "--class",
        "bulk",
        "--max-segments",
        "2",
        "--on-unknown",
        "hold",
    )
    assert server.asked[0][3] == {"to": "+447700900001", "text": "Your code is 1"}
    assert server.asked[1][3] == {
        "to": "+447700900001",
        "text": "x",
        "ttl": 90,
        "class": "bulk",
        "max_segments": 2,
        "on_unknown": "hold",
    }


def test_a_text_from_standard_input_loses_the_line_feed_that_ends_it(peer: Callable[..., Peer]) -> None:
    server = peer((202, ACCEPTED))
    sent(server, "+447700900001", "-", text="two\nlines é😀\n")
    assert server.asked[0][3]["text"] == "two\nlines é😀"


@pytest.mark.parametrize(("text", "words"), [(b"\xff\xfe", "not UTF-8"), (b"\n", "no text")])
def test_a_text_that_is_none_is_a_wrong_use(text: bytes, words: str, peer: Callable[..., Peer]) -> None:
    server = peer()
    ended = sent(server, "+447700900001", "-", text=text)
    assert (ended.exit_code, words in ended.output, server.asked) == (2, True, [])


def test_a_connection_that_breaks_is_tried_again_under_the_same_key(peer: Callable[..., Peer]) -> None:
    server = peer((0, {}), (202, ACCEPTED))
    assert sent(server, "+447700900001", "x").exit_code == 0
    keys = [headers["Idempotency-Key"] for _, _, headers, _ in server.asked]
    assert len(keys) == 2
    assert keys[0] == keys[1] != ""


def as_it_stands(status: str, *events: tuple[str, str | None]) -> dict[str, Any]:
    listed = [
        {"at": f"2026-11-23T12:00:0{seconds}.500Z", "status": status, "modem": "modem-1", "detail": detail}
        for seconds, (status, detail) in enumerate(events)
    ]
    return ACCEPTED | {"status": status, "sent_by": "modem-1", "events": listed}


def test_waiting_ends_with_delivery_and_tells_each_step(peer: Callable[..., Peer]) -> None:
    arrived = as_it_stands(
        "delivered", ("queued", None), ("sending", None), ("sent", None), ("delivered", None)
    )
    server = peer((202, ACCEPTED), (200, as_it_stands("sending")), (200, arrived))
    ended = sent(server, "+447700900001", "x", "--wait")
    assert ended.exit_code == 0
    assert "msg_1  delivered by modem-1 (sending 1.50 s, sent 2.50 s, delivered 3.50 s)\n" in ended.output


@pytest.mark.parametrize("status", ["undelivered", "failed", "expired", "canceled", "superseded"])
def test_waiting_for_what_does_not_arrive_ends_with_1_and_says_why(
    status: str, peer: Callable[..., Peer]
) -> None:
    lost = as_it_stands(status, ("queued", None), (status, "the reason"))
    ended = sent(peer((202, ACCEPTED), (200, lost)), "+447700900001", "x", "--wait")
    assert ended.exit_code == 1
    assert ended.output.endswith("): the reason\n")


def test_waiting_has_an_end_of_its_own(peer: Callable[..., Peer]) -> None:
    server = peer((202, ACCEPTED), (200, as_it_stands("sent", ("sent", None))), (200, {"reports": "direct"}))
    ended = sent(server, "+447700900001", "x", "--wait", "--timeout", "0")
    assert ended.exit_code == 1
    assert "no delivery report until now" in ended.output


def test_waiting_ends_with_sent_where_the_modem_gets_no_reports(peer: Callable[..., Peer]) -> None:
    server = peer((202, ACCEPTED), (200, as_it_stands("sent", ("sent", None))), (200, {"reports": "none"}))
    assert sent(server, "+447700900001", "x", "--wait").exit_code == 0


def test_the_text_is_in_nothing_that_is_printed(peer: Callable[..., Peer]) -> None:
    arrived = as_it_stands("delivered", ("delivered", None)) | {"text": "Your code is 493817"}
    for more in ([], ["--json"]):
        ended = sent(
            peer((202, ACCEPTED), (200, arrived)), "+447700900001", "Your code is 493817", "--wait", *more
        )
        assert ended.exit_code == 0
        assert "493817" not in ended.output


def test_a_detail_can_not_steer_the_terminal() -> None:
    assert "\x1b" not in summary(as_it_stands("failed", ("failed", "\x1b[2Jcleared")))
