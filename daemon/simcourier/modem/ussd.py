"""Ask the network something by USSD beside the sending, and end the session (TS 27.007 section 7.15)."""

from __future__ import annotations

from simcourier.at.engine import Answer, Command, End
from simcourier.modem.asking import DialogueError, ask, breathe, in_short
from simcourier.modem.facts import Fault, UssdEnd
from simcourier.modem.modem import Modem
from simcourier.modem.waits import Procedure
from simcourier.sms.ussd_text import pack_ussd


def converse(m: Modem) -> Procedure[None]:
    """Say what is due: end a session that waits for a reply, ask what is to be asked.

    The answer comes unsolicited, by and by; jobs go on meanwhile.
    """
    if m.ussd_open:
        m.ussd_open = False
        yield from ask(m, "AT+CUSD=2")
    talk = m.talk
    if talk is None or talk.asked:
        return
    talk.asked = True
    refusal = yield from ask_for(m, talk.code, packed=m.ussd_packed)
    if refusal and (yield from ask_for(m, talk.code, packed=not m.ussd_packed)):
        m.end_talk(UssdEnd.REFUSED, refusal)
    elif refusal:
        m.ussd_packed = not m.ussd_packed


def ask_for(m: Modem, code: str, *, packed: bool) -> Procedure[str]:
    """Send the request as text, or (some Huawei sticks) as packed septets; return what it was refused with."""
    said = pack_ussd(code) if packed else code
    yield from breathe(m)
    answer: Answer = yield Command(f'AT+CUSD=1,"{said}",15', (), m.timings.ussd_command)
    if answer.end is End.SILENCE:
        m.end_talk(UssdEnd.SILENT, "AT+CUSD: no answer")
        raise DialogueError("AT+CUSD: no answer", Fault.SILENT)
    return in_short(answer) if answer.end is End.ERROR else ""
