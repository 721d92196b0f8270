"""`simcourier privacy`: what is held about a number, told and erased from a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import Started, ask, call, free_port, wait_until, write_config

from simcourier.cli.privacy import describe

NUMBER = "+447700900001"
NOTHING = {
    "waiting": 0,
    "on_their_way": 0,
    "pending_verifications": 0,
    "locks": 0,
    "counters": 0,
    "rules": 0,
    "stops": 0,
    "again_after": None,
}
ERASED = {
    "messages": 1,
    "verifications": 2,
    "unmatched_reports": 0,
    "counters": 0,
    "audit_entries": 3,
    "inbound": 0,
    "mentions": 4,
    "still_held": NOTHING,
    "files_clean": True,
}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Path]:
    config = write_config(tmp_path, free_port(), more="[limits.messages]\nnumber_day = 50")
    with Started("run", "--config", config) as daemon:
        daemon.wait_for_words("simcourier runs")
        key_file = tmp_path / "storage" / "local.key"
        wait_until(key_file.exists, "the local key")
        url = next(word for line in daemon.err for word in line.split() if word.startswith("url="))[4:]
        body = {"to": NUMBER, "text": "Your code is 493817"}
        wait_until(
            lambda: ask(f"{url}/v1/messages", key_file.read_text().strip(), body)[0] == 202,
            "an accepted message",
        )
        yield config


def test_an_export_is_json_with_everything_but_text_and_number(running: Path) -> None:
    ended = call("privacy", "export", NUMBER, "--config", running)
    assert (ended.returncode, ended.stderr) == (0, "")
    (message,) = json.loads(ended.stdout)["messages"]
    assert message["status"] == "queued"
    assert "493817" not in ended.stdout
    assert NUMBER[-8:] not in ended.stdout


def test_a_number_may_come_from_standard_input(running: Path) -> None:
    ended = call("privacy", "export", "-", "--config", running, input="+44 7700 900001\n")
    assert len(json.loads(ended.stdout)["messages"]) == 1


def test_it_asks_before_it_erases_and_does_nothing_without_a_yes(running: Path) -> None:
    for answer in ("n\n", "\n", ""):
        ended = call("privacy", "erase", NUMBER, "--config", running, input=answer)
        assert ended.returncode == 1
        assert "Erase for good what is held about this number? [y/N]" in ended.stderr
    record = call("audit", "list", "--action", "privacy.erase", "--config", running)
    assert record.stdout == "There is no such entry.\n"


def test_what_waits_is_told_and_stays(running: Path) -> None:
    ended = call("privacy", "erase", NUMBER, "--yes", "--config", running)
    assert ended.returncode == 0
    first, second, third = ended.stdout.splitlines()
    assert first.startswith("Erased: 0 messages, 0 verifications, 0 messages from it, 0 reports, 0 mentions")
    assert second.startswith("Not yet: 1 message that waits. Ask again after ")
    # The message counts for the number's limits, which an erasure must not reset.
    assert third.startswith("Kept")
    assert json.loads(call("privacy", "export", NUMBER, "--config", running).stdout)["messages"]


def test_a_number_that_is_none_is_one_sentence(running: Path) -> None:
    ended = call("privacy", "erase", "nobody", "--yes", "--config", running)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("simcourier: Write the number in international form")


def test_an_erasure_that_left_nothing_is_one_line() -> None:
    assert describe(ERASED) == [
        "Erased: 1 message, 2 verifications, 0 messages from it, 0 reports, 4 mentions in webhooks and kept "
        "answers; taken out of 3 lines of the audit."
    ]


def test_what_was_left_is_told_each_with_its_reason() -> None:
    held = {**NOTHING, "on_their_way": 2, "pending_verifications": 1, "locks": 1, "counters": 2}
    held["again_after"] = "2027-01-15T08:00:00.000Z"
    _, still_open, kept, traces = describe({**ERASED, "still_held": held, "files_clean": False})
    assert still_open.startswith(
        "Not yet: 2 messages that await their reports, 1 open verification. Ask again after"
    )
    assert kept.startswith("Kept under a keyed hash, without the number: 1 lock, 2 counters, 0 rules.")
    assert traces.startswith("A reader was at work")


def test_an_erasure_tells_that_a_stop_is_kept() -> None:
    told = describe({**ERASED, "inbound": 3, "still_held": {**NOTHING, "stops": 1}})
    assert "3 messages from it" in told[0]
    assert told[1] == "Kept under a keyed hash: that this number wants no more messages (simcourier stops)."
