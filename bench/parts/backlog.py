"""Part 2, backlog: how fast a full queue leaves, seen from the network, with reports on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.context import Context
from bench.figures import median, spread
from bench.load import phone
from bench.network import Arrival, NetworkLog, rate, rate_by_modem
from bench.peers import PEERS, Gammu, Kannel, Peer
from bench.processes import SOURCES, ProgramError, wait_until
from bench.tables import Table

STALL_S = 60.0
PEER_STALL_S = 15.0
"""A peer for which nothing more arrives has lost the rest, or takes it up again after minutes."""


@dataclass(frozen=True, slots=True)
class Case:
    """So many modems, so long from Ctrl-Z to +CMGS, so many messages for each modem."""

    modems: int
    delay_s: float
    each: int

    @property
    def count(self) -> int:
        """All messages."""
        return self.modems * self.each

    @property
    def name(self) -> str:
        """For the table."""
        delay = f"{self.delay_s * 1000:.0f} ms" if self.delay_s else "no delay"
        return f"{self.modems} modem{'s' if self.modems > 1 else ''}, {delay}"

    @property
    def scenario(self) -> str:
        """The virtual modems' scenario."""
        return f"submit_delay = {self.delay_s}\n"


@dataclass(frozen=True, slots=True)
class Drain:
    """What a drained backlog showed; processor seconds are the daemon's, per 1,000 messages."""

    arrivals: list[Arrival]
    case: Case
    cpu_s: float
    cpu_with_accepting_s: float = 0.0
    undelivered: int = 0

    @property
    def missing(self) -> int:
        """Messages that did not reach the network."""
        return max(0, self.case.count - len(self.arrivals))

    @property
    def rate(self) -> float:
        """Messages a second, all modems together."""
        return rate(self.arrivals)

    @property
    def ratio(self) -> float:
        """Messages a second over (modems / submit delay); each modem from its own first to its own last message."""
        return rate_by_modem(self.arrivals) / (self.case.modems / self.case.delay_s)


def drain_daemon(
    context: Context, case: Case, storage: Path | None = None, *, sources: str = SOURCES
) -> Drain:
    """Fill the queue while every modem is paused, resume them, follow the network until all is reported."""
    with context.place() as place:
        virtual = place.virtual(case.modems, case.scenario)
        daemon = place.daemon(virtual, storage, sending="no_modem_grace = 3600", sources=sources)
        daemon.start()
        log = place.log(virtual)
        daemon.pause(paused=True)
        before_s = daemon.running.cpu_s()
        place.post(daemon, case.count, f"backlog {time.monotonic_ns()}")
        filled_s = daemon.running.cpu_s()
        with context.progress(f"backlog: simcourier, {case.name}", case.count) as advance:
            daemon.pause(paused=False)
            _follow(log, case.count, advance, STALL_S)
        if len(log.seen) < case.count:
            raise ProgramError(f"only {len(log.seen)} of {case.count} messages reached the network")
        wait_until(lambda: virtual.reports() >= case.count, STALL_S, "reports are missing", 0.1)
        time.sleep(0.5)
        after_s = daemon.running.cpu_s()
        undelivered = len(daemon.get("/v1/messages", status="sent", limit=200)["items"])
        daemon.stop()
        thousands = case.count / 1000
        return Drain(
            log.seen, case, (after_s - filled_s) / thousands, (after_s - before_s) / thousands, undelivered
        )


def drain_peer(context: Context, kind: type[Peer], case: Case) -> Drain:
    """The same for a peer, whose queue is filled before it starts."""
    with context.place() as place:
        virtual = place.virtual(case.modems, case.scenario)
        log = place.log(virtual)
        backlog = [(phone(number), f"backlog code {number:07d}") for number in range(case.count)]
        peer = kind(place, virtual.ports, backlog)
        with context.progress(f"backlog: {kind.name}, {case.name}", case.count) as advance:
            _follow(log, case.count, advance, PEER_STALL_S)
        if len(log.seen) < case.count / 2:
            raise ProgramError(f"only {len(log.seen)} of {case.count} messages reached the network")
        drained = Drain(log.seen, case, peer.cpu_s() / (case.count / 1000))
        peer.stop()
        return drained


def _follow(log: NetworkLog, count: int, advance: Callable[[], None], stall_s: float) -> None:
    """Until all have arrived, or nothing more comes."""
    deadline = time.monotonic() + stall_s
    while len(log.seen) < count and time.monotonic() < deadline:
        fresh = log.poll()
        for _ in fresh:
            advance()
        if fresh:
            deadline = time.monotonic() + stall_s
        time.sleep(0.05)


def run(context: Context) -> bool:
    """The cases with a submit delay as a ratio, the others absolute and beside the peers."""
    slow = [Case(1, 1.0, 20), Case(8, 1.0, 20), Case(64, 1.0, 20)]
    quick = [Case(1, 0.05, 200), Case(8, 0.05, 200)]
    absolute = [Case(8, 0.0, 750), Case(64, 0.05, 120)]
    if context.quick:
        slow = [Case(1, 1.0, 4), Case(8, 1.0, 4)]
        quick = [Case(1, 0.05, 30), Case(8, 0.05, 30)]
        absolute = [Case(8, 0.0, 60), Case(64, 0.05, 10)]
    right = _ratios(context, [*slow, *quick])
    _absolutes(context, absolute)
    return right


def _ratios(context: Context, cases: list[Case]) -> bool:
    table = Table(
        "Backlog: messages a second over (modems / submit delay)",
        ["case", "messages", "ratio", "messages/s", "not reported in the end"],
    )
    missing = 0
    for case in cases:
        drains = [drain_daemon(context, case) for _ in range(context.rounds)]
        missing += sum(drain.undelivered for drain in drains)
        table.add(
            case.name,
            case.count,
            spread([drain.ratio for drain in drains], ".3f"),
            spread([drain.rate for drain in drains], ".1f"),
            sum(drain.undelivered for drain in drains),
        )
    table.notes = [
        f"{context.rounds} round(s), median (least to most). The queue was filled while every modem was paused, then "
        "all were resumed. Ratio: each modem from its own first to its own last PDU; messages/s: all together, without "
        "the first of each modem. Reports on, without delay."
    ]
    context.show(table)
    return not missing


def _absolutes(context: Context, cases: list[Case]) -> None:
    table = Table(
        "Backlog: messages a second, and processor seconds per 1,000 messages",
        [
            "system",
            *(f"{case.name} ({case.count})" for case in cases),
            *(f"CPU, {case.name}" for case in cases),
        ],
    )
    ours = [[drain_daemon(context, case) for case in cases] for _ in range(context.rounds)]
    table.add("simcourier", *_cells(ours))
    for kind in PEERS:
        if not kind.has_backlog or kind.missing():
            continue
        rounds = []
        try:
            for _ in range(context.rounds):
                rounds.append([drain_peer(context, kind, case) for case in cases])
        except (ProgramError, OSError) as error:
            table.add(
                kind.version(), f"does not work: {str(error).splitlines()[0]}", *[""] * (2 * len(cases) - 1)
            )
            continue
        table.add(kind.version(), *_cells(rounds))
    table.notes = [
        "One virtual modem process serves all modems; its own limit is a little above the bare loop's figures.",
        "CPU: of all processes of the system, drain only (for the peers with their start-up).",
        f"{Gammu.name} serves one modem and one message each 0.6 s; {Kannel.name}'s router looks at its queue once a "
        "second: both left out here.",
    ]
    context.show(table)


def _cells(rounds: list[list[Drain]]) -> list[str]:
    columns = list(zip(*rounds, strict=True))
    return [
        *(spread([drain.rate for drain in drains], ".0f") + _missing(drains) for drains in columns),
        *(format(median([drain.cpu_s for drain in drains]), ".2f") for drains in columns),
    ]


def _missing(drains: tuple[Drain, ...]) -> str:
    missing = sum(drain.missing for drain in drains)
    return f", {missing} never arrived" if missing else ""
