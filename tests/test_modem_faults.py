"""What goes wrong is told when it is seen, mended step by step, and told to be mended."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from modem_desk import OK, Desk, Reply, ScriptedModem, job

from simcourier.at.quirks import UNKNOWN
from simcourier.modem.facts import (
    Fault,
    FaultSeen,
    ModemState,
    Recovered,
    ReportArrived,
    Rung,
    SubmitEnd,
    SubmitEnded,
)
from simcourier.sms.address import parse_recipient
from simcourier.sms.causes import Verdict
from simcourier.sms.submit import encode_submit

REPORT = "\r\n+CDS: 25\r\n079144770090000006{:02X}0C91447700091000511090718384225110907183252200\r\n"
RESET = "AT+CFUN=1,1"
NO_SIM = "\r\n+CME ERROR: 10\r\n"


def up(answers: dict[str, Reply] | None = None, *, reset: bool = True) -> Desk:
    return Desk(ScriptedModem(answers), reset=reset).up()


def faults(desk: Desk) -> list[Fault]:
    return [fact.fault for fact in desk.told(FaultSeen)]


def recovered(desk: Desk) -> list[tuple[Fault, Rung]]:
    return [(fact.fault, fact.rung) for fact in desk.told(Recovered)]


def ends(desk: Desk) -> list[SubmitEnd]:
    return [fact.end for fact in desk.told(SubmitEnded)]


def climbed(desk: Desk, seconds: float) -> list[tuple[Rung, float]]:
    """What the radio was asked to do with the port, and when; it is done and does not help."""
    began, wanted = desk.now, []
    while desk.now < began + seconds:
        desk.run(1.0)
        rung = desk.session.modem.rescue_wanted
        if rung is not None:
            wanted.append((rung, desk.now - began))
            desk.session.stalled(desk.now, "it is silent")
            desk.session.opening(desk.now)
            desk.session.opened(desk.now)
            desk.settle()
    return wanted


def fall_silent(desk: Desk) -> Desk:
    desk.modem.deaf = True
    desk.session.poll(desk.now)
    return desk.run(9.0)


# -- the ladder ------------------------------------------------------------------------------------------------


def test_a_modem_that_is_well_tells_no_fault_and_is_left_alone() -> None:
    desk = up()
    for number in range(20):
        desk.submit(job(number, now=desk.now)).run(30.0)
        desk.session.poll(desk.now)
        desk.settle()
    assert (faults(desk), recovered(desk), desk.session.modem.rescue_wanted) == ([], [], None)
    assert RESET not in desk.modem.heard


def test_a_silent_modem_is_told_at_once_and_its_recovery_with_the_time_it_took() -> None:
    desk = up()
    began = desk.now
    fall_silent(desk)
    (seen,) = desk.told(FaultSeen)
    assert seen.fault is Fault.SILENT
    assert seen.at - began == pytest.approx(5.0)
    desk.modem.deaf = False
    desk.until(lambda: desk.state is ModemState.READY, 3.0)
    (back,) = desk.told(Recovered)
    assert (back.fault, back.rung) == (Fault.SILENT, Rung.PROBE)
    assert back.seconds == pytest.approx(desk.now - seen.at)


def test_the_ladder_for_a_silent_modem_goes_up_once_and_then_only_opens_its_port_again() -> None:
    steps = climbed(fall_silent(up()), 7200.0)
    rungs = [rung for rung, _ in steps]
    assert rungs.count(Rung.REAUTHORISE) == rungs.count(Rung.POWER) == 1
    assert rungs[0] is Rung.REOPEN
    assert rungs.index(Rung.REAUTHORISE) < rungs.index(Rung.POWER)
    pauses = [later - earlier for (_, earlier), (_, later) in pairwise(steps)]
    assert max(pauses) <= 360.0, "never an hour"
    assert min(pauses) >= 10.0


def test_after_a_recovery_the_ladder_begins_at_the_bottom() -> None:
    desk = fall_silent(up())
    first = climbed(desk, 400.0)
    desk.modem.deaf = False
    desk.until(lambda: desk.state is ModemState.READY, 15.0)
    assert recovered(desk) == [(Fault.SILENT, Rung.POWER)]
    second = climbed(fall_silent(desk), 400.0)
    assert [rung for rung, _ in second] == [rung for rung, _ in first]


def test_a_modem_that_never_prompts_is_restarted_then_reopened_and_so_on() -> None:
    desk = up()
    desk.modem.answers[RESET] = OK
    desk.modem.prompt = None
    desk.submit(job(now=desk.now))
    steps = climbed(desk, 900.0)
    assert desk.modem.heard.count(RESET) == 1
    assert [rung for rung, _ in steps] == [Rung.REOPEN, Rung.REAUTHORISE, Rung.POWER]
    assert (ends(desk), faults(desk)) == ([SubmitEnd.NOT_SENT], [Fault.NO_PROMPT])
    desk.modem.prompt = "\r\n> "
    desk.until(lambda: desk.state is ModemState.READY, 60.0)
    assert recovered(desk) == [(Fault.NO_PROMPT, Rung.POWER)]


def test_a_restarted_modem_is_brought_up_in_full_and_shows_that_it_prompts_before_it_is_ready() -> None:
    desk = up()
    desk.modem.answers[RESET] = OK
    desk.modem.prompt = None
    desk.submit(job(now=desk.now))
    desk.until(lambda: RESET in desk.modem.heard, 60.0)
    desk.modem.heard.clear()
    desk.modem.prompt = "\r\n> "
    desk.until(lambda: desk.state is ModemState.READY, 10.0)
    assert desk.modem.heard.index("AT+CNMI=2,1,0,1,0") < desk.modem.heard.index("AT+CMGS=10")
    assert recovered(desk) == [(Fault.NO_PROMPT, Rung.RESET)]


def test_a_restart_that_the_admin_forbids_is_passed_over() -> None:
    desk = up({RESET: OK}, reset=False)
    desk.modem.prompt = None
    desk.submit(job(now=desk.now))
    steps = climbed(desk, 900.0)
    assert RESET not in desk.modem.heard
    assert steps[0][0] is Rung.REOPEN


def test_a_modem_that_refuses_to_restart_is_gone_on_with() -> None:
    desk = up()
    desk.modem.prompt = None
    desk.submit(job(now=desk.now))
    assert [rung for rung, _ in climbed(desk, 120.0)][:1] == [Rung.REOPEN]
    assert desk.modem.heard.count(RESET) == 1


# -- refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("final", "fault"),
    [
        ("+CMS ERROR: 1", Fault.REFUSED_MESSAGE),
        ("+CMS ERROR: 27", Fault.REFUSED_MESSAGE),
        ("+CMS ERROR: 304", Fault.REFUSED_MESSAGE),
        ("+CMS ERROR: 195", Fault.REFUSED_MESSAGE),
        ("+CMS ERROR: 21", Fault.REFUSED_SIM),
        ("+CMS ERROR: 8", Fault.REFUSED_SIM),
        ("+CMS ERROR: 310", Fault.REFUSED_SIM),
        ("+CME ERROR: 13", Fault.REFUSED_SIM),
        ("+CME ERROR: SIM not inserted", Fault.REFUSED_SIM),
        ("+CMS ERROR: 38", Fault.REFUSED_NETWORK),
        ("+CMS ERROR: 331", Fault.REFUSED_NETWORK),
        ("+CMS ERROR: 192", Fault.REFUSED_NETWORK),
        ("+CME ERROR: 30", Fault.REFUSED_NETWORK),
        ("+CMS ERROR: 500", Fault.REFUSED_MODEM),
        ("+CMS ERROR: 302", Fault.REFUSED_MODEM),
        ("+CME ERROR: 24", Fault.REFUSED_MESSAGE),
        ("ERROR", Fault.REFUSED_MODEM),
    ],
)
def test_a_refusal_is_told_once_with_its_class_and_its_words(final: str, fault: Fault) -> None:
    desk = up()
    desk.modem.on_pdu = lambda _: f"\r\n{final}\r\n"
    desk.submit(job(now=desk.now)).run(3.0)
    (seen,) = desk.told(FaultSeen)
    assert seen.fault is fault
    assert seen.detail.startswith(f"AT+CMGS=14: {final} (")
    assert desk.state is ModemState.READY


def refuse(desk: Desk, times: int, final: str = "+CMS ERROR: 500") -> None:
    desk.modem.on_pdu = lambda _: f"\r\n{final}\r\n"
    for _ in range(times):
        desk.submit(job(int(desk.now), now=desk.now)).run(1.0)  # each time another message


@pytest.mark.parametrize("final", ["+CMS ERROR: 500", "+CMS ERROR: 313", "+CME ERROR: 0"])
def test_a_modem_that_refuses_everything_is_restarted_after_some_messages(final: str) -> None:
    desk = up({RESET: OK})
    refuse(desk, 3, final)
    assert RESET not in desk.modem.heard
    refuse(desk, 1, final)
    assert desk.modem.heard.count(RESET) == 1
    desk.until(lambda: desk.state is ModemState.READY, 10.0)


@pytest.mark.parametrize("final", ["+CMS ERROR: 21", "+CMS ERROR: 38", "+CMS ERROR: 1", "+CMS ERROR: 42"])
def test_refusals_of_the_network_or_for_the_number_restart_nothing(final: str) -> None:
    desk = up({RESET: OK})
    refuse(desk, 20, final)
    assert RESET not in desk.modem.heard


def test_a_modem_that_goes_on_refusing_is_restarted_more_and_more_seldom() -> None:
    desk = up({RESET: OK})
    at: list[float] = []

    def restarts(_: str) -> str:
        at.append(desk.now)
        return OK

    desk.modem.answers[RESET] = restarts
    refuse(desk, 1500)
    pauses = [later - earlier for earlier, later in pairwise(at)]
    assert pauses == sorted(pauses)
    assert len(at) <= 6


def test_one_message_that_is_refused_again_and_again_restarts_nothing() -> None:
    desk = up({RESET: OK})
    desk.modem.on_pdu = lambda _: "\r\n+CMS ERROR: 500\r\n"
    for number in range(10):
        pdus = encode_submit(parse_recipient("+447700900123"), "Code 738291", validity_s=3600 - 300 * number)
        desk.submit(replace(job(number, now=desk.now), parts=pdus)).run(1.0)
    assert ends(desk) == [SubmitEnd.NOT_SENT] * 10
    assert RESET not in desk.modem.heard


def test_a_message_that_is_taken_ends_the_row_of_refusals() -> None:
    desk = up({RESET: OK})
    for _ in range(5):
        refuse(desk, 3)
        desk.modem.on_pdu = lambda _: "\r\n+CMGS: 1\r\n" + OK
        desk.submit(job(now=desk.now))
    assert RESET not in desk.modem.heard


# -- restarts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("notice", ["RDY", "^SYSSTART", "*ATREADY: 1", "POWERED DOWN", "+AT: READY"])
def test_a_restart_at_the_prompt_leaves_the_message_unsent(notice: str) -> None:
    desk = up()
    desk.submit(job(now=desk.now), permitted=False)
    desk.modem.at_prompt = False
    desk.modem.heard.clear()
    desk.say(f"\r\n{notice}\r\n").run(2.0)
    assert (ends(desk), desk.modem.pdus) == ([SubmitEnd.NOT_SENT], [])
    assert "AT+CNMI=2,1,0,1,0" in desk.modem.heard, "brought up in full"
    assert (faults(desk), recovered(desk)) == ([Fault.RESTARTED], [(Fault.RESTARTED, Rung.PROBE)])
    desk.submit(job(2, now=desk.now))
    assert ends(desk)[-1] is SubmitEnd.SENT


def test_a_restart_after_ctrl_z_leaves_the_message_in_doubt_at_once() -> None:
    desk = up()
    desk.modem.on_pdu = lambda _: None
    desk.submit(job(now=desk.now))
    before = desk.now
    desk.say("\r\nRDY\r\n")
    assert (ends(desk), desk.now) == ([SubmitEnd.IN_DOUBT], before)
    desk.until(lambda: desk.state is ModemState.READY, 3.0)


def test_notices_of_a_start_while_the_modem_starts_disturb_nothing() -> None:
    desk = Desk(ScriptedModem({"AT+CPIN?": None})).plug()
    for notice in ("RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready", "SMS Ready"):
        desk.say(f"\r\n{notice}\r\n")
    assert faults(desk) == []


# -- SIM and network ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("notice", ["+CPIN: NOT READY", "^SIMST: 255", "+QUSIM: 0", "+CPIN: NOT INSERTED"])
def test_a_sim_pulled_at_the_prompt_leaves_the_message_unsent(notice: str) -> None:
    desk = up()
    desk.submit(job(now=desk.now), permitted=False)
    desk.modem.answers |= {"AT+CPIN?": NO_SIM, "AT+CCID": NO_SIM}
    desk.say(f"\r\n{notice}\r\n")
    desk.until(lambda: desk.state is ModemState.SIM_MISSING, 3.0)
    assert (ends(desk), desk.modem.pdus, faults(desk)) == ([SubmitEnd.NOT_SENT], [], [Fault.SIM_LOST])
    desk.modem.answers |= {"AT+CPIN?": "\r\n+CPIN: READY\r\n" + OK, "AT+CCID": "\r\n+CCID: 1\r\n" + OK}
    desk.until(lambda: desk.state is ModemState.READY, 10.0)
    assert recovered(desk)[0][0] is Fault.SIM_LOST


def test_a_sim_pulled_after_ctrl_z_has_the_answer_waited_for() -> None:
    desk = up()
    desk.modem.on_pdu = lambda _: None
    desk.submit(job(now=desk.now))
    desk.say("\r\n+CPIN: NOT READY\r\n")
    assert ends(desk) == []
    desk.say("\r\n+CMGS: 5\r\n" + OK)
    assert ends(desk) == [SubmitEnd.SENT]


def test_a_lost_sim_has_the_modem_restarted_once() -> None:
    desk = up({RESET: OK})
    desk.modem.answers |= {"AT+CPIN?": NO_SIM, "AT+CCID": NO_SIM}
    desk.say("\r\n+CPIN: NOT READY\r\n").run(1200.0)
    assert (desk.state, desk.modem.heard.count(RESET)) == (ModemState.SIM_MISSING, 1)
    assert faults(desk) == [Fault.SIM_LOST]


def test_a_modem_that_never_had_a_sim_is_not_restarted_for_it() -> None:
    desk = Desk(ScriptedModem({RESET: OK, "AT+CPIN?": NO_SIM, "AT+CCID": NO_SIM})).plug().run(600.0)
    assert (desk.state, desk.modem.heard.count(RESET), faults(desk)) == (ModemState.SIM_MISSING, 0, [])


def test_no_pdu_leaves_once_the_modem_said_that_its_network_is_gone() -> None:
    desk = up()
    desk.submit(job(now=desk.now), permitted=False)
    desk.say("\r\n+CREG: 2\r\n")
    desk.session.permit(1, True, desk.now)
    desk.settle()
    (fact,) = desk.told(SubmitEnded)
    assert (fact.end, fact.verdict, desk.modem.pdus) == (SubmitEnd.NOT_SENT, Verdict.ELSEWHERE, [])
    assert not desk.modem.at_prompt
    assert desk.state is ModemState.READY, "it was asked, and is registered after all"


def test_a_network_that_is_back_before_the_permit_keeps_nothing_from_leaving() -> None:
    desk = up()
    desk.submit(job(now=desk.now), permitted=False)
    desk.say("\r\n+CREG: 2\r\n\r\n+CREG: 1\r\n")
    desk.session.permit(1, True, desk.now)
    desk.settle()
    assert ends(desk) == [SubmitEnd.SENT]


def test_a_lost_network_is_told_and_a_job_that_comes_meanwhile_is_given_back() -> None:
    desk = up()
    desk.modem.answers["AT+CREG?"] = "\r\n+CREG: 1,2\r\n" + OK
    desk.say("\r\n+CREG: 2\r\n")
    assert (desk.state, faults(desk)) == (ModemState.SEARCHING, [Fault.NETWORK_LOST])
    desk.submit(job(now=desk.now))
    assert ends(desk) == [SubmitEnd.NOT_SENT]
    desk.modem.answers["AT+CREG?"] = "\r\n+CREG: 1,1\r\n" + OK
    desk.until(lambda: desk.state is ModemState.READY, 5.0)
    assert recovered(desk) == [(Fault.NETWORK_LOST, Rung.PROBE)]


def test_a_modem_that_finds_no_network_for_minutes_is_restarted_once() -> None:
    desk = up({RESET: OK})
    desk.modem.answers["AT+CREG?"] = "\r\n+CREG: 1,2\r\n" + OK
    desk.say("\r\n+CREG: 2\r\n").run(250.0)
    assert RESET not in desk.modem.heard
    desk.run(3600.0)
    assert (desk.modem.heard.count(RESET), desk.state) == (1, ModemState.SEARCHING)


# -- the port --------------------------------------------------------------------------------------------------


def test_a_port_that_goes_by_itself_is_a_fault_and_one_that_is_closed_is_none() -> None:
    desk = up()
    desk.session.closed(desk.now, "restarted")
    desk.up()
    assert faults(desk) == []
    desk.session.lost(desk.now, "unplugged")
    desk.run(7.0).up()
    assert (faults(desk), recovered(desk)) == ([Fault.PORT_LOST], [(Fault.PORT_LOST, Rung.REOPEN)])
    assert desk.told(Recovered)[0].seconds == pytest.approx(7.0, abs=0.5)


def test_a_port_that_goes_because_the_modem_restarts_is_part_of_the_recovery() -> None:
    desk = up({RESET: OK})
    desk.modem.prompt = None
    desk.submit(job(now=desk.now))
    desk.until(lambda: RESET in desk.modem.heard, 60.0)
    desk.session.lost(desk.now, "the device is gone")
    desk.modem.prompt = "\r\n> "
    desk.run(5.0).up()
    assert faults(desk) == [Fault.NO_PROMPT]
    assert "AT+CMGS=10" in desk.modem.heard[-8:], "its prompt was tried before it was ready"


def test_a_port_that_takes_nothing_is_told_as_stalled() -> None:
    desk = up()
    desk.session.stalled(desk.now, "the port takes no bytes")
    desk.settle()
    assert faults(desk) == [Fault.PORT_STALLED]


# -- floods, bursts, noise ------------------------------------------------------------------------------------


def test_a_flood_is_told_once_and_sending_goes_on() -> None:
    desk = up()
    for number in range(50):
        desk.say("^RSSI: 12\r\n+ZUSIMR:2\r\n" * 100)
        desk.submit(job(number, now=desk.now)).run(0.1)
    assert faults(desk) == [Fault.FLOOD]
    assert ends(desk) == [SubmitEnd.SENT] * 50


def test_a_flood_of_notices_of_a_restart_does_not_stop_a_modem_that_goes_on() -> None:
    desk = up()
    desk.say("\r\nRDY\r\n" * 2000)
    for _ in range(20):
        desk.say("\r\nRDY\r\n" * 400).run(0.05)
    desk.until(lambda: desk.state is ModemState.READY, 5.0)
    desk.submit(job(now=desk.now))
    assert ends(desk) == [SubmitEnd.SENT]


def test_a_flood_that_comes_again_later_is_told_again() -> None:
    desk = up()
    for _ in range(2):
        desk.say("^RSSI: 12\r\n" * 1000).run(60.0)
    assert faults(desk) == [Fault.FLOOD, Fault.FLOOD]


def test_a_burst_of_reports_is_no_flood_and_every_one_is_told() -> None:
    desk = up()
    desk.submit(job(now=desk.now), permitted=False)
    desk.say("".join(REPORT.format(number) for number in range(200)))
    assert [fact.report.tp_mr for fact in desk.told(ReportArrived)] == list(range(200))
    desk.session.permit(1, True, desk.now)
    desk.settle()
    assert (faults(desk), ends(desk)) == ([], [SubmitEnd.SENT])


def test_noise_between_lines_is_told_once_and_sending_goes_on() -> None:
    desk = up()
    for number in range(20):
        desk.say("\xff\xfe\x81\x00\xb2\x9c" * 4 + "\r\n")
        desk.submit(job(number, now=desk.now)).run(0.2)
    assert (faults(desk), ends(desk)) == ([Fault.NOISE], [SubmitEnd.SENT] * 20)


def test_a_name_with_an_accent_is_no_noise() -> None:
    desk = up({"AT+COPS?": '\r\n+COPS: 0,0,"T\xe9l\xe9com",7\r\n' + OK})
    for _ in range(50):
        desk.session.poll(desk.now)
        desk.run(10.0)
    assert faults(desk) == []


@pytest.mark.parametrize("noise", ["\xff", "\xfe\xff\x80", "\x00\xff"])
def test_noise_ahead_of_an_answer_does_not_hide_it(noise: str) -> None:
    desk = up()
    desk.modem.prompt = f"\r\n{noise}> "
    desk.modem.on_pdu = lambda _: f"\r\n{noise}+CMGS: 7\r\n\r\n{noise}OK\r\n"
    desk.submit(job(now=desk.now))
    assert ends(desk) == [SubmitEnd.SENT]


def test_answers_that_are_nobodys_are_told_as_out_of_step_now_and_then() -> None:
    desk = up()
    for _ in range(10):
        desk.say(OK).run(2.0)
    assert faults(desk) == [Fault.OUT_OF_STEP]


# -- the message in flight, silence ---------------------------------------------------------------------------


def test_a_modem_that_lost_the_message_is_told_so() -> None:
    desk = up()
    desk.modem.on_pdu = lambda _: None
    desk.submit(job(now=desk.now)).run(12.0)
    assert (ends(desk), faults(desk), desk.state) == (
        [SubmitEnd.IN_DOUBT],
        [Fault.LOST_SUBMIT],
        ModemState.READY,
    )


def test_a_modem_silent_after_ctrl_z_is_told_when_patience_ends() -> None:
    desk = up()

    def swallow(_: str) -> None:
        desk.modem.deaf = True

    desk.modem.on_pdu = swallow
    desk.submit(job(now=desk.now, patience=20.0)).run(19.0)
    assert faults(desk) == []
    desk.run(2.0)
    assert (ends(desk), faults(desk)) == ([SubmitEnd.IN_DOUBT], [Fault.SILENT_AFTER_PDU])


def test_a_job_can_be_withdrawn_until_its_pdu_left() -> None:
    desk = up()
    desk.submit(job(1, now=desk.now), permitted=False)
    desk.session.withdraw(1, desk.now)
    desk.settle()
    desk.modem.on_pdu = lambda _: None
    desk.submit(job(2, now=desk.now))
    desk.session.withdraw(2, desk.now)
    desk.session.withdraw(3, desk.now)
    desk.say("\r\n+CMGS: 5\r\n" + OK)
    assert ends(desk) == [SubmitEnd.WITHDRAWN, SubmitEnd.SENT]


def test_a_job_whose_first_part_left_is_not_withdrawn() -> None:
    desk = up()

    def withdrawn_meanwhile(_: str) -> str:
        desk.session.withdraw(1, desk.now)
        return "\r\n+CMGS: 5\r\n" + OK

    desk.modem.on_pdu = withdrawn_meanwhile
    desk.submit(job(1, parts=2, now=desk.now))
    assert (ends(desk), len(desk.modem.pdus)) == ([SubmitEnd.SENT], 2)


# -- the radio link kept open ---------------------------------------------------------------------------------


def run_of(desk: Desk, *numbers: int, more_follow: bool = True) -> None:
    for number in numbers:
        one = job(number, now=desk.now)
        desk.submit(type(one)(one.number, one.parts, one.deadline, one.patience, more_follow))


def cmms(desk: Desk) -> list[str]:
    return [text for text in desk.modem.heard if text.startswith("AT+CMMS")]


def test_the_radio_link_is_kept_once_for_a_run_and_let_go_when_it_is_over() -> None:
    desk = up({"AT+CMMS=2": OK, "AT+CMMS=0": OK})
    run_of(desk, *range(10))
    desk.session.poll(desk.now)
    desk.settle()
    assert cmms(desk) == ["AT+CMMS=2"], "a poll between two messages does not end the run"
    desk.run(10.0).session.poll(desk.now)
    desk.run(10.0).session.poll(desk.now)
    desk.settle()
    assert cmms(desk) == ["AT+CMMS=2", "AT+CMMS=0"]
    run_of(desk, 11)
    assert cmms(desk) == ["AT+CMMS=2", "AT+CMMS=0", "AT+CMMS=2"]
    assert ends(desk) == [SubmitEnd.SENT] * 11


def test_a_modem_that_cannot_keep_its_link_is_asked_once() -> None:
    desk = up()
    run_of(desk, *range(5))
    desk.session.poll(desk.now + 60.0)
    desk.settle()
    assert (cmms(desk), ends(desk)) == (["AT+CMMS=2"], [SubmitEnd.SENT] * 5)


def test_without_a_backlog_nothing_is_said_about_the_link() -> None:
    desk = up({"AT+CMMS=2": OK})
    run_of(desk, *range(5), more_follow=False)
    assert cmms(desk) == []


# -- echo ------------------------------------------------------------------------------------------------------


class EchoingModem(ScriptedModem):
    """A modem that was restarted by somebody and echoes again, commands and PDUs."""

    echoes = False

    def hear(self, data: bytes) -> bytes:
        said = super().hear(data)
        return data.replace(b"\r", b"\r\r\n") + said if self.echoes else said


@pytest.mark.parametrize("chunk", [1, 7, 4096])
def test_an_echo_that_comes_back_in_mid_stream_disturbs_no_message(chunk: int) -> None:
    modem = EchoingModem()
    desk = Desk(modem, chunk=chunk).up()
    modem.echoes = True
    for number in range(3):
        desk.submit(job(number, parts=2, now=desk.now))
        desk.session.poll(desk.now)
        desk.settle()
    assert (ends(desk), faults(desk), len(modem.pdus)) == ([SubmitEnd.SENT] * 3, [], 6)


def test_after_any_trouble_the_link_is_asked_for_again() -> None:
    desk = up({"AT+CMMS=2": OK})
    run_of(desk, 1)
    desk.say("\r\nRDY\r\n").run(2.0)
    run_of(desk, 2)
    assert cmms(desk) == ["AT+CMMS=2", "AT+CMMS=2"]


def test_a_modem_that_wants_pauses_gets_them_before_each_message() -> None:
    desk = up()
    desk.session.modem.quirks = replace(UNKNOWN, pause=0.02)
    desk.submit(job(now=desk.now))
    assert desk.modem.heard[-1] != "AT+CMGS=14"
    desk.run(0.03)
    assert ends(desk) == [SubmitEnd.SENT]


# -- what was believed too much --------------------------------------------------------------------------------


def test_a_phone_that_nothing_restarts_is_not_taken_down_for_refusing() -> None:
    desk = up({"AT+CGMI": "\r\nNokia\r\n" + OK, "AT+CGMM": "\r\nNokia N79\r\n" + OK})
    refuse(desk, 10)
    assert desk.state is ModemState.READY
    assert set(faults(desk)) == {Fault.REFUSED_MODEM}
    assert recovered(desk) == []


def test_a_restart_for_refusing_is_told_as_the_rung_that_it_is() -> None:
    desk = up({RESET: OK})
    refuse(desk, 4)
    desk.until(lambda: desk.state is ModemState.READY, 10.0)
    assert recovered(desk) == [(Fault.REFUSED_MODEM, Rung.RESET)]


def test_a_port_that_goes_because_we_restart_a_modem_that_refuses_is_no_lost_port() -> None:
    desk = up({RESET: OK})
    refuse(desk, 4)
    desk.session.lost(desk.now, "gone")
    desk.plug().run(10.0)
    assert set(faults(desk)) == {Fault.REFUSED_MODEM}


def test_a_restart_for_refusing_that_is_itself_refused_leaves_the_modem_well() -> None:
    desk = up()
    refuse(desk, 4)
    desk.run(5.0)
    assert (desk.state, desk.session.modem.bout) == (ModemState.READY, None)


def test_what_lte_says_of_itself_holds_up_no_modem_that_is_registered_otherwise() -> None:
    desk = up({"AT+CEREG?": "\r\n+CEREG: 3,2\r\n" + OK})
    desk.submit(job(now=desk.now), permitted=False).say("\r\n+CEREG: 2\r\n")
    desk.session.permit(1, True, desk.now)
    desk.settle()
    assert ends(desk) == [SubmitEnd.SENT]


def test_a_network_that_flaps_without_end_gives_the_job_back_at_once() -> None:
    class Slow(Desk):
        """Every answer takes 20 ms."""

        def settle(self) -> None:
            self.facts += self.session.take_facts()
            if data := self.session.take_output():
                self.later(0.02, self.modem.hear(data).decode("latin-1"))

    desk = Slow().up()
    for n in range(3000):
        desk.later(0.01 * n, "\r\n+CREG: 2\r\n")
    desk.run(0.05)
    desk.submit(job(now=desk.now))
    desk.until(lambda: ends(desk) == [SubmitEnd.NOT_SENT], 1.0)


def test_numbers_that_a_modem_puts_into_a_refusal_are_in_no_reason() -> None:
    desk = up()
    refuse(desk, 1, "+CMS ERROR: code 738291 to +447700900123")
    said = " ".join(
        [fact.detail for fact in desk.told(FaultSeen)] + [f.reason for f in desk.told(SubmitEnded)]
    )
    assert "+CMS ERROR: code" in said
    assert "738291" not in said
    assert "447700900123" not in said
