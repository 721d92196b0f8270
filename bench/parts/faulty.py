"""Part 9, faulty: 64 modems over ptys that fail in every way for five minutes; what the network saw is the oracle."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from tests.scenarios.oracle import Accepted, Evidence, Verdict, judge

from bench.appliance import Daemon, Virtual
from bench.context import Context
from bench.figures import percentile
from bench.load import Entry, Stream, accepted
from bench.processes import wait_until
from bench.tables import Table
from simcourier.outbox.message import MessageClass, OnUnknown

SEED = 1
UNPLUGS = 20
SETTLE_S = 420.0
"""Reports come late by up to two minutes, and the longest life is five."""
STREAMS = (
    ("code", "otp", 300, 24),
    ("notice", "transactional", 300, 10),
    ("offer", "bulk", 300, 6),
)
"""Tag, class, ttl, clients; each client posts a message every two seconds or so."""
PAUSE_S = 2.0
NOISE = [
    "^RSSI: 19",
    "^BOOT:20588402,0,0,0,72",
    "+CREG: 1",
    "\\r\\n^MODE:3,2\\r\\r\\n",
    "\\u00FF\\u00FE\\u0080",
]


class Line(msgspec.Struct, frozen=True):
    """A line of network.jsonl, as far as the oracle looks at it."""

    monotonic_ns: int
    modem: str
    text: str
    part: int
    delivered: bool


def scenario(modems: int, seconds: float, late_s: int) -> str:
    """3 % of submits refused, 1 % hanging, 5 % noise, reports late by minutes, 20 unplugs; always the same."""
    rng = random.Random(SEED)
    lines = [f"seed = {SEED}", "delivery_delay = [0.2, 2.0]"]
    lines.append(f"noise = {{ in_response = 0.05, lines = {_quoted(NOISE)} }}")
    for index in range(modems):
        late, for_s = rng.random() < 0.1, rng.choice((5, 15, 30))
        through, answer = str(rng.random() < 0.6).lower(), rng.choice(("late", "never"))
        codes = rng.sample(("CMS 38", "CMS 41", "CMS 42", "CMS 331", "CMS 332", "CMS 500", "CME 14"), 3)
        lines += [
            "[[rule]]",
            f"modems = {index}",
            f"submit_delay = {[1.0, 4.0] if rng.random() < 0.2 else [0.3, 1.5]}",
            f"report_delay = {[late_s / 4, late_s] if late else [0.1, 1.0]}",
            f"error = {{ rate = 0.03, codes = {_quoted(codes)} }}",
            f'hang = {{ rate = 0.01, for = {for_s}, network = {through}, answer = "{answer}" }}',
            f'network = "{rng.choice(("00101", "00102"))}"',
        ]
    for _ in range(UNPLUGS):
        at, for_s = rng.uniform(10, seconds), rng.choice((3, 10, 40))
        index = rng.randrange(modems)
        lines += [
            "[[rule]]",
            f"modems = {index}",
            f"from = {at:.1f}",
            f"until = {at + for_s:.1f}",
            "unplugged = true",
        ]
    return "\n".join(lines) + "\n"


def _quoted(texts: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"


def run(context: Context) -> bool:
    """Five minutes, and however long it takes until every report is there."""
    modems, seconds, late_s = context.pick(64, 8), float(context.pick(300, 20)), context.pick(120, 8)
    with context.place() as place:
        virtual = place.virtual(modems, scenario(modems, seconds, late_s))
        daemon = place.daemon(virtual)
        daemon.spawn()
        daemon.wait_ready()
        wait_until(
            lambda: list(daemon.states().values()).count("ready") >= modems * 0.8, 90, "modems come up", 0.2
        )
        streams = [
            Stream(
                tag,
                clients=max(1, clients * modems // 64),
                pause=PAUSE_S,
                extra={"ttl": ttl, "class": class_},
            )
            for tag, class_, ttl, clients in STREAMS
        ]
        load = place.load(daemon, *streams)
        with context.progress(f"faulty: {modems} modems", seconds) as advance:
            for _ in range(int(seconds)):
                time.sleep(1)
                advance()
        entries = load.stop()
        _settle(context, daemon, virtual, late_s)
        verdict, waits_ms = _judge(daemon, virtual, entries)
        context.show(_table(modems, seconds, verdict, waits_ms))
        daemon.stop()
        return not verdict.wrong


def _settle(context: Context, daemon: Daemon, virtual: Virtual, late_s: int) -> None:
    """Wait until nothing waits, nothing flies, and the network has told what it had to tell."""
    with context.progress("faulty: the last reports", SETTLE_S) as advance:
        still, before = 0, -1
        for _ in range(int(SETTLE_S)):
            time.sleep(1)
            advance()
            reports = virtual.reports()
            still = still + 1 if daemon.is_quiet() and reports == before else 0
            before = reports
            if still > late_s + 5:
                return


def _judge(daemon: Daemon, virtual: Virtual, entries: list[Entry]) -> tuple[Verdict, list[float]]:
    zero_ms = (time.time_ns() - time.monotonic_ns()) / 1e6
    decoder = msgspec.json.Decoder(Line)
    records = [decoder.decode(line) for line in virtual.log_path.read_bytes().splitlines()]
    database = sqlite3.connect(f"file:{daemon.storage / 'simcourier.db'}?mode=ro", uri=True)

    def rows(query: str) -> list[Any]:
        return database.execute(query).fetchall()

    taken = {entry.text: entry for entry in accepted(entries)}
    evidence = Evidence(
        records, rows, zero_ms, time.monotonic(), token=lambda text: text if text in posted else None
    )
    posted = _accepted(taken, rows, evidence)
    first_ns: dict[str, int] = {}
    for record in records:
        first_ns.setdefault(record.text, record.monotonic_ns)
    waits_ms = [(first_ns[text] - entry.posted_ns) / 1e6 for text, entry in taken.items() if text in first_ns]
    verdict = judge(evidence, posted)
    database.close()
    return verdict, waits_ms


def _accepted(taken: dict[str, Entry], rows: Any, evidence: Evidence) -> dict[str, Accepted]:
    found = {}
    times = {
        id_: (at, until) for id_, at, until in rows("SELECT id, created_at_ms, deadline_ms FROM messages")
    }
    for text, entry in taken.items():
        at_ms, until_ms = times.get(entry.id, (0, 0))
        found[text] = Accepted(
            token=text,
            id=entry.id,
            to="",
            message_class=MessageClass.OTP,
            at=evidence.seconds(at_ms),
            deadline=evidence.seconds(until_ms),
            segments=1,
            on_unknown=OnUnknown.RESEND,
        )
    return found


def _table(modems: int, seconds: float, verdict: Verdict, waits_ms: list[float]) -> Table:
    table = Table(
        f"Faulty: {modems} modems over ptys that fail in every way, {seconds:.0f} s",
        [
            "accepted",
            "at the network",
            "sent twice, said so",
            "by a second SIM",
            "accept to wire p50 (ms)",
            "p99 (ms)",
            "broken promises",
        ],
    )
    table.add(
        verdict.accepted,
        verdict.at_network,
        verdict.copies,
        verdict.seconded,
        f"{percentile(waits_ms, 0.5):.1f}",
        f"{percentile(waits_ms, 0.99):.0f}",
        len(verdict.wrong),
    )
    ends = ", ".join(f"{status} {count}" for status, count in verdict.ends.most_common())
    table.notes = [
        f"3 % of submits refused, 1 % hanging 5 to 30 s after Ctrl-Z, noise in 5 % of the answers, {UNPLUGS} unplugs, "
        "a tenth of the SIMs with reports up to two minutes late, two operators. Each promise is checked for each "
        "message: the network's log against the database.",
        f"ends: {ends}",
        *(f"VIOLATION: {sentence}" for sentence in verdict.wrong[:10]),
    ]
    return table
