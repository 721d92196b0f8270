"""Status reports that lie in a modem's stores are found, told and deleted; other messages are left alone."""

from __future__ import annotations

import pytest
from modem_desk import ERROR, ICCID, OK, Desk, Reply, ScriptedModem, job

from simcourier.modem.duties import Chore
from simcourier.modem.facts import Fault, FaultSeen, MessageArrived, ModemState, ReportArrived, SubmitEnded
from simcourier.modem.modem import MOST_READS, MOST_UNOWNED
from simcourier.modem.stock import MOST_PLACES, MOST_RECORDED, Place, Stock
from simcourier.modem.stored import MOST_DELETIONS
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


def texts(desk: Desk) -> list[str | None]:
    return [fact.message.text for fact in desk.told(MessageArrived)]


def faults(desk: Desk) -> list[Fault]:
    return [fact.fault for fact in desk.told(FaultSeen)]


def stored_desk(modem: StoringModem, *, inbound: bool = True, keeps: bool = True) -> Desk:
    desk = Desk(modem, inbound=inbound)
    desk.keeps = keeps
    return desk.up()


def test_reports_from_before_the_start_are_told_and_deleted() -> None:
    modem = StoringModem()
    modem.cells["SR"] = {0: report(10), 5: report(11)}
    modem.cells["SM"] = {1: MESSAGE, 2: report(12), 3: "ZZ", 4: "0006"}
    desk = Desk(modem).up()
    assert told(desk) == [10, 11, 12]
    assert modem.cells == {"SR": {}, "SM": {3: "ZZ", 4: "0006"}}
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
    assert (told(desk), modem.cells["SR"]) == ([9], {})


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


# -- nothing is deleted before it is on record -----------------------------------------------------------------


def test_a_report_stays_in_its_store_until_it_is_on_record() -> None:
    modem = StoringModem()
    desk = stored_desk(modem, keeps=False)
    modem.cells["SR"][3] = report(9)
    desk.say('\r\n+CDSI: "SR",3\r\n').run(100.0)
    (fact,) = desk.told(ReportArrived)
    assert fact.token
    assert modem.cells["SR"] == {3: report(9)}
    desk.session.stored(fact.token, desk.now)
    desk.settle()
    assert modem.cells["SR"] == {}


def test_what_was_told_and_is_not_on_record_is_not_told_again() -> None:
    modem = StoringModem()
    desk = stored_desk(modem, keeps=False)
    modem.cells["SR"] = {3: report(9)}
    desk.say('\r\n+CDSI: "SR",3\r\n' * 3).say('\r\n^SMMEMFULL:"SR"\r\n')
    assert told(desk) == [9]


def test_what_is_not_on_record_after_ten_minutes_is_told_again_when_it_is_met() -> None:
    modem = StoringModem()
    desk = stored_desk(modem, keeps=False)
    modem.cells["SR"] = {3: report(9)}
    desk.say('\r\n+CDSI: "SR",3\r\n').run(601.0)
    desk.say('\r\n^SMMEMFULL:"SR"\r\n')
    first, second = desk.told(ReportArrived)
    desk.session.stored(first.token, desk.now)
    desk.settle()
    assert modem.cells["SR"], "the first token is no longer good"
    desk.session.stored(second.token, desk.now)
    desk.settle()
    assert modem.cells["SR"] == {}


def test_another_message_at_the_same_place_is_another_message() -> None:
    modem = StoringModem()
    desk = stored_desk(modem, keeps=False)
    for number in (9, 10):
        modem.cells["SR"] = {3: report(number)}
        desk.say('\r\n+CDSI: "SR",3\r\n')
    first, _ = desk.told(ReportArrived)
    desk.session.stored(first.token, desk.now)
    desk.settle()
    assert (told(desk), modem.cells["SR"]) == ([9, 10], {3: report(10)})


def test_a_token_of_before_the_port_was_lost_deletes_nothing() -> None:
    modem = StoringModem()
    desk = stored_desk(modem, keeps=False)
    modem.cells["SR"] = {3: report(9)}
    desk.say('\r\n+CDSI: "SR",3\r\n')
    (before,) = desk.told(ReportArrived)
    desk.session.lost(desk.now, "unplugged")
    desk.up()
    desk.session.stored(before.token, desk.now)
    desk.settle()
    assert (told(desk), modem.cells["SR"]) == ([9, 9], {3: report(9)})


def test_no_token_is_given_twice_even_if_another_stick_takes_the_place() -> None:
    modem = StoringModem()
    desk = stored_desk(modem, keeps=False)
    for _ in range(2):
        modem.cells["SR"] = {3: report(9)}
        desk.say('\r\n+CDSI: "SR",3\r\n')
        desk.session.lost(desk.now, "unplugged")
        desk.session.modem.forget_everything()
        desk.up()
    tokens = [fact.token for fact in desk.told(ReportArrived)]
    assert len(tokens) == len(set(tokens)) >= 2


def test_what_is_on_record_and_was_not_deleted_is_deleted_when_it_is_met_and_not_told() -> None:
    modem = StoringModem()
    desk = stored_desk(modem)
    modem.cells["SR"] = {3: report(9)}
    desk.say('\r\n+CDSI: "SR",3\r\n')
    modem.cells["SR"] = {5: report(9)}
    desk.say('\r\n+CDSI: "SR",5\r\n')
    assert (told(desk), modem.cells["SR"]) == ([9], {})


def test_a_place_that_the_modem_will_not_clear_is_not_tried_for_ever() -> None:
    modem = StoringModem({"AT+CMGD=3": ERROR})
    desk = stored_desk(modem)
    modem.cells["SR"] = {3: report(9)}
    for _ in range(5):
        desk.say('\r\n+CDSI: "SR",3\r\n').say('\r\n^SMMEMFULL:"SR"\r\n')
    assert (told(desk), modem.heard.count("AT+CMGD=3")) == ([9], 1)


def test_deletions_leave_room_for_jobs() -> None:
    modem = StoringModem()
    desk = stored_desk(modem, keeps=False)
    modem.cells["SR"] = {n: report(n) for n in range(12)}
    desk.say('\r\n^SMMEMFULL:"SR"\r\n')

    def a_job_comes(_: str) -> str:
        desk.session.submit(job(now=desk.now), desk.now)
        desk.session.permit(1, True, desk.now)
        return OK

    modem.answers["AT+CMGD=0"] = a_job_comes
    modem.heard.clear()
    for fact in desk.told(ReportArrived):
        desk.session.stored(fact.token, desk.now)
    desk.settle()
    order = [text for text in modem.heard if text.startswith(("AT+CMGD", "AT+CMGS"))]
    assert len(order) == 13
    assert order.index("AT+CMGS=14") <= MOST_DELETIONS


def test_a_store_that_is_two_stores_together_is_not_read_besides_them() -> None:
    modem = StoringModem({"AT+CPMS=?": '\r\n+CPMS: ("SM","ME","MT"),("SM"),("SM")\r\n' + OK})
    modem.cells = {"SM": {1: report(1)}, "ME": {}, "MT": {1: report(1)}}
    desk = stored_desk(modem, keeps=False)
    assert (told(desk), any("MT" in text for text in modem.heard)) == ([1], False)


def test_a_hundred_reports_at_once_are_all_told_and_deleted() -> None:
    modem = StoringModem()
    desk = stored_desk(modem)
    modem.cells["SR"] = {n: report(n) for n in range(100)}
    desk.say("".join(f'\r\n+CDSI: "SR",{n}\r\n' for n in range(100)))
    assert (sorted(told(desk)), modem.cells["SR"]) == (list(range(100)), {})


def test_the_record_of_places_and_of_what_is_on_record_is_bounded() -> None:
    stock = Stock()
    for number in range(MOST_PLACES + 10):
        stock.set_aside(Place("SM", number), f"{number:024X}", 0.0)
    assert stock.give_up_unreadable("SM") == MOST_PLACES
    for number in range(MOST_RECORDED + 10):
        assert stock.recorded(stock.told(Place("SR", 0), f"{number:024X}", 0.0))
    assert stock.is_told(Place("SR", 1), f"{MOST_RECORDED + 9:024X}", 0.0, 1.0)
    assert not stock.is_told(Place("SR", 1), f"{0:024X}", 0.0, 1.0)
    assert not stock.recorded(4711)


# -- what people write -----------------------------------------------------------------------------------------


def test_a_message_that_is_announced_is_read_told_and_deleted_once_on_record() -> None:
    modem = StoringModem()
    desk = stored_desk(modem)
    modem.cells["SM"] = {4: MESSAGE}
    desk.say('\r\n+CMTI: "SM",4\r\n')
    assert (texts(desk), modem.cells["SM"]) == (["12"], {})
    assert [(fact.sim, bool(fact.token)) for fact in desk.told(MessageArrived)] == [(ICCID, True)]


def test_a_message_that_is_handed_over_lies_in_no_store() -> None:
    desk = Desk().up()
    desk.say(f"\r\n+CMT: ,22\r\n{MESSAGE}\r\n")
    assert told(desk) == []
    assert [fact.token for fact in desk.told(MessageArrived)] == [0]
    assert desk.session.modem.damaged_pdus == 0


def test_a_message_from_before_the_sim_told_who_it_is_is_told_with_its_sim() -> None:
    desk = Desk()
    desk.session.opening(desk.now)
    desk.session.opened(desk.now)
    desk.session.receive(f"\r\n+CMT: ,22\r\n{MESSAGE}\r\n".encode(), desk.now)
    desk.until(lambda: desk.state is ModemState.READY, 5.0)
    assert [fact.sim for fact in desk.told(MessageArrived)] == [ICCID]


def test_with_inbound_off_messages_of_people_stay_and_reports_go() -> None:
    modem = StoringModem()
    modem.cells["SM"] = {1: MESSAGE, 2: report(12)}
    desk = stored_desk(modem, inbound=False)
    desk.say('\r\n+CMTI: "SM",1\r\n').say(f"\r\n+CMT: ,22\r\n{MESSAGE}\r\n")
    assert (texts(desk), told(desk), modem.cells["SM"]) == ([], [12], {1: MESSAGE})


def test_with_inbound_off_a_store_full_of_messages_is_said_in_words_until_there_is_room() -> None:
    modem = StoringModem()
    modem.cells["SM"] = {n: MESSAGE[:-2] + f"{n:02X}" for n in range(20)}
    desk = stored_desk(modem, inbound=False)
    assert faults(desk).count(Fault.STORE_FULL) == 1
    assert "SM full of messages" in desk.session.snapshot().reason
    assert desk.state is ModemState.READY
    del modem.cells["SM"][7]
    desk.say('\r\n^SMMEMFULL:"SM"\r\n')
    assert desk.session.snapshot().reason == ""


def test_a_modem_that_is_ready_says_all_that_an_admin_should_know() -> None:
    modem = StoringModem({"AT+CSCA?": '\r\n+CSCA: "",129\r\n' + OK})
    modem.cells["SM"] = {n: MESSAGE[:-2] + f"{n:02X}" for n in range(20)}
    reason = stored_desk(modem, inbound=False).session.snapshot().reason
    assert "service centre" in reason
    assert "SM full of messages" in reason


def test_a_full_store_that_is_drained_leaves_no_warning() -> None:
    modem = StoringModem()
    modem.cells["SM"] = {n: MESSAGE[:-2] + f"{n:02X}" for n in range(20)}
    desk = stored_desk(modem)
    assert (len(texts(desk)), modem.cells["SM"], desk.session.snapshot().reason) == (20, {}, "")
    assert faults(desk) == [Fault.STORE_FULL]


def test_a_message_that_cannot_be_read_is_told_once_and_left_alone() -> None:
    modem = StoringModem()
    desk = stored_desk(modem)
    modem.cells["SM"] = {4: "0006"}
    for _ in range(5):
        desk.say('\r\n+CMTI: "SM",4\r\n').say('\r\n^SMMEMFULL:"SR"\r\n')
    assert (faults(desk), desk.session.modem.damaged_pdus) == ([Fault.NOISE], 1)
    assert modem.cells["SM"] == {4: "0006"}


def test_a_full_store_loses_what_nobody_can_read_and_nothing_else() -> None:
    modem = StoringModem()
    modem.cells["SM"] = {n: f"00060{n:03X}" for n in range(20)}
    desk = stored_desk(modem)
    assert (modem.cells["SM"], desk.session.snapshot().reason) == ({}, "")


# -- what was believed too much --------------------------------------------------------------------------------


def polled(desk: Desk, hours: float) -> Desk:
    """Look at the network every half minute, as the appliance does."""
    for _ in range(int(hours * 120)):
        desk.session.poll(desk.now)
        desk.run(30.0)
    return desk


def test_a_place_that_was_busy_once_is_cleared_later_whatever_lies_there_then() -> None:
    modem = StoringModem()
    desk = stored_desk(modem)
    modem.answers["AT+CMGD=3"] = "\r\n+CMS ERROR: 314\r\n"
    modem.cells["SR"] = {3: report(9)}
    desk.say('\r\n+CDSI: "SR",3\r\n')
    del modem.answers["AT+CMGD=3"]
    assert (told(desk), modem.cells["SR"]) == ([9], {3: report(9)})
    assert (told(polled(desk, 1)), modem.cells["SR"]) == ([9], {})
    modem.cells["SR"] = {3: report(10)}
    desk.say('\r\n+CDSI: "SR",3\r\n')
    assert (told(desk), modem.cells["SR"]) == ([9, 10], {})


@pytest.mark.parametrize("lies_there", [report(9), MESSAGE, "FF" * 20])
def test_a_full_store_that_says_ok_and_deletes_nothing_is_not_deleted_from_for_ever(lies_there: str) -> None:
    class Full(StoringModem):
        """One message fits into each store."""

        def _command(self, command: str) -> str | None:
            answer = super()._command(command)
            return answer.replace(",20,", ",1,", 1) if answer and command.startswith("AT+CPMS=") else answer

    modem = Full({"AT+CMGD=0": OK})
    modem.cells["SM"] = {0: lies_there}
    desk = polled(stored_desk(modem), 1)
    assert 1 <= modem.heard.count("AT+CMGD=0") <= 8
    assert len(told(desk)) + len(texts(desk)) + desk.session.modem.damaged_pdus == 1


def test_what_is_deleted_is_deleted_from_the_store_it_was_read_from_though_another_was_selected_since() -> (
    None
):
    modem = StoringModem()
    desk = stored_desk(modem, keeps=False)
    modem.cells = {"SR": {0: report(1)}, "SM": {0: report(2)}}
    desk.say('\r\n+CDSI: "SR",0\r\n').run(10.0)
    modem.store = "SM"  # it restarted without a word, or another program selected it
    desk.session.stored(desk.told(ReportArrived)[0].token, desk.now)
    desk.settle()
    assert modem.cells == {"SR": {}, "SM": {0: report(2)}}


def test_a_report_that_was_announced_while_the_port_was_opened_anew_is_found() -> None:
    modem = StoringModem()
    desk = stored_desk(modem)
    desk.session.stalled(desk.now, "the port takes no bytes")
    modem.cells["SR"] = {0: report(5)}
    desk.run(1.0)
    desk.session.opened(desk.now)
    desk.until(lambda: told(desk) == [5], 5.0)


def test_a_report_whose_notice_was_lost_is_found_within_minutes() -> None:
    modem = StoringModem()
    desk = stored_desk(modem)
    modem.cells["SR"] = {0: report(5)}
    assert told(polled(desk, 0.25)) == [5]


def test_what_never_came_on_record_is_told_again_though_nothing_else_is_announced() -> None:
    modem = StoringModem()
    desk = stored_desk(modem, keeps=False)
    modem.cells["SM"] = {4: MESSAGE}
    desk.say('\r\n+CMTI: "SM",4\r\n')
    desk.keeps = True
    assert (texts(polled(desk, 0.5)), modem.cells["SM"]) == (["12", "12"], {})


def test_where_nothing_can_lie_nothing_is_looked_for() -> None:
    desk = Desk(inbound=False).up()
    desk.modem.heard.clear()
    polled(desk, 1)
    assert not [text for text in desk.modem.heard if text.startswith("AT+CPMS")]


def test_a_token_means_nothing_to_the_next_session_of_the_same_modem() -> None:
    before, after = Stock(), Stock()
    token = before.told(Place("SM", 0), report(1), 1000.0)
    after.told(Place("SM", 0), report(2), 1060.0)
    assert not after.recorded(token)
