"""How reports and texts come into the virtual modem (TS 27.005 section 3.4, TS 23.040 section 9.2.2.3)."""

from __future__ import annotations

import re

import gsmmodem.pdu
import pytest
from virtual_desk import PHONE, Desk, lines


def _report(line: str) -> dict:  # type: ignore[type-arg]  # what the other decoder returns
    return gsmmodem.pdu.decodeSmsPdu(line)


def test_a_report_is_announced_with_its_length_and_pdu() -> None:
    desk = Desk("report_delay = 2")
    desk.quiet("AT+CNMI=2,1,0,1,0")
    assert lines(desk.send()) == ["+CMGS: 0", "OK"]
    assert desk.wait(1.9) == b""
    header, pdu = lines(desk.wait(0.1))
    assert header == f"+CDS: {len(pdu) // 2 - 8}"
    told = _report(pdu)
    assert (told["type"], told["reference"], told["number"], told["status"]) == (
        "SMS-STATUS-REPORT",
        0,
        PHONE,
        0,
    )
    assert told["discharge"].timestamp() - told["time"].timestamp() == 2


def test_no_report_comes_that_was_not_asked_for() -> None:
    desk = Desk()
    desk.quiet("AT+CNMI=2,1,0,1,0")
    assert lines(desk.send(srr=False)) == ["+CMGS: 0", "OK"]
    assert desk.wait(60.0) == b""
    assert desk.texts() == ["Your code is 123456"]


def test_a_report_waits_until_someone_wants_it() -> None:
    desk = Desk()
    desk.quiet()
    assert lines(desk.send()) == ["+CMGS: 0", "OK"]
    assert desk.ask("AT+CNMI=2,1,0,1,0")[:2] == ["OK", "+CDS: 25"]


def test_with_ds_2_a_report_is_stored_and_read_and_deleted() -> None:
    desk = Desk()
    desk.quiet("AT+CNMI=2,1,0,2,0")
    assert lines(desk.send())[2:] == ['+CDSI: "SR",1']
    assert lines(desk.send())[2:] == ['+CDSI: "SR",2']
    assert desk.ask("AT+CMGR=2") == ["+CMS ERROR: 321"]
    assert desk.ask('AT+CPMS="SR"')[0] == "+CPMS: 2,20,0,20,0,20"
    header, pdu, final = desk.ask("AT+CMGR=2")
    assert (header, final) == ("+CMGR: 0,,25", "OK")
    assert _report(pdu)["reference"] == 1
    assert desk.ask("AT+CMGR=2")[0] == "+CMGR: 1,,25"
    assert [line for line in desk.ask("AT+CMGL=4") if line.startswith("+")] == [
        "+CMGL: 1,0,,25",
        "+CMGL: 2,1,,25",
    ]
    assert desk.ask("AT+CMGD=2") == ["OK"]
    assert desk.ask("AT+CMGD=?") == ["+CMGD: (1),(0-4)", "OK"]
    assert desk.ask("AT+CMGD=1,4;+CPMS?")[0] == '+CPMS: "SR",0,20,"SM",0,20,"SM",0,20'


def test_a_stored_report_is_read_in_text_mode() -> None:
    desk = Desk()
    desk.quiet('AT+CNMI=2,1,0,2,0;+CMGF=1;+CSCS="IRA"', 'AT+CPMS="SR"')
    desk.ask("AT+CMGF=0")
    desk.send()
    desk.ask("AT+CMGF=1")
    fields = '6,0,"+447700900123",145,"23/11/14,22:13:20+00","23/11/14,22:13:20+00",0'
    assert desk.ask("AT+CMGR=1") == [f'+CMGR: "REC UNREAD",{fields}', "OK"]
    assert desk.ask('AT+CMGL="REC READ"') == [f'+CMGL: 1,"REC READ",{fields}', "OK"]


def test_a_full_store_holds_the_next_report_until_there_is_room() -> None:
    desk = Desk("storage_size = 1")
    desk.quiet("AT+CNMI=2,1,0,2,0")
    desk.send()
    assert lines(desk.send()) == ["+CMGS: 1", "OK"]
    desk.ask('AT+CPMS="SR"')
    assert desk.ask("AT+CMGD=1") == ["OK", '+CDSI: "SR",1']


def test_a_scenario_may_store_what_should_come_at_once_and_the_other_way_round() -> None:
    for route, ds, line in (("stored", 1, '+CDSI: "SR",1'), ("direct", 2, "+CDS: 25")):
        desk = Desk(f'report_route = "{route}"')
        desk.quiet(f"AT+CNMI=2,1,0,{ds},0")
        assert lines(desk.send())[2] == line


def test_an_early_report_comes_before_its_reference() -> None:
    desk = Desk("early_report_rate = 1\nsubmit_delay = 1\nreport_delay = 5")
    desk.quiet("AT+CNMI=2,1,0,1,0")
    desk.send()
    said = lines(desk.wait(1.0))
    assert said[0] == "+CDS: 25"
    assert said[2:] == ["+CMGS: 0", "OK"]
    assert desk.wait(30.0) == b""
    assert desk.texts() == ["Your code is 123456"]


def test_a_report_of_an_earlier_message_may_come_while_the_next_is_sent() -> None:
    desk = Desk("submit_delay = 3\nreport_delay = 1")
    desk.quiet("AT+CNMI=2,1,0,1,0")
    desk.send()
    assert lines(desk.wait(3.0)) == ["+CMGS: 0", "OK"]
    desk.send()
    assert lines(desk.wait(2.0))[0] == "+CDS: 25"
    assert lines(desk.wait(1.0)) == ["+CMGS: 1", "OK"]


def test_nothing_unsolicited_comes_between_prompt_and_ctrl_z() -> None:
    desk = Desk("report_delay = 1")
    desk.quiet("AT+CNMI=2,1,0,1,0")
    desk.send()
    desk.type(b"AT+CMGS=20\r")
    assert desk.wait(5.0) == b""
    assert lines(desk.type(b"\x1b"))[:2] == ["OK", "+CDS: 25"]


def test_a_scenario_may_let_reports_into_the_prompt() -> None:
    desk = Desk("report_delay = 1\nurc_in_prompt = true")
    desk.quiet("AT+CNMI=2,1,0,1,0")
    desk.send()
    desk.type(b"AT+CMGS=20\r")
    assert lines(desk.wait(5.0))[0] == "+CDS: 25"


def test_with_csms_1_each_report_wants_its_acknowledgement() -> None:
    desk = Desk()
    desk.quiet("AT+CSMS=1", "AT+CNMI=2,1,0,1,0")
    assert lines(desk.send())[2] == "+CDS: 25"
    assert lines(desk.send()) == ["+CMGS: 1", "OK"]
    assert desk.ask("AT+CNMA")[:2] == ["OK", "+CDS: 25"]
    assert desk.ask("AT+CNMA=1") == ["OK"]
    assert desk.ask("AT+CNMA") == ["+CMS ERROR: 340"]


def test_without_an_acknowledgement_reports_are_switched_off_and_kept() -> None:
    desk = Desk()
    desk.quiet("AT+CSMS=1", "AT+CNMI=2,1,0,1,0")
    desk.send()
    desk.wait(40.0)
    assert desk.ask("AT+CNMI?")[0] == "+CNMI: 2,0,0,0,0"
    assert desk.ask("AT+CNMI=2,1,0,1,0")[:2] == ["OK", "+CDS: 25"]


def test_a_report_reaches_a_modem_that_was_away_when_it_comes_back() -> None:
    desk = Desk("report_delay = 5")
    desk.quiet("AT+CNMI=2,1,0,1,0")
    desk.send()
    desk.modem.unplug(desk.now, 60.0)
    assert desk.wait(59.0) == b""
    desk.wait(1.0)
    desk.type(b"ATE0\r")
    said = desk.ask("AT+CNMI=2,1,0,1,0")
    assert said[:2] == ["OK", "+CDS: 25"]
    assert _report(said[2])["reference"] == 0


def test_paused_reports_come_when_the_pause_ends() -> None:
    desk = Desk("[[rule]]\nuntil = 30\nreports_paused = true")
    desk.quiet("AT+CNMI=2,1,0,1,0")
    assert lines(desk.send()) == ["+CMGS: 0", "OK"]
    assert desk.wait(29.0) == b""
    assert lines(desk.wait(1.0))[0] == "+CDS: 25"


def test_no_reports_at_all() -> None:
    desk = Desk("reports = false")
    desk.quiet("AT+CNMI=2,1,0,1,0")
    desk.send()
    assert desk.wait(1000.0) == b""
    assert desk.texts() == ["Your code is 123456"]


def test_reports_tell_the_status_the_scenario_wants_after_an_interim_one() -> None:
    desk = Desk("report_status = 0x41\ninterim_status = 0x30\nreport_delay = 10")
    desk.quiet("AT+CNMI=2,1,0,1,0")
    first = re.findall(r"[0-9A-F]{50,}", desk.send().decode())
    last = re.findall(r"[0-9A-F]{50,}", desk.wait(20.0).decode())
    assert [_report(pdu)["status"] for pdu in first + last] == [0x30, 0x41]
    assert desk.texts() == []


# -- texts to the SIM -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mt", [1, 2])
def test_a_text_from_a_handset_is_stored_or_shown(mt: int) -> None:
    desk = Desk()
    desk.quiet(f"AT+CNMI=2,{mt},0,1,0")
    desk.network.text(PHONE, desk.modem.sim, "Hello", desk.now)
    said = lines(desk.modem.take_output())
    if mt == 1:
        assert said == ['+CMTI: "SM",1']
        said = desk.ask("AT+CMGR=1")
        assert said[0].startswith("+CMGR: 0,,")
    else:
        assert said[0].startswith("+CMT: ,")
    told = gsmmodem.pdu.decodeSmsPdu(said[1])
    assert (told["type"], told["number"], told["text"]) == ("SMS-DELIVER", PHONE, "Hello")


def test_a_text_is_shown_in_text_mode() -> None:
    desk = Desk()
    desk.quiet('AT+CMGF=1;+CSCS="IRA";+CNMI=2,2,0,1,0')
    desk.network.text(PHONE, desk.modem.sim, "Hello", desk.now)
    assert lines(desk.modem.take_output()) == ['+CMT: "+447700900123",,"23/11/14,22:13:20+00"', "Hello"]
    desk.quiet("AT+CNMI=2,1,0,1,0")
    desk.network.text(PHONE, desk.modem.sim, "Again", desk.now)
    assert lines(desk.modem.take_output()) == ['+CMTI: "SM",1']
    header = '"+447700900123",,"23/11/14,22:13:20+00"'
    assert desk.ask('AT+CMGL="ALL"') == [f'+CMGL: 1,"REC UNREAD",{header}', "Again", "OK"]
    assert desk.ask("AT+CMGR=1") == [f'+CMGR: "REC READ",{header}', "Again", "OK"]


def test_one_sim_can_text_another() -> None:
    desk = Desk(modems=2)
    desk.quiet("AT+CNMI=2,1,0,1,0")
    desk.quiet("AT+CNMI=2,2,0,0,0", modem=1)
    assert lines(desk.send("loop", to=desk.modems[1].sim.number))[2] == "+CDS: 25"
    _, pdu = lines(desk.modems[1].take_output())
    told = gsmmodem.pdu.decodeSmsPdu(pdu)
    assert (told["number"], told["text"]) == (desk.modem.sim.number, "loop")


def test_a_report_passes_a_text_that_finds_its_store_full() -> None:
    desk = Desk("storage_size = 1\nstorage_used = 1")
    desk.quiet("AT+CNMI=2,1,0,1,0")
    desk.network.text(PHONE, desk.modem.sim, "no room", desk.now)
    assert lines(desk.send())[2] == "+CDS: 25"
    assert len(desk.modem.sim.held) == 1
