"""The appliance in virtual time: real database, writer, dispatcher and care, on modems that are not."""

from __future__ import annotations

import heapq
import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import cast

import structlog
from sqlalchemy import Engine, event, text

from simcourier.care import parts
from simcourier.care.care import Care
from simcourier.care.tools import CareTools
from simcourier.config import Config
from simcourier.dispatch.clock import Clock
from simcourier.dispatch.dispatcher import Dispatcher
from simcourier.metrics import Metrics
from simcourier.modem.facts import Fact, ReportArrived
from simcourier.modem.timings import Timings
from simcourier.outbox import database, duties, recovery, store
from simcourier.outbox.audit import Audit
from simcourier.outbox.message import MessageClass, NewMessage, OnUnknown, Status, Waiting
from simcourier.outbox.seal import Sealer
from simcourier.outbox.writer import Writer
from simcourier.radio.loop import Radio
from simcourier.virtual import scenario, sim
from simcourier.virtual.modem import Modem
from simcourier.virtual.network import Network

from .oracle import Evidence
from .radio import NEVER, VirtualRadio

START_MS = 1_800_000_000_000
START_S = 1000.0
"""Monotonic time at the start: no scenario leans on zero."""
COMMIT_S = 0.004
"""What comes within so much time of the first is committed with it, as a disk has it."""
LONGEST_PAUSE_S = 5.0
"""`outbox.writer` looks at least so often."""
IDLE_EVERY_S = 5.0
STARTS_IN_S = (0.5, 3.0)
"""How long nobody has the ports open after a kill."""

Action = Callable[[], None]


def modem_name(index: int) -> str:
    """What a modem is called."""
    return f"modem-{index:03d}"


class Killed(BaseException):
    """The daemon ends here; nothing in it may catch that."""


class World:
    """One appliance with its modems and their network; everything in one thread, nothing sleeps.

    `facts` is told each fact with its time before the appliance is. Use `with open_world(...)`.
    """

    def __init__(
        self,
        directory: Path,
        modems: int,
        plan: scenario.Scenario,
        config: Config | None = None,
        timings: Timings | None = None,
    ) -> None:
        self.now = START_S
        self.config = config or Config()
        self._directory = directory
        self._timings = timings
        self._commits_left = -1
        self._unanswered: dict[str, Action] = {}
        """Posts that have no answer yet: whoever sent them tries again where that does not come."""
        self._reports_lost = 0
        """What the daemons that were killed had not heard, or heard and not written."""
        self._unwritten = 0
        """Reports that came since the writer last had a turn, and that no modem keeps."""
        self.rng = Random(f"world {plan.seed}")  # noqa: S311 - reproducible, not secret
        self.onlookers: list[Callable[[float, Fact], None]] = []
        self._digest = blake2b(digest_size=16)
        self._agenda: list[tuple[float, int, Action]] = []
        self._turn = itertools.count()
        self._ids = itertools.count(1)
        self._writer_at = NEVER
        self.is_ending = False
        """Nothing more is to come: nobody asks the modems for their signal any more."""
        self.idle: list[tuple[float, int]] = []
        """How many modems could have taken a message at once, every five seconds."""
        self._build_appliance()
        self.network = Network(START_MS / 1000 - START_S)
        self.modems = [self._add_modem(index, plan) for index in range(modems)]
        self._begin_ticks()

    # -- building ------------------------------------------------------------------------------------------------

    def _build_appliance(self) -> None:
        """As `app.App` does, without threads, hooks and HTTP."""
        self.engine = engine = _open_engine(self._directory)
        self.writer = Writer(engine, on_commit=self._committed)
        self.metrics = Metrics()
        self.sealer = Sealer(b"k" * 32)
        self.clock = Clock(lambda: self.now, self.wall_ms)
        sending = self.config.sending
        with engine.begin() as connection:
            lease = database.new_epoch(connection, self.wall_ms())
            recovery.recover(connection, self.wall_ms(), sending.max_resends)
        self.dispatcher = Dispatcher(
            self.writer,
            self.sealer,
            self.metrics,
            sending,
            self.clock,
            lease,
            operators=self.config.operators,
            second_sim=self.config.second_sim,
            sims=self.config.sims,
        )
        self.radio = VirtualRadio(self._on_fact, self.rng, self.config, self._timings)
        tools = CareTools(
            self.config,
            engine,
            self.writer,
            self.dispatcher,
            cast(Radio, self.radio),  # it has the same surface
            self.sealer,
            self.metrics,
            self.clock,
            Audit(self.sealer.audit_key),
        )
        self.care = Care(parts.build(tools).all())
        self.dispatcher.connect(self.radio, self.care.on_fact)
        self.writer.before_commit = self.dispatcher.pump
        self.writer.wake_in = self.dispatcher.wake_in
        with engine.connect() as connection:
            self.dispatcher.load(connection, database.count_queued(connection))
        self.connection = engine.connect()

    def _add_modem(self, index: int, plan: scenario.Scenario) -> Modem:
        name = modem_name(index)
        timeline = plan.timeline(index, name)
        rng = Random(f"{plan.seed} {name}")  # noqa: S311 - reproducible, not secret
        card = sim.make(index, timeline.at(0.0)[0])
        modem = Modem(name, card, self.network, timeline, rng, self.now)
        self.radio.add(modem)
        return modem

    def _begin_ticks(self) -> None:
        ticks = self.config.ticks
        self.every(ticks.expiry, lambda: self.call(self.dispatcher.expire_due))
        self.every(ticks.signal, self._poll)
        self.every(ticks.care, lambda: self.call(self.care.tick))
        self.every(ticks.wipe, self._wipe)
        self.every(
            IDLE_EVERY_S, lambda: self.idle.append((self.now, len(self.dispatcher.fleet.side(False).idle)))
        )

    def _poll(self) -> None:
        if not self.is_ending:
            self.radio.poll()

    def _wipe(self) -> None:
        now_ms = self.wall_ms()
        self.write(lambda c: duties.wipe(c, now_ms))

    def close(self) -> None:
        """Close the database."""
        self.connection.close()
        self.engine.dispose()

    # -- the end, and another start --------------------------------------------------------------------------------

    def kill(self, commits: int = 0) -> None:
        """`kill -9`: now, or right behind so many more commits, before anybody hears of the last one."""
        self._commits_left = commits
        if not commits:
            self._start_again()

    def _committed(self) -> None:
        if self._commits_left > 0:
            self._commits_left -= 1
            if not self._commits_left:
                raise Killed

    def _start_again(self) -> None:
        """What was not committed is gone, and what the modems say until their ports are open again."""
        self.close()
        self._reports_lost += self.radio.unheard + self._unwritten
        self._unwritten = 0
        self._build_appliance()
        opens_at = self.now + self.rng.uniform(*STARTS_IN_S)
        for modem in self.modems:
            self.radio.add(modem).look_at = opens_at
        self._wake_writer()
        on_record = {row.id for row in self.rows("SELECT id FROM messages")} if self._unanswered else set()
        unanswered, self._unanswered = self._unanswered, {}
        for message_id, post in unanswered.items():
            if message_id not in on_record:
                post()

    # -- time ------------------------------------------------------------------------------------------------------

    def wall_ms(self) -> int:
        """The system's clock."""
        return START_MS + round((self.now - START_S) * 1000)

    def at(self, when: float, action: Action) -> None:
        """Do something at a time."""
        heapq.heappush(self._agenda, (when, next(self._turn), action))

    def after(self, seconds: float, action: Action) -> None:
        """Do something after a while."""
        self.at(self.now + seconds, action)

    def every(self, seconds: float, action: Action) -> None:
        """Do something again and again."""

        def again() -> None:
            action()
            self.after(seconds, again)

        self.after(seconds, again)

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass, each deadline at its moment; True as soon as something is so."""
        end = self.now + seconds
        while not until():
            moment = self._next_moment()
            if moment > end:
                self.now = end
                return until()
            self.now = max(self.now, moment)
            self._step()
        return True

    def _next_moment(self) -> float:
        agenda = self._agenda[0][0] if self._agenda else NEVER
        network = self.network.next_deadline()
        moment = min(agenda, self.radio.next_deadline(), self._writer_at)
        return moment if network is None or network > moment else network

    def _step(self) -> None:
        now, agenda = self.now, self._agenda
        while agenda and agenda[0][0] <= now:
            heapq.heappop(agenda)[2]()
        for receiver in self.network.advance(now):
            self.radio.links[receiver.index].settle(now)
        self.radio.take_orders(now)
        self.radio.advance(now)
        if self._writer_at <= now:
            self._write()

    def _write(self) -> None:
        try:
            self.writer.turn(self.connection)
            self._unwritten = 0
        except Killed:
            self._start_again()
        wanted = self.dispatcher.wake_in()
        pause = LONGEST_PAUSE_S if wanted is None else min(LONGEST_PAUSE_S, max(COMMIT_S, wanted))
        self._writer_at = self.now + pause
        self.radio.take_orders(self.now)

    def _wake_writer(self) -> None:
        self._writer_at = min(self._writer_at, self.now + COMMIT_S)

    # -- what comes into the appliance -----------------------------------------------------------------------------

    def _on_fact(self, fact: Fact) -> None:
        self._digest.update(f"{self.now:.6f} {fact!r}\n".encode())
        self._unwritten += isinstance(fact, ReportArrived) and not fact.token
        for onlooker in self.onlookers:
            onlooker(self.now, fact)
        self.call(lambda: self.dispatcher.on_fact(fact))

    def call(self, run: Action) -> None:
        """Run something in the writer's turn."""
        self.writer.call(run)
        self._wake_writer()

    def write(
        self, work: Callable[..., object], done: Callable[[object], None] = lambda _result: None
    ) -> None:
        """Write something; a refusal is a fault of this test."""
        self.writer.submit(work, done, _raise)
        self._wake_writer()

    def accept(
        self,
        words: str,
        to: str,
        *,
        ttl: float = 300.0,
        message_class: MessageClass = MessageClass.OTP,
        on_unknown: OnUnknown = OnUnknown.RESEND,
        modem: str | None = None,
        supersedes: str | None = None,
        segments: int = 1,
    ) -> str:
        """Accept a message as the service does; returns its id."""
        message_id = f"msg_{next(self._ids):022d}"
        now_ms = self.wall_ms()
        new = NewMessage(
            id=message_id,
            client="client",
            message_class=message_class,
            recipient=to,
            sealed=self.sealer.seal(words, message_id),
            alphabet="gsm7",
            segments=segments,
            created_at_ms=now_ms,
            deadline_ms=now_ms + int(ttl * 1000),
            on_unknown=on_unknown,
            supersede_key=supersedes,
            modem=modem,
        )

        def work(connection: object) -> tuple[Waiting, list[tuple[int, int]]]:
            replaced = []
            if supersedes is not None:
                replaced = store.supersede(connection, "client", supersedes, to, now_ms)
            return store.insert(connection, new), replaced

        def done(result: tuple[Waiting, list[tuple[int, int]]]) -> None:
            del self._unanswered[message_id]
            for n, rank in result[1]:
                self.dispatcher.dropped(n, rank, Status.SUPERSEDED)
            self.dispatcher.accepted(result[0])

        def post() -> None:
            self._unanswered[message_id] = post
            self.write(work, done)

        post()
        return message_id

    def cancel(self, message_id: str, message_class: MessageClass) -> None:
        """Cancel a message, if it still waits."""
        now_ms = self.wall_ms()
        find = text("SELECT n FROM messages WHERE id = :id")

        def work(connection: object) -> int | None:
            n = connection.execute(find, {"id": message_id}).scalar_one()
            return n if store.cancel(connection, n, now_ms) else None

        def done(n: int | None) -> None:
            if n is not None:
                self.dispatcher.dropped(n, message_class.rank, Status.CANCELED)

        self.write(work, done)

    # -- what is seen of it ----------------------------------------------------------------------------------------

    def rows(self, query: str, **values: object) -> Sequence:
        """What the database says."""
        with self.engine.connect() as connection:
            return connection.execute(text(query), values).all()

    def evidence(self) -> Evidence:
        """What an oracle judges by."""
        return Evidence(
            self.network.records,
            self.rows,
            START_MS - START_S * 1000,
            self.now,
            self.idle,
            IDLE_EVERY_S,
            reports_lost=self._reports_lost + self.radio.unheard,
        )

    def digest(self) -> str:
        """Stands for everything that happened so far: every fact with its time, and every message's history."""
        history = self._digest.copy()
        for row in self.rows("SELECT message, at_ms, status, modem, detail FROM message_events ORDER BY seq"):
            history.update(repr(tuple(row)).encode())
        return history.hexdigest()


def _raise(error: BaseException) -> None:
    raise error


def _open_engine(directory: Path) -> Engine:
    """A database that costs what its statements cost: nobody is to find it again after a power cut."""
    engine = database.open_engine(directory)

    def hurry(connection: object, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA wal_autocheckpoint=1000")

    engine.dispose()
    event.listen(engine, "connect", hurry)
    return engine


def memory() -> Path | None:
    """The file system that is in memory, where there is one."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() else None


@contextmanager
def open_world(
    modems: int,
    plan: str | scenario.Scenario = "",
    config: Config | None = None,
    timings: Timings | None = None,
    directory: Path | None = None,
) -> Iterator[World]:
    """A world without a log, its database below `directory` or in memory."""
    chosen = scenario.parse(plan) if isinstance(plan, str) else plan
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    own = Path(tempfile.mkdtemp(prefix="simcourier-world-", dir=directory or memory()))
    world = World(own, modems, chosen, config, timings)
    try:
        yield world
    finally:
        world.close()
        structlog.configure(**before)
        with suppress(OSError):
            shutil.rmtree(own)
