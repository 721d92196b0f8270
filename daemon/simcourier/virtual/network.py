"""The network between SIMs and handsets: references, delays, delivery and status reports (TS 23.040 section 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from heapq import heappop, heappush
from itertools import count
from random import Random

import msgspec

from simcourier.virtual import codec
from simcourier.virtual.codec import StatusReport, Submit
from simcourier.virtual.handset import Handsets, Message
from simcourier.virtual.settings import Settings, sample
from simcourier.virtual.sim import Incoming, Receiver, Sim

# TP-ST (section 9.2.3.15).
ST_EXPIRED = 0x46
_DELIVERED = (0x00, 0x01, 0x02)


class Record(msgspec.Struct, kw_only=True):
    """One SMS-SUBMIT that reached the network, as a line of network.jsonl has it.

    `vp` is the validity in seconds, or null; `delivered` and `tp_st` are what the network has decided to do.
    """

    monotonic_ns: int
    modem: str
    mr: int
    to: str
    text: str
    vp: float | None
    part: int
    parts: int
    ref: int
    srr: bool
    pid: int
    dcs: int
    alphabet: str
    delivered: bool
    tp_st: int


class Stats(msgspec.Struct):
    """What the network has done so far; `dropped` counts what a SIM's queue had no room for."""

    submits: int = 0
    delivered: int = 0
    undelivered: int = 0
    lost: int = 0
    reports: int = 0
    dropped: int = 0
    texts_to_sims: int = 0


class _Step(IntEnum):
    INTERIM = 0
    DELIVER = 1
    REPORT = 2


class Accepted:
    """A message that the network has taken; `answer_at` is when the modem learns its reference."""

    __slots__ = ("answer_at", "delivered", "has_report", "interim_status", "is_done", "mr", "report_delay", "sim",
                 "status", "submit", "taken_at")  # fmt: skip

    def __init__(self, sim: Sim, mr: int, submit: Submit, taken_at: float) -> None:
        self.sim = sim
        self.mr = mr
        self.submit = submit
        self.taken_at = taken_at
        self.answer_at = taken_at
        self.status = self.interim_status = 0
        self.delivered = True
        self.has_report = False
        self.report_delay = 0.0
        self.is_done = False


class Network:
    """One operator's network, or all of them.

    `wall_s` added to `now` is the service centre's clock. Nothing happens by itself: `advance(now)` does what is
    due, and tells which modems have taken something.
    """

    def __init__(self, wall_s: float = 0.0, on_text: Callable[[Message], None] | None = None) -> None:
        self.handsets = Handsets(on_text)
        self.stats = Stats()
        self.records: list[Record] = []
        self._wall_s = wall_s
        self._sims: dict[str, Sim] = {}
        self._queue: list[tuple[float, int, _Step, Accepted]] = []
        self._order = count()
        self._touched: list[Receiver] = []
        self._ref = 0

    def subscribe(self, sim: Sim, receiver: Receiver) -> None:
        """Make a SIM known, with the modem that holds it."""
        sim.receiver = receiver
        self._sims[sim.number] = sim

    def wall_s(self, now: float) -> float:
        """Seconds since 1970 on the service centre's clock."""
        return now + self._wall_s

    # -- from a SIM -----------------------------------------------------------------------------------

    def submit(
        self, sim: Sim, modem: str, submit: Submit, settings: Settings, rng: Random, now: float
    ) -> Accepted:
        """Take a message at `now`: give it its reference, and decide when it arrives and what is reported."""
        accepted = Accepted(sim, sim.next_mr(), submit, now)
        accepted.answer_at = now + sample(settings.submit_delay, rng)
        self._decide(accepted, settings, rng)
        self.stats.submits += 1
        self.records.append(
            Record(
                monotonic_ns=round(now * 1e9),
                modem=modem,
                mr=accepted.mr,
                to=submit.to,
                text=submit.text,
                vp=submit.vp_s,
                part=submit.part,
                parts=submit.parts,
                ref=submit.ref,
                srr=submit.srr,
                pid=submit.pid,
                dcs=submit.dcs,
                alphabet=submit.alphabet,
                delivered=accepted.delivered,
                tp_st=accepted.status,
            )
        )
        return accepted

    def _decide(self, accepted: Accepted, settings: Settings, rng: Random) -> None:
        if settings.lost_rate and rng.random() < settings.lost_rate:
            accepted.delivered = False
            self.stats.lost += 1
            return
        accepted.status = settings.report_status_of(rng)
        accepted.delivered = accepted.status in _DELIVERED
        accepted.has_report = settings.reports and accepted.submit.srr
        accepted.report_delay = sample(settings.report_delay, rng)
        arrives_at = accepted.answer_at + sample(settings.delivery_delay, rng)
        vp_s = accepted.submit.vp_s
        if vp_s is not None and arrives_at > accepted.taken_at + vp_s:
            # The service centre gives up when the validity ends, and says so at once.
            arrives_at = max(accepted.answer_at, accepted.taken_at + vp_s)
            accepted.status, accepted.delivered = ST_EXPIRED, False
        if settings.interim_status is not None and accepted.has_report:
            accepted.interim_status = settings.interim_status
            self._at(accepted.answer_at, _Step.INTERIM, accepted)
        self._at(arrives_at, _Step.DELIVER, accepted)

    def hasten(self, accepted: Accepted, now: float) -> None:
        """Deliver and report at once: the report will be at the modem before its answer."""
        accepted.report_delay = 0.0
        self._deliver(accepted, now)

    def _at(self, when: float, step: _Step, accepted: Accepted) -> None:
        heappush(self._queue, (when, next(self._order), step, accepted))

    # -- as time goes by --------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When something is due next."""
        return self._queue[0][0] if self._queue else None

    def advance(self, now: float) -> list[Receiver]:
        """Do what is due, and return the modems that were offered something."""
        queue = self._queue
        while queue and queue[0][0] <= now:
            _, _, step, accepted = heappop(queue)
            if step is _Step.DELIVER:
                self._deliver(accepted, now)
            elif step is _Step.REPORT:
                self._report(accepted, accepted.status, now)
            else:
                self._report(accepted, accepted.interim_status, now)
        touched, self._touched = self._touched, []
        return touched

    def _deliver(self, accepted: Accepted, now: float) -> None:
        if accepted.is_done:
            return
        accepted.is_done = True
        submit, sender = accepted.submit, accepted.sim.number
        if accepted.delivered:
            self.stats.delivered += 1
            other = self._sims.get(submit.to)
            if other is None:
                self.handsets.receive(sender, submit, now)
            else:
                self._hold(other, codec.forward(submit, sender, int(self.wall_s(now))), now)
        else:
            self.stats.undelivered += 1
        if not accepted.has_report:
            return
        if accepted.report_delay > 0:
            self._at(now + accepted.report_delay, _Step.REPORT, accepted)
        else:
            self._report(accepted, accepted.status, now)

    def _report(self, accepted: Accepted, status: int, now: float) -> None:
        submit = accepted.submit
        self.stats.reports += 1
        report = StatusReport(
            accepted.mr,
            submit.to,
            submit.address,
            int(self.wall_s(accepted.taken_at)),
            int(self.wall_s(now)),
            status,
        )
        self._hold(accepted.sim, report, now)

    def _hold(self, sim: Sim, message: Incoming, now: float) -> None:
        held = sim.held
        if len(held) == held.maxlen:
            self.stats.dropped += 1
        held.append(message)
        if sim.receiver is not None:
            sim.receiver.offer(now)
            self._touched.append(sim.receiver)

    # -- to a SIM ---------------------------------------------------------------------------------------

    def text(self, sender: str, sim: Sim, text: str, now: float) -> int:
        """Send a text from a handset to a SIM and return the number of parts. Raises PduError."""
        self._ref = self._ref + 1 & 255
        parts = codec.encode_delivers(sender, text, int(self.wall_s(now)), self._ref)
        for part in parts:
            self.stats.texts_to_sims += 1
            self._hold(sim, part, now)
        return len(parts)
