"""Values as the command line writes them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from simcourier.cli.status import describe
from simcourier.cli.wording import between, count, lasting, printable, signal_bars, when

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.00 s"),
        (0.416, "0.42 s"),
        (42.4, "42 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3599, "1 h 0 min"),
        (19_200, "5 h 20 min"),
        (183_600, "2 d 3 h"),
    ],
)
def test_a_duration_has_one_or_two_units(seconds: float, words: str) -> None:
    assert lasting(seconds) == words


def test_a_time_of_today_has_no_date_and_another_has_one() -> None:
    assert len(when("2026-11-23T11:59:00.000Z", NOW)) == len("11:59:00")
    assert when("2026-10-01T12:00:00.000Z", NOW).startswith("2026-10-01 ")
    assert when(None, NOW) == "-"


def test_the_distance_of_two_times_is_in_seconds() -> None:
    assert between("2026-11-23T11:59:00.000Z", "2026-11-23T12:00:00.250Z") == 60.25


@pytest.mark.parametrize(
    ("dbm", "words"),
    [
        (None, "-"),
        (-113, "···· -113 dBm"),
        (-95, "▂··· -95 dBm"),
        (-80, "▂▄▆· -80 dBm"),
        (-51, "▂▄▆█ -51 dBm"),
    ],
)
def test_signal_is_bars_and_dbm(dbm: int | None, words: str) -> None:
    assert signal_bars(dbm) == words


def test_what_a_modem_says_can_not_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\r\x07é") == "a\\x1b[2Jb\\r\\x07é"


def test_one_is_singular() -> None:
    assert (count(1, "modem"), count(0, "modem"), count(2, "modem")) == ("1 modem", "0 modems", "2 modems")


STATUS = {
    "version": "0.1.0",
    "started_at": "2026-11-23T10:00:00.000Z",
    "now": "2026-11-23T12:00:00.000Z",
    "ready": True,
    "healthy": True,
    "modems": 4,
    "modems_up": 3,
    "queue": {"otp": 2, "transactional": 0, "bulk": 5},
    "oldest_queued_at": "2026-11-23T11:59:30.000Z",
    "in_flight": 1,
    "free_mb": 1234,
}


def test_the_status_begins_with_what_matters() -> None:
    lines = describe(STATUS)
    assert lines[0] == "ready (simcourier 0.1.0, running for 2 h 0 min)"
    assert "waiting:    7 messages, the oldest for 30 s" in lines
    assert lines[3].strip() == "2 otp, 5 bulk"
    assert describe(STATUS | {"ready": False})[0].startswith("NO MODEM CAN SEND")
    assert describe(STATUS | {"ready": False, "healthy": False})[0].startswith("STUCK")


def test_an_empty_queue_is_one_line() -> None:
    empty = STATUS | {"queue": {"otp": 0, "transactional": 0, "bulk": 0}, "oldest_queued_at": None}
    assert [line for line in describe(empty) if "waiting" in line] == ["waiting:    0 messages"]
