"""One modem's port and session: moves bytes between them, and looks for the port while it is absent."""

from __future__ import annotations

import logging
import os
import selectors
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from simcourier.modem.facts import Fact, Job, ModemState, Rung
from simcourier.modem.rates import rates_for
from simcourier.modem.recording import Recording
from simcourier.modem.session import Session
from simcourier.radio.errors import PortError, PortGoneError
from simcourier.radio.opener import Opener
from simcourier.radio.remote import is_remote
from simcourier.radio.rescue import Rescuer
from simcourier.radio.roles import NEVER_OPENED
from simcourier.radio.specs import PortSpec, RadioSettings
from simcourier.radio.sticks import Place, Sticks
from simcourier.radio.wire import NEVER, Wire, WireFullError, WireLostError

_STEADY = 10.0
"""A connection to a port on the network that held so long is made anew without a long pause."""
_RESCUE_LIMIT = 120.0
"""How long a port is left alone while its stick is being woken, if nobody says how that ended."""

_RUNGS = {
    Rung.REAUTHORISE: "its USB device is taken away from the kernel and given back",
    Rung.POWER: "the power of its hub's port is switched off and on",
}

_log = logging.getLogger(__name__)


class Phase(StrEnum):
    """What the link holds of its port."""

    CLOSED = "closed"
    OPENING = "opening"
    OPEN = "open"


class Origin(StrEnum):
    """How the link came to be, and whether it counts as a modem."""

    CONFIGURED = "configured"
    FOUND = "found"
    """A glob or discovery found the port, and a modem has answered on it."""
    SUSPECTED = "suspected"
    """A glob or discovery found the port; nothing has shown that it is a modem's."""


class Hub(Protocol):
    """What a link needs of the radio."""

    selector: selectors.BaseSelector
    opener: Opener
    settings: RadioSettings
    sticks: Sticks
    rescuer: Rescuer

    def post(self, order: Callable[[float], None]) -> None:
        """Run `order` in the radio thread; may be called from any other."""

    def arm(self, link: Link) -> None:
        """The link's `due` may have come nearer."""

    def tell(self, link: Link, fact: Fact) -> None:
        """Take a fact of the link's session."""

    def look_around(self) -> None:
        """Look for ports now: one may be had that could not be had before."""

    def shared_with(self, link: Link) -> str:
        """Say whose modem is on the link's USB device too, so that it must not be woken; empty where none is."""

    def claim(self, link: Link, real_path: str, place: Place | None) -> str:
        """A configured port is there: whoever was found at its stick gives way; return why not yet, or nothing."""


class Link:
    """One modem's port and session. Every method runs in the radio thread."""

    def __init__(self, hub: Hub, spec: PortSpec, session: Session, origin: Origin) -> None:
        self._hub = hub
        self.spec = spec
        self.session = session
        self.origin = origin
        self.phase = Phase.CLOSED
        self.real_path = spec.port
        self.look_at = 0.0
        self.poll_at = NEVER
        self.armed_for = NEVER
        self.place: Place | None = None
        """Where the port sat when it was last opened."""
        self.imei = ""
        """Whose link this is: the stick that was last seen here."""
        self.card = ""
        """The SIM that it had."""
        self.confirmed = False
        """Whether that stick has told its IMEI since the port was opened."""
        self.parked = False
        """Its port belongs to another stick now; discovery finds where this one went."""
        self.remote = is_remote(spec.port)
        self._pause = hub.settings.remote_pause
        self._opened_at = NEVER
        self.wire = Wire(hub.selector, hub.settings, self)
        self._attempt = 0
        self._being_woken = False
        """Its stick's turn to be woken comes or has come; what others of the hub tell of theirs is not about it."""

    @property
    def name(self) -> str:
        """The modem's name."""
        return self.session.modem.name

    def due(self) -> float:
        """When `advance` has something to do."""
        deadline = self.session.deadline
        nearest = min(self.look_at, self.poll_at, self.wire.stall_at)
        return nearest if deadline is None or nearest < deadline else deadline

    def advance(self, now: float) -> None:
        """Do what is due."""
        if now >= self.wire.stall_at:
            self.reopen(now, f"the port takes no bytes for {self._hub.settings.write_stall:g} s")
        if now >= self.look_at:
            self._look(now)
        if now >= self.poll_at:
            self.poll_at = NEVER
            self.session.poll(now)
        deadline = self.session.deadline
        if deadline is not None and now >= deadline:
            self.session.advance(now)
        self.after_step(now)

    def after_step(self, now: float) -> None:
        """Carry out what the last step of the session left to do."""
        session = self.session
        if session.modem.rate_wanted:
            self._change_rate(session.modem.rate_wanted)
        data = session.take_output()
        if data and self.phase is Phase.OPEN:
            self._write(data, now)
        for fact in session.take_facts():
            self._hub.tell(self, fact)
        wanted = session.modem.rescue_wanted
        if wanted is not None:
            session.modem.rescue_wanted = None
            self._wake(wanted, now)
        self._hub.arm(self)

    def submit(self, job: Job, now: float) -> None:
        """Hand a job to the modem."""
        self.session.submit(job, now)
        self.after_step(now)

    def permit(self, job: int, granted: bool, now: float) -> None:
        """Let the PDU of a job leave, or withdraw it."""
        self.session.permit(job, granted, now)
        self.after_step(now)

    def withdraw(self, job: int, now: float) -> None:
        """Take a job back as long as nothing of it has left."""
        self.session.withdraw(job, now)
        self.after_step(now)

    def allow_pin(self, granted: bool, now: float) -> None:
        """Answer the session's `PinWanted`."""
        self.session.allow_pin(granted, now)
        self.after_step(now)

    def stored(self, token: int, now: float) -> None:
        """What a fact with this token told is on record."""
        self.session.stored(token, now)
        self.after_step(now)

    def ussd(self, request: int, code: str, now: float) -> None:
        """Ask the network something by USSD."""
        self.session.ussd(request, code, now)
        self.after_step(now)

    def restart(self, now: float) -> None:
        """Close the port and bring the modem up anew."""
        if self.parked:
            self._hub.look_around()
            return
        self.close(now, "restarted", look_at=now)
        self.session.forget_pins()
        self.advance(now)

    def record(self, seconds: float, now: float) -> None:
        """Bring the modem up anew, and record what is said for so long."""
        if self.parked:
            return
        self.close(now, "restarted to be recorded", look_at=now)
        # What was learned before would not be asked for, and the dialogue could not be played by who knows nothing.
        self.session.modem.forget_everything()
        self.session.recording = Recording(now, now + seconds)
        self.advance(now)

    # -- the port ------------------------------------------------------------------------------------------------

    def look_now(self, now: float) -> None:
        """Something has changed about ports: if this one is missing, look for it at once."""
        waits = self.phase is Phase.CLOSED and not self._being_woken
        if waits and not self.remote and now < self.look_at < NEVER:
            self.look_at = now
            self._hub.arm(self)

    def is_gone(self) -> bool:
        """Whether the port's device went although its descriptor tells nothing of that."""
        return (
            self.phase is Phase.OPEN and self.place is not None and not self._hub.sticks.is_there(self.place)
        )

    def _look(self, now: float) -> None:
        self.look_at = now + self._hub.settings.look_every
        self._being_woken = False
        if self.phase is Phase.OPENING:
            self._hub.opener.look_after()
        elif self.remote:
            self._open(now)
        elif Path(self.spec.port).exists():
            self._approach(now)
        else:
            self._miss(now, f"{self.spec.port}: no such port")

    def _miss(self, now: float, reason: str) -> None:
        self.real_path = ""  # what appears there now may be somebody else's
        standing = self.session.modem.standing
        if standing.state is not ModemState.ABSENT or not standing.reason:
            self.session.closed(now, reason)

    def _approach(self, now: float) -> None:
        """The port is there: open it, unless it is not the one that it was, or must not be opened."""
        place = self._hub.sticks.place(self.spec.port)
        before = self.place
        moved = before is not None and (place is None or place.kind != before.kind)
        if moved and self.origin is Origin.FOUND:
            self.park(now)
        elif place is not None and place.role in NEVER_OPENED:
            self._miss(now, f"{self.spec.port}: {self._hub.sticks.why_never(place)}")
        else:
            if before is not None and place is not None and before.device != place.device:
                self._miss(now, f"another device is at {self.spec.port}")
            taken = self._claim(place)
            if taken:
                self._miss(now, f"{self.spec.port}: {taken}")
                return
            self.place = place
            self._open(now)

    def _claim(self, place: Place | None) -> str:
        if self.origin is not Origin.CONFIGURED:
            return ""
        return self._hub.claim(self, os.path.realpath(self.spec.port), place)

    def park(self, now: float) -> None:
        """Another stick is at this port: leave it to discovery, which also finds where this one went."""
        self.parked = True
        self.close(now, f"another stick is at {self.spec.port} now")
        self.real_path = ""
        self._hub.look_around()

    def _open(self, now: float) -> None:
        self.real_path = self.spec.port if self.remote else os.path.realpath(self.spec.port)
        self.phase = Phase.OPENING
        self._attempt += 1
        attempt = self._attempt
        self.session.modem.device = self.place.device if self.place is not None else ""
        self.session.opening(now)

        def done(outcome: int | PortError) -> None:
            self._hub.post(lambda now: self._opened(attempt, outcome, now))

        self._hub.opener.open(self.spec.port, self._rate(), done)

    def _rate(self) -> int:
        """The rate to open the port with: where only a modem can be meant, it may be found at another."""
        modem = self.session.modem
        if not modem.rates and self.origin is Origin.CONFIGURED and not self.remote:
            modem.rates = rates_for(self.spec.baudrate)
        return modem.rates[0] if modem.rates else self.spec.baudrate

    def _change_rate(self, rate: int) -> None:
        self.session.modem.rate_wanted = 0
        if self.phase is not Phase.OPEN:
            return
        attempt = self._attempt
        self.wire.hold()
        self._hub.opener.change_rate(
            self.wire.fd, rate, lambda: self._hub.post(lambda now: self._rate_changed(attempt, now))
        )

    def _rate_changed(self, attempt: int, now: float) -> None:
        if attempt == self._attempt and self.phase is Phase.OPEN:
            self._write_by(lambda: self.wire.release(now), now)
            self.after_step(now)

    def _opened(self, attempt: int, outcome: int | PortError, now: float) -> None:
        if attempt != self._attempt or self.phase is not Phase.OPENING:
            if isinstance(outcome, int):
                self._hub.opener.close(outcome)
            return
        settings = self._hub.settings
        if isinstance(outcome, PortError):
            self.phase = Phase.CLOSED
            gone = isinstance(outcome, PortGoneError)
            self.look_at = now + (settings.look_every if gone else settings.retry_every)
            if self.remote:
                self.look_at = now + self._longer_pause()
            self.session.closed(now, str(outcome))
        else:
            self.phase = Phase.OPEN
            self.look_at = NEVER
            self._opened_at = now
            self.wire.attach(outcome)
            if not self.session.modem.settled:
                self.confirmed = False
                self.session.modem.imei = ""  # whoever is there has to tell
            self.session.opened(now)
        self.after_step(now)

    def _longer_pause(self) -> float:
        """How long to wait before a connection is made anew; longer each time."""
        settings = self._hub.settings
        pause, self._pause = self._pause, min(2 * self._pause, settings.remote_pause_limit)
        return pause

    def _next_look(self, now: float) -> float:
        """When to look for a port that was just lost or is to be opened anew."""
        if not self.remote:
            return now
        if now - self._opened_at >= _STEADY:
            self._pause = self._hub.settings.remote_pause
        return now + self._longer_pause()

    def ready(self, mask: int, now: float) -> None:
        """The descriptor can be read or written, or was hung up."""
        if mask & selectors.EVENT_WRITE and self.wire.waits:
            self._write(b"", now)
        if mask & selectors.EVENT_READ and self.phase is Phase.OPEN:
            self._read(now)
        self.after_step(now)

    def _read(self, now: float) -> None:
        try:
            data = self.wire.read()
        except WireLostError as error:
            self.lose(now, f"{self.spec.port}: {error}")
            return
        if data:
            self.session.receive(data, now)

    def _write(self, data: bytes, now: float) -> None:
        self._write_by(lambda: self.wire.write(data, now), now)

    def _write_by(self, write: Callable[[], None], now: float) -> None:
        try:
            write()
        except WireLostError as error:
            self.lose(now, f"{self.spec.port}: {error}")
        except WireFullError as error:
            self.reopen(now, str(error))

    def lose(self, now: float, reason: str) -> None:
        """The port is gone: look for it."""
        self._drop()
        _log.info("%s: lost its port: %s", self.name, reason)
        self.look_at = self._next_look(now)
        self.session.lost(now, reason, self.wire.take_unwritten())
        self.after_step(now)

    def reopen(self, now: float, reason: str) -> None:
        """Nothing comes from the port, or nothing goes into it: close it and open it anew."""
        self._drop()
        self.look_at = self._next_look(now)
        self._end_session(now, reason, ModemState.SILENT)

    def _wake(self, rung: Rung, now: float) -> None:
        """Carry out what the session wants done; what can't be done becomes a mere reopening."""
        reason = self.session.modem.standing.reason
        if rung not in (Rung.REAUTHORISE, Rung.POWER):
            self.reopen(now, reason)
            return
        self._drop()
        attempt = self._attempt

        def done(why: str) -> None:
            self._hub.post(lambda now: self._woken(attempt, rung, why, now))

        # Whoever opened the port anew meanwhile must not have its stick taken away.
        why = self._hub.shared_with(self) or self._hub.rescuer.start(
            rung, self.place, done, lambda: attempt == self._attempt
        )
        if why:
            _log.info("%s: not done: %s: %s; its port is opened anew", self.name, _RUNGS[rung], why)
        else:
            _log.warning("%s: %s, for it is silent: %s", self.name, _RUNGS[rung], reason)
        self.look_at = now if why else now + _RESCUE_LIMIT
        self._being_woken = not why
        self._end_session(now, reason, ModemState.SILENT)

    def _woken(self, attempt: int, rung: Rung, why: str, now: float) -> None:
        if why:
            _log.warning("%s: could not be done: %s: %s", self.name, _RUNGS[rung], why)
        if attempt == self._attempt and self.phase is Phase.CLOSED:
            self._being_woken = False
            self.look_at = now
            self._hub.arm(self)

    def close(self, now: float, reason: str, look_at: float = NEVER) -> None:
        """Close the port on purpose, and do not look for it before `look_at`."""
        farewell = self.session.farewell()
        if farewell and self.phase is Phase.OPEN:
            self._write(farewell, now)
        self._drop()
        self.look_at = look_at
        self._end_session(now, reason, ModemState.ABSENT)

    def close_for_good(self, reason: str, now: float) -> None:
        """Close the port: the program ends, or the port is no modem's."""
        self.poll_at = NEVER
        self.close(now, reason)

    def retire(self) -> None:
        """Another link has taken its place: let everything go, without a word."""
        self._drop()
        self.look_at = self.poll_at = NEVER
        self.real_path = ""

    def _end_session(self, now: float, reason: str, state: ModemState) -> None:
        unwritten = self.wire.take_unwritten()
        if state is ModemState.SILENT:
            self.session.stalled(now, reason, unwritten)
        else:
            self.session.closed(now, reason, unwritten)
        self.after_step(now)

    def _drop(self) -> None:
        if self.phase is Phase.OPEN:
            self._hub.opener.close(self.wire.detach())
        self._attempt += 1
        self._being_woken = False
        self.phase = Phase.CLOSED
