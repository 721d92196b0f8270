"""The SIM card: which one it is, whether it is ready, and its PIN (TS 27.007 sections 5.6, 7.1, 8.3 and 8.65)."""

from __future__ import annotations

from simcourier.at import parse
from simcourier.at.engine import Answer, Command, End, Shape
from simcourier.modem.asking import SKIPPED, DialogueError, ask, ask_patiently, breathe
from simcourier.modem.duties import Permit
from simcourier.modem.facts import Fault, ModemState, PinJudged, PinWanted
from simcourier.modem.modem import NONE_ENTERED, Modem, PinEntered, pin_digest
from simcourier.modem.regaining import climb
from simcourier.modem.waits import AwaitPin, Pause, Procedure
from simcourier.sms.networks import home_network

NO_SIM = "no SIM card: put one in, or see whether it lies right"
FAILED_SIM = "the SIM has failed: clean it, try it in a phone, or have the operator replace it"
WRONG_SIM = "the SIM is not accepted by the modem: it may be locked to another operator's cards"

# 27.007 section 9.2: what `AT+CPIN?` may be refused with, by number and in words.
SIM_FAULTS = {
    "10": NO_SIM,
    "13": FAILED_SIM,
    "15": WRONG_SIM,
    "SIM NOT INSERTED": NO_SIM,
    "SIM FAILURE": FAILED_SIM,
    "SIM WRONG": WRONG_SIM,
}
# What some modems answer to `AT+CPIN?` in place of an error.
_NO_SIM_STATES = frozenset({"NOT INSERTED", "NO SIM", "SIM NOT INSERTED"})
# The second PIN guards fixed dialling and the like; no message needs it.
OPEN = frozenset({"READY", "", "SIM PIN2", "SIM PUK2"})

# What else a card or a modem may ask for, and what an admin can do about it.
_LOCKS = {
    "SIM PUK": 'enter it and a new PIN in a phone, or by AT+CPIN="PUK","PIN" while simcourier is stopped; '
    "after too many wrong ones the card is dead",
    "PH-SIM PIN": "the stick is locked to another card: use that one, or have the stick unlocked",
    "PH-NET PIN": "the stick is locked to another operator: use its SIM, or have the stick unlocked",
}
CORRECT_IT = "correct it and restart the modem, or take the PIN off in a phone"

_RADIO_ON = 1
_IDENTITY_TRIES = 4

_ICCID_COMMANDS = (("AT+CCID", "+CCID"), ("AT+ICCID", "+ICCID"), ("AT^ICCID?", "^ICCID"))
_IMSI_COMMAND = ("AT+CIMI", "+CIMI")


# -- which card -----------------------------------------------------------------------------------------------------


def read_sim(m: Modem, *, tries: int = _IDENTITY_TRIES) -> Procedure[None]:
    """Ask for the ICCID in the ways there are, then for the IMSI; what worked is asked again later.

    What worked with this modem before is asked several times, since another way may give another identity: a SIM
    that refuses its ICCID for a moment is the same SIM.
    """
    commands = dict.fromkeys((*m.quirks.iccid, *_ICCID_COMMANDS, _IMSI_COMMAND))
    told_before = m.sim_seen[0] == m.imei and bool(m.sim_seen[1])
    for text, claim in sorted(commands, key=lambda command: command[0] != m.sim_command):
        known = told_before and text == m.sim_command
        sim = yield from ask_identity(m, text, claim)
        left = tries - 1 if known else 0
        while not sim and left:
            left -= 1
            yield Pause(m.timings.sim_start_pause)
            sim = yield from ask_identity(m, text, claim)
        if sim:
            m.sim_command = text
            m.identify(sim)
            return
    m.sim = ""


def ask_identity(m: Modem, text: str, claim: str) -> Procedure[str]:
    """Ask for ICCID or IMSI in one way; empty where that gives none."""
    answer = yield from ask_patiently(m, text, claim, shape=Shape.FREE)
    return parse.identity_number(answer.lines) if answer.end is End.OK else ""


def read_home(m: Modem) -> Procedure[None]:
    """Learn the SIM's home network out of its IMSI, which is forgotten at once."""
    if m.sim_command == _IMSI_COMMAND[0]:
        imsi = m.sim
    else:
        imsi = yield from ask_identity(m, *_IMSI_COMMAND)
    m.network = home_network(imsi)


def read_number(m: Modem) -> Procedure[None]:
    """Ask a SIM for its own number, once it lets itself be asked; many know none."""
    if m.number_of == m.sim:
        return
    m.number = ""
    answer = yield from ask(m, "AT+CNUM", "+CNUM")
    if not parse.sim_is_starting(answer.final):
        m.number = parse.own_number(answer.lines)
        m.number_of = m.sim


def see_change(m: Modem) -> None:
    """Tell that another card is in the modem than before; the last digits are enough to tell them apart."""
    imei, before = m.sim_seen
    if not m.sim:
        return
    m.sim_seen = m.imei, m.sim
    if before and imei == m.imei and m.sim != before:
        m.tell_fault(Fault.SIM_CHANGED, f"the SIM that ends in {m.sim[-4:]} took the place of {before[-4:]}")


# -- whether it is ready --------------------------------------------------------------------------------------------


def unlock(m: Modem) -> Procedure[None]:
    """Wait for a SIM that is ready, and enter the PIN where exactly that is asked for and allowed."""
    refusals = 0
    while True:
        answer = yield from ask_patiently(m, "AT+CPIN?", "+CPIN", timeout=m.timings.slow_command)
        if answer is SKIPPED:
            break
        state = parse.pin_state(answer.lines)
        if answer.end is End.ERROR:
            refusals += 1
            fault = SIM_FAULTS.get(parse.cause(answer.final))
            if fault is None and refusals > m.timings.sim_start_tries:
                break  # a modem that can't say; the network will, if there is no SIM
            yield from wait_for_sim(m, fault, refusals)
        elif state == "SIM PIN":
            yield from enter_pin(m)
        elif state in _NO_SIM_STATES:
            refusals += 1
            yield from wait_for_sim(m, NO_SIM, refusals)
        elif state in OPEN:
            m.tells_pin_state = bool(state)
            break
        else:
            yield from stay_locked(m, state)
    if m.state is not ModemState.INITIALISING:
        m.become(ModemState.INITIALISING)
    judge_pin(m)


def wait_for_sim(m: Modem, fault: str | None, refusals: int) -> Procedure[None]:
    """Say what is wrong with the SIM, if that is known, and wait. A modem in flight mode sees none either."""
    if refusals == 1 and (yield from wake_radio(m)):
        return
    if fault is None:
        yield Pause(m.timings.sim_start_pause)
    else:
        m.become(ModemState.SIM_MISSING, fault)
        yield from climb(m, m.timings.simless_steps, m.standing.since)
        yield Pause(m.timings.sim_look)


def wake_radio(m: Modem) -> Procedure[bool]:
    """End the flight mode that another program left behind (ModemManager does); return whether it was on."""
    answer = yield from ask(m, "AT+CFUN?", "+CFUN")
    if parse.first_number(answer.lines) in (None, _RADIO_ON):
        return False
    answer = yield from ask(m, "AT+CFUN=1", timeout=m.timings.slow_command)
    return answer.end is End.OK


def stay_locked(m: Modem, wanted: str) -> Procedure[None]:
    """Say what is asked for that nobody but an admin can give, and wait."""
    advice = _LOCKS.get(wanted, "nothing is entered by itself")
    left = None
    if wanted == "SIM PUK":
        left = yield from ask_tries_left(m, wanted)
    yield from hold(m, f"the SIM asks for {wanted}{in_words(left)}: {advice}")


def ask_tries_left(m: Modem, wanted: str) -> Procedure[int | None]:
    """Return how often a PIN or PUK may still be tried; None where the modem does not say."""
    answer = yield from ask(m, *m.quirks.pin_tries)
    return parse.tries_left(answer.lines, wanted) if answer.end is End.OK else None


def in_words(left: int | None) -> str:
    """Return how many tries are left, to stand behind what is asked for."""
    if left is None:
        return ""
    return " (one try left)" if left == 1 else f" ({left} tries left)"


def hold(m: Modem, reason: str) -> Procedure[None]:
    """Say why the SIM stays locked, and wait."""
    m.become(ModemState.SIM_LOCKED, reason)
    yield Pause(m.timings.sim_look)


# -- its PIN --------------------------------------------------------------------------------------------------------


def enter_pin(m: Modem) -> Procedure[None]:
    """Try the PIN, once per card and PIN: three wrong ones lock a SIM for good."""
    yield from read_sim(m, tries=1)
    left = yield from ask_tries_left(m, "SIM PIN")
    asks = f"the SIM asks for its PIN{in_words(left)}"
    card, pin = m.card(), m.pins.get(m.sim, m.pin)
    if pin is None:
        return (yield from hold(m, f"{asks}, and none is configured (pin_file)"))
    if not card:
        return (yield from hold(m, f"{asks}, and nothing tells which SIM it is: take the PIN off in a phone"))
    if m.now - m.pin_entered.at < m.timings.sim_start_tries * m.timings.sim_start_pause:
        yield Pause(m.timings.sim_start_pause)  # it was taken a moment ago, and the card is slow to open
        return None
    digest = pin_digest(card, pin)
    if digest in m.pins_tried or tried_unnamed(m, pin):
        return (yield from hold(m, f"{asks}, and the configured one was tried before: {CORRECT_IT}"))
    if left == 1:
        return (yield from hold(m, f"{asks}, which is not risked here: enter the PIN in a phone"))
    m.become(ModemState.SIM_LOCKED, asks)
    if not (yield from may_try(m, card, digest)):
        return (yield from hold(m, f"{asks}, and it may not be tried: {CORRECT_IT}"))
    return (yield from try_pin(m, card, pin, digest))


def may_try(m: Modem, card: str, digest: str) -> Procedure[bool]:
    """Ask for leave to try a PIN, which is given once: that it is tried is on disk before it is."""
    if m.pin_asked_for != digest:
        m.pin_asked_for, m.pin_permit = digest, Permit.AWAITED
    if m.pin_permit is Permit.AWAITED:
        m.facts.append(PinWanted(m.name, card, digest))
        yield AwaitPin(m.timings.pin_permit)
    return m.pin_permit is Permit.GRANTED


def try_pin(m: Modem, card: str, pin: str, digest: str) -> Procedure[None]:
    """Enter the PIN and tell what the card says to it."""
    unnamed = pin_digest(unnamed_card(m), pin)
    m.pins_tried |= {digest, unnamed}
    m.pin_entered = PinEntered(card, frozenset({digest, unnamed}), digest, m.now)
    yield from breathe(m)  # a PIN that is lost on the way counts as tried
    answer: Answer = yield Command(f'AT+CPIN="{pin}"', (), m.timings.slow_command)
    if answer.end is End.SILENCE:
        raise DialogueError("AT+CPIN=...: no answer")
    if answer.end is End.ERROR:
        m.pin_entered = NONE_ENTERED
        m.facts.append(PinJudged(m.name, card, digest, accepted=False))


def judge_pin(m: Modem) -> None:
    """The card is open: if a PIN was entered just before, it was the right one. An `OK` alone shows nothing.

    After the next loss of power it has to be asked for, and entered, again.
    """
    entered, m.pin_entered = m.pin_entered, NONE_ENTERED
    if entered.digest and m.now - entered.at <= m.timings.pin_permit:
        m.facts.append(PinJudged(m.name, entered.card, entered.digest, accepted=True))
        m.pins_tried -= entered.digests
        m.pin_asked_for = ""


def unnamed_card(m: Modem) -> str:
    """What stands for the card in this modem when it does not tell who it is."""
    return f"?{m.imei}"


def tried_unnamed(m: Modem, pin: str) -> bool:
    """Whether this PIN was tried on what may be this card under another name.

    A locked card tells its ICCID now and then not: the two tries would be two of three.
    """
    other = m.imei if m.sim else unnamed_card(m)
    return bool(m.imei) and pin_digest(other, pin) in m.pins_tried
