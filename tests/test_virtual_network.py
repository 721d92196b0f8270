"""What the virtual network does with a message: validity, loss, joining, copies, records."""

from __future__ import annotations

from datetime import UTC, datetime

import gsmmodem.pdu
import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_desk import PHONE, WALL_S, Desk, lines

from simcourier.virtual.fields import encode_timestamp
from simcourier.virtual.handset import Handsets
from simcourier.virtual.sim import HELD_LIMIT


def _send_pdus(desk: Desk, pdus: list) -> None:  # type: ignore[type-arg]  # gsmmodem's own class
    for pdu in pdus:
        desk.type(b"AT+CMGS=%d\r" % pdu.tpduLength)
        desk.type(str(pdu).encode() + b"\x1a")


def test_a_record_says_all_that_the_network_saw() -> None:
    desk = Desk("report_status = 0x46\nfirst_mr = 9")
    desk.quiet()
    desk.send(vp=11)
    (record,) = desk.network.records
    assert (record.modem, record.mr, record.to, record.text, record.vp) == (
        "modem-000",
        9,
        PHONE,
        "Your code is 123456",
        3600.0,
    )
    assert (record.srr, record.pid, record.dcs, record.alphabet) == (True, 0, 0, "gsm7")
    assert (record.parts, record.delivered, record.tp_st) == (0, False, 0x46)


@pytest.mark.parametrize("text", ["hello there " * 20, "жизнь " * 40])
def test_a_handset_joins_the_parts_of_a_long_message(text: str) -> None:
    desk = Desk()
    desk.quiet()
    pdus = gsmmodem.pdu.encodeSmsSubmitPdu(PHONE, text, reference=3)
    assert len(pdus) > 1
    _send_pdus(desk, pdus)
    (message,) = desk.network.handsets.inbox(PHONE)
    assert (message.text, message.parts, message.sender) == (text, len(pdus), desk.modem.sim.number)


def test_parts_are_joined_in_any_order_and_repeated_ones_are_counted() -> None:
    desk = Desk()
    desk.quiet()
    first, second, third = gsmmodem.pdu.encodeSmsSubmitPdu(PHONE, "ab " * 120, reference=3)
    _send_pdus(desk, [third, first, third, second])
    (message,) = desk.network.handsets.inbox(PHONE)
    assert (message.text, message.repeated_parts) == ("ab " * 120, 1)


def test_parts_of_two_modems_with_the_same_reference_are_kept_apart() -> None:
    desk = Desk(modems=2)
    desk.quiet()
    desk.quiet(modem=1)
    for number, pdu in enumerate(gsmmodem.pdu.encodeSmsSubmitPdu(PHONE, "x" * 200, reference=3)):
        desk.type(b"AT+CMGS=%d\r" % pdu.tpduLength, modem=number)
        desk.type(str(pdu).encode() + b"\x1a", modem=number)
    assert desk.texts() == []


def test_a_copy_is_told_from_a_first_arrival() -> None:
    desk = Desk(modems=2)
    desk.quiet()
    desk.quiet(modem=1)
    desk.send()
    desk.send("Another code")
    desk.send(modem=1)
    assert [message.copy for message in desk.network.handsets.inbox(PHONE)] == [1, 1, 2]


def test_a_message_whose_validity_ends_first_is_not_delivered_and_says_so() -> None:
    desk = Desk("delivery_delay = 400")
    desk.quiet("AT+CNMI=2,1,0,1,0")
    desk.send(vp=0)
    assert desk.wait(299.0) == b""
    _, pdu = lines(desk.wait(1.0))
    assert gsmmodem.pdu.decodeSmsPdu(pdu)["status"] == 0x46
    desk.wait(1000.0)
    assert desk.texts() == []


def test_a_message_delivered_within_its_validity_is_reported_even_when_the_report_is_late() -> None:
    desk = Desk("delivery_delay = 200\nreport_delay = 200")
    desk.quiet("AT+CNMI=2,1,0,1,0")
    desk.send(vp=0)
    _, pdu = lines(desk.wait(400.0))
    assert gsmmodem.pdu.decodeSmsPdu(pdu)["status"] == 0
    assert desk.texts() == ["Your code is 123456"]


def test_an_absolute_validity_is_measured_on_the_service_centres_clock() -> None:
    desk = Desk("delivery_delay = 61")
    desk.quiet("AT+CNMI=2,1,0,1,0")
    until = encode_timestamp(int(WALL_S) + 60)
    assert datetime.fromtimestamp(WALL_S, UTC).year == 2023
    body = bytes.fromhex("39000C914477000910320000") + until + b"\0"
    desk.type(b"AT+CMGS=%d\r" % len(body))
    desk.type(b"00" + body.hex().encode() + b"\x1a")
    assert desk.network.records[0].vp == 60.0
    _, pdu = lines(desk.wait(60.0))
    assert gsmmodem.pdu.decodeSmsPdu(pdu)["status"] == 0x46


def test_a_lost_message_is_answered_and_never_heard_of_again() -> None:
    desk = Desk("lost_rate = 1")
    desk.quiet("AT+CNMI=2,1,0,1,0")
    assert lines(desk.send()) == ["+CMGS: 0", "OK"]
    assert desk.wait(10_000.0) == b""
    assert desk.texts() == []
    assert desk.network.stats.lost == 1


def test_a_modem_pulled_out_before_its_answer_has_sent_all_the_same() -> None:
    desk = Desk("submit_delay = 10")
    desk.quiet()
    desk.send()
    desk.modem.unplug(desk.now)
    desk.wait(10.0)
    assert desk.texts() == ["Your code is 123456"]
    assert len(desk.modem.sim.held) == 1


def test_what_is_kept_for_a_sim_has_a_bound() -> None:
    desk = Desk()
    desk.modem.unplug(desk.now)
    for number in range(HELD_LIMIT + 5):
        desk.network.text(PHONE, desk.modem.sim, f"text {number}", desk.now)
    assert len(desk.modem.sim.held) == HELD_LIMIT
    assert desk.network.stats.dropped == 5


def test_handsets_forget_the_oldest_message_of_all() -> None:
    desk = Desk()
    desk.quiet()
    desk.network.handsets = Handsets(kept=3)
    for number in range(5):
        desk.send(f"code {number}", to=f"+44770090000{number % 2}")
    assert desk.texts("+447700900000") == ["code 2", "code 4"]
    assert desk.texts("+447700900001") == ["code 3"]


def test_handsets_forget_the_oldest_unfinished_message() -> None:
    desk = Desk()
    desk.quiet()
    desk.network.handsets = Handsets(kept_fragments=1)
    old, new = (gsmmodem.pdu.encodeSmsSubmitPdu(PHONE, "x" * 200, reference=ref) for ref in (1, 2))
    _send_pdus(desk, [old[0], new[0], old[1], new[1]])
    assert desk.texts() == []
    _send_pdus(desk, [new[0]])
    assert desk.texts() == ["x" * 200]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=40), st.integers(0, 5))
def test_every_report_asked_for_comes_back_once_to_the_sim_that_asked(
    sends: list[tuple[int, bool]], seed: int
) -> None:
    desk = Desk(f"seed = {seed}\nsubmit_delay = [0.0, 2.0]\nreport_delay = [0.0, 9.0]", modems=4)
    for modem in range(4):
        desk.quiet("AT+CNMI=2,1,0,1,0", modem=modem)
    wanted: dict[int, list[int]] = {modem: [] for modem in range(4)}
    said = dict.fromkeys(range(4), b"")
    for modem, srr in sends:
        said[modem] += desk.send(modem=modem, srr=srr)
        if srr:
            wanted[modem].append(desk.network.records[-1].mr)
        said[0] += desk.wait(2.0)
        for each in range(4):
            said[each] += desk.modems[each].take_output()
    said[0] += desk.wait(20.0)
    for modem in range(4):
        answer = lines(said[modem] + desk.modems[modem].take_output())
        reports = [gsmmodem.pdu.decodeSmsPdu(line) for line in answer if line.startswith("0791")]
        assert sorted(report["reference"] for report in reports) == wanted[modem]
