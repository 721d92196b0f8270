"""One modem's port and session: moves bytes between them, and looks for the port while it is absent."""

from __future__ import annotations

import logging
import os
import selectors
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from simcourier.modem.facts import Fact, Job, ModemState
from simcourier.modem.session import Session
from simcourier.radio.opener import Opener
from simcourier.radio.ports import PortError, PortGoneError
from simcourier.radio.specs import PortSpec, RadioSettings

READ_SIZE = 4096
NEVER = float("inf")

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

    def post(self, order: Callable[[float], None]) -> None:
        """Run `order` in the radio thread; may be called from any other."""

    def arm(self, link: Link) -> None:
        """The link's `due` may have come nearer."""

    def tell(self, link: Link, fact: Fact) -> None:
        """Take a fact of the link's session."""


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
        self.vetted_imei = ""
        self._fd = -1
        self._attempt = 0
        self._stall_at = NEVER
        self._output = bytearray()

    @property
    def name(self) -> str:
        """The modem's name."""
        return self.session.modem.name

    def due(self) -> float:
        """When `advance` has something to do."""
        deadline = self.session.deadline
        nearest = min(self.look_at, self.poll_at, self._stall_at)
        return nearest if deadline is None or nearest < deadline else deadline

    def advance(self, now: float) -> None:
        """Do what is due."""
        if now >= self._stall_at:
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
        data = session.take_output()
        if data and self.phase is Phase.OPEN:
            self._write(data, now)
        for fact in session.take_facts():
            self._hub.tell(self, fact)
        if session.modem.reopen_wanted:
            self.reopen(now, session.modem.standing.reason)
        self._hub.arm(self)

    def submit(self, job: Job, now: float) -> None:
        """Hand a job to the modem."""
        self.session.submit(job, now)
        self.after_step(now)

    def permit(self, job: int, granted: bool, now: float) -> None:
        """Let the PDU of a job leave, or withdraw it."""
        self.session.permit(job, granted, now)
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
        self.close(now, "restarted", look_at=now)
        self.session.forget_pins()
        self.advance(now)

    # -- the port ------------------------------------------------------------------------------------------------

    def _look(self, now: float) -> None:
        self.look_at = now + self._hub.settings.look_every
        if self.phase is Phase.OPENING:
            self._hub.opener.look_after()
        elif Path(self.spec.port).exists():
            self._open(now)
        else:
            self._miss(now)

    def _miss(self, now: float) -> None:
        self.real_path = ""  # what appears there now may be somebody else's
        if self.session.modem.state is not ModemState.ABSENT or not self.session.modem.standing.reason:
            self.session.closed(now, f"{self.spec.port}: no such port")

    def _open(self, now: float) -> None:
        self.real_path = os.path.realpath(self.spec.port)
        self.phase = Phase.OPENING
        self._attempt += 1
        attempt = self._attempt
        self.session.opening(now)

        def done(outcome: int | PortError) -> None:
            self._hub.post(lambda now: self._opened(attempt, outcome, now))

        self._hub.opener.open(self.spec.port, self.spec.baudrate, done)

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
            self.session.closed(now, str(outcome))
        else:
            self.phase = Phase.OPEN
            self.look_at = NEVER
            self._fd = outcome
            self._hub.selector.register(outcome, selectors.EVENT_READ, self)
            self.session.opened(now)
        self.after_step(now)

    def ready(self, mask: int, now: float) -> None:
        """The descriptor can be read or written, or was hung up."""
        if mask & selectors.EVENT_WRITE and self._output:
            self._write(b"", now)
        if mask & selectors.EVENT_READ and self.phase is Phase.OPEN:
            self._read(now)
        self.after_step(now)

    def _read(self, now: float) -> None:
        try:
            data = os.read(self._fd, READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            self.lose(now, f"{self.spec.port}: {os.strerror(error.errno or 0)}")
            return
        if data:
            self.session.receive(data, now)
        else:
            self.lose(now, f"{self.spec.port}: the device is gone")

    def _write(self, data: bytes, now: float) -> None:
        if self._output or not data:
            self._output += data
            data = bytes(self._output)
        try:
            taken = os.write(self._fd, data)
        except BlockingIOError:
            taken = 0
        except OSError as error:
            self._output[:] = data
            self.lose(now, f"{self.spec.port}: {os.strerror(error.errno or 0)}")
            return
        waited = bool(self._output)
        self._output[:] = data[taken:]
        if self._output or waited:
            self._await_room(taken, now)

    def _await_room(self, taken: int, now: float) -> None:
        """Some bytes wait, or did: watch for room, and for a port that never has any."""
        if len(self._output) > self._hub.settings.output_limit:
            self.reopen(now, "the port takes no bytes")
            return
        if not self._output:
            self._stall_at = NEVER
        elif taken or self._stall_at == NEVER:
            self._stall_at = now + self._hub.settings.write_stall
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._output else 0)
        self._hub.selector.modify(self._fd, events, self)

    def lose(self, now: float, reason: str) -> None:
        """The port is gone: look for it."""
        self._drop()
        _log.info("%s: lost its port: %s", self.name, reason)
        self.look_at = now
        self._end_session(now, reason, ModemState.ABSENT)

    def reopen(self, now: float, reason: str) -> None:
        """Nothing comes from the port, or nothing goes into it: close it and open it anew."""
        self._drop()
        self.session.modem.reopen_wanted = False
        self.look_at = now
        self._end_session(now, reason, ModemState.SILENT)

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

    def _end_session(self, now: float, reason: str, state: ModemState) -> None:
        unwritten = bytes(self._output)
        self._output.clear()
        if state is ModemState.SILENT:
            self.session.stalled(now, reason, unwritten)
        else:
            self.session.closed(now, reason, unwritten)
        self.after_step(now)

    def _drop(self) -> None:
        if self.phase is Phase.OPEN:
            self._hub.selector.unregister(self._fd)
            self._hub.opener.close(self._fd)
        self._fd = -1
        self._attempt += 1
        self.phase = Phase.CLOSED
        self._stall_at = NEVER
