"""SIM approval, USSD and balance on a running box, by the command line, over virtual modems on ptys."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import call

from live.appliance import Appliance, Network, appliance, eventually

pytestmark = pytest.mark.live

SCENARIO = """
ussd = { "*100#" = "Your balance is {balance} EUR.", "*101#" = "1 Balance\\n2 Bonus", "*101#/1" = "no" }
balance = 42.0
[[rule]]
modems = ["modem-000"]
balance = 3.2
"""
EXTRA = """
[sims]
approve = "by-admin"
[ticks]
care = 0.2
[[operators]]
name = "East"
networks = ["00101"]
balance_code = "*100#"
balance_pattern = '(?P<amount>[0-9.]+) (?P<unit>[A-Z]{3})'
low_balance = 5.0
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Appliance, Network]]:
    with appliance(tmp_path, 2, SCENARIO, EXTRA, start=False) as (box, network):
        box.start(ready=False)
        eventually(box.is_healthy)
        eventually(lambda: len(sims(box)) == 2)
        yield box, network


def simcourier(box: Appliance, *words: str) -> subprocess.CompletedProcess[str]:
    return call(*words, "--config", box.config)


def sims(box: Appliance) -> list[dict[str, object]]:
    status, answer = box.call("GET", "/v1/sims")
    assert status == 200, answer
    return list(answer["items"])


def test_new_sims_send_after_an_admin_has_said_yes(running: tuple[Appliance, Network]) -> None:
    box, network = running
    assert [item["state"] for item in sims(box)] == ["waiting", "waiting"]
    assert not box.is_ready()
    shown = simcourier(box, "modems")
    assert "the SIM waits for an admin's yes" in shown.stdout
    message = box.send("first words")
    for item in sims(box):
        done = simcourier(box, "sims", "approve", str(item["id"]))
        assert (done.returncode, done.stdout) == (0, f"{item['id']} in {item['modem']} may send\n")
    box.delivered(message)
    assert network.copies() == {"first words": 1}
    listed = simcourier(box, "sims").stdout
    assert "may send" in listed
    assert "waits" not in listed


def test_the_networks_answer_is_shown(running: tuple[Appliance, Network]) -> None:
    box, _network = running
    asked = simcourier(box, "ussd", "modem-000", "*100#")
    assert (asked.returncode, asked.stdout) == (0, "Your balance is 3.20 EUR.\n")
    menu = simcourier(box, "ussd", "modem-000", "*101#")
    assert menu.stdout == "1 Balance\n2 Bonus\n"
    assert "the session was ended" in menu.stderr
    unknown = simcourier(box, "ussd", "modem-001", "*999#")
    assert unknown.returncode == 1
    assert "The network gave no answer" in unknown.stderr
    assert simcourier(box, "ussd", "modem-001", "AT+CFUN=0").returncode == 2


def test_balances_are_asked_for_told_and_shown(running: tuple[Appliance, Network]) -> None:
    box, _network = running
    asked = json.loads(simcourier(box, "balance", "--json").stdout)["items"]
    assert [(item["modem"], item["amount"], item["unit"], item["low"]) for item in asked] == [
        ("modem-000", 3.2, "EUR", True),
        ("modem-001", 42.0, "EUR", False),
    ]
    shown = simcourier(box, "modems", "modem-000").stdout
    assert "balance:      3.20 EUR" in shown
    assert simcourier(box, "sims", "approve", str(sims(box)[0]["id"])).returncode == 0
    assert "its SIM runs low: 3.20 EUR" in simcourier(box, "modems").stdout
    assert "42.00 EUR" in simcourier(box, "sims").stdout
    assert "a SIM runs low" in box.log()
    assert "Your balance" not in box.log()


def test_what_was_said_of_a_sim_outlasts_a_restart(running: tuple[Appliance, Network]) -> None:
    box, _network = running
    first, card = (str(item["id"]) for item in sims(box))
    assert simcourier(box, "sims", "approve", first).returncode == 0
    assert simcourier(box, "sims", "refuse", card[-6:]).returncode == 0
    assert box.stop() == 0
    box.start()
    states = {item["id"]: item["state"] for item in sims(box)}
    assert states[card] == "refused"
    eventually(lambda: box.modem("modem-001")["state"] == "ready")
    assert box.modem("modem-001")["held"] == "an admin refused the SIM"
    for number in range(4):
        box.delivered(box.send(f"text {number}"))
    assert box.modem("modem-001")["used"]["month"] == box_used(box, card)


def box_used(box: Appliance, card: str) -> int:
    used = next(item for item in sims(box) if item["id"] == card)["used"]
    assert isinstance(used, dict)
    return int(used["month"])
