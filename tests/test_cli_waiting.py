"""What the command line says and does before a wait, and during one that is long."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from simcourier.cli import send
from simcourier.cli.endings import Stop
from simcourier.cli.stops import _show
from simcourier.cli.trace import _save

WAITS = {"id": "msg_abc", "status": "queued"}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(send.time, "monotonic", lambda: now[0])
    return now


def test_of_a_message_that_waits_for_long_it_is_said_once_what_tells_why(
    at: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    progress = send.Progress(quiet=False)
    progress.hint(WAITS)
    at[0] = 6.0
    progress.hint({**WAITS, "status": "sending"})
    assert capsys.readouterr().err == ""
    progress.hint(WAITS)
    progress.hint(WAITS)
    assert capsys.readouterr().err == "It still waits; this tells why: simcourier explain msg_abc\n"


def test_json_is_not_disturbed_by_a_hint(at: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    progress = send.Progress(quiet=True)
    at[0] = 6.0
    progress.hint(WAITS)
    assert capsys.readouterr().err == ""


def test_no_modem_is_restarted_for_a_recording_that_can_not_be_written(tmp_path: Path) -> None:
    box = mock.Mock()
    with pytest.raises(Stop, match="can't be written: No such file or directory"):
        _save(box, "modem-1", tmp_path / "none" / "file.txt", 5)
    box.post.assert_not_called()


def test_what_was_recorded_before_is_kept_until_the_new_one_is_there(tmp_path: Path) -> None:
    path, box = tmp_path / "file.txt", mock.Mock()
    path.write_text("old")
    box.post.side_effect = Stop("There is no modem with this name.", 1)
    for name in (path, tmp_path / "new.txt"):
        with pytest.raises(Stop, match="no modem"):
            _save(box, "modem-1", name, 5)
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("file.txt", "old")]


def test_who_stopped_last_stands_first(capsys: pytest.CaptureFixture[str]) -> None:
    def stop(key: str, at: str) -> dict[str, Any]:
        return {"to_masked": f"+44•••••000{key}", "at": at, "set_by": "sms", "key": key * 32}

    _show([stop("1", "2026-01-30T12:00:00.000Z"), stop("2", "2026-01-31T12:00:00.000Z")], as_json=False)
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row[11] for row in rows] == ["2", "1"]
