"""A box without threads: real database, writer and dispatcher; the test is the radio and the clock."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simcourier.config import Sending
from simcourier.dispatch.clock import Clock
from simcourier.dispatch.dispatcher import Dispatcher
from simcourier.metrics import Metrics
from simcourier.modem.facts import (
    Fact,
    Job,
    ModemChanged,
    ModemSnapshot,
    ModemState,
    PartSubmitted,
    ReportArrived,
    SubmitEnd,
    SubmitEnded,
)
from simcourier.outbox import database, reading, recovery, store
from simcourier.outbox.message import MessageClass, NewMessage, OnUnknown, Status, Waiting
from simcourier.outbox.seal import Sealer
from simcourier.outbox.writer import Writer
from simcourier.sms.causes import Verdict
from simcourier.sms.report import StatusReport

PHONE = "+447700900001"
START_MS = 1_800_000_000_000


class Radio:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.jobs: list[tuple[str, Job]] = []
        self.permits: dict[int, bool] = {}
        self.pins: list[tuple[str, bool]] = []
        self.restarted: list[str] = []
        self.deleted: list[tuple[str, int]] = []

    def submit(self, modem: str, job: Job) -> None:
        self.jobs.append((modem, job))

    def permit(self, job: int, granted: bool) -> None:
        self.permits[job] = granted

    def allow_pin(self, modem: str, granted: bool) -> None:
        self.pins.append((modem, granted))

    def restart(self, modem: str) -> None:
        self.restarted.append(modem)

    def stored(self, modem: str, token: int) -> None:
        self.deleted.append((modem, token))


class Box:
    """One start of the daemon on a directory; `Box(same directory)` after `crash()` is the next start."""

    def __init__(
        self,
        directory: Path,
        settings: Sending | None = None,
        now: float = 0.0,
        sandbox_ports: tuple[str, ...] = (),
        **tables: Any,
    ) -> None:
        self.tables = tables
        self.directory = directory
        self.settings = settings or Sending()
        self.now = now
        self.engine = database.open_engine(directory)
        self.writer = Writer(self.engine)
        self.metrics = Metrics()
        self.radio = Radio()
        with self.engine.begin() as connection:
            lease = database.new_epoch(connection, self.wall_ms())
            self.recovered = recovery.recover(connection, self.wall_ms(), self.settings.max_resends)
        self.system_ms = self.wall_ms
        clock = Clock(lambda: self.now, lambda: self.system_ms())  # noqa: PLW0108 - tests replace it
        self.sealer = Sealer(b"k" * 32)
        self.sandbox_ports = sandbox_ports
        self.dispatcher = Dispatcher(
            self.writer, self.sealer, self.metrics, self.settings, clock, lease, sandbox_ports, **tables
        )
        self.dispatcher.connect(self.radio)
        self.writer.before_commit = self.dispatcher.pump
        with self.engine.connect() as connection:
            self.dispatcher.load(connection, database.count_queued(connection))
        self.connection = self.engine.connect()
        self._ids = itertools.count(1)

    def wall_ms(self) -> int:
        return START_MS + int(self.now * 1000)

    def turn(self) -> None:
        """Let the writer do everything that is waiting."""
        self.writer.turn(self.connection)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.writer.call(self.dispatcher.expire_due)
        self.turn()

    def close(self) -> None:
        self.connection.close()
        self.engine.dispose()

    def crash(self, sandbox_ports: tuple[str, ...] | None = None) -> Box:
        """End without a word and start again on the same directory, also with another configuration."""
        self.close()
        ports = self.sandbox_ports if sandbox_ports is None else sandbox_ports
        again = Box(self.directory, self.settings, self.now, ports, **self.tables)
        again._ids = self._ids
        return again

    def tell(self, *facts: Fact) -> None:
        for fact in facts:
            self.writer.call(lambda fact=fact: self.dispatcher.on_fact(fact))
        self.turn()

    def modem(self, name: str, state: ModemState = ModemState.READY, **fields: Any) -> None:
        card = {"sim": f"sim-{name}", **fields}
        self.tell(ModemChanged(ModemSnapshot(name, f"/dev/{name}", state, "", self.now, **card)))

    def accept(
        self,
        text: str = "Your code is 123456",
        to: str = PHONE,
        *,
        ttl: int = 300,
        message_class: MessageClass = MessageClass.OTP,
        on_unknown: OnUnknown = OnUnknown.RESEND,
        modem: str | None = None,
        supersedes: str | None = None,
        segments: int = 1,
        sandbox: bool = False,
    ) -> str:
        message_id = f"msg_{next(self._ids):022d}"
        now_ms = self.wall_ms()
        new = NewMessage(
            id=message_id,
            client="client",
            message_class=message_class,
            recipient=to,
            sealed=self.sealer.seal(text, message_id),
            alphabet="gsm7",
            segments=segments,
            created_at_ms=now_ms,
            deadline_ms=now_ms + ttl * 1000,
            on_unknown=on_unknown,
            supersede_key=supersedes,
            modem=modem,
            sandbox=sandbox,
        )

        def work(connection: object) -> tuple[Waiting, list[tuple[int, int]]]:
            replaced = []
            if supersedes is not None:
                replaced = store.supersede(connection, "client", supersedes, to, now_ms)
            return store.insert(connection, new), replaced

        def done(result: tuple[Waiting, list[tuple[int, int]]]) -> None:
            for n, rank in result[1]:
                self.dispatcher.dropped(n, rank, Status.SUPERSEDED)
            self.dispatcher.accepted(result[0])

        self.writer.submit(work, done, self._raise)
        self.turn()
        return message_id

    @staticmethod
    def _raise(error: BaseException) -> None:
        raise error

    def cancel(self, message_id: str) -> bool:
        record = self.record(message_id)
        answer: list[bool] = []

        def done(after: Status | None) -> None:
            answer.append(after is Status.CANCELED)
            if after is not None:
                self.dispatcher.dropped(record.n, record.message_class.rank, after)

        self.writer.submit(lambda c: store.cancel(c, record.n, self.wall_ms()), done, self._raise)
        self.turn()
        return answer[0]

    # --- the radio's part ---

    def job(self, index: int = -1) -> tuple[str, Job]:
        return self.radio.jobs[index]

    def sent(self, tp_mr: int, index: int = -1) -> None:
        modem, job = self.job(index)
        parts = [
            PartSubmitted(modem, f"sim-{modem}", job.number, part, tp_mr + part, self.now, self.now)
            for part in range(len(job.parts))
        ]
        self.tell(
            *parts, SubmitEnded(modem, f"sim-{modem}", job.number, SubmitEnd.SENT, parts_sent=len(parts))
        )

    def ended(
        self, end: SubmitEnd, reason: str = "", verdict: Verdict | None = None, index: int = -1
    ) -> None:
        modem, job = self.job(index)
        self.tell(SubmitEnded(modem, f"sim-{modem}", job.number, end, reason, verdict))

    def report(self, modem: str, tp_mr: int, tp_st: int = 0, to: str = PHONE, age: float = 0.0) -> None:
        stamp = datetime.fromtimestamp(START_MS / 1000 + self.now - age, UTC)
        self.tell(ReportArrived(modem, f"sim-{modem}", StatusReport(tp_mr, to, stamp, stamp, tp_st)))

    # --- what is on disk ---

    def record(self, message_id: str) -> reading.Record:
        with self.engine.connect() as connection:
            found = reading.find(connection, message_id, None)
        assert found is not None
        return found

    def status(self, message_id: str) -> Status:
        return self.record(message_id).status

    def history(self, message_id: str) -> list[Status]:
        with self.engine.connect() as connection:
            return [event.status for event in reading.history(connection, self.record(message_id).n)]
