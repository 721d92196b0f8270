"""Part 3, the fleet: what 256 idle modems cost, and processor seconds per 1,000 messages."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from bench.context import Context
from bench.figures import median, spread
from bench.parts.backlog import Case, Drain, drain_daemon
from bench.tables import Table

IDLE_S = 30.0


@dataclass(frozen=True, slots=True)
class Idle:
    """An idle daemon: threads, resident MB, per cent of a core."""

    threads: int
    rss_mb: float
    cpu_percent: float


def measure_idle(context: Context, modems: int, seconds: float, storage: Path | None = None) -> Idle:
    """Bring all modems up, let them settle, watch for some seconds."""
    with context.place() as place:
        virtual = place.virtual(modems)
        daemon = place.daemon(virtual, storage)
        daemon.start(timeout_s=180)
        time.sleep(5)
        program = daemon.running
        before_s, began = program.cpu_s(), time.monotonic()
        with context.progress(f"fleet: {modems} modems idle", seconds) as advance:
            while time.monotonic() - began < seconds:
                time.sleep(1)
                advance()
        used_s, took_s = program.cpu_s() - before_s, time.monotonic() - began
        idle = Idle(program.threads(), program.rss_mb(), 100 * used_s / took_s)
        daemon.stop()
        return idle


def cases(context: Context) -> list[Case]:
    """The drains whose processor time is told."""
    return [Case(8, 0.0, context.pick(400, 40)), Case(64, 0.05, context.pick(60, 8))]


def run(context: Context) -> bool:
    """Both tables."""
    modems = context.pick(256, 32)
    seconds = 6.0 if context.quick else IDLE_S
    idles = [measure_idle(context, modems, seconds) for _ in range(context.rounds)]
    table = Table(f"Fleet: {modems} modems in one process, idle", ["threads", "RSS (MB)", "% of a core"])
    table.add(
        max(idle.threads for idle in idles),
        spread([idle.rss_mb for idle in idles], ".1f"),
        spread([idle.cpu_percent for idle in idles]),
    )
    table.notes = [f"{seconds:.0f} s each, {context.rounds} round(s), the default polls and ticks included."]
    context.show(table)
    _processor(context)
    return True


def _processor(context: Context) -> None:
    table = Table(
        "Fleet: processor seconds of the daemon per 1,000 messages",
        ["case", "messages", "with accepting over HTTP", "without accepting"],
    )
    for case in cases(context):
        drains: list[Drain] = [drain_daemon(context, case) for _ in range(context.rounds)]
        table.add(
            case.name,
            case.count,
            spread([drain.cpu_with_accepting_s for drain in drains]),
            format(median([drain.cpu_s for drain in drains]), ".2f"),
        )
    table.notes = ["From /proc/PID/stat over a filled and drained backlog, reports included."]
    context.show(table)
