"""SMS-SUBMIT: a message on its way out (TS 23.040 section 9.2.2.2).

Of `gsmmodem.pdu`, the packing of septets, the semi-octets of the number and the concatenation element are
used; `encodeSmsSubmitPdu` can't set TP-PID, a class or a short validity (the package's docstring says more).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from gsmmodem.pdu import Concatenation as GsmmodemConcatenation

from simcourier.errors import BugError
from simcourier.sms import gsm7
from simcourier.sms.address import Address
from simcourier.sms.address_field import encode_address, take_address
from simcourier.sms.coding import decode_data_coding
from simcourier.sms.errors import PduError
from simcourier.sms.octets import Octets
from simcourier.sms.text import MAX_SEGMENTS, Alphabet, Plan, plan
from simcourier.sms.timestamp import LENGTH, timestamp_or_none
from simcourier.sms.user_data import UserData, take_user_data
from simcourier.sms.validity import decode_enhanced_validity, decode_validity, encode_validity

TP_MTI = 0x01
_RELATIVE_TP_VP = 0x10
_TP_SRR = 0x20
_TP_UDHI = 0x40
_DEFAULT_SCA = b"\x00"  # the service centre that the SIM knows
_TP_MR = b"\x00"  # the modem sets it
_REPLACE_TYPE_1 = 0x41


@dataclass(frozen=True, slots=True)
class SubmitPdu:
    """What `AT+CMGS=tpdu_length` and its prompt take; `hex` begins with an empty SCA field.

    The hexadecimal digits are the message, so they are kept out of every representation.
    """

    hex: str = field(repr=False)
    tpdu_length: int


@dataclass(frozen=True, slots=True)
class Submit:
    """An SMS-SUBMIT read back; one of `validity_s` and `valid_until` may be set."""

    tp_mr: int
    recipient: Address
    tp_pid: int
    tp_dcs: int
    user_data: UserData
    validity_s: int | None = None
    valid_until: datetime | None = None
    service_centre: Address | None = None
    first_octet: int = field(default=TP_MTI, repr=False)

    @property
    def status_report(self) -> bool:
        """TP-SRR: a status report is wanted."""
        return bool(self.first_octet & _TP_SRR)

    @property
    def reject_duplicates(self) -> bool:
        """TP-RD."""
        return bool(self.first_octet & 0x04)

    @property
    def text(self) -> str | None:
        """The text, or None for 8-bit and for compressed data."""
        return self.user_data.text


def encode_submit(
    to: Address,
    text: str,
    *,
    validity_s: float | None,
    status_report: bool = True,
    message_class: int | None = None,
    replace_type: int | None = None,
    reference: int = 0,
    max_segments: int = MAX_SEGMENTS,
) -> tuple[SubmitPdu, ...]:
    """Return one PDU for each segment of `text`.

    `validity_s` is rounded down to what TP-VP can say, but not below five minutes; None sends no TP-VP and
    leaves it to the service centre. `message_class` is 0 to 3, `replace_type` 1 to 7; `reference` ties the
    segments together and takes 16 bits when it is over 255. Raises `TextTooLong` or `TextNotEncodable`.
    """
    wide = reference > 0xFF
    planned = plan(text, max_segments=max_segments, wide_reference=wide)
    first_octet = TP_MTI
    if status_report:
        first_octet |= _TP_SRR
    if validity_s is not None:
        first_octet |= _RELATIVE_TP_VP
    if len(planned.segments) > 1:
        first_octet |= _TP_UDHI
    pid_and_dcs = bytes((_pid(replace_type), _dcs(planned.alphabet, message_class)))
    validity = b"" if validity_s is None else bytes((encode_validity(validity_s),))
    head = bytes((first_octet,)) + _TP_MR + encode_address(to) + pid_and_dcs + validity
    return tuple(_submit_pdu(head + user_data) for user_data in _user_data(planned, reference))


def _submit_pdu(tpdu: bytes) -> SubmitPdu:
    return SubmitPdu((_DEFAULT_SCA + tpdu).hex().upper(), len(tpdu))


def _pid(replace_type: int | None) -> int:
    if replace_type is None:
        return 0x00
    if not 1 <= replace_type <= 7:
        raise BugError(f"replace type {replace_type}")
    return _REPLACE_TYPE_1 + replace_type - 1


def _dcs(alphabet: Alphabet, message_class: int | None) -> int:
    coding = 0x08 if alphabet is Alphabet.UCS2 else 0x00
    if message_class is None:
        return coding
    if not 0 <= message_class <= 3:
        raise BugError(f"message class {message_class}")
    return 0x10 | coding | message_class


def _user_data(planned: Plan, reference: int) -> list[bytes]:
    """Return TP-UDL and TP-UD of each segment."""
    encode = _gsm7_user_data if planned.alphabet is Alphabet.GSM7 else _ucs2_user_data
    if len(planned.segments) == 1:
        return [encode(planned.segments[0], b"")]
    total = len(planned.segments)
    return [
        encode(segment, _header(reference, total, sequence))
        for sequence, segment in enumerate(planned.segments, start=1)
    ]


def _header(reference: int, total: int, sequence: int) -> bytes:
    if not 0 <= reference <= 0xFFFF:
        raise BugError(f"concatenation reference {reference}")
    element = GsmmodemConcatenation()
    element.reference, element.parts, element.number = reference, total, sequence
    encoded = bytes(element.encode())
    return bytes((len(encoded),)) + encoded


def _gsm7_user_data(segment: str, header: bytes) -> bytes:
    """TP-UDL counts septets, those that the header and its fill bits take included."""
    septets = gsm7.encode(segment)
    length = (8 * len(header) + 6) // 7 + len(septets)
    return bytes((length,)) + header + gsm7.pack(septets, fill_bits=-8 * len(header) % 7)


def _ucs2_user_data(segment: str, header: bytes) -> bytes:
    """TP-UDL counts octets."""
    octets = header + segment.encode("utf-16-be")
    return bytes((len(octets),)) + octets


def take_submit(octets: Octets, service_centre: Address | None) -> Submit:
    """Take an SMS-SUBMIT."""
    first_octet = octets.octet("TP-MTI")
    if first_octet & 0x03 != TP_MTI:
        raise PduError(f"first octet 0x{first_octet:02X} isn't that of an SMS-SUBMIT")
    tp_mr = octets.octet("TP-MR")
    recipient = take_address(octets, "TP-DA", check_type=True)
    tp_pid = octets.octet("TP-PID")
    tp_dcs = octets.octet("TP-DCS")
    validity_s, valid_until = _take_validity(octets, first_octet >> 3 & 0x03)
    user_data = take_user_data(octets, decode_data_coding(tp_dcs), has_header=bool(first_octet & _TP_UDHI))
    return Submit(
        tp_mr, recipient, tp_pid, tp_dcs, user_data, validity_s, valid_until, service_centre, first_octet
    )


def _take_validity(octets: Octets, tp_vpf: int) -> tuple[int | None, datetime | None]:
    """Take TP-VP in the form that TP-VPF announces: none, enhanced, relative, absolute."""
    if tp_vpf == 0:
        return None, None
    if tp_vpf == 2:
        return decode_validity(octets.octet("TP-VP")), None
    seven = octets.take(LENGTH, "TP-VP")
    if tp_vpf == 3:
        return None, timestamp_or_none(seven)
    return decode_enhanced_validity(seven), None
