"""Part 1, idle box: from the message's hand-over to its PDU complete on the wire, one message at a time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.appliance import Daemon, Virtual
from bench.context import Context, Place
from bench.figures import percentile, spread
from bench.load import phone
from bench.network import NetworkLog
from bench.peers import PEERS, Peer
from bench.processes import ProgramError
from bench.tables import Table

WIRE_TIMEOUT_S = 30.0
PAUSE_S = (0.005, 0.025)


@dataclass(slots=True)
class Rounds:
    """Milliseconds to the wire, by round; for simcourier also from the 202."""

    from_hand_over: list[list[float]] = field(default_factory=list)
    from_202: list[list[float]] = field(default_factory=list)

    def begin(self) -> None:
        """A new round."""
        self.from_hand_over.append([])
        self.from_202.append([])

    def cells(self) -> list[str]:
        """p50, p99 and the same from the 202, each the median over the rounds."""
        cells = []
        for rounds in (self.from_hand_over, self.from_202):
            for share in (0.5, 0.99):
                cells.append(spread([percentile(values, share) for values in rounds if values]))
        return cells


def pause(bounds: tuple[float, float]) -> None:
    """Be idle for a random time, so that no poller is always met at the same place of its round."""
    time.sleep(random.uniform(*bounds))


def measure_daemon(
    daemon: Daemon, log: NetworkLog, count: int, rounds: Rounds, advance: Callable[[], None]
) -> None:
    """One round of simcourier on a started daemon."""
    rounds.begin()
    for number in range(count):
        text = f"Your code is {number:06d} ({time.monotonic_ns()})"
        answer = daemon.api.request("POST", "/v1/messages", {"to": phone(number), "text": text, "ttl": 600})
        assert answer.status == 202, answer
        arrival = log.wait_for(text, WIRE_TIMEOUT_S)
        if arrival is None:
            raise ProgramError(f"simcourier: message {number} did not reach the network")
        rounds.from_hand_over[-1].append((arrival.monotonic_ns - answer.sent_ns) / 1e6)
        rounds.from_202[-1].append((arrival.monotonic_ns - answer.read_ns) / 1e6)
        _wait_delivered(daemon, answer.json()["id"])
        pause(PAUSE_S)
        advance()


def _wait_delivered(daemon: Daemon, message_id: str) -> None:
    deadline = time.monotonic() + WIRE_TIMEOUT_S
    while (status := daemon.get(f"/v1/messages/{message_id}")["status"]) != "delivered":
        if time.monotonic() > deadline:
            raise ProgramError(f"{message_id} is still {status}")
        time.sleep(0.003)


def measure_peer(
    peer: Peer, log: NetworkLog, count: int, rounds: Rounds, advance: Callable[[], None]
) -> None:
    """One round of a started peer."""
    rounds.begin()
    for number in range(count):
        text = f"Your code is {number:06d} ({time.monotonic_ns()})"
        began_ns = peer.hand_over(number, (phone(number), text))
        arrival = log.wait_for(text, WIRE_TIMEOUT_S)
        if arrival is None:
            raise ProgramError(f"{peer.name}: message {number} did not reach the network")
        rounds.from_hand_over[-1].append((arrival.monotonic_ns - began_ns) / 1e6)
        peer.finish(number)
        pause(peer.waits_s)
        advance()


def simcourier(
    context: Context, place: Place, virtual: Virtual, storage: Path | None, count: int, rounds: Rounds
) -> None:
    """Start a daemon on the first modem, warm it up, measure one round, stop it."""
    daemon = place.daemon(virtual, storage, modems=virtual.names[:1])
    daemon.start()
    log = place.log(virtual)
    with context.progress("latency: simcourier", count) as advance:
        measure_daemon(daemon, log, min(20, count), Rounds(), lambda: None)
        measure_daemon(daemon, log, count, rounds, advance)
    daemon.stop()


def _peer(
    context: Context, virtual: Virtual, index: int, kind: type[Peer], count: int, rounds: Rounds
) -> None:
    with context.place() as place:
        peer = kind(place, [virtual.ports[index]])
        log = place.log(virtual)
        with context.progress(f"latency: {kind.name}", count) as advance:
            measure_peer(peer, log, min(5, count), Rounds(), lambda: None)
            measure_peer(peer, log, count, rounds, advance)


def run(context: Context) -> bool:
    """All systems take turns, round by round, on one process of virtual modems."""
    count = context.pick(1000, 30)
    slow_count = context.pick(60, 4)
    table = Table(
        "Idle box: hand-over to PDU complete on the wire (ms)",
        ["system", "messages a round", "p50", "p99", "from 202: p50", "from 202: p99"],
    )
    ours = Rounds()
    theirs = {kind: Rounds() for kind in PEERS}
    broken: dict[type[Peer], str] = {kind: kind.missing() for kind in PEERS if kind.missing()}
    with context.place() as place:
        virtual = place.virtual(1 + len(PEERS))
        for _ in range(context.rounds):
            simcourier(context, place, virtual, None, count, ours)
            for index, kind in enumerate(PEERS, 1):
                if kind not in broken:
                    try:
                        amount = slow_count if kind.is_slow else count
                        _peer(context, virtual, index, kind, amount, theirs[kind])
                    except (ProgramError, OSError) as error:
                        broken[kind] = str(error).splitlines()[0]
    table.add("simcourier", count, *ours.cells())
    for kind in PEERS:
        if kind in broken:
            table.add(kind.name, "-", f"does not work: {broken[kind]}", "", "", "")
        else:
            amount = slow_count if kind.is_slow else count
            table.add(kind.version(), amount, *theirs[kind].cells()[:2], "", "")
    table.notes = [
        f"{context.rounds} round(s), systems in turn, one process of virtual modems without any delay; each figure is "
        "the median of the rounds (least to most). Message n+1 follows when n was reported delivered.",
        "simcourier: from just before the POST is written; two commits with fdatasync on the way (accepted, sending). "
        "From 202: negative where the PDU was on the wire before the caller had read the answer.",
        *(f"{kind.name}: {kind.settings}." for kind in PEERS),
    ]
    context.show(table)
    return True
