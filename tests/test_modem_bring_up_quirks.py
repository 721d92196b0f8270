"""What bring-up does otherwise for a make; the oddities that need a whole dialogue are in tests/dialogues."""

from __future__ import annotations

import pytest
from bring_up_desk import cnmi, desk, line
from modem_desk import ERROR, OK, Desk, Reply, ScriptedModem

from simcourier.at.quirks import Quirks, makes
from simcourier.modem.facts import ReportRoute
from simcourier.modem.notices import notice_candidates, reading_forms
from simcourier.modem.rates import rates_for

EC25_OPTIONS = tuple(map(frozenset, ({0, 1, 2}, {0, 1, 2, 3}, {0, 2}, {0, 1, 2}, {0, 1})))


def said_by(manufacturer: str, model: str = "", **others: str) -> dict[str, Reply]:
    """The answers by which a make is known."""
    return {"AT+CGMI": line(manufacturer), "AT+CGMM": line(model), **others}


def test_the_make_is_in_the_snapshot() -> None:
    assert desk(said_by("huawei", "E3372")).up().session.snapshot().quirks == "huawei"
    assert desk().up().session.snapshot().quirks == "unknown"


def test_another_make_on_the_same_port_is_known_as_that() -> None:
    up = desk(said_by("huawei", "E3372")).up()
    up.session.closed(up.now, "unplugged")
    up.modem.answers |= said_by("Quectel", "EC25")
    assert up.up().session.snapshot().quirks == "quectel"


def test_what_it_must_not_hear_is_not_said() -> None:
    # A ZTE or Qualcomm loses its service centre by CSMP, a Cinterion by ATZ; CLAC hangs an E3131.
    for maker in ("huawei", "ZTE CORPORATION", "Telit", "Cinterion", "QUALCOMM INCORPORATED"):
        heard = desk(said_by(maker)).up().modem.heard
        assert not [text for text in heard if text.startswith(("ATZ", "AT&F", "AT+CSMP", "AT+CLAC"))]


def test_a_telit_gets_its_pause_between_an_answer_and_the_next_command() -> None:
    plain, telit = desk().up(), desk(said_by("Telit", "GM862")).up()
    asked = len(telit.modem.heard)
    assert telit.now - plain.now > 0.02 * (asked - 10)


def test_an_ec25_has_its_lines_come_to_our_port_where_it_has_several() -> None:
    alone, of_usb = desk(said_by("Quectel", "EC25")), desk(said_by("Quectel", "EC25"))
    of_usb.session.modem.device = "1-2.3"
    urcport = 'AT+QURCCFG="urcport","usbat"'
    assert urcport in of_usb.up().modem.heard
    assert urcport not in alone.up().modem.heard


def test_an_ec25_hands_reports_over_although_it_lists_that_it_can_store_them() -> None:
    assert notice_candidates(EC25_OPTIONS, makes.QUECTEL)[0] == (2, 1, 0, 1, 0)
    assert desk(said_by("Quectel", "EC25")).up().session.snapshot().reports is ReportRoute.DIRECT


def test_a_sim800_that_lists_nothing_is_never_tried_with_stored_reports() -> None:
    assert {candidate[3] for candidate in notice_candidates((), makes.SIMCOM_2G)} == {1}


def test_a_cinterion_that_lists_bfr_0_gets_1_all_the_same() -> None:
    options = (*EC25_OPTIONS[:4], frozenset({0, 1}))
    assert {candidate[4] for candidate in notice_candidates(options, makes.CINTERION)} == {1}
    assert {candidate[4] for candidate in notice_candidates((), makes.CINTERION)} == {1}


def test_a_cinterion_that_refuses_csms_1_is_left_at_0() -> None:
    up = desk(said_by("SIEMENS", "TC35i", **{"AT+CSMS=1": "\r\n+CMS ERROR: 302\r\n"})).up()
    assert up.session.modem.csms == 0


@pytest.mark.parametrize(
    ("quirks", "forms"),
    [
        (makes.HUAWEI, [("SR",), ("SR", "SM", "SM"), ("SR", "SM")]),
        (makes.HUAWEI_BROVI, [("SR", "SM", "SM")]),
        (makes.WAVECOM, [("SR",), ("SR", "SM")]),
        (makes.NOKIA, []),
    ],
)
def test_a_store_is_selected_in_the_forms_that_a_make_may_take(
    quirks: Quirks, forms: list[tuple[str, ...]]
) -> None:
    modem = desk().session.modem
    modem.quirks, modem.usual_store = quirks, "SM"
    assert reading_forms(modem, "SR") == forms


def test_an_m95_that_refuses_csms_needs_none() -> None:
    answers = said_by("Quectel_Ltd", "Quectel_M95") | {"AT+CSMS?": line("+CSMS: 128,1,1,1")}
    up = desk(answers | cnmi("(0-3),(0-3),(0,2,3),(0-2),(0,1)")).up()
    assert not [text for text in up.modem.heard if text.startswith("AT+CSMS=")]
    assert up.session.snapshot().reports is ReportRoute.DIRECT


def test_a_sara_r4_has_its_notices_set() -> None:
    up = desk(said_by("u-blox", "SARA-R410M-02B") | cnmi("(0-2),(0-3),(0-3),(0-2),(0-1)")).up()
    assert "AT+CNMI=2,1,0,1,0" in up.modem.heard


def test_an_e1752_that_says_command_not_support_comes_up() -> None:
    refusal = "\r\nCOMMAND NOT SUPPORT\r\n"
    refused = dict.fromkeys(("AT^CURC=0", "AT^ICCID?", "AT+CSMS?"), refusal)
    assert desk(said_by("huawei", "E1752") | refused).up().session.snapshot().sim


def test_a_wavecom_that_is_busy_after_its_start_is_waited_for() -> None:
    answers = said_by("WAVECOM MODEM") | {"AT+CPIN?": "\r\n+CME ERROR: 515\r\n"}
    slow = desk(answers).plug().run(3.0)
    slow.modem.answers["AT+CPIN?"] = "\r\n+CPIN: READY\r\n"
    slow.until(lambda: slow.state == "ready", 5.0)


def test_a_wavecom_does_not_cost_a_timeout_for_the_ok_that_never_comes() -> None:
    up = desk(said_by("WAVECOM MODEM") | {"AT+CPIN?": "\r\n+CPIN: READY\r\n"}).up()
    assert up.now - 1000.0 < 1.0


def test_a_wavecom_whose_ok_does_come_is_not_out_of_step() -> None:
    up = desk(said_by("WAVECOM MODEM")).up()
    assert up.session.snapshot().failures == 0
    assert up.modem.heard.count("AT") == 1


# -- PIN and PUK as each make tells what is left -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("maker", "command", "answer"),
    [
        ("huawei", "AT^CPIN?", "^CPIN: SIM PUK,,9,0,10,3"),
        ("ZTE CORPORATION", "AT+ZPINPUK=?", "+ZPINPUK: 0,9"),
        ("Quectel", "AT+QPINC?", '+QPINC: "SC",0,9'),
        ("SIMCOM_Ltd", "AT+SPIC", "+SPIC: 0,9,0,10"),
        ("Telit", "AT#PCT", "#PCT: 9"),
        ("Cinterion", "AT^SPIC", "^SPIC: 9"),
        ("Pretend Ltd", "AT+CPINR", "+CPINR: SIM PUK,9,10"),
    ],
)
def test_how_many_tries_a_puk_has_left_is_told_as_the_make_tells_it(
    maker: str, command: str, answer: str
) -> None:
    locked = (
        desk(said_by(maker) | {"AT+CPIN?": line("+CPIN: SIM PUK"), command: line(answer)}).plug().run(5.0)
    )
    assert locked.session.snapshot().reason.startswith("the SIM asks for SIM PUK (9 tries left): ")


# -- serial lines at another rate ------------------------------------------------------------------------------------


class At9600(ScriptedModem):
    """Hears only what is said at its own rate."""

    rate = 115200

    def hear(self, data: bytes) -> bytes:
        return super().hear(data) if self.rate == 9600 else b""


def looked_for(modem: At9600, seconds: float) -> Desk:
    """Look for a modem, setting the rate as the radio would."""
    found = Desk(modem)
    found.session.modem.rates = rates_for(115200)
    found.plug()
    end = found.now + seconds
    while found.now < end and found.state != "ready":
        found.run(0.05)
        if found.session.modem.rate_wanted:
            modem.rate, found.session.modem.rate_wanted = found.session.modem.rate_wanted, 0
    return found


def test_a_modem_that_was_left_at_9600_baud_is_found() -> None:
    found = looked_for(At9600(), 20.0)
    assert found.state == "ready"
    assert list(found.session.modem.rates) == [9600]


def test_every_other_look_is_at_the_configured_rate() -> None:
    assert list(rates_for(19200))[::2] == [19200] * 4
    assert set(rates_for(38400)) == {38400, 115200, 9600, 19200, 57600, 460800}


def test_a_modem_that_answered_is_not_looked_for_at_other_rates_when_it_falls_silent() -> None:
    found = Desk()
    found.session.modem.rates = rates_for(115200)
    found.up()
    found.modem.deaf = True
    found.session.poll(found.now)
    found.run(60.0)
    assert found.session.modem.rate_wanted == 0


def test_a_port_without_a_rate_is_left_alone() -> None:
    silent = desk({"AT": None}).plug().run(60.0)
    assert silent.session.modem.rate_wanted == 0


def test_a_refused_identity_is_asked_for_again_after_the_sim_was() -> None:
    assert desk({"AT+CGMI": ERROR}).up().modem.heard.count("AT+CGMI") == 2
    assert desk({"AT+CGMI": OK}).up().session.snapshot().manufacturer == ""
