"""`simcourier explain` on a terminal of 80 columns."""

from __future__ import annotations

from typing import Any

import pytest

from simcourier.cli import wording
from simcourier.cli.explain import show

LONG = "no SIM of the recipient's operator was sooner; rested longest of 12 as good; about 14 s expected"


def told(**fields: Any) -> dict[str, Any]:
    return {
        "id": "msg_abcdefghijklmnopqrstuv",
        "status": "sent",
        "attempts": [],
        "why": None,
        "next_try_at": None,
        "sims": [],
        **fields,
    }


def attempt(**fields: Any) -> dict[str, Any]:
    at = "2026-11-23T12:00:00.000Z"
    return {"at": at, "modem": "modem-1", "why": LONG, "ended": "sent", "detail": None, **fields}


def sim(modem: str, **fields: Any) -> dict[str, Any]:
    return {
        "modem": modem,
        "may": True,
        "why": "free",
        "detail": "",
        "expected_s": 8.5,
        "until": None,
        **fields,
    }


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording, "_PIPE_WIDTH", 80)


def test_each_attempt_says_why_and_what_came_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    refused = attempt(ended="queued", detail="AT+CMGS=31: +CMS ERROR: 42", modem="modem-2")
    show(told(attempts=[refused, attempt(), attempt(ended=None, why=None)]))
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    words = " ".join(shown.split())
    assert "msg_abcdefghijklmnopqrstuv sent" in words
    for piece in ("then nothing yet", "not on record", "modem-2", "then queued: AT+CMGS=31: +CMS ERROR: 42"):
        assert piece in words


def test_a_message_that_ended_unsent_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    why = "its deadline passed before it could be sent: no SIM can take it now: silent (2), sim-locked"
    show(told(status="expired", why=why))
    assert capsys.readouterr().out.splitlines()[1:] == ["No SIM was ever taken for it.", f"expired: {why}"]


def test_sims_that_may_take_it_come_first_as_they_are_wanted_and_the_others_by_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sims = [sim("m4", may=False), sim("m3"), sim("m1", may=False), sim("m2")]
    show(told(status="queued", why="its turn comes", sims=sims))
    rows = capsys.readouterr().out.splitlines()
    assert [row[:2] for row in rows if row.startswith("m") and row[1].isdigit()] == ["m3", "m2", "m1", "m4"]


def test_a_message_that_waits_shows_every_sim(capsys: pytest.CaptureFixture[str]) -> None:
    until = "2026-11-23T13:00:00.000Z"
    show(
        told(
            status="queued",
            why="no SIM may take it now",
            next_try_at=until,
            sims=[
                sim("modem-1", may=False, why="over its pace of 10 a minute", expected_s=None, until=until),
                sim(
                    "modem-2",
                    may=False,
                    why="its SIM is kept from sending",
                    detail="no credit",
                    expected_s=None,
                ),
                sim("modem-3", why="busy for about 4 s, roams"),
            ],
        )
    )
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    words = " ".join(shown.split())
    assert "It waits: no SIM may take it now; the next try is at " in words
    assert "over its pace of 10 a minute, until " in words
    assert "its SIM is kept from sending: no credit" in words
    assert "8.50 s" in words


def test_a_message_that_never_had_a_sim_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    show(told(status="expired"))
    assert "No SIM was ever taken for it." in capsys.readouterr().out


def test_words_of_a_modem_can_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show(told(status="queued", why="\x1b[2J", sims=[sim("m", detail="\x1b[2J")]))
    assert "\x1b" not in capsys.readouterr().out
