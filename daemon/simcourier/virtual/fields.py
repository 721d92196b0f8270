"""The fields of a TPDU: addresses, times, validity periods and the alphabet (TS 23.040 section 9.1.2 and 9.2.3)."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

from simcourier.virtual import alphabet

_SWAPPED = bytes((octet << 4 & 0xF0) | octet >> 4 for octet in range(256))
_LETTERS = str.maketrans("abcde", "*#abc")
_NIBBLES = {char: format(code, "x") for code, char in enumerate("0123456789*#abc")}


class PduError(ValueError):
    """The octets are no TPDU that a mobile may send (a modem answers `+CMS ERROR: 304`)."""


class Alphabet(StrEnum):
    """How TP-UD is to be read (TS 23.038 section 4)."""

    GSM7 = "gsm7"
    OCTETS = "8bit"
    UCS2 = "ucs2"


def alphabet_of(dcs: int) -> Alphabet:
    """TP-DCS to alphabet; compressed text counts as octets (TS 23.038 section 4)."""
    group = dcs >> 4
    if group < 8:
        if dcs & 0x20:
            return Alphabet.OCTETS
        return (Alphabet.GSM7, Alphabet.OCTETS, Alphabet.UCS2, Alphabet.GSM7)[dcs >> 2 & 3]
    if group == 0xE:
        return Alphabet.UCS2
    if group == 0xF and dcs & 0x04:
        return Alphabet.OCTETS
    return Alphabet.GSM7


def decode_service_centre(field: bytes) -> str:
    """Read a service centre's address without its length: type and digits, or nothing."""
    return _digits(field[0], field[1:], (len(field) - 1) * 2).rstrip("f") if field else ""


@lru_cache(maxsize=4096)
def decode_address(field: bytes) -> str:
    """An address field (length in digits, type, digits) to `+44...`, a national number or an alphanumeric name."""
    if len(field) < 2 or len(field) != 2 + (field[0] + 1) // 2:
        raise PduError("no whole address")
    return _digits(field[1], field[2:], field[0])


def _digits(type_of_address: int, octets: bytes, count: int) -> str:
    if type_of_address & 0x70 == 0x50:
        return alphabet.decode(alphabet.unpack(octets, count * 4 // 7))
    digits = octets.translate(_SWAPPED).hex()[:count]
    if not digits.isdigit():
        digits = digits.translate(_LETTERS)
    return "+" + digits if type_of_address & 0x70 == 0x10 else digits


@lru_cache(maxsize=4096)
def encode_address(number: str) -> bytes:
    """Write `+44...`, a national number or a name of up to eleven characters as an address field."""
    digits = number.removeprefix("+")
    if digits and all(char in _NIBBLES for char in digits):
        nibbles = "".join(_NIBBLES[char] for char in digits)
        octets = bytes.fromhex(nibbles + "f" * (len(nibbles) % 2)).translate(_SWAPPED)
        return bytes([len(digits), 0x91 if number.startswith("+") else 0x81]) + octets
    septets = alphabet.encode(number)
    if septets is None or len(septets) > 11:
        raise PduError("not a number and not a name of up to eleven characters of the GSM alphabet")
    octets = alphabet.pack(septets)
    return bytes([(len(septets) * 7 + 3) // 4, 0xD0]) + octets


@lru_cache(maxsize=1024)
def encode_service_centre(number: str) -> bytes:
    """Write a service centre's address: its length counts octets, type included; empty is one zero octet."""
    if not number:
        return b"\0"
    field = encode_address(number)
    return bytes([len(field) - 1]) + field[1:]


@lru_cache(maxsize=256)
def encode_timestamp(wall_s: int) -> bytes:
    """Whole seconds since 1970 to the seven octets of TP-SCTS, in UTC (section 9.2.3.11)."""
    digits = datetime.fromtimestamp(wall_s, UTC).strftime("%y%m%d%H%M%S00")
    return bytes.fromhex(digits).translate(_SWAPPED)


def decode_timestamp(field: bytes) -> float:
    """Seven octets of TP-SCTS or of an absolute TP-VP to seconds since 1970."""
    zone = field[6]
    quarters = (zone & 0x07) * 10 + (zone >> 4)
    try:
        year, month, day, hour, minute, second = (
            int(part.to_bytes().translate(_SWAPPED).hex()) for part in field[:6]
        )
        local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise PduError("not a time") from error
    return local.timestamp() - quarters * 900 * (-1 if zone & 0x08 else 1)


def relative_validity(octet: int) -> float:
    """One octet of TP-VP to seconds (section 9.2.3.12.1)."""
    if octet <= 143:
        return (octet + 1) * 300.0
    if octet <= 167:
        return 43200.0 + (octet - 143) * 1800.0
    if octet <= 196:
        return (octet - 166) * 86400.0
    return (octet - 192) * 604800.0


def enhanced_validity(field: bytes) -> float | None:
    """Seven octets of an enhanced TP-VP to seconds, or None for no validity period (section 9.2.3.12.3)."""
    match field[0] & 0x07:
        case 1:
            return relative_validity(field[1])
        case 2:
            return float(field[1])
        case 3:
            hours, minutes, seconds = (int(part.to_bytes().translate(_SWAPPED).hex()) for part in field[1:4])
            return hours * 3600.0 + minutes * 60.0 + seconds
        case _:
            return None
