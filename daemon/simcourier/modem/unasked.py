"""Take what a modem says by itself: unsolicited result codes (TS 27.005 section 3.4, TS 27.007 section 7)."""

from __future__ import annotations

import re

from simcourier.at import parse
from simcourier.at.engine import Urc
from simcourier.at.parse import Registration
from simcourier.modem import stored, ussd
from simcourier.modem.asking import DialogueError
from simcourier.modem.duties import Chore, Sort
from simcourier.modem.facts import Fault, ReportRoute
from simcourier.modem.modem import Modem
from simcourier.modem.states import CAN_TAKE_JOBS

_REGISTERED = frozenset({Registration.HOME, Registration.ROAMING})
_CHECK_PAUSE = 2.0
"""Seconds between two looks because of notices; a start is full of them."""

# What only a modem says that has just started or goes down (SIMCom, Quectel, Cinterion, ASR, u-blox).
_STARTED = frozenset({"RDY", "POWERED DOWN", "NORMAL POWER DOWN", "UNDER-VOLTAGE POWER DOWN"})
_STARTED_NAMES = frozenset({"^SYSSTART", "^SHUTDOWN", "*ATREADY", "+AT"})

# Inside the text of an answer by USSD, which may have lines: what is surely no part of it.
_NOTICE = re.compile(r"[+^*%_#&$][A-Z][A-Z0-9]{2,} ?:", re.IGNORECASE)

# Whose SIM is gone: 27.007 section 7.29 and SIMCom, Huawei (1 is a valid SIM, 240 one in the modem), Quectel, Telit.
_SIM_GONE = frozenset(
    {
        "+CPIN: NOT READY",
        "+CPIN: NOT INSERTED",
        "+CPIN: SIM REMOVED",
        "^SIMST: 0",
        "^SIMST: 255",
        "+QUSIM: 0",
        "#QSS: 0",
    }
)


def take(m: Modem, urc: Urc) -> DialogueError | None:
    """Take one line. Most are of no interest: `^RSSI`, `+ZUSIMR`, and what nobody knows.

    Returns a trouble that ends what the modem was doing: it restarted, or lost its SIM before the PDU left.
    """
    line = urc.line
    if not urc.pdu and not _NOTICE.match(line) and ussd.hears_more(m, line):
        return None
    name = line.partition(":")[0].rstrip().upper()
    match name:
        case "+CDS" | "+CMT" | "+CBM" if urc.pdu:
            stored.take_direct(m, urc.pdu)
        case "+CDSI":
            announced(m, line, Sort.REPORT)
        case "+CMTI":
            # An E3131 says +CMTI of reports too.
            if m.inbound or m.reports is ReportRoute.STORED:
                announced(m, line, Sort.MESSAGE)
        case "+CMGS":
            if (tp_mr := parse.message_reference([line])) is not None:
                m.late_answer(tp_mr)
        case "+CREG" | "+CEREG":
            registration(m, name, line)
        case "+CGREG" if m.registered_by == name[1:]:
            registration(m, name, line)
        case "+CUSD":
            ussd.hears(m, line)
        case "^SMMEMFULL":
            m.chores.add(Chore.LOOK)
        case _:
            return may_have_started(m, name, line) if m.settled else None
    return None


def announced(m: Modem, line: str, sort: Sort) -> None:
    """A message lies in a store."""
    if (place := parse.stored_at(line)) is not None:
        m.announce(*place, sort)


def registration(m: Modem, name: str, line: str) -> None:
    """The modem found its network, lost it or changed it: look, and let no PDU leave before that.

    While it is registered by CREG, what CEREG says keeps nothing from leaving: ModemManager leaves those notices
    switched on, and where LTE is weak they come all the time.
    """
    found = parse.registration_unasked(line)
    if found is None or found.value == m.registration or m.state not in CAN_TAKE_JOBS:
        m.offline = m.offline and found not in _REGISTERED
        return
    if m.registered_by in ("", name[1:]):
        m.offline = found not in _REGISTERED
    m.chores.add(Chore.POLL)


def may_have_started(m: Modem, name: str, line: str) -> DialogueError | None:
    """A notice of a start, or of a SIM that came or went: end what can't be finished, or have a look."""
    if line in _STARTED or name in _STARTED_NAMES:
        m.ussd.forget()
        m.in_hand = 0
        return DialogueError(f"it started anew: {line}", Fault.RESTARTED)
    if line.upper() in _SIM_GONE and (m.flight is None or m.flight.in_air is None):
        return DialogueError(f"the SIM is gone: {line}", Fault.SIM_LOST)
    if m.quirks.says_restart(line) and m.now - m.checked_at >= _CHECK_PAUSE:
        m.chores.add(Chore.CHECK)
    return None
