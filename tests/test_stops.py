"""STOP: who wants no more messages gets none of them; nothing else is changed by it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inbound_texts import NATIONAL, SENDER, STOP, arrive, by_hand, delivers, write
from sqlalchemy import select
from test_inbound import care, listed, told
from web_fixtures import PHONE, TEXT, WebBox, web_box
from werkzeug.test import TestResponse

from simcourier.config import Inbound, Modem
from simcourier.modem.facts import ModemState, SubmitEnd, SubmitEnded
from simcourier.outbox import inbound as record
from simcourier.outbox.access import Terms
from simcourier.outbox.audit import Audit
from simcourier.outbox.schema import messages
from simcourier.outbox.stops import BY_SMS, Order, begin
from simcourier.sms.address import Address, TypeOfNumber
from simcourier.sms.address_field import encode_address

OTHER = "+447700900777"
Json = dict[str, Any]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path) as box:
        box.modem()
        yield box


@pytest.fixture
def everything(tmp_path: Path) -> Iterator[WebBox]:
    """A box on which STOP is for codes too."""
    with web_box(tmp_path, inbound=Inbound(stop_classes=("otp", "transactional", "bulk"))) as box:
        box.modem()
        yield box


def problem(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


def stopped(web: WebBox) -> list[Json]:
    web.settle()
    return list(web.get("/v1/stops", web.key("admin")).json["items"])


def bulk(web: WebBox, to: str = SENDER, class_: str = "bulk") -> TestResponse:
    return web.send(web.key("messages:send"), to=to, **{"class": class_})


def message(web: WebBox, answer: TestResponse) -> Json:
    web.settle()
    return dict(web.get(f"/v1/messages/{answer.json['id']}", web.key("admin")).json)


def busy(web: WebBox) -> None:
    """The modem goes: what is accepted waits."""
    web.modem(state=ModemState.SEARCHING)


@pytest.mark.parametrize("word", ["STOP", " stop. ", "Unsubscribe", "s.t.o.p"])
@pytest.mark.parametrize("class_", ["bulk", "transactional"])
def test_who_writes_stop_gets_no_more_of_what_he_did_not_ask_for(web: WebBox, word: str, class_: str) -> None:
    write(web, word)
    refused = bulk(web, class_=class_)
    assert problem(refused) == (403, "recipient-stopped")
    assert refused.json["errors"][0]["pointer"] == "/to"
    assert SENDER[-6:] not in refused.text
    assert TEXT not in refused.text
    assert bulk(web, OTHER, class_).status_code == 202, "nobody else is stopped"


def test_codes_still_go_for_people_ask_for_these_themselves(web: WebBox) -> None:
    write(web, "STOP")
    assert web.send(web.key("messages:send"), to=SENDER).status_code == 202
    assert web.start(web.key("verifications:start"), to=SENDER).status_code == 202


def test_where_stop_is_for_codes_neither_kind_of_code_goes(everything: WebBox) -> None:
    web = everything
    key = web.key("messages:send", "verifications:start")
    write(web, "STOP")
    assert problem(web.send(key, to=SENDER)) == (403, "recipient-stopped")
    assert problem(web.start(key, to=SENDER)) == (403, "recipient-stopped")


def test_a_code_cannot_be_sent_again_after_stop(everything: WebBox) -> None:
    web = everything
    key = web.key("verifications:start")
    started = web.start(key, to=SENDER).json["id"]
    write(web, "STOP")
    web.now += 60
    assert problem(web.post(f"/v1/verifications/{started}/resend", key)) == (403, "recipient-stopped")


def test_what_waits_is_canceled_and_codes_are_not(web: WebBox) -> None:
    busy(web)
    waiting, other, code = bulk(web), bulk(web, OTHER), web.send(web.key("messages:send"), to=SENDER)
    write(web, "STOP")
    found = message(web, waiting)
    assert found["status"] == "canceled"
    assert found["events"][-1]["detail"] == "the recipient wrote STOP"
    assert message(web, other)["status"] == message(web, code)["status"] == "queued"
    web.modem()
    web.settle()
    for _ in web.radio.jobs:
        web.submitted()
    texts = len(web.radio.jobs)
    assert texts == 2, "the queue gives out what is left, and nothing else"


def test_a_stop_does_not_look_through_a_long_queue(web: WebBox) -> None:
    busy(web)
    waiting = bulk(web)
    web.settle()
    steps: list[int] = []
    with web.engine.begin() as connection:
        row = connection.execute(select(messages)).mappings().one()
        others = [
            {**row, "n": n, "id": f"msg_{n:022}", "recipient": f"somebody {n}"} for n in range(10, 5_000)
        ]
        connection.execute(messages.insert(), others)
        raw: Any = connection.connection.dbapi_connection
        raw.set_progress_handler(lambda: steps.append(1), 100)
        audit = Audit(b"k")
        order = Order("key", "masked", BY_SMS, 1, frozenset({row["rank"]}), SENDER)
        assert len(begin(connection, audit, order).dropped) == 1
        raw.set_progress_handler(None, 0)
    assert len(steps) < 50, "steps of SQLite's machine, in hundreds"
    assert message(web, waiting)["status"] == "canceled"


def test_a_verification_whose_code_never_left_is_closed(everything: WebBox) -> None:
    web = everything
    key = web.key("verifications:start", "verifications:check")
    busy(web)
    started = web.start(key, to=SENDER).json["id"]
    write(web, "STOP")
    found = web.get(f"/v1/verifications/{started}", key).json
    assert found["status"] == "canceled"
    assert problem(web.check(key, started, "123456")) == (410, "verification-closed")


def test_a_verification_whose_code_has_left_can_still_be_checked(everything: WebBox) -> None:
    web = everything
    key = web.key("verifications:start", "verifications:check")
    started = web.start(key, to=SENDER).json["id"]
    code = web.code()
    web.submitted()
    write(web, "STOP")
    assert web.check(key, started, code).status_code == 200


def test_what_is_in_a_modems_hands_does_not_leave_a_second_time(web: WebBox) -> None:
    under_way = bulk(web)
    web.settle()
    (modem, job), sim = web.radio.jobs[0], web.radio.cards["modem-1"].sim
    write(web, "STOP")
    web.tell(SubmitEnded(modem, sim, job.number, SubmitEnd.NOT_SENT, "no prompt"))
    found = message(web, under_way)
    assert (found["status"], found["events"][-1]["detail"]) == ("superseded", "the recipient wrote STOP")
    web.pass_time(60)
    assert len(web.radio.jobs) == 1


def test_what_is_in_doubt_is_not_sent_again(web: WebBox) -> None:
    under_way = bulk(web)
    web.settle()
    (modem, job), sim = web.radio.jobs[0], web.radio.cards["modem-1"].sim
    write(web, "STOP")
    web.tell(SubmitEnded(modem, sim, job.number, SubmitEnd.IN_DOUBT, "silent after Ctrl-Z"))
    assert message(web, under_way)["status"] == "superseded"
    web.pass_time(60)
    assert len(web.radio.jobs) == 1


def test_start_lifts_it(web: WebBox) -> None:
    write(web, "STOP")
    write(web, "start")
    assert stopped(web) == []
    assert bulk(web).status_code == 202


def test_start_does_not_lift_what_an_admin_set(web: WebBox) -> None:
    added = web.post("/v1/stops", web.key("admin"), json={"to": SENDER})
    assert added.json["is_new"]
    write(web, "START")
    write(web, "STOP")
    write(web, "START")
    (item,) = stopped(web)
    assert item["set_by"] == added.json["set_by"] != "sms"


@pytest.mark.parametrize(
    "text", ["stop it", "Please STOP", "STOP 1", "STOPX", "", "!", "REBOOT", "AT+CMGD=1,4", "START"]
)
def test_a_text_that_is_more_than_the_word_stops_nothing(web: WebBox, text: str) -> None:
    write(web, text)
    assert stopped(web) == []


@pytest.mark.parametrize("name", ["ACME", "447700900", "STOP"])
def test_a_sender_with_a_name_can_stop_nobody(web: WebBox, name: str) -> None:
    field = encode_address(Address(name, TypeOfNumber.ALPHANUMERIC)).hex()
    arrive(web, by_hand(field, STOP))
    assert [(item["kind"], item["text"]) for item in listed(web)] == [("text", "STOP")]
    assert stopped(web) == []


def test_a_number_in_its_national_form_stops_the_same_number(web: WebBox) -> None:
    arrive(web, by_hand(NATIONAL, STOP))
    assert problem(bulk(web)) == (403, "recipient-stopped")


def test_stop_in_a_long_message_is_a_text(web: WebBox) -> None:
    arrive(web, *delivers("STOP" + " " * 200))
    assert stopped(web) == []


def test_the_list_shows_a_mask_and_who_set_it(web: WebBox) -> None:
    write(web, "STOP")
    (item,) = stopped(web)
    assert (item["to_masked"], item["set_by"]) == ("+44•••••0666", "sms")
    assert SENDER[-6:] not in str(item)


def test_applications_are_told_once(web: WebBox) -> None:
    for word in ("STOP", "STOP", "START", "START"):
        write(web, word)
    assert told(web, "recipient.stopped") == ['{"to_masked":"+44•••••0666","by":"sms"}']
    assert told(web, "recipient.started") == ['{"to_masked":"+44•••••0666","by":"sms"}']
    assert [item["kind"] for item in listed(web)] == ["start", "start", "stop", "stop"]


def test_stops_are_in_the_audit_and_found_by_the_number(web: WebBox) -> None:
    admin = web.key("admin")
    write(web, "STOP")
    web.post("/v1/stops/lift", admin, json={"to": SENDER})
    web.post("/v1/stops", admin, json={"to": SENDER})
    found = web.post("/v1/audit/search", admin, json={"to": SENDER}).json["items"]
    assert [(entry["action"], entry["actor"] == "sms") for entry in found] == [
        ("stops.add", False),
        ("stops.lift", False),
        ("stops.add", True),
    ]
    assert SENDER[-6:] not in str(found)


def test_an_admin_adds_and_lifts_by_number_or_key(web: WebBox) -> None:
    admin = web.key("admin")
    busy(web)
    waiting = bulk(web, PHONE)
    added = web.post("/v1/stops", admin, json={"to": "+44 7700 900123"})
    assert (added.status_code, added.json["is_new"], added.json["canceled"]) == (200, True, 1)
    assert message(web, waiting)["status"] == "canceled"
    assert web.post("/v1/stops", admin, json={"to": PHONE}).json["is_new"] is False
    assert problem(bulk(web, PHONE)) == (403, "recipient-stopped")
    assert web.post("/v1/stops/lift", admin, json={"key": added.json["key"]}).status_code == 200
    assert bulk(web, PHONE).status_code == 202


def test_lifting_what_is_not_on_the_list_or_not_named_is_refused(web: WebBox) -> None:
    admin = web.key("admin")
    assert problem(web.post("/v1/stops/lift", admin, json={"to": PHONE})) == (404, "not-found")
    assert problem(web.post("/v1/stops/lift", admin, json={"key": "0" * 32})) == (404, "not-found")
    assert problem(web.post("/v1/stops/lift", admin, json={})) == (422, "policy-violation")
    both = {"to": PHONE, "key": "0" * 32}
    assert problem(web.post("/v1/stops/lift", admin, json=both)) == (422, "policy-violation")
    assert problem(web.post("/v1/stops", admin, json={"to": "nobody"})) == (422, "invalid-number")


def test_only_an_admin_sees_and_changes_the_list(web: WebBox) -> None:
    key = web.key("messages:send", "inbound:read", "messages:read")
    for method, path in (("GET", "/v1/stops"), ("POST", "/v1/stops"), ("POST", "/v1/stops/lift")):
        assert problem(web.call(method, path, key, json={"to": PHONE})) == (403, "forbidden-scope")


def test_the_list_comes_in_pages(web: WebBox) -> None:
    admin = web.key("admin")
    for number in range(5):
        web.post("/v1/stops", admin, json={"to": f"+4477009006{number:02d}"})
    first = web.get("/v1/stops", admin, query_string={"limit": 3})
    rest = web.get("/v1/stops", admin, query_string={"limit": 3, "cursor": first.json["next_cursor"]})
    keys = {item["key"] for item in (*first.json["items"], *rest.json["items"])}
    assert (len(keys), rest.json["next_cursor"]) == (5, None)
    assert 'rel="next"' in first.headers["Link"]
    assert "Link" not in rest.headers


def test_a_stop_survives_a_restart(tmp_path: Path) -> None:
    with web_box(tmp_path) as web:
        web.modem()
        write(web, "STOP")
    with web_box(tmp_path) as web:
        web.modem()
        assert problem(bulk(web)) == (403, "recipient-stopped")


def test_in_a_flood_stop_still_stops_and_start_starts_nothing(
    web: WebBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "MOST_OF_SENDER", 3)
    for number in range(4):
        write(web, f"flood {number}")
    write(web, "STOP")
    write(web, "START")
    assert len(stopped(web)) == 1


def test_a_sandbox_message_is_not_canceled_by_a_real_stop(tmp_path: Path) -> None:
    with web_box(tmp_path, modems=(Modem("/dev/modem-2", sandbox=True),)) as web:
        web.modem()
        web.modem("modem-2")
        web.modem("modem-2", ModemState.SEARCHING)
        made, secret = web.service.clients.create(
            "sandbox", frozenset({"messages:send"}), terms=Terms(sandbox=True)
        )
        key = f"sck_{made.id}_{secret.reveal()}"
        sent = web.send(key, to=SENDER, **{"class": "bulk"})
        assert sent.status_code == 202
        write(web, "STOP")
        assert message(web, sent)["status"] == "queued"


def test_a29_what_strangers_write_changes_nothing_but_the_list(web: WebBox) -> None:
    before = web.radio.snapshots(), web.service.config
    for text in (
        "REBOOT",
        "AT+CMGD=1,4",
        f"UNLOCK {PHONE}",
        "LIFT",
        "stops lift",
        "DELETE FROM stops",
        "PAUSE",
    ):
        write(web, text)
    care(web)
    assert (web.radio.snapshots(), web.service.config) == before
    assert (web.radio.restarted, web.radio.jobs, stopped(web)) == ([], [], [])
    audit = web.get("/v1/audit", web.key("admin")).json["items"]
    assert {entry["action"] for entry in audit} == {"key.create"}
