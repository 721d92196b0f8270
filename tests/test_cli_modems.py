"""`simcourier modems` on a terminal of 80 columns."""

from __future__ import annotations

import pytest

from simcourier.cli import wording
from simcourier.cli.modems import show

REASON = (
    "the network refused the last submit with +CMS ERROR: 38 and the SIM names no service centre of its own"
)


def item(name: str, **fields: object) -> dict[str, object]:
    return {
        "id": name,
        "state": "ready",
        "for_seconds": 4000.0,
        "operator": "Example Mobile",
        "signal_dbm": -79,
        "reports": "direct",
        "port": "/dev/ttyUSB0",
        "paused": False,
        "sandbox": False,
        "reason": "",
        **fields,
    }


def test_a_long_reason_stands_under_the_table_and_nothing_is_wider_than_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wording, "_PIPE_WIDTH", 80)
    show([item("modem-1", state="searching", reason=REASON), item("modem-2", paused=True)])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    row = next(line for line in lines if line.startswith("modem-1  "))
    assert "refused" not in row
    assert "/dev/ttyUSB0" in row
    said = lines[lines.index(next(line for line in lines if line.startswith("modem-1: "))) :]
    assert " ".join(line.strip() for line in said) == f"modem-1: {REASON}"


def test_paused_and_sandbox_stand_beside_the_state(capsys: pytest.CaptureFixture[str]) -> None:
    show([item("modem-1", paused=True, sandbox=True)])
    assert "ready, paused, sandbox" in capsys.readouterr().out


def test_a_reason_can_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show([item("modem-1", reason="\x1b[2Jgone")])
    assert "\x1b" not in capsys.readouterr().out
