"""Get onto the network, or find out why not (TS 27.007 sections 7.2, 8.2 and 10.1.22)."""

from __future__ import annotations

from simcourier.at import parse
from simcourier.at.engine import End
from simcourier.at.parse import Registration
from simcourier.modem.asking import SKIPPED, DialogueError, ask, in_short
from simcourier.modem.facts import Fault, ModemState
from simcourier.modem.modem import Modem
from simcourier.modem.regaining import climb
from simcourier.modem.sim_card import SIM_FAULTS, wake_radio
from simcourier.modem.waits import Pause, Procedure
from simcourier.sms.reject_causes import explain_rejection

DENIED = "the network denies this SIM"
ROAMS = "the SIM roams: allow that by sims.roaming, or use a SIM of an operator that has a network here"

_REGISTERED = frozenset({Registration.HOME, Registration.ROAMING})
_DEREGISTERED = "2"
"""AT+COPS? begins with this while the modem was told to keep off any network."""

_DOMAINS = ("CREG", "CEREG", "CGREG")
"""By which command it shows that it is registered: circuit switched, LTE, packet switched."""
_EAGER_TRIES = 60
_LOOK_CLOSER_EVERY = 10


def register(m: Modem) -> Procedure[str]:
    """Wait until the SIM is registered, at home or roaming; return by which command that showed, if by any."""
    tries = 0
    last: Registration | None = None
    while True:
        shown_by, found = yield from ask_registration(m)
        m.registration = found.value if found is not None else ""
        m.registered_by = shown_by if found in _REGISTERED else ""
        if found is None or found is Registration.HOME or (found is Registration.ROAMING and m.roaming):
            return shown_by
        if found is not last:
            tell_standing(m, found)
        if found is not last or tries % _LOOK_CLOSER_EVERY == 0:
            tell_standing(m, found, (yield from look_closer(m, found, tries)))
        last = found
        tries += 1
        yield Pause(m.timings.searching * (1 if tries < _EAGER_TRIES else 10))
        if m.state is ModemState.SEARCHING:
            yield from climb(m, m.timings.offline_steps, m.standing.since)
        if tries == 1 or tries % 10 == 0:
            yield from see_sim(m)


def tell_standing(m: Modem, found: Registration, why: str = "") -> None:
    """Become `barred` or `searching`, with the reason as far as it is known."""
    behind = f": {why}" if why else ""
    if found is Registration.ROAMING:
        m.become(ModemState.BARRED, ROAMS)
    elif found is Registration.DENIED:
        m.become(ModemState.BARRED, DENIED + behind)
    else:
        m.become(ModemState.SEARCHING, f"no network: {found}{behind}")


# -- why not --------------------------------------------------------------------------------------------------------


def look_closer(m: Modem, found: Registration, tries: int) -> Procedure[str]:
    """Return why there is no network, in words; empty while nothing tells.

    The first time the modem is only asked to tell reasons from now on: one that was just started has found none yet.
    """
    if found is Registration.ROAMING:
        return ""
    if found is Registration.NONE:
        yield from wake_up(m)
    if tries == 0 and found is not Registration.DENIED:
        return ""
    cause = yield from ask_cause(m)
    if cause is not None:
        return explain_rejection(cause)
    answer = yield from ask(m, "AT+CEER", "+CEER")
    if told := parse.failure_report(answer.lines):
        return f"the modem says {told}"
    answer = yield from ask(m, "AT+CSQ", "+CSQ")
    m.signal_dbm = parse.signal_dbm(answer.lines)
    if m.signal_dbm is None and answer.end is End.OK:
        return "it hears no signal: see to its antenna and its place"
    return "ask the operator whether the SIM is active and paid" if found is Registration.DENIED else ""


def ask_cause(m: Modem) -> Procedure[int | None]:
    """Have each domain tell reject causes (mode 3), and return the first one."""
    for name in _DOMAINS:
        answer = yield from ask(m, f"AT+{name}=3")
        if answer.end is End.OK:
            answer = yield from ask(m, f"AT+{name}?", f"+{name}")
            cause = parse.reject_cause(answer.lines)
            if cause is not None:
                return cause
    return None


def wake_up(m: Modem) -> Procedure[None]:
    """A modem that does not even search may be in flight mode, or told to keep off the network: end both."""
    if (yield from wake_radio(m)):
        return
    answer = yield from ask(m, "AT+COPS?", "+COPS")
    if answer.lines and parse.fields(answer.lines[0])[0] == _DEREGISTERED:
        yield from ask(m, "AT+COPS=0", timeout=m.timings.slow_command)


def see_sim(m: Modem) -> Procedure[None]:
    """While no network is found: the reason may be that the SIM was taken out."""
    answer = yield from ask(m, "AT+CPIN?", "+CPIN", timeout=m.timings.slow_command)
    known = parse.cause(answer.final) in SIM_FAULTS
    if answer.end is End.ERROR and answer is not SKIPPED and (known or m.tells_pin_state):
        m.settled = False
        raise DialogueError(f"AT+CPIN?: {in_short(answer)}", Fault.SIM_LOST)


# -- how it stands --------------------------------------------------------------------------------------------------


def ask_registration(m: Modem) -> Procedure[tuple[str, Registration | None]]:
    """Ask by CREG, then by CEREG, and believe the first that has the SIM, else the first that says anything.

    A modem on LTE alone may answer only by CEREG. Where both are merely without a network, messages may still go over
    packets: CGREG can show that, and never the contrary.
    """
    circuit = yield from ask(m, "AT+CREG?", "+CREG")
    found = parse.registration_asked(circuit.lines)
    if found in _REGISTERED:
        return "CREG", found
    lte = yield from ask(m, "AT+CEREG?", "+CEREG")
    other = parse.registration_asked(lte.lines)
    if other in _REGISTERED:
        return "CEREG", other
    known = [each for each in (found, other) if each is not None]
    if known and Registration.DENIED not in known:
        packets = yield from ask(m, "AT+CGREG?", "+CGREG")
        third = parse.registration_asked(packets.lines)
        if third in _REGISTERED and (yield from _sends_over_packets(m)):
            return "CGREG", third
    return ("CREG", found) if found is not None else ("CEREG", other)


def _sends_over_packets(m: Modem) -> Procedure[bool]:
    """Have messages go over packets where that can be had (TS 27.007, +CGSMS): many modems send by circuit only."""
    if m.registered_by == "CGREG":
        return True
    answer = yield from ask(m, "AT+CGSMS=2")
    return answer.end is End.OK


def look_around(m: Modem) -> Procedure[None]:
    """Read the operator's name and the signal."""
    if not m.operator:
        yield from ask(m, "AT+COPS=3,0")
    answer = yield from ask(m, "AT+COPS?", "+COPS")
    m.operator = parse.operator(answer.lines)
    answer = yield from ask(m, "AT+CSQ", "+CSQ")
    m.signal_dbm = parse.signal_dbm(answer.lines)
