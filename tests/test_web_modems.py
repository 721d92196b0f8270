"""`/v1/modems`, `/v1/status`, health, readiness and metrics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from web_fixtures import CODE, PHONE, WebBox, web_box

from simcourier.at.trace import TraceLine
from simcourier.modem.facts import ModemState


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path) as box:
        yield box


def test_modems_are_listed_by_name(web: WebBox) -> None:
    web.modem("b")
    web.modem("a", ModemState.SIM_LOCKED, "the SIM asks for SIM PUK")
    web.pass_time(2.5)
    items = web.get("/v1/modems", web.key("status:read")).json["items"]
    assert [(item["id"], item["state"], item["reason"]) for item in items] == [
        ("a", "sim-locked", "the SIM asks for SIM PUK"),
        ("b", "ready", ""),
    ]
    assert (items[1]["for_seconds"], items[1]["signal_dbm"], items[1]["operator"]) == (
        2.5,
        -79,
        "Example Mobile",
    )


def test_serial_numbers_of_card_and_modem_are_whole_for_an_admin_only(web: WebBox) -> None:
    web.modem()
    card = web.radio.cards["modem-1"]
    whole = web.get("/v1/modems/modem-1", web.key("admin")).json
    assert (whole["imei"], whole["sim"]) == (card.imei, card.sim)
    masked = web.get("/v1/modems/modem-1", web.key("status:read"))
    assert (masked.json["imei"], masked.json["sim"]) == ("•••••0001", "•••••0001")
    assert card.sim not in masked.text


def test_an_unknown_modem_is_not_found(web: WebBox) -> None:
    key = web.key("admin")
    for method, path in (
        ("GET", ""),
        ("GET", "/trace"),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("POST", "/restart"),
        ("GET", "/recording"),
        ("POST", "/recording"),
    ):
        body = {"json": {}} if (method, path) == ("POST", "/recording") else {}
        answer = web.call(method, f"/v1/modems/none{path}", key, **body)
        assert (answer.status_code, answer.json["code"]) == (404, "not-found")
    assert web.get("/modems/none").status_code == 404


def test_a_paused_modem_sends_nothing_until_it_is_resumed(web: WebBox) -> None:
    web.modem()
    key = web.key("admin")
    assert web.post("/v1/modems/modem-1/pause", key).json["paused"] is True
    web.send(key)
    web.settle()
    assert web.radio.jobs == []
    assert web.get("/readyz").status_code == 503
    assert web.post("/v1/modems/modem-1/resume", key).json["paused"] is False
    web.settle()
    assert len(web.radio.jobs) == 1


def test_a_restart_is_passed_on(web: WebBox) -> None:
    web.modem()
    assert web.post("/v1/modems/modem-1/restart", web.key("admin")).status_code == 202
    assert web.radio.restarted == ["modem-1"]


def test_a_trace_is_read_on_from_the_last_line_seen(web: WebBox) -> None:
    web.modem()
    key = web.key("admin")
    web.radio.traces["modem-1"] = [TraceLine(1, 10.5, "<", "AT"), TraceLine(2, 10.6, ">", "OK")]
    path = "/v1/modems/modem-1/trace"
    assert [line["text"] for line in web.get(path, key).json["items"]] == ["AT", "OK"]
    assert web.get(f"{path}?after=1", key).json["items"] == [
        {"seq": 2, "at_s": 10.6, "direction": ">", "text": "OK"}
    ]
    assert web.get(f"{path}?after=-1", key).json["errors"][0]["parameter"] == "after"


def test_a_recording_is_told_as_a_dialogue(web: WebBox) -> None:
    web.modem()
    key = web.key("admin")
    path = "/v1/modems/modem-1/recording"
    assert web.get(path, key).status_code == 404
    refused = web.post(path, key, json={"seconds": 4})
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (400, "/seconds")
    begun = web.post(path, key, json={"seconds": 20})
    assert (begun.status_code, begun.json["seconds_left"]) == (202, 20.0)
    recording = web.radio.recordings["modem-1"]
    recording.sent(b"AT\r", recording.began_at + 1)
    recording.heard(b"\r\nOK\r\n", recording.began_at + 1)
    told = web.get(path, key).json
    assert told["entries"] == 2
    assert told["dialogue"].splitlines()[2:] == ["open", "wait 1.00", "< AT", ">> \\r\\nOK\\r\\n"]


def test_the_status_tells_how_the_box_is(web: WebBox) -> None:
    key = web.key("status:read", "messages:send")
    web.send(key)
    web.send(key, **{"class": "bulk"})
    web.pass_time(30)
    body = web.get("/v1/status", key).json
    assert body["queue"] == {"otp": 1, "transactional": 0, "bulk": 1}
    assert (body["oldest_queued_at"], body["now"]) == ("2027-01-15T08:16:40.000Z", "2027-01-15T08:17:10.000Z")
    assert (body["ready"], body["healthy"], body["modems"], body["in_flight"]) == (False, True, 0, 0)


def test_ready_is_whether_some_modem_can_send(web: WebBox) -> None:
    assert (web.get("/readyz").status_code, web.get("/readyz").json["code"]) == (503, "no-modem")
    web.modem()
    assert (web.get("/readyz").status_code, web.get("/readyz").json) == (200, {"status": "ready"})
    web.modem(state=ModemState.ABSENT)
    assert web.get("/readyz").status_code == 503


def test_healthy_is_whether_the_writer_turns(web: WebBox) -> None:
    assert web.get("/healthz").json == {"status": "healthy"}
    web.now += 21
    answer = web.get("/healthz")
    assert (answer.status_code, answer.json["code"]) == (503, "unhealthy")


def test_metrics_hold_figures_and_nobodys_number(web: WebBox) -> None:
    web.modem()
    web.send(web.key("messages:send"))
    answer = web.get("/metrics")
    assert answer.content_type.startswith("text/plain; version=")
    assert 'simcourier_modem_signal_dbm{modem="modem-1"} -79.0' in answer.text
    assert 'simcourier_messages_total{modem="",operator="",status="queued"} 1.0' in answer.text
    for secret in (PHONE[1:], CODE, web.radio.cards["modem-1"].sim, web.radio.cards["modem-1"].imei):
        assert secret not in answer.text
