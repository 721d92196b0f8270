"""What a session does with its modem, as generators that yield waits (TS 27.005 section 3.5, V.250 section 5)."""

from __future__ import annotations

from simcourier.at import parse
from simcourier.at.engine import Answer, Command, End, Shape
from simcourier.modem import bring_up, stored
from simcourier.modem.asking import DialogueError, NoPromptError, SilenceError, ask
from simcourier.modem.facts import ModemState, SubmitEnd
from simcourier.modem.modem import Chore, Ending, Flight, Modem, Permit, PromptTrust
from simcourier.modem.waits import AwaitPermit, Doze, Escape, InStep, Lull, Pause, Procedure, Rest, TypePdu
from simcourier.sms.causes import Kind, Verdict, judge

REFERENCE = ("+CMGS",)


def live(m: Modem) -> Procedure[None]:
    """Live with an open port, for ever: find the modem, prepare it, serve, and begin anew after any trouble."""
    while True:
        try:
            yield from regain(m)
            if m.prompt is not PromptTrust.GOOD:
                yield from prove_prompt(m)
            yield from (bring_up.check(m) if m.settled else bring_up.bring_up(m))
            yield from serve(m)
        except NoPromptError as trouble:
            m.prompt = PromptTrust.FAILED
            fall_back(m, trouble)
        except DialogueError as trouble:
            fall_back(m, trouble)


def fall_back(m: Modem, trouble: DialogueError) -> None:
    """Leave whatever state this was; a job at hand ends."""
    m.failures += 1
    if isinstance(trouble, SilenceError):
        m.fall_silent(str(trouble))
    else:
        m.become(ModemState.RESYNC, str(trouble))


# -- finding the modem, and finding it again -------------------------------------------------------------------


def regain(m: Modem) -> Procedure[None]:
    """Send ESC, wait for silence, send `AT` until a lone OK comes, however long that takes.

    An answer counts only if nothing else comes right after it: what comes may be the answers to commands that
    were given up long ago, and belongs to nobody.
    """
    t = m.timings
    yield Escape()
    yield Lull(t.drain if m.state is ModemState.PROBING else t.quiet, t.quiet_limit)
    missed = 0
    while True:
        answer: Answer = yield Command("AT", (), t.probe)
        if answer.end is not End.SILENCE:
            strays: int = yield Lull(t.quiet if missed else t.drain, t.quiet_limit)
            if answer.end is End.OK and not strays:
                break
            yield Lull(t.quiet, t.quiet_limit)
        missed += 1
        yield from pace(m, missed, answer)
    if m.unanswered and not missed:
        m.unanswerable[m.unanswered] = m.unanswerable.get(m.unanswered, 0) + 1
    m.unanswered = ""
    yield InStep()


def back_in_step(m: Modem) -> Procedure[None]:
    """Regain a modem that was serving; if it fell silent meanwhile, a look at its settings is due."""
    yield from regain(m)
    if m.state is ModemState.SILENT:
        raise DialogueError("it was silent")


def pace(m: Modem, missed: int, answer: Answer) -> Procedure[None]:
    """Between two probes: tell the silence, press ESC now and then, ask for the port to be opened anew."""
    t = m.timings
    if missed == t.probes:
        m.fall_silent(f"AT: {answer.final}" if answer.final else "AT: no answer")
    if missed % 2 == 0:
        yield Escape()
    if m.state is not ModemState.SILENT:
        return
    age = m.now - m.standing.since
    if m.now >= m.reopen_at:
        m.reopen_at = m.now + min(t.reopen_limit, max(t.reopen, age))
        m.reopen_wanted = True
    if age >= t.probe_eagerly:
        yield Doze(patience_after(m, age))


def patience_after(m: Modem, age: float) -> float:
    """Return how long to wait before the next attempt with a modem that has been sick for `age` seconds."""
    t = m.timings
    return min(t.probe_lazily, max(t.prompt_pause, (age - t.probe_eagerly) / 10))


def prove_prompt(m: Modem) -> Procedure[None]:
    """Open a prompt and leave it, again and again until one comes: only then can the modem send.

    Short tests find a modem that is well again soon; after a while one that is merely slow gets its time.
    """
    t = m.timings
    while True:
        patience = t.prompt_test if m.now - m.standing.since < t.prompt_eagerly else t.prompt
        answer: Answer = yield Command("AT+CMGS=10", (), patience, Shape.PROMPT)
        if answer.end is End.PROMPT:
            yield from leave_prompt(m)
        if answer.end is not End.SILENCE:
            m.prompt = PromptTrust.GOOD
            return
        m.become(ModemState.RESYNC, "AT+CMGS=10: no prompt")
        yield Pause(patience_after(m, m.now - m.standing.since))
        yield from regain(m)


def leave_prompt(m: Modem) -> Procedure[None]:
    """Press ESC at the open prompt and wait for the final result code."""
    answer: Answer = yield Escape()
    if answer.end is End.SILENCE:
        raise DialogueError("ESC at the prompt: no answer")


# -- serving ---------------------------------------------------------------------------------------------------


def serve(m: Modem) -> Procedure[None]:
    """Do what there is to do, for ever. Jobs and chores take turns, so that neither waits for long."""
    m.settled = True
    m.identify(m.sim)
    while True:
        if m.state is not ModemState.READY:
            m.become(ModemState.READY, m.warning)
        if m.flight is not None:
            yield from submit(m, m.flight)
        if m.chores or m.reads:
            yield from do_chore(m)
        elif m.flight is None:
            yield Rest()


def do_chore(m: Modem) -> Procedure[None]:
    """Do the most urgent chore."""
    if Chore.CHECK in m.chores:
        m.chores.discard(Chore.CHECK)
        yield from back_in_step(m)
        yield from bring_up.check(m)
    elif Chore.ACKNOWLEDGE in m.chores:
        m.chores.discard(Chore.ACKNOWLEDGE)
        yield from ask(m, "AT+CNMA")
    elif m.reads:
        yield from stored.read_announced(m)
    elif Chore.LOOK in m.chores:
        m.chores.discard(Chore.LOOK)
        yield from stored.look_through(m)
    else:
        m.chores.discard(Chore.POLL)
        yield from bring_up.poll(m)


# -- submitting ------------------------------------------------------------------------------------------------


def submit(m: Modem, flight: Flight) -> Procedure[None]:
    """Submit the parts of a job one after the other, until one fails. The job ends in here, or by a DialogueError."""
    m.begin_sending()
    while m.flight is flight:
        yield from submit_part(m, flight, flight.parts_sent)
    m.done_sending()


def submit_part(m: Modem, flight: Flight, part: int) -> Procedure[None]:
    """Submit one PDU: command, prompt, permit and deadline, PDU with Ctrl-Z, reference (27.005 section 3.5.1)."""
    t = m.timings
    pdu = flight.job.parts[part]
    text = f"AT+CMGS={pdu.tpdu_length}"
    if m.now >= flight.job.deadline:
        return m.end(Ending(SubmitEnd.EXPIRED, "the deadline passed"))
    answer: Answer = yield Command(text, (), t.prompt, Shape.PROMPT)
    if answer.end is End.SILENCE:
        raise NoPromptError(f"{text}: no prompt")
    if answer.end is not End.PROMPT:
        return refused(m, flight, text, answer)
    if flight.permit is Permit.AWAITED:
        closed: Answer | None = yield AwaitPermit(min(flight.job.deadline, m.now + t.permit))
        if closed is not None:
            return refused(m, flight, text, closed)
    if obstacle := obstacle_at_prompt(m, flight):
        m.end(obstacle)
        return (yield from leave_prompt(m))
    flight.behind_doubt = m.doubt is not None
    m.doubt = None
    flight.in_air = part
    flight.wire_at = m.now
    flight.late_tp_mr = None
    answer = yield TypePdu(pdu.hex)
    if answer.end is End.SILENCE:
        return (yield from find_reference(m, flight, part, text))
    if answer.end is not End.OK:
        return refused(m, flight, text, answer)
    return taken(m, flight, part, parse.message_reference(answer.lines))


def obstacle_at_prompt(m: Modem, flight: Flight) -> Ending | None:
    """Return what forbids the PDU to leave now that the prompt is open."""
    if flight.permit is Permit.REFUSED:
        return Ending(SubmitEnd.WITHDRAWN, "withdrawn before it left")
    if m.now >= flight.job.deadline:
        return Ending(SubmitEnd.EXPIRED, "the deadline passed at the prompt")
    if flight.permit is Permit.AWAITED:
        return Ending(SubmitEnd.NOT_SENT, "no permit came while the prompt was open")
    return None


def taken(m: Modem, flight: Flight, part: int, tp_mr: int | None) -> None:
    """The network took the part."""
    if tp_mr is None:
        raise DialogueError("+CMGS: no reference in it")
    m.part_submitted(flight, part, tp_mr)
    if flight.parts_sent == len(flight.job.parts):
        m.failures = 0
        m.end(Ending(SubmitEnd.SENT))


def refused(m: Modem, flight: Flight, text: str, answer: Answer) -> None:
    """Modem or network refused: end the job, and look after the modem if that is what the cause asks for."""
    reason = f"{text}: {answer.final}"
    if answer.end is End.OK:
        raise DialogueError(f"{reason} instead of a prompt")
    judgement = judge(answer.final)
    doubtful = flight.in_air is not None and (judgement.may_have_left or flight.behind_doubt)
    flight.in_air = None
    ending = Ending(SubmitEnd.IN_DOUBT if doubtful else SubmitEnd.NOT_SENT, reason, judgement.verdict)
    if judgement.verdict is Verdict.CARE:
        m.chores.add(Chore.LOOK)  # a full store (322) is emptied of its reports
        m.become(ModemState.RESYNC, reason, ending)
        raise DialogueError(reason)
    m.chores.add(Chore.POLL)
    m.end(ending)


def find_reference(m: Modem, flight: Flight, part: int, text: str) -> Procedure[None]:
    """Find out what became of a PDU whose answer is overdue: its answer may still come, or the modem has lost it.

    While nothing comes the modem may be busy with the network, and `AT` after `AT` asks whether it is. A lone OK
    says that it is well and knows of no message: nobody can say whether that one has left.
    """
    t = m.timings
    until = m.now + flight.job.patience - t.after_send
    while m.now < until:
        answer: Answer = yield Command("AT", REFERENCE, min(t.send_probe, until - m.now))
        strays = 0
        if answer.end is not End.SILENCE and not answer.lines:
            if judge(answer.final).kind is Kind.CMS:
                refused(m, flight, text, answer)
                return (yield from back_in_step(m))
            strays = yield Lull(t.quiet, t.quiet)
        tp_mr = parse.message_reference(answer.lines)
        tp_mr = flight.late_tp_mr if tp_mr is None else tp_mr
        if tp_mr is not None:
            taken(m, flight, part, tp_mr)
            return (yield from back_in_step(m))
        if answer.end is End.OK and not strays:
            m.end(Ending(SubmitEnd.IN_DOUBT, f"{text}: the modem answers AT again, and has lost the message"))
            yield InStep()
            return None
    raise SilenceError(f"{text}: no answer to the PDU within {flight.job.patience:g} s")
