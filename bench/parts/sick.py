"""Part 7, sick modems: four that fail beside four healthy ones; then the peers with an unplugged and a deaf modem."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bench.appliance import Daemon, Virtual
from bench.context import Context, Place
from bench.figures import percentile, spread
from bench.load import Stream, phone
from bench.network import Arrival, NetworkLog
from bench.peers import Kannel, Peer
from bench.peers.gammu import GammuReplug
from bench.peers.smstools import SmstoolsReplug
from bench.processes import ProgramError, wait_until
from bench.tables import Table

SICK = ("modem-000", "modem-001", "modem-002", "modem-003")
HANGS, NEVER_PROMPTS, UNPLUGGED, LATE = SICK
DEAF_S = 15.0
NO_PROMPT_S = 20.0
UNPLUGGED_S = 5.0
WITHIN_S = 3.0
SCENARIO = "submit_delay = 0.05\nreport_delay = [0.3, 0.8]\n"
GENERAL = Stream("any modem", clients=5, pause=0.5, extra={"ttl": 600})
"""Some ten messages a second for whichever modem the box chooses: half of what one healthy modem could send."""
SETTLE_S = 180.0
PEER_PACE_S = 0.5


@dataclass(slots=True)
class Recovery:
    """Seconds from being well to the next PDU of that modem at the network, by fault."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, fault: str, seconds: float) -> None:
        """One more observation."""
        self.seconds.setdefault(fault, []).append(seconds)


@dataclass(slots=True)
class Watch:
    """A box at work: what reached the network is collected while somebody waits for something."""

    virtual: Virtual
    log: NetworkLog

    def until(self, condition: Callable[[], bool], timeout_s: float, what: str) -> int:
        """Wait, and return CLOCK_MONOTONIC of the first look at which it was so."""
        wait_until(condition, timeout_s, what, 0.01)
        return time.monotonic_ns()

    def next_pdu(self, modem: str, after_ns: int, timeout_s: float) -> float:
        """Seconds from `after_ns` to the modem's first PDU after it."""
        found: list[Arrival] = []

        def arrived() -> bool:
            self.log.poll()
            found[:] = [a for a in self.log.seen if a.modem == modem and a.monotonic_ns > after_ns][:1]
            return bool(found)

        wait_until(arrived, timeout_s, f"{modem} does not send again", 0.02)
        return (found[0].monotonic_ns - after_ns) / 1e9


# -- faults, each told when its modem is well again -------------------------------------------------------


def _hang(watch: Watch) -> int:
    """Silence after the next Ctrl-Z; the message has reached the network."""
    ask = watch.virtual.ask
    ask(do="set", modem=HANGS, values={"hang": {"for": DEAF_S, "network": True, "answer": "never"}})
    watch.until(lambda: watch.virtual.modem(HANGS)["deaf"], 30, f"{HANGS} got nothing to send")
    ask(do="set", modem=HANGS, values={"hang": {"rate": 0.0}})
    return watch.until(lambda: not watch.virtual.modem(HANGS)["deaf"], 60, f"{HANGS} stays deaf")


def _no_prompt(watch: Watch) -> int:
    watch.virtual.ask(do="set", modem=NEVER_PROMPTS, values={"no_prompt": {}}, for_s=NO_PROMPT_S)
    time.sleep(NO_PROMPT_S)
    return time.monotonic_ns()


def _unplug(watch: Watch) -> int:
    """At the next Ctrl-Z; the message has reached the network."""
    ask = watch.virtual.ask
    ask(
        do="set", modem=UNPLUGGED, values={"unplug": {"phase": "ctrl-z", "network": True, "for": UNPLUGGED_S}}
    )
    watch.until(lambda: not watch.virtual.modem(UNPLUGGED)["plugged"], 30, f"{UNPLUGGED} got nothing to send")
    ask(do="set", modem=UNPLUGGED, values={"unplug": {"rate": 0.0}})
    return watch.until(lambda: watch.virtual.modem(UNPLUGGED)["plugged"], 60, f"{UNPLUGGED} stays away")


def _deafen(watch: Watch, modem: str) -> int:
    watch.virtual.ask(do="set", modem=modem, values={"deaf": True}, for_s=DEAF_S)
    time.sleep(DEAF_S)
    return time.monotonic_ns()


def _faults(context: Context, watch: Watch, recovery: Recovery) -> None:
    steps: list[tuple[str, str, Callable[[], int]]] = [
        ("hangs 15 s after Ctrl-Z", HANGS, lambda: _hang(watch)),
        ("never prompts for 20 s", NEVER_PROMPTS, lambda: _no_prompt(watch)),
        ("unplugged for 5 s at Ctrl-Z", UNPLUGGED, lambda: _unplug(watch)),
        ("deaf for 15 s", HANGS, lambda: _deafen(watch, HANGS)),
    ]
    with context.progress("sick: faults", context.rounds * len(steps)) as advance:
        for _ in range(context.rounds):
            for name, modem, fault in steps:
                recovery.add(name, watch.next_pdu(modem, fault(), 120))
                time.sleep(1)
                advance()


# -- simcourier -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Outcome:
    """How the messages of a run ended; times in ms from the POST to the wire."""

    first_hand_ms: list[float] = field(default_factory=list)
    """Messages that a healthy modem got first and alone."""
    taken_over_s: list[float] = field(default_factory=list)
    """Messages for any modem that a sick one had first: to the first copy on the wire."""
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    copies: int = 0


def _lateness(context: Context) -> tuple[int, int]:
    return (5, 8) if context.quick else (30, 60)


class Company(StrEnum):
    """Who is beside the four healthy modems; the value is the row's name."""

    NOBODY = "alone"
    WELL = "beside four more that are well, same load as below"
    SICK = "beside four sick ones"


@contextmanager
def _box(context: Context, company: Company) -> Iterator[tuple[Place, Virtual, Daemon, NetworkLog]]:
    with context.place() as place:
        scenario = SCENARIO
        if company is Company.SICK:
            scenario += f'[[rule]]\nmodems = "{LATE}"\nreport_delay = {list(_lateness(context))}\n'
        elif company is Company.NOBODY:
            scenario += f"[[rule]]\nmodems = {list(SICK)}\nunplugged = true\n"
        virtual = place.virtual(8, scenario)
        daemon = place.daemon(virtual)
        daemon.spawn()
        daemon.wait_ready()
        wanted = 4 if company is Company.NOBODY else 8
        wait_until(
            lambda: list(daemon.states().values()).count("ready") == wanted, 60, "modems are not ready", 0.1
        )
        yield place, virtual, daemon, place.log(virtual)
        daemon.stop()


def _run_box(context: Context, company: Company, recovery: Recovery) -> Outcome:
    """Steady load; in company also pinned to each of the others, so that each always has something to send."""
    with _box(context, company) as (place, virtual, daemon, log):
        pinned = [Stream(f"only {name}", pause=0.3, extra={"ttl": 600, "modem": name}) for name in SICK]
        load = place.load(daemon, GENERAL, *(pinned if company is not Company.NOBODY else []))
        time.sleep(3)
        if company is Company.SICK:
            _faults(context, Watch(virtual, log), recovery)
        else:
            seconds = context.pick(120, 15)
            with context.progress(f"sick: healthy ones {company}", seconds) as advance:
                for _ in range(seconds):
                    time.sleep(1)
                    advance()
        entries = load.stop()
        posted_ns = {entry.text: entry.posted_ns for entry in entries if entry.status == 202}
        ids = {entry.text: entry.id for entry in entries if entry.status == 202}
        outcome = Outcome()
        outcome.wrong += [f"answered {entry.status}" for entry in entries if entry.status not in (0, -1, 202)]
        messages = _settled(daemon, ids)
        log.poll()
        _judge(outcome, messages, posted_ns, log)
        return outcome


def _settled(daemon: Daemon, ids: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Every message once it has ended, late reports included."""
    messages: dict[str, dict[str, Any]] = {}
    deadline = time.monotonic() + SETTLE_S
    while len(messages) < len(ids) and time.monotonic() < deadline:
        for text, message_id in ids.items():
            if text not in messages:
                message = daemon.get(f"/v1/messages/{message_id}")
                if message["status"] in ("queued", "sending", "sent", "unknown"):
                    break
                messages[text] = message
        else:
            break
        time.sleep(0.5)
    for text in ids.keys() - messages.keys():
        messages[text] = daemon.get(f"/v1/messages/{ids[text]}")
    return messages


def _judge(
    outcome: Outcome, messages: dict[str, dict[str, Any]], posted_ns: dict[str, int], log: NetworkLog
) -> None:
    arrivals: dict[str, list[Arrival]] = {}
    for arrival in log.seen:
        arrivals.setdefault(arrival.text, []).append(arrival)
    for text, message in messages.items():
        outcome.ends[message["status"]] += 1
        copies = arrivals.get(text, [])
        doubts = sum(1 for event in message["events"] if event["status"] == "unknown")
        outcome.copies += len(copies) > 1
        if message["status"] != "delivered" or not copies:
            outcome.wrong.append(f"{text}: {message['status']}, {len(copies)} copies")
        elif len(copies) - 1 > doubts:
            outcome.wrong.append(f"{text}: {len(copies)} copies, unknown {doubts} times")
        if not copies or not text.startswith(GENERAL.tag):
            continue
        took_ns = copies[0].monotonic_ns - posted_ns[text]
        modems = {attempt["modem"] for attempt in message["attempts"]}
        if not modems & set(SICK) and len(copies) == 1:
            outcome.first_hand_ms.append(took_ns / 1e6)
        elif modems - set(SICK):
            outcome.taken_over_s.append(took_ns / 1e9)


def _simcourier(context: Context) -> bool:
    recovery = Recovery()
    outcomes = {company: _run_box(context, company, recovery) for company in Company}
    wrong = [text for outcome in outcomes.values() for text in outcome.wrong]
    right = not wrong
    table = Table(
        "Sick modems: messages of the four healthy ones, POST to PDU on the wire",
        ["the healthy ones", "messages", "p50 (ms)", "p99 (ms)", "ends", "sent twice, `unknown` on record"],
    )
    for company, outcome in outcomes.items():
        table.add(
            company,
            len(outcome.first_hand_ms),
            f"{percentile(outcome.first_hand_ms, 0.5):.2f}",
            f"{percentile(outcome.first_hand_ms, 0.99):.2f}",
            ", ".join(f"{status} {count}" for status, count in outcome.ends.most_common()),
            outcome.copies,
        )
    taken = outcomes[Company.SICK].taken_over_s
    late = " to ".join(map(str, _lateness(context)))
    table.notes = [
        f"Eight virtual modems ({SCENARIO.strip().replace(chr(10), ', ')}), {GENERAL.clients} clients post some "
        f"{GENERAL.clients / GENERAL.pause:.0f} messages a second for any modem; in company also some three a "
        f"second pinned to each of the other four. {LATE}'s reports come {late} s late throughout.",
        f"messages that a sick modem had first and a healthy one took over: {len(taken)}"
        + (f", to the first copy on the wire at most {max(taken):.1f} s" if taken else ""),
        *(f"VIOLATION: {wrong}" for wrong in wrong[:10]),
    ]
    context.show(table)
    times = Table("Sick modems: from being well to the next PDU (s)", ["fault", "seconds"])
    for fault, found in recovery.seconds.items():
        times.add(fault, spread(found))
        right = right and max(found) <= WITHIN_S
    times.notes = [f"{context.rounds} round(s), median (least to most); wanted: at most {WITHIN_S:.0f} s."]
    context.show(times)
    return right


# -- peers ------------------------------------------------------------------------------------------------


def _peer_recoveries(context: Context, kinds: list[type[Peer]]) -> dict[str, dict[str, str]]:
    """Each peer with one modem, all at the same time: they do next to nothing but wait."""
    found: dict[str, dict[str, str]] = {kind.name: {} for kind in kinds}
    faults = {"unplugged for 5 s": UNPLUGGED_S, "deaf for 15 s": DEAF_S}
    for fault, length_s in faults.items():
        with context.place() as place, ExitStack() as peers_end:
            virtual = place.virtual(len(kinds), SCENARIO)
            log = place.log(virtual)
            peers = [kind(place, [virtual.ports[index]]) for index, kind in enumerate(kinds)]
            for peer in peers:
                peers_end.callback(peer.stop)
            pace = _Pace(peers)
            pace.go_on(5)
            log.poll()
            working = {arrival.modem for arrival in log.seen}
            if fault.startswith("deaf"):
                virtual.ask(do="set", values={"deaf": True}, for_s=length_s)
            else:
                virtual.ask(do="unplug", for_s=length_s)
            pace.go_on(length_s)
            well_ns = time.monotonic_ns()
            firsts = _first_after(context, pace, log, well_ns, working, fault)
            for index, kind in enumerate(kinds):
                name = virtual.names[index]
                if name not in working:
                    found[kind.name][fault] = "sent nothing before the fault"
                elif name in firsts:
                    found[kind.name][fault] = f"{firsts[name]:.1f}"
                else:
                    found[kind.name][fault] = f"over {_peer_limit_s(context):.0f}"
    return found


def _peer_limit_s(context: Context) -> float:
    return float(context.pick(180, 60))


class _Pace:
    """Hands each peer a message now and then, whatever it does with it."""

    def __init__(self, peers: list[Peer]) -> None:
        self._peers = peers
        self._number = 0
        self._refused: set[str] = set()

    def go_on(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._number += 1
            for peer in self._peers:
                try:
                    peer.hand_over(self._number, (phone(self._number), f"Your code is {self._number:06d}"))
                except (OSError, AssertionError):
                    self._refused.add(peer.name)
            time.sleep(PEER_PACE_S)


def _first_after(
    context: Context, pace: _Pace, log: NetworkLog, well_ns: int, working: set[str], fault: str
) -> dict[str, float]:
    firsts: dict[str, float] = {}
    limit_s = _peer_limit_s(context)
    deadline = time.monotonic() + limit_s
    with context.progress(f"sick: peers, {fault}", limit_s) as advance:
        while working - firsts.keys() and time.monotonic() < deadline:
            pace.go_on(1)
            advance()
            for arrival in log.poll():
                if arrival.monotonic_ns > well_ns:
                    firsts.setdefault(arrival.modem, (arrival.monotonic_ns - well_ns) / 1e9)
    return firsts


def run(context: Context) -> bool:
    """simcourier, then the peers."""
    right = _simcourier(context)
    kinds: list[type[Peer]] = [k for k in (SmstoolsReplug, GammuReplug, Kannel) if not k.missing()]
    table = Table(
        "Peers: from being well to the next PDU (s)", ["peer", "unplugged for 5 s", "deaf for 15 s"]
    )
    try:
        for name, faults in _peer_recoveries(context, kinds).items():
            table.add(name, *faults.values())
    except (ProgramError, OSError) as error:
        table.notes.append(f"ended early: {str(error).splitlines()[0]}")
    table.notes += [
        f"One modem each, a message each {PEER_PACE_S} s, settings as in part 1, but smstools with `init` in place of "
        "`start`, and gammu-smsd with its checks on, commtimeout 1 and loopsleep 1 (without them it never notices); "
        f"watched for up to {_peer_limit_s(context):.0f} s.",
    ]
    context.show(table)
    return right
