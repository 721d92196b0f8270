"""From an open port to a modem that is ready, with modems that each do it differently."""

from __future__ import annotations

import pytest
from bring_up_desk import cnmi, desk, line, states, times
from modem_desk import ERROR, ICCID, IMEI, OK, Desk, Reply, ScriptedModem

from simcourier.modem.facts import Fault, FaultSeen, ModemChanged, ModemState, ReportArrived, ReportRoute
from simcourier.modem.modem import MOST_UNOWNED
from simcourier.modem.notices import notice_candidates

# -- the plain case ----------------------------------------------------------------------------------------------


def test_a_plain_modem_is_ready_within_a_fifth_of_a_second() -> None:
    up = desk().up()
    assert up.now - 1000.0 < 0.2
    assert states(up) == ["opening", "probing", "initialising", "ready"]


def test_everything_it_says_of_itself_is_in_the_snapshot() -> None:
    snapshot = desk().up().session.snapshot()
    assert (snapshot.manufacturer, snapshot.model, snapshot.revision) == ("Pretend Ltd", "Pretend 1", "1.0")
    assert (snapshot.imei, snapshot.sim) == (IMEI, ICCID)
    assert (snapshot.operator, snapshot.registration, snapshot.signal_dbm) == ("Pretend Mobile", "home", -73)
    assert snapshot.reports is ReportRoute.DIRECT
    assert snapshot.failures == 0


def test_the_first_bytes_end_an_open_prompt_and_a_half_typed_line() -> None:
    assert desk().plug().written.startswith(b"\x1b\r")


def test_a_prompt_that_the_last_run_left_open_is_closed() -> None:
    waiting = desk()
    waiting.modem.at_prompt = True
    waiting.up()
    assert not waiting.modem.at_prompt
    assert waiting.modem.pdus == []


def test_garbage_and_late_answers_on_a_new_port_are_drained() -> None:
    started = desk().plug()
    started.say("\xff\xfe\x00+CMGS: 7\r\n\r\nOK\r\nOK\r\n")
    started.until(lambda: started.state is ModemState.READY, 5.0)
    assert started.modem.heard[:2] == ["AT", "ATE0"]


def test_byte_by_byte_it_comes_up_the_same() -> None:
    assert Desk(chunk=1).up().modem.heard == desk().up().modem.heard


def test_a_modem_that_keeps_its_echo_comes_up_the_same() -> None:
    class Echoing(ScriptedModem):
        def _command(self, command: str) -> str | None:
            return f"{command}\r\r\n" + (super()._command(command) or "")

    assert Desk(Echoing()).up().modem.heard == desk().up().modem.heard


def test_the_first_at_may_be_lost_to_autobaud() -> None:
    up = desk({"AT": times(None, OK)}).up()
    assert up.now - 1000.0 < 2.0


def test_a_modem_that_answers_a_question_twice_is_asked_until_it_answers_once() -> None:
    up = desk({"AT": times(OK + OK, OK)}).up()
    assert up.modem.heard[:3] == ["AT", "AT", "ATE0"]


def test_a_refused_at_is_tried_again() -> None:
    assert desk({"AT": times(ERROR, OK)}).up().modem.heard[:3] == ["AT", "AT", "ATE0"]


def test_commands_that_a_modem_does_not_have_are_done_without() -> None:
    wanting = dict.fromkeys(
        (
            "ATE0",
            "AT+CMEE=1",
            "AT+CGMR",
            "AT+CSMS?",
            "AT+CSCA?",
            "AT+COPS=3,0",
            "AT+COPS?",
            "AT+CSQ",
            "AT+CEREG?",
        ),
        ERROR,
    )
    snapshot = desk(wanting).up().session.snapshot()
    assert (snapshot.revision, snapshot.operator, snapshot.signal_dbm) == ("", "", None)


def test_a_command_that_makes_a_modem_mute_is_asked_twice_and_never_again() -> None:
    up = desk({"AT+CGMR": None}).up(60.0)
    assert up.modem.heard.count("AT+CGMR") == 2
    assert up.session.snapshot().revision == ""


def test_a_modem_that_never_ends_its_answer_to_cpin_comes_up() -> None:
    # Wavecom answers AT+CPIN? without a final OK.
    up = desk({"AT+CPIN?": "\r\n+CPIN: READY\r\n"}).up(120.0)
    assert up.state is ModemState.READY


def test_deaf_spells_do_not_make_a_command_unanswerable() -> None:
    sleepy = desk()

    def doze_off(_: str) -> None:
        sleepy.modem.deaf = True

    sleepy.modem.answers["AT+CGMR"] = doze_off
    sleepy.plug()
    for _ in range(3):
        sleepy.until(lambda: sleepy.state is ModemState.SILENT, 30.0)
        sleepy.modem.deaf = False
        sleepy.until(lambda: sleepy.modem.deaf, 30.0)
    sleepy.modem.answers["AT+CGMR"] = line("1.0")
    sleepy.until(lambda: sleepy.state is ModemState.SILENT, 30.0)
    sleepy.modem.deaf = False
    sleepy.until(lambda: sleepy.state is ModemState.READY, 30.0)
    assert sleepy.session.snapshot().revision == "1.0"


def test_a_command_that_is_answered_now_and_then_is_always_asked() -> None:
    up = desk().up()
    for signal in (None, line("+CSQ: 5,99"), None, line("+CSQ: 6,99")):
        up.modem.answers["AT+CSQ"] = signal
        up.session.poll(up.now)
        up.run(10.0)
    assert up.session.snapshot().signal_dbm == -101


# -- the SIM -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "sim"),
    [
        ({"AT+CCID": line('+CCID: "8944110000000000033"')}, "8944110000000000033"),
        ({"AT+CCID": line("8944110000000000033F")}, "8944110000000000033"),
        ({"AT+CCID": ERROR, "AT+ICCID": line("+ICCID: 8944110000000000033")}, "8944110000000000033"),
        ({"AT+CCID": ERROR, "AT^ICCID?": line("^ICCID: 984411000000000030F3")}, "8944110000000000033"),
        ({"AT+CCID": ERROR, "AT+CIMI": line("234150000000001")}, "234150000000001"),
        ({"AT+CCID": ERROR}, ""),
    ],
)
def test_the_sim_is_known_by_its_iccid_or_else_its_imsi(answers: dict[str, Reply], sim: str) -> None:
    assert desk(answers).up().session.snapshot().sim == sim


@pytest.mark.parametrize(
    "fault",
    ["+CME ERROR: 14", "+CME ERROR: 515", "+CMS ERROR: 314", "+CMS ERROR: 512", "+CME ERROR: SIM busy"],
)
@pytest.mark.parametrize(
    "command", ["AT+CMGF=0", "AT+CNMI=?", "AT+CNMI=2,1,0,1,0", "AT+CPMS=?", "AT+CSCA?", "AT+CPIN?"]
)
def test_a_sim_that_has_just_started_is_waited_for(command: str, fault: str) -> None:
    usual = ScriptedModem().answers[command]
    assert isinstance(usual, str)
    slow = desk({command: times(*[f"\r\n{fault}\r\n"] * 5, usual)})
    slow.up(30.0)
    assert slow.session.snapshot().reports is ReportRoute.DIRECT
    assert slow.now - 1000.0 < 8.0


def test_a_sim_that_starts_for_ever_is_not_waited_for_for_ever() -> None:
    up = desk({"AT+CSCA?": "\r\n+CMS ERROR: 314\r\n"}).up(15.0)
    assert up.modem.heard.count("AT+CSCA?") == 10


def test_a_sim800_refuses_pdu_mode_without_a_cause_until_sms_ready() -> None:
    up = desk({"AT+CMGF=0": times(*[ERROR] * 6, OK)}).up(30.0)
    assert 5.0 < up.now - 1000.0 < 8.0


def test_a_modem_that_never_takes_pdu_mode_is_not_ready_and_says_why() -> None:
    stuck = desk({"AT+CMGF=0": ERROR}).plug().run(60.0)
    assert stuck.state is not ModemState.READY
    assert "AT+CMGF=0: ERROR" in [fact.snapshot.reason for fact in stuck.told(ModemChanged)]


@pytest.mark.parametrize(
    "answer", ["\r\n+CME ERROR: 10\r\n", "\r\n+CME ERROR: SIM not inserted\r\n", line("+CPIN: NOT INSERTED")]
)
def test_a_missing_sim_is_told_and_seen_when_it_comes(answer: str) -> None:
    empty = desk({"AT+CPIN?": answer}).plug().run(20.0)
    assert empty.state is ModemState.SIM_MISSING
    assert empty.session.snapshot().reason.startswith("no SIM card: ")
    empty.modem.answers["AT+CPIN?"] = line("+CPIN: READY")
    empty.until(lambda: empty.state is ModemState.READY, 6.0)
    assert states(empty)[-3:] == ["sim-missing", "initialising", "ready"]


def test_a_failed_sim_is_told() -> None:
    broken = desk({"AT+CPIN?": "\r\n+CME ERROR: 13\r\n"}).plug().run(20.0)
    assert broken.state is ModemState.SIM_MISSING
    assert broken.session.snapshot().reason.startswith("the SIM has failed: ")


def test_a_modem_that_cannot_tell_of_its_sim_is_taken_at_the_networks_word() -> None:
    assert desk({"AT+CPIN?": ERROR}).up(30.0).state is ModemState.READY


@pytest.mark.parametrize(
    ("asked", "advice"),
    [
        ("SIM PUK", "enter it and a new PIN in a phone"),
        ("PH-NET PIN", "locked to another operator"),
        ("PH-SIM PIN", "locked to another card"),
        ("BLOCKED", "nothing is entered"),
    ],
)
def test_what_else_a_sim_asks_for_is_told_and_nothing_is_tried(asked: str, advice: str) -> None:
    locked = Desk(ScriptedModem({"AT+CPIN?": line(f"+CPIN: {asked}")}), pin="1234").plug().run(60.0)
    assert locked.state is ModemState.SIM_LOCKED
    assert locked.session.snapshot().reason.startswith(f"the SIM asks for {asked}: ")
    assert advice in locked.session.snapshot().reason
    assert b"CPIN=" not in locked.written


@pytest.mark.parametrize("asked", ["SIM PIN2", "SIM PUK2"])
def test_the_second_pin_is_needed_by_no_message(asked: str) -> None:
    up = desk({"AT+CPIN?": line(f"+CPIN: {asked}")}).up()
    up.modem.heard.clear()
    up.say("\r\n+CPIN: READY\r\n").run(2.0)
    assert "AT+CMGF=0" not in up.modem.heard  # a check finds it as it was


def test_a_stick_that_another_program_left_in_flight_mode_is_woken() -> None:
    asleep = desk({"AT+CPIN?": "\r\n+CME ERROR: 13\r\n", "AT+CFUN?": line("+CFUN: 4")})

    def wake(_: str) -> str:
        asleep.modem.answers["AT+CPIN?"] = line("+CPIN: READY")
        return OK

    asleep.modem.answers["AT+CFUN=1"] = wake
    asleep.up(1.0)


def test_the_home_network_is_told_and_the_imsi_is_not() -> None:
    up = desk({"AT+CIMI": line("234159000000001")}).up()
    assert up.session.snapshot().network == "23415"
    assert "234159000000001" not in repr(up.facts)


def test_where_the_imsi_stands_for_the_sim_it_is_asked_for_once() -> None:
    up = desk({"AT+CCID": ERROR, "AT+CIMI": line("310410000000001")}).up()
    assert up.session.snapshot().network == "310410"
    assert up.modem.heard.count("AT+CIMI") == 1


def test_a_sims_own_number_is_asked_for_once_when_the_modem_is_ready() -> None:
    up = desk({"AT+CNUM": times("\r\n+CME ERROR: 14\r\n", line('+CNUM: "","+447700900001",145'))}).up()
    assert "AT+CNUM" not in up.modem.heard
    for _ in range(4):
        up.session.poll(up.now)
        up.settle()
    assert up.modem.heard.count("AT+CNUM") == 2
    assert up.told(ModemChanged)[-1].snapshot.number == "+447700900001"


def test_a_zte_that_refuses_everything_before_cpin_was_asked_is_identified() -> None:
    class Zte(ScriptedModem):
        def _command(self, command: str) -> str | None:
            if command.startswith("AT+CG") and "AT+CPIN?" not in self.heard:
                return ERROR
            return super()._command(command)

    assert Desk(Zte()).up().session.snapshot().manufacturer == "Pretend Ltd"


# -- status reports ------------------------------------------------------------------------------------------------


STORED = {'AT+CPMS="SM","SM","SM"': line("+CPMS: 0,20,0,20,0,20")}


@pytest.mark.parametrize(
    ("options", "refused", "route", "setting"),
    [
        ("(0-2),(0-3),(0,2),(0-2),(0,1)", (), "direct", "2,1,0,1,0"),
        ("(0-3),(0-3),(0,2),(0,1),(0,1)", (), "direct", "2,1,0,1,0"),
        ("(0-2),(0-3),(0,2),(0-2),(0,1)", ("2,1,0,1,0", "2,1,0,2,0"), "direct", "1,1,0,1,0"),
        ("(0-2),(0-3),(0,2),(0-2),(0,1)", ("2,1,0,1,0", "1,1,0,1,0", "0,1,0,1,0"), "stored", "2,1,0,2,0"),
        ("(0-2),(0-1),(0-3),(0,2),(0-1)", (), "stored", "2,1,0,2,0"),
        ("(0,1,2),(0,1),(0,2),(0,1),(1)", (), "direct", "2,1,0,1,1"),
        ("(1,2),(0-2),(0,2),(0-2)", (), "direct", "2,1,0,1"),
        ("(0,1),(0),(0),(0,1),(0)", (), "direct", "1,0,0,1,0"),
        ("(2),(0,1,3),(0,2),(0),(0)", (), "none", None),
        (
            "(0-3),(0-3),(0),(0-2),(0)",
            ("3,1,0,1,0", "2,1,0,1,0", "1,1,0,1,0", "0,1,0,1,0"),
            "stored",
            "2,1,0,2,0",
        ),
    ],
)
def test_the_way_of_reports_is_the_best_that_the_modem_takes(
    options: str, refused: tuple[str, ...], route: str, setting: str | None
) -> None:
    up = desk(cnmi(options, *refused) | STORED).up()
    assert up.session.snapshot().reports == route
    accepted = [
        text.partition("=")[2] for text in up.modem.heard if text.startswith("AT+CNMI=") and text[-1] != "?"
    ]
    assert accepted[-1:] == ([setting] if setting else [])


def test_a_setting_that_is_taken_but_not_kept_does_not_count() -> None:
    up = desk(cnmi("(0-2),(0-3),(0,2),(0-2),(0,1)", kept="2,1,0,0,0")).up()
    assert up.session.snapshot().reports is ReportRoute.NONE
    assert up.session.modem.cnmi == (2, 1, 0, 0, 0)


def test_a_modem_that_answers_a_bare_ok_when_read_back_is_believed() -> None:
    assert desk({"AT+CNMI?": OK}).up().session.snapshot().reports is ReportRoute.DIRECT


def test_a_modem_that_does_not_list_its_settings_is_tried() -> None:
    assert desk({"AT+CNMI=?": ERROR}).up().session.snapshot().reports is ReportRoute.DIRECT


def test_a_phone_without_notices_is_ready_all_the_same() -> None:
    nokia = dict.fromkeys(("AT+CNMI=?", "AT+CNMI?", "AT+CNMI=2,1,0,1,0"), ERROR)
    nokia |= {"AT+CPMS=?": line("+CPMS: (),(),()")}
    assert desk(nokia).up().session.snapshot().reports is ReportRoute.NONE


def test_candidates_for_notices_put_direct_reports_first() -> None:
    options = tuple(map(frozenset, ({0, 1, 2}, {0, 1}, {0, 2}, {0, 1, 2}, {1})))
    assert notice_candidates(options)[0] == (2, 1, 0, 1, 1)
    assert [candidate[3] for candidate in notice_candidates(options)] == [1, 1, 1, 2, 2, 2]
    assert len(notice_candidates(())) == 4


def test_csms_is_set_to_0_so_that_nothing_needs_acknowledging() -> None:
    up = desk({"AT+CSMS?": line("+CSMS: 1,1,1,1"), "AT+CSMS=0": line("+CSMS: 1,1,1")}).up()
    assert "AT+CSMS=0" in up.modem.heard
    assert up.session.modem.csms == 0


INSISTS_ON_CSMS_1 = {"AT+CSMS?": line("+CSMS: 1,1,1,1")}
HANDED_OVER = "\r\n+CDS: 25\r\n079144770090000006400C91447700091000511090718384225110907183252200\r\n"


def test_a_modem_that_insists_on_csms_1_gets_its_acknowledgement_when_the_report_is_on_record() -> None:
    up = desk(INSISTS_ON_CSMS_1).up()
    up.keeps = False
    up.say(HANDED_OVER)
    (fact,) = up.told(ReportArrived)
    assert "AT+CNMA" not in up.modem.heard
    up.session.stored(fact.token, up.now)
    up.settle()
    assert up.modem.heard[-1] == "AT+CNMA"


@pytest.mark.parametrize("pdu", ["00" * 13, "0791447700900000040C91447700091000000051109071838422024F25"])
def test_what_it_hands_over_and_nobody_wants_is_acknowledged_at_once(pdu: str) -> None:
    up = Desk(ScriptedModem(INSISTS_ON_CSMS_1), inbound=False).up()
    up.say(f"\r\n+CMT: ,25\r\n{pdu}\r\n")
    assert up.modem.heard[-1] == "AT+CNMA"


def test_what_it_hands_over_before_it_told_how_it_is_set_is_acknowledged_when_it_is_on_record() -> None:
    # Another program left it at CSMS=1.
    early = desk(INSISTS_ON_CSMS_1)
    early.plug().say(HANDED_OVER)
    early.until(lambda: early.state is ModemState.READY, 5.0)
    assert [fact.sim for fact in early.told(ReportArrived)] == [ICCID]
    assert early.modem.heard.count("AT+CNMA") == 1


def test_what_it_hands_over_is_acknowledged_also_where_too_much_waits_for_the_sim() -> None:
    early = desk(INSISTS_ON_CSMS_1)
    early.plug().say(HANDED_OVER * (MOST_UNOWNED + 1))
    early.keeps = False
    early.until(lambda: early.state is ModemState.READY, 5.0)
    early.run(1.0)
    assert len(early.told(ReportArrived)) == MOST_UNOWNED
    assert early.modem.heard.count("AT+CNMA") == 1


def test_without_csms_1_nothing_is_acknowledged() -> None:
    early = desk()
    early.plug().say(HANDED_OVER)
    early.until(lambda: early.state is ModemState.READY, 5.0)
    early.say(HANDED_OVER)
    assert len(early.told(ReportArrived)) == 2
    assert "AT+CNMA" not in early.modem.heard


def test_a_report_on_record_acknowledges_no_later_one() -> None:
    up = desk(INSISTS_ON_CSMS_1).up()
    up.keeps = False
    up.say(HANDED_OVER).say("\r\nRDY\r\n")
    up.until(lambda: up.state is ModemState.READY, 60.0)
    up.say(HANDED_OVER.replace("0006400", "0006410"))
    before, after = up.told(ReportArrived)
    up.session.stored(before.token, up.now)
    up.settle()
    assert "AT+CNMA" not in up.modem.heard
    up.session.stored(after.token, up.now)
    up.settle()
    assert up.modem.heard[-1] == "AT+CNMA"


# -- stores --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "takes"),
    [
        ('("SM","SR"),("SM"),("SM")', 'AT+CPMS="SM","SM","SM"'),
        ('("ME","SR"),("ME"),("ME")', 'AT+CPMS="ME","ME","ME"'),
        ('(("SM","BM","SR"),("SM"))', 'AT+CPMS="SM","SM"'),
        ('"MT","SR"', 'AT+CPMS="MT"'),
        ("(),()", 'AT+CPMS="SM","SM","SM"'),
    ],
)
def test_where_reports_are_stored_a_store_is_chosen_in_the_form_that_works(listed: str, takes: str) -> None:
    answers = cnmi("(0-2),(0-3),(0,2),(0,2),(0,1)")
    answers |= {
        "AT+CPMS=?": line(f"+CPMS: {listed}"),
        'AT+CPMS="SM"': ERROR,
        takes: line("+CPMS: 0,20,0,20,0,20"),
    }
    up = desk(answers).up()
    assert takes in up.modem.heard
    assert up.session.modem.usual_store == takes.split('"')[1]


def test_a_modem_that_takes_no_store_at_all_is_ready_all_the_same() -> None:
    answers = cnmi("(0-2),(0-3),(0,2),(0,2),(0,1)") | {'AT+CPMS="SM"': ERROR, 'AT+CPMS="SR"': ERROR}
    assert desk(answers).up().session.snapshot().reports is ReportRoute.STORED


def test_a_sim_without_service_centre_is_warned_of() -> None:
    assert "no service centre" in desk({"AT+CSCA?": line('+CSCA: "",129')}).up().session.snapshot().reason
    assert desk({"AT+CSCA?": OK}).up().session.snapshot().reason == ""


# -- polls and notices -----------------------------------------------------------------------------------------------


def test_a_poll_tells_what_is_new_and_only_that() -> None:
    up = desk().up()
    before = len(up.facts)
    up.session.poll(up.now)
    up.settle()
    assert len(up.facts) == before
    up.modem.answers["AT+CSQ"] = line("+CSQ: 5,99")
    up.session.poll(up.now)
    up.settle()
    assert [fact.snapshot.signal_dbm for fact in up.told(ModemChanged)][-1] == -103
    assert len(up.facts) == before + 1


def test_a_poll_of_a_modem_that_is_not_ready_is_nothing() -> None:
    down = desk()
    down.session.poll(down.now)
    assert not down.session.modem.chores


def test_a_poll_that_finds_no_network_ends_readiness_until_there_is_one() -> None:
    up = desk().up()
    up.modem.answers["AT+CREG?"] = times(line("+CREG: 0,2"), line("+CREG: 0,1"))
    up.session.poll(up.now)
    up.settle()
    assert up.state is ModemState.SEARCHING
    up.until(lambda: up.state is ModemState.READY, 2.0)


def test_a_poll_notices_that_the_modem_restarted_without_a_word() -> None:
    up = desk().up()
    up.modem.answers["AT+CNMI?"] = times(
        line("+CNMI: 0,0,0,0,0"), line("+CNMI: 0,0,0,0,0"), line("+CNMI: 2,1,0,1,0")
    )
    up.modem.heard.clear()
    up.session.poll(up.now)
    up.run(3.0)
    assert "AT+CNMI=2,1,0,1,0" in up.modem.heard
    assert up.state is ModemState.READY


@pytest.mark.parametrize("notice", ["+CREG: 2", '+CEREG: 0,"00A1","1"', "+CREG: 5"])
def test_an_unsolicited_registration_has_the_network_looked_at(notice: str) -> None:
    up = desk().up()
    up.modem.heard.clear()
    up.say(f"\r\n{notice}\r\n")
    assert "AT+CREG?" in up.modem.heard


@pytest.mark.parametrize(
    "notice", ["+CREG: 1", "+CREG: 0,1", "+CREG:", "^RSSI: 3", "+ZUSIMR:2", "RING", "whatever this is"]
)
def test_a_notice_of_nothing_new_costs_nothing(notice: str) -> None:
    up = desk().up()
    up.modem.heard.clear()
    up.say(f"\r\n{notice}\r\n")
    assert up.modem.heard == []


@pytest.mark.parametrize("notice", ["+CPIN: READY", "+CPIN: NOT READY", "+CFUN: 1", "SMS Ready", "+QUSIM: 1"])
def test_a_notice_of_a_restart_has_the_settings_looked_at(notice: str) -> None:
    up = desk().up()
    up.modem.heard.clear()
    up.say(f"\r\n{notice}\r\n").run(2.0)
    assert "AT+CNMI?" in up.modem.heard
    assert "AT+CNMI=2,1,0,1,0" not in up.modem.heard
    assert up.state is ModemState.READY


def test_a_modem_that_restarted_is_brought_up_in_full() -> None:
    up = desk().up()
    up.modem.heard.clear()
    up.modem.answers["AT+CNMI?"] = times(line("+CNMI: 0,0,0,0,0"), line("+CNMI: 2,1,0,1,0"))
    up.say("\r\nSMS Ready\r\n").run(2.0)
    assert "AT+CNMI=2,1,0,1,0" in up.modem.heard
    assert states(up)[-3:] == ["ready", "initialising", "ready"]


def test_a_sim_that_was_changed_is_noticed() -> None:
    up = desk().up()
    up.modem.answers["AT+CCID"] = line("+CCID: 8944110000000000099")
    up.modem.heard.clear()
    up.say("\r\n+CPIN: READY\r\n").run(2.0)
    assert up.told(ModemChanged)[-1].snapshot.sim == "8944110000000000099"
    assert "AT+CNMI=2,1,0,1,0" in up.modem.heard


def test_a_sim_that_was_changed_while_there_was_none_is_noticed() -> None:
    up = desk().up()
    up.modem.answers |= {"AT+CPIN?": "\r\n+CME ERROR: 10\r\n", "AT+CCID": "\r\n+CME ERROR: 10\r\n"}
    up.say("\r\n+CPIN: NOT READY\r\n").until(lambda: up.state is ModemState.SIM_MISSING, 5.0)
    up.modem.answers |= {"AT+CPIN?": line("+CPIN: READY"), "AT+CCID": line("+CCID: 8944110000000000099")}
    up.until(lambda: up.state is ModemState.READY, 10.0)
    assert Fault.SIM_CHANGED in [fact.fault for fact in up.told(FaultSeen)]


def test_the_same_sim_put_in_again_is_no_change() -> None:
    up = desk().up()
    usual = up.modem.answers["AT+CCID"]
    up.modem.answers |= {"AT+CPIN?": "\r\n+CME ERROR: 10\r\n", "AT+CCID": "\r\n+CME ERROR: 10\r\n"}
    up.say("\r\n+CPIN: NOT READY\r\n").until(lambda: up.state is ModemState.SIM_MISSING, 5.0)
    up.modem.answers |= {"AT+CPIN?": line("+CPIN: READY"), "AT+CCID": usual}
    up.until(lambda: up.state is ModemState.READY, 10.0)
    assert Fault.SIM_CHANGED not in [fact.fault for fact in up.told(FaultSeen)]


def test_another_stick_on_the_same_port_has_not_changed_its_sim() -> None:
    up = desk().up()
    up.session.closed(up.now, "unplugged")
    up.modem.answers |= {
        "AT+CGSN": line("490154203237526"),
        "AT+CCID": line("+CCID: 8944110000000000099"),
    }
    up.up()
    assert Fault.SIM_CHANGED not in [fact.fault for fact in up.told(FaultSeen)]


def test_a_modem_that_another_program_put_into_text_mode_is_brought_back() -> None:
    up = desk().up()
    up.modem.heard.clear()
    up.modem.answers["AT+CMGF?"] = line("+CMGF: 1")
    up.say("\r\nSMS Ready\r\n").run(5.0)
    assert "AT+CMGF=0" in up.modem.heard
    assert up.state is ModemState.READY


# -- what was believed too much ----------------------------------------------------------------------------------


def test_a_command_without_which_nothing_can_be_sent_is_asked_until_it_is_answered() -> None:
    stuck = desk({"AT+CMGF=0": None}).plug().run(60.0)
    assert stuck.state is not ModemState.READY
    stuck.modem.answers["AT+CMGF=0"] = OK
    stuck.until(lambda: stuck.state is ModemState.READY, 30.0)


def test_a_modem_that_was_slow_for_a_minute_is_asked_for_its_network_again() -> None:
    up = desk().up()
    up.modem.answers["AT+CREG?"] = None
    for _ in range(2):
        up.session.poll(up.now)
        up.run(20.0)
    up.modem.answers["AT+CREG?"] = line("+CREG: 0,2")
    for _ in range(10):
        up.session.poll(up.now)
        up.run(30.0)
    assert up.state is ModemState.SEARCHING


def test_a_command_that_makes_a_modem_mute_is_asked_more_and_more_seldom() -> None:
    up = desk({"AT+CSQ": None}).up(60.0)
    for _ in range(2 * 24 * 60):
        up.session.poll(up.now)
        up.run(30.0)
    assert 4 <= up.modem.heard.count("AT+CSQ") <= 12


def test_a_modem_that_loses_what_comes_too_soon_gets_a_pause_before_it_says_what_it_is() -> None:
    class Hurried(ScriptedModem):
        """What comes within 19 ms of an answer is lost."""

        answered_at = 0.0

        def _command(self, command: str) -> str | None:
            if waiting.now - self.answered_at < 0.019:
                return None
            self.answered_at = waiting.now
            return super()._command(command)

    waiting = Desk(Hurried({"AT+CGMI": line("Telit")}))
    waiting.plug().until(lambda: waiting.state is ModemState.READY, 10.0)


def test_a_modem_without_an_imei_has_not_changed_its_sim_when_it_first_comes_up() -> None:
    assert desk({"AT+CGSN": ERROR}).up().told(FaultSeen) == []


def test_a_sim_that_refuses_its_iccid_for_a_moment_is_the_same_sim() -> None:
    up = desk({"AT+CIMI": line("001010000000001")}).up()
    up.modem.answers["AT+CCID"] = times(ERROR, ERROR, line(f"+CCID: {ICCID}"))
    up.say("\r\nSMS Ready\r\n").run(10.0)
    assert (up.session.snapshot().sim, up.told(FaultSeen)) == (ICCID, [])


def test_a_sim_that_was_changed_without_a_word_is_noticed_at_the_next_poll() -> None:
    up = desk().up()
    up.modem.answers["AT+CCID"] = line("+CCID: 8944110000000000025")
    up.session.poll(up.now)
    up.run(5.0)
    assert up.state is ModemState.READY
    assert up.session.snapshot().sim == "8944110000000000025"
    assert [fact.fault for fact in up.told(FaultSeen)] == [Fault.SIM_CHANGED]


def test_a_missing_sim_of_which_the_modem_then_cannot_say_more_is_searched_with() -> None:
    up = desk({"AT+CPIN?": "\r\n+CME ERROR: 10\r\n"}).plug().run(70.0)
    assert up.state is ModemState.SIM_MISSING
    up.modem.answers |= {"AT+CPIN?": ERROR, "AT+CREG?": line("+CREG: 0,2")}
    up.run(30.0)
    assert (states(up)[-1], up.told(FaultSeen)) == (ModemState.SEARCHING, [])
