"""Part 8, verifications: starts and checks a second, alone and on 1,000,000 old ones, beside a plain loop."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench import seed
from bench.context import Context
from bench.figures import median, percentile, spread
from bench.seed_verifications import PEOPLE, seed_verifications
from bench.tables import Table
from bench.verifiers import MODEMS, Box, Plain, Rate, Started

CLIENTS = (1, 8, 32)
BUSY_S = 0.05
"""From Ctrl-Z to +CMGS in the row in which the modems send meanwhile."""
WARM_UP = 50
STARTS_WANTED, CHECKS_WANTED, JUDGED_CLIENTS = 300, 600, 8
WITHIN = 1.5


@dataclass(slots=True)
class Figures:
    """One round of one system; `checks` are wrong and right codes in turn."""

    starts: dict[str, Rate] = field(default_factory=dict)
    checks: dict[str, Rate] = field(default_factory=dict)
    to_phone_ms: list[float] = field(default_factory=list)
    to_approved_ms: list[float] = field(default_factory=list)


def _round(context: Context, storage: Path | None) -> Figures:
    """One round of simcourier, on a copy of `storage`, which stays as it is."""
    seconds = float(context.pick(8, 2))
    figures = Figures()
    with context.place() as place, context.progress("verifications", 2 * len(CLIENTS) + 2) as advance:
        box = Box(place, storage and _copy(storage, place.path("copy")))
        # All along the real path first: it also measures how long a submit takes, which a start looks at.
        pairs = [box.prove_one() for _ in range(WARM_UP + context.pick(300, 20))][WARM_UP:]
        figures.to_phone_ms = [to_phone for to_phone, _ in pairs]
        figures.to_approved_ms = [to_approved for _, to_approved in pairs]
        advance()
        box.daemon.pause(paused=True)
        started: dict[int, list[Started]] = {}
        for clients in CLIENTS:
            figures.starts[str(clients)], started[clients] = box.start(clients, seconds)
            advance()
        box.demand_counts(started[CLIENTS[-1]])
        box.deliver([one for ones in started.values() for one in ones])
        for clients in CLIENTS:
            figures.checks[str(clients)] = box.check(started[clients], clients, seconds)
            advance()
        box.slow_down(BUSY_S)
        box.daemon.pause(paused=False)
        figures.starts[_BUSY], _ = box.start(JUDGED_CLIENTS, seconds)
        advance()
        # What waits is not wanted; a clean stop of a daemon with modems at work would send on for a while.
        box.daemon.kill()
    return figures


def _copy(storage: Path, to: Path) -> Path:
    shutil.copytree(storage, to)
    # Or the kernel would write the copy out while commits are being measured.
    os.sync()
    return to


_BUSY = f"{JUDGED_CLIENTS}, while {MODEMS} modems send at {BUSY_S * 1000:.0f} ms"


def _plain_round(context: Context) -> Figures:
    seconds = float(context.pick(8, 2))
    figures = Figures()
    with context.place() as place, context.progress("plain loop", 2 * len(CLIENTS)) as advance:
        plain = Plain(place)
        plain.start(JUDGED_CLIENTS, seconds, WARM_UP)
        for clients in CLIENTS:
            figures.starts[str(clients)], started = plain.start(clients, seconds)
            advance()
            figures.checks[str(clients)] = plain.check(started, clients, seconds)
            advance()
    return figures


def run(context: Context) -> bool:
    """The empty box, the plain loop and the full box take turns."""
    count = context.pick(1_000_000, 20_000)
    with context.place() as place:
        storage = place.path("seeded")
        began = time.monotonic()
        with context.progress("seeding", len(seed.batches(1, count))) as advance:
            seed_verifications(storage, count, advance)
        size_mb = (storage / "simcourier.db").stat().st_size / 1e6
        context.say(f"seeded in {time.monotonic() - began:.0f} s, {size_mb:.0f} MB")
        empty: list[Figures] = []
        plain: list[Figures] = []
        full: list[Figures] = []
        for _ in range(context.rounds):
            empty.append(_round(context, None))
            plain.append(_plain_round(context))
            full.append(_round(context, storage))
    for what in ("starts", "checks"):
        context.show(_rates(context, what, empty, plain))
    context.show(_path(empty, full))
    comparison, worst = _comparison(empty, full, count, size_mb)
    context.show(comparison)
    return context.quick or _is_right(context, empty, worst)


def _is_right(context: Context, empty: list[Figures], worst: float) -> bool:
    clients = str(JUDGED_CLIENTS)
    starts = median([found.starts[clients].rate for found in empty])
    checks = median([found.checks[clients].rate for found in empty])
    found = (
        (starts >= STARTS_WANTED, f"{starts:.0f} starts/s of {STARTS_WANTED} wanted"),
        (checks >= CHECKS_WANTED, f"{checks:.0f} checks/s of {CHECKS_WANTED} wanted"),
        (worst <= WITHIN, f"p50 {worst:.2f} times worse with the old ones, at most {WITHIN} wanted"),
    )
    for right, sentence in found:
        if not right:
            context.say(f"VIOLATION: {sentence}")
    return all(right for right, _ in found)


# -- tables -----------------------------------------------------------------------------------------------


def _rates(context: Context, what: str, empty: list[Figures], plain: list[Figures]) -> Table:
    table = Table(
        f"Verifications: durable {what} a second over HTTP, all limits on",
        [
            "clients",
            f"{what}/s",
            "p50 (ms)",
            "p99 (ms)",
            "processor (ms each)",
            "times the plain loop's rate",
        ],
    )
    for system, rounds in (("simcourier", empty), ("plain loop", plain)):
        for clients in _of(rounds[0], what):
            rates = [_of(found, what)[clients] for found in rounds]
            others = [_of(found, what)[clients].rate for found in plain if clients in _of(found, what)]
            share = median([rate.rate for rate in rates]) / median(others) if others else None
            is_ours = share is not None and rounds is empty
            table.add(f"{system}, {clients}", *_cells(rates), f"{share:.2f}" if is_ours else "")
    wanted = {"starts": STARTS_WANTED, "checks": CHECKS_WANTED}[what]
    table.notes = [
        f"{context.pick(8, 2)} s each, {len(empty)} round(s), median (least to most); keep-alive connections, one "
        "request under way on each, all from one other process. Wanted with "
        f"{JUDGED_CLIENTS} clients: at least {wanted}.",
        *_NOTES[what],
    ]
    return table


_NOTES = {
    "starts": (
        "Every start is for another number, with a binding of its own. Every modem is paused, but in the row that says "
        "otherwise.",
        "All limits on: each window of number, prefix, country, client and box has a bound and is evaluated, but none "
        "is reached (number_gap is 0); after the starts the box is asked whether it counted them.",
        "plain loop: Flask, waitress (5 threads), one SQLite table, WAL, synchronous FULL, a commit a request, HMAC; "
        "no keys, limits, failures, audit, templates, messages or modems. The least that any such service does.",
    ),
    "checks": (
        "Of the verifications started before, with the codes that the virtual phones were sent: for each a wrong one "
        "(422), then the right one (200). Nothing is being sent meanwhile.",
    ),
}


def _of(figures: Figures, what: str) -> dict[str, Rate]:
    return figures.starts if what == "starts" else figures.checks


def _cells(rates: list[Rate]) -> list[str]:
    return [
        spread([rate.rate for rate in rates], ".0f"),
        spread([rate.p50_ms for rate in rates]),
        spread([rate.p99_ms for rate in rates]),
        spread([rate.cpu_ms for rate in rates]),
    ]


def _path(empty: list[Figures], full: list[Figures]) -> Table:
    table = Table(
        "Verifications: one at a time on an idle box, from the POST of the start (ms)",
        ["box", "to the code at the virtual phone: p50", "p99", "to `approved`: p50", "p99"],
    )
    for name, rounds in (("empty", empty), ("with old verifications", full)):
        cells = [
            spread([percentile(values, share) for values in values_of])
            for values_of in (
                [found.to_phone_ms for found in rounds],
                [found.to_approved_ms for found in rounds],
            )
            for share in (0.5, 0.99)
        ]
        table.add(name, *cells)
    table.notes = [
        f"{len(empty[0].to_phone_ms)} a round, {MODEMS} virtual modems without delay; the bench looks at the phone "
        "every millisecond and types at once."
    ]
    return table


def _comparison(empty: list[Figures], full: list[Figures], count: int, size_mb: float) -> tuple[Table, float]:
    table = Table(
        f"Verifications: an empty box and one with {count:,} on record",
        ["p50 (ms)", "empty", "full", "times worse"],
    )
    worst = 0.0
    for what in ("starts", "checks"):
        for clients in _of(empty[0], what):
            before, after = (
                median([_of(found, what)[clients].p50_ms for found in rounds]) for rounds in (empty, full)
            )
            worst = max(worst, after / before)
            table.add(f"{what}, {clients}", f"{before:.2f}", f"{after:.2f}", f"{after / before:.2f}")
    before, after = (
        median([percentile(found.to_phone_ms, 0.5) for found in rounds]) for rounds in (empty, full)
    )
    worst = max(worst, after / before)
    table.add("one start to the code at the phone", f"{before:.2f}", f"{after:.2f}", f"{after / before:.2f}")
    table.notes = [
        f"{len(empty)} round(s) in turn, medians. The old ones are spread over sixty days, each with its delivered "
        f"message, four events, a part and two lines of the audit; {min(PEOPLE, count):,} numbers have counts, and a "
        f"quarter of them failures ({size_mb:.0f} MB). The benches' own are for the same numbers; each round has a "
        "fresh copy.",
        f"worst ratio {worst:.2f}; wanted: at most {WITHIN}",
    ]
    return table, worst
