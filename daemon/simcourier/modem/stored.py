"""Read what lies in a modem's stores, tell it, delete it once it is on record (TS 27.005 sections 3.2 to 3.5)."""

from __future__ import annotations

from typing import NamedTuple

from simcourier.at import parse
from simcourier.at.engine import End, Shape
from simcourier.modem.asking import ask
from simcourier.modem.duties import Announced, Chore, Sort
from simcourier.modem.facts import Fault
from simcourier.modem.modem import Modem
from simcourier.modem.notices import reading_forms, store_command
from simcourier.modem.stock import Place
from simcourier.modem.waits import Procedure
from simcourier.sms.errors import PduError
from simcourier.sms.report import StatusReport
from simcourier.sms.tpdu import decode_incoming

STORES = ("SR", "SM", "ME", "MT")
MOST_INDEXES = 50
"""Places looked at one by one in a store that can't list its messages."""
MOST_DELETIONS = 4
"""Deletions in a row before a job has its turn."""


class Held(NamedTuple):
    """How full a store is; `total` is 0 where the modem does not tell."""

    used: int
    total: int


def read_announced(m: Modem) -> Procedure[None]:
    """Read one message that `+CDSI` or `+CMTI` announced.

    The store it named may be wrong: an EC25 says "SM" for what lies in "SR", an E3131 mixes them up.
    """
    announced: Announced = m.reads.popleft()
    for name in sorted(readable_stores(m), key=lambda name: name != announced.store):
        if not m.has_selected(name) and (yield from select(m, name)) is None:
            continue
        if (yield from read_one(m, announced.cell)) is announced.sort:
            return


def look_through(m: Modem) -> Procedure[None]:
    """Read everything that lies in the stores, such as what came while nobody was there."""
    m.looked_at = m.now
    for name in readable_stores(m):
        held = yield from select(m, name)
        if held is not None and held.used:
            yield from read_all(m, held.used)
        if held is not None:
            judge_room(m, name, held)


def readable_stores(m: Modem) -> list[str]:
    """Return the stores that may hold something; where the modem does not list its stores, all there can be.

    "MT" is "SM" and "ME" together: each of its messages would be met twice.
    """
    if not m.memories:
        return list(STORES)
    known = m.memories[0]
    return [name for name in STORES if name in known and (name != "MT" or not {"SM", "ME"} & set(known))]


def select(m: Modem, store: str) -> Procedure[Held | None]:
    """Make `store` the one that is read from; return what it holds, None if it can't be had.

    mem1 is left there afterwards. Who reads or deletes later selects it again: the modem may have restarted without
    a word, or another program selected another store, where the same place holds another message.
    """
    for stores in reading_forms(m, store):
        answer = yield from ask(m, store_command(stores), "+CPMS")
        if answer.end is End.OK:
            m.store, m.store_at = store, m.now
            held = parse.messages_held(answer.lines)
            return Held(*held) if held else Held(1, 0)
    return None


def read_one(m: Modem, index: int) -> Procedure[Sort | None]:
    """Read one place and tell what lies there; return what it is."""
    answer = yield from ask(m, f"AT+CMGR={index}", "+CMGR", shape=Shape.PDU)
    for _, pdu in parse.stored_messages(answer.lines):
        return meet(m, Place(m.store, index), pdu)
    return None


def read_all(m: Modem, used: int) -> Procedure[None]:
    """Tell what the selected store holds."""
    answer = yield from ask(m, "AT+CMGL=4", "+CMGL", shape=Shape.PDU, timeout=m.timings.slow_command)
    if answer.end is not End.OK:
        # A D-Link DWM-156 can't list the store "SR".
        for index in range(MOST_INDEXES):
            used -= (yield from read_one(m, index)) is not None
            if used <= 0:
                return
    for place, pdu in parse.stored_messages(answer.lines):
        if place is not None:
            meet(m, Place(m.store, place), pdu)


def meet(m: Modem, place: Place, pdu: str) -> Sort:
    """Tell what lies at a place, unless it was told; keep what can't be read out of the way."""
    told = m.stock.is_told(place, pdu, m.now, m.timings.retell)
    if m.stock.deletable:
        m.chores.add(Chore.DELETE)
    try:
        message = decode_incoming(pdu)
    except PduError:
        if not told:
            m.damaged_pdus += 1
            m.stock.set_aside(place, pdu, m.now)
            m.tell_fault(Fault.NOISE, f"a message in {place.store} can't be read; it is left there")
        return Sort.UNREADABLE
    if isinstance(message, StatusReport):
        if not told:
            m.report(message, m.stock.told(place, pdu, m.now))
        return Sort.REPORT
    if m.inbound and not told:
        m.message(message, m.stock.told(place, pdu, m.now))
    return Sort.MESSAGE


def take_direct(m: Modem, pdu: str) -> None:
    """Tell what the modem handed over without keeping it (`+CDS`, `+CMT`).

    Under CSMS=1 it waits for an acknowledgement, and the network keeps the message until then: what is told is
    acknowledged when it is on record, what nobody wants at once. Before it is ready nobody knows how it is set.
    """
    token = m.take_in_hand() if m.csms or not m.settled else 0
    try:
        message = decode_incoming(pdu)
    except PduError:
        m.damaged_pdus += 1
        m.tell_now_and_then(Fault.NOISE, "a message that was handed over can't be read")
        m.recorded(token)
        return
    if isinstance(message, StatusReport):
        m.report(message, token)
    elif m.inbound:
        m.message(message, token)
    else:
        m.recorded(token)


# -- room ------------------------------------------------------------------------------------------------------


def judge_room(m: Modem, store: str, held: Held) -> None:
    """Say so where a store is full of what stays there; give up what nobody can read before that.

    A full store is not looked at again before something is deleted or announced.
    """
    if not held.total or held.used < held.total:
        if store in m.full_stores:
            m.full_stores.discard(store)
            m.warn_of_stores()
        return
    if store not in m.full_stores:
        m.full_stores.add(store)
        m.tell_fault(Fault.STORE_FULL, f"the store {store} is full: {held.used} of {held.total}")
    if m.inbound and not m.stock.leaving(store) and m.stock.give_up_unreadable(store):
        m.chores.add(Chore.DELETE)
    m.warn_of_stores()


def delete_some(m: Modem) -> Procedure[None]:
    """Delete from the stores what is on record, a few at a time; look again at a store that was full."""
    deletable = m.stock.deletable
    for _ in range(min(MOST_DELETIONS, len(deletable))):
        place = m.stock.take_deletable(m.now)
        if m.has_selected(place.store) or (yield from select(m, place.store)) is not None:
            yield from ask(m, f"AT+CMGD={place.cell}")
    if not deletable:
        m.chores.discard(Chore.DELETE)
        if m.full_stores:
            m.chores.add(Chore.LOOK)
