"""SMS-DELIVER: a message that came in (TS 23.040 section 9.2.2.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from simcourier.sms.address import Address
from simcourier.sms.address_field import take_address
from simcourier.sms.coding import decode_data_coding
from simcourier.sms.errors import PduError
from simcourier.sms.frame import decode_framed
from simcourier.sms.octets import Octets
from simcourier.sms.timestamp import LENGTH, timestamp_or_none
from simcourier.sms.user_data import Concatenation, UserData, take_user_data

TP_MTI = 0x00


@dataclass(frozen=True, slots=True)
class Deliver:
    """One segment of a message that came in; `service_centre_at` is None when the field is damaged."""

    sender: Address
    service_centre_at: datetime | None
    tp_pid: int
    tp_dcs: int
    user_data: UserData
    service_centre: Address | None = None
    first_octet: int = field(default=TP_MTI, repr=False)

    @property
    def text(self) -> str | None:
        """The text, or None for 8-bit and for compressed data."""
        return self.user_data.text

    @property
    def concatenation(self) -> Concatenation | None:
        """The segment's place in its message, or None when it is all of it."""
        return self.user_data.concatenation

    @property
    def more_messages(self) -> bool:
        """TP-MMS: more wait in the service centre (the bit is 0 then)."""
        return not self.first_octet & 0x04


def decode_deliver(hex_digits: str, *, tpdu_length: int | None = None) -> Deliver:
    """Return the SMS-DELIVER in `hex_digits`, with or without an SCA field, or raise `PduError`."""
    return decode_framed(hex_digits, take_deliver, tpdu_length)


def take_deliver(octets: Octets, service_centre: Address | None) -> Deliver:
    """Take an SMS-DELIVER."""
    first_octet = octets.octet("TP-MTI")
    if first_octet & 0x03 != TP_MTI:
        raise PduError(f"first octet 0x{first_octet:02X} isn't that of an SMS-DELIVER")
    sender = take_address(octets, "TP-OA")
    tp_pid = octets.octet("TP-PID")
    tp_dcs = octets.octet("TP-DCS")
    service_centre_at = timestamp_or_none(octets.take(LENGTH, "TP-SCTS"))
    user_data = take_user_data(octets, decode_data_coding(tp_dcs), has_header=bool(first_octet & 0x40))
    return Deliver(sender, service_centre_at, tp_pid, tp_dcs, user_data, service_centre, first_octet)
