"""How messages and reports come out of a modem: PDU mode, notices, stores (TS 27.005 sections 3.2 to 3.4)."""

from __future__ import annotations

from itertools import product

from simcourier.at import parse
from simcourier.at.engine import End
from simcourier.at.quirks import UNKNOWN, Quirks
from simcourier.modem.asking import DialogueError, ask, ask_patiently, in_short
from simcourier.modem.facts import ReportRoute
from simcourier.modem.modem import Modem
from simcourier.modem.waits import Pause, Procedure

NO_CENTRE = (
    "the SIM has no service centre number (AT+CSCA?): set its operator's in a phone, or nothing can be sent"
)

_NO_STORES = ((),)


def prepare_messages(m: Modem) -> Procedure[None]:
    """PDU mode, the way status reports come, where they may be stored, and whether there is a service centre."""
    yield from choose_pdu_mode(m)
    yield from choose_service(m)
    yield from choose_notices(m)
    yield from choose_stores(m)
    answer = yield from ask_patiently(m, "AT+CSCA?", "+CSCA")
    empty = answer.end is End.OK and bool(answer.lines) and not parse.service_centre(answer.lines)
    m.warning = NO_CENTRE if empty else ""


def choose_pdu_mode(m: Modem) -> Procedure[None]:
    """Leave text mode; a SIM800L refuses this without a cause until its `SMS Ready`."""
    for _ in range(m.timings.sim_start_tries):
        answer = yield from ask(m, "AT+CMGF=0", must=True)
        if answer.end is End.OK:
            return
        yield Pause(m.timings.sim_start_pause)
    raise DialogueError(f"AT+CMGF=0: {in_short(answer)}")


def choose_service(m: Modem) -> Procedure[None]:
    """Have notices come without acknowledgement (CSMS 0), but for modems that give none so."""
    wanted = m.quirks.service
    answer = yield from ask_patiently(m, "AT+CSMS?", "+CSMS")
    m.csms = parse.first_number(answer.lines) or 0
    if m.csms in (0, 1) and m.csms != wanted:
        answer = yield from ask(m, f"AT+CSMS={wanted}", "+CSMS")
        m.csms = wanted if answer.end is End.OK else m.csms


def choose_notices(m: Modem) -> Procedure[None]:
    """Have status reports handed over (ds 1), else stored and announced (ds 2), as the modem really takes it.

    Modems list values that they refuse, and take values that they do not keep: set, then read back.
    """
    m.reports = ReportRoute.NONE
    m.cnmi = ()
    if not m.quirks.routes:
        return
    answer = yield from ask_patiently(m, "AT+CNMI=?", "+CNMI")
    for candidate in notice_candidates(parse.cnmi_options(answer.lines), m.quirks):
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


def notice_candidates(options: tuple[frozenset[int], ...], quirks: Quirks = UNKNOWN) -> list[tuple[int, ...]]:
    """Return what to try as the fields of CNMI, best first; all that may work if the modem does not list them."""
    if not options:
        bfr = quirks.buffering or 0
        unlisted = product(quirks.routes, quirks.modes[:2])
        return [(mode, 1, 0, ds, bfr)[: quirks.fields] for ds, mode in unlisted]
    modes = [mode for mode in quirks.modes if mode in options[0]]
    mt = 1 if 1 in options[1] else 0
    bm = min(options[2], default=0)
    rest = tuple(min(values, default=0) for values in options[4:5])  # a Cinterion wants bfr 1
    if rest and quirks.buffering is not None:
        rest = (quirks.buffering,)
    return [
        (mode, mt, bm, ds, *rest)[: quirks.fields]
        for ds in quirks.routes
        if ds in options[3]
        for mode in modes
    ]


def choose_stores(m: Modem) -> Procedure[None]:
    """Learn which stores there are; where reports are stored, see that received messages go to one that we read."""
    m.store = m.usual_store = ""
    if not m.quirks.store_forms:
        m.memories = _NO_STORES
        return
    answer = yield from ask_patiently(m, "AT+CPMS=?", "+CPMS")
    m.memories = parse.memories(answer.lines)
    known = m.memories[0] if m.memories else ()
    m.usual_store = next((name for name in ("SM", "ME", "MT") if name in known), "")
    if m.reports is not ReportRoute.STORED:
        return
    usual = m.usual_store or "SM"
    for number in m.quirks.store_forms:
        answer = yield from ask_patiently(m, store_command((usual,) * number), "+CPMS")
        if answer.end is End.OK:
            m.store = m.usual_store = usual
            return


def reading_forms(m: Modem, store: str) -> list[tuple[str, ...]]:
    """Return with which stores to say CPMS so that `store` is read from: the shortest form first that may work.

    A Brovi stick takes three stores only, a Wavecom two at most.
    """
    usual = m.usual_store or store
    forms = {1: (store,), 3: (store, usual, usual), 2: (store, usual)}
    return [form for number, form in forms.items() if number in m.quirks.store_forms]


def store_command(stores: tuple[str, ...]) -> str:
    """Return the command that selects stores."""
    return "AT+CPMS=" + ",".join(f'"{name}"' for name in stores)
