"""The control line of a virtual host: requests and answers, without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from virtual_desk import PHONE, Desk, lines

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


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"do": "dance"}, "do must be one of modems, stats"),
        ({}, "do must be one of"),
        ({"do": 7}, "do must be one of"),
        ({"do": "unplug", "modem": 9}, "there is no modem 9"),
        ({"fault": "flu"}, "fault must be one of deaf, unplug"),
        ({"do": "set"}, "set needs values"),
        ({"do": "set", "values": {"submit_dela": 1}}, "unknown key submit_dela"),
        ({"fault": "deaf", "for": -1}, "for must be seconds"),
        ({"fault": "deaf", "for": True}, "for must be seconds"),
        ({"do": "inbox"}, "number is missing"),
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
