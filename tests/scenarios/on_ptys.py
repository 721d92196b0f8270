"""The rows of the fault matrix on the real daemon, over ptys: the fault by the control socket, the rest by HTTP."""

from __future__ import annotations

import itertools
import math
import re
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.appliance import Daemon, Virtual
from bench.context import Place
from bench.http import Connection
from rich.console import Console
from rich.progress import Progress

from simcourier.outbox.message import FINAL, Status

from .faults import ILL, NETWORK, TTL_S, VICTIM_TTL_S, Result, Row, ended
from .traffic import token_of

WELL = 2
AT_ONCE = 5
"""Rows at the same time: most of a row is waiting."""
LOOK_S = 0.02
COUNT_EVERY = 10
_CAN_SEND = frozenset({"ready", "sending"})
_BEFORE_STRIKE = frozenset({Status.QUEUED, Status.SENDING})
_COUNTED = re.compile(r"^simcourier_\w*faults_total\{(.*)\} ([0-9.]+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def _counted(api: Connection) -> list[str]:
    """The faults of the ill modem as the box counts them."""
    text = api.request("GET", "/metrics").body.decode()
    rows = [(dict(_LABEL.findall(labels)), float(value)) for labels, value in _COUNTED.findall(text)]
    return sorted(labels["fault"] for labels, value in rows if labels.get("modem") == ILL and value)


class _Watch(threading.Thread):
    """Looks at the ill modem's state again and again."""

    def __init__(self, daemon: Daemon) -> None:
        super().__init__(daemon=True)
        self._api = Connection(daemon.port, daemon.key)
        self._ending = threading.Event()
        self.changes: list[tuple[float, str]] = []
        self.counted: list[tuple[float, list[str]]] = []

    def run(self) -> None:
        state, counted = "", []
        for turn in itertools.count():
            if self._ending.wait(LOOK_S):
                return
            with suppress(OSError):
                answer = self._api.request("GET", f"/v1/modems/{ILL}")
                now = answer.json()["state"] if answer.status == 200 else "absent"
                if now != state:
                    self.changes.append((time.time(), now))
                    state = now
                if turn % COUNT_EVERY == 0 and (now_counted := _counted(self._api)) != counted:
                    counted = now_counted
                    self.counted.append((time.time(), counted))

    def stop(self) -> None:
        self._ending.set()
        self.join()
        self._api.close()


class Bed:
    """One row's box: an ill modem or sixteen, two that are well, and what is posted to them."""

    def __init__(self, place: Place, row: Row) -> None:
        self._row = row
        scenario = NETWORK
        if row.ill > 1:
            scenario += f'[hubs]\nhub = "0-{row.ill - 1}"\n'
        if row.backlog:
            scenario += "[[rule]]\nmodems = 0\nuntil = 45\nreports_paused = true\nsubmit_delay = 0.2\n"
        self.virtual: Virtual = place.virtual(row.ill + WELL, scenario + row.from_start)
        self.daemon: Daemon = place.daemon(self.virtual)
        if row.by_discovery:
            self._discover()
        self._posted = 0

    def _discover(self) -> None:
        """Have the ports found instead of named in the configuration."""
        config, _, _ = self.daemon.config.read_text().partition("[[modems]]")
        pattern = f'enabled = true\nudev = false\nports = ["{self.virtual.directory}/modem-*"]'
        self.daemon.config.write_text(config.replace("enabled = false", pattern, 1))

    def post(self, modem: str | None = None, ttl: float = TTL_S) -> tuple[str, str]:
        """Post a message; returns its token and its id."""
        self._posted += 1
        token = token_of(self._posted)
        body: dict[str, Any] = {
            "to": f"+447700900{self._posted:03d}",
            "text": f"Your code is {token}",
            "ttl": int(ttl),
        }
        if modem is not None:
            body["modem"] = modem
        answer = self.daemon.api.request("POST", "/v1/messages", body)
        assert answer.status == 202, answer
        return token, answer.json()["id"]

    def history(self, message_id: str) -> list[tuple[float, Status]]:
        """When a message came to which state."""
        events = self.daemon.get(f"/v1/messages/{message_id}")["events"]
        return [
            (datetime.fromisoformat(event["at"]).timestamp(), Status(event["status"])) for event in events
        ]

    def copies(self, token: str) -> int:
        """How often a message is at the network."""
        return self.virtual.log_path.read_text().count(token)

    def wait(self, message_id: str, wanted: frozenset[Status], timeout_s: float) -> bool:
        """Wait for a message to come so far."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            if self.history(message_id)[-1][1] in wanted:
                return True
            time.sleep(0.1)
        return False

    def strike(self) -> None:
        """Let the fault begin."""
        values = self._row.settings(self.virtual.modem(ILL)["submits"])
        if self._row.for_s:
            victims = "hub" if self._row.ill > 1 else ILL
            self.virtual.ask(do="set", modem=victims, values=values, for_s=self._row.for_s)
            if self._row.lasting:
                self.virtual.ask(do="set", modem=victims, values=self._row.lasting)


def live(row: Row) -> Result:
    """Let one row happen."""
    with tempfile.TemporaryDirectory(prefix="simcourier-ward-") as directory, Place(Path(directory)) as place:
        bed = Bed(place, row)
        bed.daemon.start()
        watch = _Watch(bed.daemon)
        watch.start()
        try:
            return _live(bed, row, watch)
        finally:
            watch.stop()


def _live(bed: Bed, row: Row, watch: _Watch) -> Result:
    for _ in range(row.backlog):
        bed.post(ILL)
    if row.backlog:
        # The reports are held back until 45 s after the virtual modems began.
        while bed.virtual.modem(ILL)["held"] < row.backlog:
            time.sleep(0.2)
    for name in bed.virtual.names[row.ill :]:
        bed.post(name)
    time.sleep(0.2)
    if row.victim_after_s >= 0:
        struck_at = time.time()
        bed.strike()
        time.sleep(row.victim_after_s)
        token, message_id = bed.post(ttl=VICTIM_TTL_S)
    else:
        token, message_id = bed.post(ttl=VICTIM_TTL_S)
        time.sleep(-row.victim_after_s)
        struck_at = time.time()
        bed.strike()
    bed.wait(message_id, FINAL, VICTIM_TTL_S)
    time.sleep(max(0.0, struck_at + row.for_s + row.well_after_s + 1 - time.time()))
    probe, probe_id = bed.post(ILL)
    works = bed.wait(probe_id, frozenset({Status.SENT, Status.DELIVERED}), TTL_S)
    history = bed.history(message_id)
    if not row.is_idle:
        struck_at = max(struck_at, *(at for at, status in history[:2] if status in _BEFORE_STRIKE))
    result = Result(row, works_again=works and bed.copies(probe) == 1, seen=_counted(bed.daemon.api))
    last = bed.daemon.get(f"/v1/modems/{ILL}")["last_fault"]
    result.by = (last or {}).get("recovered_by") or ""
    result.history = [status for _, status in history]
    result.ended = ended(result.history)
    result.copies = bed.copies(token)
    _time(result, watch, history, struck_at)
    return result


def _time(result: Result, watch: _Watch, history: list[tuple[float, Status]], struck_at: float) -> None:
    """Two clocks are compared here that differ by a millisecond's rounding, and the looks are 20 ms apart."""
    down = [at for at, state in watch.changes if at > struck_at - LOOK_S and state not in _CAN_SEND]
    troubled = [at for at, status in history[2:3] if status not in (Status.SENT, Status.DELIVERED)]
    counted = [at for at, _ in watch.counted if at > struck_at]
    result.detected_s = max(0.0, min([*down, *troubled, *counted], default=math.inf) - struck_at)
    result.went_down = bool(down)
    if down:
        # `ready` and `sending` take turns while it works; what counts is when it came back to them.
        steps = itertools.pairwise(watch.changes)
        up = [
            at for (_, old), (at, new) in steps if at > down[0] and new in _CAN_SEND and old not in _CAN_SEND
        ]
        well_at = struck_at + result.row.well_after_s
        result.back_s = max(0.0, up[-1] - well_at) if up else math.inf


def live_all(rows: Sequence[Row], console: Console) -> list[Result]:
    """Every row, some at the same time; in the order of the rows."""
    with Progress(console=console) as progress, ThreadPoolExecutor(AT_ONCE) as pool:
        bar = progress.add_task("faults over ptys", total=len(rows))

        def one(row: Row) -> Result:
            result = live(row)
            progress.advance(bar)
            return result

        return list(pool.map(one, rows))
