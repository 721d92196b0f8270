"""Make a modem that answers `AT` ready to send (TS 27.007 sections 5, 7 and 8, TS 27.005 section 3)."""

from __future__ import annotations

from simcourier.at import parse
from simcourier.at.engine import End, Shape
from simcourier.at.quirks import UNKNOWN, identify
from simcourier.modem.asking import SKIPPED, ask, ask_patiently
from simcourier.modem.duties import Chore
from simcourier.modem.facts import ModemState
from simcourier.modem.modem import Modem
from simcourier.modem.notices import prepare_messages
from simcourier.modem.registering import look_around, register
from simcourier.modem.sim_card import OPEN, read_home, read_number, read_sim, see_change, unlock
from simcourier.modem.waits import Procedure


def bring_up(m: Modem) -> Procedure[None]:
    """Do everything that a modem needs after its power came or its port was opened."""
    m.become(ModemState.INITIALISING)
    m.quirks = UNKNOWN
    yield from ask(m, "ATE0")
    yield from ask(m, "AT+CMEE=1")
    yield from introduce(m)
    yield from unlock(m)
    yield from read_sim(m)
    see_change(m)
    yield from read_home(m)
    m.tell_change()
    yield from prepare_messages(m)
    # Then a lost network tells itself, and nobody waits for the next poll.
    yield from ask(m, "AT+CREG=1")
    shown_by = yield from register(m)
    if shown_by != "CREG":
        yield from ask(m, f"AT+{shown_by}=1")
    yield from look_around(m)
    m.chores.add(Chore.LOOK)


def check(m: Modem) -> Procedure[None]:
    """See whether a modem that was ready has kept its SIM and settings; bring it up in full if not."""
    yield from ask(m, "ATE0")
    state = yield from ask_patiently(m, "AT+CPIN?", "+CPIN", timeout=m.timings.slow_command)
    if state is not SKIPPED and (state.end is not End.OK or parse.pin_state(state.lines) not in OPEN):
        return (yield from bring_up(m))
    mode = yield from ask(m, "AT+CMGF?", "+CMGF")
    notices = yield from ask(m, "AT+CNMI?", "+CNMI")
    other_sim = yield from has_other_sim(m)
    kept = not parse.first_number(mode.lines) and parse.cnmi_values(notices.lines) == m.cnmi and not other_sim
    if not kept:
        return (yield from bring_up(m))
    yield from register(m)
    return None


def poll(m: Modem) -> Procedure[None]:
    """Look at registration, operator and signal, and whether modem or SIM have changed without a word."""
    before = m.air(), m.number
    if m.sim and (yield from has_other_sim(m)):
        yield from bring_up(m)
        return
    notices = yield from ask(m, "AT+CNMI?", "+CNMI")
    if parse.cnmi_values(notices.lines) != m.cnmi:
        m.chores.add(Chore.CHECK)
    yield from register(m)
    yield from look_around(m)
    yield from read_number(m)
    if (m.air(), m.number) != before:
        m.tell_change()


def has_other_sim(m: Modem) -> Procedure[bool]:
    """See whether the SIM is another one; a stick that does not notice the change itself sends on with the new one.

    Until bring-up has seen to it, what comes in counts for the SIM that was there last, though it tells nothing now.
    """
    sim = m.sim
    yield from read_sim(m)
    see_change(m)
    changed = m.sim != sim
    m.sim = m.sim or sim
    return changed


def introduce(m: Modem) -> Procedure[None]:
    """Ask the modem who it is, and heed what is peculiar about its make; what it will not say stays empty."""
    m.manufacturer = yield from read_identity(m, "CGMI")
    if not m.manufacturer:
        # A ZTE K3565-Z refuses everything until it was asked for this; the answer is read again when it counts.
        yield from ask(m, "AT+CPIN?", "+CPIN", timeout=m.timings.slow_command)
        m.manufacturer = yield from read_identity(m, "CGMI")
    m.model = yield from read_identity(m, "CGMM")
    m.revision = yield from read_identity(m, "CGMR")
    answer = yield from ask(m, "AT+CGSN", "+CGSN", shape=Shape.FREE)
    m.imei = parse.identity_number(answer.lines)
    m.quirks = identify(m.manufacturer, m.model, m.revision)
    for command in m.quirks.hush + (m.quirks.hush_usb if m.device else ()):
        yield from ask(m, command)
    m.tell_change()


def read_identity(m: Modem, name: str) -> Procedure[str]:
    """Ask for one of CGMI, CGMM and CGMR."""
    answer = yield from ask(m, f"AT+{name}", f"+{name}", shape=Shape.FREE)
    return parse.identity(answer.lines) if answer.end is End.OK else ""
