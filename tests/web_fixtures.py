"""A whole box behind HTTP: real service, dispatcher, writer and database; the test is radio, network and clock."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.test import Client, TestResponse

from simcourier.at.trace import TraceLine
from simcourier.care import parts
from simcourier.care.arrivals import Arrivals
from simcourier.care.care import Care
from simcourier.care.tools import CareTools
from simcourier.config import Config, Http, Modem, Sending, Storage, Webhooks
from simcourier.dispatch.clock import Clock
from simcourier.dispatch.dispatcher import Dispatcher
from simcourier.hooks.hooks import Hooks
from simcourier.metrics import Metrics
from simcourier.modem.facts import (
    Fact,
    Job,
    ModemChanged,
    ModemSnapshot,
    ModemState,
    PartSubmitted,
    ReportArrived,
    ReportRoute,
    SubmitEnd,
    SubmitEnded,
)
from simcourier.modem.recording import Recording
from simcourier.outbox import database
from simcourier.outbox.audit import Audit
from simcourier.outbox.seal import Sealer
from simcourier.outbox.writer import Writer
from simcourier.service import Service, Tools
from simcourier.sms.report import StatusReport
from simcourier.sms.tpdu import decode_submit
from simcourier_web.application import create_application

PHONE = "+447700900123"
CODE = "837261"
TEXT = f"Your code is {CODE}"
START_MS = 1_800_000_000_000
_SIM = "894450000000000{:04d}"


class Radio:
    """The modems of the test: what they were told, and a wire trace for each."""

    def __init__(self) -> None:
        self.alive = True
        self.cards: dict[str, ModemSnapshot] = {}
        self.jobs: list[tuple[str, Job]] = []
        self.restarted: list[str] = []
        self.deleted: list[tuple[str, int]] = []
        self.asked: list[tuple[str, int, str]] = []
        self.traces: dict[str, list[TraceLine]] = {}
        self.recordings: dict[str, Recording] = {}

    def snapshots(self) -> Mapping[str, ModemSnapshot]:
        return dict(self.cards)

    def submit(self, modem: str, job: Job) -> None:
        self.jobs.append((modem, job))

    def permit(self, job: int, granted: bool) -> None:
        assert granted, f"job {job} was withdrawn"

    def allow_pin(self, modem: str, granted: bool) -> None:
        raise AssertionError(f"no PIN is asked for here ({modem}, {granted})")

    def restart(self, modem: str) -> None:
        self.restarted.append(modem)

    def stored(self, modem: str, token: int) -> None:
        self.deleted.append((modem, token))

    def ussd(self, modem: str, request: int, code: str) -> None:
        self.asked.append((modem, request, code))

    def record(self, modem: str, seconds: float) -> None:
        self.recordings[modem] = Recording(0.0, seconds)

    def recording(self, modem: str) -> Recording | None:
        return self.recordings.get(modem)

    def trace(self, modem: str, after: int = 0) -> list[TraceLine]:
        return [line for line in self.traces.get(modem, []) if line.seq > after]


class WebBox:
    """One running box; time stands still until `pass_time`."""

    def __init__(
        self,
        directory: Path,
        *,
        http: Http | None = None,
        sending: Sending | None = None,
        webhooks: Webhooks | None = None,
        modems: tuple[Modem, ...] = (),
        **tables: Any,
    ) -> None:
        self.config = Config(
            http=http or Http(),
            storage=Storage(directory=str(directory)),
            sending=sending or Sending(),
            webhooks=webhooks or Webhooks(),
            modems=modems,
            **tables,
        )
        self.now = 1000.0
        self.engine = database.open_engine(directory)
        with self.engine.begin() as connection:
            lease = database.new_epoch(connection, self.wall_ms())
        self.metrics = Metrics()
        self.radio = Radio()
        self.clock_step_ms = 0
        clock = Clock(lambda: self.now, lambda: self.wall_ms() + self.clock_step_ms)
        sealer = Sealer(b"k" * 32)
        self.writer = Writer(self.engine, on_commit=lambda: self.hooks.wake())  # noqa: PLW0108 - made below
        audit = Audit(sealer.audit_key)
        self.hooks = Hooks(
            self.engine,
            self.writer,
            sealer,
            audit,
            self.metrics,
            self.config.webhooks,
            clock.wall_ms,
            frozenset({self.config.http.address[1]}),
        )
        self.dispatcher = Dispatcher(
            self.writer,
            sealer,
            self.metrics,
            self.config.sending,
            clock,
            lease,
            self.config.sandbox_ports,
            self.config.operators,
            self.config.second_sim,
            self.config.sims,
        )
        radio: Any = self.radio  # what is asked of a radio, without a thread
        care_tools = CareTools(
            self.config,
            self.engine,
            self.writer,
            self.dispatcher,
            radio,
            sealer,
            self.metrics,
            clock,
            audit,
        )
        self.arrivals = Arrivals(care_tools, lambda text, _modem, _sim: text.startswith("loop test "))
        self.parts = replace(parts.build(care_tools), arrivals=self.arrivals)
        self.care = Care(self.parts.all())
        self.dispatcher.connect(self.radio, self.care.on_fact)
        self.writer.before_commit = self.dispatcher.pump
        self.service = Service(
            Tools(
                self.config,
                self.engine,
                self.writer,
                self.dispatcher,
                self.radio,  # type: ignore[arg-type] # what the service asks of a radio, without a thread
                sealer,
                self.metrics,
                clock,
                audit,
                self.hooks,
                self.parts,
            ),
            "local-secret",
        )
        self.service.audit.keep_head()
        self.writer.start()
        self.app: Flask = create_application(self.service)
        self.http: Client = self.app.test_client()
        self._references = itertools.count(1)
        self._names = itertools.count(1)

    def close(self) -> None:
        self.writer.stop(10)
        self.engine.dispose()

    def wall_ms(self) -> int:
        return START_MS + int(self.now * 1000)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.service.box.beat()
        self.writer.call(self.dispatcher.expire_due)
        self.settle()

    def settle(self) -> None:
        """Let the writer finish what is waiting and what that leads to."""
        for _ in range(3):
            self.writer.run(lambda _connection: None)

    # --- callers ---

    def key(self, *scopes: str) -> str:
        """A new key with these scopes, as a caller writes it."""
        key, secret = self.service.clients.create(f"key {next(self._names)}", frozenset(scopes))
        return f"sck_{key.id}_{secret.reveal()}"

    def call(self, method: str, path: str, key: str | None = None, **given: Any) -> TestResponse:
        headers = dict(given.pop("headers", {}))
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return self.http.open(path, method=method, headers=headers, **given)

    def post(self, path: str, key: str | None = None, **given: Any) -> TestResponse:
        return self.call("POST", path, key, **given)

    def get(self, path: str, key: str | None = None, **given: Any) -> TestResponse:
        return self.call("GET", path, key, **given)

    def send(self, key: str, **fields: Any) -> TestResponse:
        return self.post("/v1/messages", key, json={"to": PHONE, "text": TEXT, **fields})

    def start(self, key: str, **fields: Any) -> TestResponse:
        return self.post("/v1/verifications", key, json={"to": PHONE, "purpose": "login", **fields})

    def check(self, key: str, verification: str, code: str, **fields: Any) -> TestResponse:
        return self.post(f"/v1/verifications/{verification}/check", key, json={"code": code, **fields})

    # --- modems and network ---

    def text(self, index: int = -1) -> str:
        """What a phone would show of a job."""
        self.settle()
        return "".join(decode_submit(part.hex).text or "" for part in self.radio.jobs[index][1].parts)

    def code(self, index: int = -1) -> str:
        """The code in a job's text."""
        found = re.search(r"[0-9]{6,10}", self.text(index))
        assert found is not None
        return found[0]

    def tell(self, *facts: Fact) -> None:
        for fact in facts:
            self.writer.call(lambda fact=fact: self.dispatcher.on_fact(fact))  # type: ignore[misc] # bound now
        self.settle()

    def modem(self, name: str = "modem-1", state: ModemState = ModemState.READY, reason: str = "") -> None:
        """Plug a modem in, or move it into another state."""
        number = len(self.radio.cards) + 1
        card = self.radio.cards.get(name) or ModemSnapshot(
            name,
            f"/dev/{name}",
            state,
            reason,
            self.now,
            manufacturer="Huawei",
            model="E3372",
            revision="22.200.09.00.00",
            imei=f"86000000000{number:04d}",
            sim=_SIM.format(number),
            operator="Example Mobile",
            registration="home",
            signal_dbm=-79,
            reports=ReportRoute.DIRECT,
        )
        self.change(replace(card, state=state, reason=reason, since=self.now))

    def change(self, card: ModemSnapshot) -> None:
        self.radio.cards[card.name] = card
        self.tell(ModemChanged(card))

    def submitted(self, index: int = -1) -> int:
        """The network takes a job; returns the TP-MR of its last part."""
        self.settle()
        modem, job = self.radio.jobs[index]
        sim = self.radio.cards[modem].sim
        references = [next(self._references) & 0xFF for _ in job.parts]
        parts = [
            PartSubmitted(modem, sim, job.number, part, tp_mr, self.now, self.now)
            for part, tp_mr in enumerate(references)
        ]
        self.tell(*parts, SubmitEnded(modem, sim, job.number, SubmitEnd.SENT, parts_sent=len(parts)))
        return references[-1]

    def reported(self, tp_mr: int, *, modem: str = "modem-1", to: str = PHONE, tp_st: int = 0) -> None:
        """A delivery report comes."""
        at = datetime.fromtimestamp(self.wall_ms() / 1000, UTC)
        self.tell(ReportArrived(modem, self.radio.cards[modem].sim, StatusReport(tp_mr, to, at, at, tp_st)))


@contextmanager
def web_box(directory: Path, **settings: Any) -> Iterator[WebBox]:
    """A box that is closed in the end."""
    box = WebBox(directory, **settings)
    try:
        yield box
    finally:
        box.close()
