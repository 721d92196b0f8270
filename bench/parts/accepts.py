"""Part 4, accepts: how many messages a second are accepted durably over HTTP."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from bench.context import Context
from bench.figures import percentile, spread
from bench.load import Stream, accepted
from bench.tables import Table

WARM_UP = 50


@dataclass(frozen=True, slots=True)
class Accepts:
    """Accepts a second, and milliseconds from the POST to the whole answer."""

    rate: float
    p50_ms: float
    p99_ms: float


def measure(
    context: Context,
    client_counts: list[int],
    seconds: float,
    storage: Path | None = None,
    *,
    drain: bool = False,
) -> list[Accepts]:
    """On one daemon, each number of keep-alive clients in turn; `drain`: eight modems send meanwhile."""
    with context.place() as place:
        virtual = place.virtual(8, "submit_delay = 0.05\n")
        daemon = place.daemon(virtual, storage, sending="no_modem_grace = 3600")
        daemon.start()
        daemon.pause(paused=not drain)
        place.post(daemon, WARM_UP, f"warm up {time.monotonic_ns()}")
        results = []
        with context.progress("accepts", len(client_counts)) as advance:
            for clients in client_counts:
                tag = f"accept {time.monotonic_ns()}"
                stream = Stream(tag, clients=clients, seconds=seconds, extra={"ttl": 3600})
                entries = place.load(daemon, stream).wait(seconds + 60)
                answers = accepted(entries)
                others = [entry for entry in entries if entry.status not in (0, 202)]
                assert not others, others[:3]
                span_s = (max(e.at_ns for e in answers) - min(e.posted_ns for e in answers)) / 1e9
                took_ms = [(entry.at_ns - entry.posted_ns) / 1e6 for entry in answers]
                results.append(
                    Accepts(len(answers) / span_s, percentile(took_ms, 0.5), percentile(took_ms, 0.99))
                )
                advance()
        # What waits is not wanted; a clean stop of a daemon with modems at work would send on for a while.
        daemon.kill()
        return results


def run(context: Context) -> bool:
    """1, 8 and 32 clients, then 8 with the modems at work."""
    counts = [1, 8, 32]
    seconds = float(context.pick(10, 2))
    rounds = [measure(context, counts, seconds) for _ in range(context.rounds)]
    busy = [measure(context, [8], seconds, drain=True) for _ in range(context.rounds)]
    table = Table("Accepts: durable 202 a second over HTTP", ["clients", "accepts/s", "p50 (ms)", "p99 (ms)"])
    for index, clients in enumerate(counts):
        table.add(clients, *_cells([results[index] for results in rounds]))
    table.add("8, while 8 modems send at 50 ms", *_cells([results[0] for results in busy]))
    table.notes = [
        f"{seconds:.0f} s each, {context.rounds} round(s), median (least to most); keep-alive connections, one request "
        "under way on each, all from one other process; every modem paused but in the last row."
    ]
    context.show(table)
    return True


def _cells(results: list[Accepts]) -> list[str]:
    return [
        spread([result.rate for result in results], ".0f"),
        spread([result.p50_ms for result in results]),
        spread([result.p99_ms for result in results]),
    ]
