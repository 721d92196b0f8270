"""`/v1/audit` and `/v1/secrets`: who did what, and the keys that seal, for an admin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update
from web_fixtures import PHONE, TEXT, WebBox, web_box

from simcourier.outbox.audit import Entry
from simcourier.outbox.audit_check import Walk
from simcourier.outbox.keyring import MOST_KEYS, KeyFile
from simcourier.outbox.schema import audit, messages, webhook_endpoints
from simcourier.outbox.seal import Sealer
from simcourier.service.secrets import GRACE_MS


@pytest.fixture
def box(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path) as box:
        box.modem()
        yield box


@pytest.fixture
def admin(box: WebBox) -> str:
    return box.key("admin")


def record(
    box: WebBox, action: str, count: int = 1, *, number: str | None = None, object_: str = "box"
) -> None:
    def work(connection: object) -> None:
        for _ in range(count):
            key = None if number is None else tools(box).sealer.number_key(number)
            tools(box).audit.append(connection, Entry(box.wall_ms(), "local", action, object_, "", key))

    box.writer.run(work)


def tools(box: WebBox) -> object:
    return box.service.audit._tools


def actions(box: WebBox, admin: str, **query: object) -> list[str]:
    answer = box.get("/v1/audit", admin, query_string=query)
    assert answer.status_code == 200, answer.text
    return [item["action"] for item in answer.json["items"]]


# --- audit ---


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/audit"),
        ("POST", "/v1/audit/search"),
        ("GET", "/v1/secrets"),
        ("POST", "/v1/secrets/rotate"),
    ],
)
def test_nobody_but_an_admin_may(box: WebBox, method: str, path: str) -> None:
    assert box.call(method, path, json={}).status_code == 401
    everything_else = box.key("messages:send", "messages:read", "messages:read_body", "status:read")
    assert box.call(method, path, everything_else, json={}).status_code == 403


def test_the_newest_entries_come_first_and_are_filtered_by_each_word(box: WebBox, admin: str) -> None:
    record(box, "limits.set", object_="country GB")
    record(box, "recipient.lock", number=PHONE)
    assert actions(box, admin, limit=2) == ["recipient.lock", "limits.set"]
    assert actions(box, admin, action="limits.set") == ["limits.set"]
    assert actions(box, admin, object="country GB") == ["limits.set"]
    assert actions(box, admin, actor="nobody") == []


def test_pages_follow_one_another_by_cursor_and_link(box: WebBox, admin: str) -> None:
    record(box, "a", 5)
    first = box.get("/v1/audit?action=a&limit=3", admin)
    assert len(first.json["items"]) == 3
    cursor = first.json["next_cursor"]
    assert first.headers["Link"] == f'</v1/audit?action=a&limit=3&cursor={cursor}>; rel="next"'
    second = box.get(f"/v1/audit?action=a&limit=3&cursor={cursor}", admin)
    assert [item["seq"] for item in first.json["items"] + second.json["items"]] == sorted(
        (item["seq"] for item in first.json["items"] + second.json["items"]), reverse=True
    )
    assert len(second.json["items"]) == 2
    assert second.json["next_cursor"] is None


def test_what_was_done_about_a_number_is_found_by_it_and_does_not_tell_it(box: WebBox, admin: str) -> None:
    record(box, "recipient.lock", number=PHONE)
    record(box, "recipient.lock", number="+15550100123")
    answer = box.post("/v1/audit/search", admin, json={"to": "+44 7700 900123"})
    assert [item["about_a_number"] for item in answer.json["items"]] == [True]
    assert PHONE[-6:] not in answer.text
    assert "number_key" not in answer.text


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"to": "nobody"}, "invalid-number", "/to"),
        ({"to": 447700900123}, "invalid-request", "/to"),
        ({"to": PHONE, "limit": 0}, "invalid-request", "/limit"),
        ({}, "invalid-request", "/to"),
        ({"to": PHONE, "number": 1}, "invalid-request", "/number"),
    ],
)
def test_a_wrong_field_is_named(
    box: WebBox, admin: str, body: dict[str, object], code: str, pointer: str
) -> None:
    answer = box.post("/v1/audit/search", admin, json=body)
    assert answer.json["code"] == code
    assert answer.json["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    "query", ["limit=201", "cursor=0", "actor=", "action=a%0Ab", "number=1", "actor=a&actor=b"]
)
def test_a_wrong_parameter_is_refused(box: WebBox, admin: str, query: str) -> None:
    assert box.get(f"/v1/audit?{query}", admin).status_code == 400


def test_the_end_of_the_chain_is_put_on_file_and_what_contradicts_it_is_told_once(
    box: WebBox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(box, "a", 3)
    box.service.audit.keep_head()
    box.writer.run(lambda c: c.execute(audit.delete().where(audit.c.seq > 1)))
    capsys.readouterr()
    for _ in range(3):
        box.service.audit.keep_head()
    assert capsys.readouterr().out.count("the audit is not as this box left it") == 1
    verdict = Walk(box.engine, tools(box).audit, tmp_path).verify()
    assert [finding.kind for finding in verdict.findings] == ["cut-off"]


def test_entries_older_than_configured_are_dropped(box: WebBox, tmp_path: Path) -> None:
    record(box, "old", 3)
    box.now += 400 * 24 * 3600 + 1
    record(box, "new")
    box.service.audit.prune()
    box.settle()
    with box.engine.connect() as connection:
        assert connection.execute(select(audit.c.action)).scalars().all() == ["new"]
    assert Walk(box.engine, tools(box).audit, tmp_path).verify().findings == []


# --- sealing keys ---


def with_file(box: WebBox, path: Path) -> Sealer:
    """Give the box's sealer a file, as the composition root does."""
    sealer: Sealer = tools(box).sealer
    sealer.file = KeyFile(path)
    sealer.file.save(sealer.ring)
    return sealer


def keys(box: WebBox, admin: str) -> list[tuple[int, bool, int]]:
    answer = box.get("/v1/secrets", admin)
    return [(item["id"], item["newest"], item["in_use"]["messages"]) for item in answer.json["items"]]


def test_a_rotation_brings_what_waits_under_the_new_key_and_drops_the_old_one(
    box: WebBox, admin: str, tmp_path: Path
) -> None:
    sealer = with_file(box, tmp_path / "body.key")
    message_id = box.send(admin, modem="modem-1", to="+447700900001").json["id"]
    waiting = box.send(admin, modem="modem-1").json["id"]
    box.writer.run(
        lambda c: c.execute(
            insert(webhook_endpoints).values(
                id="whk_1",
                url="https://receiver.example",
                types="[]",
                secret=sealer.seal_octets(b"secret", "whk_1"),
                created_at_ms=0,
            )
        )
    )
    answer = box.post("/v1/secrets/rotate", admin)
    assert answer.status_code == 200
    assert [item["newest"] for item in answer.json["items"]] == [False, True]
    assert sealer.file is not None
    assert sealer.file.read() == sealer.ring, "on disk before anything is sealed with it"
    box.settle()
    assert keys(box, admin) == [(1, False, 0), (2, True, 2)]
    box.service.secrets.tick()
    assert len(keys(box, admin)) == 2, "a request may still be on its way to the disk"
    box.now += GRACE_MS / 1000
    box.service.secrets.tick()
    assert keys(box, admin) == [(2, True, 2)]
    assert sealer.file.read().ids == (2,)
    again = Sealer(sealer.file.read())
    with box.engine.connect() as connection:
        bodies = dict(connection.execute(select(messages.c.id, messages.c.body)).all())
        endpoint = connection.execute(select(webhook_endpoints.c.secret)).scalar()
    assert again.open(bodies[waiting], waiting) == TEXT
    assert again.open(bodies[message_id], message_id) == TEXT
    assert again.open_octets(endpoint, "whk_1") == b"secret"


def test_what_the_dispatcher_holds_in_memory_is_sent_after_its_key_was_dropped(
    box: WebBox, admin: str, tmp_path: Path
) -> None:
    with_file(box, tmp_path / "body.key")
    box.send(admin)
    box.send(admin, to="+447700900001")
    box.post("/v1/secrets/rotate", admin)
    box.settle()
    box.now += GRACE_MS / 1000
    box.service.secrets.tick()
    assert len(keys(box, admin)) == 1
    box.submitted()
    assert len(box.radio.jobs) == 2


def test_a_rotation_is_on_record_and_tells_no_key(box: WebBox, admin: str, tmp_path: Path) -> None:
    sealer = with_file(box, tmp_path / "body.key")
    answer = box.post("/v1/secrets/rotate", admin)
    (entry,) = box.get("/v1/audit?action=secrets.rotate", admin).json["items"]
    assert (entry["object"], entry["detail"]) == ("sealing key", "id 2")
    for key in sealer.ring.keys:
        for shown in (key.octets.hex(), key.octets.decode("latin-1")):
            assert shown not in answer.text


def test_a_credential_that_can_not_be_written_is_told_with_what_to_do(
    box: WebBox, admin: str, tmp_path: Path
) -> None:
    sealer = with_file(box, tmp_path / "simcourier.key")
    sealer.file = KeyFile(tmp_path / "simcourier.key", "the systemd credential", writable=False)
    before = (tmp_path / "simcourier.key").read_bytes()
    answer = box.post("/v1/secrets/rotate", admin)
    assert (answer.status_code, answer.json["code"]) == (409, "rotation-refused")
    assert "simcourier secrets add-key FILE" in answer.json["detail"]
    assert (tmp_path / "simcourier.key").read_bytes() == before
    assert sealer.ring.ids == (1,)


def test_a_credential_with_a_new_key_is_taken_over_at_the_start_and_never_written(
    box: WebBox, admin: str, tmp_path: Path
) -> None:
    box.send(admin)
    sealer = with_file(box, tmp_path / "simcourier.key")
    ring = sealer.ring.with_another(box.wall_ms())
    sealer.file.save(ring)
    sealer.file = KeyFile(tmp_path / "simcourier.key", "the systemd credential", writable=False)
    sealer.adopt(ring)
    box.now += GRACE_MS / 1000
    for _ in range(2):
        box.service.secrets.tick()
        box.settle()
    assert keys(box, admin) == [(1, False, 0), (2, True, 1)]
    assert sealer.file.read() == ring


def test_a_file_that_can_not_be_written_changes_nothing(
    box: WebBox, admin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealer = with_file(box, tmp_path / "body.key")

    def full(_self: KeyFile, _ring: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(KeyFile, "save", full)
    answer = box.post("/v1/secrets/rotate", admin)
    assert (answer.status_code, answer.json["code"]) == (409, "rotation-refused")
    assert "nothing was changed" in answer.json["detail"]
    assert actions(box, admin, limit=2) == ["secrets.rotate-failed", "secrets.rotate"]
    assert "simcourier secrets add-key FILE" in answer.json["detail"]
    assert sealer.ring.ids == (1,)


def test_a_file_that_only_root_may_write_keeps_its_old_key_and_that_is_told_once(
    box: WebBox,
    admin: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with_file(box, tmp_path / "body.key")
    box.post("/v1/secrets/rotate", admin)
    box.settle()
    box.now += GRACE_MS / 1000

    def read_only(_self: KeyFile, _ring: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(KeyFile, "save", read_only)
    for _ in range(3):
        box.service.secrets.tick()
    assert len(keys(box, admin)) == 2
    assert capsys.readouterr().out.count("the change of keys did not get on") == 1


def test_there_is_an_end_to_keys_that_are_still_in_use(box: WebBox, admin: str, tmp_path: Path) -> None:
    with_file(box, tmp_path / "body.key")
    statuses = [box.post("/v1/secrets/rotate", admin).status_code for _ in range(MOST_KEYS)]
    assert statuses == [200] * (MOST_KEYS - 1) + [409]
    refused = box.post("/v1/secrets/rotate", admin)
    assert f"{GRACE_MS // 1000} s old" in refused.json["detail"]
    assert refused.headers["Retry-After"] == str(GRACE_MS // 1000)
    box.settle()
    box.now += GRACE_MS / 1000
    box.service.secrets.tick()
    assert box.post("/v1/secrets/rotate", admin).status_code == 200


def test_a_key_is_kept_as_long_as_something_is_under_it(box: WebBox, admin: str, tmp_path: Path) -> None:
    with_file(box, tmp_path / "body.key")
    box.send(admin)
    box.send(admin, to="+447700900001")
    # A damaged body can't be brought under the new key, but may be restored from elsewhere.
    box.writer.run(
        lambda c: c.execute(update(messages).where(messages.c.recipient == PHONE).values(body=b"\x01damaged"))
    )
    box.post("/v1/secrets/rotate", admin)
    box.now += GRACE_MS / 1000
    box.service.secrets.tick()
    box.settle()
    assert keys(box, admin) == [(1, False, 1), (2, True, 1)]
