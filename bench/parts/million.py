"""Part 5, a full box: parts 1 to 4 again, beside an empty box, on 1,000,000 old and 100,000 waiting messages."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from bench import seed
from bench.context import Context
from bench.figures import median, percentile
from bench.network import rate
from bench.parts import accepts, fleet, latency
from bench.parts.backlog import Case, drain_daemon
from bench.processes import ProgramError
from bench.tables import Table

WITHIN = 1.5
NEXT_TO_NOTHING = 0.5
Measure = Callable[[Context, Path | None], dict[str, tuple[float, bool]]]
"""Figures by name, each with whether more is better; the storage is None for an empty box."""


def _latency(context: Context, storage: Path | None) -> dict[str, tuple[float, bool]]:
    rounds = latency.Rounds()
    with context.place() as place:
        latency.simcourier(context, place, place.virtual(1), storage, context.pick(300, 20), rounds)
    values = rounds.from_hand_over[-1]
    return {
        "latency p50 (ms)": (percentile(values, 0.5), False),
        "latency p99 (ms)": (percentile(values, 0.99), False),
    }


def _backlog(context: Context, storage: Path | None) -> dict[str, tuple[float, bool]]:
    found: dict[str, tuple[float, bool]] = {}
    for case in (Case(8, 0.0, context.pick(400, 40)), Case(64, 0.05, context.pick(60, 8))):
        drain = drain_daemon(context, case, storage)
        found[f"backlog, {case.name} (messages/s)"] = drain.rate, True
        found[f"CPU per 1,000, {case.name} (s)"] = drain.cpu_s, False
        found[f"the same with accepting, {case.name} (s)"] = drain.cpu_with_accepting_s, False
    case = Case(8, 0.05, context.pick(100, 20))
    found[f"backlog, {case.name} (ratio)"] = drain_daemon(context, case, storage).ratio, True
    return found


def _fleet(context: Context, storage: Path | None) -> dict[str, tuple[float, bool]]:
    modems = context.pick(256, 16)
    idle = fleet.measure_idle(context, modems, 5.0 if context.quick else 30.0, storage)
    return {
        f"{modems} idle modems: RSS (MB)": (idle.rss_mb, False),
        f"{modems} idle modems: % of a core": (idle.cpu_percent, False),
    }


def _accepts(context: Context, storage: Path | None) -> dict[str, tuple[float, bool]]:
    counts = [1, 8, 32]
    found: dict[str, tuple[float, bool]] = {}
    seconds = float(context.pick(8, 2))
    with context.place() as place:
        # What is accepted here stays in the queue, and the modems stay paused: not in the storage of the other parts.
        copy = storage and Path(shutil.copytree(storage, place.path("copy")))
        results = accepts.measure(context, counts, seconds, copy)
    for clients, result in zip(counts, results, strict=True):
        found[f"accepts, {clients} client{'s' * (clients > 1)} (1/s)"] = result.rate, True
        found[f"accepts, {clients} client{'s' * (clients > 1)}, p99 (ms)"] = result.p99_ms, False
    return found


def run(context: Context) -> bool:
    """Empty and full box take turns; one seeded directory serves all, each round on top of the one before."""
    old, queued = context.pick(1_000_000, 20_000), context.pick(100_000, 2_000)
    with context.place() as place:
        storage = place.path("seeded")
        began = time.monotonic()
        with context.progress("seeding", seed.steps(old, queued)) as advance:
            seed.seed(storage, old, queued, advance)
        size_mb = (storage / "simcourier.db").stat().st_size / 1e6
        context.say(f"seeded in {time.monotonic() - began:.0f} s, {size_mb:.0f} MB")
        empty: list[dict[str, tuple[float, bool]]] = []
        full: list[dict[str, tuple[float, bool]]] = []
        for _ in range(context.rounds):
            empty.append(_all(context, None))
            full.append(_all(context, storage))
        table, worst = _compare(empty, full, old, queued, size_mb)
        _drain_waiting(context, storage, table)
        table.notes.append(f"worst ratio {worst:.2f}; wanted: at most {WITHIN}")
        context.show(table)
        return worst <= WITHIN


def _all(context: Context, storage: Path | None) -> dict[str, tuple[float, bool]]:
    found: dict[str, tuple[float, bool]] = {}
    measures: tuple[Measure, ...] = (_latency, _backlog, _fleet, _accepts)
    for measure in measures:
        found |= measure(context, storage)
    return found


def _compare(
    empty: list[dict[str, tuple[float, bool]]],
    full: list[dict[str, tuple[float, bool]]],
    old: int,
    queued: int,
    size_mb: float,
) -> tuple[Table, float]:
    table = Table(
        f"An empty box and one with {old:,} old and {queued:,} waiting messages",
        ["figure", "empty", "full", "times worse"],
    )
    worst = 0.0
    for name, (_, more_is_better) in empty[0].items():
        before = median([found[name][0] for found in empty])
        after = median([found[name][0] for found in full])
        times = (before / after if more_is_better else after / before) if before and after else 1.0
        # An idle box is at the resolution of the kernel's counters (10 ms): a ratio of these would be noise.
        if not (name.endswith("% of a core") and max(before, after) < NEXT_TO_NOTHING):
            worst = max(worst, times)
        table.add(name, f"{before:.2f}", f"{after:.2f}", f"{times:.2f}")
    table.notes = [
        f"{len(empty)} round(s) in turn, medians. The old ones are delivered, spread over sixty days, each with four "
        f"events and a part ({size_mb:.0f} MB); the waiting ones are of class bulk, pinned to a modem that does not "
        "exist here, so that they stay while the others are measured.",
    ]
    return table, worst


def _drain_waiting(context: Context, storage: Path, table: Table) -> None:
    """Besides: let the waiting ones go at last, and see how fast the first of them leave."""
    seed.unpark(storage)
    count = context.pick(4000, 300)
    with context.place() as place:
        virtual = place.virtual(8)
        daemon = place.daemon(virtual, storage)
        log = place.log(virtual)
        daemon.start()
        with context.progress("draining what waited", count) as advance:
            deadline = time.monotonic() + 120
            while len(log.seen) < count:
                for _ in log.poll():
                    advance()
                if time.monotonic() > deadline:
                    raise ProgramError(f"only {len(log.seen)} of the waiting messages left")
                time.sleep(0.05)
        daemon.kill()
        table.add(
            "the waiting ones let go: first of them, 8 modems, no delay (messages/s)",
            "",
            f"{rate(log.seen[:count]):.0f}",
            "",
        )
