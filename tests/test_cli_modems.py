"""`simcourier modems` and `simcourier sims` on a terminal of 80 columns."""

from __future__ import annotations

import inspect
from typing import Any
from unittest import mock

import pytest

from simcourier.cli import wording
from simcourier.cli.endings import Stop
from simcourier.cli.modems import describe, held, show_all
from simcourier.cli.sims import approve, find, show

REASON = (
    "the network refused the last submit with +CMS ERROR: 38 and the SIM names no service centre of its own"
)
WAITS = "the SIM waits for an admin's yes: it was never seen before"
USED = {"hour": 2, "day": 12, "month": 300}
PACE = {"minute": 0, "hour": 0, "day": 100, "month": 2000, "recipients_month": 0}


def item(name: str, **fields: object) -> dict[str, Any]:
    return {
        "id": name,
        "state": "ready",
        "for_seconds": 4000.0,
        "operator": "Example Mobile",
        "home_operator": "East",
        "network": "00101",
        "registration": "home",
        "signal_dbm": -79,
        "reports": "direct",
        "port": "/dev/ttyUSB0",
        "device": "1-2.3",
        "quirks": "huawei",
        "manufacturer": "Huawei",
        "model": "E3372",
        "revision": "22.200",
        "imei": "860000000000001",
        "sim": "8944500000000000001",
        "sim_state": "approved",
        "number": "",
        "failures": 0,
        "paused": False,
        "sandbox": False,
        "reason": "",
        "held": "",
        "held_until": None,
        "used": USED,
        "pace": PACE,
        "balance": None,
        "faults": {},
        "last_fault": None,
        **fields,
    }


def sim(number: str, **fields: object) -> dict[str, Any]:
    return {
        "id": number,
        "name": "",
        "state": "approved",
        "operator": "East",
        "network": "00101",
        "modem": "modem-1",
        "present": True,
        "held": "",
        "held_until": None,
        "used": USED,
        "pace": PACE,
        "balance": {"amount": 3.2, "unit": "EUR", "at": "2026-01-31T12:00:00.000Z", "low": False},
        "last_loop_test": None,
        **fields,
    }


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording, "_PIPE_WIDTH", 80)


@pytest.mark.usefixtures("narrow")
def test_a_long_reason_stands_under_the_table_and_nothing_is_wider_than_80_columns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_all([item("modem-1", state="searching", reason=REASON), item("modem-2", paused=True)])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    row = next(line for line in lines if line.startswith("modem-1  "))
    assert "refused" not in row
    assert "/dev/ttyUSB0" in row
    said = lines[lines.index(next(line for line in lines if line.startswith("modem-1: "))) :]
    assert " ".join(line.strip() for line in said) == f"modem-1: {REASON}"


def test_paused_and_sandbox_stand_beside_the_state(capsys: pytest.CaptureFixture[str]) -> None:
    show_all([item("modem-1", paused=True, sandbox=True)])
    assert "ready, paused, sandbox" in capsys.readouterr().out


def test_a_reason_can_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show_all([item("modem-1", reason="\x1b[2Jgone", held="\x1b[2Jheld")])
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.usefixtures("narrow")
def test_what_holds_a_sim_back_stands_under_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    low = {"amount": 0.4, "unit": "EUR", "at": "2026-01-31T12:00:00.000Z", "low": True}
    show_all([item("modem-1", held=WAITS, sim_state="waiting"), item("modem-2", balance=low)])
    out = capsys.readouterr().out
    assert "ready, held" in out
    assert f"modem-1: {WAITS}. If it is\n  yours: simcourier sims approve\n" in out
    assert "modem-2: its SIM runs low: 0.40 EUR" in out


def test_what_is_said_of_many_modems_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    show_all([item(f"modem-{number}", held="an admin refused the SIM") for number in range(3)])
    assert "\nmodem-0, modem-1, modem-2: an admin refused the SIM\n" in capsys.readouterr().out


def test_an_unplugged_modem_has_no_operator_and_no_signal(capsys: pytest.CaptureFixture[str]) -> None:
    gone = item("modem-1", state="absent")
    show_all([gone])
    shown = capsys.readouterr().out
    assert "Example Mobile" not in shown
    assert "dBm" not in shown
    assert {"network", "signal"}.isdisjoint(dict(describe(gone)))


def test_nothing_is_said_of_what_an_unplugged_modem_s_sim_sent() -> None:
    assert "sent" not in dict(describe(item("modem-1", state="absent", sim="")))
    assert "sent" in dict(describe(item("modem-1", state="sim-missing")))


def test_a_modem_that_tells_no_reports_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    show_all([item("modem-1", reports="none"), item("modem-2", reports="none", state="opening")])
    assert "modem-1: it tells no delivery reports\n" in capsys.readouterr().out


def test_a_pace_holds_until_a_time() -> None:
    told = held(item("modem-1", held="over its pace of 100 a day", held_until="2026-02-01T00:00:00.000Z"))
    assert told.startswith("over its pace of 100 a day, until 2026-0")


def test_all_that_is_known_of_a_modem_and_nothing_that_is_not() -> None:
    told = dict(
        describe(
            item(
                "modem-1",
                faults={"silent": 3, "no-prompt": 1},
                last_fault={
                    "fault": "silent",
                    "detail": "AT+CSQ: no answer",
                    "at": "2026-01-31T12:00:00.000Z",
                    "recovered_in_seconds": 3.2,
                    "recovered_by": "reset",
                },
            )
        )
    )
    assert told["sent"] == "2 this hour, 12/100 this day, 300/2000 this month"
    assert told["SIM"] == "8944500000000000001, of East, approved"
    assert told["port"] == "/dev/ttyUSB0 at USB 1-2.3"
    assert told["faults"] == "no-prompt 1, silent 3"
    assert told["last fault"].endswith(
        "AT+CSQ: no answer; well again after 3.20 s, by a restart of the modem"
    )
    assert {"number", "balance", "reason", "held", "recoveries"}.isdisjoint(told)


@pytest.mark.usefixtures("narrow")
def test_the_table_of_sims_fits_80_columns_with_whole_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    show([sim("8944500000000000001"), sim("8944500000000000002", state="waiting", held=WAITS, present=False)])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "12/100" in lines[2]
    assert "3.20 EUR" in lines[2]
    assert "8944500000000000002" in lines[3]
    assert "waits" in lines[3]
    assert "(modem-1)" in lines[3]
    assert lines[4].startswith("8944500000000000002: the SIM waits")


def test_the_sims_stand_in_the_order_of_their_modems(capsys: pytest.CaptureFixture[str]) -> None:
    cards = [
        sim("8944500000000000003", modem="modem-2"),
        sim("8944500000000000002", present=False),
        sim("8944500000000000009"),
    ]
    show(cards)
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row[:19] for row in rows] == ["8944500000000000009", "8944500000000000002", "8944500000000000003"]


def test_several_sims_are_approved_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    box = mock.Mock()
    box.get.return_value = {
        "items": [sim("8944500000000000001"), sim("8944500000000000002", modem="modem-2")]
    }
    assert approve.callback is not None
    inspect.unwrap(approve.callback)(box, ("modem-2", "0001"))
    assert [call.args for call in box.post.call_args_list] == [
        ("sims", "8944500000000000002", "approve"),
        ("sims", "8944500000000000001", "approve"),
    ]
    assert "8944500000000000002 in modem-2 may send" in capsys.readouterr().out


def test_a_sim_is_found_by_number_ending_or_modem() -> None:
    one, two = sim("8944500000000000001"), sim("8944500000000010002", modem="modem-2", name="spare")
    assert find([one, two], "8944500000000000001") is one
    assert find([one, two], "0002") is two
    assert find([one, two], "modem-2") is two
    assert find([one, two], "spare") is two


@pytest.mark.parametrize("given", ["8944", "002", "modem-3", "", "0000"])
def test_what_names_no_sim_or_several_is_refused(given: str) -> None:
    cards = [sim("8944500000000000001"), sim("8944500000000010002", present=False, modem="modem-3")]
    with pytest.raises(Stop):
        find(cards, given)
