"""Make a modem that answers `AT` ready to send (TS 27.007 sections 5, 7 and 8, TS 27.005 section 3)."""

from __future__ import annotations

from itertools import product

from simcourier.at import parse
from simcourier.at.engine import Answer, Command, End, Shape
from simcourier.at.parse import Registration
from simcourier.modem.asking import SKIPPED, DialogueError, ask, ask_patiently
from simcourier.modem.facts import ModemState, PinJudged, PinWanted, ReportRoute
from simcourier.modem.modem import Chore, Modem, Permit, pin_digest
from simcourier.modem.waits import AwaitPin, Pause, Procedure

NO_SIM = "no SIM card"

# 27.007 section 9.2: what `AT+CPIN?` may be refused with, by number and in words.
_SIM_FAULTS = {
    "10": NO_SIM,
    "13": "the SIM has failed",
    "15": "the SIM is not accepted by the modem",
    "SIM NOT INSERTED": NO_SIM,
    "SIM FAILURE": "the SIM has failed",
    "SIM WRONG": "the SIM is not accepted by the modem",
}
# What some modems answer to `AT+CPIN?` in place of an error.
_NO_SIM_STATES = frozenset({"NOT INSERTED", "NO SIM", "SIM NOT INSERTED"})

_ICCID_COMMANDS = (("AT+CCID", "+CCID"), ("AT+ICCID", "+ICCID"), ("AT^ICCID?", "^ICCID"))
_REGISTERED = frozenset({Registration.HOME, Registration.ROAMING})


def bring_up(m: Modem) -> Procedure[None]:
    """Do everything that a modem needs after its power came or its port was opened."""
    m.become(ModemState.INITIALISING)
    yield from ask(m, "ATE0")
    yield from ask(m, "AT+CMEE=1")
    # A ZTE K3565-Z refuses everything until it was asked for this; the answer is read again when it counts.
    yield from ask(m, "AT+CPIN?", "+CPIN", timeout=m.timings.slow_command)
    yield from introduce(m)
    yield from unlock(m)
    yield from read_sim(m)
    m.tell_change()
    yield from prepare_messages(m)
    # Then a lost network tells itself, and nobody waits for the next poll.
    yield from ask(m, "AT+CREG=1")
    yield from register(m)
    yield from look_around(m)
    m.chores.add(Chore.LOOK)


def check(m: Modem) -> Procedure[None]:
    """See whether a modem that was ready has kept its SIM and settings; bring it up in full if not."""
    yield from ask(m, "ATE0")
    state = yield from ask_patiently(m, "AT+CPIN?", "+CPIN", timeout=m.timings.slow_command)
    mode = yield from ask(m, "AT+CMGF?", "+CMGF")
    notices = yield from ask(m, "AT+CNMI?", "+CNMI")
    sim = m.sim
    yield from read_sim(m)
    kept = (
        (state is SKIPPED or (state.end is End.OK and parse.pin_state(state.lines) in ("READY", "")))
        and not parse.first_number(mode.lines)
        and parse.cnmi_values(notices.lines) == m.cnmi
        and m.sim == sim
    )
    if kept:
        yield from register(m)
    else:
        yield from bring_up(m)


def poll(m: Modem) -> Procedure[None]:
    """Look at registration, operator and signal, and whether the modem has restarted without a word."""
    before = m.air()
    notices = yield from ask(m, "AT+CNMI?", "+CNMI")
    if parse.cnmi_values(notices.lines) != m.cnmi:
        m.chores.add(Chore.CHECK)
    yield from register(m)
    yield from look_around(m)
    if m.air() != before:
        m.tell_change()


# -- who it is ----------------------------------------------------------------------------------------------------


def introduce(m: Modem) -> Procedure[None]:
    """Ask the modem who it is; what it will not say stays empty."""
    m.manufacturer = yield from read_identity(m, "CGMI")
    m.model = yield from read_identity(m, "CGMM")
    m.revision = yield from read_identity(m, "CGMR")
    answer = yield from ask(m, "AT+CGSN", "+CGSN", shape=Shape.FREE)
    m.imei = parse.identity_number(answer.lines)
    m.tell_change()


def read_identity(m: Modem, name: str) -> Procedure[str]:
    """Ask for one of CGMI, CGMM and CGMR."""
    answer = yield from ask(m, f"AT+{name}", f"+{name}", shape=Shape.FREE)
    return parse.identity(answer.lines) if answer.end is End.OK else ""


def read_sim(m: Modem) -> Procedure[None]:
    """Ask for the ICCID in the ways there are, then for the IMSI; what worked is asked again later."""
    commands = (*_ICCID_COMMANDS, ("AT+CIMI", "+CIMI"))
    for text, claim in sorted(commands, key=lambda command: command[0] != m.sim_command):
        answer = yield from ask_patiently(m, text, claim, shape=Shape.FREE)
        sim = parse.identity_number(answer.lines) if answer.end is End.OK else ""
        if sim:
            m.sim_command = text
            m.identify(sim)
            return
    m.sim = ""


# -- the SIM ------------------------------------------------------------------------------------------------------


def unlock(m: Modem) -> Procedure[None]:
    """Wait for a SIM that is ready, and enter the PIN where exactly that is asked for and allowed."""
    refusals = 0
    while True:
        answer = yield from ask_patiently(m, "AT+CPIN?", "+CPIN", timeout=m.timings.slow_command)
        state = parse.pin_state(answer.lines)
        if answer is SKIPPED:
            return
        if answer.end is End.ERROR:
            fault = _SIM_FAULTS.get(parse.cause(answer.final))
            refusals += 1
            if fault is None and refusals > m.timings.sim_start_tries:
                return  # a modem that can't say; the network will, if there is no SIM
            yield from wait_for_sim(m, fault)
        elif state == "SIM PIN":
            yield from enter_pin(m)
        elif state in _NO_SIM_STATES:
            yield from wait_for_sim(m, NO_SIM)
        elif state in ("READY", ""):
            break
        else:
            m.become(ModemState.SIM_LOCKED, f"the SIM asks for {state}")
            yield Pause(m.timings.sim_look)
    if m.state is not ModemState.INITIALISING:
        m.become(ModemState.INITIALISING)


def wait_for_sim(m: Modem, fault: str | None) -> Procedure[None]:
    """Say what is wrong with the SIM, if that is known, and wait."""
    if fault is None:
        yield Pause(m.timings.sim_start_pause)
    else:
        m.become(ModemState.SIM_MISSING, fault)
        yield Pause(m.timings.sim_look)


def enter_pin(m: Modem) -> Procedure[None]:
    """Try the PIN, once per card and PIN: three wrong ones lock a SIM for good."""
    yield from read_sim(m)
    card = m.card()
    if m.pin is None or not card:
        wanted = "none is configured" if m.pin is None else "nothing tells which SIM it is"
        m.become(ModemState.SIM_LOCKED, f"the SIM asks for its PIN, and {wanted}")
        yield Pause(m.timings.sim_look)
        return
    digest = pin_digest(card, m.pin)
    if digest in m.pins_tried:
        m.become(ModemState.SIM_LOCKED, "the SIM asks for its PIN, and the configured one was tried before")
        yield Pause(m.timings.sim_look)
        return
    m.become(ModemState.SIM_LOCKED, "the SIM asks for its PIN")
    if m.pin_asked_for != digest:
        m.pin_asked_for, m.pin_permit = digest, Permit.AWAITED
    if m.pin_permit is Permit.AWAITED:
        m.facts.append(PinWanted(m.name, card, digest))
        yield AwaitPin(m.timings.pin_permit)
    if m.pin_permit is not Permit.GRANTED:
        m.become(ModemState.SIM_LOCKED, "the SIM asks for its PIN, and it may not be tried")
        yield Pause(m.timings.sim_look)
        return
    m.pins_tried.add(digest)
    answer: Answer = yield Command(f'AT+CPIN="{m.pin}"', (), m.timings.slow_command)
    if answer.end is End.SILENCE:
        raise DialogueError("AT+CPIN=...: no answer")
    m.facts.append(PinJudged(m.name, card, digest, answer.end is End.OK))
    if answer.end is End.OK:
        m.pins_tried.discard(digest)
        m.pin_asked_for = ""  # after the next loss of power it has to be asked for, and entered, again


# -- messages -----------------------------------------------------------------------------------------------------


def prepare_messages(m: Modem) -> Procedure[None]:
    """PDU mode, the way status reports come, where they may be stored, and whether there is a service centre."""
    yield from choose_pdu_mode(m)
    answer = yield from ask_patiently(m, "AT+CSMS?", "+CSMS")
    m.csms = parse.first_number(answer.lines) or 0
    if m.csms == 1 and (yield from ask(m, "AT+CSMS=0", "+CSMS")).end is End.OK:
        m.csms = 0
    yield from choose_notices(m)
    yield from choose_stores(m)
    answer = yield from ask_patiently(m, "AT+CSCA?", "+CSCA")
    empty = answer.end is End.OK and bool(answer.lines) and not parse.service_centre(answer.lines)
    m.warning = "the SIM has no service centre number (AT+CSCA?)" if empty else ""


def choose_pdu_mode(m: Modem) -> Procedure[None]:
    """Leave text mode; a SIM800L refuses this without a cause until its `SMS Ready`."""
    for _ in range(m.timings.sim_start_tries):
        answer = yield from ask(m, "AT+CMGF=0")
        if answer.end is End.OK:
            return
        yield Pause(m.timings.sim_start_pause)
    raise DialogueError(f"AT+CMGF=0: {answer.final}")


def choose_notices(m: Modem) -> Procedure[None]:
    """Have status reports handed over (ds 1), else stored and announced (ds 2), as the modem really takes it.

    Modems list values that they refuse, and take values that they do not keep: set, then read back.
    """
    answer = yield from ask_patiently(m, "AT+CNMI=?", "+CNMI")
    m.reports = ReportRoute.NONE
    m.cnmi = ()
    for candidate in notice_candidates(parse.cnmi_options(answer.lines)):
        set_to = yield from ask_patiently(m, "AT+CNMI=" + ",".join(map(str, candidate)))
        if set_to.end is not End.OK:
            continue
        answer = yield from ask(m, "AT+CNMI?", "+CNMI")
        m.cnmi = parse.cnmi_values(answer.lines)
        if not m.cnmi or m.cnmi[3] == candidate[3]:
            m.reports = ReportRoute.DIRECT if candidate[3] == 1 else ReportRoute.STORED
            return
    answer = yield from ask(m, "AT+CNMI?", "+CNMI")
    m.cnmi = parse.cnmi_values(answer.lines)


def notice_candidates(options: tuple[frozenset[int], ...]) -> list[tuple[int, ...]]:
    """Return what to try as the fields of CNMI, best first; all that may work if the modem does not list them."""
    if not options:
        return [(mode, 1, 0, ds, 0) for ds, mode in product((1, 2), (2, 1))]
    modes = [mode for mode in (2, 1, 3, 0) if mode in options[0]]
    mt = 1 if 1 in options[1] else 0
    bm = min(options[2], default=0)
    rest = tuple(min(values, default=0) for values in options[4:5])  # a Cinterion wants bfr 1
    return [(mode, mt, bm, ds, *rest) for ds in (1, 2) if ds in options[3] for mode in modes]


def choose_stores(m: Modem) -> Procedure[None]:
    """Learn which stores there are; where reports are stored, see that received messages go to one that we read."""
    answer = yield from ask_patiently(m, "AT+CPMS=?", "+CPMS")
    m.memories = parse.memories(answer.lines)
    m.store = ""
    known = m.memories[0] if m.memories else ()
    m.usual_store = next((name for name in ("SM", "ME", "MT") if name in known), "")
    if m.reports is not ReportRoute.STORED:
        return
    usual = m.usual_store or "SM"
    # A Brovi stick takes three stores only, a Wavecom two at most.
    for stores in ((usual,) * 3, (usual,) * 2, (usual,)):
        answer = yield from ask_patiently(m, store_command(stores), "+CPMS")
        if answer.end is End.OK:
            m.store = m.usual_store = usual
            return


def store_command(stores: tuple[str, ...]) -> str:
    """Return the command that selects stores."""
    return "AT+CPMS=" + ",".join(f'"{name}"' for name in stores)


# -- the network --------------------------------------------------------------------------------------------------


def register(m: Modem) -> Procedure[None]:
    """Wait until the SIM is registered, at home or roaming."""
    tries = 0
    while True:
        found = yield from ask_registration(m)
        m.registration = found.value if found is not None else ""
        if found is None or found in _REGISTERED:
            return
        if found is Registration.DENIED:
            m.become(ModemState.BARRED, "the network denies this SIM")
        else:
            m.become(ModemState.SEARCHING, f"no network: {found}")
        tries += 1
        yield Pause(m.timings.searching * (1 if tries < 60 else 10))
        if tries % 10 == 0:
            yield from see_sim(m)


def see_sim(m: Modem) -> Procedure[None]:
    """While no network is found: the reason may be that the SIM was taken out."""
    answer = yield from ask(m, "AT+CPIN?", "+CPIN", timeout=m.timings.slow_command)
    if parse.pin_state(answer.lines) != "READY" and answer.end is End.ERROR:
        m.settled = False
        raise DialogueError(f"AT+CPIN?: {answer.final}")


def ask_registration(m: Modem) -> Procedure[Registration | None]:
    """Ask by CREG, then by CEREG if that shows nothing: a modem on LTE alone may answer only there."""
    circuit = yield from ask(m, "AT+CREG?", "+CREG")
    found = parse.registration_asked(circuit.lines)
    if found in _REGISTERED:
        return found
    packet = yield from ask(m, "AT+CEREG?", "+CEREG")
    other = parse.registration_asked(packet.lines)
    return other if other in _REGISTERED or found is None else found


def look_around(m: Modem) -> Procedure[None]:
    """Read the operator's name and the signal."""
    if not m.operator:
        yield from ask(m, "AT+COPS=3,0")
    answer = yield from ask(m, "AT+COPS?", "+COPS")
    m.operator = parse.operator(answer.lines)
    answer = yield from ask(m, "AT+CSQ", "+CSQ")
    m.signal_dbm = parse.signal_dbm(answer.lines)
