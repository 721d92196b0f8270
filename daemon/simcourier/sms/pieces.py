"""Put the segments of a message that came in together: their octets first, then the text (TS 23.040 9.2.3.24.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from simcourier.errors import BugError
from simcourier.sms import gsm7
from simcourier.sms.coding import Coding
from simcourier.sms.user_data import UserData

GAP = "[…]"
"""Stands where segments are missing."""
_LETTERS = {Coding.GSM7: b"g", Coding.UCS2: b"u", Coding.OCTETS: b"o"}


@dataclass(frozen=True, slots=True)
class Joined:
    """What was written; `is_data`: it is no text, and `text` has its octets as hex digits."""

    text: str = field(repr=False)
    is_data: bool


def encode_piece(user_data: UserData) -> bytes:
    """A segment as it is kept until the others are there: a letter for the coding, then its octets.

    Octets and not characters: a sender may cut inside a surrogate pair or behind an escape.
    """
    plain = user_data.coding.coding if not user_data.coding.compressed else Coding.OCTETS
    return _LETTERS[plain] + user_data.octets


def join(pieces: Sequence[bytes | None]) -> Joined:
    """The message of these pieces in their order; None is one that never came."""
    is_data = all(piece[:1] == b"o" for piece in pieces if piece is not None)
    runs = (_run(letter, group) for letter, group in groupby(pieces, lambda piece: piece and piece[:1]))
    return Joined("".join(runs), is_data)


def _run(letter: bytes | None, pieces: Iterable[bytes | None]) -> str:
    octets = b"".join(piece[1:] for piece in pieces if piece is not None)
    match letter:
        case None:
            return GAP
        case b"g":
            return gsm7.decode(octets)
        case b"u":
            return octets[: len(octets) & ~1].decode("utf-16-be", errors="replace")
        case b"o":
            return octets.hex().upper()
        case _:
            raise BugError(f"a piece of the unknown coding {letter!r}")
