"""USSD and balance by the API: answered once, bounded, audited without the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from test_care_balance import EAST, plug
from web_fixtures import WebBox, web_box
from werkzeug.test import TestResponse

from simcourier.config import Http
from simcourier.errors import RequestError
from simcourier.modem.facts import UssdEnd, UssdEnded
from simcourier.service.ussd import masked

SECRET = "Your number is 07700900123, balance 12,50 EUR"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path, operators=(EAST,)) as box:
        plug(box)
        yield box


@contextmanager
def asking(web: WebBox) -> Iterator[Callable[..., Future[TestResponse]]]:
    """POST in a thread of its own: it waits for the network."""
    key = web.key("admin")
    with ThreadPoolExecutor(8) as pool:

        def ask(path: str, **given: Any) -> Future[TestResponse]:
            before = len(web.radio.asked)
            future = pool.submit(web.post, path, key, **given)
            while len(web.radio.asked) == before and not future.done():
                pool.submit(lambda: None).result()
            return future

        yield ask


def answer(web: WebBox, text: str, end: UssdEnd = UssdEnd.DONE, place: int = -1) -> None:
    modem, request, _code = web.radio.asked[place]
    web.tell(UssdEnded(modem, web.radio.cards[modem].sim, request, end, text))


def done(web: WebBox) -> Any:
    """The newest thing that was done to a modem, in the audit."""
    items = web.get("/v1/audit", web.key("admin")).json["items"]
    return next(item for item in items if item["action"].startswith("modem."))


def test_the_networks_answer_is_given_and_is_nowhere_else(
    web: WebBox, capfd: pytest.CaptureFixture[str]
) -> None:
    with asking(web) as ask:
        future = ask("/v1/modems/modem-1/ussd", json={"code": "*100#"})
        assert web.radio.asked == [("modem-1", 1, "*100#")]
        answer(web, SECRET)
        given = future.result(5)
    assert (given.status_code, given.json) == (200, {"text": SECRET, "asks": False})
    entry = done(web)
    assert (entry["action"], entry["object"], entry["detail"]) == ("modem.ussd", "modem-1", "*100#")
    logged = "".join(capfd.readouterr())
    told = [logged, web.metrics.render().decode(), web.get("/v1/audit", web.key("admin")).text]
    told += [web.get(page).text for page in ("/", "/modems/modem-1")]
    assert not [where for where in told if "07700900123" in where or "12,50" in where]


def test_a_network_that_wants_a_reply_is_told_apart(web: WebBox) -> None:
    with asking(web) as ask:
        future = ask("/v1/modems/modem-1/ussd", json={"code": "*101#"})
        answer(web, "1 Balance\n2 Bonus", UssdEnd.ASKS)
        assert future.result(5).json == {"text": "1 Balance\n2 Bonus", "asks": True}


@pytest.mark.parametrize("end", [UssdEnd.SILENT, UssdEnd.REFUSED])
def test_a_network_that_gives_no_answer_is_a_problem_with_the_reason(web: WebBox, end: UssdEnd) -> None:
    with asking(web) as ask:
        future = ask("/v1/modems/modem-1/ussd", json={"code": "*100#"})
        answer(web, "the network does not support this", end)
        given = future.result(5)
    assert (given.status_code, given.json["code"]) == (503, "ussd-unanswered")
    assert "does not support this" in given.json["detail"]


def test_a_modem_is_asked_one_thing_at_a_time_and_two_wait_at_most(web: WebBox) -> None:
    plug(web, "modem-2")
    plug(web, "modem-3")
    with asking(web) as ask:
        first = ask("/v1/modems/modem-1/ussd", json={"code": "*100#"})
        same = ask("/v1/modems/modem-1/ussd", json={"code": "*100#"}).result(5)
        second = ask("/v1/modems/modem-2/ussd", json={"code": "*100#"})
        third = ask("/v1/modems/modem-3/ussd", json={"code": "*100#"}).result(5)
        for refused in (same, third):
            assert (refused.status_code, refused.json["code"]) == (409, "ussd-busy")
            assert refused.headers["Retry-After"] == "10"
        answer(web, "one", place=0)
        answer(web, "two", place=1)
        assert (first.result(5).json["text"], second.result(5).json["text"]) == ("one", "two")
        again = ask("/v1/modems/modem-1/ussd", json={"code": "*100#"})
        answer(web, "three")
        assert again.result(5).json["text"] == "three"


def test_with_one_thread_one_question_waits(tmp_path: Path) -> None:
    with web_box(tmp_path, http=Http(threads=1)) as web, asking(web) as ask:
        web.modem()
        web.modem("modem-2")
        future = ask("/v1/modems/modem-1/ussd", json={"code": "*100#"})
        assert ask("/v1/modems/modem-2/ussd", json={"code": "*100#"}).result(5).status_code == 409
        answer(web, "done")
        assert future.result(5).status_code == 200


def test_a_modem_that_never_says_anything_is_given_up_and_may_be_asked_again(
    web: WebBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simcourier.care.ussd.PATIENCE_S", 0.0)
    with pytest.raises(RequestError) as refused:
        web.parts.ussd.ask("modem-1", "*100#")
    assert refused.value.code == "ussd-unanswered"
    answer(web, "too late")
    with pytest.raises(RequestError):
        web.parts.ussd.ask("modem-1", "*100#")
    assert [number for _modem, number, _code in web.radio.asked] == [1, 2]


def test_a_question_that_went_with_its_modem_holds_up_no_other_for_ever(web: WebBox) -> None:
    web.parts.ussd.begin("modem-1", "*100#")
    for seconds in (0, 79):
        web.now += seconds
        web.writer.call(web.care.tick)
        web.settle()
        with pytest.raises(RequestError):
            web.parts.ussd.begin("modem-1", "*100#")
    web.now += 2
    web.writer.call(web.care.tick)
    web.settle()
    assert not web.parts.ussd.begin("modem-1", "*100#").done()


@pytest.mark.parametrize("code", ["", "100 ", "*100#\n", "*100#;", 'AT+CMGS="', "*" * 41, "\u0661"])
def test_only_codes_reach_the_modem(web: WebBox, code: str) -> None:
    refused = web.post("/v1/modems/modem-1/ussd", web.key("admin"), json={"code": code})
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (400, "/code")
    assert web.radio.asked == []


def test_only_an_admin_asks_and_only_modems_there_are(web: WebBox) -> None:
    for path, given in (("ussd", {"json": {"code": "*100#"}}), ("balance", {})):
        assert web.post(f"/v1/modems/modem-1/{path}", web.key("status:read"), **given).status_code == 403
        assert web.post(f"/v1/modems/none/{path}", web.key("admin"), **given).status_code == 404
    assert web.radio.asked == []


def test_the_balance_is_asked_for_now(web: WebBox) -> None:
    with asking(web) as ask:
        future = ask("/v1/modems/modem-1/balance")
        answer(web, SECRET.rpartition(", ")[2])
        given = future.result(5)
    assert given.status_code == 200
    assert (given.json["amount"], given.json["unit"], given.json["low"]) == (12.5, "EUR", False)
    entry = done(web)
    assert (entry["action"], entry["object"], entry["detail"]) == ("modem.balance", "modem-1", "")


def test_an_answer_that_tells_no_balance_says_what_to_mend(web: WebBox) -> None:
    with asking(web) as ask:
        future = ask("/v1/modems/modem-1/balance")
        answer(web, "Nothing for you")
        given = future.result(5)
    assert (given.status_code, given.json["code"]) == (422, "balance-unreadable")
    assert "balance_pattern of East" in given.json["detail"]
    assert "Nothing for you" not in given.text


def test_a_sim_of_an_operator_without_a_code_can_not_be_asked(web: WebBox) -> None:
    web.modem("modem-2")
    refused = web.post("/v1/modems/modem-2/balance", web.key("admin"))
    assert (refused.status_code, refused.json["code"]) == (422, "policy-violation")
    assert web.radio.asked == []
    assert "modem.balance" not in web.get("/v1/audit", web.key("admin")).text


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("*100#", "*100#"),
        ("*1234#", "*1234#"),
        ("*103*1234567890123456#", "*103*••••#"),
        ("**04*1234*5678*5678#", "**04*••••*••••*••••#"),
        ("*123*447700900123*5#", "*123*••••*5#"),
        ("##", "##"),
    ],
)
def test_the_audit_holds_no_voucher_pin_or_number_that_a_code_carries(code: str, kept: str) -> None:
    assert masked(code) == kept
