"""Search anything for a text in every form in which this appliance could leave it behind."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping


def forms(word: str) -> dict[str, list[bytes]]:
    """The octets to look for, by the name of the form; `word` is ASCII that GSM 7 bit has in the same places."""
    plain, ucs2 = word.encode("ascii"), word.encode("utf-16-be")
    packed = [_packed(plain, before) for before in range(8)]
    return {
        "plain": [plain],
        "hex": _hex(plain),
        "7-bit packed": packed,
        "7-bit packed hex": [form for octets in packed for form in _hex(octets)],
        "UCS-2": [ucs2],
        "UCS-2 hex": _hex(ucs2),
        "base64": [form for octets in (plain, ucs2) for form in _base64(octets)],
    }


def _packed(word: bytes, septets_before: int) -> bytes:
    """The octets that `word` alone decides, where so many septets stand before it (TS 23.038 section 6.1.2.1)."""
    bits = sum(octet << 7 * place for place, octet in enumerate(word))
    first, last = 7 * septets_before, 7 * (septets_before + len(word))
    whole_first, whole_last = -(-first // 8), last // 8
    return ((bits << first) >> 8 * whole_first).to_bytes(last // 8 + 2, "little")[: whole_last - whole_first]


def _hex(octets: bytes) -> list[bytes]:
    return [octets.hex().encode(), octets.hex().upper().encode()]


def _base64(octets: bytes) -> Iterator[bytes]:
    """The characters that `octets` alone decide, in each of the three places within a group, and both alphabets."""
    for before in range(3):
        bits_before, bits_after = 8 * before, 8 * (before + len(octets))
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(b"\0" * before + octets + b"\0\0")
            yield whole[-(-bits_before // 6) : bits_after // 6]


def found(word: str, places: Mapping[str, bytes]) -> set[tuple[str, str]]:
    """Every place that holds the word, with the form it has there."""
    return {
        (place, form)
        for form, octets in forms(word).items()
        for place, content in places.items()
        if any(each in content for each in octets)
    }
