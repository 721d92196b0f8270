"""What came in, as plain values: one part as it was read, a whole message, and what is told of it."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field

from simcourier.outbox.inbound import NewInbound
from simcourier.sms.address import mask
from simcourier.sms.deliver import Deliver
from simcourier.sms.pieces import Joined, join
from simcourier.verify.senders import Sender

_EARLIEST_MS = 946_684_800_000
"""A service centre's clock before the year 2000 is no clock."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message or part, as it was read from a SIM."""

    modem: str
    sim: str
    sender: Sender
    sender_key: str
    digest: str
    piece: bytes = field(repr=False)
    message: Deliver
    sent_at_ms: int | None
    received_at_ms: int


@dataclass(frozen=True, slots=True)
class Whole:
    """One message with all of its parts that came."""

    modem: str
    sim: str
    sender: Sender
    sender_key: str
    joined: Joined
    parts: int
    missing: int
    sent_at_ms: int | None
    received_at_ms: int


def new_inbound_id() -> str:
    """The id of a message that came in: `inb_` and 128 random bits."""
    return "inb_" + secrets.token_urlsafe(16)


def told(new: NewInbound) -> dict[str, object]:
    """What applications are told of it: never its text."""
    return {
        "id": new.id,
        "kind": new.kind,
        "from_masked": mask(new.sender),
        "modem": new.modem,
        "parts": new.parts,
        "missing": new.missing,
    }


def whole(arrival: Arrival) -> Whole:
    """A message that came in one part."""
    return Whole(
        arrival.modem,
        arrival.sim,
        arrival.sender,
        arrival.sender_key,
        join([arrival.piece]),
        1,
        0,
        arrival.sent_at_ms,
        arrival.received_at_ms,
    )


def identity(sim: str, message: Deliver) -> bytes:
    """What makes a message that very one, however often it is read; a first octet may change on the way."""
    fields = (
        sim,
        str(message.sender.type_of_address),
        message.sender.value,
        str(message.service_centre_at),
        f"{message.tp_pid} {message.tp_dcs}",
    )
    user_data = message.user_data
    digest = hashlib.sha256(user_data.header + b"\0" + user_data.octets).digest()
    return "\0".join(fields).encode() + digest


def sent_ms(message: Deliver) -> int | None:
    """When the service centre got it, by its own clock; None where that says nothing."""
    if message.service_centre_at is None:
        return None
    at_ms = int(message.service_centre_at.timestamp() * 1000)
    return at_ms if at_ms >= _EARLIEST_MS else None
