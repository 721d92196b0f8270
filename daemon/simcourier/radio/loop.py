"""One thread, one selector, every modem: the surface that other threads call, and the loop behind it."""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import selectors
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from simcourier.at.trace import TraceLine
from simcourier.modem.facts import (
    Fact,
    Job,
    ModemChanged,
    ModemSnapshot,
    ModemState,
    SubmitEnd,
    SubmitEnded,
    UssdEnd,
    UssdEnded,
)
from simcourier.modem.recording import Recording
from simcourier.radio.hotplug import Hotplug, NoUdevError
from simcourier.radio.link import Link, Origin
from simcourier.radio.opener import Opener
from simcourier.radio.rescue import Rescuer
from simcourier.radio.roster import Roster
from simcourier.radio.specs import DiscoverySpec, PortSpec, RadioSettings
from simcourier.radio.sticks import Place, Sticks
from simcourier.radio.wire import NEVER

Order = Callable[[float], None]

_log = logging.getLogger(__name__)


class Radio:
    """Every modem of this box behind a surface that any thread may call.

    `sink` gets every fact, in the radio thread, in order; it must not block and must not raise. A `ModemChanged`
    comes before the `SubmitEnded` of the same moment, so that who gives out work knows whether the modem can
    take more. `ready` <-> `sending` is not told by `ModemChanged`: the job's own facts tell it.
    """

    def __init__(
        self,
        ports: Sequence[PortSpec],
        discovery: DiscoverySpec | None,
        sink: Callable[[Fact], None],
        settings: RadioSettings | None = None,
    ) -> None:
        self.settings = settings or RadioSettings()
        self.selector: selectors.BaseSelector = selectors.DefaultSelector()
        self.opener = Opener()
        self._hotplug = _listen() if self.settings.udev else None
        properties = self._hotplug.properties if self._hotplug is not None else None
        self.sticks = Sticks(self.settings.sysfs, properties)
        self.rescuer = Rescuer(
            usb=self.settings.usb,
            power=self.settings.power,
            requests=self.settings.rescue_requests,
            sysfs=self.settings.sysfs,
        )
        self._sink = sink
        self._roster = Roster(self, ports, discovery)
        self._jobs: dict[int, Link] = {}
        self._timers: list[tuple[float, int, Link]] = []
        self._timer_seq = itertools.count()
        self._orders: deque[Order] = deque()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        weakref.finalize(self, os.close, self._wake)
        self._awake = False
        self._thread: threading.Thread | None = None
        self._stop_at = NEVER
        self._ended = False

    # -- the surface: any thread -------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether the thread runs: false before `start`, after `stop`, and if a fault of ours ended it."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread; ports are opened from there on."""
        self._thread = threading.Thread(target=self._run, name="radio", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 60.0) -> None:
        """Take no more jobs, let those in flight finish for `timeout_s`, close every port, end the thread."""
        if self._thread is None:
            self._end()
            return
        self.post(lambda now: self._begin_to_stop(now + timeout_s))
        self._thread.join()
        self.opener.stop(2.0)

    def submit(self, modem: str, job: Job) -> None:
        """Hand a job to a modem; exactly one `SubmitEnded` answers it."""
        self.post(lambda _: self._submit(modem, job))

    def permit(self, job: int, granted: bool) -> None:
        """Let the PDU of a job leave, or withdraw it."""
        self.post(lambda _: self._permit(job, granted))

    def withdraw(self, job: int) -> None:
        """Take a job back if nothing of it has left: it ends `WITHDRAWN`, else as it would have."""
        self.post(lambda _: self._withdraw(job))

    def allow_pin(self, modem: str, granted: bool) -> None:
        """Answer a `PinWanted`."""
        self.post(lambda _: self._on(modem, Link.allow_pin, granted))

    def restart(self, modem: str) -> None:
        """Close the modem's port and bring it up anew; a refused PIN may then be asked for again."""
        self.post(lambda _: self._on(modem, Link.restart))

    def stored(self, modem: str, token: int) -> None:
        """What a fact with this token told is on record: delete it from the modem's store, or acknowledge it."""
        self.post(lambda _: self._on(modem, Link.stored, token))

    def ussd(self, modem: str, request: int, code: str) -> None:
        """Ask the network something by USSD (`*100#`); exactly one `UssdEnded` answers it."""
        self.post(lambda _: self._ussd(modem, request, code))

    def poll(self) -> None:
        """Ask every idle modem for registration, operator and signal, spread over some seconds."""
        self.post(self._poll)

    def snapshots(self) -> Mapping[str, ModemSnapshot]:
        """Every modem by name, as it stands now."""
        return {name: link.session.snapshot() for name, link in self._roster.named.copy().items()}

    def trace(self, modem: str, after: int = 0) -> list[TraceLine]:
        """The masked lines of a modem's trace with a number above `after`; empty for an unknown modem."""
        link = self._roster.named.get(modem)
        return link.session.trace.lines(after) if link is not None else []

    def record(self, modem: str, seconds: float) -> None:
        """Bring the modem up anew, and record what is said for so long, without anything personal in it."""
        self.post(lambda _: self._on(modem, Link.record, seconds))

    def recording(self, modem: str) -> Recording | None:
        """What was recorded last, or is being recorded."""
        link = self._roster.named.get(modem)
        return link.session.recording if link is not None else None

    @property
    def looking(self) -> bool:
        """Whether a port that was found is being tried for the first time."""
        return self._roster.looking

    def let_go(self) -> Mapping[str, str]:
        """Ports that were found and are no modem's, or can't be had, each with the reason."""
        return self._roster.finder.reasons.copy()

    def post(self, order: Order) -> None:
        """Run `order` in the radio thread with the time of that moment."""
        self._orders.append(order)
        if self._ended:
            self._take_orders()
        elif not self._awake:
            self._awake = True
            os.eventfd_write(self._wake, 1)

    def _ussd(self, modem: str, request: int, code: str) -> None:
        if modem in self._roster.named:
            self._on(modem, Link.ussd, request, code)
        else:
            self._sink(UssdEnded(modem, "", request, UssdEnd.REFUSED, f"there is no modem {modem}"))

    # -- the loop ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        self.selector.register(self._wake, selectors.EVENT_READ, None)
        if self._hotplug is not None:
            self.selector.register(self._hotplug.fileno(), selectors.EVENT_READ, self._hotplug)
        for link in self._roster.links:
            self.arm(link)
        try:
            while not self._may_end(time.monotonic()):
                self._turn()
        finally:
            self._end()

    def _turn(self) -> None:
        # From here on orders need a wake-up; one that came just before is seen by `_patience`.
        self._awake = False
        ready = self.selector.select(self._patience())
        self._awake = True
        for key, mask in ready:
            owner: Link | Hotplug | None = key.data
            if owner is None:
                os.eventfd_read(self._wake)
            elif owner is self._hotplug:
                self._carry_out(self._hear)
            elif isinstance(owner, Link):
                self._guard(owner, Link.ready, mask)
        self._take_orders()
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            self._fire(now)
        if now >= self._roster.scan_at:
            self._carry_out(self._roster.scan)

    def _hear(self, now: float) -> None:
        for event in self._hotplug.take() if self._hotplug is not None else ():
            self._roster.hear(event.path, event.gone, now)

    def _patience(self) -> float | None:
        if self._orders:
            return 0.0
        nearest = min(self._timers[0][0] if self._timers else NEVER, self._roster.scan_at, self._stop_at)
        return None if nearest == NEVER else max(0.0, nearest - time.monotonic())

    def _fire(self, now: float) -> None:
        at, _, link = heapq.heappop(self._timers)
        if at != link.armed_for:
            return
        link.armed_for = NEVER
        if link.due() <= now:
            self._guard(link, Link.advance)
        else:
            self.arm(link)

    def _take_orders(self) -> None:
        while self._orders:
            try:
                order = self._orders.popleft()
            except IndexError:  # after the end, callers take their orders themselves
                return
            self._carry_out(order)

    def _carry_out(self, step: Order) -> None:
        """Run something that is of no one link. A fault of ours in there must not end every modem's work."""
        try:
            step(time.monotonic())
        except Exception:
            _log.exception("a fault of this program; the radio goes on")

    def _guard(self, link: Link, step: Callable[..., None], *arguments: object) -> None:
        """Take one step of one link. A fault of ours in there must not end the other modems' work."""
        try:
            step(link, *arguments, time.monotonic())
        except Exception:
            _log.exception("%s: a fault of this program; the modem is started anew", link.name)
            now = time.monotonic()
            link.close(now, "a fault of this program, see the log", now + self.settings.retry_every)

    def _may_end(self, now: float) -> bool:
        if self._stop_at == NEVER:
            return False
        return now >= self._stop_at or not any(link.session.busy for link in self._roster.links)

    def _begin_to_stop(self, stop_at: float) -> None:
        self._stop_at = stop_at
        self._roster.stop()

    def _end(self) -> None:
        for link in self._roster.links:
            self._guard(link, Link.close_for_good, "simcourier stops")
        self._ended = True
        self._take_orders()
        self.selector.close()
        if self._hotplug is not None:
            self._hotplug.close()

    # -- orders --------------------------------------------------------------------------------------------------

    def _submit(self, modem: str, job: Job) -> None:
        link = self._roster.named.get(modem)
        if link is None or self._stop_at != NEVER or self._ended:
            reason = "there is no modem of that name" if link is None else "simcourier stops"
            self._sink(SubmitEnded(modem, "", job.number, SubmitEnd.NOT_SENT, reason))
        else:
            self._jobs[job.number] = link
            self._guard(link, Link.submit, job)

    def _permit(self, job: int, granted: bool) -> None:
        link = self._jobs.get(job)
        if link is not None:
            self._guard(link, Link.permit, job, granted)

    def _withdraw(self, job: int) -> None:
        link = self._jobs.get(job)
        if link is not None:
            self._guard(link, Link.withdraw, job)

    def _on(self, modem: str, step: Callable[..., None], *arguments: object) -> None:
        link = self._roster.named.get(modem)
        if link is not None and not self._ended:
            self._guard(link, step, *arguments)

    def _poll(self, now: float) -> None:
        idle = [link for link in self._roster.links if link.session.modem.state is ModemState.READY]
        for turn, link in enumerate(idle):
            link.poll_at = now + self.settings.poll_spread * turn / len(idle)
            self.arm(link)

    # -- what links ask of the radio (link.Hub) --------------------------------------------------------------------

    def arm(self, link: Link) -> None:
        """Set a timer if the link is due before the one it has. A timer that comes too early is set again."""
        due = link.due()
        if due < link.armed_for:
            link.armed_for = due
            heapq.heappush(self._timers, (due, next(self._timer_seq), link))

    def look_around(self) -> None:
        """Look for ports at the next turn."""
        self._roster.look_around(time.monotonic())

    def shared_with(self, link: Link) -> str:
        """Say whose modem is on the link's USB device too; empty where none is."""
        return self._roster.shared_with(link)

    def claim(self, link: Link, real_path: str, place: Place | None) -> str:
        """Let whoever was found at a configured port give way; return why that is not done yet, or nothing."""
        return self._roster.claim(link, real_path, place)

    def tell(self, link: Link, fact: Fact) -> None:
        """Hand a fact on, once the link counts as a modem."""
        if type(fact) is ModemChanged:
            self._roster.vet(link, fact.snapshot)
            if fact.snapshot.name != link.name:  # it was only just enlisted, under another name
                fact = ModemChanged(link.session.snapshot())
        elif type(fact) is SubmitEnded:
            self._jobs.pop(fact.job, None)
        if link.origin is not Origin.SUSPECTED:
            self._sink(fact)


def _listen() -> Hotplug | None:
    try:
        return Hotplug()
    except NoUdevError as error:
        _log.info("ports are looked for every now and then: %s", error)
        return None
