"""USSD strings as modems give and take them: in words, or as hex of UCS2 or of packed septets (TS 23.038 section 5)."""

from __future__ import annotations

import re
from enum import StrEnum

from simcourier.sms import gsm7

LONGEST_TEXT = 1024
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){2,}")
_LETTERS = re.compile(r"[^\W\d_]")
_LONGEST_NUMBER = 16
"""Decimal digits alone, up to so many, are an amount or a number rather than packed septets."""


class _Alphabet(StrEnum):
    GSM7 = "gsm7"
    OCTETS = "8bit"
    UCS2 = "ucs2"


_GENERAL = (_Alphabet.GSM7, _Alphabet.OCTETS, _Alphabet.UCS2, _Alphabet.GSM7)


def decode_ussd(given: str, dcs: int | None) -> str:
    """Return the text of `<str>` in `+CUSD: <m>,<str>,<dcs>`; what can't be read stays as it is.

    Modems differ in what they make of the network's octets whatever `dcs` says: the text itself, UCS2 in hex, or
    (Huawei) the packed septets in hex. What looks like hex is read as the first of these that gives a text.
    """
    if _HEX.fullmatch(given) and not (given.isdigit() and len(given) < _LONGEST_NUMBER):
        octets = bytes.fromhex(given)
        for text in _readings(octets, _alphabet(dcs)):
            if _is_text(text):
                return _tidy(text)
    return _tidy(given)


def pack_ussd(code: str) -> str:
    """Return a code as packed septets in hex, the way some Huawei sticks want it."""
    septets = gsm7.encode(code)
    if len(septets) % 8 == 7:
        septets += b"\r"  # TS 23.038 section 6.1.2.3.1: seven spare bits would be read as an @
    return gsm7.pack(septets).hex().upper()


def _readings(octets: bytes, alphabet: _Alphabet) -> list[str]:
    wide = _wide(octets)
    match alphabet:
        case _Alphabet.UCS2:
            return wide
        case _Alphabet.OCTETS:
            return [octets.decode("latin-1")]
        case _Alphabet.GSM7:
            # With CSCS "UCS2" the text comes in UCS2 also where the network sent septets: every other octet is 0.
            return (wide if not any(octets[::2]) else []) + [_unpacked(octets)]


def _wide(octets: bytes) -> list[str]:
    return [octets.decode("utf-16-be", "replace")] if len(octets) % 2 == 0 else []


def _unpacked(octets: bytes) -> str:
    septets = gsm7.unpack_uncounted(octets)
    return gsm7.decode(septets).removesuffix("\r")


def _alphabet(dcs: int | None) -> _Alphabet:
    if dcs is None:
        return _Alphabet.GSM7
    group = dcs >> 4 & 0x0F
    if dcs == 0x11:
        return _Alphabet.UCS2
    if 4 <= group <= 7 or group == 9:
        return _GENERAL[dcs >> 2 & 0x03]
    if group == 0x0F and dcs & 0x04:
        return _Alphabet.OCTETS
    return _Alphabet.GSM7


def _is_text(text: str) -> bool:
    """Tell whether this may be what an operator wrote: nothing unprintable, and a letter in it, or digits alone."""
    shown = text.replace("\n", " ").replace("\r", " ").replace("\f", " ")
    return shown.isprintable() and "\ufffd" not in shown and bool(_LETTERS.search(shown) or shown.strip())


def _tidy(text: str) -> str:
    lines = [
        "".join(character for character in line if character.isprintable()).strip()
        for line in text.splitlines()
    ]
    return "\n".join(line for line in lines if line)[:LONGEST_TEXT]
