"""One hour of 256 modems that fail in every way, ten times from ten seeds, and the way there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from scenarios import hour

CHECKOUT = Path(__file__).parent.parent
SEEDS = range(1, 11)
KILLED = (
    "--modems",
    "24",
    "--seconds",
    "600",
    "--messages",
    "1500",
    "--unplugs",
    "4",
    "--kills",
    "30",
    "--phones",
    "4",
)
SMALL = ("--modems", "12", "--seconds", "300", "--messages", "250", "--unplugs", "4")


class Soak:
    """`scripts/soak` under way in processes of its own, one for each core; tells each hour as it ends."""

    def __init__(self, *options: str, **environment: str) -> None:
        # What measures coverage in children would make each hour take three times as long.
        kept = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.scenarios.soak", "--json", *options],
            cwd=CHECKOUT,
            env=kept | environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._told: dict[int, dict[str, object]] = {}

    def hour(self, seed: int) -> dict[str, object]:
        """Wait for one hour to end."""
        assert self._process.stdout is not None
        while seed not in self._told:
            line = self._process.stdout.readline()
            assert line, f"the soak ended with {self._process.wait()} before seed {seed}"
            lived = json.loads(line)
            self._told[lived["seed"]] = lived
        return self._told[seed]

    def end(self) -> None:
        """Stop it as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)
        self._process.communicate()


def test_ten_hours_of_256_modems_break_no_promise() -> None:
    # One test for all ten: they live in processes of their own, one for each core, whoever waits for them.
    soak = Soak("--seeds", str(len(SEEDS)), "--first", str(SEEDS[0]))
    try:
        lived = [soak.hour(seed) for seed in SEEDS]
    finally:
        soak.end()
    print(*(one["line"] for one in lived), sep="\n")
    assert [(one["seed"], one["wrong"]) for one in lived if one["wrong"]] == []


def test_a_daemon_that_is_killed_thirty_times_in_ten_minutes_breaks_no_promise() -> None:
    # To few phones: a report of one message must not pass for that of another. Also between commits of one batch.
    soak = Soak("--seeds", "4", *KILLED)
    try:
        lived = [soak.hour(seed) for seed in range(1, 5)]
    finally:
        soak.end()
    print(*(one["line"] for one in lived), sep="\n")
    assert [(one["seed"], one["wrong"]) for one in lived if one["wrong"]] == []


def test_the_same_seed_gives_the_same_history() -> None:
    histories = set()
    for hash_seed in ("1", "2"):
        soak = Soak("--seed", "7", *SMALL, PYTHONHASHSEED=hash_seed)
        histories.add(soak.hour(7)["digest"])
        soak.end()
    other = Soak("--seed", "8", *SMALL)
    assert len(histories) == 1
    assert other.hour(8)["digest"] not in histories
    other.end()


def test_a_small_hour_meets_what_a_whole_one_does() -> None:
    outcome = hour.live(3, modems=12, seconds=300, messages=250, unplugs=4)
    outcome.verdict.check()
    assert outcome.verdict.ends["delivered"] > 200
    assert outcome.verdict.unheard <= 2
