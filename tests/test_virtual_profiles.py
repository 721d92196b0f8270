"""The makes of modem that the virtual modem plays: each oddity on the bytes, from recorded dialogues and manuals."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from virtual_desk import PHONE, Desk, lines, submit_pdu

from simcourier.virtual import alphabet, fields
from simcourier.virtual.profiles import PROFILES

VENDORS = ["huawei", "zte", "quectel", "simcom-2g", "simcom-lte", "telit", "sierra", "u-blox", "cinterion",
           "wavecom", "nokia", "qualcomm", "brovi"]  # fmt: skip
PROMPTS = {"simcom-7670g": b"\r\n>\r\n"}


def desk_of(profile: str, more: str = "", **options: Any) -> Desk:
    """A modem of one make that has started long ago, without echo."""
    desk = Desk(f'profile = "{profile}"\nchatter = 0\n{more}', **options)
    desk.wait(20.0)
    for modem in range(len(desk.modems)):
        desk.type(b"AT\r", modem)
        desk.wait(0.1)
        assert desk.ask("ATE0", modem)[-1] == "OK"
        desk.wait(0.1)
        ask(desk, "AT+CPIN?", modem)
    return desk


def ask(desk: Desk, command: str, modem: int = 0) -> list[str]:
    """Ask, with the pause that some makes want between commands."""
    said = desk.ask(command, modem)
    desk.wait(0.1)
    return said


def send(desk: Desk, modem: int = 0, **more: Any) -> list[str]:
    """Send a message, whatever the prompt looks like."""
    command, pdu = submit_pdu(**more)
    said = desk.type(command, modem)
    assert b">" in said, said
    said = desk.type(pdu, modem)
    desk.wait(0.1)
    return lines(said)


def test_each_make_that_is_supported_can_be_played() -> None:
    assert set(VENDORS) <= set(PROFILES)
    assert all(name == profile.name for name, profile in PROFILES.items())


@pytest.mark.parametrize("profile", PROFILES)
def test_each_make_sends_a_message(profile: str) -> None:
    desk = desk_of(profile)
    assert ask(desk, "AT+CMGF=0")[-1] == "OK"
    assert send(desk) == ["+CMGS: 0", "OK"]
    assert desk.texts() == ["Your code is 123456"]


@pytest.mark.parametrize("profile", PROFILES)
def test_each_make_has_an_imei_and_says_who_made_it(profile: str) -> None:
    desk = desk_of(profile)
    assert ask(desk, "AT+CGSN")[0] == "001017000000003"
    assert ask(desk, "AT+CGMI")[0] == PROFILES[profile].manufacturer
    assert ask(desk, "AT+CGMM")[0] == PROFILES[profile].model


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "nokia"])
def test_each_make_gives_a_report_by_the_routing_that_it_can_do(profile: str) -> None:
    desk = desk_of(profile)
    for csms, routing in itertools.product(
        "01", ["2,1,0,1,0", "2,1,0,1,1", "1,1,0,1,0", "2,1,0,2,0", "1,1,0,2,0"]
    ):
        ask(desk, f"AT+CSMS={csms}")
        if ask(desk, f"AT+CNMI={routing}")[-1] == "OK":
            break
    else:
        pytest.fail("no routing is taken")
    said = send(desk)
    assert [line for line in said if line.startswith(("+CDS", "+CDSI"))], said


@pytest.mark.parametrize("profile", PROFILES)
def test_each_make_without_a_sim_refuses_with_an_error(profile: str) -> None:
    desk = Desk(f'profile = "{profile}"\nsim = "missing"\nchatter = 0')
    desk.wait(20.0)
    desk.type(b"AT\r")
    desk.wait(0.1)
    assert "ERROR" in ask(desk, "AT+CPIN?")[-1]
    assert "ERROR" in ask(desk, "AT+CIMI")[-1]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_pulled_sim_is_told_by_those_that_tell_it(profile: str) -> None:
    desk = desk_of(profile, '[[rule]]\nfrom = 60\nuntil = 70\nsim = "missing"')
    told = lines(desk.wait(100.0))
    make = PROFILES[profile]
    assert told == [*make.sim_gone, *make.sim_back]


# -- what is odd about whom -------------------------------------------------------------------------------


def test_huawei_packs_ussd_into_septets_in_hexadecimal() -> None:
    desk = desk_of("huawei", 'ussd = { "*100#" = "1234567", "*101#" = "Кредит" }')
    # TS 23.038 section 6.1.2.3.1: seven characters leave seven bits, which hold a carriage return.
    packed = alphabet.pack(alphabet.encode("1234567\r") or b"").hex().upper()
    assert packed == "31D98C56B3DD1A"
    assert ask(desk, 'AT+CUSD=1,"AA180C3602",15') == ["OK", f'+CUSD: 0,"{packed}",15']
    assert ask(desk, 'AT+CUSD=1,"*100#",15') == ["OK", f'+CUSD: 0,"{packed}",15']
    ucs2 = "Кредит".encode("utf-16-be").hex().upper()
    assert ask(desk, 'AT+CUSD=1,"*101#",15') == ["OK", f'+CUSD: 0,"{ucs2}",72']


def test_some_write_ussd_in_ucs2() -> None:
    desk = desk_of("zte", 'ussd = { "*100#" = "10" }')
    assert ask(desk, 'AT+CUSD=1,"*100#",15') == ["OK", '+CUSD: 0,"00310030",72']


def test_huawei_leaves_the_quotes_out_of_creg_and_an_empty_line_before_ok() -> None:
    desk = desk_of("huawei")
    assert desk.type(b"AT+CREG=2;+CREG?\r") == b"\r\n+CREG: 2,1,4CA1,01DE445\r\n\r\n\r\nOK\r\n"
    assert ask(desk, "AT^ICCID?") == ["^ICCID: 8944000000000000001", "OK"]
    assert ask(desk, "AT+CCID") == ["ERROR"]


def test_huawei_chatters_until_it_is_told_not_to() -> None:
    desk = Desk('profile = "huawei"')
    said = desk.wait(60.0)
    assert said.count(b"\r\n^RSSI: 19\r\n") >= 3
    assert b"\r\n^MODE:7,7\r\r\n" in said
    assert desk.ask("ATE0^CURC=0")[-1] == "OK"
    assert desk.wait(600.0) == b""
    desk.modem.replug(desk.now)
    assert b"^RSSI" in desk.wait(60.0)


def test_chatter_can_be_had_more_often_or_not_at_all() -> None:
    often, never = Desk('profile = "huawei"\nchatter = 10'), Desk('profile = "huawei"\nchatter = 0')
    assert len(lines(often.wait(100.0))) > 250
    never.type(b"ATE0\r")
    assert b"^RSSI" not in never.wait(100.0)
    assert never.modem.next_deadline() is None


def test_huawei_e1752_does_not_know_error_and_counts_places_from_nought() -> None:
    desk = desk_of("huawei-e1752")
    assert ask(desk, "AT+NOSUCH") == ["COMMAND NOT SUPPORT"]
    assert ask(desk, "AT+CMMS=1") == ["+CMS ERROR: 500"]
    ask(desk, "AT+CNMI=2,1,0,2,0")
    assert send(desk)[2:] == ['+CDSI: "SR",0']
    assert b"+CMGS\r\r\n" in desk.type(b"AT+CLAC\r")


def test_huawei_e3131_announces_a_report_for_the_other_store() -> None:
    desk = desk_of("huawei-e3131")
    assert ask(desk, "AT+CNMI=2,1,0,2,0") == ["+CMS ERROR: 303"]
    assert ask(desk, "AT+CNMI=1,1,0,2,0") == ["OK"]
    assert send(desk)[2:] == ['+CDSI: "MT",1']
    assert ask(desk, 'AT+CPMS="MT"') == ["+CMS ERROR: 302"]
    ask(desk, 'AT+CPMS="ME"')
    assert ask(desk, "AT+CMGR=1") == ["+CMS ERROR: 321"]
    ask(desk, 'AT+CPMS="SM"')
    assert ask(desk, "AT+CMGR=1")[0].startswith("+CMGR: 0,,25")
    assert ask(desk, "AT+CLAC") == []


def test_huawei_e1550_hangs_at_an_overlong_pdu_and_holds_the_prompt_at_a_long_ucs2_text() -> None:
    desk = desk_of("huawei-e1550")
    body = bytes([0x01, 0]) + fields.encode_address(PHONE) + bytes([0, 8, 140]) + "ж".encode("utf-16-be") * 70
    assert desk.type(b"AT+CMGS=%d\r" % len(body)).endswith(b"> ")
    assert desk.type(b"00" + body.hex().encode() + b"\x1a") == b""
    assert desk.type(b"AT\r") == b""
    assert lines(desk.type(b"\x1bAT\r")) == ["OK", "OK"]
    desk.type(b"AT+CMGS=20\r")
    assert desk.type(b"00" * 400 + b"\x1a") == b""
    assert desk.wait(1000.0) == b""
    assert desk.type(b"\x1bAT\r") == b""


def test_the_new_huawei_takes_all_three_stores_at_once_or_none() -> None:
    desk = desk_of("brovi")
    assert ask(desk, 'AT+CPMS="SM"') == ["ERROR"]
    assert ask(desk, 'AT+CPMS="SM","SM","SM"')[-1] == "OK"


def test_a_full_store_is_told_once_by_huawei() -> None:
    desk = desk_of("huawei", "storage_used = 20")
    ask(desk, "AT+CNMI=2,1,0,2,0")
    for _ in range(2):
        desk.network.text(PHONE, desk.modem.sim, "no room", desk.now)
    assert lines(desk.modem.take_output()) == ['^SMMEMFULL:"SM"']
    assert len(desk.modem.sim.held) == 2
    assert ask(desk, "AT+CMGD=1,4") == ["OK", '+CMTI: "SM",1', '+CMTI: "SM",2']


def test_zte_wants_to_be_asked_for_the_pin_first_and_floods_until_cpms() -> None:
    desk = Desk('profile = "zte"')
    desk.quiet()
    assert desk.ask("AT+CGMI") == ["ERROR"]
    assert desk.ask("AT+CPIN?") == ["+CPIN: READY", "OK"]
    assert desk.ask("AT+CGMI") == ["ZTE INCORPORATED", "OK"]
    assert desk.wait(60.0).count(b"+ZUSIMR:2") >= 25
    desk.ask("AT+CPMS?")
    assert desk.wait(60.0) == b""


def test_one_zte_announces_a_report_between_the_echo_of_cpms_and_its_answer() -> None:
    desk = desk_of("zte-mf626")
    ask(desk, "AT+CNMI=1,1,0,2,0")
    assert send(desk)[2:] == ['+CDSI: "SR",1']
    ask(desk, "ATE1")
    assert ask(desk, 'AT+CPMS="SR"')[:2] == ['AT+CPMS="SR"', '+CDSI: "SR",1']
    ask(desk, "AT+CMGR=1")
    assert ask(desk, 'AT+CPMS="SM"')[1].startswith("+CPMS: ")


@pytest.mark.parametrize("profile", ["zte", "qualcomm"])
def test_setting_csmp_clears_the_service_centre(profile: str) -> None:
    desk = desk_of(profile)
    assert ask(desk, "AT+CSMP=49,167,0,0") == ["OK"]
    assert ask(desk, "AT+CSCA?")[0] == '+CSCA: "",129'
    assert send(desk) == ["+CMS ERROR: 330"]


def test_quectel_announces_the_wrong_store_and_reads_nothing_there() -> None:
    desk = desk_of("quectel")
    ask(desk, "AT+CNMI=2,1,0,2,0")
    assert send(desk)[2:] == ['+CDSI: "SM",0']
    assert ask(desk, "AT+CMGR=0") == ["OK"]
    ask(desk, 'AT+CPMS="SR"')
    assert ask(desk, "AT+CMGL=4")[0].startswith("+CMGL: 1,0,,25")
    assert ask(desk, "ATI")[:2] == ["Quectel", "EC25"]


def test_a_make_without_phase_2_plus_refuses_csms_1() -> None:
    desk = desk_of("quectel-m95")
    assert ask(desk, "AT+CSMS=?") == ["+CSMS: (0,128)", "OK"]
    assert ask(desk, "AT+CSMS=1") == ["+CMS ERROR: 302"]


def test_simcom_2g_loses_the_first_command_and_is_ready_for_messages_late() -> None:
    desk = Desk('profile = "simcom-2g"')
    assert desk.type(b"AT\r") == b"\r\nRDY\r\n"
    desk.quiet("AT+CMEE=1")
    assert desk.ask("AT+CMGF=1") == ["ERROR"]
    said = lines(desk.wait(8.0))
    assert said == ["+CFUN: 1", "+CPIN: READY", "Call Ready", "SMS Ready"]
    assert desk.ask("AT+CMGF=1") == ["OK"]
    assert desk.ask("AT+CNMI?") == ["+CNMI: 2,1,0,0,0", "OK"]
    assert desk.ask("AT+CNMI=2,1,0,2,0") == ["+CMS ERROR: 303"]
    assert desk.ask("AT+NOSUCH") == ["+CME ERROR: 100"]
    assert desk.ask("AT+CCID") == ["8944000000000000001", "OK"]


def test_the_start_can_be_played_at_another_pace() -> None:
    desk = Desk('profile = "simcom-2g"\npace = 0')
    assert lines(desk.modem.take_output())[-1] == "SMS Ready"
    desk.type(b"AT\r")
    desk.quiet("AT+CMGF=1")


def test_what_needs_the_sim_is_not_said_without_it() -> None:
    desk = Desk('profile = "simcom-2g"\npin = "1234"\npace = 0')
    assert lines(desk.modem.take_output()) == ["RDY", "+CFUN: 1", "+CPIN: SIM PIN"]


def test_one_simcom_has_a_prompt_without_a_blank() -> None:
    desk = desk_of("simcom-7670g")
    command, pdu = submit_pdu()
    assert desk.type(command) == b"\r\n>\r\n"
    assert lines(desk.type(pdu)) == ["+CMGS: 0", "OK"]


def test_an_old_telit_loses_what_comes_too_soon_and_holds_short_lines_only() -> None:
    desk = desk_of("telit-gm862")
    assert desk.ask("AT") == ["OK"]
    assert desk.ask("AT") == []
    desk.wait(0.02)
    assert ask(desk, "AT" + "+CSQ;" * 20) == ["ERROR"]
    ask(desk, "AT+CNMI=2,1,0,1,0")
    assert ask(desk, "AT+CNMI=") == ["OK"]
    assert ask(desk, "AT+CNMI?") == ["+CNMI: 0,0,0,0,0", "OK"]


def test_telit_with_csms_1_withholds_the_next_report_until_cnma() -> None:
    desk = desk_of("telit")
    ask(desk, "AT+CSMS=1")
    ask(desk, "AT+CNMI=2,1,0,1,0")
    assert send(desk)[2] == "+CDS: 25"
    assert send(desk) == ["+CMGS: 1", "OK"]
    assert ask(desk, "AT+CNMA")[:2] == ["OK", "+CDS: 25"]


def test_an_old_sierra_says_ok_and_nothing_else() -> None:
    desk = desk_of("sierra-mc8775")
    assert [ask(desk, command) for command in ("AT+CPMS?", "AT+CPMS=?", "AT+CNMI?")] == [["OK"]] * 3


def test_sierra_has_no_mode_0() -> None:
    desk = desk_of("sierra")
    assert ask(desk, "AT+CNMI=0,0,0,0,0") == ["+CMS ERROR: 303"]
    assert ask(desk, "AT!ICCID?") == ["!ICCID: 8944000000000000001", "OK"]


def test_u_blox_keeps_quiet_by_default_and_announces_mt() -> None:
    desk = desk_of("u-blox")
    assert ask(desk, "AT+CNMI?") == ["+CNMI: 1,0,0,0,0", "OK"]
    ask(desk, "AT+CNMI=2,1,0,2,0")
    assert send(desk)[2:] == ['+CDSI: "MT",1']
    ask(desk, 'AT+CPMS="MT"')
    assert ask(desk, "AT+CMGR=1")[0].startswith("+CMGR: 0,,25")


def test_cinterion_wants_the_fifth_value_and_csms_for_direct_reports() -> None:
    desk = desk_of("cinterion")
    ask(desk, "AT+CMEE=2")
    assert ask(desk, "AT+CNMI=1,2,0,0,0") == ["+CMS ERROR: unknown error"]
    assert ask(desk, "AT+CNMI=1,2,0,0,1") == ["+CMS ERROR: unknown error"]
    ask(desk, "AT+CSMS=1")
    assert ask(desk, "AT+CNMI=1,2,0,0,1") == ["OK"]


def test_cinterion_loses_the_service_centre_by_atz_until_it_is_asked_for() -> None:
    desk = desk_of("cinterion")
    ask(desk, "ATZ")
    ask(desk, "ATE0")
    assert send(desk) == ["+CMS ERROR: 330"]
    ask(desk, "AT+CSCA?")
    assert send(desk) == ["+CMGS: 0", "OK"]


def test_wavecom_ends_cpin_without_ok_and_has_two_stores() -> None:
    desk = desk_of("wavecom")
    assert desk.type(b"AT+CPIN?\r") == b"\r\n+CPIN: READY\r\n"
    assert desk.ask("AT+CGMI") == [" WAVECOM MODEM", "OK"]
    assert desk.ask("AT+CGMR") == ["ERROR"]
    assert desk.ask("AT+CPMS=?") == ['+CPMS: (("SM","BM","SR"),("SM"))', "OK"]
    assert desk.ask('AT+CPMS="SM","SM","SM"') == ["ERROR"]
    assert desk.ask('AT+CPMS="SM","SM"') == ["+CPMS: 0,20,0,20", "OK"]
    assert desk.ask("AT+CNMI=2,1,0,1") == ["OK"]
    assert send(desk)[2] == "+CDS : 25"


def test_wavecom_is_busy_after_the_start() -> None:
    desk = Desk('profile = "wavecom"')
    desk.quiet("AT+CMEE=1")
    assert desk.ask("AT+CMGF=0") == ["+CME ERROR: 515"]
    desk.wait(3.0)
    assert desk.ask("AT+CMGF=0") == ["OK"]


def test_nokia_has_no_stores_and_no_notices() -> None:
    desk = desk_of("nokia")
    assert len(ask(desk, "AT+CGMR")) == 6
    assert ask(desk, "AT+CPMS=?") == ["+CPMS: (),(),()", "OK"]
    assert ask(desk, "AT+CPMS?") == ["+CPMS: ,,,,,,,,", "OK"]
    assert ask(desk, "AT+CNMI=?") == ask(desk, "AT+CNMI=2,1,0,1,0") == ["ERROR"]


def test_qualcomm_lists_what_it_refuses_and_its_sim_is_busy_at_first() -> None:
    desk = Desk('profile = "qualcomm"')
    desk.quiet("AT+CMEE=1", "AT+CPIN?")
    assert desk.ask("AT+CSCA?") == ["+CME ERROR: 14"]
    desk.wait(4.0)
    assert desk.ask("AT+CSCA?")[-1] == "OK"
    assert desk.ask("AT+CNMI=?") == ["+CNMI: (0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)", "OK"]
    for refused in ("2,1,0,2,0", "1,1,0,1,0"):
        assert desk.ask(f"AT+CNMI={refused}") == ["+CMS ERROR: 303"]
    assert desk.ask("AT+CNMI=1,1,0,2,0") == ["OK"]


def test_novatel_can_not_be_acknowledged_and_jams() -> None:
    desk = desk_of("novatel")
    ask(desk, "AT+CNMI=2,1,0,1,0")
    assert send(desk)[2] == "+CDS: 25"
    assert ask(desk, "AT+CNMA") == ["+CMS ERROR: 340"]
    assert send(desk) == ["+CMGS: 1", "OK"]


def test_d_link_reads_its_reports_one_by_one_only() -> None:
    desk = desk_of("d-link")
    ask(desk, "AT+CNMI=2,1,0,2,0")
    assert send(desk)[2:] == ['+CDSI: "SR",1']
    ask(desk, 'AT+CPMS="SR"')
    assert ask(desk, "AT+CMGL=4") == ["OK"]
    assert ask(desk, "AT+CMGD=1,4") == ["+CMS ERROR: 500"]
    assert ask(desk, "AT+CMGR=1")[0].startswith("+CMGR: 0,,25")
    assert ask(desk, "AT+CMGD=1") == ["OK"]


FORMS = ["", "?", "=?", "=", "=0", "=1", "=2,1,0,1,0", '="SM"', '="SM","SM","SM"', '=1,"*100#",15', "=,,,"]


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "standard"])
def test_no_make_falls_over_any_command(profile: str) -> None:
    desk = desk_of(profile)
    names = ["+CNMI", "+CPMS", "+CSMS", "+CSMP", "+CSCA", "+CMGL", "+CMGD", "+CNMA", "+CCID", "+CEER", "+CREG",
             "+CEREG", "+CUSD", "+CPINR", "+CNUM", "+CMMS", "^ICCID", "+CSCS", "+CFUN", "!ICCID"]  # fmt: skip
    for name, form in itertools.product(names, FORMS):
        desk.type(f"AT{name}{form}\r".encode())
        desk.wait(0.1)
    assert ask(desk, "ATE0")[-1] == "OK"
