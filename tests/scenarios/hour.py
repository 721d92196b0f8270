"""One hour of 256 modems that fail in every way at once: drawn from a seed, judged at its end."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from simcourier.modem.facts import Fact, FaultSeen, Recovered
from simcourier.virtual.scenario import Rule, Scenario

from .oracle import Verdict, judge
from .traffic import PHONES, Traffic
from .world import World, open_world

MODEMS = 256
HOUR_S = 3600.0
MESSAGES = 20_000
UNPLUGS = 20
SETTLE_S = 1800.0
"""After the last message is accepted; the longest life is 15 minutes."""
_LATE = 0.1
"""So many SIMs get their reports late by minutes."""
_REFUSALS = (
    "CMS 38",
    "CMS 41",
    "CMS 42",
    "CMS 21",
    "CMS 331",
    "CMS 332",
    "CMS 500",
    "CMS 512",
    "CME 14",
    "CMS 1",
)
_NOISE = ("^RSSI: 19", "^BOOT:20588402,0,0,0,72", "+CREG: 1", "\r\n^MODE:3,2\r\r\n", "\u00ff\u00fe\u0080")


def plan(seed: int, modems: int = MODEMS, seconds: float = HOUR_S, unplugs: int = UNPLUGS) -> Scenario:
    """Which modem misbehaves how: 3 % of submits refused, 1 % hanging, 5 % noise, late reports, unplugs."""
    rng = Random(f"hour {seed}")  # noqa: S311 - reproducible, not secret
    rules = [Rule(_temper(rng), frozenset({index})) for index in range(modems)]
    for _ in range(unplugs):
        at, for_s = rng.uniform(0, seconds), rng.choice((3, 20, 90, 400))
        rules.append(
            Rule({"unplugged": True}, frozenset({rng.randrange(modems)}), from_s=at, until_s=at + for_s)
        )
    return Scenario(seed, tuple(rules))


def _temper(rng: Random) -> dict[str, Any]:
    """One modem's own way to be."""
    slow = rng.random() < 0.2
    values: dict[str, Any] = {
        "submit_delay": (4.0, 9.0) if slow else (1.2, 4.0),
        "delivery_delay": (0.5, 6.0),
        "report_delay": (60.0, 300.0) if rng.random() < _LATE else (0.2, 3.0),
        "error": {"rate": 0.03, "codes": rng.sample(_REFUSALS, 4), "at": rng.choice(("answer", "prompt"))},
        "hang": {
            "rate": 0.01,
            "for": rng.choice((5, 15, 40, 120)),
            "network": rng.random() < 0.6,
            "answer": rng.choice(("late", "never")),
        },
        "reboot": {"rate": 0.001, "phase": rng.choice(("prompt", "ctrl-z")), "network": rng.random() < 0.5},
        "boot_delay": rng.choice((0.0, 3.0)),
        "network": rng.choice(("00101", "00102", "99901")),
        "inbound": {"rate": 0.0005},
        "repeated_report_rate": rng.choice((0.0, 0.02)),
        "noise": {"in_response": 0.05, "lines": list(_NOISE)},
        "early_report_rate": rng.choice((0.0, 0.0, 0.05)),
        "lost_rate": 0.002,
        "report_status": [0] * 40 + [0x41],
        "registration_delay": rng.choice((0.0, 2.0, 8.0)),
        "first_mr": rng.randrange(256),
    }
    if rng.random() < 0.1:
        values["interim_status"] = 0x30
    if rng.random() < 0.1:
        values["report_route"] = "stored"
    if rng.random() < 0.1:
        values["profile"] = "cinterion"  # hands over one report after the other, each to be acknowledged
    return values


def plan_kills(world: World, seed: int, seconds: float, kills: int) -> None:
    """Have the daemon killed so often: between its steps, or between two commits of one batch."""
    rng = Random(f"kills {seed}")  # noqa: S311 - reproducible, not secret
    for _ in range(kills):
        commits = rng.choice((0, 1, 1, 1, 2, 3))
        world.after(rng.uniform(0, seconds), lambda commits=commits: world.kill(commits))


@dataclass(slots=True)
class Outcome:
    """What one hour came to; `cpu_s` is this process's own time."""

    seed: int
    verdict: Verdict
    digest: str
    cpu_s: float
    faults: Counter[str]
    recovered: Counter[str]

    @property
    def line(self) -> str:
        """One line for a terminal."""
        return f"seed {self.seed}: {self.cpu_s:.1f} s of CPU; {self.verdict.summary}"


def live(
    seed: int,
    modems: int = MODEMS,
    seconds: float = HOUR_S,
    messages: int = MESSAGES,
    unplugs: int = UNPLUGS,
    kills: int = 0,
    phones: int = PHONES,
    directory: Path | None = None,
) -> Outcome:
    """Let one hour pass, then everything end that can, and judge it."""
    began = time.process_time()
    faults: Counter[str] = Counter()
    recovered: Counter[str] = Counter()

    def watch(_at: float, fact: Fact) -> None:
        if isinstance(fact, FaultSeen):
            faults[fact.fault] += 1
        elif isinstance(fact, Recovered):
            recovered[fact.rung] += 1

    with open_world(modems, plan(seed, modems, seconds, unplugs), directory=directory) as world:
        world.onlookers.append(watch)
        traffic = Traffic(world, messages, seconds, modems, phones)
        plan_kills(world, seed, seconds, kills)
        world.run(seconds)
        settle(world)
        verdict = judge(world.evidence(), traffic.accepted)
        return Outcome(seed, verdict, world.digest(), time.process_time() - began, faults, recovered)


def settle(world: World) -> None:
    """Wait until nothing more can happen to any message: it has ended, or nobody is left who could report it."""
    open_ = "SELECT 1 FROM messages WHERE status IN ('queued', 'sending') LIMIT 1"
    ends_at, world.is_ending = world.now + SETTLE_S, True
    while world.now < ends_at:
        world.run(20)
        held = any(modem.sim.held for modem in world.modems)  # by the network, for a stick that is away
        if world.network.next_deadline() is None and not held and not world.rows(open_):
            break
    latest = world.rows("SELECT max(deadline_ms) FROM messages WHERE body IS NOT NULL")[0][0]
    if latest is not None:
        world.run(max(0.0, (latest - world.wall_ms()) / 1000))
    world.run(2 * world.config.ticks.wipe + 60)
