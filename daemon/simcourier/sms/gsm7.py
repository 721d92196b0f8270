"""GSM 7 bit default alphabet with its extension table, packed and unpacked (TS 23.038 6.1.2.1, 6.2.1)."""

from __future__ import annotations

from gsmmodem.pdu import packSeptets

from simcourier.errors import BugError

ESCAPE = 0x1B

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
_EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
_TO_SEPTETS = {ord(character): chr(septet) for septet, character in enumerate(_BASIC) if septet != ESCAPE} | {
    ord(character): chr(ESCAPE) + chr(septet) for septet, character in _EXTENSION.items()
}
_CHARACTERS = frozenset(map(chr, _TO_SEPTETS))


def covers(text: str) -> bool:
    """Tell whether the alphabet has every character of `text`."""
    return _CHARACTERS.issuperset(text)


def encode(text: str) -> bytes:
    """Return one octet for each septet of `text`, which the alphabet must cover."""
    if not covers(text):
        raise BugError("a text for the default alphabet has a character that it lacks")
    return text.translate(_TO_SEPTETS).encode("latin-1")


def decode(septets: bytes) -> str:
    """Return the text of unpacked septets.

    An escape before a septet that the extension table lacks shows the basic character; one before another
    escape, or at the end, shows a space (section 6.2.1.1, notes 1 and 2).
    """
    characters = []
    escaped = False
    for septet in septets:
        if escaped:
            characters.append(" " if septet == ESCAPE else _EXTENSION.get(septet, _BASIC[septet]))
            escaped = False
        elif septet == ESCAPE:
            escaped = True
        else:
            characters.append(_BASIC[septet])
    if escaped:
        characters.append(" ")
    return "".join(characters)


def pack(septets: bytes, fill_bits: int = 0) -> bytes:
    """Pack septets into octets, after `fill_bits` zero bits that end a header on a septet boundary.

    `packSeptets` wants to be told how many bits of its last septet the header takes, not how many it leaves.
    """
    return bytes(packSeptets(bytearray(septets), padBits=-fill_bits % 7))


def unpack(octets: bytes, count: int, fill_bits: int = 0) -> bytes:
    """Return `count` septets, one an octet; `octets` must hold them."""
    bits = int.from_bytes(octets, "little") >> fill_bits
    return bytes((bits >> shift) & 0x7F for shift in range(0, 7 * count, 7))


def unpack_uncounted(octets: bytes, semi_octets: int | None = None) -> bytes:
    """Return the septets of a field that tells its length in semi-octets, or (None) in octets only.

    A zero septet that ends on an octet boundary is taken for fill, not for a commercial at: nobody can tell
    them apart, and seven characters are written with 13 or with 14 semi-octets (osmocom).
    """
    bits = 8 * len(octets) if semi_octets is None else 4 * semi_octets
    septets = unpack(octets, bits // 7)
    if bits % 56 == 0 and septets.endswith(b"\0"):
        return septets[:-1]
    return septets
