"""Codes in the queue: ahead of everything else, and never late."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from modem_desk import Desk, ScriptedModem, job
from test_verifications import OPEN, SCOPES, problem, rows, started
from web_fixtures import PHONE, WebBox, web_box

from simcourier.modem.facts import ModemState, SubmitEnd, SubmitEnded

SIX_MINUTES = 360


@pytest.fixture
def box(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path, limits=OPEN) as box:
        box.modem()
        yield box


@pytest.mark.parametrize("other", ["bulk", "transactional"])
def test_a03_behind_500_other_messages_a_code_leaves_next(box: WebBox, other: str) -> None:
    sender, key = box.key("messages:send"), box.key(*SCOPES)
    for number in range(500):
        answer = box.send(sender, to=f"+447700900{number % 100:03d}", ttl=86_400, **{"class": other})
        assert answer.status_code == 202
    verification = started(box.start(key, to="+447700900999"))
    assert "Your code is 837261" in box.text()
    assert len(box.radio.jobs) == 1
    box.submitted()
    code = box.code()
    assert len(box.radio.jobs) == 2
    assert box.check(key, verification, code).status_code == 200


def test_a03_a_flood_of_bulk_refuses_no_code_for_its_wait(box: WebBox) -> None:
    sender, key = box.key("messages:send"), box.key(*SCOPES)
    for _ in range(500):
        box.send(sender, ttl=86_400, **{"class": "bulk"})
    assert box.start(key, ttl=60).status_code == 202


def test_a31_a_code_behind_a_modem_that_holds_for_six_minutes_is_not_sent(box: WebBox) -> None:
    """The modem is busy with something else all the time; nothing is said of it, and no other modem is there."""
    sender, key = box.key("messages:send"), box.key(*SCOPES)
    assert box.send(sender, ttl=86_400).status_code == 202
    box.settle()
    verification = started(box.start(key, ttl=300))
    box.pass_time(SIX_MINUTES)
    box.submitted()
    box.settle()
    assert len(box.radio.jobs) == 1
    assert box.get(f"/v1/verifications/{verification}", key).json["status"] == "expired"
    (left,) = rows(box, "SELECT status, body FROM messages WHERE verification IS NOT NULL")
    assert (left.status, left.body) in {("expired", None), ("superseded", None)}


def test_a31_a_code_is_not_sent_when_the_modem_comes_back_before_anybody_swept(box: WebBox) -> None:
    box.modem(state=ModemState.SEARCHING)
    key = box.key(*SCOPES)
    verification = started(box.start(key, ttl=300))
    box.now += SIX_MINUTES
    box.modem()
    assert box.radio.jobs == []
    assert problem(box.check(key, verification, "000000")) == (410, "verification-closed")


@pytest.mark.parametrize("holds", ["permit", "prompt"])
def test_a31_a_prompt_that_is_held_for_six_minutes_gets_no_code(holds: str) -> None:
    desk = Desk(ScriptedModem(prompt="\r\n> " if holds == "permit" else "")).up()
    desk.submit(job(now=desk.now, life=300.0), permitted=holds == "prompt").run(SIX_MINUTES)
    desk.session.permit(1, True, desk.now)
    desk.say("\r\n> ").run(SIX_MINUTES)
    assert desk.modem.pdus == []
    assert job().parts[0].hex.encode() not in desk.written
    assert [fact.end for fact in desk.told(SubmitEnded)] != [SubmitEnd.SENT]
    assert all(fact.end is not SubmitEnd.SENT for fact in desk.told(SubmitEnded))


def test_a31_the_second_copy_of_a_code_in_doubt_is_not_sent_late(box: WebBox) -> None:
    key = box.key(*SCOPES)
    verification = started(box.start(key, ttl=60))
    box.settle()
    modem, first = box.radio.jobs[-1]
    box.now += SIX_MINUTES
    box.tell(SubmitEnded(modem, box.radio.cards[modem].sim, first.number, SubmitEnd.IN_DOUBT))
    box.pass_time(1)
    assert len(box.radio.jobs) == 1
    told = box.get(f"/v1/verifications/{verification}", key).json
    assert (told["status"], [message["status"] for message in told["messages"]]) == ("expired", ["unknown"])


def test_a02_a_person_gets_one_code_whatever_the_purpose_and_client(tmp_path: Path) -> None:
    with web_box(tmp_path) as box:
        box.modem()
        key, other = box.key(*SCOPES), box.key(*SCOPES)
        started(box.start(key))
        for asked in (box.start(key, purpose="other"), box.start(other), box.start(other, binding="x")):
            assert problem(asked) == (429, "rate-limited")
        assert len(rows(box, "SELECT * FROM messages")) == 1
        assert PHONE not in asked.text
