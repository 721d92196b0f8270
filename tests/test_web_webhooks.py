"""`/v1/webhook-endpoints`: an admin registers, tests, rotates and removes."""

from __future__ import annotations

import base64
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hooks_receiver import Receiver, raw_server, read_request, receiver
from web_fixtures import WebBox, web_box
from werkzeug.test import TestResponse

from simcourier.config import Webhooks
from simcourier.hooks.signing import signatures
from simcourier.outbox.endpoints import EventType

PATH = "/v1/webhook-endpoints"
SETTINGS = Webhooks(allowed_targets=("127.0.0.1", "192.0.2.0/24"), max_endpoints=3, timeout=5)
URL = "https://192.0.2.1/hooks"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path, webhooks=SETTINGS) as box:
        yield box


@pytest.fixture
def admin(web: WebBox) -> str:
    return web.key("admin")


def create(web: WebBox, admin: str, url: str = URL, **fields: Any) -> dict[str, Any]:
    answer = web.post(PATH, admin, json={"url": url, **fields})
    assert answer.status_code == 201, answer.json
    return dict(answer.json)


def problem(answer: TestResponse) -> tuple[int, str, str | None]:
    body = answer.json
    return answer.status_code, body["code"], body.get("errors", [{}])[0].get("pointer")


def test_an_endpoint_is_made_with_a_secret_that_is_shown_this_once(web: WebBox, admin: str) -> None:
    answer = web.post(PATH, admin, json={"url": URL, "types": ["message.sent"]})
    made = answer.json
    assert answer.headers["Location"] == f"{PATH}/{made['id']}"
    assert made["id"].startswith("whk_")
    assert len(made["id"]) == 26
    assert len(base64.b64decode(made.pop("secret").removeprefix("whsec_"), validate=True)) == 32
    assert made == {
        "id": made["id"],
        "url": URL,
        "client": None,
        "types": ["message.sent"],
        "enabled": True,
        "disabled_reason": None,
        "old_secret_until": None,
        "waiting": 0,
        "created_at": made["created_at"],
    }
    assert web.get(answer.headers["Location"], admin).json == made
    assert web.get(PATH, admin).json == {"items": [made]}


def test_the_secret_is_sealed_on_disk(web: WebBox, admin: str, tmp_path: Path) -> None:
    made = create(web, admin)
    rotated = web.post(f"{PATH}/{made['id']}/rotate-secret", admin).json
    with sqlite3.connect(tmp_path / "simcourier.db") as connection:
        (row,) = connection.execute("SELECT * FROM webhook_endpoints").fetchall()
    for secret in (made["secret"], rotated["secret"]):
        octets = base64.b64decode(secret.removeprefix("whsec_"))
        for file in tmp_path.iterdir():
            assert secret.encode() not in file.read_bytes()
            assert octets not in file.read_bytes()
    assert sum(isinstance(value, bytes) for value in row) == 2


def test_both_secrets_live_for_a_day_after_a_rotation(web: WebBox, admin: str) -> None:
    made = create(web, admin)
    path = f"{PATH}/{made['id']}"
    rotated = web.post(f"{path}/rotate-secret", admin).json
    assert rotated["secret"] != made["secret"]
    assert rotated["old_secret_until"] > made["created_at"]
    assert "secret" not in web.get(path, admin).json


@pytest.mark.parametrize(
    "method_and_path",
    [
        ("GET", PATH),
        ("POST", PATH),
        ("GET", f"{PATH}/whk_x"),
        ("PATCH", f"{PATH}/whk_x"),
        ("DELETE", f"{PATH}/whk_x"),
        ("POST", f"{PATH}/whk_x/rotate-secret"),
        ("POST", f"{PATH}/whk_x/test"),
        ("POST", f"{PATH}/whk_x/enable"),
        ("GET", f"{PATH}/whk_x/deliveries"),
    ],
)
def test_it_is_an_admin_s_business(method_and_path: tuple[str, str], web: WebBox, admin: str) -> None:
    method, path = method_and_path
    body = {"json": {"url": URL}} if method in {"POST", "PATCH"} else {}
    assert web.call(method, path, **body).status_code == 401
    lesser = web.key("messages:send", "messages:read", "status:read")
    assert web.call(method, path, lesser, **body).status_code == 403
    if path != PATH:
        assert problem(web.call(method, path, admin, **body))[:2] == (404, "not-found")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (400, "invalid-request", "/url")),
        ({"url": 7}, (400, "invalid-request", "/url")),
        ({"url": None}, (400, "invalid-request", "/url")),
        ({"url": ""}, (400, "invalid-request", "/url")),
        ({"url": "not a url"}, (422, "policy-violation", "/url")),
        ({"url": "http://0177.0.0.1/"}, (422, "policy-violation", "/url")),
        ({"url": "http://user:secret@192.0.2.1/"}, (422, "policy-violation", "/url")),
        ({"url": "https://" + "a" * 2000}, (400, "invalid-request", "/url")),
        ({"url": "https://198.51.100.1/"}, (422, "policy-violation", "/url")),
        ({"url": "https://169.254.169.254/"}, (422, "policy-violation", "/url")),
        ({"url": "https://[::ffff:192.0.2.1]/"}, (422, "policy-violation", "/url")),
        ({"url": "http://127.0.0.1:8080/"}, (422, "policy-violation", "/url")),
        ({"url": URL, "client": ""}, (400, "invalid-request", "/client")),
        ({"url": URL, "client": "c" * 65}, (400, "invalid-request", "/client")),
        ({"url": URL, "client": "nobody"}, (422, "policy-violation", "/client")),
        ({"url": URL, "types": "message.sent"}, (400, "invalid-request", "/types")),
        ({"url": URL, "types": [7]}, (400, "invalid-request", "/types/0")),
        ({"url": URL, "types": ["message.posted"]}, (400, "invalid-request", "/types/0")),
        ({"url": URL, "types": ["webhook.test"]}, (400, "invalid-request", "/types/0")),
        ({"url": URL, "secret": "mine"}, (400, "invalid-request", "/secret")),
    ],
)
def test_each_field_that_is_wrong_is_named_and_nothing_is_registered(
    fields: dict[str, Any], expected: tuple[int, str, str], web: WebBox, admin: str
) -> None:
    status, code, pointer = problem(web.post(PATH, admin, json=fields))
    assert (status, code) == expected[:2]
    assert pointer in {expected[2], expected[2].rpartition("/")[0]}
    assert web.get(PATH, admin).json == {"items": []}


def test_all_types_can_be_asked_for(web: WebBox, admin: str) -> None:
    assert create(web, admin, types=list(EventType))["types"] == sorted(EventType)


def test_an_endpoint_may_be_bound_to_a_client(web: WebBox, admin: str) -> None:
    client = web.key("messages:send").split("_")[1]
    assert create(web, admin, client=client)["client"] == client


def test_there_are_only_so_many_endpoints(web: WebBox, admin: str) -> None:
    for _ in range(3):
        create(web, admin)
    assert problem(web.post(PATH, admin, json={"url": URL}))[:2] == (422, "policy-violation")


def test_url_and_types_can_be_changed_and_what_is_left_out_stays(web: WebBox, admin: str) -> None:
    made = create(web, admin, types=["message.sent"])
    path = f"{PATH}/{made['id']}"

    def change(**fields: Any) -> TestResponse:
        return web.call("PATCH", path, admin, json=fields)

    assert change(url="https://192.0.2.2/").json["types"] == ["message.sent"]
    changed = change(types=[]).json
    assert (changed["url"], changed["types"]) == ("https://192.0.2.2/", [])
    assert problem(change(url="https://198.51.100.1/")) == (422, "policy-violation", "/url")
    assert problem(change(client="x"))[:2] == (400, "invalid-request")
    assert change().json == changed == web.get(path, admin).json


def test_a_removed_endpoint_is_gone(web: WebBox, admin: str) -> None:
    made = create(web, admin)
    answer = web.call("DELETE", f"{PATH}/{made['id']}", admin)
    assert (answer.status_code, answer.data) == (204, b"")
    assert web.get(f"{PATH}/{made['id']}", admin).status_code == 404
    assert web.call("DELETE", f"{PATH}/{made['id']}", admin).status_code == 404


def test_every_act_is_on_the_record_with_who_did_it(web: WebBox, admin: str, tmp_path: Path) -> None:
    made = create(web, admin)
    path = f"{PATH}/{made['id']}"
    web.call("PATCH", path, admin, json={"types": ["modem.up"]})
    web.post(f"{path}/rotate-secret", admin)
    web.call("DELETE", path, admin)
    with sqlite3.connect(tmp_path / "simcourier.db") as connection:
        rows = connection.execute(
            "SELECT actor, action FROM audit WHERE object = ? ORDER BY seq", (made["id"],)
        ).fetchall()
    who = admin.split("_")[1]
    assert rows == [(who, f"webhook.{action}") for action in ("create", "change", "rotate", "remove")]


@pytest.fixture
def application() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def test_a_test_is_sent_at_once_and_its_result_told(web: WebBox, admin: str, application: Receiver) -> None:
    made = create(web, admin, application.url())
    answer = web.post(f"{PATH}/{made['id']}/test", admin)
    result = answer.json
    assert (answer.status_code, result["delivered"], result["status"], result["error"]) == (
        200,
        True,
        204,
        None,
    )
    (got,) = application.got
    assert (got.id, got.type, got.body["data"]) == (result["id"], "webhook.test", {"endpoint": made["id"]})
    # The box's clock stands elsewhere here, so the signature is made again rather than verified.
    timestamp = int(got.headers["webhook-timestamp"])
    assert timestamp == web.wall_ms() // 1000
    assert got.headers["webhook-signature"] == signatures([made["secret"]], got.id, timestamp, got.raw)


@pytest.mark.parametrize("status", [302, 400, 410, 500])
def test_a_test_that_fails_is_told_and_changes_nothing(
    status: int, web: WebBox, admin: str, application: Receiver
) -> None:
    made = create(web, admin, application.url())
    application.statuses = [status]
    application.headers = {"Location": application.url(path="/elsewhere")}
    result = web.post(f"{PATH}/{made['id']}/test", admin).json
    assert (result["delivered"], result["status"]) == (False, status)
    assert str(status) in result["error"]
    assert len(application.got) == 1
    assert web.get(f"{PATH}/{made['id']}", admin).json["enabled"]


def test_what_a_receiver_writes_is_neither_logged_nor_kept(
    web: WebBox,
    admin: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 500 canary-1\r\ncanary-2\r\nX: canary-3\r\n\r\ncanary-4")

    with raw_server(serve) as port:
        made = create(web, admin, f"http://127.0.0.1:{port}/")
        answer = web.post(f"{PATH}/{made['id']}/test", admin)
    assert answer.json["status"] == 500
    seen = [answer.text, caplog.text, *capfd.readouterr()]
    assert not any("canary" in text for text in seen)
    assert not any(b"canary" in file.read_bytes() for file in tmp_path.iterdir())


def test_the_log_shows_what_was_told_newest_first_in_pages(
    web: WebBox, admin: str, application: Receiver
) -> None:
    made = create(web, admin, application.url())
    path = f"{PATH}/{made['id']}"
    application.statuses = [500, 204, 204]
    ids = [web.post(f"{path}/test", admin).json["id"] for _ in range(3)]
    first = web.get(f"{path}/deliveries?limit=2", admin)
    assert [item["id"] for item in first.json["items"]] == [ids[2], ids[1]]
    assert 'rel="next"' in first.headers["Link"]
    rest = web.get(f"{path}/deliveries?cursor={first.json['next_cursor']}", admin).json
    (last,) = rest["items"]
    assert rest["next_cursor"] is None
    assert (last["id"], last["state"], last["attempts"], last["status"], last["error"], last["next_at"]) == (
        ids[0],
        "failed",
        1,
        500,
        "status 500",
        None,
    )


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=0", "cursor=x", "before=1"])
def test_a_wrong_query_is_refused(query: str, web: WebBox, admin: str) -> None:
    made = create(web, admin)
    assert web.get(f"{PATH}/{made['id']}/deliveries?{query}", admin).status_code == 400


def test_what_waits_is_counted(web: WebBox, admin: str) -> None:
    made = create(web, admin)
    assert web.get(f"{PATH}/{made['id']}", admin).json["waiting"] == 0
    with web.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO webhook_deliveries"
            " (endpoint, event_id, type, body, state, attempts, created_at_ms, next_at_ms)"
            " VALUES (1, 'evt_1', 'modem.up', '{}', 'pending', 0, 0, 0)"
        )
    assert web.get(f"{PATH}/{made['id']}", admin).json["waiting"] == 1


def test_a15_the_target_is_checked_again_at_each_delivery(web: WebBox, admin: str) -> None:
    made = create(web, admin)
    for url, said in (
        ("http://169.254.169.254/", "link-local"),
        ("https://198.51.100.1/", "list of targets"),
        ("http://127.0.0.1:8080/", "this box itself"),
        ("http://0177.0.0.1/", "IPv4"),
    ):
        with web.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE webhook_endpoints SET url = ?", (url,))
        result = web.post(f"{PATH}/{made['id']}/test", admin).json
        assert (result["delivered"], result["status"]) == (False, None)
        assert said in result["error"]


def test_a_secret_that_another_key_file_sealed_is_a_failure_that_says_so(
    web: WebBox, admin: str, application: Receiver
) -> None:
    made = create(web, admin, application.url())
    with web.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE webhook_endpoints SET secret = zeroblob(90)")
    result = web.post(f"{PATH}/{made['id']}/test", admin).json
    assert (result["delivered"], "key file" in result["error"]) == (False, True)
    assert application.got == []
