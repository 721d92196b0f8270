"""Part 9, against: this checkout beside another commit of it, in turn and on the same virtual modems."""

from __future__ import annotations

import io
import os
import random
import subprocess
import tarfile
import time
from dataclasses import dataclass

from bench.context import Context
from bench.figures import median, percentile, spread
from bench.load import Stream, accepted
from bench.parts.backlog import Case, drain_daemon
from bench.processes import ROOT, SOURCES, ProgramError, wait_until
from bench.tables import Table

MODEMS = 64
SUBMIT_S = 1.0
BUSY = 0.7
"""The share of its time that each modem is sending while latency is measured."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: what it is called, and where its code is."""

    name: str
    sources: str


@dataclass(frozen=True, slots=True)
class Rise:
    """From the start of the process to the last of the modems being ready; processor seconds by then."""

    seconds: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Lags:
    """Milliseconds from the answer 202 to Ctrl-Z on the wire, and how many messages never arrived."""

    ms: list[float]
    missing: int


def baseline(context: Context) -> Side:
    """The other commit, unpacked beside everything temporary. Raises ProgramError where there is none."""
    if not context.against:
        raise ProgramError("say with which commit to compare: --against COMMIT")
    packed = subprocess.run(
        ["git", "archive", "--format=tar", context.against, "daemon", "web"],
        check=False,
        cwd=ROOT,
        capture_output=True,
    )
    if packed.returncode:
        raise ProgramError(packed.stderr.decode().strip())
    directory = context.root / "baseline"
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(directory, filter="data")
    return Side(context.against[:12], os.pathsep.join(str(directory / name) for name in ("daemon", "web")))


def rise(context: Context, side: Side) -> Rise:
    """Start the daemon on modems that answer at once."""
    with context.place() as place:
        virtual = place.virtual(MODEMS)
        daemon = place.daemon(virtual, sources=side.sources)
        began = time.monotonic()
        daemon.spawn()
        daemon.wait_ready(60)
        wait_until(daemon.all_ready, 120, lambda: f"modems are not ready: {daemon.states()}", 0.02)
        took_s, cpu_s = time.monotonic() - began, daemon.running.cpu_s()
        daemon.stop()
        return Rise(took_s, cpu_s)


def lags(context: Context, side: Side, seconds: float) -> Lags:
    """Post at random times, at a mean rate that keeps each modem sending for most of its time."""
    with context.place() as place:
        virtual = place.virtual(MODEMS, f"submit_delay = {SUBMIT_S}\n")
        daemon = place.daemon(virtual, sources=side.sources)
        daemon.start()
        log = place.log(virtual)
        clients, rate = 16, BUSY * MODEMS / SUBMIT_S
        tag = f"against {random.getrandbits(40):010x}"
        stream = Stream(tag, clients=clients, seconds=seconds, pause=clients / rate, extra={"ttl": 600})
        entries = accepted(place.load(daemon, stream).wait(seconds + 60))
        with context.progress(f"against: {side.name}, {MODEMS} modems busy", 1):
            log.wait_count(len(entries), 30)
        wired = {arrival.text: arrival.monotonic_ns for arrival in log.seen}
        daemon.stop()
        found = [(wired[entry.text] - entry.at_ns) / 1e6 for entry in entries if entry.text in wired]
        return Lags(found, len(entries) - len(found))


def run(context: Context) -> bool:
    """All three, the two in turn in each round."""
    sides = [Side("this checkout", SOURCES), baseline(context)]
    seconds = 5.0 if context.quick else 30.0
    case = Case(MODEMS, 0.05, context.pick(120, 10))
    rises: dict[str, list[Rise]] = {side.name: [] for side in sides}
    drains: dict[str, list[tuple[float, float]]] = {side.name: [] for side in sides}
    waits: dict[str, list[Lags]] = {side.name: [] for side in sides}
    for number in range(context.rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            rises[side.name].append(rise(context, side))
            drain = drain_daemon(context, case, sources=side.sources)
            drains[side.name].append((drain.cpu_s, drain.rate))
            waits[side.name].append(lags(context, side, seconds))
    table = Table(
        f"Against {sides[1].name}: {MODEMS} modems",
        [
            "code",
            "bring-up (s)",
            "CPU by then (s)",
            "CPU s per 1,000",
            "messages/s, 50 ms",
            "busy: p50 (ms)",
            "p99 (ms)",
            "never arrived",
        ],
    )
    for side in sides:
        table.add(
            side.name,
            spread([one.seconds for one in rises[side.name]]),
            spread([one.cpu_s for one in rises[side.name]]),
            spread([cpu_s for cpu_s, _ in drains[side.name]]),
            spread([rate for _, rate in drains[side.name]], ".0f"),
            spread([median(one.ms) for one in waits[side.name]]),
            spread([percentile(one.ms, 0.99) for one in waits[side.name]]),
            sum(one.missing for one in waits[side.name]),
        )
    table.notes = [
        f"{context.rounds} round(s) in turn, median (least to most). Bring-up: from the start of the process, Python "
        "and database included, until the API shows the last modem as ready; virtual modems without delay.",
        f"CPU per 1,000: a drained backlog of {case.count} at 50 ms a submit, reports included, without accepting.",
        f"Busy: {seconds:.0f} s of messages at random times, on modems that take {SUBMIT_S:.0f} s each and are sending "
        f"{BUSY:.0%} of the time; from the answer 202 to Ctrl-Z on the wire, waiting for a free modem included.",
    ]
    context.show(table)
    return not any(one.missing for found in waits.values() for one in found)
