"""`/v1/privacy`: what is held about a number is told and erased for an admin, and reduced with age by itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hooks_receiver import receiver
from sqlalchemy import select
from web_fixtures import CODE, PHONE, TEXT, WebBox, web_box

from simcourier.config import Webhooks
from simcourier.outbox import database, reduction
from simcourier.outbox.schema import idempotency, messages
from simcourier.outbox.seal import Sealer
from simcourier.sms.address import mask

DAY_S = 24 * 3600


@pytest.fixture
def box(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path) as box:
        box.modem()
        yield box


@pytest.fixture
def admin(box: WebBox) -> str:
    return box.key("admin")


def deliver(box: WebBox, key: str, **fields: object) -> str:
    message_id = box.send(key, **fields).json["id"]
    box.reported(box.submitted(), to=str(fields.get("to", PHONE)))
    return str(message_id)


def files_with(directory: Path, word: str) -> list[str]:
    return [path.name for path in directory.iterdir() if word.encode() in path.read_bytes()]


@pytest.mark.parametrize("what", ["export", "erase"])
def test_nobody_but_an_admin_may(box: WebBox, what: str) -> None:
    path = f"/v1/privacy/{what}"
    assert box.post(path, json={"to": PHONE}).status_code == 401
    everything_else = box.key("messages:send", "messages:read", "messages:read_body", "status:read")
    assert box.post(path, everything_else, json={"to": PHONE}).status_code == 403


@pytest.mark.parametrize("what", ["export", "erase"])
@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"to": "nobody"}, "invalid-number", "/to"),
        ({"to": "+"}, "invalid-number", "/to"),
        ({"to": 447700900123}, "invalid-request", "/to"),
        ({"to": "1" * 65}, "invalid-request", "/to"),
        ({}, "invalid-request", "/to"),
        ({"to": PHONE, "yes": True}, "invalid-request", "/yes"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_on_record(
    box: WebBox, admin: str, what: str, body: dict[str, object], code: str, pointer: str
) -> None:
    answer = box.post(f"/v1/privacy/{what}", admin, json=body)
    assert answer.json["code"] == code
    assert answer.json["errors"][0]["pointer"] == pointer
    assert box.get(f"/v1/audit?action=privacy.{what}", admin).json["items"] == []


def test_a13_the_store_of_repeated_requests_tells_nothing_of_them(
    box: WebBox, admin: str, tmp_path: Path
) -> None:
    content = json.dumps({"to": PHONE, "text": f"Your code is {CODE}"}).encode()
    headers = {"Idempotency-Key": "login-7", "Content-Type": "application/json"}
    first = box.post("/v1/messages", admin, data=content, headers=headers)
    assert first.status_code == 202
    with box.engine.connect() as connection:
        (row,) = connection.execute(select(idempotency)).all()
    # Without the box's key nobody can try codes against it: a six-digit code is tried in a second.
    plain = [
        hashlib.new(kind, content).hexdigest() for kind in ("md5", "sha1", "sha256", "sha512", "blake2b")
    ]
    assert row.fingerprint not in plain
    assert row.fingerprint != Sealer(b"x" * 32).fingerprint(content)
    assert CODE not in str(row)
    assert PHONE[-8:] not in str(row)
    again = box.post("/v1/messages", admin, data=content, headers=headers)
    assert (again.json, again.headers["Idempotency-Replayed"]) == (first.json, "true")
    other = box.post("/v1/messages", admin, data=content.replace(CODE.encode(), b"000000"), headers=headers)
    assert (other.status_code, other.json["code"]) == (422, "idempotency-mismatch")


def test_an_export_holds_the_history_and_neither_code_nor_whole_number(box: WebBox, admin: str) -> None:
    message_id = deliver(box, admin, reference="login 7")
    deliver(box, admin, to="+447700900001")
    answer = box.post("/v1/privacy/export", admin, json={"to": "+44 7700 900123"})
    (message,) = answer.json["messages"]
    assert (message["id"], message["status"], message["reference"]) == (message_id, "delivered", "login 7")
    assert [event["status"] for event in message["events"]] == ["queued", "sending", "sent", "delivered"]
    assert message["reduced"] is False
    assert answer.json["complete"] is True
    assert CODE not in answer.text
    assert PHONE[-8:] not in answer.text


def test_an_erased_number_is_in_no_answer_and_in_no_file(box: WebBox, admin: str, tmp_path: Path) -> None:
    message_id = deliver(box, admin)
    other = deliver(box, admin, to="+447700900001")
    assert files_with(tmp_path, PHONE)
    answer = box.post("/v1/privacy/erase", admin, json={"to": PHONE})
    assert (answer.status_code, answer.json["messages"], answer.json["files_clean"]) == (200, 1, True)
    assert answer.json["still_held"]["again_after"] is None
    assert files_with(tmp_path, PHONE) == []
    assert files_with(tmp_path, PHONE.removeprefix("+")) == []
    assert box.get(f"/v1/messages/{message_id}", admin).status_code == 404
    assert box.get(f"/v1/messages/{other}", admin).status_code == 200
    assert box.post("/v1/privacy/export", admin, json={"to": PHONE}).json["messages"] == []


def test_an_erasure_is_on_record_without_the_number(box: WebBox, admin: str) -> None:
    deliver(box, admin)
    box.post("/v1/privacy/erase", admin, json={"to": PHONE})
    items = box.get("/v1/audit?limit=2", admin).json["items"]
    assert [item["action"] for item in items] == ["privacy.erased", "privacy.erase"]
    assert items[0]["detail"] == "1 messages, 0 verifications, 0 that came in"
    assert not any(item["about_a_number"] for item in items)


def test_an_erasure_takes_what_names_the_messages_elsewhere(tmp_path: Path) -> None:
    """Deliveries of webhooks, notices and answers to repeated requests hold references, ids and masks."""
    with (
        receiver() as application,
        web_box(tmp_path, webhooks=Webhooks(allowed_targets=("127.0.0.1",))) as box,
    ):
        box.modem()
        admin = box.key("admin")
        assert box.post("/v1/webhook-endpoints", admin, json={"url": application.url()}).status_code == 201
        for to, who in ((PHONE, "bob"), ("+447700900001", "eve")):
            body = {"to": to, "text": TEXT, "reference": f"login of {who}"}
            sent = box.post("/v1/messages", admin, json=body, headers={"Idempotency-Key": who})
            box.reported(box.submitted(), to=to)
            assert sent.status_code == 202
            started = box.start(admin, to=to, reference=f"start of {who}")
            code = box.code()
            box.reported(box.submitted(), to=to)
            assert box.check(admin, started.json["id"], code).status_code == 200
        while box.hooks._relay.turn():
            pass
        database.checkpoint(box.engine, "TRUNCATE")
        assert files_with(tmp_path, "of bob") == ["simcourier.db"]
        told = box.post("/v1/privacy/export", admin, json={"to": PHONE}).json["mentions"]
        assert {each["kind"] for each in told} == {"webhook-delivery", "notice", "answer-kept"}
        erased = box.post("/v1/privacy/erase", admin, json={"to": PHONE}).json
        assert (erased["mentions"], erased["files_clean"]) == (len(told), True)
        assert files_with(tmp_path, "of bob") == []
        assert files_with(tmp_path, "of eve") == ["simcourier.db"]
        assert box.post("/v1/privacy/export", admin, json={"to": PHONE}).json["mentions"] == []
        assert box.post("/v1/privacy/export", admin, json={"to": "+447700900001"}).json["mentions"]


def test_what_waits_is_told_and_sent(box: WebBox, admin: str) -> None:
    box.send(admin)
    box.send(admin, modem="modem-1")
    answer = box.post("/v1/privacy/erase", admin, json={"to": PHONE})
    assert answer.json["messages"] == 0
    assert answer.json["still_held"]["waiting"] == 2
    assert answer.json["still_held"]["again_after"] is not None
    box.submitted()
    assert len(box.radio.jobs) == 2


def test_what_awaits_its_report_is_told_and_the_report_still_fits(box: WebBox, admin: str) -> None:
    message_id = box.send(admin).json["id"]
    tp_mr = box.submitted()
    answer = box.post("/v1/privacy/erase", admin, json={"to": PHONE})
    assert answer.json["still_held"]["on_their_way"] == 1
    box.reported(tp_mr)
    assert box.get(f"/v1/messages/{message_id}", admin).json["status"] == "delivered"
    assert box.post("/v1/privacy/erase", admin, json={"to": PHONE}).json["messages"] == 1


def test_a_reader_at_work_leaves_the_cleaning_to_the_next_wipe(box: WebBox, admin: str) -> None:
    deliver(box, admin)
    with box.engine.connect() as reader:
        reader.exec_driver_sql("BEGIN")
        reader.execute(select(messages)).all()
        answer = box.post("/v1/privacy/erase", admin, json={"to": PHONE})
    assert (answer.status_code, answer.json["messages"], answer.json["files_clean"]) == (200, 1, False)


def test_c14_numbers_are_reduced_on_schedule_and_still_found(box: WebBox, admin: str) -> None:
    message_id = deliver(box, admin)
    before = box.get(f"/v1/messages/{message_id}", admin).json
    box.now += 30 * DAY_S - 60
    box.service.privacy.tick()
    box.settle()
    with box.engine.connect() as connection:
        assert connection.execute(select(messages.c.recipient)).scalar() == PHONE
    box.now += 120
    recent = deliver(box, admin)
    box.service.privacy.tick()
    box.settle()
    with box.engine.connect() as connection:
        held = connection.execute(select(messages.c.recipient).order_by(messages.c.n)).scalars().all()
    assert held == [mask(PHONE), PHONE]
    assert box.get(f"/v1/messages/{message_id}", admin).json == before, "whoever looks sees no difference"
    found = box.post("/v1/messages/search", admin, json={"to": PHONE}).json["items"]
    assert [(item["id"], item["to_masked"]) for item in found] == [
        (recent, mask(PHONE)),
        (message_id, mask(PHONE)),
    ]
    held_now = box.post("/v1/privacy/export", admin, json={"to": PHONE}).json["messages"]
    assert [item["reduced"] for item in held_now] == [False, True]
    assert box.post("/v1/privacy/erase", admin, json={"to": PHONE}).json["messages"] == 2


def test_a_message_behind_others_that_were_erased_is_reduced_as_well(box: WebBox, admin: str) -> None:
    key, ever = box.key("messages:send", "messages:read"), 2**60
    for _ in range(2):
        deliver(box, key)
        with box.engine.begin() as connection:
            reduction.reduce_messages(connection, Sealer(b"k" * 32).number_key, ever, ever)
            assert connection.execute(select(messages.c.recipient)).scalars().all() == [mask(PHONE)]
        assert box.post("/v1/privacy/erase", admin, json={"to": PHONE}).json["messages"] == 1
