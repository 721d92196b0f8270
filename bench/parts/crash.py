"""Part 6, crash: `kill -9` at random instants under load; what reached the network is the oracle."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bench.appliance import Daemon
from bench.context import Context
from bench.figures import median, percentile
from bench.load import Entry, Stream
from bench.network import NetworkLog
from bench.processes import ProgramError, wait_until
from bench.tables import Table

MODEMS = 8
SCENARIO = 'submit_delay = [0.02, 0.08]\nreport_delay = [0.05, 0.5]\nreport_route = "stored"\n'
# Few phones: the report of one message must not pass for that of another to the same one.
STREAM = Stream("crash", clients=6, pause=0.06, phones=2, extra={"ttl": 3600})
LONGEST_LIFE_S = 1.0
EARLY = 0.1
"""This share of the kills falls into the start, before /readyz is 200."""
SETTLE_S = 300.0
MOST_ENDS = 10
T = TypeVar("T")
FINAL = {"delivered", "undelivered", "failed", "expired", "superseded", "canceled"}


@dataclass(slots=True)
class Verdict:
    """What the oracle found."""

    posted: int = 0
    accepted: int = 0
    lost: list[str] = field(default_factory=list)
    twice: int = 0
    more: int = 0
    unsaid: list[str] = field(default_factory=list)
    unanswered_sent: int = 0
    strangers: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    with_unknown: int = 0
    ended: list[str] = field(default_factory=list)
    """How the daemon ended where nobody had killed it."""

    @property
    def is_right(self) -> bool:
        """Was the promise kept?"""
        return not (self.lost or self.unsaid or self.strangers or self.ended)


def run(context: Context) -> bool:
    """Kill, restart, and judge at the end."""
    kills = context.pick(context.kills, min(context.kills, 5))
    with context.place() as place:
        virtual = place.virtual(MODEMS, SCENARIO)
        daemon = place.daemon(virtual)
        log = place.log(virtual)
        daemon.start()
        load = place.load(daemon, STREAM)
        watch = _Watch(context, daemon)
        restarts = _kill_again_and_again(context, watch, kills)
        time.sleep(1)
        entries = load.stop()
        watch.keep_up(lambda: wait_until(daemon.is_quiet, SETTLE_S, "the queue does not become empty", 0.2))
        watch.keep_up(lambda: _await_reports(daemon, entries))
        log.poll()
        verdict = watch.keep_up(lambda: _judge(context, daemon, entries, log))
        watch.stop()
        verdict.ended = watch.ended
        context.show(_table(kills, restarts, verdict))
        return verdict.is_right


class _Watch:
    """Starts and kills the daemon, and tells each time that it ended by itself."""

    def __init__(self, context: Context, daemon: Daemon) -> None:
        self._context = context
        self.daemon = daemon
        self.ended: list[str] = []

    def _tell(self, obituary: str) -> None:
        self.ended.append(obituary)
        self._context.say(f"VIOLATION, the daemon ended by itself: {obituary}")
        if len(self.ended) > MOST_ENDS:
            raise ProgramError(f"the daemon ended by itself {len(self.ended)} times")

    def kill_and_spawn(self) -> float:
        """`kill -9`, and start again at once; returns when (monotonic)."""
        obituary = self.daemon.kill()
        if obituary:
            self._tell(obituary)
        began = time.monotonic()
        self.daemon.spawn()
        return began

    def wait_ready(self) -> None:
        """Wait for /readyz; a daemon that ends before is started again."""
        while True:
            try:
                self.daemon.wait_ready()
            except ProgramError:
                if self.daemon.running.is_running:
                    raise
                self._tell(self.daemon.running.obituary())
                self.daemon.spawn()
            else:
                return

    def keep_up(self, step: Callable[[], T]) -> T:
        """Do a step that asks the daemon; where it ends meanwhile, it is started again, and so is the step."""
        while True:
            try:
                return step()
            except OSError:
                # The connection breaks a moment before the process is gone.
                wait_until(lambda: not self.daemon.running.is_running, 10, "the daemon hangs up, but runs on")
                self._tell(self.daemon.running.obituary())
                self.daemon.spawn()
                self.wait_ready()

    def stop(self) -> None:
        """The clean stop at the end, which must end with 0."""
        self.daemon.stop()
        if self.daemon.running.exit_code != 0:
            self._tell(self.daemon.running.obituary())


def _kill_again_and_again(context: Context, watch: _Watch, kills: int) -> list[float]:
    restarts: list[float] = []
    with context.progress("crash: kill -9", kills) as advance:
        for _ in range(kills):
            time.sleep(random.uniform(0, LONGEST_LIFE_S))
            began = watch.kill_and_spawn()
            while random.random() < EARLY:
                time.sleep(random.uniform(0, median(restarts or [0.5])))
                began = watch.kill_and_spawn()
            watch.wait_ready()
            restarts.append(time.monotonic() - began)
            advance()
    return restarts


def _await_reports(daemon: Daemon, entries: list[Entry]) -> None:
    """Give the last reports time to come; those that a dead daemon missed never do."""
    ids = [entry.id for entry in entries if entry.status == 202][-50:]
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if all(daemon.get(f"/v1/messages/{message_id}")["status"] in FINAL for message_id in ids):
            return
        time.sleep(0.5)


def _judge(context: Context, daemon: Daemon, entries: list[Entry], log: NetworkLog) -> Verdict:
    posted = {entry.text for entry in entries if entry.status == 0}
    ids = {entry.text: entry.id for entry in entries if entry.status == 202}
    copies = Counter(arrival.text for arrival in log.seen)
    verdict = Verdict(len(posted), len(ids))
    verdict.lost = [text for text in ids if text not in copies]
    verdict.strangers = [text for text in copies if text not in posted]
    verdict.unanswered_sent = sum(1 for text in copies if text in posted and text not in ids)
    unanswered = _unanswered(daemon, set(ids.values()))
    with context.progress("crash: judging", len(ids)) as advance:
        for text, message_id in ids.items():
            _judge_one(verdict, text, daemon.get(f"/v1/messages/{message_id}"), copies[text])
            advance()
    _judge_unanswered(verdict, unanswered, copies, ids)
    return verdict


def _judge_one(verdict: Verdict, text: str, message: dict[str, Any], copies: int) -> None:
    doubts = sum(1 for event in message["events"] if event["status"] == "unknown")
    verdict.ends[message["status"]] += 1
    verdict.with_unknown += doubts > 0
    if copies > 1:
        verdict.twice += copies == 2
        verdict.more += copies > 2
        # Each further copy needs a doubt of its own on record.
        if doubts < copies - 1:
            verdict.unsaid.append(text)


def _unanswered(daemon: Daemon, answered: set[str]) -> list[dict[str, Any]]:
    """The messages that were accepted but whose 202 never arrived: found by walking over all pages."""
    found = []
    cursor: int | None = None
    while True:
        query = {"limit": 200} if cursor is None else {"limit": 200, "cursor": cursor}
        page = daemon.get("/v1/messages", **query)
        found += [item for item in page["items"] if item["id"] not in answered]
        cursor = page["next_cursor"]
        if cursor is None:
            return [daemon.get(f"/v1/messages/{item['id']}") for item in found]


def _judge_unanswered(
    verdict: Verdict, messages: list[dict[str, Any]], copies: Counter[str], ids: dict[str, str]
) -> None:
    """Their texts are wiped, so they are judged together: further copies against doubts on record."""
    further = sum(count - 1 for text, count in copies.items() if text not in ids)
    doubts = sum(1 for message in messages for event in message["events"] if event["status"] == "unknown")
    if further > doubts:
        verdict.unsaid.append(f"{further} further copies of unanswered messages, {doubts} doubts on record")


def _table(kills: int, restarts: list[float], verdict: Verdict) -> Table:
    table = Table("Crash: kill -9 under load, restarted on the same directory", ["what", "count"])
    table.add("kill -9 after /readyz (besides, a tenth as many during the start)", kills)
    table.add(
        "restart, spawn to /readyz 200: median, p99 (s)",
        f"{median(restarts):.2f}, {percentile(restarts, 0.99):.2f}",
    )
    table.add("posted", verdict.posted)
    table.add("accepted (202 read)", verdict.accepted)
    table.add("accepted, never reached the network", len(verdict.lost))
    table.add("reached it twice, `unknown` on record", verdict.twice)
    table.add("reached it more than twice, as many `unknown` on record", verdict.more)
    table.add("reached it more often than `unknown` tells", len(verdict.unsaid))
    table.add("had `unknown` on record at some time", verdict.with_unknown)
    table.add("sent although the 202 was cut off by a kill", verdict.unanswered_sent)
    table.add("on the network, but never posted", len(verdict.strangers))
    table.add("the daemon ended by itself", len(verdict.ended))
    table.add("ends", ", ".join(f"{status} {count}" for status, count in verdict.ends.most_common()))
    table.notes = [
        f"{MODEMS} virtual modems in their own process ({SCENARIO.strip().replace(chr(10), ', ')}); "
        f"{STREAM.clients} clients post unique texts with a mean pause of {STREAM.pause * 1000:.0f} ms; each life of "
        f"the daemon ends after a random time of up to {LONGEST_LIFE_S:.0f} s behind its first 200 of /readyz.",
        "network.jsonl of the virtual modems is the oracle. Messages that end as `sent` lost their report: it came as "
        "+CDS while no daemon had the port open.",
    ]
    for what, texts in (("lost", verdict.lost), ("unsaid", verdict.unsaid), ("stranger", verdict.strangers)):
        table.notes += [f"VIOLATION, {what}: {text}" for text in texts[:10]]
    # The stacks were told when it happened; a list of the results has one line each.
    table.notes += [f"VIOLATION, {obituary.splitlines()[0]}" for obituary in verdict.ended]
    return table
