"""Drives one modem's procedures: bytes and time in, bytes and facts out; no port, no clock, no thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from simcourier.at.engine import Answer, Command, Engine, Phase, Stray, Urc
from simcourier.at.lines import PROMPT
from simcourier.at.trace import Trace, mask_unasked
from simcourier.errors import BugError
from simcourier.modem import procedures, unasked, ussd
from simcourier.modem.asking import DialogueError
from simcourier.modem.duties import Chore, Flight, Permit
from simcourier.modem.facts import Fact, Fault, Job, ModemSnapshot, ModemState, Rung, UssdEnd
from simcourier.modem.meter import Meter
from simcourier.modem.modem import Modem
from simcourier.modem.recording import Recording
from simcourier.modem.states import CAN_TAKE_JOBS
from simcourier.modem.timings import Timings
from simcourier.modem.waits import (
    AwaitPermit,
    AwaitPin,
    Doze,
    Escape,
    InStep,
    Lull,
    Pause,
    Procedure,
    Rest,
    TypePdu,
    Wait,
)

_WAIT_FOR_ANSWER = frozenset({Command, TypePdu, Escape, AwaitPermit})


class Session:
    """One modem, from the moment that its port is looked for.

    Every method that takes `now` is one step; after it, write `take_output()`, hand on `take_facts()`, and come
    back by `advance` when `deadline` is reached. Steps never raise for anything that a modem sends.
    """

    def __init__(
        self,
        name: str,
        port: str,
        *,
        timings: Timings,
        pin: str | None = None,
        pins: Mapping[str, str] | None = None,
        roaming: bool = True,
        inbound: bool = True,
        reset: bool = True,
        trace_lines: int = 200,
    ) -> None:
        self.modem = Modem(
            name, port, timings, pin, pins=pins or {}, roaming=roaming, inbound=inbound, reset=reset
        )
        self.trace = Trace(trace_lines)
        self.recording: Recording | None = None
        """Where everything that is said goes while an admin has it recorded."""
        self._engine = Engine(self.trace)
        self._life: Procedure[None] | None = None
        self._wait: Wait = Rest()
        self._until: float | None = None
        self._strays = 0
        self._lull_limit = 0.0
        self._urcs = Meter(timings.flood, 1.0)
        self._noise = Meter(timings.noise, 10.0)
        self._output: list[bytes] = []

    # -- the port ------------------------------------------------------------------------------------------------

    def opening(self, now: float) -> None:
        """The port is there and is being opened."""
        self.modem.now = now
        if self.modem.state is ModemState.ABSENT:
            self.modem.become(ModemState.OPENING)

    def opened(self, now: float) -> None:
        """The port is open: begin to live with whatever is behind it."""
        m = self.modem
        m.now = now
        if m.state is ModemState.OPENING:
            m.become(ModemState.PROBING)
        m.rescue_wanted = None
        if m.settled:
            m.chores.add(Chore.LOOK)  # what was announced while the port was closed lies there
        self._engine.renew()
        self._life = procedures.live(m)
        self._go(None)

    def lost(self, now: float, reason: str, unwritten: bytes = b"") -> None:
        """The port went away by itself; where a restart of ours may be why, that is part of the recovery."""
        m = self.modem
        m.now = now
        if m.bout is None or m.bout.highest in (Rung.PROBE, Rung.REOPEN):
            m.ail(Fault.PORT_LOST, reason)
        if m.bout is not None:
            m.bout.take(Rung.REOPEN, now)
        self.closed(now, reason, unwritten)

    def closed(self, now: float, reason: str, unwritten: bytes = b"") -> None:
        """The port was closed on purpose, or could not be had.

        `unwritten` is what the port had not taken: a PDU whose Ctrl-Z is in there has not left.
        """
        self._end_life(now, unwritten)
        ussd.abandon(self.modem, UssdEnd.REFUSED, reason)
        self.modem.become(ModemState.ABSENT, reason)
        self.modem.forget_port()

    def stalled(self, now: float, reason: str, unwritten: bytes = b"") -> None:
        """The port was closed to be opened anew: the modem is deaf or dumb, or the port takes nothing."""
        self._end_life(now, unwritten)
        bout = self.modem.bout
        self.modem.fall_silent(reason, Fault.PORT_STALLED if bout is None else bout.fault)

    def _end_life(self, now: float, unwritten: bytes) -> None:
        m = self.modem
        m.now = now
        if self._life is not None:
            self._life.close()
            self._life = None
        self._wait = Rest()
        self._until = None
        self._output.clear()
        self._engine.renew()
        if m.flight is not None and b"\x1a" in unwritten:
            m.flight.in_air = None

    # -- what comes ----------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the port."""
        if self.recording is not None:
            self.recording.heard(data, now)
        self.modem.now = now
        if not data.isascii():
            self._count_noise(data)
        for event in self._engine.receive(data, now):
            if isinstance(event, Answer):
                if type(self._wait) in _WAIT_FOR_ANSWER:  # not given up by what came before it in this chunk
                    self._go(event)
            elif isinstance(event, Urc):
                self._notice(event)
            else:
                self._stray(event)
        wait = self._wait
        if type(wait) is Doze or (type(wait) is Rest and self.modem.has_chores()):
            self._go(None)

    def advance(self, now: float) -> None:
        """Let time pass: end the wait whose deadline has come."""
        self.modem.now = now
        answer = self._engine.expire(now)
        talk = self.modem.ussd.talk
        if talk is not None and now >= talk.until:
            ussd.give_up(self.modem, talk)
            self._rouse()
        if answer is not None:
            self._go(answer)
        elif self._until is not None and now >= self._until:
            self._go(self._strays if type(self._wait) is Lull else None)

    @property
    def deadline(self) -> float | None:
        """When `advance` is due; None while only bytes or orders can move anything."""
        engine = self._engine.deadline
        nearest = self._until if engine is None else engine
        talk = self.modem.ussd.talk
        return nearest if talk is None or (nearest is not None and nearest < talk.until) else talk.until

    # -- orders --------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a job is at hand."""
        return self.modem.flight is not None

    def farewell(self) -> bytes:
        """Return what to write before the port is closed on purpose: no prompt must be left open."""
        return b"\x1b" if self._engine.phase in (Phase.PROMPT, Phase.OPEN) else b""

    def submit(self, job: Job, now: float) -> None:
        """Take a job; exactly one `SubmitEnded` will answer it."""
        m = self.modem
        m.now = now
        if m.state not in CAN_TAKE_JOBS:
            m.refuse(job, f"the modem is {m.state}: {m.standing.reason}")
        elif m.flight is not None:
            m.refuse(job, "the modem is sending another message")
        elif not job.parts:
            m.refuse(job, "there is nothing to send")
        else:
            m.flight = Flight(job)
            self._rouse()

    def permit(self, job: int, granted: bool, now: float) -> None:
        """Let the PDU of a job leave, or withdraw it; a job that has ended is not asked."""
        m = self.modem
        m.now = now
        if m.flight is None or m.flight.job.number != job:
            return
        m.flight.permit = Permit.GRANTED if granted else Permit.REFUSED
        if type(self._wait) is AwaitPermit:
            self._go(None)

    def withdraw(self, job: int, now: float) -> None:
        """Take a job back as long as nothing of it has left; one that has begun goes on."""
        flight = self.modem.flight
        if flight is not None and flight.in_air is None and not flight.parts_sent:
            self.permit(job, False, now)

    def allow_pin(self, granted: bool, now: float) -> None:
        """Say whether the PIN that was asked for may be tried."""
        m = self.modem
        m.now = now
        m.pin_permit = Permit.GRANTED if granted else Permit.REFUSED
        if type(self._wait) is AwaitPin:
            self._go(None)

    def stored(self, token: int, now: float) -> None:
        """What a fact with this token told is on record: it may be deleted from the modem's store, or acknowledged."""
        self.modem.now = now
        self.modem.recorded(token)
        self._rouse()

    def ussd(self, request: int, code: str, now: float) -> None:
        """Ask the network something by USSD; exactly one `UssdEnded` answers it."""
        self.modem.now = now
        ussd.begin(self.modem, request, code)
        self._rouse()

    def poll(self, now: float) -> None:
        """Look at the network again, when there is time."""
        m = self.modem
        m.now = now
        if m.state in CAN_TAKE_JOBS:
            m.chores.add(Chore.POLL)
            self._rouse()

    def forget_pins(self) -> None:
        """An admin acted: a PIN that was tried before may be asked for again."""
        self.modem.pins_tried.clear()
        self.modem.pin_permit = Permit.AWAITED

    # -- what it has to say --------------------------------------------------------------------------------------

    def take_output(self) -> bytes:
        """Return the bytes to write, in order."""
        output = self._output
        if not output:
            return b""
        data = b"".join(output)
        output.clear()
        if self.recording is not None:
            self.recording.sent(data, self.modem.now)
        return data

    def take_facts(self) -> list[Fact]:
        """Return the facts since the last call, in order."""
        facts = self.modem.facts
        if facts:
            self.modem.facts = []
        return facts

    def snapshot(self) -> ModemSnapshot:
        """Return everything known of the modem."""
        return self.modem.snapshot()

    # -- the driver ----------------------------------------------------------------------------------------------

    def _rouse(self) -> None:
        if type(self._wait) is Rest and self._life is not None:
            self._go(None)

    def _go(self, reply: object, trouble: DialogueError | None = None) -> None:
        """Resume the procedure, and again as long as what it waits for is there already."""
        life = self._life
        if life is None:
            raise BugError("a procedure was to be resumed, but none runs")
        m = self.modem
        while True:
            self._until = None
            wait = life.send(reply) if trouble is None else life.throw(trouble)
            self._wait = wait
            reply = trouble = None
            match wait:
                case Command():
                    self._output.append(self._engine.send(wait, m.now))
                    return
                case TypePdu(pdu):
                    self._output.append(
                        self._engine.type_pdu(pdu, procedures.REFERENCE, m.timings.after_send, m.now)
                    )
                    return
                case Rest():
                    return
                case AwaitPermit(until):
                    self._until = until
                    return
                case Escape():
                    self._output.append(self._engine.escape(m.timings.escape, m.now))
                    if self._engine.phase is Phase.ESCAPED:
                        return
                case InStep():
                    self._engine.in_step()
                case Pause(seconds) | Doze(seconds) | AwaitPin(seconds):
                    self._until = m.now + seconds
                    return
                case Lull(seconds):
                    self._strays = 0
                    self._lull_limit = m.now + wait.limit
                    self._until = m.now + seconds
                    return
                case _ as never:
                    assert_never(never)

    def _notice(self, urc: Urc) -> None:
        """Take an unsolicited result code. In a flood of them none ends what the modem is doing."""
        m = self.modem
        flood = self._engine.hushed = self._urcs.add(1, m.now)
        if flood:
            m.tell_now_and_then(Fault.FLOOD, f"more than {m.timings.flood} unsolicited lines in a second")
        trouble = unasked.take(m, urc)
        if trouble is not None and self._life is not None and not flood:
            self._engine.lose()
            self._go(None, trouble)

    def _count_noise(self, data: bytes) -> None:
        m = self.modem
        noise = len(data) - len(data.decode("ascii", "ignore"))
        if self._noise.add(noise, m.now):
            m.tell_now_and_then(Fault.NOISE, f"bytes that no modem says: {self._noise.total} so far")

    def _stray(self, stray: Stray) -> None:
        """Something came that belongs to nobody: the dialogue is out of step, or a prompt stands open."""
        m = self.modem
        self._strays += 1
        wait = self._wait
        if type(wait) is Lull:
            self._until = min(m.now + wait.seconds, self._lull_limit)
        probing = self._engine.phase in (Phase.LOST, Phase.PROBE)
        if stray.line != PROMPT:
            if not probing:
                m.chores.add(Chore.CHECK)
                m.tell_now_and_then(Fault.OUT_OF_STEP, f"nobody asked for this: {mask_unasked(stray.line)}")
            return
        if probing and (m.flight is None or m.flight.in_air is None):
            self._output.append(b"\x1b")
            self.trace.sent("<ESC>", m.now)
        else:
            self._go(None, DialogueError("a prompt that nobody asked for"))
