"""Find a modem's dialogue again after any trouble, step by step up the ladder (V.250 section 5, 27.007 section 8.2)."""

from __future__ import annotations

from simcourier.at.engine import Answer, Command, End, Shape
from simcourier.modem.asking import DialogueError, breathe, in_short
from simcourier.modem.duties import PromptTrust
from simcourier.modem.facts import Fault, ModemState, Rung
from simcourier.modem.ladder import Steps
from simcourier.modem.modem import Modem
from simcourier.modem.rates import keep_rate, try_next_rate
from simcourier.modem.waits import Doze, Escape, InStep, Lull, Pause, Procedure


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
    keep_rate(m)
    if m.unanswered and not missed:
        m.muteness.count(m.unanswered, t, m.now)
    m.unanswered = ""
    yield InStep()


def back_in_step(m: Modem) -> Procedure[None]:
    """Regain a modem that was serving; if it fell silent meanwhile, a look at its settings is due."""
    yield from regain(m)
    if m.state is ModemState.SILENT:
        raise DialogueError("it was silent", Fault.SILENT)


def pace(m: Modem, missed: int, answer: Answer) -> Procedure[None]:
    """Between two probes: tell the silence, press ESC now and then, climb the ladder."""
    t = m.timings
    if missed == t.probes:
        m.fall_silent(f"AT: {in_short(answer)}" if answer.final else "AT: no answer")
    other_rate = missed >= t.probes and (missed - t.probes) % 2 == 0 and try_next_rate(m)
    if other_rate or missed % 2 == 0:
        yield Escape()
    if m.state is not ModemState.SILENT:
        return
    age = m.now - m.standing.since
    yield from climb(m, t.silent_steps, m.standing.since)
    if m.rescue_wanted is None and m.now >= m.reopen_at:
        m.want(Rung.REOPEN)
        m.reopen_at = m.now + min(t.reopen_limit, max(t.reopen, age))
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
        yield from breathe(m)
        answer: Answer = yield Command("AT+CMGS=10", (), patience, Shape.PROMPT)
        if answer.end is End.PROMPT:
            yield from leave_prompt(m)
        if answer.end is not End.SILENCE:
            m.prompt = PromptTrust.GOOD
            return
        m.become(ModemState.RESYNC, "AT+CMGS=10: no prompt")
        since = m.standing.since
        yield Pause(patience_after(m, m.now - since))
        yield from regain(m)
        yield from climb(m, t.useless_steps, since)


def leave_prompt(m: Modem) -> Procedure[None]:
    """Press ESC at the open prompt and wait for the final result code."""
    answer: Answer = yield Escape()
    if answer.end is End.SILENCE:
        raise DialogueError("ESC at the prompt: no answer")


def climb(m: Modem, steps: Steps, since: float) -> Procedure[None]:
    """Take the step that is due for a modem that ails so `since` then; DialogueError where it restarts by it.

    A modem that never was better since its port appeared is left as it is: there is no trouble to mend.
    """
    if m.bout is None:
        return
    rung = m.bout.due([step for step in steps if m.may_reset() or step[0] is not Rung.RESET], since, m.now)
    if rung is Rung.RESET:
        yield from restart(m, m.standing.reason)
    elif rung is not None:
        m.want(rung)


def restart(m: Modem, reason: str) -> Procedure[None]:
    """Have the modem start anew, and begin with it from the beginning; go on as before if it refuses that."""
    was_well = m.bout is None
    bout = m.bout or m.ail(Fault.REFUSED_MODEM, reason)
    bout.take(Rung.RESET, m.now)
    yield from breathe(m)
    answer: Answer = yield Command(m.quirks.reset, (), m.timings.command)
    if answer.end is End.ERROR:
        m.bout = None if was_well else bout
        return
    m.settled = False
    m.ussd.forget()
    m.become(ModemState.RESYNC, f"restarted by {m.quirks.reset}: {reason}")
    yield Pause(m.timings.reset_pause)
    raise DialogueError(m.standing.reason, bout.fault)
