"""What happens to a virtual modem, its SIM and its network while a scenario runs."""

from __future__ import annotations

import pytest
from virtual_desk import PHONE, Desk, lines, submit_pdu

from simcourier.virtual.settings import BAUDS

COMMAND, PDU = submit_pdu()


# -- the SIM ----------------------------------------------------------------------------------------------


def test_a_sim_is_pulled_and_put_back_and_wants_its_pin_again() -> None:
    desk = Desk('pin = "1234"\nsim_ready_delay = 2\n[[rule]]\nfrom = 10\nuntil = 20\nsim = "missing"')
    desk.wait(2.0)
    desk.quiet("AT+CMEE=1", 'AT+CPIN="1234"')
    assert lines(desk.send()) == ["+CMGS: 0", "OK"]
    desk.wait(8.0)
    assert desk.ask("AT+CPIN?") == ["+CME ERROR: 10"]
    assert desk.ask("AT+CMGS=20") == ["+CMS ERROR: 310"]
    desk.wait(10.0)
    assert desk.ask("AT+CPIN?") == ["+CME ERROR: 14"]
    desk.wait(2.0)
    assert desk.ask("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]


def test_a_sim_pulled_out_loses_the_network_and_a_report_waits_for_its_return() -> None:
    desk = Desk('report_delay = 15\n[[rule]]\nfrom = 10\nuntil = 20\nsim = "missing"')
    desk.quiet("AT+CREG=1;+CNMI=2,1,0,1,0")
    desk.send()
    assert lines(desk.wait(18.0)) == ["+CREG: 0"]
    assert lines(desk.wait(2.0))[:2] == ["+CREG: 1", "+CDS: 25"]


def test_another_sim_has_another_identity_and_the_own_one_comes_back_as_it_was() -> None:
    desk = Desk("[[rule]]\nfrom = 10\nuntil = 20\ncard = 500")
    desk.quiet()
    desk.send()
    own = [desk.ask(command)[0] for command in ("AT+CCID", "AT+CIMI", "AT+CNUM", "AT+CGSN")]
    desk.wait(10.0)
    other = [desk.ask(command)[0] for command in ("AT+CCID", "AT+CIMI", "AT+CNUM", "AT+CGSN")]
    assert [mine == theirs for mine, theirs in zip(own, other, strict=True)] == [False, False, False, True]
    assert other[1] == "001010000000500"
    assert lines(desk.send()) == ["+CMGS: 0", "OK"]
    desk.wait(10.0)
    assert desk.ask("AT+CCID")[0] == own[0]
    assert lines(desk.send()) == ["+CMGS: 1", "OK"]
    assert len({record.sim for record in desk.network.records}) == 2


def test_a_sim_moves_to_another_modem_and_is_missed_in_the_first() -> None:
    desk = Desk("[[rule]]\nmodems = 1\nfrom = 10\nuntil = 20\ncard = 0", modems=2)
    for modem in range(2):
        desk.quiet("AT+CMEE=1;+CNMI=2,1,0,1,0", modem=modem)
    desk.send()
    iccid = desk.ask("AT+CCID")[0]
    desk.wait(10.0)
    assert desk.ask("AT+CCID", 1)[0] == iccid
    assert desk.ask("AT+CPIN?") == ["+CME ERROR: 10"]
    assert lines(desk.send(modem=1))[0] == "+CMGS: 1"
    desk.wait(10.0)
    assert desk.ask("AT+CCID")[0] == iccid
    assert desk.ask("AT+CCID", 1)[0] != iccid
    assert lines(desk.send(modem=1))[0] == "+CMGS: 0"


def test_two_sims_change_places() -> None:
    desk = Desk(
        "[[rule]]\nmodems = 0\nfrom = 5\nuntil = 9\ncard = 1\n[[rule]]\nmodems = 1\nfrom = 5\nuntil = 9\ncard = 0",
        modems=2,
    )
    for modem in range(2):
        desk.quiet(modem=modem)
    before = [desk.ask("AT+CCID", modem)[0] for modem in range(2)]
    desk.wait(5.0)
    assert [desk.ask("AT+CCID", modem)[0] for modem in range(2)] == before[::-1]
    desk.wait(5.0)
    assert [desk.ask("AT+CCID", modem)[0] for modem in range(2)] == before


def test_stores_fill_up_while_it_runs_and_can_be_drained() -> None:
    desk = Desk("submit_needs_storage = true\n[[rule]]\nfrom = 10\nstorage_used = 20")
    desk.quiet("AT+CNMI=2,1,0,2,0")
    desk.send()
    desk.wait(10.0)
    assert desk.ask("AT+CPMS?")[0].startswith('+CPMS: "SM",20,20')
    assert lines(desk.send()) == ["+CMS ERROR: 322"]
    desk.quiet("AT+CMGD=1,4", 'AT+CPMS="SR"', "AT+CMGD=1,4")
    assert lines(desk.send())[0] == "+CMGS: 1"


def test_a_number_that_is_not_on_the_sim_is_not_told() -> None:
    desk = Desk("number_on_sim = false")
    desk.quiet()
    assert desk.ask("AT+CNUM") == ["OK"]


# -- operators --------------------------------------------------------------------------------------------


def test_each_sim_has_its_home_network() -> None:
    desk = Desk(
        'network = "00101"\n[[rule]]\nmodems = 1\nnetwork = "00102"\noperator = "Other"\n'
        '[[rule]]\nmodems = 2\nnetwork = "001010"',
        modems=3,
    )
    for modem in range(3):
        desk.quiet("AT+COPS=3,2", modem=modem)
    imsis = [desk.ask("AT+CIMI", modem)[0] for modem in range(3)]
    assert imsis == ["001010000000000", "001020000000001", "001010000000002"]
    shown = [desk.ask("AT+COPS?", modem)[0] for modem in range(3)]
    assert shown == ['+COPS: 0,2,"00101",7', '+COPS: 0,2,"00102",7', '+COPS: 0,2,"001010",7']
    desk.send(modem=1)
    assert desk.network.records[0].network == "00102"


def test_a_roaming_sim_shows_the_network_it_visits() -> None:
    desk = Desk('registration = "roaming"\nvisited = "99901"')
    desk.quiet("AT+COPS=3,2")
    assert desk.ask("AT+CREG?;+COPS?") == ["+CREG: 0,5", '+COPS: 0,2,"99901",7', "OK"]
    assert lines(desk.send()) == ["+CMGS: 0", "OK"]


def test_a_denied_registration_says_why_where_it_is_asked() -> None:
    desk = Desk('[[rule]]\nfrom = 5\nregistration = "denied"\nreject_cause = 11')
    desk.quiet("AT+CREG=3;+CEREG=3;+CGREG=2")
    assert lines(desk.wait(5.0)) == ["+CREG: 3,,,,0,11", "+CGREG: 3", "+CEREG: 3,,,,0,11"]
    assert desk.ask("AT+CREG?;+CEREG?") == ["+CREG: 3,3,,,,0,11", "+CEREG: 3,3,,,,0,11", "OK"]
    assert desk.ask("AT+CEER") == ["+CEER: PLMN not allowed", "OK"]
    assert lines(desk.send()) == ["+CMS ERROR: 331"]


def test_without_a_refusal_there_is_no_cause() -> None:
    desk = Desk("reject_cause = 11")
    desk.quiet()
    assert desk.ask("AT+CEER") == ["+CEER: No cause information available", "OK"]


def test_the_way_to_one_operator_is_slower_and_gives_no_reports() -> None:
    desk = Desk(
        'report_delay = 1\nroutes = { "+44" = { delivery_delay = 2 }, "+447700" = { delivery_delay = 30, reports = '
        'false }, "+1555" = { report_delay = 9, report_status = 0x41 }, "+1555019" = { lost_rate = 1 } }'
    )
    desk.quiet("AT+CNMI=2,1,0,1,0")
    for number in (PHONE, "+442079460123", "+15550100", "+15550199"):
        desk.send(to=number)
    arrivals = {}
    for second in range(40):
        if desk.wait(1.0):
            arrivals[second] = True
        for number in (PHONE, "+442079460123"):
            if desk.texts(number):
                arrivals.setdefault(number, second)
    assert arrivals == {2: True, 8: True, "+442079460123": 1, PHONE: 29}
    assert desk.network.stats.lost == 1
    assert desk.network.stats.undelivered == 1


def test_a_report_may_come_twice() -> None:
    desk = Desk("repeated_report_rate = 1")
    desk.quiet("AT+CNMI=2,1,0,1,0")
    said = lines(desk.send())
    assert said[2:4] == said[4:6]
    assert desk.network.stats.reports == 2


def test_a_burst_of_reports_comes_when_the_network_lets_go() -> None:
    desk = Desk("[[rule]]\nuntil = 60\nreports_paused = true")
    desk.quiet("AT+CNMI=2,1,0,1,0")
    for _ in range(70):
        desk.send()
    assert desk.wait(59.9) == b""
    assert desk.wait(0.1).count(b"+CDS: 25") == 70


def test_two_sims_text_each_other() -> None:
    desk = Desk(modems=2)
    for modem in range(2):
        desk.quiet("AT+CNMI=2,1,0,1,0", modem=modem)
    desk.send("loop 4711", to=desk.modems[1].sim.number)
    assert lines(desk.modems[1].take_output()) == ['+CMTI: "SM",1']
    desk.quiet("AT+CMGF=1", modem=1)
    listed = desk.ask('AT+CMGL="ALL"', 1)
    assert listed[1] == "loop 4711"
    assert desk.modem.sim.number in listed[0]


def test_a_blocked_sim_takes_everything_and_delivers_nothing() -> None:
    desk = Desk("lost_rate = 1\nreceives = false", modems=2)
    desk.quiet("AT+CNMI=2,1,0,1,0")
    assert lines(desk.send()) == ["+CMGS: 0", "OK"]
    desk.network.text(PHONE, desk.modem.sim, "hello", desk.now)
    assert desk.wait(1000.0) == b""
    assert desk.texts() == []


def test_every_message_costs_and_without_credit_nothing_arrives() -> None:
    desk = Desk('balance = 0.25\nprice = 0.1\nussd = { "*100#" = "Balance {balance} EUR" }')
    desk.quiet("AT+CNMI=2,1,0,1,0")
    said = []
    for _ in range(3):
        desk.send()
        said.append(desk.ask('AT+CUSD=1,"*100#",15')[1])
    assert said == [f'+CUSD: 0,"Balance {left} EUR",15' for left in ("0.15", "0.05", "0.05")]
    assert len(desk.texts()) == 2


def test_a_network_may_refuse_a_sim_without_credit() -> None:
    desk = Desk('balance = 0.05\nprice = 0.1\nwithout_credit = "CMS 21"')
    desk.quiet()
    assert lines(desk.send()) == ["+CMS ERROR: 21"]
    assert desk.network.records == []


def test_a_ussd_menu_is_open_until_it_is_answered_or_ended() -> None:
    desk = Desk('ussd = { "*101#" = "1 Balance 2 Bonus", "*101#/1" = "10.00" }')
    desk.quiet()
    assert desk.ask('AT+CUSD=1,"*101#",15')[1] == '+CUSD: 1,"1 Balance 2 Bonus",15'
    assert desk.ask('AT+CUSD=1,"1",15')[1] == '+CUSD: 0,"10.00",15'
    desk.ask('AT+CUSD=1,"*101#",15')
    assert desk.ask("AT+CUSD=2") == ["OK"]
    assert desk.ask('AT+CUSD=1,"1",15')[1] == "+CUSD: 4"


def test_ussd_takes_its_time_and_other_commands_go_on() -> None:
    desk = Desk('ussd = { "*100#" = "10" }\nussd_delay = 6')
    desk.quiet()
    assert desk.ask('AT+CUSD=1,"*100#",15') == ["OK"]
    assert lines(desk.send()) == ["+CMGS: 0", "OK"]
    assert lines(desk.wait(6.0)) == ['+CUSD: 0,"10",15']


# -- sending ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "pauses", "taken"),
    [
        (0, [0, 0, 0], [4.0, 4.0, 4.0]),
        (1, [0, 0, 6, 0], [4.0, 1.0, 4.0, 4.0]),
        (2, [0, 0, 6, 0], [4.0, 1.0, 4.0, 1.0]),
    ],
)
def test_cmms_keeps_the_link_open_between_messages(
    mode: int, pauses: list[float], taken: list[float]
) -> None:
    desk = Desk("submit_delay = 4\nsubmit_delay_linked = 1")
    desk.quiet(f"AT+CMMS={mode}")
    delays = []
    for pause in pauses:
        desk.wait(pause)
        began = desk.now
        desk.send()
        while not desk.wait(0.5):
            pass
        delays.append(desk.now - began)
    assert delays[0] == taken[0]
    assert delays[1:] == ([taken[1], *taken[2:]] if mode else taken[1:])


def test_a_late_prompt_strikes_the_submit_it_is_meant_for() -> None:
    desk = Desk("late_prompt = { nth = 2, for = 7 }")
    desk.quiet()
    desk.send()
    assert desk.type(COMMAND) == b""
    assert desk.wait(6.9) == b""
    assert desk.wait(0.1) == b"\r\n> "
    assert lines(desk.type(PDU)) == ["+CMGS: 1", "OK"]


@pytest.mark.parametrize(
    ("phase", "network", "reached"),
    [("prompt", "true", 0), ("pdu", "true", 0), ("ctrl-z", "true", 1), ("ctrl-z", "false", 0)],
)
def test_a_modem_reboots_in_the_middle_of_a_submit_and_its_port_stays(
    phase: str, network: str, reached: int
) -> None:
    desk = Desk(
        f'profile = "simcom-2g"\nboot_delay = 3\nreboot = {{ nth = 1, phase = "{phase}", network = {network} }}'
    )
    desk.wait(20.0)
    desk.type(b"AT\r")
    desk.quiet()
    assert (desk.type(COMMAND) == b"") is (phase == "prompt")
    assert b"CMGS" not in desk.type(PDU)
    assert desk.modem.is_plugged
    assert lines(desk.wait(3.0)) == ["RDY"]
    assert lines(desk.wait(20.0))[-1] == "SMS Ready"
    assert len(desk.network.records) == reached


# -- the line ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "command", "said"),
    [
        ("text-mode", b"ATE0+CMGF?\r", b"ATE0+CMGF?\r\r\n+CMGF: 1\r\n\r\nOK\r\n"),
        ("numeric", b"ATE0\r", b"ATE0\r0\r"),
        ("quiet", b"ATE0\r", b"ATE0\r"),
        ("half-command", b"GF?\r", b"GF?\r\r\n+CMGF: 0\r\n\r\nOK\r\n"),
        ("ucs2", b"ATE0+CSCS?\r", b'ATE0+CSCS?\r\r\n+CSCS: "UCS2"\r\n\r\nOK\r\n'),
    ],
)
def test_the_last_program_has_left_its_settings(left: str, command: bytes, said: bytes) -> None:
    assert Desk(f'left_over = ["{left}"]').type(command) == said


def test_the_last_program_has_left_a_prompt_open() -> None:
    desk = Desk('left_over = ["prompt"]')
    assert desk.type(b"AT\r") == b"AT\r"
    assert lines(desk.type(b"\x1b")) == ["OK"]
    assert desk.network.records == []
    desk.quiet()


def test_what_was_left_is_gone_after_a_power_cycle() -> None:
    desk = Desk('left_over = ["text-mode", "prompt"]')
    desk.modem.replug(desk.now)
    desk.quiet()
    assert desk.ask("AT+CMGF?")[0] == "+CMGF: 0"


def test_at_the_wrong_speed_there_is_rubbish_both_ways() -> None:
    desk = Desk('baud = 9600\nnoise = { rate = 1, lines = ["^RSSI: 19"] }')
    desk.modem.speed = 115200
    said = desk.type(b"AT\r") + desk.wait(20.0)
    assert len(said) > 20
    assert min(said) >= 128
    desk.modem.speed = 9600
    assert desk.type(b"AT\r") == b"AT\r\r\nOK\r\n"
    assert 9600 in BAUDS


def test_a_flood_says_thousands_of_lines_a_second_with_few_deadlines() -> None:
    desk = Desk(
        '[[rule]]\nfrom = 5\nuntil = 10\nflood = { rate = 2000, lines = ["^RSSI: 19", "^MODE: 3"], octets = 500 }'
    )
    desk.quiet()
    looks, said = 0, b""
    while desk.now < 115.0:
        deadline = desk.modem.next_deadline()
        if deadline is None:
            break
        desk.now = deadline
        desk.modem.advance(desk.now)
        said += desk.modem.take_output()
        looks += 1
    assert 9_800 <= said.count(b"^RSSI") + said.count(b"^MODE") <= 10_200
    assert 2_000 < sum(octet >= 128 for octet in said) < 3_000
    assert looks < 300
    assert desk.ask("AT") == ["OK"]


def test_one_byte_of_an_answer_is_spoilt_and_never_into_another_letter() -> None:
    desk = Desk("corrupt = 0.5")
    clean = b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"
    desk.type(b"ATE0\r")
    spoilt = 0
    for _ in range(200):
        said = desk.type(b"AT+CSQ\r")
        odd = [(was, is_) for was, is_ in zip(clean, said, strict=True) if was != is_]
        assert len(odd) <= 1
        assert all(is_ >= 128 for _, is_ in odd)
        spoilt += len(odd)
    assert 70 < spoilt < 130


def test_a_replugged_hub_shows_its_modems_one_after_the_other() -> None:
    desk = Desk("[[rule]]\nfrom = 10\nuntil = 20\nunplugged = true\nplug_delay = [0.5, 3.0]", modems=8)
    desk.wait(10.0)
    assert not any(modem.is_plugged for modem in desk.modems)
    desk.wait(10.4)
    assert not any(modem.is_plugged for modem in desk.modems)
    came = []
    for _ in range(27):
        desk.wait(0.1)
        came.append(sum(modem.is_plugged for modem in desk.modems))
    assert came[-1] == 8
    assert len(set(came)) > 4


def test_two_modems_may_have_the_same_imei() -> None:
    desk = Desk('imei = "001017000000003"', modems=2)
    for modem in range(2):
        desk.quiet(modem=modem)
    assert desk.ask("AT+CGSN") == desk.ask("AT+CGSN", 1) == ["001017000000003", "OK"]
    assert desk.ask("AT+CCID") != desk.ask("AT+CCID", 1)


# -- people -----------------------------------------------------------------------------------------------


def test_people_write_to_a_sim_of_their_own_accord() -> None:
    desk = Desk('inbound = { rate = 0.1, texts = ["STOP", "Hello"] }')
    desk.quiet("AT+CNMI=2,2,0,1,0;+CMGF=1")
    said = lines(desk.wait(600.0))
    senders = [line for line in said if line.startswith("+CMT:")]
    assert 35 < len(senders) < 90
    assert all('"+447700900' in line for line in senders)
    assert {line for line in said if not line.startswith("+CMT:")} == {"STOP", "Hello"}


def test_parts_come_in_any_order_twice_or_not_at_all() -> None:
    desk = Desk(
        f'inbound = {{ rate = 0.2, texts = ["{"long " * 100}"], shuffled = true, copies = 2, lost_parts = 0.3 }}'
    )
    desk.quiet("AT+CNMI=2,2,0,1,0")
    pdus = [line for line in lines(desk.wait(300.0)) if not line.startswith("+CMT")]
    # The user data header 05 00 03 ref parts part (TS 23.040 section 9.2.3.24.1).
    seen: dict[str, list[str]] = {}
    for pdu in pdus:
        ref, _, part = (pdu.partition("050003")[2][place : place + 2] for place in (0, 2, 4))
        seen.setdefault(ref, []).append(part)
    assert len(seen) > 30
    assert all(parts.count(part) == 2 for parts in seen.values() for part in parts)
    assert any(parts != sorted(parts) for parts in seen.values())
    assert any(len(set(parts)) < 4 for parts in seen.values())


def test_a_quiet_modem_has_nothing_to_do() -> None:
    desk = Desk('profile = "quectel"\nchatter = 0\npace = 0')
    assert desk.modem.next_deadline() is None
    desk.quiet("AT+CNMI=2,1,0,1,0")
    assert desk.modem.next_deadline() is None


# -- what the oracle counts from --------------------------------------------------------------------------


def test_the_record_tells_copies_their_sim_and_their_time() -> None:
    desk = Desk('[[rule]]\nmodems = 1\nnetwork = "00102"', modems=2)
    for modem in range(2):
        desk.quiet(modem=modem)
    desk.send()
    desk.wait(1.5)
    desk.send(modem=1)
    desk.send("Another code", modem=1)
    records = desk.network.records
    assert [(record.modem, record.network, record.copy) for record in records] == [
        ("modem-000", "00101", 1),
        ("modem-001", "00102", 2),
        ("modem-001", "00102", 1),
    ]
    assert records[1].wall_ms - records[0].wall_ms == 1500
    assert [record.sim for record in records] == [desk.modems[n].sim.iccid for n in (0, 1, 1)]
