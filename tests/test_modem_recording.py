"""What is recorded of a modem holds nothing personal, goes as it went when it is played, and can be read by us."""

from __future__ import annotations

import re

import pytest
from virtual_desk import Desk as VirtualDesk

from simcourier.modem.facts import Job, ModemState, ReportArrived, SubmitEnded
from simcourier.modem.recording import Recording
from simcourier.modem.rehearsal import dialogue, verdict
from simcourier.modem.rehearsal.desk import Desk
from simcourier.modem.rehearsal.player import DivergedError, Player
from simcourier.modem.session import Session
from simcourier.modem.timings import Timings
from simcourier.sms.address import parse_recipient
from simcourier.sms.anonymous import anonymous_pdu
from simcourier.sms.submit import encode_submit
from simcourier.sms.tpdu import decode_incoming, decode_submit
from simcourier.virtual.profiles import PROFILES

CODE, PHONE = "738291", "+447700900123"
ACCENTED = "Ihr Code lautet 738291, gültig für 5 Minuten – niemandem sagen"


class Recorded:
    """A session with a virtual modem in virtual time, of which everything is recorded."""

    def __init__(self, scenario: str = "", device: str = "") -> None:
        self.box = VirtualDesk(scenario)
        self.session = Session("modem-1", "pretended", timings=Timings(), pin="4711")
        self.session.modem.device = device
        self.records = True
        """Whether what it tells goes on record."""
        self.recording = self.session.recording = Recording(self.box.now, self.box.now + 3600)
        self.facts: list[object] = []
        self.session.opening(self.box.now)
        self.session.opened(self.box.now)

    def exchange(self) -> None:
        for _ in range(1000):
            for fact in self.session.take_facts():
                self.facts.append(fact)
                if self.records and (token := getattr(fact, "token", 0)):
                    self.session.stored(token, self.box.now)
                if type(fact).__name__ == "PinWanted":
                    self.session.allow_pin(True, self.box.now)
            typed = self.session.take_output()
            said = self.box.type(typed) if typed else self.box.modem.take_output()
            if said:
                self.session.receive(said, self.box.now)
            elif not typed:
                return
        raise AssertionError("the two never stop talking")

    def run(self, seconds: float) -> None:
        end = self.box.now + seconds
        self.exchange()
        while self.box.now < end:
            due = min(self.session.deadline or end, end, self.box.now + 0.5)
            said = self.box.wait(max(0.0, due - self.box.now))
            if said:
                self.session.receive(said, self.box.now)
            if self.session.deadline is not None and self.session.deadline <= self.box.now:
                self.session.advance(self.box.now)
            self.exchange()

    def send(self, number: int, text: str, *, permitted: bool = True, more_follow: bool = False) -> None:
        pdus = encode_submit(parse_recipient(PHONE), text, validity_s=300)
        job = Job(number, pdus, self.box.now + 300, more_follow=more_follow)
        self.session.submit(job, self.box.now)
        self.run(0.5)
        self.session.permit(number, permitted, self.box.now)
        self.run(5)

    def file(self) -> str:
        return dialogue.write(self.recording.entries, "a virtual modem", "bring-up and messages")


def play(text: str) -> Player:
    player = Player(dialogue.read(text, "recorded.txt"), "recorded.txt")
    player.play()
    return player


@pytest.mark.parametrize("route", ["direct", "stored"])
def test_what_was_recorded_goes_as_it_went_when_it_is_played(route: str) -> None:
    recorded = Recorded(f'report_route = "{route}"\nreport_delay = 1.0\nsubmit_delay = 0.3\n')
    recorded.run(20)
    assert recorded.session.modem.state is ModemState.READY
    recorded.send(1, f"Your code is {CODE}")
    recorded.send(2, ACCENTED)
    played = play(recorded.file())
    assert played.desk.state is ModemState.READY
    for kind in (SubmitEnded, ReportArrived):
        told = [fact for fact in recorded.facts if isinstance(fact, kind)]
        again = [fact for fact in played.desk.facts if isinstance(fact, kind)]
        assert len(told) == len(again) >= 2
    assert [f.report.tp_mr for f in played.desk.facts if isinstance(f, ReportArrived)] == [
        f.report.tp_mr for f in recorded.facts if isinstance(f, ReportArrived)
    ]


def test_nothing_personal_is_in_what_was_recorded() -> None:
    recorded = Recorded('pin = "4711"\nregistration_delay = 1.0\n')
    recorded.run(30)
    recorded.send(1, f"Your code is {CODE}")
    box = recorded.box
    box.network.text(PHONE, box.modem.sim, f"My code was {CODE}, call me", box.now)
    recorded.run(10)
    kept = b"".join(entry.octets for entry in recorded.recording.entries).decode("latin-1")
    card = recorded.session.snapshot()
    assert len(recorded.recording.entries) > 40
    assert card.imei
    assert card.sim
    text_hex = encode_submit(parse_recipient(PHONE), f"Your code is {CODE}", validity_s=300)[0].hex
    packed = text_hex[-24:]
    for secret in (
        CODE,
        PHONE[1:],
        "7700009032F1",
        packed,
        card.sim,
        card.imei,
        "4711",
        box.modem.sim.number[1:],
    ):
        assert secret not in kept, secret
    assert card.imei[:8] in kept, "the make of the modem may be told"


def test_the_same_number_is_the_same_one_everywhere() -> None:
    seen: dict[str, str] = {}
    numbers = iter(range(1000))

    def digits(text: str) -> str:
        return seen.setdefault(text, str(next(numbers)).zfill(len(text)))

    submit = encode_submit(parse_recipient(PHONE), "hello", validity_s=300)[0].hex
    report = "0006400C91" + "447700091032" + "511090718384225110907183252200"
    there = decode_submit(anonymous_pdu(submit, digits, outgoing=True)).recipient.value
    here = decode_incoming(anonymous_pdu(report, digits, outgoing=False))
    assert here.recipient.lstrip("+") == there.lstrip("+")  # type: ignore[union-attr]  # it is a report
    assert here.tp_mr == 0x40  # type: ignore[union-attr]  # it is a report


@pytest.mark.parametrize("text", ["hello", ACCENTED, "x" * 300, "код 738291"])
def test_a_pdu_keeps_its_form(text: str) -> None:
    for pdu in encode_submit(parse_recipient(PHONE), text, validity_s=300):
        changed = anonymous_pdu(pdu.hex, lambda digits: "5" * len(digits), outgoing=True)
        before, after = decode_submit(pdu.hex), decode_submit(changed)
        assert len(changed) == len(pdu.hex)
        assert after.recipient.value.strip("+") == "5" * 12
        assert len(after.text or "") == len(before.text or "")
        assert not set(after.text or "") & set("738291")
        assert after.user_data.concatenation == before.user_data.concatenation


@pytest.mark.parametrize("damaged", ["00", "0011", "FFFF" * 20, "0791447700900000FF" * 3, "07" * 12])
def test_what_is_no_pdu_keeps_its_length_only(damaged: str) -> None:
    changed = anonymous_pdu(damaged, lambda digits: "0" * len(digits), outgoing=False)
    assert len(changed) == len(damaged)
    assert not changed.strip("0F")


def say(recording: Recording, command: str, answer: str) -> str:
    recording.sent(command.encode() + b"\r", 1.0)
    recording.heard(answer.encode("latin-1"), 1.0)
    recording.flush(1.0)
    return recording.entries[-1].octets.decode("latin-1")


@pytest.mark.parametrize(
    ("command", "answer", "secret"),
    [
        ("AT+CGSN", "\r\n490154203237518\r\n\r\nOK\r\n", "3237518"),
        ("AT+CIMI", "\r\n234150999999999\r\n\r\nOK\r\n", "0999999999"),
        ("AT+CCID", "\r\n+CCID: 8944110000000000017\r\nOK\r\n", "8944110000000000017"),
        ("AT+CNUM", '\r\n+CNUM: "Own","+447700900123",145\r\nOK\r\n', "447700900123"),
        ("AT+CREG?", '\r\n+CREG: 2,1,"1A2B","0123ABCD",7\r\nOK\r\n', "1A2B"),
        ("AT+CREG?", "\r\n+CREG: 2,1,4CA,81DE445\r\nOK\r\n", "81DE445"),
        ("AT", '\r\n+CUSD: 0,"Ihr Guthaben: 3,20 EUR, Herr Muster",15\r\nOK\r\n', "Muster"),
        ("AT", '\r\n+CUSD: 0,"00330032003000200045",72\r\nOK\r\n', "0033"),
        ("AT", '\r\n+CMT: "+447700900123",,"26/01/31,12:00:00+04"\r\nCode 738291, Muster\r\n', "Muster"),
        ("AT", "\r\nsomebody's words 738291\r\n", "words"),
        ("AT", '\r\n+CPIN="1234"\r\n', "1234"),
        ("AT", '\r\n+CMT: "+447700900123",,"26"\r\n#738291 is your code\r\n', "738291"),
        ("AT", "\r\n*738291#\r\n", "738291"),
        ("AT", '\r\n+CUSD: 0,"Dear Ann Muster, you have\r\n3.20 left"\r\n', "Muster"),
        ("AT+CNUM", '\r\n+CNUM: "Ann","+447700900123",145\r\n', "Ann"),
        ("AT", "\r\n$GPRMC,123519,A,4807.0381111,N,01131.000,E\r\n", "4807"),
        ("AT", "\r\n+CGPSINFO: 3113.343286,N,12121.234064,E\r\n", "3113"),
        ("AT", "\r\n+CMS ERROR: code 738291\r\n", "738291"),
        ("AT", "\r\nERROR: your code is 738291\r\n", "738291"),
        ("AT+CMGS=24", "\r\n> 0031000C91447700091032\r\n", "7700091032"),
        ("AT+CSCA?", '\r\n+CSCA: "002B003400340037003700300030",145\r\nOK\r\n', "00340034"),
    ],
)
def test_what_tells_of_somebody_is_replaced(command: str, answer: str, secret: str) -> None:
    kept = say(Recording(0.0, 60.0), command, answer)
    assert secret not in kept
    assert len(kept) == len(answer)
    assert kept.count("\r\n") == answer.count("\r\n")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("AT+CGMI", "\r\nHUAWEI TECHNOLOGIES\r\n\r\nOK\r\n"),
        ("AT+CNMI=?", "\r\n+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)\r\n\r\nOK\r\n"),
        ("AT+CPMS=?", '\r\n+CPMS: ("ME","SM","SR"),("ME","SM"),("ME","SM")\r\n\r\nOK\r\n'),
        ("AT+COPS?", '\r\n+COPS: 0,0,"Pretend Mobile",7\r\n\r\nOK\r\n'),
        ("AT+CMGS=14", "\r\n> "),
        ("AT", "\r\n+CMS ERROR: 512\r\n"),
        ("AT", "\r\nCOMMAND NOT SUPPORT\r\n"),
        ("AT", "\r\n+CME ERROR: SIM not inserted\r\n"),
        ("AT", "\r\n^RSSI: 19\r\n\r\nSMS Ready\r\n"),
    ],
)
def test_what_a_supporter_needs_stays(command: str, answer: str) -> None:
    assert say(Recording(0.0, 60.0), command, answer) == answer


def test_a_pin_is_not_kept_also_not_in_its_echo() -> None:
    recording = Recording(0.0, 60.0)
    kept = say(recording, 'AT+CPIN="4711"', 'AT+CPIN="4711"\r\r\nOK\r\n')
    assert "4711" not in kept + "".join(entry.octets.decode() for entry in recording.entries)


def test_a_line_in_pieces_is_seen_whole() -> None:
    recording = Recording(0.0, 60.0)
    recording.sent(b"AT+CGSN\r", 1.0)
    for piece in (b"\r\n4901542", b"0323", b"7518\r", b"\nOK\r\n"):
        recording.heard(piece, 1.0)
    kept = b"".join(entry.octets for entry in recording.entries)
    assert b"3237518" not in kept
    assert kept.endswith(b"OK\r\n")


def test_a_recording_is_bounded() -> None:
    recording = Recording(0.0, 60.0)
    for _ in range(6000):
        recording.heard(b"\r\n^BOOT:1,0,0,0,6\r\n", 1.0)
    assert recording.full
    assert len(recording.entries) == 5000
    recording = Recording(0.0, 60.0)
    recording.heard(b"\r\nOK\r\n", 61.0)
    assert recording.entries == []


def test_where_dialogue_and_session_part_the_line_is_named() -> None:
    recorded = Recorded()
    recorded.run(10)
    text = recorded.file().replace("AT+CMGF=0", "AT+CMGF=7")
    with pytest.raises(
        DivergedError, match=r"recorded.txt:[0-9]+: < AT\+CMGF=7: the session sends AT\+CMGF=0"
    ):
        play(text)


def test_played_freely_a_recorded_modem_comes_up_and_sends() -> None:
    recorded = Recorded()
    recorded.run(10)
    found = verdict.freely(dialogue.read(recorded.file(), "recorded.txt"))
    assert (found.state, found.sends, found.unanswered) == ("ready", "sent", ())
    assert found.made.startswith("simcourier Virtual Modem")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# only words\n", "has no dialogue"),
        ("open\nshout AT\n", ":2: no line of a dialogue begins with 'shout'"),
        ("open\n>> \\x\n", ":2: this is not Python's notation"),
    ],
)
def test_a_file_that_is_no_dialogue_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(dialogue.DialogueFileError, match=re.escape(said)):
        dialogue.read(text, "x.txt")


@pytest.mark.parametrize("octets", [b"\r\n> ", b" ", b"\x00\xff\x1b", b"a\\b", b" x "])
def test_octets_that_are_spelled_can_be_read_again(octets: bytes) -> None:
    line = f">> {dialogue.spelled(octets)}"
    assert dialogue.unspelled(dialogue.read(line, "x")[0].rest) == octets


def test_a_desk_lets_no_time_pass_by_itself() -> None:
    class Nobody:
        def hear(self, _data: bytes) -> bytes:
            return b""

    desk = Desk(Nobody())
    before = desk.now
    desk.plug()
    assert desk.now == before


def test_a_recording_that_is_over_costs_nothing() -> None:
    recording = Recording(0.0, 60.0)
    recording.heard(b"+CMT: and no end of the line", 61.0)
    recording.flush(62.0)
    assert recording.entries == []


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_what_any_make_was_recorded_with_is_played_again(name: str) -> None:
    recorded = Recorded(f'profile = "{name}"\nreport_delay = 1.0\nsubmit_delay = 0.3\n', device="1-2")
    recorded.run(60)
    assert recorded.session.modem.state is ModemState.READY
    recorded.send(1, f"Your code is {CODE}", more_follow=True)
    recorded.session.poll(recorded.box.now)
    recorded.run(30)
    recorded.send(2, ACCENTED, permitted=False)
    recorded.session.ussd(1, "*100#", recorded.box.now)
    recorded.run(35)
    recorded.box.network.text(PHONE, recorded.box.modem.sim, "hello", recorded.box.now)
    recorded.run(10)
    recorded.send(3, "x" * 300)
    assert play(recorded.file()).desk.state is ModemState.READY
