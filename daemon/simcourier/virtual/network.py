"""The network between SIMs and handsets: references, delays, delivery and status reports (TS 23.040 section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import TypeVar

from simcourier.virtual import codec
from simcourier.virtual.accepted import Accepted, Record, Stats
from simcourier.virtual.codec import StatusReport, Submit
from simcourier.virtual.handset import Handsets, Message
from simcourier.virtual.occasions import Delay, Route, sample
from simcourier.virtual.settings import Settings
from simcourier.virtual.sim import Incoming, Receiver, Sim, make

# TP-ST (section 9.2.3.15).
ST_EXPIRED = 0x46
KEPT_COPIES = 100_000
T = TypeVar("T")
_NO_ROUTE = Route()
_DELIVERED = (0x00, 0x01, 0x02)


class _Step(IntEnum):
    INTERIM = 0
    DELIVER = 1
    REPORT = 2


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
        self._cards: dict[int, Sim] = {}
        self._copies: dict[tuple[str, str, int], int] = {}
        self._queue: list[tuple[float, int, _Step, Accepted]] = []
        self._order = count()
        self._touched: list[Receiver] = []
        self._ref = 0

    def subscribe(self, sim: Sim, receiver: Receiver) -> None:
        """Make a SIM known, with the modem that holds it."""
        sim.put_into(receiver)
        self._sims[sim.number] = sim
        self._cards[sim.index] = sim

    def card(self, index: int, settings: Settings) -> Sim:
        """Return the SIM of this number, the same one whichever modem it is put into."""
        return self._cards.get(index) or make(index, settings)

    def wall_s(self, now: float) -> float:
        """Seconds since 1970 on the service centre's clock."""
        return now + self._wall_s

    # -- from a SIM -----------------------------------------------------------------------------------

    def submit(
        self,
        sim: Sim,
        modem: str,
        submit: Submit,
        settings: Settings,
        rng: Random,
        now: float,
        delay: Delay | None = None,
    ) -> Accepted:
        """Take a message at `now`: give it its reference, and decide when it arrives and what is reported.

        `delay`: how long the answer takes, where that is not `settings.submit_delay`.
        """
        accepted = Accepted(sim, sim.next_mr(), submit, now)
        accepted.answer_at = now + sample(settings.submit_delay if delay is None else delay, rng)
        self._decide(accepted, settings, rng)
        self.stats.submits += 1
        self.records.append(
            Record(
                monotonic_ns=round(now * 1e9),
                wall_ms=round(self.wall_s(now) * 1e3),
                modem=modem,
                sim=sim.iccid,
                network=sim.plmn,
                copy=self._copy_of(submit),
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

    def _copy_of(self, submit: Submit) -> int:
        """Count how often this text has been submitted to this number."""
        key = (submit.to, submit.text, submit.part)
        copies = self._copies[key] = self._copies.pop(key, 0) + 1
        if len(self._copies) > KEPT_COPIES:
            del self._copies[next(iter(self._copies))]
        return copies

    def _decide(self, accepted: Accepted, settings: Settings, rng: Random) -> None:
        route = settings.route_to(accepted.submit.to) if settings.routes else _NO_ROUTE
        lost_rate = _either(route.lost_rate, settings.lost_rate)
        if _is_unpaid(accepted.sim, settings) or (lost_rate and rng.random() < lost_rate):
            accepted.delivered = False
            self.stats.lost += 1
            return
        status = route.report_status
        accepted.status = settings.report_status_of(rng) if status is None else status
        accepted.delivered = accepted.status in _DELIVERED
        accepted.has_report = accepted.submit.srr and _either(route.reports, settings.reports)
        accepted.report_delay = sample(_either(route.report_delay, settings.report_delay), rng)
        delivery_delay = sample(_either(route.delivery_delay, settings.delivery_delay), rng)
        arrives_at = accepted.answer_at + delivery_delay
        if settings.repeated_report_rate and rng.random() < settings.repeated_report_rate:
            accepted.reports = 2
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
        report = StatusReport(
            accepted.mr,
            submit.to,
            submit.address,
            int(self.wall_s(accepted.taken_at)),
            int(self.wall_s(now)),
            status,
        )
        for _ in range(accepted.reports):
            self.stats.reports += 1
            self._hold(accepted.sim, report, now)

    def _hold(self, sim: Sim, message: Incoming, now: float) -> None:
        held = sim.held
        if sim.receiver is not None and not sim.receiver.is_reached_by(message):
            self.stats.dropped += 1
            return
        if len(held) == held.maxlen:
            self.stats.dropped += 1
        held.append(message)
        if sim.receiver is not None:
            sim.receiver.offer(now)
            self._touched.append(sim.receiver)

    # -- to a SIM ---------------------------------------------------------------------------------------

    def text(
        self,
        sender: str,
        sim: Sim,
        text: str,
        now: float,
        *,
        shuffle: Random | None = None,
        copies: int = 1,
        lost: Sequence[bool] = (),
    ) -> int:
        """Send a text from a handset to a SIM and return the number of parts. Raises PduError.

        Each part comes `copies` times, all in an order that `shuffle` draws; `lost[n]`: part n + 1 never comes.
        """
        self._ref = self._ref + 1 & 255
        parts = codec.encode_delivers(sender, text, int(self.wall_s(now)), self._ref)
        sent = [part for number, part in enumerate(parts) if number >= len(lost) or not lost[number]] * copies
        if shuffle is not None:
            shuffle.shuffle(sent)
        for part in sent:
            self.stats.texts_to_sims += 1
            self._hold(sim, part, now)
        return len(parts)


def _either(special: T | None, usual: T) -> T:
    return usual if special is None else special


def _is_unpaid(sim: Sim, settings: Settings) -> bool:
    """Charge for a message; true when there is no credit left for it."""
    if sim.balance is None or not settings.price:
        return False
    if sim.balance < settings.price:
        return True
    sim.balance = round(sim.balance - settings.price, 4)
    return False
