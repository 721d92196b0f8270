"""How a virtual modem misbehaves when a scenario wants it to."""

from __future__ import annotations

import pytest
from virtual_desk import Desk, lines, submit_pdu

from simcourier.virtual.occasions import Cure

COMMAND, PDU = submit_pdu()


def _reached(desk: Desk) -> int:
    return len(desk.network.records)


# -- delays and refusals ----------------------------------------------------------------------------------


def test_the_answer_comes_after_the_submit_delay_and_the_record_at_ctrl_z() -> None:
    desk = Desk("submit_delay = 2.5")
    desk.quiet()
    assert desk.send() == b""
    (record,) = desk.network.records
    assert record.monotonic_ns == 100_000_000_000
    assert desk.wait(2.4) == b""
    assert lines(desk.wait(0.1)) == ["+CMGS: 0", "OK"]


def test_what_is_typed_while_a_message_is_sent_is_read_afterwards() -> None:
    desk = Desk("submit_delay = 2")
    desk.quiet()
    assert desk.send() == b""
    assert desk.type(b"AT+CSQ\r") == b""
    assert lines(desk.wait(2.0)) == ["+CMGS: 0", "OK", "+CSQ: 20,99", "OK"]


def test_a_range_of_delays_is_drawn_from_and_the_same_seed_draws_the_same() -> None:
    answers = []
    for _ in range(2):
        desk = Desk("seed = 7\nsubmit_delay = [1.0, 3.0]")
        desk.quiet()
        times = []
        for _ in range(20):
            desk.send()
            began = desk.now
            while not desk.wait(0.01):
                pass
            times.append(desk.now - began)
        answers.append(times)
    assert answers[0] == answers[1]
    assert 1.0 <= min(answers[0]) < 1.5 < 2.5 < max(answers[0]) <= 3.02


@pytest.mark.parametrize(
    ("codes", "mode", "line"),
    [
        ("CMS 38", 0, "+CMS ERROR: 38"),
        ("CMS 38", 2, "+CMS ERROR: Network out of order"),
        ("CMS 777", 2, "+CMS ERROR: unknown error"),
        ("CME 14", 1, "+CME ERROR: 14"),
        ("CME 14", 0, "ERROR"),
        ("COMMAND NOT SUPPORT", 1, "COMMAND NOT SUPPORT"),
    ],
)
def test_a_refused_submit_has_the_chosen_code_and_does_not_reach_the_network(
    codes: str, mode: int, line: str
) -> None:
    desk = Desk(f'error = {{ codes = ["{codes}"] }}')
    desk.quiet(f"AT+CMEE={mode}")
    assert lines(desk.send()) == [line]
    assert _reached(desk) == 0


def test_a_refusal_takes_as_long_as_an_answer() -> None:
    desk = Desk('submit_delay = 2\nerror = { codes = ["CMS 42"] }')
    desk.quiet()
    assert desk.send() == b""
    assert lines(desk.wait(2.0)) == ["+CMS ERROR: 42"]


def test_a_refusal_may_lie() -> None:
    desk = Desk('error = { codes = ["CMS 332"], network = true }')
    desk.quiet()
    assert lines(desk.send()) == ["+CMS ERROR: 332"]
    assert desk.texts() == ["Your code is 123456"]


def test_a_refusal_may_come_in_place_of_the_prompt() -> None:
    desk = Desk('error = { codes = ["CMS 302"], at = "prompt" }')
    desk.quiet()
    assert lines(desk.type(COMMAND)) == ["+CMS ERROR: 302"]
    assert desk.ask("AT") == ["OK"]


def test_an_error_rate_is_about_what_was_asked() -> None:
    desk = Desk('error = { rate = 0.2, codes = ["CMS 38", "CMS 41"] }')
    desk.quiet()
    said = [lines(desk.send())[0] for _ in range(500)]
    errors = [line for line in said if line.startswith("+CMS")]
    assert 70 < len(errors) < 130
    assert set(errors) == {"+CMS ERROR: 38", "+CMS ERROR: 41"}
    assert _reached(desk) == 500 - len(errors)


def test_faults_strike_the_nth_or_every_nth_submit() -> None:
    desk = Desk('error = { nth = [2, 5], codes = ["CMS 38"] }', modems=1)
    desk.quiet()
    assert [lines(desk.send())[0][:4] for _ in range(6)] == ["+CMG", "+CMS", "+CMG", "+CMG", "+CMS", "+CMG"]
    desk = Desk('error = { every = 3, codes = ["CMS 38"] }')
    desk.quiet()
    assert [lines(desk.send())[0][:4] for _ in range(6)] == ["+CMG", "+CMG", "+CMS", "+CMG", "+CMG", "+CMS"]


def test_a_full_storage_may_refuse_submits() -> None:
    desk = Desk("submit_needs_storage = true\nstorage_used = 20")
    desk.quiet()
    assert lines(desk.send()) == ["+CMS ERROR: 322"]
    desk.ask("AT+CMGD=1,4")
    assert lines(desk.send()) == ["+CMS ERROR: 322"]
    desk.ask('AT+CPMS="SR";+CMGD=1,4')
    assert lines(desk.send()) == ["+CMGS: 0", "OK"]


# -- silence ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", [True, False])
def test_a_modem_hangs_after_ctrl_z_and_never_tells(network: bool) -> None:
    desk = Desk(f"hang = {{ for = 15, network = {str(network).lower()} }}")
    desk.quiet()
    assert desk.send() == b""
    assert _reached(desk) == int(network)
    assert desk.type(b"\x1bAT\r") == b""
    assert desk.wait(15.0) == b""
    assert desk.ask("AT") == ["OK"]


def test_a_hanging_modem_may_answer_late() -> None:
    desk = Desk('hang = { nth = 1, for = 15, answer = "late" }\nreport_delay = 1')
    desk.quiet("AT+CNMI=2,1,0,1,0")
    desk.send()
    assert desk.type(b"\x1bAT\r") == b""
    assert desk.wait(14.9) == b""
    said = lines(desk.wait(0.1))
    assert said[:3] == ["+CMGS: 0", "OK", "+CDS: 25"]


def test_a_late_answer_about_a_message_that_got_nowhere_is_an_error() -> None:
    desk = Desk('hang = { network = false, for = 5, answer = "late" }')
    desk.quiet()
    desk.send()
    assert lines(desk.wait(5.0)) == ["+CMS ERROR: 500"]


def test_a_modem_that_hangs_for_ever_wants_to_be_replugged() -> None:
    desk = Desk("hang = { nth = 1 }")
    desk.quiet()
    desk.send()
    desk.wait(100_000.0)
    assert desk.type(b"AT\r") == b""
    desk.modem.replug(desk.now)
    desk.quiet()
    assert lines(desk.send()) == ["+CMGS: 1", "OK"]


def test_firmware_that_hangs_needs_a_cure_that_is_strong_enough() -> None:
    desk = Desk('[[rule]]\nfrom = 10\nuntil = 11\nstuck = { until = "replug" }')
    desk.quiet()
    desk.wait(60.0)
    assert desk.modem.is_deaf, "the end of the rule is no cure"
    desk.modem.reboot(desk.now)
    assert desk.modem.is_deaf, "nor is a mere restart"
    desk.modem.unplug(desk.now, 2.0, Cure.REPLUG)
    desk.wait(2.0)
    desk.quiet()
    assert desk.ask("AT") == ["OK"]


def test_only_a_loss_of_power_cures_some() -> None:
    desk = Desk("[[rule]]\nfrom = 10\nstuck = {}")
    desk.wait(10.0)
    desk.modem.unplug(desk.now, 2.0, Cure.REPLUG)
    desk.wait(2.0)
    assert desk.modem.is_deaf
    desk.modem.unplug(desk.now, 2.0)
    desk.wait(2.0)
    assert not desk.modem.is_deaf


def test_firmware_may_hang_in_its_sending_alone_until_it_is_reset() -> None:
    desk = Desk('stuck = { how = "no-prompt", until = "reset" }')
    desk.quiet()
    for _ in range(2):
        assert desk.type(COMMAND) == b""
        assert desk.wait(60.0) == b""
        assert lines(desk.type(b"\x1bAT\r")) == ["OK", "OK"]
    desk.ask("AT+CFUN=1,1")
    desk.quiet()
    assert lines(desk.send()) == ["+CMGS: 0", "OK"]


def test_a_deaf_window_swallows_every_byte() -> None:
    desk = Desk("[[rule]]\nfrom = 10\nuntil = 25\ndeaf = true")
    desk.quiet("AT+CNMI=2,1,0,1,0")
    desk.wait(10.0)
    assert desk.modem.is_deaf
    assert desk.type(b"AT\rAT\r") == b""
    assert desk.wait(14.9) == b""
    desk.wait(0.1)
    assert desk.ask("AT") == ["OK"]


def test_an_answer_that_falls_into_a_deaf_window_is_lost_and_its_report_comes_later() -> None:
    desk = Desk("submit_delay = 3\n[[rule]]\nfrom = 2\nuntil = 10\ndeaf = true")
    desk.quiet("AT+CNMI=2,1,0,1,0")
    desk.send()
    assert desk.wait(9.9) == b""
    assert lines(desk.wait(0.1))[0] == "+CDS: 25"
    assert desk.ask("AT") == ["OK"]


def test_a_window_comes_again_with_its_period() -> None:
    desk = Desk("[[rule]]\nfrom = 10\nuntil = 12\nrepeat = 20\ndeaf = true")
    deaf = []
    for _ in range(60):
        desk.wait(1.0)
        deaf.append(desk.modem.is_deaf)
    assert [second for second, is_deaf in enumerate(deaf, 1) if is_deaf] == [10, 11, 30, 31, 50, 51]


# -- the prompt -------------------------------------------------------------------------------------------


def test_a_prompt_that_never_comes_is_ended_by_escape() -> None:
    desk = Desk("no_prompt = {}")
    desk.quiet()
    assert desk.type(COMMAND) == b""
    assert desk.wait(60.0) == b""
    assert desk.type(b"AT\r") == b""
    assert lines(desk.type(b"\x1bAT\r")) == ["OK", "OK"]
    assert _reached(desk) == 0


def test_a_prompt_that_never_comes_may_be_a_deaf_modem() -> None:
    desk = Desk("no_prompt = { for = 8 }")
    desk.quiet()
    assert desk.type(COMMAND) == b""
    assert desk.type(b"\x1bAT\r") == b""
    desk.wait(8.0)
    assert desk.ask("AT") == ["OK"]


def test_a_prompt_may_be_late() -> None:
    desk = Desk("prompt_delay = 4")
    desk.quiet()
    assert desk.type(COMMAND) == b""
    assert desk.wait(3.9) == b""
    assert desk.wait(0.1) == b"\r\n> "
    assert lines(desk.type(PDU)) == ["+CMGS: 0", "OK"]


@pytest.mark.parametrize("form", ["\r\n> ", "> ", ">", "\r\n>\r\n", "> \r"])
def test_a_prompt_has_the_form_a_scenario_wants(form: str) -> None:
    desk = Desk("prompt_form = " + repr(form).replace("'", '"'))
    desk.quiet()
    assert desk.type(COMMAND) == form.encode()
    assert lines(desk.type(PDU)) == ["+CMGS: 0", "OK"]


# -- unplugged --------------------------------------------------------------------------------------------


def test_a_window_without_the_port() -> None:
    desk = Desk("[[rule]]\nfrom = 5\nuntil = 10\nunplugged = true")
    desk.quiet()
    desk.wait(5.0)
    assert not desk.modem.is_plugged
    assert desk.type(b"AT\r") == b""
    desk.wait(5.0)
    assert desk.modem.is_plugged
    assert desk.type(b"AT\r") == b"AT\r\r\nOK\r\n"


@pytest.mark.parametrize(
    ("phase", "network", "reached"),
    [("prompt", "true", 0), ("pdu", "true", 0), ("ctrl-z", "true", 1), ("ctrl-z", "false", 0)],
)
def test_a_modem_is_pulled_out_in_the_middle_of_the_second_submit(
    phase: str, network: str, reached: int
) -> None:
    desk = Desk(f'submit_delay = 1\nunplug = {{ nth = 2, phase = "{phase}", network = {network}, for = 5 }}')
    desk.quiet()
    desk.send()
    assert lines(desk.wait(1.0)) == ["+CMGS: 0", "OK"]
    assert desk.type(COMMAND) == (b"" if phase == "prompt" else b"\r\n> ")
    assert desk.type(PDU) == b""
    assert not desk.modem.is_plugged
    assert _reached(desk) == 1 + reached
    assert desk.wait(4.9) == b""
    desk.wait(0.1)
    assert desk.modem.is_plugged
    desk.quiet()
    desk.send()
    assert lines(desk.wait(1.0)) == [f"+CMGS: {1 + reached}", "OK"]


def test_the_line_feed_behind_the_command_is_not_yet_the_pdu() -> None:
    desk = Desk('unplug = { nth = 1, phase = "pdu", for = 5 }')
    desk.quiet()
    assert desk.type(COMMAND + b"\n") == b"\r\n> "
    assert desk.modem.is_plugged
    desk.type(PDU[:10])
    assert not desk.modem.is_plugged


def test_pulled_out_for_good_it_stays_away_until_it_is_replugged() -> None:
    desk = Desk('unplug = { nth = 1, phase = "prompt" }')
    desk.quiet()
    desk.type(COMMAND)
    desk.wait(1000.0)
    assert not desk.modem.is_plugged
    assert desk.modem.next_deadline() is None
    desk.modem.replug(desk.now)
    assert desk.modem.is_plugged


# -- noise and line faults --------------------------------------------------------------------------------


def test_noise_comes_at_its_rate_and_as_it_is_written() -> None:
    desk = Desk('noise = { rate = 5, lines = ["^RSSI: 19", "\\r\\n^MODE:3,2\\r\\r\\n", "\\u00FF\\u00FE"] }')
    said = desk.wait(100.0)
    count = (
        said.count(b"\r\n^RSSI: 19\r\n")
        + said.count(b"\r\n^MODE:3,2\r\r\n")
        + said.count(b"\r\n\xff\xfe\r\n")
    )
    assert 400 < count < 600
    assert min(said.count(b"RSSI"), said.count(b"MODE"), said.count(b"\xff")) > 100


def test_noise_may_fall_into_the_middle_of_an_answer() -> None:
    desk = Desk('noise = { in_response = 1, lines = ["^RSSI: 19"] }')
    desk.quiet()
    answers = {tuple(desk.ask("AT+CSQ")) for _ in range(50)}
    assert answers == {("^RSSI: 19", "+CSQ: 20,99", "OK"), ("+CSQ: 20,99", "^RSSI: 19", "OK")}


def test_noise_may_fall_between_a_report_and_its_pdu() -> None:
    desk = Desk('noise = { in_report = 1, lines = ["^RSSI: 19"] }')
    desk.quiet("AT+CNMI=2,1,0,1,0")
    said = lines(desk.send())
    assert said[2:4] == ["+CDS: 25", "^RSSI: 19"]
    assert said[4].startswith("07915155109099F906")


def test_noise_keeps_out_of_an_open_prompt_unless_it_may_come_in() -> None:
    for allowed in (False, True):
        desk = Desk(f'urc_in_prompt = {str(allowed).lower()}\nnoise = {{ rate = 5, lines = ["^RSSI: 19"] }}')
        desk.quiet()
        assert desk.type(COMMAND) == b"\r\n> "
        assert (desk.wait(20.0) != b"") is allowed


def test_lines_may_end_wrongly() -> None:
    desk = Desk('line_end = "\\r\\r\\n"')
    assert desk.type(b"ATE0\r") == b"ATE0\r\r\r\nOK\r\r\n"
    assert desk.type(b"AT+CSQ\r") == b"\r\r\n+CSQ: 20,99\r\r\n\r\r\nOK\r\r\n"


def test_an_echo_may_be_stuck() -> None:
    desk = Desk("echo_stuck = true")
    assert desk.type(b"ATE0\r") == b"ATE0\r\r\nOK\r\n"
    assert desk.type(b"AT\r") == b"AT\r\r\nOK\r\n"
    assert desk.type(COMMAND) == COMMAND + b"\r\n> "
    assert desk.type(PDU).startswith(PDU[:-1])


def test_bytes_may_dribble_one_by_one() -> None:
    desk = Desk("chunk = 1")
    pieces = [desk.type(b"AT\r")]
    while desk.modem.next_deadline() is not None:
        desk.modem.advance(desk.now)
        pieces.append(desk.modem.take_output())
    assert [len(piece) for piece in pieces if piece] == [1] * 9
    assert b"".join(pieces) == b"AT\r\r\nOK\r\n"


def test_bytes_may_dribble_slowly() -> None:
    desk = Desk("chunk = 2\nchunk_delay = 0.5")
    desk.type(b"AT\r")
    assert desk.wait(1.1) == b"AT\r\r\nO"
    assert desk.wait(1.0) == b"K\r\n"


def test_an_answer_may_be_canned_or_missing() -> None:
    desk = Desk(
        '[answers]\n"AT+CNMI=2,1,0,1,0" = "+CMS ERROR: 303"\n"AT+CLAC" = ""\n"AT+CPIN?" = "+CPIN: READY\\nOK"\n'
    )
    desk.quiet()
    assert desk.ask("AT+CNMI=2,1,0,1,0") == ["+CMS ERROR: 303"]
    assert desk.ask("AT+CNMI=2,1,0,2,0") == ["OK"]
    assert desk.ask("AT+CPIN?;+CSQ") == ["+CPIN: READY", "+CSQ: 20,99", "OK"]
    assert desk.ask("AT+CLAC") == []
    assert desk.ask("AT") == ["OK"]


def test_rules_choose_modems_by_index_name_and_range() -> None:
    desk = Desk(
        'signal = 1\n[[rule]]\nmodems = "1-2"\nsignal = 2\n[[rule]]\nmodems = ["modem-002", 3]\nsignal = 3',
        modems=5,
    )
    assert [desk.ask("AT+CSQ", modem)[1] for modem in range(5)] == [
        "+CSQ: 1,99",
        "+CSQ: 2,99",
        "+CSQ: 3,99",
        "+CSQ: 3,99",
        "+CSQ: 1,99",
    ]
