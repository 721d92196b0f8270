"""What a session does with its modem, as generators that yield waits (TS 27.005 section 3.5, V.250 section 5)."""

from __future__ import annotations

from simcourier.at import parse
from simcourier.at.engine import Answer, Command, End, Shape
from simcourier.modem import bring_up, stored, ussd
from simcourier.modem.asking import DialogueError, NoPromptError, SilenceError, ask, in_short
from simcourier.modem.duties import Chore, Ending, Flight, LinkMode, Permit, PromptTrust
from simcourier.modem.facts import Fault, ModemState, SubmitEnd
from simcourier.modem.modem import Modem
from simcourier.modem.refusals import a_restart_may_help, fault_of, fingerprint
from simcourier.modem.regaining import back_in_step, leave_prompt, prove_prompt, regain, restart
from simcourier.modem.waits import AwaitPermit, InStep, Lull, Pause, Procedure, Rest, TypePdu
from simcourier.sms.causes import Judgement, Kind, Verdict, judge
from simcourier.sms.submit import SubmitPdu

REFERENCE = ("+CMGS",)


def live(m: Modem) -> Procedure[None]:
    """Live with an open port, for ever: find the modem, prepare it, serve, and begin anew after any trouble."""
    while True:
        try:
            yield from regain(m)
            yield from prepare(m)
            yield from serve(m)
        except NoPromptError as trouble:
            m.prompt = PromptTrust.FAILED
            fall_back(m, trouble)
        except DialogueError as trouble:
            fall_back(m, trouble)


def fall_back(m: Modem, trouble: DialogueError) -> None:
    """Leave whatever state this was; a job at hand ends."""
    m.failures += 1
    if trouble.fault is Fault.RESTARTED:
        m.settled = False
    if isinstance(trouble, SilenceError):
        m.fall_silent(str(trouble), trouble.fault)
    else:
        m.ail(trouble.fault, str(trouble))
        m.become(ModemState.RESYNC, str(trouble))


def prepare(m: Modem) -> Procedure[None]:
    """Make a modem that answers `AT` ready; one whose prompt failed shows that it has one again.

    After a restart it is brought up first: until then it may refuse everything, prompts too.
    """
    if m.settled:
        if m.prompt is not PromptTrust.GOOD:
            yield from prove_prompt(m)
        yield from bring_up.check(m)
    else:
        yield from bring_up.bring_up(m)
        if m.prompt is not PromptTrust.GOOD:
            yield from prove_prompt(m)


# -- serving ---------------------------------------------------------------------------------------------------


def serve(m: Modem) -> Procedure[None]:
    """Do what there is to do, for ever. Jobs and chores take turns, so that neither waits for long.

    A modem that may have restarted, or lost its network, is looked at before its next job, but not twice in a row.
    """
    checked = False
    polled = False
    m.settled = True
    m.offline = False
    if m.link is LinkMode.KEPT:
        m.link = LinkMode.USUAL  # it may have restarted
    m.identify(m.sim)
    while True:
        if m.state is not ModemState.READY:
            m.become(ModemState.READY, m.remark())
        if m.offline and not polled:
            polled = True
            m.offline = False
            m.chores.discard(Chore.POLL)
            yield from bring_up.poll(m)
            continue
        polled = False
        if m.flight is not None and (checked or Chore.CHECK not in m.chores):
            checked = False
            yield from submit(m, m.flight)
        if m.chores or m.reads:
            checked = Chore.CHECK in m.chores
            yield from do_chore(m)
            if m.state is ModemState.READY and m.standing.reason != m.remark():
                m.become(ModemState.READY, m.remark())
        elif m.flight is None:
            yield Rest()


def do_chore(m: Modem) -> Procedure[None]:
    """Do the most urgent chore."""
    if Chore.CHECK in m.chores:
        m.chores.discard(Chore.CHECK)
        m.checked_at = m.now
        yield from back_in_step(m)
        yield from bring_up.check(m)
    elif Chore.ACKNOWLEDGE in m.chores:
        m.chores.discard(Chore.ACKNOWLEDGE)
        if m.csms:
            yield from ask(m, "AT+CNMA")
    elif Chore.RESTART in m.chores:
        m.chores.discard(Chore.RESTART)
        yield from restart(m, "it refuses one message after the other")
    elif m.reads:
        yield from stored.read_announced(m)
    elif Chore.USSD in m.chores:
        m.chores.discard(Chore.USSD)
        yield from ussd.converse(m)
    elif Chore.DELETE in m.chores:
        yield from stored.delete_some(m)
    elif Chore.LOOK in m.chores:
        m.chores.discard(Chore.LOOK)
        yield from stored.look_through(m)
    else:
        m.chores.discard(Chore.POLL)
        yield from let_link_go(m)
        yield from bring_up.poll(m)
        if m.may_hold_unread():
            m.chores.add(Chore.LOOK)


# -- submitting ------------------------------------------------------------------------------------------------


def submit(m: Modem, flight: Flight) -> Procedure[None]:
    """Submit the parts of a job one after the other, until one fails. The job ends in here, or by a DialogueError."""
    m.begin_sending()
    if flight.job.more_follow and m.link is LinkMode.USUAL:
        yield from keep_link(m)
    while m.flight is flight:
        yield from submit_part(m, flight, flight.parts_sent)
    m.done_sending()


def keep_link(m: Modem) -> Procedure[None]:
    """Have the radio link kept open between messages (27.005 section 3.5.6); who refuses that is not asked again.

    With 2 the modem closes it by itself some seconds after the last one, and opens it for the next.
    """
    answer = yield from ask(m, "AT+CMMS=2")
    m.link = LinkMode.KEPT if answer.end is End.OK else LinkMode.REFUSED


def let_link_go(m: Modem) -> Procedure[None]:
    """After the run: each message has its own link again."""
    if m.link is LinkMode.KEPT and m.now - m.sent_at >= m.timings.link_idle:
        m.link = LinkMode.USUAL
        yield from ask(m, "AT+CMMS=0")


def submit_part(m: Modem, flight: Flight, part: int) -> Procedure[None]:
    """Submit one PDU: command, prompt, permit and deadline, PDU with Ctrl-Z, reference (27.005 section 3.5.1)."""
    t = m.timings
    pdu = flight.job.parts[part]
    text = f"AT+CMGS={pdu.tpdu_length}"
    if m.pause:
        yield Pause(m.pause)
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
    if m.offline:
        # A submit without a network may end as a timeout (332), and then nobody could say whether it left.
        return Ending(SubmitEnd.NOT_SENT, "the network was lost before it left", Verdict.ELSEWHERE)
    return None


def taken(m: Modem, flight: Flight, part: int, tp_mr: int | None) -> None:
    """The network took the part."""
    if tp_mr is None:
        raise DialogueError("+CMGS: no reference in it")
    m.part_submitted(flight, part, tp_mr)
    m.refused.clear()
    m.reset_pause = 0.0
    if flight.parts_sent == len(flight.job.parts):
        m.failures = 0
        m.end(Ending(SubmitEnd.SENT))


def refused(m: Modem, flight: Flight, text: str, answer: Answer) -> None:
    """Modem or network refused: end the job, and look after the modem if that is what the cause asks for."""
    reason = f"{text}: {in_short(answer)}"
    if answer.end is End.OK:
        raise DialogueError(f"{reason} instead of a prompt")
    judgement = judge(answer.final)
    doubtful = flight.in_air is not None and (judgement.may_have_left or flight.behind_doubt)
    flight.in_air = None
    ending = Ending(SubmitEnd.IN_DOUBT if doubtful else SubmitEnd.NOT_SENT, reason, judgement.verdict)
    fault = fault_of(judgement)
    count_refusal(m, judgement, flight.job.parts[flight.parts_sent])
    if judgement.verdict is Verdict.CARE:
        m.chores.add(Chore.LOOK)  # a full store (322) is emptied of its reports
        m.ail(fault, f"{reason} ({judgement.words})")
        m.become(ModemState.RESYNC, reason, ending)
        raise DialogueError(reason, fault)
    m.tell_fault(fault, f"{reason} ({judgement.words})")
    m.chores.add(Chore.POLL)
    m.end(ending)


def count_refusal(m: Modem, judgement: Judgement, pdu: SubmitPdu) -> None:
    """A modem that refuses message after message for causes of its own is restarted, in growing intervals.

    One message that it refuses again and again may be at fault itself, whatever the cause says.
    """
    if not a_restart_may_help(judgement):
        m.refused.clear()
        return
    if len(m.refused) < m.timings.refusals:
        m.refused.add(fingerprint(pdu))
    if len(m.refused) >= m.timings.refusals and m.may_reset() and m.now >= m.reset_after:
        m.refused.clear()
        m.reset_pause = min(m.timings.refusals_limit, max(m.timings.refusals_pause, 2 * m.reset_pause))
        m.reset_after = m.now + m.reset_pause
        m.chores.add(Chore.RESTART)


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
            reason = f"{text}: the modem answers AT again, and has lost the message"
            m.tell_fault(Fault.LOST_SUBMIT, reason)
            m.chores.add(Chore.POLL)  # it may have restarted without a word
            m.end(Ending(SubmitEnd.IN_DOUBT, reason))
            yield InStep()
            return None
    raise SilenceError(
        f"{text}: no answer to the PDU within {flight.job.patience:g} s", Fault.SILENT_AFTER_PDU
    )
