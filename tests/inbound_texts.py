"""What people write to a SIM, as the octets that a modem hands over: written by the virtual network, or by hand."""

from __future__ import annotations

import itertools

from web_fixtures import START_MS, WebBox

from simcourier.modem.facts import MessageArrived
from simcourier.sms import gsm7
from simcourier.sms.deliver import Deliver, decode_deliver
from simcourier.virtual import codec

SENDER = "+447700900666"
_tokens = itertools.count(1)
_references = itertools.count(1)
_seconds = itertools.count(START_MS // 1000)


def delivers(text: str, sender: str = SENDER, *, reference: int | None = None) -> list[Deliver]:
    """A text as the network hands it over, in as many segments as it needs, each text in a second of its own."""
    number = next(_references) if reference is None else reference
    made = codec.encode_delivers(sender, text, next(_seconds), number)
    return [decode_deliver(one.tpdu().hex()) for one in made]


def by_hand(address: str, user_data: str, *, dcs: int = 0x00, header: bool = False) -> Deliver:
    """One message of these fields in hex: TP-OA, and TP-UDL with TP-UD."""
    first = 0x44 if header else 0x04
    stamp = "62101112000000"
    return decode_deliver(f"{first:02X}{address}00{dcs:02X}{stamp}{user_data}")


NUMBER, NATIONAL = "0C91447700096066", "0BA17007900066F6"
"""TP-OA of +447700900666, and of the same as 07700900666."""
STOP = "0453EA130A"
"""TP-UDL and TP-UD of STOP in the default alphabet."""


def arrive(box: WebBox, *messages: Deliver, modem: str = "modem-1") -> list[int]:
    """The modem reads these; returns the tokens by which they are deleted."""
    tokens = [next(_tokens) for _ in messages]
    sim = box.radio.cards[modem].sim
    box.tell(*(MessageArrived(modem, sim, one, token) for one, token in zip(messages, tokens, strict=True)))
    return tokens


def write(box: WebBox, text: str, sender: str = SENDER, *, modem: str = "modem-1") -> list[int]:
    """Somebody writes to the SIM of a modem."""
    return arrive(box, *delivers(text, sender), modem=modem)


def name(words: str) -> str:
    """As much of these words as fits into a sender's name: 11 septets, some characters take two."""
    fitting = "".join(character for character in words if gsm7.covers(character))
    while len(gsm7.encode(fitting)) > 11:
        fitting = fitting[:-1]
    return fitting
