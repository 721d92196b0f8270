"""`GET /v1/messages/{id}/explain`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from web_fixtures import PHONE, WebBox, web_box

from simcourier.config import Pace, Sims
from simcourier.modem.facts import ModemState


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path, sims=Sims(pace=Pace(hour=1))) as box:
        yield box


def test_a_message_that_was_sent_tells_which_sim_was_taken_and_why(web: WebBox) -> None:
    web.modem()
    key = web.key("messages:send", "messages:read")
    message = web.send(key).json["id"]
    web.settle()
    web.submitted()
    told = web.get(f"/v1/messages/{message}/explain", key)
    assert told.status_code == 200
    (attempt,) = told.json["attempts"]
    assert (attempt["modem"], attempt["why"], attempt["ended"]) == (
        "modem-1",
        "the only one free and fit",
        "sent",
    )
    assert (told.json["status"], told.json["why"], told.json["sims"]) == ("sent", None, [])
    assert PHONE not in told.text


def test_a_message_that_waits_tells_of_every_sim_and_when_it_is_tried_again(web: WebBox) -> None:
    web.modem()
    web.modem("modem-2", ModemState.SIM_LOCKED, "the SIM asks for SIM PUK")
    web.change(web.radio.cards["modem-1"])
    key = web.key("messages:send", "messages:read")
    web.send(key)
    web.settle()
    web.submitted()
    message = web.send(key).json["id"]
    told = web.get(f"/v1/messages/{message}/explain", key).json
    assert told["why"] == "no SIM may take it now"
    paced, locked = told["sims"]
    assert (paced["modem"], paced["may"], paced["why"]) == ("modem-1", False, "over its pace of 1 an hour")
    assert paced["until"] == told["next_try_at"] is not None
    assert (locked["why"], locked["detail"]) == ("sim-locked", "")
    admin = web.get(f"/v1/messages/{message}/explain", web.key("admin")).json
    assert admin["sims"][1]["detail"] == "the SIM asks for SIM PUK"


def test_a_message_that_was_too_late_tells_what_kept_it(web: WebBox) -> None:
    web.modem(state=ModemState.SILENT, reason="AT: no answer")
    web.modem("modem-2", ModemState.SILENT)
    web.modem("modem-3", ModemState.SIM_LOCKED, "the SIM asks for SIM PUK")
    key = web.key("messages:send", "messages:read")
    message = web.send(key, ttl=60).json["id"]
    pinned = web.send(key, ttl=60, modem="modem-3").json["id"]
    web.pass_time(61)
    web.writer.call(web.dispatcher.expire_due)
    web.settle()
    told = web.get(f"/v1/messages/{message}/explain", key).json
    assert (told["status"], told["attempts"], told["sims"]) == ("expired", [], [])
    late = "its deadline passed before it could be sent: "
    assert told["why"] == late + "no SIM can take it now: silent (2), sim-locked"
    told = web.get(f"/v1/messages/{pinned}/explain", key).json
    assert told["why"].startswith(late)
    assert "sim-locked" in told["why"]


def test_another_clients_message_is_not_explained(web: WebBox) -> None:
    message = web.send(web.key("messages:send", "messages:read")).json["id"]
    answer = web.get(f"/v1/messages/{message}/explain", web.key("messages:read"))
    assert (answer.status_code, answer.json["code"]) == (404, "not-found")


def test_who_may_only_send_is_told_nothing(web: WebBox) -> None:
    key = web.key("messages:send")
    message = web.send(key).json["id"]
    assert web.get(f"/v1/messages/{message}/explain", key).status_code == 403


def test_a_code_that_would_outlive_its_wait_for_the_pace_is_refused(web: WebBox) -> None:
    web.modem()
    web.pass_time(1)
    key = web.key("messages:send", "verifications:start")
    assert web.start(key).status_code == 202
    web.settle()
    web.submitted()
    web.pass_time(1)
    refused = web.start(key, to="+447700900124")
    assert (refused.status_code, refused.json["code"]) == (503, "wait-exceeds-life")
