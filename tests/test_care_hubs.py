"""A hub that dies takes its sticks along, and that is said in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from web_fixtures import WebBox, web_box

from simcourier.care.hubs import dead_hubs
from simcourier.cli.status import describe
from simcourier.modem.facts import ModemSnapshot, ModemState


def stick(device: str, state: ModemState = ModemState.ABSENT, since: float = 0.0) -> ModemSnapshot:
    return ModemSnapshot(f"at {device}", "/dev/ttyUSB0", state, "", since, device=device)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path) as box:
        yield box


def test_a_hub_is_dead_when_all_its_modems_went_at_once_and_stay_away() -> None:
    here = stick("1-2.1", ModemState.READY)
    assert dead_hubs([stick("1-2.1"), stick("1-2.2"), stick("1-3.1", ModemState.READY)], 30.0) == {"1-2": 2}
    assert dead_hubs([here, stick("1-2.2")], 30.0) == {}
    assert dead_hubs([stick("1-2.1"), stick("1-2.2")], 15.0) == {}, "they may only start anew"
    assert dead_hubs([stick("1-2.1"), stick("1-2.2", since=60.0)], 900.0) == {}, (
        "they were pulled out one by one"
    )


@pytest.mark.parametrize("devices", [["1-2.1"], ["1-1", "1-2"], ["", ""], ["1-2.1", "1-3.1"]])
def test_what_shares_no_hub_says_nothing_of_one(devices: list[str]) -> None:
    assert dead_hubs(map(stick, devices), 30.0) == {}


def test_a_hub_that_is_built_of_several_is_named_once() -> None:
    chips = [stick(f"1-2.{chip}.{port}") for chip in (1, 2, 3, 4) for port in (1, 2, 3, 4)]
    assert dead_hubs(chips, 30.0) == {"1-2": 16}
    assert dead_hubs([*chips, stick("1-2.5", ModemState.READY)], 30.0) == dict.fromkeys(
        ("1-2.1", "1-2.2", "1-2.3", "1-2.4"), 4
    )
    assert dead_hubs([stick("1-2.1.1"), stick("1-2.2.1"), stick("3-1.1"), stick("3-1.2")], 30.0) == {
        "1-2": 2,
        "3-1": 2,
    }


def test_a_dead_hub_is_told_until_it_is_back(web: WebBox, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2, 3):
        web.modem(f"modem-{number}")
        web.change(replace(web.radio.cards[f"modem-{number}"], device=f"1-2.{number}"))
    for number in (1, 2, 3):
        web.modem(f"modem-{number}", ModemState.ABSENT, "unplugged")
    key = web.key("status:read")
    web.pass_time(30)
    web.writer.call(web.care.tick)
    web.settle()
    status = web.get("/v1/status", key).json
    assert status["dead_hubs"] == [{"hub": "1-2", "modems": 3}]
    assert "hub 1-2:    gone with its 3 modems; see to its power and its cable" in describe(status)
    assert "USB hub 1-2 is gone with its 3 modems. See to its power and its cable." in web.get("/").text
    web.writer.call(web.care.tick)
    web.modem("modem-2")
    web.writer.call(web.care.tick)
    web.settle()
    assert web.get("/v1/status", key).json["dead_hubs"] == []
    said = capsys.readouterr().out
    assert said.count("a USB hub is gone with all its modems") == 1
    assert said.count("a USB hub is back") == 1
