"""Drives one modem's procedures: bytes and time in, bytes and facts out; no port, no clock, no thread."""

from __future__ import annotations

from typing import assert_never

from simcourier.at import parse
from simcourier.at.engine import Answer, Command, Engine, Phase, Stray, Urc
from simcourier.at.lines import PROMPT
from simcourier.at.trace import Trace
from simcourier.errors import BugError
from simcourier.modem import procedures
from simcourier.modem.asking import DialogueError
from simcourier.modem.facts import Fact, Job, ModemSnapshot, ModemState, UssdEnd, UssdEnded
from simcourier.modem.modem import Chore, Flight, Modem, Permit
from simcourier.modem.stored import take_report
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

CAN_TAKE_JOBS = frozenset({ModemState.READY, ModemState.SENDING})

# What modems say when they start, or when their SIM comes or goes (MODEMS.md section 1): have a look.
_RESTARTED = frozenset({"RDY", "SMS Ready", "SMS DONE", "PB DONE", "POWERED DOWN", "NORMAL POWER DOWN"})
_RESTARTED_NAMES = frozenset({"+CPIN", "+CFUN", "^SYSSTART", "*ATREADY", "+AT", "+QUSIM", "+UUSIM"})


class Session:
    """One modem, from the moment that its port is looked for.

    Every method that takes `now` is one step; after it, write `take_output()`, hand on `take_facts()`, and come
    back by `advance` when `deadline` is reached. Steps never raise for anything that a modem sends.
    """

    def __init__(
        self, name: str, port: str, *, timings: Timings, pin: str | None = None, trace_lines: int = 200
    ) -> None:
        self.modem = Modem(name, port, timings, pin)
        self.trace = Trace(trace_lines)
        self._engine = Engine(self.trace)
        self._life: Procedure[None] | None = None
        self._wait: Wait = Rest()
        self._until: float | None = None
        self._strays = 0
        self._lull_limit = 0.0
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
        m.reopen_wanted = False
        self._engine.renew()
        self._life = procedures.live(m)
        self._go(None)

    def closed(self, now: float, reason: str, unwritten: bytes = b"") -> None:
        """The port is gone, or could not be had.

        `unwritten` is what the port had not taken: a PDU whose Ctrl-Z is in there has not left.
        """
        self._end_life(now, unwritten)
        self.modem.become(ModemState.ABSENT, reason)
        self.modem.forget_port()

    def stalled(self, now: float, reason: str, unwritten: bytes = b"") -> None:
        """The port was closed to be opened anew, because the modem behind it is deaf or dumb."""
        self._end_life(now, unwritten)
        self.modem.fall_silent(reason)

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
        self.modem.now = now
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
        if answer is not None:
            self._go(answer)
        elif self._until is not None and now >= self._until:
            self._go(self._strays if type(self._wait) is Lull else None)

    @property
    def deadline(self) -> float | None:
        """When `advance` is due; None while only bytes or orders can move anything."""
        engine = self._engine.deadline
        return self._until if engine is None else engine

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

    def allow_pin(self, granted: bool, now: float) -> None:
        """Say whether the PIN that was asked for may be tried."""
        m = self.modem
        m.now = now
        m.pin_permit = Permit.GRANTED if granted else Permit.REFUSED
        if type(self._wait) is AwaitPin:
            self._go(None)

    def stored(self, token: int, now: float) -> None:
        """What a fact with this token told is on record: it may be deleted from the modem's store."""
        self.modem.now = now
        self.modem.may_delete(token)
        self._rouse()

    def ussd(self, request: int, code: str, now: float) -> None:
        """Ask the network something by USSD; exactly one `UssdEnded` answers it."""
        m = self.modem
        m.now = now
        m.facts.append(UssdEnded(m.name, m.sim, request, UssdEnd.REFUSED, "not built yet"))

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
        """Take an unsolicited result code. Most are of no interest: `^RSSI`, `+ZUSIMR`, and what nobody knows."""
        m = self.modem
        line = urc.line
        if urc.pdu:
            self._handed_over(urc)
            return
        match line.partition(":")[0].strip().upper():
            case "+CDSI":
                if (place := parse.stored_at(line)) is not None:
                    m.announce(*place)
            case "+CMGS":
                if (tp_mr := parse.message_reference([line])) is not None:
                    m.late_answer(tp_mr)
            case "+CREG" | "+CEREG":
                self._registration(line)
            case "^SMMEMFULL":
                m.chores.add(Chore.LOOK)
            case name:
                if m.settled and (name in _RESTARTED_NAMES or line in _RESTARTED):
                    m.chores.add(Chore.CHECK)

    def _handed_over(self, urc: Urc) -> None:
        m = self.modem
        take_report(m, urc.pdu)
        if m.csms:
            m.chores.add(Chore.ACKNOWLEDGE)

    def _registration(self, line: str) -> None:
        m = self.modem
        found = parse.registration_unasked(line)
        if found is not None and found.value != m.registration and m.state in CAN_TAKE_JOBS:
            m.chores.add(Chore.POLL)

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
            return
        if probing and (m.flight is None or m.flight.in_air is None):
            self._output.append(b"\x1b")
            self.trace.sent("<ESC>", m.now)
        else:
            self._go(None, DialogueError("a prompt that nobody asked for"))
