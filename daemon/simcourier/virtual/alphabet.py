"""The GSM 7 bit default alphabet, its extension table and septet packing (TS 23.038 sections 6.1.2.1 and 6.2.1)."""

from __future__ import annotations

import codecs

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = {
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
ESCAPE = 0x1B

_SEPTETS = {char: bytes([code]) for code, char in enumerate(BASIC) if code != ESCAPE}
_SEPTETS.update({char: bytes([ESCAPE, code]) for code, char in EXTENSION.items()})


def unpack(data: bytes, count: int, fill_bits: int = 0) -> bytes:
    """Take `count` septets, one to a byte, out of packed octets; `fill_bits` follow a user data header."""
    bits = int.from_bytes(data, "little") >> fill_bits
    return bytes([bits >> place & 127 for place in range(0, count * 7, 7)])


def pack(septets: bytes, fill_bits: int = 0) -> bytes:
    """Pack septets into octets, after `fill_bits` zero bits."""
    bits = 0
    for place, septet in enumerate(septets):
        bits |= septet << (7 * place)
    return (bits << fill_bits).to_bytes((len(septets) * 7 + fill_bits + 7) // 8, "little")


def decode(septets: bytes) -> str:
    """Septets to text; an escape that the extension table does not know shows the basic character."""
    if ESCAPE not in septets:
        return codecs.charmap_decode(septets, "strict", BASIC)[0]
    chars = []
    codes = iter(septets)
    for code in codes:
        if code != ESCAPE:
            chars.append(BASIC[code])
            continue
        second = next(codes, ESCAPE)
        # Section 6.2.1.1: a lone or doubled escape is a space.
        chars.append(" " if second == ESCAPE else EXTENSION.get(second, BASIC[second]))
    return "".join(chars)


def encode(text: str) -> bytes | None:
    """Text to septets, or None when a character is in neither table."""
    try:
        return b"".join([_SEPTETS[char] for char in text])
    except KeyError:
        return None
