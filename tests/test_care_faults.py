"""What goes wrong with modems is counted, logged within bounds, and shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from web_fixtures import WebBox, web_box

from simcourier.modem.facts import Fault, FaultSeen, Recovered, Rung


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path) as box:
        box.modem()
        yield box


def fault(web: WebBox, kind: Fault = Fault.SILENT, detail: str = "AT+CSQ: no answer") -> None:
    web.tell(FaultSeen("modem-1", kind, detail, web.now))


def test_faults_are_counted_and_the_last_one_is_told(web: WebBox) -> None:
    fault(web)
    fault(web)
    fault(web, Fault.NO_PROMPT, "AT+CMGS: no prompt")
    web.tell(Recovered("modem-1", Fault.NO_PROMPT, Rung.RESET, 4.25))
    web.pass_time(90)
    item = web.get("/v1/modems/modem-1", web.key("status:read")).json
    assert item["faults"] == {"silent": 2, "no-prompt": 1}
    assert item["last_fault"] == {
        "fault": "no-prompt",
        "detail": "AT+CMGS: no prompt",
        "at": "2027-01-15T08:16:40.000Z",
        "recovered_in_seconds": 4.25,
        "recovered_by": "reset",
    }
    metrics = web.metrics.render().decode()
    assert 'simcourier_modem_faults_total{fault="silent",modem="modem-1"} 2.0' in metrics
    assert 'simcourier_modem_recovery_seconds_sum{modem="modem-1"} 4.25' in metrics
    assert "Last fault: took no message, 1 min ago; well after 4 s" in web.get("/").text
    page = web.get("/modems/modem-1").text
    assert "took no message, 1 min ago; well after 4 s: AT+CMGS: no prompt" in page
    assert "no-prompt 1, silent 2" in page


def test_a_new_fault_is_not_over_because_the_one_before_was(web: WebBox) -> None:
    fault(web)
    web.tell(Recovered("modem-1", Fault.SILENT, Rung.PROBE, 1.0))
    fault(web)
    last = web.get("/v1/modems/modem-1", web.key("status:read")).json["last_fault"]
    assert (last["recovered_in_seconds"], last["recovered_by"]) == (None, None)


def test_a_modem_without_faults_says_nothing_of_them(web: WebBox) -> None:
    item = web.get("/v1/modems/modem-1", web.key("status:read")).json
    assert (item["faults"], item["last_fault"]) == ({}, None)
    assert "fault" not in web.get("/").text.casefold()


def test_faults_by_the_thousand_make_a_line_every_ten_seconds(web: WebBox) -> None:
    with capture_logs() as entries:
        for _ in range(500):
            web.now += 0.125
            web.writer.call(lambda: web.care.on_fact(FaultSeen("modem-1", Fault.NOISE, "noise", web.now)))
            web.settle()
    lines = [entry for entry in entries if entry["event"] == "a modem's fault"]
    assert [line["more"] for line in lines] == [0, 79, 79, 79, 79, 79, 79]
    counted = web.get("/v1/modems/modem-1", web.key("status:read")).json["faults"]
    assert counted == {"noise": 500}


def test_modems_that_never_end_do_not_fill_the_memory(web: WebBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simcourier.care.faults._MOST_MODEMS", 2)
    for name in ("modem-1", "modem-2", "modem-3"):
        web.tell(FaultSeen(name, Fault.SILENT, "", web.now))
    assert [bool(web.parts.faults.of(f"modem-{number}").counts) for number in (1, 2, 3)] == [
        True,
        True,
        False,
    ]
