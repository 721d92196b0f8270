"""A USSD request goes between the sends, and exactly one answer comes of it."""

from __future__ import annotations

import pytest
from modem_desk import ERROR, OK, Desk, Reply, ScriptedModem, job

from simcourier.modem.facts import (
    FaultSeen,
    ModemState,
    ReportArrived,
    SubmitEnd,
    SubmitEnded,
    UssdEnd,
    UssdEnded,
)

ASK = 'AT+CUSD=1,"*100#",15'
PACKED = 'AT+CUSD=1,"AA180C3602",15'


def up(answers: dict[str, Reply] | None = None) -> Desk:
    return Desk(ScriptedModem({ASK: OK, "AT+CUSD=2": OK} | (answers or {}))).up()


def asked(desk: Desk, request: int = 7, code: str = "*100#") -> Desk:
    desk.session.ussd(request, code, desk.now)
    desk.settle()
    return desk


def ended(desk: Desk) -> list[tuple[int, UssdEnd, str]]:
    return [(fact.request, fact.end, fact.text) for fact in desk.told(UssdEnded)]


def test_a_request_is_asked_and_its_answer_told() -> None:
    desk = asked(up())
    assert ended(desk) == []
    desk.say('\r\n+CUSD: 0,"Balance 10.00 EUR",15\r\n').run(60.0)
    assert ended(desk) == [(7, UssdEnd.DONE, "Balance 10.00 EUR")]


@pytest.mark.parametrize(
    ("answer", "end", "text"),
    [
        ('+CUSD: 0,"Balance 10.00",15', UssdEnd.DONE, "Balance 10.00"),
        ('+CUSD:0,"Balance"', UssdEnd.DONE, "Balance"),
        ("+CUSD: 0,Balance,15", UssdEnd.DONE, "Balance"),
        ('+CUSD: 2,"Balance 10.00",15', UssdEnd.DONE, "Balance 10.00"),
        ('+CUSD: 1,"1 balance, 2 data",15', UssdEnd.ASKS, "1 balance, 2 data"),
        ('+CUSD: 0,"0042002000310030",72', UssdEnd.DONE, "B 10"),
        ('+CUSD: 0,"00420061006C",15', UssdEnd.DONE, "Bal"),
        ('+CUSD: 0,"C2303BEC1E97413118",15', UssdEnd.DONE, "Balance 10"),
        ('+CUSD: 0,"10.50",15', UssdEnd.DONE, "10.50"),
        ('+CUSD: 0,"1050",15', UssdEnd.DONE, "1050"),
        ('+CUSD: 0,"Balance\r\n10.00\r\nEUR",15', UssdEnd.DONE, "Balance\n10.00\nEUR"),
        ("+CUSD: 2", UssdEnd.REFUSED, "the network ended the session"),
        ("+CUSD: 4", UssdEnd.REFUSED, "the network does not support this"),
        ("+CUSD: 5", UssdEnd.REFUSED, "the network timed out"),
        ("+CUSD: 9", UssdEnd.REFUSED, "the network gave no text"),
        ("+CUSD:", UssdEnd.REFUSED, "the modem's answer can't be read"),
    ],
)
def test_an_answer_may_have_any_form(answer: str, end: UssdEnd, text: str) -> None:
    desk = asked(up()).say(f"\r\n{answer}\r\n")
    assert ended(desk) == [(7, end, text)]


def test_an_answer_may_come_ahead_of_the_ok() -> None:
    desk = asked(up({ASK: '\r\n+CUSD: 0,"Balance 10.00",15\r\n' + OK}))
    assert ended(desk) == [(7, UssdEnd.DONE, "Balance 10.00")]


def test_messages_leave_while_the_answer_is_awaited() -> None:
    desk = asked(up())
    for number in range(5):
        desk.submit(job(number, now=desk.now))
    assert [fact.end for fact in desk.told(SubmitEnded)] == [SubmitEnd.SENT] * 5
    desk.submit(job(6, now=desk.now), permitted=False)
    desk.say('\r\n+CUSD: 0,"Balance\r\n10.00",15\r\n')
    assert ended(desk) == [(7, UssdEnd.DONE, "Balance\n10.00")]
    desk.session.permit(6, True, desk.now)
    desk.settle()
    assert desk.told(SubmitEnded)[-1].end is SubmitEnd.SENT


def test_a_session_that_the_network_keeps_open_is_ended() -> None:
    desk = asked(up()).say('\r\n+CUSD: 1,"1 balance",15\r\n')
    assert desk.modem.heard[-1] == "AT+CUSD=2"


def test_a_request_from_the_network_is_ended_and_answers_nothing() -> None:
    desk = up().say('\r\n+CUSD: 1,"Press 1 to subscribe",15\r\n')
    assert (desk.modem.heard[-1], ended(desk)) == ("AT+CUSD=2", [])


def test_a_network_that_does_not_answer_is_given_up_after_half_a_minute() -> None:
    desk = asked(up()).run(29.0)
    assert ended(desk) == []
    desk.run(2.0)
    assert ended(desk) == [(7, UssdEnd.SILENT, "the network did not answer in time")]
    assert desk.modem.heard[-1] == "AT+CUSD=2"
    desk.say('\r\n+CUSD: 0,"late",15\r\n')
    assert len(ended(desk)) == 1


def given_up() -> Desk:
    """A modem whose request 7 had no answer."""
    return asked(up()).run(31.0)


def test_the_late_answer_to_one_request_is_not_the_answer_to_the_next() -> None:
    desk = asked(given_up().run(9.0), 8, "*102#")
    why = "the answer to the request before may still come; ask again in 50 s"
    assert ended(desk)[1:] == [(8, UssdEnd.BUSY, why)]
    desk.say('\r\n+CUSD: 0,"Balance 10.00 EUR",15\r\n')
    assert len(ended(desk)) == 2
    assert desk.modem.heard.count(ASK) == 1


@pytest.mark.parametrize(
    "late", ['+CUSD: 0,"Balance 10.00",15', '+CUSD: 0,"Balance\r\n10.00",15', "+CUSD: 5"]
)
def test_once_the_late_answer_is_there_the_next_request_is_asked(late: str) -> None:
    desk = asked(given_up().say(f"\r\n{late}\r\n"), 8)
    desk.say('\r\n+CUSD: 0,"Balance 9.00",15\r\n')
    assert ended(desk)[1:] == [(8, UssdEnd.DONE, "Balance 9.00")]


def test_an_answer_that_never_comes_does_not_bar_the_next_request_for_ever() -> None:
    desk = asked(given_up().run(60.0), 8).say('\r\n+CUSD: 0,"Balance 9.00",15\r\n')
    assert ended(desk)[1:] == [(8, UssdEnd.DONE, "Balance 9.00")]


def test_that_the_modem_confirms_the_end_of_the_session_is_no_late_answer() -> None:
    desk = given_up().say("\r\n+CUSD: 2\r\n")
    assert ended(asked(desk, 8))[-1][:2] == (8, UssdEnd.BUSY)
    desk.say('\r\n+CUSD: 0,"Balance 10.00",15\r\n')
    asked(desk, 9).say("\r\n+CUSD: 2\r\n")
    assert ended(desk)[-1] == (9, UssdEnd.REFUSED, "the network ended the session"), "that one was not ours"


def test_the_answer_to_a_request_before_the_port_went_is_not_the_answer_to_the_next() -> None:
    desk = asked(up())
    desk.session.lost(desk.now, "the connection broke")
    desk.plug().run(5.0)
    assert desk.state is ModemState.READY
    assert ended(asked(desk, 8))[-1][:2] == (8, UssdEnd.BUSY)
    desk.say('\r\n+CUSD: 0,"Balance 10.00",15\r\n')
    asked(desk, 9).say('\r\n+CUSD: 0,"Balance 9.00",15\r\n')
    assert ended(desk)[-1] == (9, UssdEnd.DONE, "Balance 9.00")


def test_a_modem_that_started_anew_owes_no_answer() -> None:
    desk = given_up().say("\r\n^SYSSTART\r\n").run(20.0)
    assert desk.state is ModemState.READY
    asked(desk, 8).say('\r\n+CUSD: 0,"Balance 9.00",15\r\n')
    assert ended(desk)[1:] == [(8, UssdEnd.DONE, "Balance 9.00")]


def test_a_request_that_never_left_bars_nothing() -> None:
    desk = up()
    desk.submit(job(now=desk.now, patience=200.0), permitted=False)
    asked(desk).run(31.0)
    assert ended(desk)[0][1] is UssdEnd.SILENT
    desk.session.permit(1, False, desk.now)
    desk.settle()
    asked(desk, 8).say('\r\n+CUSD: 0,"Balance 9.00",15\r\n')
    assert ended(desk)[1:] == [(8, UssdEnd.DONE, "Balance 9.00")]


def test_an_answer_whose_end_never_comes_is_told_as_far_as_it_came() -> None:
    desk = asked(up()).say('\r\n+CUSD: 0,"Balance 10.00\r\nEUR\r\n').run(40.0)
    assert ended(desk) == [(7, UssdEnd.DONE, "Balance 10.00\nEUR")]


def test_an_answer_without_end_has_a_bound() -> None:
    desk = asked(up()).say('\r\n+CUSD: 0,"Balance\r\n' + "more\r\n" * 100)
    ((_, end, text),) = ended(desk)
    assert (end, len(text) < 200) == (UssdEnd.DONE, True)


def test_a_stick_that_refuses_the_code_as_text_gets_it_packed_and_that_is_remembered() -> None:
    desk = asked(up({ASK: ERROR, PACKED: OK})).say('\r\n+CUSD: 0,"Balance",15\r\n')
    asked(desk, 8).say('\r\n+CUSD: 0,"Balance",15\r\n')
    assert [text for text in desk.modem.heard if "CUSD" in text] == [ASK, PACKED, PACKED]
    assert [request for request, _, _ in ended(desk)] == [7, 8]


def test_a_modem_that_refuses_both_has_refused() -> None:
    desk = asked(up({ASK: "\r\n+CME ERROR: 3\r\n", PACKED: ERROR})).run(60.0)
    assert ended(desk) == [(7, UssdEnd.REFUSED, "+CME ERROR: 3")]
    assert desk.state is ModemState.READY


def test_a_modem_that_hangs_on_the_request_is_found_again() -> None:
    desk = asked(up({ASK: None})).run(11.0)
    assert ended(desk) == [(7, UssdEnd.SILENT, "AT+CUSD: no answer")]
    desk.until(lambda: desk.state is ModemState.READY, 5.0)


@pytest.mark.parametrize("code", ["", "100", "*100#;+CMGD=1", '*1"', "*1\r", "A", "*" * 41])
def test_only_digits_stars_and_hashes_are_sent(code: str) -> None:
    desk = up()
    before = desk.written
    asked(desk, code=code)
    if code == "100":
        assert b'"100"' in desk.written
    else:
        assert ended(desk) == [(7, UssdEnd.REFUSED, "a USSD code is made of digits, * and #")]
        assert desk.written == before


def test_a_second_request_is_refused_while_one_is_under_way() -> None:
    desk = asked(asked(up()), 8)
    assert ended(desk) == [(8, UssdEnd.BUSY, "another USSD request is under way")]


def test_a_modem_that_is_not_ready_takes_no_request() -> None:
    desk = asked(Desk())
    ((_, end, text),) = ended(desk)
    assert (end, text) == (UssdEnd.REFUSED, "the modem is absent: ")


def test_a_port_that_goes_ends_the_request() -> None:
    desk = asked(up())
    desk.session.lost(desk.now, "unplugged")
    desk.run(60.0)
    assert ended(desk) == [(7, UssdEnd.REFUSED, "unplugged")]


def test_a_request_that_is_never_asked_ends_all_the_same() -> None:
    desk = up()
    desk.submit(job(now=desk.now, patience=200.0))
    desk.modem.on_pdu = lambda _: None
    desk.submit(job(2, now=desk.now, patience=200.0))
    desk.modem.deaf = True
    asked(desk).run(40.0)
    assert ended(desk) == [(7, UssdEnd.SILENT, "the network did not answer in time")]
    assert ASK not in desk.modem.heard


def test_the_texts_of_the_network_are_in_no_trace() -> None:
    desk = asked(up()).say('\r\n+CUSD: 0,"Balance 10.00\r\nfor 07700900123",15\r\n')
    shown = " ".join(line.text for line in desk.session.trace.lines())
    assert "Balance" not in shown
    assert "07700900123" not in shown
    assert desk.told(FaultSeen) == []


def test_a_report_and_a_notice_between_the_lines_of_an_answer_are_not_taken_for_its_text() -> None:
    desk = asked(up())
    desk.say('\r\n+CUSD: 0,"Your balance:\r\n')
    desk.say("\r\n+CDS: 25\r\n079144770090000006090C91447700091000511090718384225110907183252200\r\n")
    desk.say('\r\n+CMTI: "SM",3\r\n3.20 EUR",15\r\n')
    assert ended(desk) == [(7, UssdEnd.DONE, "Your balance:\n3.20 EUR")]
    assert [fact.report.tp_mr for fact in desk.told(ReportArrived)] == [9]
    assert "AT+CMGR=3" in desk.modem.heard
