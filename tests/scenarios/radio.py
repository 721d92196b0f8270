"""What the dispatcher takes for the radio: each modem a real session and a virtual modem, in virtual time."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from random import Random

from simcourier.at.trace import TraceLine
from simcourier.config import Config
from simcourier.modem.facts import (
    Fact,
    Job,
    ModemSnapshot,
    ModemState,
    Rung,
    SubmitEnd,
    SubmitEnded,
    UssdEnd,
    UssdEnded,
)
from simcourier.modem.session import Session
from simcourier.modem.timings import Timings
from simcourier.virtual.modem import Modem
from simcourier.virtual.occasions import Cure

NEVER = float("inf")
LOOK_EVERY_S = 0.5
"""How often the port of an absent modem is looked for, as `RadioSettings.look_every`."""
POLL_SPREAD_S = 10.0
OPENS_IN_S = (0.005, 0.08)
"""How long `open()` of a port takes."""
REAUTHORISED_S = 1.5
"""How long a link is away whose USB authorisation is taken and given back."""
POWERED_S = 5.0


class Phase(StrEnum):
    """What the stand-in holds of a port."""

    CLOSED = "closed"
    OPENING = "opening"
    OPEN = "open"


class Link:
    """One modem's two ends. Time comes in; bytes pass between the ends until both have said all."""

    def __init__(self, radio: VirtualRadio, session: Session, modem: Modem, rng: Random) -> None:
        self._radio = radio
        self._rng = rng
        self.session = session
        self.modem = modem
        self.phase = Phase.CLOSED
        self.look_at = 0.0
        self.poll_at = NEVER
        self.armed_for = NEVER
        self._opens_at = NEVER

    @property
    def name(self) -> str:
        return self.modem.name

    def due(self) -> float:
        """When `advance` has something to do."""
        due = min(self.look_at, self.poll_at, self._opens_at)
        for deadline in (self.session.deadline, self.modem.next_deadline()):
            if deadline is not None and deadline < due:
                due = deadline
        return due

    def advance(self, now: float) -> None:
        """Do what is due."""
        modem, session = self.modem, self.session
        deadline = modem.next_deadline()
        if deadline is not None and deadline <= now:
            modem.advance(now)
            self._hear(now)
        if now >= self.look_at:
            self._look(now)
        if now >= self._opens_at:
            self._opened(now)
        if now >= self.poll_at:
            self.poll_at = NEVER
            session.poll(now)
        deadline = session.deadline
        if deadline is not None and deadline <= now:
            session.advance(now)
        self.settle(now)

    def settle(self, now: float) -> None:
        """Let the two talk until neither has anything to say, then tell what came of it."""
        modem, session = self.modem, self.session
        self._hear(now)
        while data := session.take_output():
            if self.phase is Phase.OPEN:
                modem.receive(data, now)
            self._hear(now)
        for fact in session.take_facts():
            self._radio.tell(fact)
        self._rescue(now)
        self._radio.arm(self)

    def _hear(self, now: float) -> None:
        """Take what the modem says; where nobody has its port open, it is lost."""
        said = self.modem.take_output()
        if self.phase is not Phase.OPEN:
            self._radio.unheard += said.count(b"+CDS:")
            return
        if said:
            self.session.receive(said, now)
        if not self.modem.is_plugged:
            self._close()
            self.look_at = now
            self.session.lost(now, f"{self.session.modem.port}: the device is gone")

    def _rescue(self, now: float) -> None:
        rung, self.session.modem.rescue_wanted = self.session.modem.rescue_wanted, None
        if rung is None:
            return
        reason = self.session.modem.standing.reason
        self._close()
        self.look_at = now
        if rung is Rung.REAUTHORISE:
            self.modem.unplug(now, REAUTHORISED_S, Cure.REPLUG)
        elif rung is Rung.POWER:
            self.modem.unplug(now, POWERED_S)
        self._radio.rungs.append((now, self.name, rung))
        self.session.stalled(now, reason)
        self.settle(now)

    # -- the port ------------------------------------------------------------------------------------------------

    def _look(self, now: float) -> None:
        self.look_at = now + LOOK_EVERY_S
        if self.modem.is_plugged and self.phase is Phase.CLOSED:
            self.phase = Phase.OPENING
            self.look_at = NEVER
            self._opens_at = now + self._rng.uniform(*OPENS_IN_S)
            self.session.opening(now)
        elif not self.modem.is_plugged and self.session.modem.state is not ModemState.ABSENT:
            self.session.closed(now, f"{self.session.modem.port}: no such port")

    def _opened(self, now: float) -> None:
        self._opens_at = NEVER
        if not self.modem.is_plugged:
            self.phase = Phase.CLOSED
            self.look_at = now + LOOK_EVERY_S
            self.session.closed(now, f"{self.session.modem.port}: no such port")
            return
        self.phase = Phase.OPEN
        if not self.session.modem.settled:
            self.session.modem.imei = ""  # whoever is there has to tell
        self.session.opened(now)

    def _close(self) -> None:
        self.phase = Phase.CLOSED
        self._opens_at = NEVER

    def restart(self, now: float) -> None:
        """Close the port on purpose and bring the modem up anew."""
        if self.phase is Phase.OPEN:
            self.modem.receive(self.session.farewell(), now)
        self._close()
        self.session.closed(now, "restarted")
        self.session.forget_pins()
        self.look_at = now
        self.settle(now)


Order = Callable[[float], None]


class VirtualRadio:
    """Has the surface of `radio.loop.Radio`; orders wait until `take_orders`, as they do for the radio's thread."""

    def __init__(
        self, sink: Callable[[Fact], None], rng: Random, config: Config, timings: Timings | None = None
    ) -> None:
        self._config = config
        self._sink = sink
        self._rng = rng
        self._timings = timings or Timings()
        self._orders: deque[Order] = deque()
        self._timers: list[tuple[float, int, Link]] = []
        self._turn = itertools.count()
        self._jobs: dict[int, Link] = {}
        self.links: list[Link] = []
        self._named: dict[str, Link] = {}
        self.rungs: list[tuple[float, str, Rung]] = []
        self.unheard = 0
        """Reports that were handed over while nobody had the port open."""
        self.alive = True

    def add(self, modem: Modem) -> Link:
        """Link a session to a virtual modem; its port is looked for at once."""
        session = Session(
            modem.name,
            f"/dev/{modem.name}",
            timings=self._timings,
            inbound=self._config.inbound.enabled,
            reset=self._config.recovery.reset,
            trace_lines=20,
        )
        link = Link(self, session, modem, Random(self._rng.random()))  # noqa: S311 - reproducible, not secret
        self.links.append(link)
        self._named[modem.name] = link
        self.arm(link)
        return link

    def link(self, name: str) -> Link:
        """One of them by its name."""
        return self._named[name]

    # -- the surface of the radio ----------------------------------------------------------------------------------

    def submit(self, modem: str, job: Job) -> None:
        self._orders.append(lambda now: self._submit(modem, job, now))

    def permit(self, job: int, granted: bool) -> None:
        self._orders.append(lambda now: self._permit(job, granted, now))

    def withdraw(self, job: int) -> None:
        self._orders.append(lambda now: self._withdraw(job, now))

    def allow_pin(self, modem: str, granted: bool) -> None:
        self._on(modem, lambda link, now: link.session.allow_pin(granted, now))

    def restart(self, modem: str) -> None:
        self._on(modem, Link.restart)

    def stored(self, modem: str, token: int) -> None:
        self._on(modem, lambda link, now: link.session.stored(token, now))

    def ussd(self, modem: str, request: int, code: str) -> None:
        if modem not in self._named:
            self._sink(UssdEnded(modem, "", request, UssdEnd.REFUSED, f"there is no modem {modem}"))
        self._on(modem, lambda link, now: link.session.ussd(request, code, now))

    def poll(self) -> None:
        self._orders.append(self._poll)

    def snapshots(self) -> Mapping[str, ModemSnapshot]:
        return {name: link.session.snapshot() for name, link in self._named.items()}

    def trace(self, modem: str, after: int = 0) -> list[TraceLine]:
        link = self._named.get(modem)
        return link.session.trace.lines(after) if link is not None else []

    # -- time ------------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float:
        """When `advance` is due."""
        return self._timers[0][0] if self._timers else NEVER

    def advance(self, now: float) -> None:
        """Let every link do what is due."""
        timers = self._timers
        while timers and timers[0][0] <= now:
            at, _, link = heapq.heappop(timers)
            if at != link.armed_for:
                continue
            link.armed_for = NEVER
            if link.due() <= now:
                link.advance(now)
            else:
                self.arm(link)

    def take_orders(self, now: float) -> None:
        """Carry out what the writer's side asked for."""
        while self._orders:
            self._orders.popleft()(now)

    def arm(self, link: Link) -> None:
        """Set a timer if the link is due before the one it has."""
        due = link.due()
        if due < link.armed_for:
            link.armed_for = due
            heapq.heappush(self._timers, (due, next(self._turn), link))

    def tell(self, fact: Fact) -> None:
        """Hand a fact on."""
        if type(fact) is SubmitEnded:
            self._jobs.pop(fact.job, None)
        self._sink(fact)

    def _on(self, modem: str, step: Callable[[Link, float], None]) -> None:
        link = self._named.get(modem)
        if link is not None:
            self._orders.append(lambda now: self._step(link, step, now))

    @staticmethod
    def _step(link: Link, step: Callable[[Link, float], None], now: float) -> None:
        step(link, now)
        link.settle(now)

    def _submit(self, modem: str, job: Job, now: float) -> None:
        link = self._named.get(modem)
        if link is None:
            reason = "there is no modem of that name"
            self._sink(SubmitEnded(modem, "", job.number, SubmitEnd.NOT_SENT, reason))
            return
        self._jobs[job.number] = link
        link.session.submit(job, now)
        link.settle(now)

    def _permit(self, job: int, granted: bool, now: float) -> None:
        link = self._jobs.get(job)
        if link is not None:
            link.session.permit(job, granted, now)
            link.settle(now)

    def _withdraw(self, job: int, now: float) -> None:
        link = self._jobs.get(job)
        if link is not None:
            link.session.withdraw(job, now)
            link.settle(now)

    def _poll(self, now: float) -> None:
        idle = [link for link in self.links if link.session.modem.state is ModemState.READY]
        for turn, link in enumerate(idle):
            link.poll_at = now + POLL_SPREAD_S * turn / len(idle)
            self.arm(link)
