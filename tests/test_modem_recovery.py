"""A modem that falls silent is found again, soon and with little noise."""

from __future__ import annotations

from itertools import pairwise

import pytest
from modem_desk import OK, Desk, ScriptedModem, job

from simcourier.modem.facts import ModemChanged, ModemState, Rung, SubmitEnd, SubmitEnded

CHECK = ["ATE0", "AT+CPIN?", "AT+CMGF?", "AT+CNMI?", "AT+CCID", "AT+CREG?"]


def deafened(seconds: float = 60.0) -> Desk:
    """A modem that was ready and hears nothing since a poll."""
    desk = Desk().up()
    desk.modem.deaf = True
    desk.session.poll(desk.now)
    desk.run(seconds)
    return desk


def probes(desk: Desk, seconds: float) -> int:
    before = desk.written.count(b"AT\r")
    desk.run(seconds)
    return desk.written.count(b"AT\r") - before


def test_a_modem_that_leaves_a_command_unanswered_is_resynchronised_then_silent() -> None:
    desk = deafened(5.1)
    assert desk.state is ModemState.RESYNC
    desk.run(4.0)
    assert (desk.state, desk.session.snapshot().reason) == (ModemState.SILENT, "AT: no answer")


def test_a_silent_modem_is_probed_every_second() -> None:
    assert 50 <= probes(deafened(10.0), 60.0) <= 60


def test_after_five_minutes_it_is_probed_less_and_less_but_once_a_minute_at_least() -> None:
    desk = deafened(400.0)
    assert probes(desk, 60.0) < 12
    desk.run(3600.0)
    assert 9 <= probes(desk, 600.0) <= 12


def test_any_byte_from_a_silent_modem_is_answered_by_a_probe_at_once() -> None:
    desk = deafened(4000.0)
    desk.modem.deaf = False
    mark = desk.now
    desk.say("^BOOT\r\n")
    desk.until(lambda: desk.state is ModemState.READY, 1.0)
    assert desk.now - mark < 1.0


@pytest.mark.parametrize("spell", [15.0, 15.4, 15.9, 40.3, 200.7])
def test_a_modem_that_was_deaf_is_ready_within_three_seconds_of_being_well(spell: float) -> None:
    desk = deafened(spell)
    desk.modem.deaf = False
    desk.modem.heard.clear()
    desk.until(lambda: desk.state is ModemState.READY, 3.0)
    asked = [text for text in desk.modem.heard if text != "AT"]
    if spell < 50.0:
        assert asked[:6] == CHECK, "a check, not all of a bring-up"
    else:
        assert asked[:2] == ["ATE0", "AT+CMEE=1"], "its USB device was taken away, it may have started anew"
    desk.submit(job(now=desk.now))
    assert desk.told(SubmitEnded)[-1].end is SubmitEnd.SENT


def test_what_a_modem_kept_and_answers_all_at_once_confuses_nothing() -> None:
    desk = deafened(20.0)
    desk.modem.deaf = False
    desk.say(OK * 15)
    desk.until(lambda: desk.state is ModemState.READY, 3.0)
    desk.submit(job(now=desk.now))
    assert desk.told(SubmitEnded)[-1].end is SubmitEnd.SENT


def test_answers_that_trickle_in_are_waited_for() -> None:
    desk = deafened(20.0)
    desk.modem.deaf = False
    for number in range(10):
        desk.later(0.2 * number, OK)
    asked: list[float] = []

    def answer(_: str) -> str:
        asked.append(desk.now)
        return OK

    desk.modem.answers["AT"] = answer
    began = desk.now
    desk.until(lambda: desk.state is ModemState.READY, 5.0)
    assert next(at for at in asked if at > began + 0.3) > began + 1.8


def test_a_modem_that_never_stops_answering_is_asked_all_the_same() -> None:
    desk = deafened(20.0)
    for number in range(100):
        desk.later(0.2 * number, OK)
    assert probes(desk, 19.0) >= 3


def test_a_modem_that_restarted_meanwhile_is_brought_up_in_full() -> None:
    desk = deafened(20.0)
    desk.modem.deaf = False
    asked: list[str] = []

    def cnmi(_: str) -> str:
        asked.append("")
        return "\r\n+CNMI: 0,0,0,0,0\r\n" + OK if len(asked) == 1 else "\r\n+CNMI: 2,1,0,1,0\r\n" + OK

    desk.modem.answers["AT+CNMI?"] = cnmi
    desk.modem.heard.clear()
    desk.until(lambda: desk.state is ModemState.READY, 3.0)
    assert "AT+CNMI=2,1,0,1,0" in desk.modem.heard


def test_a_modem_in_text_mode_is_brought_up_in_full() -> None:
    desk = deafened(20.0)
    desk.modem.deaf = False
    desk.modem.answers["AT+CMGF?"] = "\r\n+CMGF: 1\r\n" + OK
    desk.modem.heard.clear()
    desk.until(lambda: desk.state is ModemState.READY, 3.0)
    assert "AT+CMGF=0" in desk.modem.heard


def test_the_port_of_a_silent_modem_is_opened_anew_once_in_a_while() -> None:
    desk = deafened(5.1)
    wanted = []
    for _ in range(3000):
        desk.run(1.0)
        if desk.session.modem.rescue_wanted is Rung.REOPEN:
            wanted.append(desk.now - 1000.0)
        if desk.session.modem.rescue_wanted is not None:
            desk.session.stalled(desk.now, "it is silent")
            desk.session.opening(desk.now)
            desk.session.opened(desk.now)
    assert 10 <= len(wanted) <= 20
    pauses = [later - earlier for earlier, later in pairwise(wanted)]
    assert max(pauses) < 361.0, "never longer than some minutes"
    assert wanted[0] == pytest.approx(29.0, abs=2.0)
    assert desk.state is ModemState.SILENT


def test_a_port_opened_anew_needs_only_a_check() -> None:
    desk = deafened(30.0)
    desk.session.stalled(desk.now, "it is silent")
    desk.session.opening(desk.now)
    desk.modem.deaf = False
    desk.modem.heard.clear()
    desk.session.opened(desk.now)
    desk.until(lambda: desk.state is ModemState.READY, 2.0)
    assert [text for text in desk.modem.heard if text != "AT"][:6] == CHECK


def test_a_port_that_takes_nothing_ends_the_job_and_the_modem_is_silent() -> None:
    desk = Desk().up()
    desk.submit(job(now=desk.now), permitted=False)
    desk.session.stalled(desk.now, "the port takes no bytes", b"AT+CMGS=14\r")
    desk.settle()
    assert desk.told(SubmitEnded)[-1].end is SubmitEnd.NOT_SENT
    assert desk.state is ModemState.SILENT


def test_a_port_that_is_gone_and_returns_is_brought_up_in_full_at_once() -> None:
    desk = Desk().up()
    desk.session.closed(desk.now, "unplugged")
    desk.run(5.0)
    desk.modem.heard.clear()
    back = desk.now
    desk.plug()
    desk.until(lambda: desk.state is ModemState.READY, 1.0)
    assert desk.now - back < 0.2
    assert "AT+CNMI=2,1,0,1,0" in desk.modem.heard


def test_nothing_happens_while_the_port_is_gone() -> None:
    desk = Desk()
    assert desk.session.deadline is None
    desk.session.advance(desk.now)
    desk.session.allow_pin(True, desk.now)
    assert desk.session.take_output() == b""
    assert desk.session.take_facts() == []


def test_a_final_that_belongs_to_nobody_puts_the_dialogue_in_step_again() -> None:
    desk = Desk().up()
    desk.modem.heard.clear()
    desk.say("\r\n+CMS ERROR: 38\r\n").run(1.0)
    assert desk.modem.heard[:2] == ["AT", "ATE0"]
    assert desk.state is ModemState.READY


def test_answers_that_are_one_behind_are_noticed_and_no_message_is_lost() -> None:
    desk = Desk().up()
    desk.say(OK)
    desk.submit(job(now=desk.now)).run(3.0)
    assert desk.told(SubmitEnded)[-1].end is SubmitEnd.SENT
    assert len(desk.modem.pdus) == 1


def test_a_modem_that_answers_at_with_an_error_for_ever_is_silent() -> None:
    desk = Desk(ScriptedModem({"AT": "\r\nERROR\r\n"})).plug().run(10.0)
    assert (desk.state, desk.session.snapshot().reason) == (ModemState.SILENT, "AT: ERROR")
    assert len(desk.modem.heard) < 40


def test_a_port_that_streams_without_end_is_silent_and_costs_no_memory() -> None:
    desk = Desk(ScriptedModem({"AT": None})).plug()
    for _ in range(100):
        desk.say("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n" * 20).run(0.1)
    assert desk.state is ModemState.SILENT


def test_recoveries_are_counted_until_a_message_was_sent() -> None:
    desk = deafened(20.0)
    desk.modem.deaf = False
    desk.until(lambda: desk.state is ModemState.READY, 3.0)
    assert desk.session.snapshot().failures == 1
    desk.submit(job(now=desk.now))
    assert desk.session.snapshot().failures == 0


def test_a_state_is_told_once_with_the_time_it_began() -> None:
    desk = deafened(120.0)
    silent = [f.snapshot for f in desk.told(ModemChanged) if f.snapshot.state is ModemState.SILENT]
    assert len(silent) == 1
    assert silent[0].since == pytest.approx(1008.5, abs=0.5)


def test_a_job_that_waits_while_the_modem_falls_silent_is_given_back() -> None:
    desk = Desk().up()
    desk.modem.deaf = True
    desk.session.poll(desk.now)
    desk.settle()
    desk.submit(job(now=desk.now)).run(6.0)
    assert (desk.told(SubmitEnded)[-1].end, desk.modem.pdus) == (SubmitEnd.NOT_SENT, [])


@pytest.mark.parametrize("again", [True, False])
def test_a_deaf_modem_whose_prompt_stands_open_is_found_again(again: bool) -> None:
    desk = deafened(20.0)
    desk.modem.at_prompt = True
    desk.modem.prompts_again = again
    desk.modem.deaf = False
    desk.until(lambda: desk.state is ModemState.READY, 5.0)
    assert not desk.modem.at_prompt
