"""The TPDUs that cross a modem's serial line, read and written for the virtual network (TS 23.040 section 9.2).

Written from the specification alone: nothing here is shared with the daemon's own codec, so that one
misreading cannot hide in both ends of a test.
"""

from __future__ import annotations

from dataclasses import dataclass

from simcourier.virtual import alphabet
from simcourier.virtual.fields import (
    Alphabet,
    PduError,
    alphabet_of,
    decode_address,
    decode_service_centre,
    decode_timestamp,
    encode_address,
    encode_timestamp,
    enhanced_validity,
    relative_validity,
)

SMS_SUBMIT = 0x01
SRR = 0x20
UDHI = 0x40
# TP-MTI 10, TP-MMS set: no more messages are waiting (section 9.2.2.3).
STATUS_REPORT_FIRST_OCTET = 0x06
DELIVER_FIRST_OCTET = 0x04

_CONCATENATION = {0x00: 3, 0x08: 4}
_MAX_OCTETS = 140


@dataclass(slots=True)
class Submit:
    """One SMS-SUBMIT; `address` is TP-DA as it came, `ref, parts, part` are zeros for a single message."""

    smsc: str
    first_octet: int
    to: str
    address: bytes
    pid: int
    dcs: int
    vp_s: float | None
    udl: int
    ud: bytes
    alphabet: Alphabet
    text: str
    ref: int = 0
    parts: int = 0
    part: int = 0

    @property
    def srr(self) -> bool:
        """Whether TP-SRR asks for a status report."""
        return bool(self.first_octet & SRR)


@dataclass(slots=True)
class StatusReport:
    """One SMS-STATUS-REPORT; the times are whole seconds of the service centre's clock (UTC)."""

    mr: int
    to: str
    address: bytes
    scts_s: int
    discharged_s: int
    status: int

    def tpdu(self) -> bytes:
        """Return the octets without the service centre's address."""
        return b"%c%c%b%b%b%c" % (
            STATUS_REPORT_FIRST_OCTET,
            self.mr,
            self.address,
            encode_timestamp(self.scts_s),
            encode_timestamp(self.discharged_s),
            self.status,
        )


@dataclass(slots=True)
class Deliver:
    """One SMS-DELIVER."""

    sender: str
    address: bytes
    first_octet: int
    pid: int
    dcs: int
    scts_s: int
    udl: int
    ud: bytes
    text: str

    def tpdu(self) -> bytes:
        """Return the octets without the service centre's address."""
        return b"%c%b%c%c%b%c%b" % (
            self.first_octet,
            self.address,
            self.pid,
            self.dcs,
            encode_timestamp(self.scts_s),
            self.udl,
            self.ud,
        )


def decode_submit(hex_pdu: bytes, length: int, wall_s: float) -> Submit:
    """Read what followed `AT+CMGS=<length>`: the service centre's address, then `length` octets of TPDU.

    `wall_s` is the service centre's clock, needed for an absolute validity period. Raises PduError.
    """
    try:
        data = bytes.fromhex(hex_pdu.decode("ascii"))
    except ValueError as error:
        raise PduError("not hexadecimal") from error
    start = data[0] + 1 if data else 0
    if not data or len(data) - start != length:
        raise PduError(f"{len(data) - start} octets of TPDU, {length} announced")
    try:
        return _decode_submit_tpdu(decode_service_centre(data[1:start]), data, start, wall_s)
    except IndexError as error:
        raise PduError("ends too soon") from error


def compose_submit(to: str, text: str, csmp: list[int], smsc: str) -> Submit:
    """Build what a modem sends in text mode, with AT+CSMP's first octet, TP-VP, TP-PID and TP-DCS.

    Raises PduError when the text does not fit one message or the alphabet.
    """
    first, vp, pid, dcs = csmp
    kind = alphabet_of(dcs)
    ud: bytes | None
    if kind is Alphabet.GSM7:
        ud = alphabet.encode(text)
        udl, octets = len(ud or b""), alphabet.pack(ud or b"")
    else:
        ud = octets = text.encode("utf-16-be") if kind is Alphabet.UCS2 else _octets(text)
        udl = len(octets)
    if ud is None or len(octets) > _MAX_OCTETS:
        raise PduError("the text is too long or not in the alphabet")
    vp_s = relative_validity(vp) if first >> 3 & 3 == 2 else None
    first = first & 0xFC | SMS_SUBMIT
    return Submit(smsc, first, to, encode_address(to), pid, dcs, vp_s, udl, octets, kind, text)


def _octets(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise PduError("octets are typed in hexadecimal") from error


def _decode_submit_tpdu(smsc: str, data: bytes, at: int, wall_s: float) -> Submit:
    first = data[at]
    if first & 0x03 != SMS_SUBMIT:
        raise PduError(f"TP-MTI {first & 3} is not SMS-SUBMIT")
    end = at + 4 + (data[at + 2] + 1) // 2
    address = data[at + 2 : end]
    to = decode_address(address)
    pid, dcs = data[end], data[end + 1]
    vp_s, at = _validity(first >> 3 & 3, data, end + 2, wall_s)
    udl = data[at]
    ud = data[at + 1 :]
    kind = alphabet_of(dcs)
    header, text = _user_data(ud, udl, kind, bool(first & UDHI))
    submit = Submit(smsc, first, to, address, pid, dcs, vp_s, udl, ud, kind, text)
    if header:
        submit.ref, submit.parts, submit.part = _concatenation(header)
    return submit


def _user_data(ud: bytes, udl: int, kind: Alphabet, has_header: bool) -> tuple[bytes, str]:
    octets = (udl * 7 + 7) // 8 if kind is Alphabet.GSM7 else udl
    if octets != len(ud) or octets > _MAX_OCTETS:
        raise PduError(f"TP-UDL {udl} does not fit {len(ud)} octets of user data")
    size = ud[0] + 1 if has_header else 0
    if size > len(ud):
        raise PduError("the user data header is longer than the user data")
    header = ud[1:size]
    if kind is Alphabet.GSM7:
        skipped = (size * 8 + 6) // 7
        septets = alphabet.unpack(ud[size:], max(0, udl - skipped), skipped * 7 - size * 8)
        return header, alphabet.decode(septets)
    if kind is Alphabet.UCS2:
        return header, ud[size:].decode("utf-16-be", "replace")
    return header, ud[size:].hex()


def _concatenation(header: bytes) -> tuple[int, int, int]:
    """Return reference, parts and part out of a user data header (section 9.2.3.24.1 and .8)."""
    found = (0, 0, 0)
    at = 0
    while at + 1 < len(header):
        element, size = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + size]
        if len(value) == size == _CONCATENATION.get(element) and 0 < value[-1] <= value[-2]:
            found = (int.from_bytes(value[:-2], "big"), value[-2], value[-1])
        at += 2 + size
    return found


def _validity(form: int, data: bytes, at: int, wall_s: float) -> tuple[float | None, int]:
    """Return the validity in seconds from now, and where TP-UDL begins (section 9.2.3.12)."""
    if form == 0:
        return None, at
    if form == 2:
        return relative_validity(data[at]), at + 1
    field = data[at : at + 7]
    if len(field) < 7:
        raise PduError("TP-VP ends too soon")
    if form == 3:
        return decode_timestamp(field) - wall_s, at + 7
    return enhanced_validity(field), at + 7


def encode_delivers(sender: str, text: str, scts_s: int, ref: int) -> list[Deliver]:
    """Write a text as one SMS-DELIVER, or as several with 8 bit concatenation."""
    address = encode_address(sender)
    septets = alphabet.encode(text)
    if septets is not None:
        pieces = _septet_pieces(septets)
        return [
            _deliver(sender, address, 0, scts_s, ref, number, len(pieces), piece)
            for number, piece in enumerate(pieces, 1)
        ]
    octets = text.encode("utf-16-be")
    parts = _ucs2_pieces(octets)
    return [
        _deliver(sender, address, 8, scts_s, ref, number, len(parts), piece)
        for number, piece in enumerate(parts, 1)
    ]


def _septet_pieces(septets: bytes) -> list[bytes]:
    if len(septets) <= 160:
        return [septets]
    pieces = []
    while septets:
        # Our own encoder writes an escape only as the first half of a pair: one look is enough.
        size = 152 if septets[152:153] == b"\x1b" else 153
        pieces.append(septets[:size])
        septets = septets[size:]
    return pieces


def _ucs2_pieces(octets: bytes) -> list[bytes]:
    if len(octets) <= 140:
        return [octets]
    pieces = []
    while octets:
        size = 134
        if len(octets) > size and 0xD8 <= octets[size - 2] <= 0xDB:
            size -= 2
        pieces.append(octets[:size])
        octets = octets[size:]
    return pieces


def _deliver(
    sender: str, address: bytes, dcs: int, scts_s: int, ref: int, number: int, total: int, piece: bytes
) -> Deliver:
    header = b"" if total == 1 else bytes([5, 0, 3, ref & 255, total, number])
    first = DELIVER_FIRST_OCTET | (UDHI if header else 0)
    if dcs:
        text = piece.decode("utf-16-be")
        return Deliver(sender, address, first, 0, dcs, scts_s, len(header) + len(piece), header + piece, text)
    skipped = (len(header) * 8 + 6) // 7
    packed = header + alphabet.pack(piece, skipped * 7 - len(header) * 8)
    return Deliver(
        sender, address, first, 0, dcs, scts_s, skipped + len(piece), packed, alphabet.decode(piece)
    )


def forward(submit: Submit, sender: str, scts_s: int) -> Deliver:
    """Turn what one SIM submitted into what another SIM receives: same header, coding and user data."""
    first = DELIVER_FIRST_OCTET | submit.first_octet & UDHI
    address = encode_address(sender)
    return Deliver(sender, address, first, submit.pid, submit.dcs, scts_s, submit.udl, submit.ud, submit.text)
