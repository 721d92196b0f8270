"""Status reports that lie in a modem's stores are found, told and deleted; other messages are left alone."""

from __future__ import annotations

from modem_desk import ERROR, ICCID, OK, Desk, Reply, ScriptedModem, job

from simcourier.modem.facts import ModemState, ReportArrived, SubmitEnded
from simcourier.modem.modem import MOST_READS, MOST_UNOWNED, Chore
from simcourier.sms.causes import Verdict
from simcourier.sms.report import decode_status_report

MESSAGE = "0791447700900000040B914477009000F10000621132015145000231D90C"


def report(tp_mr: int) -> str:
    return f"07914477009000000 6{tp_mr:02X}0C91447700091000511090718384225110907183252200".replace(" ", "")


class StoringModem(ScriptedModem):
    """A modem that stores reports in "SR" and announces them; `cells` are its stores' contents."""

    def __init__(self, answers: dict[str, Reply] | None = None) -> None:
        self.cells: dict[str, dict[int, str]] = {"SM": {}, "SR": {}}
        self.store = "SM"
        self.lists = True
        super().__init__(
            {
                "AT+CNMI=?": "\r\n+CNMI: (0-2),(0-3),(0,2),(0,2),(0,1)\r\n" + OK,
                "AT+CNMI=2,1,0,2,0": OK,
                "AT+CNMI?": "\r\n+CNMI: 2,1,0,2,0\r\n" + OK,
            }
            | (answers or {})
        )

    def _command(self, command: str) -> str | None:
        name, _, value = command.partition("=")
        if command in self.answers and name != "AT+CPMS":
            return super()._command(command)
        match name:
            case "AT+CPMS" if value != "?":
                self.heard.append(command)
                self.store = value.split('"')[1]
                if self.store not in self.cells:
                    return ERROR
                return f"\r\n+CPMS: {len(self.cells[self.store])},20,0,20,0,20\r\n" + OK
            case "AT+CMGR":
                self.heard.append(command)
                pdu = self.cells[self.store].get(int(value))
                return (f"\r\n+CMGR: 0,,{len(pdu) // 2}\r\n{pdu}\r\n" if pdu else "") + OK
            case "AT+CMGD":
                self.heard.append(command)
                return OK if self.cells[self.store].pop(int(value), None) else ERROR
            case "AT+CMGL" if self.lists:
                self.heard.append(command)
                held = self.cells[self.store].items()
                return "".join(f"\r\n+CMGL: {place},1,,25\r\n{pdu}\r\n" for place, pdu in held) + OK
            case _:
                return super()._command(command)


def told(desk: Desk) -> list[int]:
    return [fact.report.tp_mr for fact in desk.told(ReportArrived)]


def test_reports_from_before_the_start_are_told_and_deleted() -> None:
    modem = StoringModem()
    modem.cells["SR"] = {0: report(10), 5: report(11)}
    modem.cells["SM"] = {1: MESSAGE, 2: report(12), 3: "ZZ", 4: "0006"}
    desk = Desk(modem).up()
    assert told(desk) == [10, 11, 12]
    assert modem.cells == {"SR": {}, "SM": {1: MESSAGE, 3: "ZZ", 4: "0006"}}
    assert desk.session.modem.damaged_pdus == 1


def test_an_empty_store_is_not_listed() -> None:
    assert not [text for text in Desk(StoringModem()).up().modem.heard if text.startswith("AT+CMGL")]


def test_a_store_that_does_not_tell_how_full_it_is_is_listed() -> None:
    class Sierra(StoringModem):
        """A MC8775 answers a bare OK."""

        def _command(self, command: str) -> str | None:
            answer = super()._command(command)
            return OK if command.startswith("AT+CPMS=") and command[-1] != "?" else answer

    modem = Sierra()
    modem.cells["SM"] = {7: report(3)}
    desk = Desk(modem).up()
    assert "AT+CMGL=4" in modem.heard
    assert told(desk) == [3]


def test_a_store_that_cannot_be_listed_is_read_place_by_place() -> None:
    modem = StoringModem()
    modem.lists = False
    modem.cells["SR"] = {3: report(1), 9: report(2)}
    desk = Desk(modem).up()
    assert told(desk) == [1, 2]
    assert [text for text in modem.heard if text.startswith("AT+CMGR")] == [f"AT+CMGR={n}" for n in range(10)]


def test_the_search_place_by_place_has_an_end() -> None:
    modem = StoringModem()
    modem.lists = False
    modem.cells["SM"] = {70: report(1)}
    desk = Desk(modem).up()
    assert told(desk) == []
    assert sum(text.startswith("AT+CMGR") for text in modem.heard) == 50


def test_an_announced_report_is_read_told_and_deleted() -> None:
    modem = StoringModem()
    desk = Desk(modem).up()
    modem.cells["SR"][0] = report(200)
    desk.say('\r\n+CDSI: "SR",0\r\n')
    assert (told(desk), modem.cells["SR"]) == ([200], {})


def test_a_report_is_looked_for_in_every_store_if_the_announced_one_lacks_it() -> None:
    modem = StoringModem()
    desk = Desk(modem).up()
    modem.cells["SM"] = {4: MESSAGE}
    modem.cells["SR"] = {4: report(9)}
    desk.say('\r\n+CDSI: "SM",4\r\n')
    assert (told(desk), modem.cells["SM"]) == ([9], {4: MESSAGE})


def test_a_report_that_is_nowhere_is_given_up() -> None:
    desk = Desk(StoringModem()).up()
    desk.say('\r\n+CDSI: "SM",4\r\n')
    assert (told(desk), desk.state, desk.session.modem.has_chores()) == ([], ModemState.READY, False)


def test_a_store_that_does_not_exist_is_passed_over() -> None:
    modem = StoringModem({"AT+CPMS=?": ERROR})
    desk = Desk(modem).up()
    modem.cells["SR"] = {4: report(9)}
    desk.say('\r\n+CDSI: "MT",4\r\n')
    assert told(desk) == [9]


def test_the_same_store_is_not_selected_again_and_again() -> None:
    modem = StoringModem()
    desk = Desk(modem).up()
    for number in range(4):
        modem.cells["SR"][number] = report(number)
        desk.say(f'\r\n+CDSI: "SR",{number}\r\n')
    modem.heard.clear()
    modem.cells["SR"][0] = report(77)
    desk.say('\r\n+CDSI: "SR",0\r\n')
    assert modem.heard == ["AT+CMGR=0", "AT+CMGD=0"]


def test_an_announcement_that_cannot_be_read_is_ignored() -> None:
    desk = Desk(StoringModem()).up()
    desk.modem.heard.clear()
    desk.say("\r\n+CDSI: \r\n\r\n+CMGS: x\r\n")
    assert desk.modem.heard == []


def test_announcements_beyond_the_bound_are_found_by_looking_through_the_store() -> None:
    modem = StoringModem()
    desk = Desk(modem)
    for number in range(MOST_READS + 3):
        desk.session.modem.announce("SR", number)
    assert len(desk.session.modem.reads) == MOST_READS
    assert Chore.LOOK in desk.session.modem.chores


def test_a_full_store_is_emptied_of_its_reports() -> None:
    modem = StoringModem()
    desk = Desk(modem).up()
    modem.cells["SM"] = {n: report(n) for n in range(20)}
    desk.say('\r\n^SMMEMFULL:"SM"\r\n')
    assert len(told(desk)) == 20
    assert modem.cells["SM"] == {}


def test_a_message_refused_for_a_full_store_has_it_emptied_of_its_reports() -> None:
    modem = StoringModem()
    desk = Desk(modem).up()
    modem.cells["SM"] = {n: report(n) for n in range(20)}
    modem.on_pdu = lambda _: "\r\n+CMS ERROR: 322\r\n"
    desk.submit(job(now=desk.now)).run(2.0)
    assert desk.told(SubmitEnded)[-1].verdict is Verdict.CARE
    assert modem.cells["SM"] == {}
    assert desk.state is ModemState.READY


def test_a_report_that_waited_in_the_port_is_told_with_its_sim() -> None:
    desk = Desk()
    desk.session.opening(desk.now)
    desk.session.opened(desk.now)
    desk.session.receive(f"\r\n+CDS: 25\r\n{report(7)}\r\nOK\r\n".encode(), desk.now)
    assert told(desk) == []
    desk.until(lambda: desk.state is ModemState.READY, 5.0)
    assert [(fact.sim, fact.report.tp_mr) for fact in desk.told(ReportArrived)] == [(ICCID, 7)]


def test_a_report_that_waited_is_told_also_if_nothing_tells_the_sim() -> None:
    desk = Desk(ScriptedModem({"AT+CCID": ERROR}))
    desk.plug().say(f"\r\n+CDS: 25\r\n{report(7)}\r\n")
    desk.until(lambda: desk.state is ModemState.READY, 5.0)
    desk.say(f"\r\n+CDS: 25\r\n{report(8)}\r\n")
    assert [(fact.sim, fact.report.tp_mr) for fact in desk.told(ReportArrived)] == [("", 7), ("", 8)]


def test_reports_that_wait_for_the_sim_have_a_bound() -> None:
    modem = Desk().session.modem
    message = decode_status_report(report(1))
    for _ in range(MOST_UNOWNED + 5):
        modem.report(message)
    assert (len(modem.unowned), modem.facts) == (MOST_UNOWNED, [])


def test_a_direct_report_with_damage_is_counted_and_nothing_else() -> None:
    desk = Desk().up()
    desk.say("\r\n+CDS: 25\r\n" + "00" * 13 + "\r\n").say("\r\n+CDS: 25\r\n" + report(5)[:50] + "\r\n")
    assert told(desk) == []
    assert desk.session.modem.damaged_pdus >= 1
    assert desk.state is ModemState.READY


def test_a_direct_report_may_lack_its_service_centre_be_in_small_letters_or_padded() -> None:
    desk = Desk().up()
    whole = report(5)
    for pdu in (whole, whole[16:], whole.lower(), whole + "FFFFFF"):
        desk.say(f"\r\n+CDS : 25\r\n\r\n{pdu}\r\n")
    assert told(desk) == [5, 5, 5, 5]


def test_an_incoming_message_is_no_report() -> None:
    desk = Desk().up()
    desk.say(f"\r\n+CMT: ,22\r\n{MESSAGE}\r\n")
    assert told(desk) == []
    assert desk.session.modem.damaged_pdus == 0
