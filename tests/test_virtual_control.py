"""The control line of a virtual host: requests and answers, without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from virtual_desk import PHONE, Desk, lines

from simcourier.virtual import control
from simcourier.virtual.control import FAULTS, Control


class Panel:
    """A desk with its control line."""

    def __init__(self, modems: int = 2) -> None:
        self.desk = Desk(modems=modems)
        self.control = Control(self.desk.modems, self.desk.network)

    def ask(self, **request: Any) -> dict[str, Any]:
        request = {
            "for" if key == "for_s" else "from" if key == "sender" else key: request[key] for key in request
        }
        reply: dict[str, Any] = json.loads(self.control.answer(json.dumps(request).encode(), self.desk.now))
        return reply


def test_a_fault_holds_for_one_modem_and_ends() -> None:
    panel = Panel()
    assert panel.ask(modem="modem-001", fault="deaf", for_s=15) == {"ok": True}
    assert [modem["deaf"] for modem in panel.ask(do="modems")["modems"]] == [False, True]
    panel.desk.wait(15.0)
    assert [modem["deaf"] for modem in panel.ask(do="modems")["modems"]] == [False, False]


@pytest.mark.parametrize("fault", FAULTS)
def test_each_named_fault_is_a_valid_setting(fault: str) -> None:
    assert Panel().ask(fault=fault, for_s=1) == {"ok": True}


def test_the_documentation_names_every_request_and_every_fault() -> None:
    documented = " ".join((control.__doc__ or "").replace(",", " ").replace("(", " ").split())
    assert all(f'"do": "{name}"' in (control.__doc__ or "") for name in Panel().control.commands)
    assert set(FAULTS) <= set(documented.split())


def test_a_modem_that_was_cured_can_hang_once_more() -> None:
    panel = Panel()
    for _ in range(2):
        panel.ask(modem=0, fault="stuck")
        assert panel.ask(do="modems", modem=0)["modems"][0]["deaf"]
        panel.ask(do="replug", modem=0)
        assert not panel.ask(do="modems", modem=0)["modems"][0]["deaf"]


def test_a_modem_is_unplugged_and_replugged() -> None:
    panel = Panel()
    panel.ask(do="unplug", modem=0)
    panel.desk.wait(100.0)
    assert [modem["plugged"] for modem in panel.ask(do="modems")["modems"]] == [False, True]
    panel.ask(do="replug", modem=0)
    assert panel.ask(do="modems", modem=0)["modems"][0]["plugged"]
    panel.ask(do="unplug", for_s=2.5)
    panel.desk.wait(2.5)
    assert all(modem["plugged"] for modem in panel.ask(do="modems")["modems"])


def test_any_setting_can_be_changed_while_it_runs() -> None:
    panel = Panel()
    panel.desk.quiet()
    assert panel.ask(do="set", modem=0, values={"error": {"codes": ["CMS 42"]}}, for_s=5)["ok"]
    assert lines(panel.desk.send()) == ["+CMS ERROR: 42"]
    panel.desk.wait(5.0)
    assert lines(panel.desk.send()) == ["+CMGS: 0", "OK"]


def test_reports_are_paused_and_resumed() -> None:
    panel = Panel()
    panel.desk.quiet("AT+CNMI=2,1,0,1,0")
    panel.ask(do="pause-reports")
    assert lines(panel.desk.send()) == ["+CMGS: 0", "OK"]
    assert panel.ask(do="modems", modem=0)["modems"][0]["held"] == 1
    panel.ask(do="resume-reports")
    assert lines(panel.desk.modem.take_output())[0] == "+CDS: 25"


def test_inbox_and_counters_can_be_asked_for() -> None:
    panel = Panel()
    panel.desk.quiet()
    panel.desk.send()
    (message,) = panel.ask(do="inbox", number=PHONE)["messages"]
    assert (message["text"], message["copy"]) == ("Your code is 123456", 1)
    stats = panel.ask(do="stats")
    assert (stats["submits"], stats["delivered"], stats["reports"]) == (1, 1, 1)


def test_a_handset_writes_to_a_sim() -> None:
    panel = Panel()
    panel.desk.quiet("AT+CNMI=2,1,0,1,0")
    assert panel.ask(do="text", modem=0, sender=PHONE, text="STOP")["parts"] == 1
    assert lines(panel.desk.modem.take_output()) == ['+CMTI: "SM",1']


def test_a_hub_is_pulled_out_and_put_back() -> None:
    panel = Panel(modems=4)
    panel.control = Control(panel.desk.modems, panel.desk.network, {"left": frozenset({0, "modem-002"})})
    panel.ask(do="unplug", modem="left", for_s=5)
    assert [modem["plugged"] for modem in panel.ask(do="modems")["modems"]] == [False, True, False, True]
    panel.desk.wait(5.0)
    assert all(modem["plugged"] for modem in panel.ask(do="modems")["modems"])


def test_a_modem_comes_back_under_another_name() -> None:
    panel = Panel()
    assert panel.ask(do="replug", modem=1, port="modem-100") == {"ok": True}
    assert [modem["port"] for modem in panel.ask(do="modems")["modems"]] == ["modem-000", "modem-100"]
    assert panel.ask(do="replug", port="modem-100")["ok"] is False
    assert "plain name" in panel.ask(do="replug", modem=1, port="../etc")["error"]


def test_a_modem_reboots_with_its_port_in_place() -> None:
    panel = Panel()
    panel.desk.quiet("AT+CMGF=1")
    panel.ask(do="reboot", modem=0)
    panel.desk.quiet()
    assert panel.desk.ask("AT+CMGF?")[0] == "+CMGF: 0"


def test_credit_is_put_on_a_sim() -> None:
    panel = Panel()
    panel.ask(do="credit", modem=0, amount=5)
    panel.ask(do="credit", modem=0, amount=-1.5)
    assert [modem["balance"] for modem in panel.ask(do="modems")["modems"]] == [3.5, None]


def test_a_long_text_comes_in_disorder_twice_and_with_a_gap() -> None:
    panel = Panel()
    panel.desk.quiet("AT+CNMI=2,2,0,1,0")
    request = {"do": "text", "modem": 0, "sender": PHONE, "text": "long " * 100, "lost": [2]}
    assert panel.ask(**request, shuffle=True, copies=2)["parts"] == 4
    pdus = lines(panel.desk.modem.take_output())[1::2]
    parts = [pdu.partition("050003")[2][4:6] for pdu in pdus]
    assert sorted(parts) == ["01", "01", "03", "03", "04", "04"]
    assert parts != sorted(parts)


def test_a_full_store_a_flood_and_a_refused_registration_have_names() -> None:
    panel = Panel()
    panel.desk.quiet("AT+CREG=3")
    panel.ask(fault="fill-storage", modem=0)
    assert panel.desk.ask("AT+CPMS?")[0].startswith('+CPMS: "SM",20,20')
    panel.ask(fault="flood", modem=0, for_s=2)
    assert len(lines(panel.desk.wait(10.0))) > 1500
    panel.ask(fault="denied", modem=0)
    assert lines(panel.desk.modem.take_output()) == ["+CREG: 3,,,,0,11"]


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"do": "dance"}, "do must be one of modems, stats"),
        ({}, "do must be one of"),
        ({"do": 7}, "do must be one of"),
        ({"do": "unplug", "modem": 9}, "there is no modem 9"),
        ({"fault": "flu"}, "fault must be one of deaf, stuck, unplug"),
        ({"do": "set"}, "set needs values"),
        ({"do": "set", "values": {"submit_dela": 1}}, "unknown key submit_dela"),
        ({"fault": "deaf", "for": -1}, "for must be seconds"),
        ({"fault": "deaf", "for": True}, "for must be seconds"),
        ({"do": "inbox"}, "number is missing"),
        ({"do": "credit"}, "amount must be money"),
        ({"do": "text", "from": PHONE, "text": "x", "copies": 0}, "copies must be a number of times"),
        ({"do": "text", "from": PHONE, "text": "x", "lost": 2}, "lost a list of the parts"),
        ({"do": "unplug", "modem": "left"}, "there is no modem left"),
        ({"do": "unplug", "modem": [1]}, "there is no modem [1]"),
        ({"do": "text", "from": "far too long a name", "text": "x"}, "not a name of up to eleven"),
    ],
)
def test_a_wrong_request_is_answered_with_a_sentence(request_: dict[str, Any], told: str) -> None:
    reply = Panel().ask(**request_)
    assert reply["ok"] is False
    assert told in reply["error"]


@pytest.mark.parametrize("line", [b"{", b"[]", b"\xff", b"7"])
def test_a_line_that_is_no_object_is_answered_too(line: bytes) -> None:
    reply = json.loads(Panel().control.answer(line, 0.0))
    assert reply["ok"] is False
    assert "not a JSON object" in reply["error"]
