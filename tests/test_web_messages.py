"""`/v1/messages` from accept to report, as a caller sees it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from web_fixtures import CODE, PHONE, START_MS, TEXT, WebBox, web_box

from simcourier.config import Sending
from simcourier.modem.facts import ModemState
from simcourier.outbox import reading


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path, sending=Sending(queue_limit=12)) as box:
        yield box


@pytest.fixture
def key(web: WebBox) -> str:
    return web.key("messages:send", "messages:read")


def test_an_accepted_message_is_answered_with_what_will_become_of_it(web: WebBox, key: str) -> None:
    answer = web.send(key, ttl=120)
    body = answer.json
    assert (answer.status_code, answer.content_type) == (202, "application/json")
    assert re.fullmatch(r"msg_[A-Za-z0-9_-]{22}", body["id"])
    assert answer.headers["Location"] == f"/v1/messages/{body['id']}"
    assert body == {
        "id": body["id"],
        "status": "queued",
        "to_masked": "+44•••••0123",
        "segments": 1,
        "alphabet": "gsm7",
        "created_at": "2027-01-15T08:16:40.000Z",
        "expires_at": "2027-01-15T08:18:40.000Z",
        "eta_ms": body["eta_ms"],
    }
    assert body["eta_ms"] > 0
    assert '"status":"queued"' in answer.text


def test_an_accepted_message_is_on_disk(web: WebBox, key: str) -> None:
    message = web.send(key).json["id"]
    with web.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT id, status FROM messages").all()
    assert [tuple(row) for row in rows] == [(message, "queued")]


def test_a_message_tells_its_history_to_the_delivery_report(web: WebBox, key: str) -> None:
    web.modem()
    message = web.send(key, reference="login 7").json["id"]
    web.pass_time(0.25)
    tp_mr = web.submitted()
    web.pass_time(3.0)
    web.reported(tp_mr)
    body = web.get(f"/v1/messages/{message}", key).json
    assert (body["status"], body["class"], body["reference"], body["sent_by"]) == (
        "delivered",
        "otp",
        "login 7",
        "modem-1",
    )
    assert body["dlr"] == {"tp_status": 0, "at": "2027-01-15T08:16:43.250Z"}
    assert [(event["status"], event["at"][-10:-1], event["modem"]) for event in body["events"]] == [
        ("queued", "16:40.000", None),
        ("sending", "16:40.000", "modem-1"),
        ("sent", "16:40.250", "modem-1"),
        ("delivered", "16:43.250", None),
    ]
    assert body["attempts"] == [
        {
            "attempt": 1,
            "part": 0,
            "modem": "modem-1",
            "state": "sent",
            "at": "2027-01-15T08:16:40.250Z",
            "tp_mr": tp_mr,
            "dlr": {"tp_status": 0, "at": "2027-01-15T08:16:43.250Z"},
            "reason": None,
        }
    ]


def test_the_text_is_for_its_own_scope_only_and_only_until_it_is_wiped(web: WebBox, key: str) -> None:
    body_key = web.key("admin")
    message = web.send(key).json["id"]
    assert "text" not in web.get(f"/v1/messages/{message}", key).json
    assert web.get(f"/v1/messages/{message}", body_key).json["text"] == TEXT
    web.modem()
    web.submitted()
    assert web.get(f"/v1/messages/{message}", body_key).json["text"] is None


def test_no_answer_holds_the_number_and_none_but_the_body_scopes_the_text(web: WebBox, key: str) -> None:
    message = web.send(key).json["id"]
    answers = [
        web.get(f"/v1/messages/{message}", key),
        web.get("/v1/messages", key),
        web.post("/v1/messages/search", key, json={"to": PHONE}),
    ]
    for answer in answers:
        assert answer.status_code == 200
        assert "+44•••••0123" in answer.text
        assert PHONE[1:] not in answer.text
        assert CODE not in answer.text


def test_another_clients_message_is_answered_like_an_unknown_one(web: WebBox, key: str) -> None:
    message = web.send(key).json["id"]
    stranger = web.key("messages:send", "messages:read", "messages:read_body")
    unknown = "msg_" + "A" * 22
    for method, path in (("GET", ""), ("POST", "/cancel")):
        told = [web.call(method, f"/v1/messages/{each}{path}", stranger).json for each in (message, unknown)]
        for body in told:
            del body["instance"]
        assert told[0] == told[1]
        assert told[0]["status"] == 404
    feedback = web.post(f"/v1/messages/{message}/feedback", stranger, json={"outcome": "confirmed"})
    assert feedback.status_code == 404
    assert web.get("/v1/messages", stranger).json["items"] == []
    assert web.post("/v1/messages/search", stranger, json={"to": PHONE}).json["items"] == []
    assert web.get(f"/v1/messages/{message}", web.key("admin")).status_code == 200


def test_a_listing_is_walked_page_by_page_without_gap_or_double(web: WebBox, key: str) -> None:
    sent = [web.send(key, reference=f"r{n}").json["id"] for n in range(7)]
    path, seen = "/v1/messages?limit=3", []
    while path:
        answer = web.get(path, key)
        seen += [item["id"] for item in answer.json["items"]]
        link = answer.headers.get("Link")
        assert (link is None) == (answer.json["next_cursor"] is None)
        path = "" if link is None else re.fullmatch(r'<(.*)>; rel="next"', link)[1]  # type: ignore[index]
    assert seen == sent[::-1]


def test_a_last_page_that_is_just_full_has_no_next(web: WebBox, key: str) -> None:
    for _ in range(3):
        web.send(key)
    assert web.get("/v1/messages?limit=3", key).json["next_cursor"] is None


def test_a_listing_is_narrowed_by_status_reference_and_time(web: WebBox, key: str) -> None:
    first = web.send(key, reference="a b&c").json["id"]
    web.pass_time(10)
    second = web.send(key).json["id"]
    web.post(f"/v1/messages/{first}/cancel", key)

    def ids(query: str) -> list[str]:
        return [item["id"] for item in web.get(f"/v1/messages?{query}", key).json["items"]]

    assert ids("status=canceled") == [first]
    assert ids("status=queued") == [second]
    assert ids("reference=a%20b%26c") == [first]
    assert ids("created_after=2027-01-15T08:16:40Z") == [second]
    assert ids("created_after=2027-01-15T09:16:39.999%2B01:00") == [second, first]
    assert ids("created_after=2027-01-15T08:16:40Z&status=canceled") == []


def test_the_link_to_the_next_page_keeps_the_filter(web: WebBox, key: str) -> None:
    for _ in range(3):
        web.send(key, reference="a b&c")
    link = web.get("/v1/messages?limit=2&reference=a%20b%26c", key).headers["Link"]
    assert link.startswith("</v1/messages?limit=2&reference=a+b%26c&cursor=")


def test_a_page_that_is_empty_leads_on_to_what_is_further_back(
    web: WebBox, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LOOKED_AT", 3)
    rare = web.send(key, reference="r").json["id"]
    web.post(f"/v1/messages/{rare}/cancel", key)
    for _ in range(7):
        web.send(key, reference="r")
    path, pages = "/v1/messages?reference=r&status=canceled", []
    while path:
        answer = web.get(path, key)
        pages.append([item["id"] for item in answer.json["items"]])
        link = answer.headers.get("Link")
        assert (link is None) == (answer.json["next_cursor"] is None)
        path = "" if link is None else re.fullmatch(r'<(.*)>; rel="next"', link)[1]  # type: ignore[index]
    assert pages == [[], [], [rare]]


def test_a_search_finds_a_number_however_it_is_written(web: WebBox, key: str) -> None:
    mine = web.send(key).json["id"]
    web.send(key, to="+447700900124")
    for written in (PHONE, "+44 7700 900 123", "0044 (7700) 900-123"):
        found = web.post("/v1/messages/search", key, json={"to": written}).json
        assert [item["id"] for item in found["items"]] == [mine]


def test_a_search_is_walked_by_cursor(web: WebBox, key: str) -> None:
    sent = [web.send(key).json["id"] for _ in range(3)]
    first = web.post("/v1/messages/search", key, json={"to": PHONE, "limit": 2}).json
    rest = web.post("/v1/messages/search", key, json={"to": PHONE, "cursor": first["next_cursor"]}).json
    assert [item["id"] for item in first["items"] + rest["items"]] == sent[::-1]


def test_a_waiting_message_can_be_canceled_once(web: WebBox, key: str) -> None:
    message = web.send(key).json["id"]
    assert web.post(f"/v1/messages/{message}/cancel", key).json == {"id": message, "status": "canceled"}
    again = web.post(f"/v1/messages/{message}/cancel", key)
    assert (again.status_code, again.json["code"]) == (409, "not-cancelable")
    assert web.get(f"/v1/messages/{message}", key).json["status"] == "canceled"


def test_a_message_on_its_way_can_not_be_canceled(web: WebBox, key: str) -> None:
    web.modem()
    message = web.send(key).json["id"]
    answer = web.post(f"/v1/messages/{message}/cancel", key)
    assert (answer.status_code, answer.json["code"]) == (409, "not-cancelable")


def test_feedback_is_kept_with_the_message(web: WebBox, key: str) -> None:
    message = web.send(key).json["id"]
    answer = web.post(f"/v1/messages/{message}/feedback", key, json={"outcome": "confirmed"})
    assert (answer.status_code, answer.json) == (200, {"id": message, "feedback": "confirmed"})
    assert web.get(f"/v1/messages/{message}", key).json["feedback"] == "confirmed"


def _say(web: WebBox, key: str, message: str, outcome: str) -> None:
    answer = web.post(f"/v1/messages/{message}/feedback", key, json={"outcome": outcome})
    assert answer.status_code == 200
    assert web.get(f"/v1/messages/{message}", key).json["feedback"] == outcome


def _judged(web: WebBox) -> list[tuple[str, str]]:
    """The counts that alarms and blocks go by."""
    with web.engine.connect() as connection:
        statement = "SELECT scope, counts FROM limit_windows WHERE scope LIKE 'verifications.%' ORDER BY 1"
        return [(row.scope, row.counts) for row in connection.execute(text(statement))]


def test_of_the_feedback_about_a_code_the_first_counts(web: WebBox, key: str) -> None:
    web.modem()
    message = web.send(key).json["id"]
    web.submitted()
    _say(web, key, message, "unconfirmed")
    counted = _judged(web)
    assert [scope for scope, _ in counted] == ["verifications.country", "verifications.prefix"]
    for outcome in ("confirmed", "unconfirmed", "unconfirmed"):
        _say(web, key, message, outcome)
    assert _judged(web) == counted


def test_feedback_about_what_has_not_left_or_is_no_code_counts_for_nothing(web: WebBox, key: str) -> None:
    canceled = web.send(key).json["id"]
    web.post(f"/v1/messages/{canceled}/cancel", key)
    waiting = web.send(key).json["id"]
    for message in (canceled, waiting):
        _say(web, key, message, "unconfirmed")
    web.modem()
    web.submitted()
    # Said again behind its leaving: what was said before was the first.
    _say(web, key, waiting, "confirmed")
    for other in ("transactional", "bulk"):
        message = web.send(key, **{"class": other}).json["id"]
        web.settle()
        web.submitted()
        _say(web, key, message, "unconfirmed")
    assert _judged(web) == []


def test_a30_the_code_of_a_template_has_a_digit(web: WebBox, key: str) -> None:
    body = {"to": PHONE, "template": "login", "vars": {"code": "HELP", "app": "Acme"}}
    answer = web.post("/v1/messages", key, json=body)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/vars/code")


def test_a01_a_short_code_is_refused_with_the_setting_that_allows_it(web: WebBox, key: str) -> None:
    answer = web.send(key, to="60123")
    assert (answer.status_code, answer.json["code"]) == (403, "destination-not-allowed")
    assert "destinations.allowed_prefixes" in answer.json["detail"]


def test_a_newer_code_supersedes_the_waiting_one(web: WebBox, key: str) -> None:
    old, new = (web.send(key, supersedes="login").json["id"] for _ in range(2))
    assert web.get(f"/v1/messages/{old}", key).json["status"] == "superseded"
    assert web.get(f"/v1/messages/{new}", key).json["status"] == "queued"


def test_a_repeated_request_with_its_key_is_one_message_and_one_answer(web: WebBox, key: str) -> None:
    given = {"json": {"to": PHONE, "text": TEXT}, "headers": {"Idempotency-Key": "order-17"}}
    first = web.post("/v1/messages", key, **given)
    web.pass_time(5)
    again = web.post("/v1/messages", key, **given)
    assert (again.status_code, again.json) == (202, first.json)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(web.get("/v1/messages", key).json["items"]) == 1
    other = web.post("/v1/messages", key, json={"to": PHONE, "text": "x"}, headers=given["headers"])
    assert (other.status_code, other.json["code"]) == (422, "idempotency-mismatch")


def test_two_clients_may_use_the_same_idempotency_key(web: WebBox, key: str) -> None:
    other = web.key("messages:send")
    ids = {
        web.post(
            "/v1/messages", each, json={"to": PHONE, "text": TEXT}, headers={"Idempotency-Key": "1"}
        ).json["id"]
        for each in (key, other)
    }
    assert len(ids) == 2


def test_sixteen_same_requests_at_once_are_one_message(web: WebBox, key: str) -> None:
    start, answers = threading.Barrier(16), []

    def ask() -> None:
        start.wait()
        answers.append(
            web.app.test_client().post(
                "/v1/messages",
                json={"to": PHONE, "text": TEXT},
                headers={"Idempotency-Key": "race", "Authorization": f"Bearer {key}"},
            )
        )

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    accepted = [answer.json["id"] for answer in answers if answer.status_code == 202]
    refused = [answer.json["code"] for answer in answers if answer.status_code != 202]
    assert len(set(accepted)) == 1
    assert set(refused) <= {"idempotency-conflict"}
    assert len(web.get("/v1/messages", key).json["items"]) == 1


def test_a_full_queue_refuses_and_says_when_to_come_back(web: WebBox, key: str) -> None:
    answers = [web.send(key) for _ in range(13)]
    assert [answer.status_code for answer in answers] == [202] * 12 + [503]
    assert answers[-1].json["code"] == "queue-full"
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_an_expired_message_says_so(web: WebBox, key: str) -> None:
    message = web.send(key, ttl=60).json["id"]
    web.modem(state=ModemState.SEARCHING)
    web.pass_time(61)
    body = web.get(f"/v1/messages/{message}", key).json
    assert (body["status"], body["dlr"]) == ("expired", None)
    assert web.wall_ms() == START_MS + 1_061_000


def test_refusals_are_counted_by_their_code(web: WebBox, key: str) -> None:
    web.send(key, to="x")
    web.send(key, to="x")
    web.send(key, ttl=1)
    web.send("sck_no_key")
    web.post("/v1/messages", key, data=b"", content_type="text/plain")
    told = web.get("/metrics").text
    for reason, count in {
        "invalid-number": 2,
        "invalid-request": 1,
        "unauthorized": 1,
        "unsupported-media-type": 1,
    }.items():
        assert f'simcourier_refused_total{{reason="{reason}"}} {count}.0' in told
