"""The trace shows a dialogue and hides what it carries."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.at.engine import Command, Engine, Shape
from simcourier.at.trace import Trace, TraceLine, mask, mask_unasked

PDU = "0031000B914477009000F1000044" + "C8329BFD0655E5206AB3CD7EB3D9A01B"


def texts(trace: Trace) -> list[str]:
    return [line.text for line in trace.lines()]


def test_a_dialogue_is_shown_with_its_pdu_as_a_length() -> None:
    trace = Trace()
    engine = Engine(trace)
    engine.in_step()
    engine.send(Command("AT+CMGS=43", (), 5.0, Shape.PROMPT), 1.0)
    engine.receive(b"\r\n> ", 2.0)
    engine.type_pdu(PDU, ("+CMGS",), 5.0, 3.0)
    engine.receive(PDU.encode() + b"\x1a\r\n+CMGS: 64\r\nOK\r\n", 4.0)
    assert trace.lines() == [
        TraceLine(1, 1.0, "<", "AT+CMGS=43"),
        TraceLine(2, 2.0, ">", ">"),
        TraceLine(3, 3.0, "<", "<PDU 30 octets>"),
        TraceLine(4, 4.0, ">", "+CMGS: 64"),
        TraceLine(5, 4.0, ">", "OK"),
    ]


def test_lines_after_a_number_and_no_more_than_the_limit() -> None:
    trace = Trace(limit=3)
    for number in range(10):
        trace.sent(f"AT+X={number}", float(number))
    assert [line.seq for line in trace.lines()] == [8, 9, 10]
    assert [line.text for line in trace.lines(after=9)] == ["AT+X=9"]
    assert trace.lines(after=10) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+CSQ: 20,99", "+CSQ: 20,99"),
        ("+CMGS: 255", "+CMGS: 255"),
        ("490154203237518", "***********7518"),
        ("+CCID: 8944110000000000017", "+CCID: ***************0017"),
        ('+CSCA: "+447700900123",145', '+CSCA: "+********0123",145'),
        ('+CSCA: "002B003400340037003700300030",145', '+CSCA: "<PDU 14 octets>",145'),
        ("12345", "***45"),
    ],
)
def test_numbers_keep_their_last_digits(text: str, shown: str) -> None:
    assert mask(text) == shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("RING", "RING"),
        ("^RSSI: 12", "^RSSI: 12"),
        ('+CDSI: "SR",5', '+CDSI: "SR",5'),
        ("Your code is 123456", "<19 characters>"),
        ("code 12", "<7 characters>"),
        ('+CUSD: 0,"Your code is 12"', '+CUSD: 0,"..."'),
        ('+CMT: "+447700900123",,"26/11/23', '+CMT: "...",,"..."'),
        ('"1234"', "<6 characters>"),
    ],
)
def test_a_line_that_nobody_asked_for_shows_no_text(line: str, shown: str) -> None:
    assert mask_unasked(line) == shown


def test_a_pin_is_hidden_also_in_its_echo() -> None:
    trace = Trace()
    trace.sent('AT+CPIN="1234"', 0.0)
    trace.heard('AT+CPIN="1234"', 0.0)
    trace.sent("AT+CPIN?", 0.0)
    trace.heard("+CPIN: SIM PIN", 0.0)
    assert texts(trace) == ["AT+CPIN=****", "AT+CPIN=****", "AT+CPIN?", "+CPIN: SIM PIN"]


def test_the_pieces_of_a_pdus_echo_are_hidden() -> None:
    trace = Trace()
    engine = Engine(trace)
    engine.receive(b"0011\r^RSSI: 3\r" + PDU[4:].encode() + b"\x1a\r", 0.0)
    assert texts(trace) == ["<PDU 2 octets>", "^RSSI: 3", "<PDU 28 octets>"]


@given(
    st.text(alphabet="0123456789ABCDEF", min_size=24, max_size=60), st.sampled_from(["", "+X: ", '+X: 1,"'])
)
def test_no_stretch_of_a_pdu_is_ever_shown(pdu: str, before: str) -> None:
    trace = Trace()
    trace.heard(before + pdu, 0.0)
    trace.heard_unasked(before + pdu, 0.0)
    trace.sent(before + pdu, 0.0)
    trace.sent_pdu(pdu, 0.0)
    trace.heard_pdu(pdu, 0.0)
    for text in texts(trace):
        assert not any(pdu[start : start + 6] in text for start in range(len(pdu) - 5))


class ChangesOnce(deque[tuple[int, float, str, str]]):
    """A deque that another thread appends to while it is first copied."""

    def __iter__(self) -> Iterator[tuple[int, float, str, str]]:
        lines = super().__iter__()
        if len(self) == 1:
            self.append((2, 0.0, ">", "late"))
        return lines


def test_a_line_recorded_while_the_trace_is_read_does_no_harm() -> None:
    trace = Trace()
    trace._lines = ChangesOnce()
    trace.heard("OK", 0.0)
    assert texts(trace) == ["OK", "late"]


@pytest.mark.parametrize(
    "line",
    ['+CPIN="1234"', "#4829 is your code", "*100# Dear Ann", "$GPRMC,1235,A,4807.038,N,0113.000,E", "+4 Ann"],
)
def test_a_line_that_only_begins_like_a_notice_is_not_shown(line: str) -> None:
    assert mask_unasked(line) == f"<{len(line)} characters>"


@pytest.mark.parametrize(
    "line", ["+CME ERROR: 10", "+CMS ERROR: SIM busy", "OK", "ERROR", "^SYSSTART", "!GSTATUS:"]
)
def test_what_a_modem_says_by_itself_without_a_word_of_anybodys_is_shown(line: str) -> None:
    assert mask_unasked(line) == line
