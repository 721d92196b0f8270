"""The composition root: build every part, start them in order, stop them in the other order."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.engine import Connection

from simcourier import log
from simcourier.care import parts
from simcourier.care.care import Care
from simcourier.care.tools import CareTools
from simcourier.config import Config, read_pin
from simcourier.dispatch.clock import Clock
from simcourier.dispatch.dispatcher import Dispatcher
from simcourier.errors import UnavailableError
from simcourier.hooks.hooks import Hooks
from simcourier.metrics import Metrics
from simcourier.outbox import (
    access,
    clock_marks,
    database,
    duties,
    equipment,
    hooks,
    key_check,
    recovery,
    reduction,
    reports,
    verifications,
)
from simcourier.outbox.audit import Audit, Entry
from simcourier.outbox.audit import last as audit_end
from simcourier.outbox.audit_head import HeadFile
from simcourier.outbox.clock_marks import Mark
from simcourier.outbox.seal import Sealer
from simcourier.outbox.writer import Writer
from simcourier.radio.loop import Radio
from simcourier.radio.specs import DiscoverySpec, PortSpec, RadioSettings
from simcourier.service import LOCAL_KEY_FILE, Service, Tools

DAY_MS = 24 * 3600 * 1000
AWAIT_REPORT_MS = 3 * DAY_MS
"""After this long no delivery report is expected any more."""
IDEMPOTENCY_MS = DAY_MS
FAILURES_MS = 30 * DAY_MS
"""After this long without a wrong code the count of a number is forgotten; a lock is not."""
TRUNCATE_PATIENCE_MS = 250
"""How long the writer waits, twice a minute at most, for readers that keep the WAL from being emptied."""
HOOKS_DRAIN_S = 3.0
"""Seconds that a stop waits for applications that are being told something; it is told again at the next start."""


def system_ms() -> int:
    """The system's clock, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def clock_mark() -> Mark:
    """By how many milliseconds the system's clock is ahead of the time since boot, and which boot this is.

    systemd tells the boot's id (the unit's SIMCOURIER_BOOT): its file under /proc is hidden from a confined service.
    """
    offset_ms = system_ms() - time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    return Mark(offset_ms, os.environ.get("SIMCOURIER_BOOT", ""))


class App:
    """One running appliance. `start` returns when HTTP is served; modems come up meanwhile."""

    def __init__(self, config: Config, source: str = "configuration") -> None:
        self.config = config
        self._log = log.get("app")
        ports = port_specs(config, source)
        directory = config.storage.path
        database.make_directory(directory)
        self._lock = database.DirectoryLock(directory)
        self._engine = database.open_engine(directory)
        self.metrics = Metrics()
        clock = self._clock = Clock(time.monotonic, system_ms)
        sealer = self._open_keys()
        lease = self._recover()
        self._writer = Writer(self._engine, on_commit=self._committed)
        audit = Audit(sealer.audit_key)
        self._hooks = Hooks(
            self._engine,
            self._writer,
            sealer,
            audit,
            self.metrics,
            config.webhooks,
            clock.wall_ms,
            frozenset({config.http.address[1]}),
        )
        self._dispatcher = Dispatcher(
            self._writer,
            sealer,
            self.metrics,
            config.sending,
            clock,
            lease,
            config.sandbox_ports,
            config.operators,
            config.second_sim,
            config.sims,
        )
        discovery = (
            DiscoverySpec(config.discovery.ports, config.discovery.ignore)
            if config.discovery.enabled
            else None
        )
        # Facts hop from the radio's thread to the writer's, where every decision is made.
        self._radio = Radio(
            ports,
            discovery,
            lambda fact: self._writer.call(lambda: self._dispatcher.on_fact(fact)),
            RadioSettings(
                pins=card_pins(config, source),
                names=self._names(),
                roaming=config.sims.roaming,
                inbound=config.inbound.enabled,
                reset=config.recovery.reset,
                udev=config.discovery.udev,
                usb=config.recovery.usb,
                power=config.recovery.power,
            ),
        )
        tools = CareTools(
            config,
            self._engine,
            self._writer,
            self._dispatcher,
            self._radio,
            sealer,
            self.metrics,
            clock,
            audit,
        )
        care = parts.build(tools)
        self._care = Care(care.all())
        self._dispatcher.connect(self._radio, self._care.on_fact)
        self._writer.before_commit = self._dispatcher.pump
        self._writer.wake_in = self._dispatcher.wake_in
        local_secret = secrets.token_hex(32)
        self.service = Service(
            Tools(
                config,
                self._engine,
                self._writer,
                self._dispatcher,
                self._radio,
                sealer,
                self.metrics,
                clock,
                audit,
                self._hooks,
                care,
            ),
            local_secret,
        )
        self._writer.beat = self.service.box.beat
        self._patience_ms = 0
        self._local_key = directory / LOCAL_KEY_FILE
        _write_private(self._local_key, f"sck_local_{local_secret}\n")
        with self._engine.connect() as connection:
            self._dispatcher.load(connection, database.count_queued(connection))
        self._server = self._bind()
        self._http = threading.Thread(target=self._server.run, name="http", daemon=True)
        self._ticks = self._schedule()

    def _committed(self) -> None:
        self.metrics.commits.inc()
        self._hooks.wake()

    def _names(self) -> dict[str, str]:
        with self._engine.connect() as connection:
            return equipment.names(connection)

    def _open_keys(self) -> Sealer:
        """Before anything else is done with the database: under another key file nothing of it must go on."""
        now_ms, storage = self._clock.wall_ms(), self.config.storage
        with self._engine.begin() as connection:
            opened = key_check.open_checked(connection, storage, now_ms)
            chain = Audit(opened.sealer.audit_key)
            earlier = database.count_starts(connection)
            if opened.accepted:
                chain.append(connection, Entry(now_ms, "simcourier", "secrets.new-key", "key file"))
            elif opened.new and earlier:
                # After an upgrade; or somebody emptied the audit and what tells that there was one.
                said = f"the box was started {earlier} times before"
                chain.append(connection, Entry(now_ms, "simcourier", "audit.begin", "audit", said))
            if opened.new or opened.accepted:
                # Ahead of the commit: after a crash here it is done again, and no end on file is missed.
                HeadFile(chain, storage.path).write(audit_end(connection))
        return opened.sealer

    def _recover(self) -> int:
        now_ms = self._clock.wall_ms()
        with self._engine.begin() as connection:
            lease = database.new_epoch(connection, now_ms)
            self._look_at_clock(connection, now_ms)
            doubtful, resent = recovery.recover(connection, now_ms, self.config.sending.max_resends)
        if doubtful:
            self._log.warning(
                "submits were under way when the daemon ended", unknown=doubtful, sent_again=resent
            )
        return lease

    def _look_at_clock(self, connection: Connection, now_ms: int) -> None:
        """Close open verifications where nobody can say how old they are (ASVS 6.5.8)."""
        mark = clock_mark()
        # A machine without a clock of its own may begin each boot at the same time: then the mark is the same, too.
        ahead = verifications.is_ahead(connection, now_ms + clock_marks.LARGEST_DRIFT_MS)
        if ahead or clock_marks.is_doubtful(clock_marks.read(connection), mark):
            why = "the box was started anew, or its clock was set"
            closed = verifications.distrust(connection, now_ms, why)
            self._log.warning("open verifications were closed", count=len(closed), why=why)
        clock_marks.write(connection, mark)

    def _bind(self) -> Any:
        # Imported here: the page and the API know the service, the service does not know them.
        from simcourier_web.application import create_application
        from simcourier_web.server import serve

        http = self.config.http
        logging.getLogger("waitress").setLevel(logging.ERROR)
        try:
            return serve(create_application(self.service), http)
        except OSError as error:
            raise UnavailableError(f"http.listen {http.listen}: {_why_not_bound(error)}") from None

    def _schedule(self) -> BackgroundScheduler:
        # The jobs only post work to other threads, so they may run in the scheduler's own.
        scheduler = BackgroundScheduler(executors={"default": DebugExecutor()}, timezone="UTC")
        ticks = self.config.ticks

        def every(seconds: float, job: Callable[[], object]) -> None:
            scheduler.add_job(
                job, "interval", seconds=seconds, coalesce=True, max_instances=1, misfire_grace_time=None
            )

        every(ticks.expiry, lambda: self._writer.call(self._dispatcher.expire_due))
        every(ticks.signal, self._radio.poll)
        every(ticks.care, lambda: self._writer.call(self._care.tick))
        every(ticks.checkpoint, self._checkpoint)
        every(ticks.checkpoint, self.service.room.measure_disk)
        every(ticks.wipe, lambda: self._writer.call(self._wipe))
        every(ticks.wipe, self.service.secrets.tick)
        every(ticks.wipe, self.service.audit.keep_head)
        every(ticks.retention, lambda: self._writer.call(self._retire))
        every(ticks.retention, self.service.privacy.tick)
        every(ticks.retention, self.service.audit.prune)
        every(ticks.retention, self.service.limits.tick)
        return scheduler

    def _checkpoint(self) -> None:
        database.checkpoint(self._engine)

    def _wipe(self) -> None:
        """Wipe what is past its deadline, then empty the WAL, where wiped bodies could still be read."""
        now_ms = self._clock.wall_ms()
        self._post(lambda c: duties.wipe(c, now_ms))
        self._writer.call(self._truncate)

    def _truncate(self) -> None:
        # Runs between two transactions of the only writer; a reader at work makes it wait for the next round.
        if self._dispatcher.in_flight == 0 or self._wal_octets() > 64 << 20:
            # Readers that follow one another would put it off for ever: after a refusal it waits for those at work.
            busy, _frames, _moved = database.checkpoint(self._engine, "TRUNCATE", self._patience_ms)
            self._patience_ms = TRUNCATE_PATIENCE_MS if busy else 0

    def _wal_octets(self) -> int:
        wal = self.config.storage.path / "simcourier.db-wal"
        return wal.stat().st_size if wal.exists() else 0

    def _retire(self) -> None:
        now_ms = self._clock.wall_ms()
        # The clock drifts against the time since boot; a mark from years ago would look like a clock that was set.
        self._post(lambda c: clock_marks.write(c, clock_mark()))
        before_ms = now_ms - self.config.storage.retention_days * DAY_MS
        self._in_batches(lambda c: duties.stop_awaiting(c, now_ms - AWAIT_REPORT_MS))
        self._in_batches(lambda c: access.forget_answers(c, now_ms - IDEMPOTENCY_MS))
        self._in_batches(lambda c: verifications.retire(c, before_ms, duties.BATCH))
        self._post(lambda c: verifications.forget_failures(c, now_ms - FAILURES_MS))
        self._post(reports.drop_unmatched)
        told_before_ms = now_ms - self.config.webhooks.retention_days * DAY_MS
        self._in_batches(lambda c: hooks.retire(c, told_before_ms))
        self._retire_behind(0, before_ms)

    def _in_batches(self, work: Callable[[Connection], int]) -> None:
        """Do a batch and, while there is more, the next one behind whatever waits by then."""

        def done(count: int) -> None:
            if count >= duties.BATCH:
                self._writer.call(lambda: self._in_batches(work))

        self._writer.submit(work, done, self._duty_failed)

    def _retire_behind(self, place: int, before_ms: int) -> None:
        def done(result: tuple[int, int]) -> None:
            looked_at, last = result
            if looked_at >= duties.BATCH:
                self._writer.call(lambda: self._retire_behind(last, before_ms))

        def work(connection: Connection) -> tuple[int, int]:
            found = duties.retire(connection, before_ms, place)
            hooks.rewind(connection)
            reduction.rewind(connection)
            return found

        self._writer.submit(work, done, self._duty_failed)

    def _post(self, work: Callable[..., object]) -> None:
        self._writer.submit(work, lambda _result: None, self._duty_failed)

    def _duty_failed(self, error: BaseException) -> None:
        self._log.error("a recurring duty failed", error=str(error)[:200])

    @property
    def url(self) -> str:
        """Where the page and the API are."""
        return f"http://{self.config.http.listen}"

    def start(self) -> None:
        """Start writing, then the modems, then HTTP, then the ticks."""
        self.service.audit.keep_head()
        self._writer.start()
        self._radio.start()
        self._hooks.start()
        self._http.start()
        self._ticks.start()
        self._log.info("simcourier runs", url=self.url, storage=str(self.config.storage.path))

    def stop(self) -> None:
        """Accept and claim no more, let the submits in flight finish, write everything, close."""
        self.service.room.close()
        self._ticks.shutdown(wait=True)
        self._server.close()
        self._dispatcher.stop_claiming()
        self._radio.stop(self.config.sending.drain)
        self._hooks.stop(HOOKS_DRAIN_S)
        self._writer.stop(10)
        self.service.audit.keep_head()
        database.checkpoint(self._engine, "TRUNCATE")
        self._engine.dispose()
        self._local_key.unlink(missing_ok=True)
        self._lock.release()
        self._log.info("simcourier stopped")


def _why_not_bound(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "another program is using this address"
        case errno.EADDRNOTAVAIL:
            return "this machine does not have this address (yet)"
        case errno.EACCES:
            return "a port below 1024 needs the right to bind it; take a higher one"
        case _:
            return error.strerror or str(error)


def card_pins(config: Config, source: str) -> dict[str, str]:
    """The PINs of SIM cards by their ICCID. Raises ConfigError for a bad PIN file."""
    pins = {card.iccid: read_pin(card.pin_file, source, "sims.cards") for card in config.sims.cards}
    return {iccid: pin for iccid, pin in pins.items() if pin is not None}


def port_specs(config: Config, source: str) -> list[PortSpec]:
    """The configured modems as the radio wants them. Raises ConfigError for a bad PIN file."""
    return [
        PortSpec(modem.port, modem.name or "", modem.baudrate, read_pin(modem.pin_file, source, "modems"))
        for modem in config.modems
    ]


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
