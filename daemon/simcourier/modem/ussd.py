"""Ask the network something by USSD beside the sending, and hear what it says (TS 27.007 section 7.15)."""

from __future__ import annotations

import math

from simcourier.at.engine import Answer, Command, End
from simcourier.modem.asking import DialogueError, ask, breathe, in_short
from simcourier.modem.duties import Chore
from simcourier.modem.facts import Fault, UssdEnd, UssdEnded
from simcourier.modem.modem import Modem
from simcourier.modem.states import CAN_TAKE_JOBS
from simcourier.modem.talk import MAY_BE_ASKED, Talk, begins, read_answer
from simcourier.modem.waits import Procedure
from simcourier.sms.ussd_text import pack_ussd

# -- asking ---------------------------------------------------------------------------------------------------------


def begin(m: Modem, request: int, code: str) -> None:
    """Have this asked when there is time, or tell why it is not."""
    how = UssdEnd.REFUSED
    if not MAY_BE_ASKED.fullmatch(code):
        refusal = "a USSD code is made of digits, * and #"
    elif m.state not in CAN_TAKE_JOBS:
        refusal = f"the modem is {m.state}: {m.standing.reason}"
    elif m.ussd.talk is not None:
        how, refusal = UssdEnd.BUSY, "another USSD request is under way"
    elif m.now < m.ussd.owed_until:
        wait_s = math.ceil(m.ussd.owed_until - m.now)
        refusal = f"the answer to the request before may still come; ask again in {wait_s} s"
        how = UssdEnd.BUSY
    else:
        m.ussd.talk = Talk(request, code, m.now + m.timings.ussd)
        m.chores.add(Chore.USSD)
        return
    m.facts.append(UssdEnded(m.name, m.sim, request, how, refusal))


def converse(m: Modem) -> Procedure[None]:
    """Say what is due: end a session that waits for a reply, ask what is to be asked.

    The answer comes unsolicited, by and by; jobs go on meanwhile.
    """
    if m.ussd.open:
        m.ussd.open = False
        m.ussd.ending_until = m.now + m.timings.ussd_ending
        yield from ask(m, "AT+CUSD=2")
    talk = m.ussd.talk
    if talk is None or talk.asked:
        return
    talk.asked = True
    refusal = yield from ask_for(m, talk.code, packed=m.ussd.packed)
    if refusal and (yield from ask_for(m, talk.code, packed=not m.ussd.packed)):
        end(m, UssdEnd.REFUSED, refusal)
    elif refusal:
        m.ussd.packed = not m.ussd.packed


def ask_for(m: Modem, code: str, *, packed: bool) -> Procedure[str]:
    """Send the request as text, or (some Huawei sticks) as packed septets; return what it was refused with."""
    said = pack_ussd(code) if packed else code
    yield from breathe(m)
    answer: Answer = yield Command(f'AT+CUSD=1,"{said}",15', (), m.timings.ussd_command)
    if answer.end is End.SILENCE:
        abandon(m, UssdEnd.SILENT, "AT+CUSD: no answer")
        raise DialogueError("AT+CUSD: no answer", Fault.SILENT)
    return in_short(answer) if answer.end is End.ERROR else ""


# -- hearing --------------------------------------------------------------------------------------------------------


def hears(m: Modem, line: str) -> None:
    """An answer, or its first line."""
    talk = m.ussd.talk
    if talk is not None and talk.asked and begins(line):
        talk.lines.append(line)
    else:
        _heard(m, [line])


def hears_more(m: Modem, line: str) -> bool:
    """Take a line of an answer that has begun; return whether there is such an answer."""
    talk = m.ussd.talk
    if talk is None or not talk.lines:
        return False
    if talk.continues(line):
        _heard(m, talk.lines)
    return True


def _heard(m: Modem, lines: list[str]) -> None:
    """An answer is complete. What the network says by itself answers nothing, but is ended too."""
    heard = read_answer(lines)
    if heard.is_mere_end and m.now < m.ussd.ending_until:
        m.ussd.ending_until = 0.0
        return
    m.ussd.owed_until = 0.0
    if heard.open:
        m.ussd.open = True
        m.chores.add(Chore.USSD)
    if m.ussd.talk is not None and m.ussd.talk.asked:
        end(m, heard.end, heard.text)


def give_up(m: Modem, talk: Talk) -> None:
    """The network did not answer in time; what came of a broken answer is told."""
    if talk.lines:
        _heard(m, talk.lines)
    else:
        m.ussd.open = m.ussd.open or talk.asked
        m.chores.add(Chore.USSD)
        abandon(m, UssdEnd.SILENT, "the network did not answer in time")


def abandon(m: Modem, how: UssdEnd, text: str) -> None:
    """The request at hand is over, if there is one, and its answer may come late, as if it were another's."""
    if m.ussd.talk is not None and m.ussd.talk.asked:
        m.ussd.owed_until = m.now + m.timings.ussd_late
        m.ussd.owed_by = m.sim
    end(m, how, text)


def end(m: Modem, how: UssdEnd, text: str) -> None:
    """The request at hand is over, if there is one."""
    talk, m.ussd.talk = m.ussd.talk, None
    if talk is not None:
        m.facts.append(UssdEnded(m.name, m.sim, talk.request, how, text))
