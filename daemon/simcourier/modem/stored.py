"""Read status reports out of a modem's stores (TS 27.005 sections 3.2.2, 3.4.1 to 3.4.3, 3.5.4)."""

from __future__ import annotations

from simcourier.at import parse
from simcourier.at.engine import End, Shape
from simcourier.modem.asking import ask
from simcourier.modem.bring_up import store_command
from simcourier.modem.modem import Modem
from simcourier.modem.waits import Procedure
from simcourier.sms.errors import PduError
from simcourier.sms.report import StatusReport
from simcourier.sms.tpdu import decode_incoming

STORES = ("SR", "SM", "ME", "MT")
MOST_INDEXES = 50
"""Places looked at one by one in a store that can't list its messages."""


def read_announced(m: Modem) -> Procedure[None]:
    """Read one report that `+CDSI` announced.

    The store it named may be wrong: an EC25 says "SM" for what lies in "SR", an E3131 mixes them up.
    """
    store, index = m.reads.popleft()
    for name in sorted(readable_stores(m), key=lambda name: name != store):
        if name != m.store and (yield from select(m, name)) is None:
            continue
        if (yield from read_one(m, index)):
            return


def look_through(m: Modem) -> Procedure[None]:
    """Read every report that lies in the stores, such as those that came while nobody was there."""
    for name in readable_stores(m):
        used = yield from select(m, name)
        if used:
            yield from read_all(m, used)


def readable_stores(m: Modem) -> list[str]:
    """Return the stores that may hold reports; where the modem does not list its stores, all there can be."""
    return [name for name in STORES if not m.memories or name in m.memories[0]]


def select(m: Modem, store: str) -> Procedure[int | None]:
    """Make `store` the one that is read from; return how many messages it holds, None if it can't be had.

    mem1 is left there afterwards: only these procedures read, and they always select first.
    """
    usual = m.usual_store or store
    for stores in ((store,), (store, usual, usual), (store, usual)):
        answer = yield from ask(m, store_command(stores), "+CPMS")
        if answer.end is End.OK:
            m.store = store
            held = parse.messages_held(answer.lines)
            return held[0] if held else 1
    return None


def read_one(m: Modem, index: int) -> Procedure[bool]:
    """Read one place; tell and delete a report. Return whether there was one."""
    answer = yield from ask(m, f"AT+CMGR={index}", "+CMGR", shape=Shape.PDU)
    for _, pdu in parse.stored_messages(answer.lines):
        if take_report(m, pdu):
            yield from ask(m, f"AT+CMGD={index}")
            return True
    return False


def read_all(m: Modem, used: int) -> Procedure[None]:
    """Tell and delete every report of the selected store; other messages stay where they are."""
    answer = yield from ask(m, "AT+CMGL=4", "+CMGL", shape=Shape.PDU, timeout=m.timings.slow_command)
    if answer.end is not End.OK:
        # A D-Link DWM-156 can't list the store "SR".
        for place in range(MOST_INDEXES):
            used -= 1 if (yield from read_one(m, place)) else 0
            if used <= 0:
                return
    for index, pdu in parse.stored_messages(answer.lines):
        if index is not None and take_report(m, pdu):
            yield from ask(m, f"AT+CMGD={index}")


def take_report(m: Modem, pdu: str) -> bool:
    """Tell a status report; return whether it was one."""
    try:
        message = decode_incoming(pdu)
    except PduError:
        m.damaged_pdus += 1
        return False
    if not isinstance(message, StatusReport):
        return False
    m.report(message)
    return True
