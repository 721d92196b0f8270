"""Onto the network, or a sentence that says why not."""

from __future__ import annotations

import pytest
from bring_up_desk import desk, line, states, times
from modem_desk import ERROR, OK, Desk, Reply, ScriptedModem

from simcourier.modem.facts import ModemState
from simcourier.modem.session import Session
from simcourier.modem.timings import Timings


def test_a_modem_without_network_searches_until_it_is_registered() -> None:
    up = desk({"AT+CREG?": times(*[line("+CREG: 0,2")] * 4, line("+CREG: 0,5"))}).up(10.0)
    assert states(up)[-2:] == ["searching", "ready"]
    assert up.session.snapshot().registration == "roaming"


def test_a_modem_on_lte_alone_is_found_by_cereg() -> None:
    up = desk({"AT+CREG?": line("+CREG: 0,0"), "AT+CEREG?": line("+CEREG: 0,1")}).up()
    assert up.session.snapshot().registration == "home"


PACKETS_ALONE: dict[str, Reply] = {
    "AT+CREG?": line("+CREG: 0,2"),
    "AT+CEREG?": ERROR,
    "AT+CGREG?": line("+CGREG: 0,1"),
    "AT+CGREG=1": OK,
    "AT+CGSMS=2": OK,
}


def test_a_modem_that_has_the_network_for_packets_alone_sends_over_these() -> None:
    up = desk(PACKETS_ALONE).up()
    assert up.session.snapshot().registration == "home"
    assert up.modem.heard.count("AT+CGSMS=2") == 1
    up.modem.answers["AT+CGREG?"] = line("+CGREG: 1,2")
    up.say("\r\n+CGREG: 2\r\n").run(2.0)
    assert up.state is ModemState.SEARCHING


def test_where_messages_can_not_go_over_packets_these_are_no_network() -> None:
    up = desk(PACKETS_ALONE | {"AT+CGSMS=2": ERROR}).plug().run(3.0)
    assert (up.state, up.session.snapshot().registration) == (ModemState.SEARCHING, "searching")


@pytest.mark.parametrize("answers", [{"AT+CREG?": line("+CREG: 0,3")}, {"AT+CEREG?": line("+CEREG: 0,3")}])
def test_a_sim_that_is_denied_is_denied_whatever_packets_say(answers: dict[str, Reply]) -> None:
    up = desk(PACKETS_ALONE | answers).plug().run(3.0)
    assert up.state is not ModemState.READY
    assert "AT+CGREG?" not in up.modem.heard[:40]


@pytest.mark.parametrize("said", ["+CGREG: 0,0", "+CGREG: 0,2", "+CGREG: 0,3"])
def test_a_sim_without_packets_is_none_the_worse_for_it(said: str) -> None:
    up = desk({"AT+CREG?": OK, "AT+CEREG?": ERROR, "AT+CGREG?": line(said)}).up()
    assert up.session.snapshot().registration == ""


def test_what_cgreg_says_of_itself_is_nothing_to_a_modem_that_has_the_network_for_calls() -> None:
    up = desk().up()
    up.modem.heard.clear()
    up.say("\r\n+CGREG: 2\r\n" * 20).run(2.0)
    assert (up.modem.heard, up.state) == ([], ModemState.READY)


def test_the_first_domain_that_says_anything_is_believed_where_none_has_the_sim() -> None:
    up = desk({"AT+CREG?": OK, "AT+CEREG?": line("+CEREG: 0,3")}).plug().run(3.0)
    assert up.session.snapshot().registration == "denied"


def test_a_reject_cause_that_only_cgreg_tells() -> None:
    state, why = reason(
        {
            "AT+CREG?": line("+CREG: 0,3"),
            "AT+CREG=3": ERROR,
            "AT+CEREG=3": ERROR,
            "AT+CGREG?": times(line("+CGREG: 0,3"), line('+CGREG: 3,3,"00A1","01",2,"0A",0,7')),
            "AT+CGREG=3": OK,
        }
    )
    assert state is ModemState.BARRED
    assert "(cause 7)" in why


def test_a_modem_that_answers_creg_with_a_bare_ok_is_asked_by_cereg() -> None:
    up = desk({"AT+CREG?": OK, "AT+CEREG?": line("+CEREG: 0,5")}).up()
    assert up.session.snapshot().registration == "roaming"


def test_a_modem_that_tells_nothing_of_the_network_is_ready() -> None:
    assert desk({"AT+CREG?": OK}).up().session.snapshot().registration == ""


def test_a_sim_that_the_network_denies_is_barred_until_it_does_not() -> None:
    barred = desk({"AT+CREG?": line("+CREG: 0,3")}).plug().run(30.0)
    assert (barred.state, barred.session.snapshot().reason) == (
        ModemState.BARRED,
        "the network denies this SIM: ask the operator whether the SIM is active and paid",
    )
    barred.modem.answers["AT+CREG?"] = line("+CREG: 0,1")
    barred.until(lambda: barred.state is ModemState.READY, 2.0)


def test_a_new_reason_does_not_begin_a_state_anew() -> None:
    lost = desk({"AT+CREG?": line("+CREG: 0,2")}).plug().run(5.0)
    began = lost.session.snapshot().since
    lost.modem.answers["AT+CREG?"] = line("+CREG: 0,0")
    lost.run(5.0)
    assert lost.session.snapshot().reason == "no network: not searching"
    assert lost.session.snapshot().since == began


def test_after_a_minute_the_network_is_asked_for_less_often() -> None:
    lost = desk({"AT+CREG?": line("+CREG: 0,2")}).plug().run(62.0)
    before = lost.modem.heard.count("AT+CREG?")
    lost.run(100.0)
    assert 9 <= lost.modem.heard.count("AT+CREG?") - before <= 11


def test_a_sim_taken_out_while_searching_is_missed() -> None:
    lost = desk({"AT+CREG?": line("+CREG: 0,2")}).plug().run(5.0)
    lost.modem.answers["AT+CPIN?"] = "\r\n+CME ERROR: 10\r\n"
    lost.until(lambda: lost.state is ModemState.SIM_MISSING, 30.0)


# -- why not -------------------------------------------------------------------------------------------------------


def reason(answers: dict[str, Reply], seconds: float = 15.0) -> tuple[ModemState, str]:
    """Where a modem with these answers stands after a while, and why."""
    up = desk(answers).plug().run(seconds)
    return up.state, up.session.snapshot().reason


@pytest.mark.parametrize(
    ("cause", "words"),
    [(2, "the operator does not know the SIM (cause 2)"), (6, "the stick is not allowed (cause 6)")],
)
def test_a_reject_cause_is_told_in_words(cause: int, words: str) -> None:
    denied: dict[str, Reply] = {"AT+CREG=3": OK, "AT+CREG?": line(f"+CREG: 3,3,,,,0,{cause}")}
    state, why = reason(denied)
    assert state is ModemState.BARRED
    assert why.startswith(f"the network denies this SIM: {words}: ")


@pytest.mark.parametrize("creg", [ERROR, OK])
def test_a_modem_on_lte_tells_its_reject_cause_by_cereg(creg: str) -> None:
    state, why = reason(
        {
            "AT+CREG?": line("+CREG: 0,0"),
            "AT+CREG=3": creg,
            "AT+CEREG?": times(line("+CEREG: 0,2"), line('+CEREG: 3,2,"00A1","01",7,0,15')),
            "AT+CEREG=3": OK,
        }
    )
    assert state is ModemState.SEARCHING
    assert "no cell here is meant for the SIM (cause 15)" in why


def test_a_search_that_has_only_just_begun_is_not_asked_for_reasons() -> None:
    up = desk({"AT+CREG?": line("+CREG: 0,2")}).plug().run(8.0)
    assert "AT+CREG=3" not in up.modem.heard
    up.run(8.0)
    assert "AT+CREG=3" in up.modem.heard
    assert up.modem.heard.count("AT+CEER") == 1


def test_where_no_cause_is_told_the_failure_report_is() -> None:
    state, why = reason({"AT+CREG?": line("+CREG: 0,3"), "AT+CEER": line('+CEER: "PLMN not allowed"')})
    assert (state, why) == (ModemState.BARRED, "the network denies this SIM: the modem says PLMN not allowed")


def test_a_modem_that_hears_nothing_has_its_antenna_looked_at() -> None:
    state, why = reason({"AT+CREG?": line("+CREG: 0,2"), "AT+CSQ": line("+CSQ: 99,99")})
    assert state is ModemState.SEARCHING
    assert "see to its antenna" in why


def test_a_modem_in_flight_mode_is_woken() -> None:
    asleep = desk({"AT+CREG?": line("+CREG: 0,0"), "AT+CFUN?": line("+CFUN: 0")})

    def wake(_: str) -> str:
        asleep.modem.answers["AT+CREG?"] = line("+CREG: 0,1")
        return OK

    asleep.modem.answers["AT+CFUN=1"] = wake
    asleep.up(3.0)


def test_a_modem_that_was_told_to_keep_off_the_network_is_told_otherwise() -> None:
    off = desk({"AT+CREG?": line("+CREG: 0,0"), "AT+COPS?": line("+COPS: 2"), "AT+CFUN?": line("+CFUN: 1")})

    def search(_: str) -> str:
        off.modem.answers["AT+CREG?"] = line("+CREG: 0,1")
        return OK

    off.modem.answers["AT+COPS=0"] = search
    off.up(3.0)
    assert "AT+CFUN=1" not in off.modem.heard


def test_a_registered_modem_is_asked_nothing_of_all_this() -> None:
    heard = desk().up().modem.heard
    assert not {"AT+CREG=3", "AT+CEREG=3", "AT+CEER", "AT+CFUN?", "AT+CEREG?"} & set(heard)


def test_a_modem_on_lte_alone_tells_by_itself_when_it_loses_the_network() -> None:
    up = desk({"AT+CREG?": line("+CREG: 0,0"), "AT+CEREG?": line("+CEREG: 0,1"), "AT+CEREG=1": OK}).up()
    assert "AT+CEREG=1" in up.modem.heard


# -- roaming -------------------------------------------------------------------------------------------------------


def at_home_only(answers: dict[str, Reply]) -> Desk:
    """A modem whose SIM may not send while it roams."""
    found = Desk(ScriptedModem(answers))
    found.session = Session("modem-1", "/dev/ttyTEST", timings=Timings(), roaming=False)
    return found


def test_a_sim_that_may_not_roam_is_barred_while_it_does() -> None:
    abroad = at_home_only({"AT+CREG?": line("+CREG: 0,5")}).plug().run(30.0)
    assert abroad.state is ModemState.BARRED
    assert "roams" in abroad.session.snapshot().reason
    assert "sims.roaming" in abroad.session.snapshot().reason
    abroad.modem.answers["AT+CREG?"] = line("+CREG: 0,1")
    abroad.until(lambda: abroad.state is ModemState.READY, 2.0)


def test_a_ready_modem_whose_sim_begins_to_roam_is_barred() -> None:
    up = at_home_only({}).up()
    up.modem.answers["AT+CREG?"] = line("+CREG: 0,5")
    up.say("\r\n+CREG: 5\r\n").run(1.0)
    assert up.state is ModemState.BARRED


def test_a_sim_that_may_roam_does() -> None:
    assert desk({"AT+CREG?": line("+CREG: 0,5")}).up().state is ModemState.READY
