"""`/v1/keys`, and what a sandbox key can reach."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from web_fixtures import PHONE, TEXT, WebBox, web_box

from simcourier.config import Modem
from simcourier.modem.facts import ModemState

PORT = "/run/simcourier-sandbox/modem-000"
SEND = ["messages:send", "messages:read"]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path) as box:
        yield box


@pytest.fixture
def sandboxed(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path, modems=(Modem(PORT, sandbox=True),)) as box:
        yield box


@pytest.fixture
def admin(web: WebBox) -> str:
    return web.key("admin")


def make(web: WebBox, admin: str, **fields: Any) -> dict[str, Any]:
    answer = web.post("/v1/keys", admin, json={"name": "shop", "scopes": SEND, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json
    return made


def virtual(web: WebBox, name: str = "modem-000") -> None:
    """Plug a modem of the sandbox in."""
    web.modem(name, ModemState.ABSENT)
    web.change(replace(web.radio.cards[name], port=PORT, state=ModemState.READY))


def send(web: WebBox, key: str, **fields: Any) -> Any:
    return web.send(key, **fields)


# --- an admin's hand on keys ---


def test_a14_a_secret_is_shown_once(web: WebBox, admin: str) -> None:
    answer = web.post("/v1/keys", admin, json={"name": "shop", "scopes": SEND})
    made = answer.json
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/v1/keys/{made['id']}")
    assert made["key"] == f"sck_{made['id']}_{made['secret']}"
    assert len(bytes.fromhex(made["secret"])) == 32
    assert web.get("/v1/messages", made["key"]).status_code == 200
    for shown in (web.get("/v1/keys", admin), web.get(answer.headers["Location"], admin)):
        assert shown.status_code == 200
        assert made["secret"] not in shown.text
        assert web.service.clients.one(made["id"]).digest not in shown.text


def test_a_key_is_shown_with_all_that_it_is_bound_to(web: WebBox, admin: str) -> None:
    made = make(
        web,
        admin,
        cidrs=["::ffff:10.0.0.0/104", "192.0.2.7"],
        expires_at="2030-01-31T12:00:00+01:00",
        template_only=True,
        sandbox=True,
    )
    shown = web.get(f"/v1/keys/{made['id']}", admin).json
    assert {name: made[name] for name in shown} == shown
    assert (shown["name"], shown["live"], shown["scopes"]) == ("shop", True, sorted(SEND))
    assert shown["cidrs"] == ["10.0.0.0/8", "192.0.2.7/32"]
    assert shown["expires_at"] == "2030-01-31T11:00:00.000Z"
    assert (shown["template_only"], shown["sandbox"]) == (True, True)
    assert shown["revoked_at"] is shown["old_secret_until"] is shown["last_used_at"] is None
    assert [key["name"] for key in web.get("/v1/keys", admin).json["items"]] == ["key 1", "shop"]


def test_a14_two_secrets_live_while_a_key_is_rotated(web: WebBox, admin: str) -> None:
    made = make(web, admin)
    again = web.post(f"/v1/keys/{made['id']}/rotate", admin, json={"keep_old": 60})
    assert again.status_code == 200
    assert (again.json["id"], again.json["old_secret_until"] is not None) == (made["id"], True)
    keys = (made["key"], again.json["key"])
    assert [web.get("/v1/messages", key).status_code for key in keys] == [200, 200]
    web.pass_time(60)
    assert [web.get("/v1/messages", key).status_code for key in keys] == [401, 200]


def test_the_old_secret_lives_for_a_day_unless_something_else_is_said(web: WebBox, admin: str) -> None:
    made = make(web, admin)
    assert web.post(f"/v1/keys/{made['id']}/rotate", admin, json={}).status_code == 200
    web.pass_time(24 * 3600 - 1)
    assert web.get("/v1/messages", made["key"]).status_code == 200
    web.pass_time(1)
    assert web.get("/v1/messages", made["key"]).status_code == 401


def test_only_the_old_secret_may_be_revoked_and_then_all(web: WebBox, admin: str) -> None:
    made = make(web, admin)
    new = web.post(f"/v1/keys/{made['id']}/rotate", admin, json={"keep_old": 3600}).json["key"]
    ended = web.call("DELETE", f"/v1/keys/{made['id']}/old-secret", admin)
    assert (ended.status_code, ended.json["live"], ended.json["old_secret_until"]) == (200, True, None)
    assert [web.get("/v1/messages", key).status_code for key in (made["key"], new)] == [401, 200]
    revoked = web.call("DELETE", f"/v1/keys/{made['id']}", admin)
    assert (revoked.status_code, revoked.json["live"]) == (200, False)
    assert revoked.json["revoked_at"] is not None
    assert web.get("/v1/messages", new).status_code == 401


def test_what_is_not_live_is_not_found(web: WebBox, admin: str) -> None:
    made = make(web, admin)
    web.call("DELETE", f"/v1/keys/{made['id']}", admin)
    for path in (f"/v1/keys/{made['id']}", "/v1/keys/local", "/v1/keys/0000000000000000"):
        assert web.call("DELETE", path, admin).status_code == 404
        assert web.call("DELETE", f"{path}/old-secret", admin).status_code == 404
        assert web.post(f"{path}/rotate", admin, json={}).status_code == 404
    assert web.get(f"/v1/keys/{made['id']}", admin).status_code == 404
    assert [key["live"] for key in web.get("/v1/keys", admin).json["items"]] == [True, False]
    assert web.get("/v1/keys/0000000000000000", admin).status_code == 404


@pytest.mark.parametrize(
    ("fields", "status", "code", "pointer"),
    [
        ({"name": ""}, 400, "invalid-request", "/name"),
        ({"name": " shop"}, 400, "invalid-request", "/name"),
        ({"name": "shop\n"}, 400, "invalid-request", "/name"),
        ({"name": "x" * 65}, 400, "invalid-request", "/name"),
        ({"name": "key 1"}, 409, "name-taken", "/name"),
        ({"scopes": []}, 400, "invalid-request", "/scopes"),
        ({"scopes": ["messages:sned"]}, 400, "invalid-request", None),
        ({"scopes": ["admin"], "sandbox": True}, 422, "policy-violation", "/scopes"),
        ({"scopes": ["status:read"], "sandbox": True}, 422, "policy-violation", "/scopes"),
        ({"scopes": ["admin"], "template_only": True}, 422, "policy-violation", "/template_only"),
        ({"cidrs": ["10.0.0.1/8"]}, 422, "policy-violation", "/cidrs"),
        ({"cidrs": ["10.0.0.0/8"] * 33}, 400, "invalid-request", "/cidrs"),
        ({"cidrs": "10.0.0.0/8"}, 400, "invalid-request", "/cidrs"),
        ({"expires_at": "tomorrow"}, 400, "invalid-request", "/expires_at"),
        ({"expires_at": "2030-01-31T12:00:00"}, 400, "invalid-request", "/expires_at"),
        ({"expires_at": "2001-01-31T12:00:00Z"}, 422, "policy-violation", "/expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-12:00"}, 422, "policy-violation", "/expires_at"),
        ({"sandbox": "yes"}, 400, "invalid-request", "/sandbox"),
        ({"secret": "0" * 64}, 400, "invalid-request", "/secret"),
    ],
)
def test_a_wrong_field_is_named_and_no_key_is_made(
    web: WebBox, admin: str, fields: dict[str, Any], status: int, code: str, pointer: str | None
) -> None:
    answer = web.post("/v1/keys", admin, json={"name": "shop", "scopes": SEND, **fields})
    assert (answer.status_code, answer.json["code"]) == (status, code)
    if pointer is not None:
        assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert len(web.service.clients.all()) == 1


def test_only_an_admin_makes_keys(web: WebBox) -> None:
    key = web.key("messages:send", "status:read")
    assert web.post("/v1/keys", key, json={"name": "shop", "scopes": ["admin"]}).status_code == 403
    assert len(web.service.clients.all()) == 1


# --- where a key may be used from ---


def test_a14_a_bound_key_is_let_in_by_the_address_of_the_connection_and_no_header(
    web: WebBox, admin: str
) -> None:
    key = make(web, admin, cidrs=["10.0.0.0/8"])["key"]
    for inside in ("10.1.2.3", "::ffff:10.1.2.3"):
        assert web.get("/v1/messages", key, environ_base={"REMOTE_ADDR": inside}).status_code == 200
    lies = {"X-Forwarded-For": "10.1.2.3", "X-Real-IP": "10.1.2.3", "Forwarded": "for=10.1.2.3"}
    for outside in ("192.0.2.7", "2001:db8::1", "127.0.0.1"):
        answer = web.get("/v1/messages", key, environ_base={"REMOTE_ADDR": outside}, headers=dict(lies))
        assert (answer.status_code, answer.json["code"]) == (403, "forbidden-address")
        wrong = web.get("/v1/messages", key[:-1] + "x", environ_base={"REMOTE_ADDR": outside})
        assert wrong.status_code == 401


def test_a14_basic_and_bearer_are_bound_alike(web: WebBox, admin: str) -> None:
    made = make(web, admin, cidrs=["10.0.0.0/8"])
    words = base64.b64encode(f"{made['id']}:{made['secret']}".encode()).decode()
    for header in (f"Bearer {made['key']}", f"Basic {words}"):
        statuses = [
            web.get(
                "/v1/messages", headers={"Authorization": header}, environ_base={"REMOTE_ADDR": peer}
            ).status_code
            for peer in ("10.1.2.3", "192.0.2.7")
        ]
        assert statuses == [200, 403]


# --- the sandbox ---


def sandbox_key(web: WebBox) -> str:
    return str(make(web, web.key("admin"), sandbox=True)["key"])


def test_a_sandbox_key_without_a_sandbox_is_told_what_to_configure(web: WebBox) -> None:
    web.modem()
    answer = send(web, sandbox_key(web))
    assert (answer.status_code, answer.json["code"]) == (503, "no-modem")
    assert "sandbox = true" in answer.json["detail"]
    assert web.radio.jobs == []


def test_a_sandbox_key_reaches_virtual_handsets_only(sandboxed: WebBox) -> None:
    web = sandboxed
    web.modem("real")
    tested = sandbox_key(web)
    assert send(web, tested).status_code == 202
    web.settle()
    assert web.radio.jobs == []
    virtual(web)
    assert [modem for modem, _job in web.radio.jobs] == ["modem-000"]


def test_an_admin_s_message_goes_to_a_real_modem_or_waits(sandboxed: WebBox) -> None:
    web = sandboxed
    virtual(web)
    assert send(web, web.key("admin")).status_code == 202
    web.settle()
    assert web.radio.jobs == []
    web.modem("real")
    assert [modem for modem, _job in web.radio.jobs] == ["real"]


def test_a_modem_that_is_asked_for_must_be_of_the_same_side(sandboxed: WebBox) -> None:
    web = sandboxed
    virtual(web)
    web.modem("real")
    tested, real = sandbox_key(web), web.key("messages:send")
    for key, modem in ((tested, "real"), (real, "modem-000")):
        answer = send(web, key, modem=modem)
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/modem")
    assert send(web, tested, modem="modem-000").status_code == 202
    assert send(web, real, modem="real").status_code == 202


def test_a_modem_shows_its_side(sandboxed: WebBox) -> None:
    web = sandboxed
    virtual(web)
    web.modem("real")
    items = web.get("/v1/modems", web.key("status:read")).json["items"]
    assert [(item["id"], item["sandbox"]) for item in items] == [("modem-000", True), ("real", False)]


def test_a_box_whose_only_modem_is_the_sandbox_s_is_not_ready_and_refuses_codes(sandboxed: WebBox) -> None:
    web = sandboxed
    virtual(web)
    assert web.get("/readyz").status_code == 503
    web.pass_time(61)
    assert send(web, web.key("messages:send")).json["code"] == "no-modem"
    assert send(web, sandbox_key(web)).status_code == 202


def test_the_sandbox_fills_its_own_queue_and_no_other(
    sandboxed: WebBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simcourier.service.room.SANDBOX_QUEUE_LIMIT", 2)
    web = sandboxed
    tested = sandbox_key(web)
    assert [send(web, tested).status_code for _ in range(3)] == [202, 202, 503]
    assert send(web, web.key("messages:send")).status_code == 202


def test_a_sandbox_client_sees_its_own_messages(sandboxed: WebBox) -> None:
    web = sandboxed
    tested = sandbox_key(web)
    sent = send(web, tested).json["id"]
    send(web, web.key("messages:send"))
    items = web.get("/v1/messages", tested).json["items"]
    assert [item["id"] for item in items] == [sent]
    assert web.post("/v1/messages", tested, json={"to": PHONE, "text": TEXT}).status_code == 202
