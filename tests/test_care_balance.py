"""What prepaid SIMs have left: read, asked for by schedule and by command, told, and acted on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select
from structlog.testing import capture_logs
from web_fixtures import WebBox, web_box

from simcourier.care.balance import amount, read
from simcourier.config import Modem, Operator
from simcourier.modem.facts import ModemState, UssdEnd, UssdEnded
from simcourier.outbox.schema import notices

PATTERN = r"(?P<amount>[0-9.,' ]+) ?(?P<unit>EUR|GBP)?"
EAST = Operator(
    "East",
    networks=("00101",),
    balance_code="*100#",
    balance_pattern=PATTERN,
    balance_hours=24,
    low_balance=5.0,
    least_balance=1.0,
)
HOUR = 3600.0
Open = Callable[..., WebBox]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1.234,56", 1234.56),
        ("1,234.56", 1234.56),
        ("3,20", 3.2),
        ("3.20", 3.2),
        ("3.20.", 3.2),
        ("3,2", 3.2),
        ("1'000.00", 1000.0),
        ("1\u2019000.00", 1000.0),
        ("1 000,5", 1000.5),
        ("1\u00a0000", 1000.0),
        ("1.000", 1000.0),
        ("1,234,567", 1_234_567.0),
        ("1,23,456.78", 123_456.78),
        ("12.345678", 12.345678),
        ("3", 3.0),
        ("3,", 3.0),
        ("0", 0.0),
        ("-0,40", -0.4),
        ("+7", 7.0),
        ("", None),
        ("EUR", None),
        (".", None),
        ("1-2", None),
        ("1.2,3.4", None),
        ("\u0663", None),
    ],
)
def test_amounts_as_operators_write_them(written: str, value: float | None) -> None:
    assert amount(written) == value


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Your balance is 3,20 EUR.", (3.2, "EUR")),
        ("Guthaben: 1.234,56EUR gueltig bis 31.12.", (1234.56, "EUR")),
        ("You have 7.", (7.0, "")),
        ("Nothing to see here", None),
        ("", None),
    ],
)
def test_an_answer_is_read_by_the_operators_pattern(text: str, found: tuple[float, str] | None) -> None:
    assert read(text, EAST) == found


def test_a_pattern_without_a_unit_gives_none() -> None:
    assert read("Saldo 12,00 zl", Operator("x", balance_pattern=r"Saldo (?P<amount>[0-9,]+)")) == (12.0, "")


@pytest.fixture
def open_box(tmp_path: Path) -> Iterator[Open]:
    """Boxes on one directory, one after the other."""
    with ExitStack() as stack:
        yield lambda *operators, **settings: stack.enter_context(
            web_box(tmp_path, operators=operators or (EAST,), **settings)
        )


@pytest.fixture
def web(open_box: Open) -> WebBox:
    box = open_box()
    plug(box)
    return box


def plug(web: WebBox, name: str = "modem-1", **fields: Any) -> None:
    web.modem(name)
    web.change(replace(web.radio.cards[name], network="00101", **fields))


def tick(web: WebBox, seconds: float = 0.0) -> None:
    web.pass_time(seconds)
    web.writer.call(web.care.tick)
    web.settle()


def answer(web: WebBox, text: str, end: UssdEnd = UssdEnd.DONE) -> None:
    modem, request, _code = web.radio.asked[-1]
    web.tell(UssdEnded(modem, web.radio.cards[modem].sim, request, end, text))


def ask(web: WebBox, text: str, seconds: float = 25 * HOUR) -> None:
    """The schedule asks, and the network answers."""
    before = len(web.radio.asked)
    tick(web, seconds)
    assert len(web.radio.asked) == before + 1
    answer(web, text)


def known(web: WebBox) -> Any:
    return web.get("/v1/modems/modem-1", web.key("status:read")).json["balance"]


def told(web: WebBox) -> int:
    with web.engine.connect() as connection:
        types = list(connection.execute(select(notices.c.type)).scalars())
    return types.count("sim.low-balance")


def test_a_balance_is_asked_for_read_and_shown(web: WebBox) -> None:
    ask(web, "Your balance is 12,50 EUR")
    assert web.radio.asked == [("modem-1", 1, "*100#")]
    found = known(web)
    assert (found["amount"], found["unit"], found["low"]) == (12.5, "EUR", False)
    assert 'simcourier_sim_balance{modem="modem-1"} 12.5' in web.metrics.render().decode()
    assert "12.50 EUR left" in web.get("/").text
    assert web.get("/v1/sims", web.key("status:read")).json["items"][0]["balance"] == found


def test_a_balance_is_asked_for_as_often_as_configured_also_over_a_restart(
    web: WebBox, open_box: Open
) -> None:
    ask(web, "12,50 EUR")
    tick(web, 23 * HOUR)
    assert len(web.radio.asked) == 1
    web.close()
    again = open_box()
    again.now = web.now
    plug(again)
    tick(again)
    assert (again.radio.asked, known(again)["amount"]) == ([], 12.5)
    ask(again, "11,00 EUR", 2 * HOUR)
    assert known(again)["amount"] == 11


def test_a_question_that_nobody_answered_is_asked_again_after_an_hour(web: WebBox) -> None:
    tick(web)
    answer(web, "the network did not answer in time", UssdEnd.SILENT)
    tick(web, 0.9 * HOUR)
    assert len(web.radio.asked) == 1
    ask(web, "12,50 EUR", 0.2 * HOUR)


def test_questions_of_many_sims_are_spread_and_wait_while_messages_do(web: WebBox) -> None:
    plug(web, "modem-2")
    tick(web)
    tick(web, 5)
    assert [modem for modem, *_ in web.radio.asked] == ["modem-1"]
    for name in ("modem-1", "modem-2"):
        web.service.modems.pause(name, paused=True)
    web.send(web.key("messages:send"))
    tick(web, 20)
    assert len(web.radio.asked) == 1
    tick(web, 600)  # The message has expired.
    assert [modem for modem, *_ in web.radio.asked] == ["modem-1", "modem-2"]


def test_a_balance_waits_while_messages_do_but_not_for_ever(web: WebBox) -> None:
    ask(web, "12,50 EUR")
    key = web.key("messages:send")
    web.modem("modem-2")
    web.modem("modem-2", ModemState.SEARCHING)
    for hours in (23, 2, 22):
        assert web.send(key, modem="modem-2", ttl=86400).status_code == 202
        tick(web, hours * HOUR)
        assert (len(web.radio.asked), web.dispatcher.room.total()) == (1, 1)
    assert web.send(key, modem="modem-2", ttl=86400).status_code == 202
    ask(web, "11,00 EUR", HOUR)


@pytest.mark.parametrize("state", [ModemState.SENDING, ModemState.SEARCHING, ModemState.SILENT])
def test_a_modem_that_has_something_else_to_do_is_not_asked(web: WebBox, state: ModemState) -> None:
    web.modem(state=state)
    tick(web, 25 * HOUR)
    assert web.radio.asked == []


def test_sims_of_the_sandbox_and_of_others_are_not_asked(open_box: Open) -> None:
    web = open_box(EAST, modems=(Modem(port="/dev/modem-1", sandbox=True),))
    plug(web)
    plug(web, "modem-2")
    web.change(replace(web.radio.cards["modem-2"], network="00102"))
    tick(web, HOUR)
    assert web.radio.asked == []


def test_a_low_balance_is_told_once_for_each_crossing(web: WebBox, open_box: Open) -> None:
    for text in ("7,00 EUR", "4,99 EUR", "4,00 EUR"):
        ask(web, text)
    assert (told(web), known(web)["low"]) == (1, True)
    page = web.get("/").text
    assert "its SIM runs low: 4.00 EUR left" in page
    assert "Ready. 1 of 1 modems can send." in page
    web.close()
    again = open_box()
    again.now = web.now
    plug(again)
    ask(again, "3,00 EUR")
    assert told(again) == 1
    ask(again, "20,00 EUR")
    ask(again, "2,00 EUR")
    assert told(again) == 2


def test_a_sim_without_credit_sends_nothing_until_it_has_some(web: WebBox, open_box: Open) -> None:
    ask(web, "0,40 EUR", 0)
    key = web.key("admin")
    web.send(key)
    web.settle()
    assert web.radio.jobs == []
    assert web.get("/v1/modems/modem-1", key).json["held"] == "no credit: 0.40 EUR"
    assert "Top it up" in web.get("/").text
    web.close()
    again = open_box()
    plug(again)
    assert again.dispatcher.fleet.barred(again.radio.cards["modem-1"].sim) == "no credit: 0.40 EUR"
    assert again.send(key, ttl=86400).status_code == 202
    again.settle()
    assert again.radio.jobs == []
    # Asked though a message waits: only an answer can let it leave.
    ask(again, "20,00 EUR", 2 * HOUR)
    assert len(again.radio.jobs) == 1


def test_without_a_least_balance_nothing_is_kept_from_sending(open_box: Open) -> None:
    web = open_box(msgspec.structs.replace(EAST, least_balance=0.0))
    plug(web)
    ask(web, "0,00 EUR")
    web.send(web.key("messages:send"))
    web.settle()
    assert (len(web.radio.jobs), told(web)) == (1, 1)


def test_an_answer_that_fits_no_pattern_is_told_once_without_its_text(web: WebBox) -> None:
    with capture_logs() as entries:
        for _ in range(3):
            ask(web, "Dear Jane Doe, dial one for more")
    found = [entry for entry in entries if "balance_pattern" in entry["event"]]
    assert len(found) == 1
    assert found[0]["hint"] == "look at the answer: simcourier ussd modem-1 '*100#'"
    assert "Jane Doe" not in str(entries)
    assert known(web) is None


def test_an_answer_is_not_taken_for_another_card(web: WebBox) -> None:
    tick(web)
    modem, request, _code = web.radio.asked[-1]
    web.tell(UssdEnded(modem, "8944500000000009999", request, UssdEnd.DONE, "0,40 EUR"))
    assert known(web) is None
    assert web.dispatcher.fleet.operational == {"modem-1"}


def test_the_gauge_goes_with_the_card(web: WebBox) -> None:
    ask(web, "12,50 EUR")
    card = web.radio.cards["modem-1"]
    web.change(replace(card, sim=""))
    assert 'simcourier_sim_balance{modem="modem-1"}' not in web.metrics.render().decode()
    web.change(replace(card, name="spare", port="/dev/spare"))
    assert 'simcourier_sim_balance{modem="spare"} 12.5' in web.metrics.render().decode()


def test_a_forgotten_sim_has_no_balance(web: WebBox) -> None:
    ask(web, "0,40 EUR")
    card = web.radio.cards["modem-1"]
    web.post(f"/v1/sims/{card.sim}/forget", web.key("admin"))
    web.settle()
    assert (known(web), web.dispatcher.fleet.barred(card.sim)) == (None, "")
