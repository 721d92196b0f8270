"""What the virtual modem answers: dialogues written from V.250, TS 27.007 and TS 27.005."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_desk import PHONE, Desk, lines, submit_pdu

from simcourier.virtual.commands_27005 import ALL_COMMANDS
from simcourier.virtual.line import TYPED_LIMIT
from simcourier.virtual.profile import STANDARD, BootLine
from simcourier.virtual.profiles import PROFILES

FINALS = {"OK", "ERROR", "NO CARRIER", "0", "4"}

# -- the line ---------------------------------------------------------------------------------------------


def test_a_modem_echoes_until_it_is_told_not_to() -> None:
    desk = Desk()
    assert desk.type(b"AT\r") == b"AT\r\r\nOK\r\n"
    assert desk.type(b"ATE0\r") == b"ATE0\r\r\nOK\r\n"
    assert desk.type(b"AT\r") == b"\r\nOK\r\n"


def test_the_echo_comes_with_each_character() -> None:
    desk = Desk()
    assert [desk.type(bytes([octet])) for octet in b"AT"] == [b"A", b"T"]
    assert desk.type(b"\r") == b"\r\r\nOK\r\n"


def test_a_line_without_the_prefix_is_not_answered() -> None:
    desk = Desk()
    desk.quiet()
    assert desk.type(b"\r\nhello\r") == b""


def test_the_first_error_ends_the_line() -> None:
    desk = Desk()
    desk.quiet()
    assert desk.ask("AT+CSQ;+NOSUCH;+CMGF=1") == ["+CSQ: 20,99", "ERROR"]
    assert desk.ask("AT+CMGF?") == ["+CMGF: 0", "OK"]


def test_result_codes_can_be_numbers_and_can_be_suppressed() -> None:
    desk = Desk()
    desk.quiet()
    assert desk.type(b"ATV0\r") == b"0\r"
    assert desk.type(b"AT+CSQ\r") == b"+CSQ: 20,99\r\n0\r"
    assert desk.type(b"AT+NOSUCH\r") == b"4\r"
    assert desk.type(b"ATV1Q1\r") == b""
    assert desk.type(b"AT+CSQ\r") == b"\r\n+CSQ: 20,99\r\n"


def test_type_ahead_beyond_the_buffer_is_lost() -> None:
    desk = Desk("submit_delay = 5")
    desk.quiet()
    desk.send()
    desk.type(b"AT\r" * TYPED_LIMIT)
    answers = lines(desk.wait(5.0))
    assert answers[:2] == ["+CMGS: 0", "OK"]
    assert answers.count("OK") == 1 + TYPED_LIMIT // 3


def test_an_overlong_line_is_an_error_and_the_next_one_is_fine() -> None:
    desk = Desk()
    desk.quiet()
    assert desk.type(b"AT" + b"E0" * 3000 + b"\r") == b"\r\nERROR\r\n"
    assert desk.ask("AT") == ["OK"]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_chunking_never_changes_what_a_modem_says(sizes: list[int]) -> None:
    command, pdu = submit_pdu()
    typed = b"ATE0+CMEE=2;+CNMI=2,1,0,1,0\r" + command + pdu + b"AT+NOSUCH\rAT+CMGS=7\r00\x1bAT+CSQ;+CREG?\r"
    whole, pieces = Desk(), Desk()
    expected = lines(whole.type(typed))
    said, at = b"", 0
    while at < len(typed):
        size = sizes[at % len(sizes)]
        said += pieces.type(typed[at : at + size])
        at += size
    # Typed at once, the report may only come behind the last answer; each line is there all the same.
    assert sorted(lines(said)) == sorted(expected)


@given(st.binary(max_size=300))
def test_whatever_is_typed_the_modem_answers_again_after_escape(noise: bytes) -> None:
    desk = Desk()
    desk.type(noise)
    desk.type(b"\x1b\r")
    desk.type(b"ATE0V1Q0\r")
    assert desk.type(b"AT\r") == b"\r\nOK\r\n"


FORMS = ["", "?", "=?", "=", "=0", "=1", "=2", "=2,1,0,1,0", "=1,2,3,4,5,6", '="SM"', '="SC",2', '="', '=",',
         '=1,"*100#",15', '="IRA"', '="x y"', "=,,,,,,", "=\xb2", "=99999999999"]  # fmt: skip


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize("scenario", ["", 'sim = "missing"', 'pin = "1234"', "sim_ready_delay = 9"])
def test_every_command_in_every_form_has_one_final_result_code(scenario: str, mode: int) -> None:
    desk = Desk(scenario)
    for name, form in itertools.product(sorted(ALL_COMMANDS), FORMS):
        desk.type(f"ATE0V1Q0+CMEE=1;+CMGF={mode}\r".encode())
        said = desk.type(f"AT{name}{form}\r".encode("latin-1"))
        if said.endswith(b"> "):
            said = desk.type(b"\x1b")
        finals = [
            line for line in lines(said) if line in FINALS or line.startswith(("+CME ERROR", "+CMS ERROR"))
        ]
        assert len(finals) == 1, (name, form, said)


# -- identity and parameters ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("AT+CGMI", ["simcourier", "OK"]),
        ("AT+CGMM", ["Virtual Modem", "OK"]),
        ("AT+CGMR", ["1.0", "OK"]),
        ("AT+CGSN", ["001017000000003", "OK"]),
        ("AT+CIMI", ["001010000000000", "OK"]),
        ("AT+CCID", ["+CCID: 8944000000000000001", "OK"]),
        ("AT+ICCID", ["+ICCID: 8944000000000000001", "OK"]),
        ("AT+CNUM", ['+CNUM: "","+15550100000",145', "OK"]),
        ("AT+CPIN?", ["+CPIN: READY", "OK"]),
        ("AT+CPINR", ["+CPINR: SIM PIN,3,3", "+CPINR: SIM PUK,10,10", "OK"]),
        ("AT+CREG?", ["+CREG: 0,1", "OK"]),
        ("AT+CREG=2;+CREG?", ['+CREG: 2,1,"4CA1","01DE445",7', "OK"]),
        ("AT+CGREG?;+CEREG?", ["+CGREG: 0,1", "+CEREG: 0,1", "OK"]),
        ("AT+COPS?", ['+COPS: 0,0,"Virtual",7', "OK"]),
        ("AT+COPS=3,2;+COPS?", ['+COPS: 0,2,"00101",7', "OK"]),
        ("AT+COPS=?", ['+COPS: (2,"Virtual","Virtual","00101",7),,(0-4),(0,1,2)', "OK"]),
        ("AT+CSQ", ["+CSQ: 20,99", "OK"]),
        ("AT+CSCA?", ['+CSCA: "+15550109999",145', "OK"]),
        ('AT+CSCA="+15550101234";+CSCA?', ['+CSCA: "+15550101234",145', "OK"]),
        ("AT+CSCS=?", ['+CSCS: ("GSM","IRA","UCS2")', "OK"]),
        ('AT+CSCS="UCS2";+COPS?', ['+COPS: 0,0,"005600690072007400750061006C",7', "OK"]),
        ("AT+CSMS?", ["+CSMS: 0,1,1,1", "OK"]),
        ("AT+CSMS=1", ["+CSMS: 1,1,1", "OK"]),
        ("AT+CNMI=?", ["+CNMI: (0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)", "OK"]),
        ("AT+CNMI=2,1,0,2;+CNMI?", ["+CNMI: 2,1,0,2,0", "OK"]),
        ("AT+CPMS?", ['+CPMS: "SM",0,20,"SM",0,20,"SM",0,20', "OK"]),
        ('AT+CPMS="SR","ME"', ["+CPMS: 0,20,0,20,0,20", "OK"]),
        ("AT+CSMP=49,167,0,0;+CSMP?", ["+CSMP: 49,167,0,0", "OK"]),
        ("AT+CMMS=1;+CMMS?", ["+CMMS: 1", "OK"]),
        ("AT+CLIP=1;+CRC=1;+CVHU=0", ["OK"]),
        ("AT+CMGF=?;+CMEE=?;+CFUN=?", ["+CMGF: (0,1)", "+CMEE: (0-2)", "+CFUN: (0,1,4),(0,1)", "OK"]),
        ("AT+CMGS=?", ["OK"]),
        ('AT+CLCK="SC",2', ["+CLCK: 0", "OK"]),
        ("ATD123;", ["NO CARRIER"]),
    ],
)
def test_a_good_modem_answers_as_the_standard_has_it(command: str, answer: list[str]) -> None:
    desk = Desk()
    desk.quiet()
    assert desk.ask(command) == answer


def test_it_lists_its_commands() -> None:
    desk = Desk()
    desk.quiet()
    listed = desk.ask("AT+CLAC")
    assert {"+CMGS", "+CNMI", "+CSCS", "+CSQ"} < set(listed)
    assert listed[-1] == "OK"


def test_atz_restores_the_defaults() -> None:
    desk = Desk()
    desk.quiet("AT+CMGF=1;+CNMI=2,1,0,1,0;+CMEE=2")
    desk.type(b"ATZ\r")
    assert desk.ask("ATE0+CMGF?;+CNMI?;+CMEE?")[1:] == ["+CMGF: 0", "+CNMI: 0,0,0,0,0", "+CMEE: 0", "OK"]


@pytest.mark.parametrize(
    ("mode", "cme", "cms"),
    [
        (0, "ERROR", "+CMS ERROR: 321"),
        (1, "+CME ERROR: 10", "+CMS ERROR: 321"),
        (2, "+CME ERROR: SIM not inserted", "+CMS ERROR: invalid memory index"),
    ],
)
def test_errors_are_plain_or_numbers_or_words(mode: int, cme: str, cms: str) -> None:
    without, having = Desk('sim = "missing"'), Desk()
    for desk in (without, having):
        desk.quiet(f"AT+CMEE={mode}")
    assert without.ask("AT+CIMI") == [cme]
    assert having.ask("AT+CMGR=7") == [cms]


@pytest.mark.parametrize(
    "command",
    ["AT+CMGF=2", "AT+CMGF=x", "AT+CFUN=9", "AT+CMGF", "AT+COPS=9", 'AT+CSCS="EBCDIC"', "AT+CSMS=5", "ATE7", "AT+CGSN?",
     "AT+CLIP=2", "AT+CMEE=3,4"],
)  # fmt: skip
def test_a_parameter_out_of_range_is_an_error(command: str) -> None:
    desk = Desk()
    desk.quiet()
    assert desk.ask(command) == ["ERROR"]


@pytest.mark.parametrize(
    ("command", "error"),
    [("AT+CNMI=2,1,0,7,0", 303), ('AT+CPMS="XX"', 302), ("AT+CMGR=x", 321), ("AT+CMGD=99", 321), ("AT+CMGD=1,9", 302),
     ("AT+CMGS=0", 304), ("AT+CMGS=165", 304), ("AT+CMGL=9", 304), ("AT+CNMA", 340), ('AT+CSCA="x y z and more"', 304)],
)  # fmt: skip
def test_sms_commands_fail_with_their_own_numbers(command: str, error: int) -> None:
    desk = Desk()
    desk.quiet()
    assert desk.ask(command) == [f"+CMS ERROR: {error}"]


# -- SIM, registration, reset -----------------------------------------------------------------------------


def test_the_pin_unlocks_and_then_the_network_is_sought() -> None:
    desk = Desk('pin = "1234"\nregistration_delay = 3')
    desk.quiet("AT+CMEE=1;+CREG=1")
    assert desk.ask("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
    assert desk.ask("AT+CIMI") == ["+CME ERROR: 11"]
    assert desk.ask("AT+CMGS=20") == ["+CMS ERROR: 311"]
    assert desk.ask('AT+CPIN="9999"') == ["+CME ERROR: 16"]
    assert desk.ask("AT+CPINR")[0] == "+CPINR: SIM PIN,2,3"
    assert desk.ask('AT+CPIN="1234"') == ["OK", "+CREG: 2"]
    assert lines(desk.wait(3.0)) == ["+CREG: 1"]
    assert desk.ask("AT+CPINR")[0] == "+CPINR: SIM PIN,3,3"


def test_three_wrong_pins_ask_for_the_puk_and_the_puk_sets_a_new_pin() -> None:
    desk = Desk('pin = "1234"\npuk = "87654321"')
    desk.quiet("AT+CMEE=1")
    answers = [desk.ask('AT+CPIN="0000"') for _ in range(3)]
    assert answers == [["+CME ERROR: 16"], ["+CME ERROR: 16"], ["+CME ERROR: 12"]]
    assert desk.ask("AT+CPIN?") == ["+CPIN: SIM PUK", "OK"]
    assert desk.ask('AT+CPIN="1234"') == ["+CME ERROR: 12"]
    assert desk.ask('AT+CPIN="11111111","4321"') == ["+CME ERROR: 16"]
    assert desk.ask('AT+CPIN="87654321","4321"') == ["OK"]
    assert desk.ask("AT+CPIN?") == ["+CPIN: READY", "OK"]
    desk.modem.replug(desk.now)
    desk.quiet()
    assert desk.ask('AT+CPIN="4321"') == ["OK"]


def test_ten_wrong_puks_end_the_sim() -> None:
    desk = Desk('pin = "1234"\npin_tries = 0')
    desk.quiet("AT+CMEE=1")
    for _ in range(9):
        assert desk.ask('AT+CPIN="11111111","4321"') == ["+CME ERROR: 16"]
    assert desk.ask('AT+CPIN="11111111","4321"') == ["+CME ERROR: 13"]
    assert desk.ask("AT+CPIN?") == ["+CME ERROR: 13"]
    assert desk.ask('AT+CPIN="12345678","4321"') == ["+CME ERROR: 13"]


def test_a_used_up_pin_stays_used_up_when_the_modem_is_replugged() -> None:
    desk = Desk('pin = "1234"')
    desk.quiet("AT+CMEE=1")
    desk.ask('AT+CPIN="0000"')
    desk.modem.replug(desk.now)
    desk.type(b"ATE0\r")
    assert desk.ask("AT+CPINR")[0] == "+CPINR: SIM PIN,2,3"


def test_a_sim_is_busy_for_a_while_after_the_start() -> None:
    desk = Desk("sim_ready_delay = 5")
    desk.quiet("AT+CMEE=1")
    assert desk.ask("AT+CPIN?") == ["+CME ERROR: 14"]
    assert desk.ask("AT+CNMI=2,1,0,1,0") == ["+CMS ERROR: 314"]
    desk.wait(5.0)
    assert desk.ask("AT+CPIN?;+CNMI=2,1,0,1,0") == ["+CPIN: READY", "OK"]


def test_registration_follows_the_scenario_and_is_told() -> None:
    desk = Desk('registration_delay = 4\n[[rule]]\nfrom = 10\nuntil = 20\nregistration = "denied"')
    desk.quiet("AT+CREG=2;+CGREG=1")
    assert desk.ask("AT+CREG?") == ["+CREG: 2,2", "OK"]
    assert lines(desk.wait(5.0)) == ['+CREG: 1,"4CA1","01DE445",7', "+CGREG: 1"]
    assert lines(desk.wait(10.0)) == ["+CREG: 3", "+CGREG: 3"]
    assert desk.ask("AT+COPS?") == ["+COPS: 0", "OK"]
    assert lines(desk.wait(10.0))[0].startswith("+CREG: 1")


def test_without_radio_nothing_is_sent() -> None:
    desk = Desk()
    desk.quiet("AT+CREG=1")
    assert desk.ask("AT+CFUN=4") == ["OK", "+CREG: 0"]
    assert lines(desk.send()) == ["+CMS ERROR: 331"]
    assert desk.ask("AT+CFUN=1") == ["OK", "+CREG: 1"]
    assert lines(desk.send()) == ["+CMGS: 0", "OK"]


def test_a_reset_says_ok_then_forgets_everything() -> None:
    desk = Desk("boot_delay = 6")
    desk.wait(6.0)
    desk.quiet("AT+CMGF=1;+CNMI=2,1,0,1,0")
    assert desk.type(b"AT+CFUN=1,1\r") == b"\r\nOK\r\n"
    assert desk.type(b"AT\r") == b""
    desk.wait(6.0)
    assert desk.type(b"AT\r") == b"AT\r\r\nOK\r\n"
    assert desk.ask("ATE0+CNMI?")[1:] == ["+CNMI: 0,0,0,0,0", "OK"]


def test_a_reset_can_take_the_port_away() -> None:
    desk = Desk("reset_unplugs = 4")
    desk.quiet()
    assert desk.type(b"AT+CFUN=1,1\r") == b"\r\nOK\r\n"
    assert not desk.modem.is_plugged
    desk.wait(3.9)
    assert not desk.modem.is_plugged
    desk.wait(0.1)
    assert desk.modem.is_plugged


def test_a_profile_is_data(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = replace(
        STANDARD,
        name="odd",
        prompt=">",
        cnmi=((2,), (0, 1), (0, 2), (0, 2), (0, 1)),
        first_index=0,
        boot_lines=(BootLine(0.0, "RDY"), BootLine(0.0, "+CPIN: {cpin}")),
        unknown=frozenset({"+CMMS"}),
    )
    monkeypatch.setitem(PROFILES, "odd", odd)
    desk = Desk('profile = "odd"\nboot_delay = 2')
    assert lines(desk.wait(2.0)) == ["RDY", "+CPIN: READY"]
    desk.quiet()
    assert desk.ask("AT+CMMS=1") == ["ERROR"]
    assert "+CMMS" not in desk.ask("AT+CLAC")
    assert desk.ask("AT+CNMI=2,1,0,1,0") == ["+CMS ERROR: 303"]
    desk.quiet("AT+CNMI=2,1,0,2,0")
    command, pdu = submit_pdu()
    assert desk.type(command) == b">"
    assert lines(desk.type(pdu))[2] == '+CDSI: "SR",0'


def test_a_ussd_code_is_answered_after_ok() -> None:
    desk = Desk('ussd = { "*100#" = "Balance 10.00" }')
    desk.quiet()
    assert desk.ask('AT+CUSD=1,"*100#",15') == ["OK", '+CUSD: 0,"Balance 10.00",15']
    assert desk.ask('AT+CUSD=1,"*999#",15') == ["OK", "+CUSD: 4"]


# -- sending ----------------------------------------------------------------------------------------------


def test_a_pdu_goes_out_and_its_report_comes_back() -> None:
    desk = Desk()
    desk.quiet("AT+CMGF=0;+CNMI=2,1,0,1,0")
    # The service centre's clock shows 14 November 2023, 22:13:20 UTC.
    assert desk.send() == (
        b"\r\n+CMGS: 0\r\n\r\nOK\r\n"
        b"\r\n+CDS: 25\r\n"
        b"07915155109099F9" b"06000C91447700091032" b"32114122310200" b"32114122310200" b"00\r\n"
    )  # fmt: skip
    assert desk.texts() == ["Your code is 123456"]


def test_escape_cancels_the_prompt() -> None:
    desk = Desk()
    desk.quiet()
    command, pdu = submit_pdu()
    desk.type(command + pdu[:20])
    assert desk.type(b"\x1bAT\r") == b"\r\nOK\r\n\r\nOK\r\n"
    assert desk.network.records == []


def test_backspace_takes_back_what_was_typed_into_a_message() -> None:
    desk = Desk()
    desk.quiet()
    command, pdu = submit_pdu()
    desk.type(command)
    assert lines(desk.type(b"99\x08\x08" + pdu)) == ["+CMGS: 0", "OK"]


def test_a_prompt_is_open_until_it_is_closed() -> None:
    desk = Desk()
    desk.quiet()
    command, _ = submit_pdu()
    desk.type(command)
    assert desk.type(b"AT\rAT\r") == b""
    assert lines(desk.type(b"\x1bAT\r")) == ["OK", "OK"]


@pytest.mark.parametrize("pdu", [b"", b"zz", b"00", b"0011", b"0001000C91447700091032000001", b"00" * 30])
def test_a_bad_pdu_is_error_304(pdu: bytes) -> None:
    desk = Desk()
    desk.quiet()
    desk.type(b"AT+CMGS=20\r")
    assert lines(desk.type(pdu + b"\x1a")) == ["+CMS ERROR: 304"]
    assert desk.network.records == []


def test_references_run_from_0_to_255_and_round() -> None:
    desk = Desk("first_mr = 254")
    desk.quiet()
    assert [lines(desk.send())[0] for _ in range(3)] == ["+CMGS: 254", "+CMGS: 255", "+CMGS: 0"]


def test_a_text_mode_message_goes_out_with_the_parameters_of_csmp() -> None:
    desk = Desk()
    desk.quiet('AT+CMGF=1;+CSCS="IRA";+CSMP=49,11,0,0;+CNMI=2,1,0,1,0')
    assert desk.type(b'AT+CMGS="+447700900123"\r') == b"\r\n> "
    assert desk.type(b"one\r") == b"\r\n> "
    said = lines(desk.type(b"two\x1a"))
    assert said[:2] == ["+CMGS: 0", "OK"]
    assert said[2] == '+CDS: 6,0,"+447700900123",145,"23/11/14,22:13:20+00","23/11/14,22:13:20+00",0'
    (record,) = desk.network.records
    assert (record.to, record.text, record.vp, record.srr) == (PHONE, "one\ntwo", 3600.0, True)


def test_a_text_in_ucs2_is_hexadecimal_and_goes_out_as_ucs2() -> None:
    desk = Desk()
    desk.quiet('AT+CMGF=1;+CSCS="UCS2";+CSMP=17,167,0,8')
    number = PHONE.encode("utf-16-be").hex().upper().encode()
    desk.type(b'AT+CMGS="' + number + b'"\r')
    assert lines(desk.type("жα".encode("utf-16-be").hex().encode() + b"\x1a")) == ["+CMGS: 0", "OK"]
    assert (desk.network.records[0].to, desk.network.records[0].text) == (PHONE, "жα")


@pytest.mark.parametrize(
    ("setup", "number", "text"),
    [
        ('AT+CSCS="IRA"', b"+447700900123", b"x" * 161),
        ('AT+CSCS="UCS2"', b"not hex", b""),
        ('AT+CSCS="UCS2"', "+447700900123".encode("utf-16-be").hex().encode(), b"not hex"),
        ('AT+CSCS="GSM"', b"a name", b""),
    ],
)
def test_a_bad_text_mode_message_is_error_305(setup: str, number: bytes, text: bytes) -> None:
    desk = Desk()
    desk.quiet("AT+CMGF=1;" + setup.removeprefix("AT"))
    said = desk.type(b'AT+CMGS="' + number + b'"\r')
    if said == b"\r\n> ":
        said = desk.type(text + b"\x1a")
    assert lines(said) == ["+CMS ERROR: 305"]


def test_a_text_mode_message_of_octets_is_typed_in_hexadecimal() -> None:
    desk = Desk()
    desk.quiet('AT+CMGF=1;+CSCS="IRA";+CSMP=17,167,0,4')
    for typed, final in ((b"00FF41", "+CMGS: 0"), (b"no octets", "+CMS ERROR: 305")):
        desk.type(b'AT+CMGS="+447700900123"\r')
        assert lines(desk.type(typed + b"\x1a"))[0] == final
    assert (desk.network.records[0].alphabet, desk.network.records[0].text.lower()) == ("8bit", "00ff41")


def test_stores_can_be_listed_and_emptied_by_status() -> None:
    desk = Desk("storage_used = 2")
    desk.quiet("AT+CNMI=2,1,0,0,0")
    desk.network.text(PHONE, desk.modem.sim, "new", desk.now)
    desk.modem.take_output()
    assert [line for line in desk.ask("AT+CMGL") if line.startswith("+")] == ["+CMGL: 3,0,,22"]
    desk.network.text(PHONE, desk.modem.sim, "newer", desk.now)
    desk.modem.take_output()
    assert desk.ask("AT+CMGL=?") == ["+CMGL: (0-4)", "OK"]
    assert desk.ask("AT+CMGL=2") == ["OK"]
    assert desk.ask("AT+CMGD=1,3;+CPMS?")[0] == '+CPMS: "SM",1,20,"SM",1,20,"SM",1,20'


def test_without_a_service_centre_nothing_is_sent() -> None:
    desk = Desk('smsc = ""')
    desk.quiet()
    assert lines(desk.send()) == ["+CMS ERROR: 330"]
