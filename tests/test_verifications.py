"""Verifications over HTTP in virtual time: real service, writer and database; the test is network and clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from web_fixtures import PHONE, WebBox, web_box
from werkzeug.test import TestResponse

from simcourier.config import Limits, Quota, Verifications

SCOPES = ("verifications:start", "verifications:check")
OPEN = Limits(
    verifications=Quota(
        number_gap=0, number_10_minutes=0, number_hour=0, number_day=0, prefix_hour=0, client_second=0
    ),
    # A test that guesses looks like fraud.
    conversion_block_percent=0,
)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path) as box:
        box.modem()
        yield box


@pytest.fixture
def open_box(tmp_path: Path) -> Iterator[WebBox]:
    """A box that lets a number have as many codes as a test wants."""
    with web_box(tmp_path, limits=OPEN) as box:
        box.modem()
        yield box


def started(answer: TestResponse) -> str:
    assert answer.status_code == 202, answer.text
    return str(answer.json["id"])


def problem(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


def wrong(code: str) -> str:
    return code[:-1] + str((int(code[-1]) + 1) % 10)


def rows(box: WebBox, query: str) -> list[Any]:
    with box.engine.connect() as connection:
        return list(connection.execute(text(query)))


def test_a_code_is_made_sent_and_approved(box: WebBox) -> None:
    key = box.key(*SCOPES)
    answer = box.start(key, reference="session 7", subject="anna")
    assert answer.json == {
        "id": answer.json["id"],
        "status": "pending",
        "to_masked": "+44•••••0123",
        "expires_at": answer.json["expires_at"],
        "resend_after": answer.json["resend_after"],
        "sends": 1,
        "sends_max": 3,
    }
    code = box.code()
    assert len(code) == 6
    box.submitted()
    approved = box.check(key, answer.json["id"], f" {code[:3]}-{code[3:]} ")
    assert approved.status_code == 200
    assert approved.json == {
        "id": answer.json["id"],
        "status": "approved",
        "purpose": "login",
        "to_masked": "+44•••••0123",
        "subject": "anna",
        "reference": "session 7",
    }


def test_c02_the_life_is_counted_from_creation_the_queue_included(tmp_path: Path) -> None:
    with web_box(tmp_path, limits=OPEN) as box:
        box.modem()
        key = box.key(*SCOPES)
        verification = started(box.start(key, ttl=60))
        box.pass_time(59)
        assert box.get(f"/v1/verifications/{verification}", key).json["status"] == "pending"
        code = box.code()
        box.pass_time(1)
        assert problem(box.check(key, verification, code)) == (410, "verification-closed")
        assert box.get(f"/v1/verifications/{verification}", key).json["status"] == "expired"


@pytest.mark.parametrize(
    ("weaker", "pointer"),
    [
        ({"ttl": 3600}, "/ttl"),
        ({"ttl": 59}, "/ttl"),
        ({"max_attempts": 100}, "/max_attempts"),
        ({"max_attempts": 0}, "/max_attempts"),
        ({"code": {"length": 4}}, "/code/length"),
        ({"code": {"length": 11}}, "/code/length"),
        ({"code": "483920"}, "/code"),
    ],
)
def test_a25_what_weakens_the_proof_is_refused_and_never_clamped(
    box: WebBox, weaker: dict[str, object], pointer: str
) -> None:
    answer = box.start(box.key(*SCOPES), **weaker)
    assert problem(answer) == (422, "policy-violation")
    assert answer.json["errors"][0]["pointer"] == pointer
    assert "483920" not in answer.text
    assert rows(box, "SELECT * FROM verifications") == rows(box, "SELECT * FROM messages") == []


def test_c03_a_code_is_accepted_once(box: WebBox) -> None:
    key = box.key(*SCOPES)
    verification = started(box.start(key))
    code = box.code()
    assert box.check(key, verification, code).status_code == 200
    again = box.check(key, verification, code)
    assert problem(again) == (410, "verification-closed")
    assert again.json["reason"] == "approved"


def test_c04_a_code_proves_its_own_verification_only(open_box: WebBox) -> None:
    box, key = open_box, open_box.key(*SCOPES)
    first = started(box.start(key, binding="browser 1"))
    code = box.code()
    second = started(box.start(key, purpose="payment"))
    other_phone = started(box.start(key, to="+447700900124"))
    assert problem(box.check(key, second, code)) == (422, "code-incorrect")
    assert problem(box.check(key, other_phone, code)) == (422, "code-incorrect")
    assert problem(box.check(key, first, code)) == (422, "code-incorrect")
    assert problem(box.check(key, first, code, binding="browser 2")) == (422, "code-incorrect")
    assert problem(box.check(box.key(*SCOPES), first, code, binding="browser 1")) == (404, "not-found")
    assert box.check(key, first, code, binding="browser 1").status_code == 200


def test_c05_the_code_is_nowhere_on_disk_but_as_a_keyed_hash(box: WebBox, tmp_path: Path) -> None:
    key = box.key(*SCOPES)
    started(box.start(key))
    code = box.code()
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert code.encode() not in everything
    assert len(rows(box, "SELECT code_mac FROM verifications")[0].code_mac) == 33


def test_c06_five_checks_and_no_more(box: WebBox) -> None:
    key = box.key(*SCOPES)
    verification = started(box.start(key))
    code = box.code()
    for left in (4, 3, 2, 1, 0):
        answer = box.check(key, verification, wrong(code))
        assert problem(answer) == (422, "code-incorrect")
        assert answer.json["attempts_remaining"] == left
    answer = box.check(key, verification, code)
    assert problem(answer) == (410, "verification-closed")
    assert answer.json["reason"] == "max_attempts"


def fail_all(box: WebBox, key: str, **fields: object) -> tuple[str, str]:
    """Start, and use all checks up; returns the verification and its code."""
    verification = started(box.start(key, **fields))
    code = box.code()
    box.submitted()
    given = {"binding": fields["binding"]} if "binding" in fields else {}
    for _ in range(5):
        answer = box.check(key, verification, wrong(code), **given)
        if answer.status_code == 423:
            box.pass_time(answer.json["retry_after"])
            answer = box.check(key, verification, wrong(code), **given)
        assert problem(answer) == (422, "code-incorrect")
    return verification, code


def wait_out(box: WebBox, key: str, **fields: object) -> None:
    """Let a delay pass."""
    answer = box.start(key, **fields)
    if answer.status_code == 423:
        box.pass_time(answer.json["retry_after"])
    else:
        box.post(f"/v1/verifications/{started(answer)}/cancel", key)
        box.settle()
        box.submitted()


def test_a05_guessing_across_verifications_ends_in_a_lock(open_box: WebBox) -> None:
    """20 x 5 wrong ones; the right one after them is refused: C7, C10 (other client), C23 (unlock)."""
    box, key = open_box, open_box.key(*SCOPES)
    for _ in range(20):
        wait_out(box, key)
        fail_all(box, key)
    locked = box.start(key)
    assert problem(locked) == (423, "recipient-locked")
    assert "retry_after" not in locked.json
    other = box.key(*SCOPES)
    assert problem(box.start(other, purpose="other")) == (423, "recipient-locked")
    admin = box.key("admin")
    assert problem(box.post("/v1/numbers/unlock", key, json={"to": PHONE})) == (403, "forbidden-scope")
    assert box.post("/v1/numbers/unlock", admin, json={"to": PHONE}).json == {"unlocked": True}
    actions = [row.action for row in rows(box, "SELECT action FROM audit ORDER BY seq")]
    assert "recipient.locked" in actions
    assert actions[-1] == "recipient.unlocked"
    verification = started(box.start(other, purpose="other"))
    assert box.check(other, verification, box.code()).status_code == 200


def test_c07_a_resend_does_not_reset_the_failures(open_box: WebBox) -> None:
    box, key = open_box, open_box.key(*SCOPES)
    verification = started(box.start(key))
    code = box.code()
    for _ in range(3):
        box.check(key, verification, wrong(code))
    assert box.post(f"/v1/verifications/{verification}/resend", key).status_code == 202
    answer = box.check(key, verification, wrong(box.code()))
    assert answer.json["attempts_remaining"] == 1
    assert rows(box, "SELECT consecutive FROM failures WHERE binding = ''")[0].consecutive == 4


def test_c09_the_delay_grows_from_half_a_minute(open_box: WebBox) -> None:
    box, key = open_box, open_box.key(*SCOPES)
    waits = []
    for _ in range(4):
        fail_all(box, key)
        held = box.start(key)
        assert problem(held) == (423, "recipient-locked")
        waits.append(held.json["retry_after"])
        box.pass_time(waits[-1])
    assert waits == [30, 60, 120, 240]


def test_c10_a_delay_holds_for_every_client(open_box: WebBox) -> None:
    box = open_box
    fail_all(box, box.key(*SCOPES))
    assert problem(box.start(box.key(*SCOPES), purpose="other")) == (423, "recipient-locked")


def test_c12_a_resend_makes_a_new_code_and_the_old_one_is_dead(box: WebBox) -> None:
    key = box.key(*SCOPES)
    verification = started(box.start(key))
    old = box.code()
    box.submitted()
    soon = box.post(f"/v1/verifications/{verification}/resend", key)
    assert problem(soon) == (409, "resend-too-soon")
    box.pass_time(soon.json["retry_after"])
    again = box.post(f"/v1/verifications/{verification}/resend", key)
    assert again.status_code == 202
    assert again.json["sends"] == 2
    new = box.code()
    assert new != old
    assert problem(box.check(key, verification, old)) == (422, "code-incorrect")
    assert box.check(key, verification, new).status_code == 200


def test_a_code_that_still_waits_is_dropped_by_the_next_one(tmp_path: Path) -> None:
    with web_box(tmp_path, limits=OPEN) as box:
        box.modem()
        key = box.key(*SCOPES)
        box.start(key, to="+447700900199")  # keeps the only modem busy
        verification = started(box.start(key))
        assert box.post(f"/v1/verifications/{verification}/resend", key).status_code == 202
        messages = box.get(f"/v1/verifications/{verification}", key).json["messages"]
        assert [message["status"] for message in messages] == ["superseded", "queued"]


def test_a_newer_start_takes_the_place_of_an_older_one(box: WebBox) -> None:
    key = box.key(*SCOPES)
    first = started(box.start(key))
    code = box.code()
    box.submitted()
    pending = box.start(key)
    assert problem(pending) == (409, "verification-pending")
    box.pass_time(pending.json["retry_after"])
    second = started(box.start(key))
    assert problem(box.check(key, first, code)) == (410, "verification-closed")
    assert box.check(key, second, box.code()).status_code == 200


def test_a07_a_closed_or_foreign_verification_proves_nothing(open_box: WebBox) -> None:
    box, key = open_box, open_box.key(*SCOPES)
    verification = started(box.start(key))
    code = box.code()
    assert box.post(f"/v1/verifications/{verification}/cancel", key).json["status"] == "canceled"
    assert problem(box.check(key, verification, code)) == (410, "verification-closed")
    assert problem(box.post(f"/v1/verifications/{verification}/cancel", key)) == (410, "verification-closed")
    assert problem(box.post(f"/v1/verifications/{verification}/resend", key)) == (410, "verification-closed")
    assert problem(box.check(key, "ver_" + "A" * 22, code)) == (404, "not-found")


def test_c15_the_same_is_done_for_a_closed_and_an_unknown_verification(open_box: WebBox) -> None:
    """Counted by the statements that reach the database: no shorter way tells them apart."""
    from sqlalchemy import event

    box, key = open_box, open_box.key(*SCOPES)
    verification = started(box.start(key))
    box.post(f"/v1/verifications/{verification}/cancel", key)
    box.settle()
    asked: list[str] = []
    event.listen(
        box.engine, "before_cursor_execute", lambda *given: asked.append(given[2].split("\n")[0][:40])
    )
    box.check(key, verification, "000000")
    closed, asked[:] = list(asked), []
    box.check(key, "ver_" + "A" * 22, "000000")
    assert closed == asked != []


def test_c17_a_large_step_of_the_clock_closes_what_is_open(open_box: WebBox) -> None:
    box, key = open_box, open_box.key(*SCOPES)
    verification = started(box.start(key))
    code = box.code()
    box.clock_step_ms = -61_000
    box.pass_time(1)
    answer = box.check(key, verification, code)
    assert problem(answer) == (410, "verification-closed")
    assert rows(box, "SELECT reason FROM verifications")[0].reason == "the clock was set"


def test_a26_who_guesses_under_another_binding_does_not_lock_the_person_out(open_box: WebBox) -> None:
    box, key = open_box, open_box.key(*SCOPES)
    for _ in range(4):
        wait_out(box, key, binding="stranger")
        fail_all(box, key, binding="stranger")
    assert problem(box.start(key, binding="stranger")) == (423, "recipient-locked")
    verification = started(box.start(key, binding="own phone"))
    assert box.check(key, verification, box.code(), binding="own phone").status_code == 200


def test_c20_a_risk_that_the_admin_named_gets_no_code(tmp_path: Path) -> None:
    with web_box(tmp_path, verifications=Verifications(refused_risks=("sim-swap",))) as box:
        box.modem()
        key = box.key(*SCOPES)
        assert problem(box.start(key, risk="sim-swap")) == (422, "policy-violation")
        verification = started(box.start(key, risk="new-device"))
        assert box.get(f"/v1/verifications/{verification}", key).json["risk"] == "new-device"


def test_an_admin_lists_the_hosts_that_codes_are_bound_to(tmp_path: Path) -> None:
    hosts = Verifications(origin_hosts=("Login.Example.com",))
    with web_box(tmp_path, limits=OPEN, verifications=hosts) as box:
        box.modem()
        key = box.key(*SCOPES)
        answer = box.start(key, origin_host="evil-bank.com")
        assert problem(answer) == (422, "policy-violation")
        assert answer.json["errors"][0]["pointer"] == "/origin_host"
        assert "origin_hosts" in answer.json["detail"]
        started(box.start(key, origin_host="login.example.com"))
        assert box.text().endswith(f"\n@login.example.com #{box.code()}")


@pytest.mark.parametrize(
    ("field", "value"),
    [("app", "evil.zip"), ("app", "Code 111111"), ("payee", "a@b"), ("amount", "call 0906")],
)
def test_a30_no_value_passes_for_the_text_around_it(box: WebBox, field: str, value: str) -> None:
    paid = {"amount": "12 EUR", "payee": "Shop"} if field != "app" else {}
    answer = box.start(box.key(*SCOPES), **{**paid, field: value})
    assert problem(answer) == (422, "policy-violation")
    assert answer.json["errors"][0]["pointer"] == f"/{field}"


def test_c21_start_check_and_lock_are_on_record_without_the_code(open_box: WebBox) -> None:
    box, key = open_box, open_box.key(*SCOPES)
    verification = started(box.start(key))
    code = box.code()
    box.check(key, verification, wrong(code))
    box.check(key, verification, code)
    entries = rows(box, "SELECT action, object, detail, number_key FROM audit WHERE number_key IS NOT NULL")
    assert [entry.action for entry in entries] == [
        "verification.start",
        "verification.incorrect",
        "verification.approved",
    ]
    assert {entry.object for entry in entries} == {verification}
    assert code not in repr(entries)


def test_a13_one_key_one_sms_and_another_body_is_refused(box: WebBox) -> None:
    key = box.key(*SCOPES)
    body = {"to": PHONE, "purpose": "login"}
    headers = {"Idempotency-Key": "once"}
    first = box.post("/v1/verifications", key, json=body, headers=headers)
    again = box.post("/v1/verifications", key, json=body, headers=headers)
    assert first.json == again.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(rows(box, "SELECT * FROM messages")) == 1
    other = box.post("/v1/verifications", key, json={**body, "purpose": "pay"}, headers=headers)
    assert problem(other) == (422, "idempotency-mismatch")


def test_a_start_that_would_wait_longer_than_its_life_is_refused(tmp_path: Path) -> None:
    with web_box(tmp_path, limits=OPEN) as box:
        box.modem()
        messages, key = box.key("messages:send"), box.key(*SCOPES)
        for _ in range(20):
            assert box.send(messages, ttl=600).status_code == 202
        refused = box.start(key, ttl=60)
        assert problem(refused) == (503, "wait-exceeds-life")
        assert int(refused.headers["Retry-After"]) == refused.json["retry_after"] >= 1
        assert box.start(key, ttl=600).status_code == 202


def test_nobody_reads_the_code_through_the_message(box: WebBox) -> None:
    key = box.key(*SCOPES, "messages:read", "messages:read_body")
    box.start(key)
    message = box.get("/v1/messages", key).json["items"][0]
    assert box.get(f"/v1/messages/{message['id']}", key).json["text"] is None


def test_a_message_that_is_refused_for_good_ends_its_verification(box: WebBox) -> None:
    key = box.key(*SCOPES)
    verification = started(box.start(key))
    with box.engine.connect() as connection:
        n = connection.execute(text("SELECT n FROM messages")).scalar()
    from simcourier.outbox import store
    from simcourier.outbox.message import Status

    box.settle()
    assert box.writer.run(lambda c: store.move(c, n, Status.SENDING, Status.FAILED, box.wall_ms()))
    assert box.get(f"/v1/verifications/{verification}", key).json["status"] == "failed"
    assert [row.type for row in rows(box, "SELECT type FROM notices WHERE type LIKE 'verification.%'")] == [
        "verification.failed"
    ]


def test_activity_tells_what_happened_and_to_whom_it_belongs(open_box: WebBox) -> None:
    box, key, other = open_box, open_box.key(*SCOPES), open_box.key(*SCOPES)
    verification = started(box.start(key))
    box.check(key, verification, wrong(box.code()))
    told = box.post("/v1/numbers/activity", key, json={"to": PHONE}).json
    assert told["counts"] == {"starts": 1, "sends": 1, "checks": 1, "failures": 1, "locks": 0, "messages": 1}
    assert told["consecutive_failures"] is None
    assert box.post("/v1/numbers/activity", other, json={"to": PHONE}).json["items"] == []
    admin = box.post("/v1/numbers/activity", box.key("admin"), json={"to": PHONE}).json
    assert admin["consecutive_failures"] == 1
    assert {item["action"] for item in admin["items"]} == {
        "verification.start",
        "verification.incorrect",
        "message.sending",
    }


def test_a_code_replaces_the_one_before_on_the_phone_only_where_an_admin_wants_it(tmp_path: Path) -> None:
    with web_box(tmp_path, limits=OPEN, verifications=Verifications(replace_on_phone=True)) as box:
        box.modem("modem-1")
        box.modem("modem-2")
        key = box.key(*SCOPES)
        verification = started(box.start(key))
        box.submitted()
        box.post(f"/v1/verifications/{verification}/resend", key)
        box.settle()
        (first, one), (second, two) = box.radio.jobs
        assert first == second
        pids = {part.hex[part.hex.index("91") + 2 :][12:14] for job in (one, two) for part in job.parts}
        assert len(pids) == 1
        assert 0x41 <= int(pids.pop(), 16) <= 0x47
