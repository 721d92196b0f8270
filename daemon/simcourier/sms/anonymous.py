"""Take out of a PDU whatever tells of a person, and leave its form as it was (TS 23.040 section 9.2.2)."""

from __future__ import annotations

from collections.abc import Callable

from simcourier.sms.coding import Coding, decode_data_coding
from simcourier.sms.errors import PduError
from simcourier.sms.octets import octets_of

Digits = Callable[[str], str]
"""Gives digits of the same length in place of a number's."""

_DELIVER, _SUBMIT, _REPORT = 0, 1, 2
_TIMESTAMP = 7
# TP-VPF in bits 3 and 4 of a SUBMIT's first octet: how many octets TP-VP has.
_VALIDITY = {0: 0, 1: 7, 2: 1, 3: 7}
_HAS_HEADER = 0x40
_ALPHANUMERIC = 0x50


def anonymous_pdu(hex_digits: str, digits: Digits, *, outgoing: bool) -> str:
    """Return a PDU of the same length and kind, its numbers replaced by `digits` and its text by one letter.

    Times, references, status and coding stay: they are what a dialogue is about. What is no PDU becomes zeros.
    """
    try:
        octets = octets_of(hex_digits)
    except PduError:
        return "0" * len(hex_digits)
    for framed in (True, False):
        changed = bytearray(octets)
        try:
            end = _walk(changed, digits, framed=framed, outgoing=outgoing)
        except IndexError:
            continue
        if not octets[end:].strip(b"\xff"):
            return changed.hex().upper()
    return "00" * len(octets)


def _walk(octets: bytearray, digits: Digits, *, framed: bool, outgoing: bool) -> int:
    at = _service_centre(octets, digits) if framed else 0
    first = octets[at]
    kind = first & 0x03
    if outgoing != (kind == _SUBMIT):
        raise IndexError
    at += 1 if kind == _DELIVER else 2  # a reference stands before the address of the others
    at = _address(octets, at, digits)
    if kind == _REPORT:
        return _behind_report(octets, at + 2 * _TIMESTAMP + 1)
    coding = octets[at + 1]
    at += 2 + (_VALIDITY[first >> 3 & 0x03] if kind == _SUBMIT else _TIMESTAMP)
    return _user_data(octets, at, coding, has_header=bool(first & _HAS_HEADER))


def _service_centre(octets: bytearray, digits: Digits) -> int:
    length = octets[0]
    if length > 11 or (length and not octets[1] & 0x80):
        raise IndexError
    if length > 1:
        _number(octets, 2, 2 * (length - 1), digits)
    return 1 + length


def _address(octets: bytearray, at: int, digits: Digits) -> int:
    nibbles, kind = octets[at], octets[at + 1]
    start, end = at + 2, at + 2 + (nibbles + 1) // 2
    if nibbles > 20 or end > len(octets):
        raise IndexError
    if kind & 0x70 == _ALPHANUMERIC:
        octets[start:end] = bytes(end - start)
    else:
        _number(octets, start, nibbles, digits)
    return end


def _number(octets: bytearray, start: int, nibbles: int, digits: Digits) -> None:
    """Replace decimal semi-octets from `start` on; fillers and signs stay where they are."""
    places = [(start + n // 2, 4 * (n % 2)) for n in range(nibbles)]
    found = [(octet, shift) for octet, shift in places if octets[octet] >> shift & 0x0F <= 9]
    replaced = digits("".join(str(octets[octet] >> shift & 0x0F) for octet, shift in found))
    for (octet, shift), digit in zip(found, replaced, strict=True):
        octets[octet] = octets[octet] & (0xF0 >> shift) | int(digit) << shift


def _behind_report(octets: bytearray, at: int) -> int:
    if at > len(octets):
        raise IndexError
    if not octets[at:].strip(b"\xff"):
        return at
    parameters = octets[at]
    at += 1 + (parameters & 0x01)
    coding = octets[at] if parameters & 0x02 else 0
    at += parameters >> 1 & 0x01
    return _user_data(octets, at, coding, has_header=False) if parameters & 0x04 else at


def _user_data(octets: bytearray, at: int, tp_dcs: int, *, has_header: bool) -> int:
    length = octets[at]
    at += 1
    coded = decode_data_coding(tp_dcs)
    septets = coded.coding is Coding.GSM7 and not coded.compressed
    end = at + (-(-7 * length // 8) if septets else length)
    if end > len(octets):
        raise IndexError
    start = at + 1 + octets[at] if has_header and end > at else at
    size = max(0, end - start)
    octets[start:end] = (b"\x00X" * 140)[:size] if coded.coding is Coding.UCS2 else bytes(size)
    return end
