"""Make one-time codes from the system's random source, and bring typed ones to one form (NIST SP 800-63B 3.1.3.2)."""

from __future__ import annotations

import re
import secrets
from enum import StrEnum

from simcourier.errors import BugError


class CodeType(StrEnum):
    """What a code is made of."""

    NUMERIC = "numeric"
    ALPHANUMERIC = "alphanumeric"


MIN_LENGTH = 6
MAX_LENGTH = 10
ALPHABETS = {
    CodeType.NUMERIC: "0123456789",
    # Of characters that are read or typed for another (0 O Q D, 1 I L, 2 Z, 5 S, 6 G, 8 B, U V) at most one is
    # here, and no vowel, so that no code spells a word.
    CodeType.ALPHANUMERIC: "CDFGHJKMNPRTVWXY3479",
}
_NOT_COUNTED = str.maketrans("", "", " -")
_CANONICAL = re.compile(r"[0-9A-Z]{4,12}")


def make(code_type: CodeType, length: int) -> str:
    """A code of `length` characters, each of the possible ones as likely as any other."""
    if not MIN_LENGTH <= length <= MAX_LENGTH:
        raise BugError(f"a code of {length} characters was asked for")
    alphabet = ALPHABETS[code_type]
    # One draw for the whole code: `randbelow` is uniform for any bound, digits of a uniform number are too.
    number = secrets.randbelow(len(alphabet) ** length)
    characters = []
    for _ in range(length):
        number, digit = divmod(number, len(alphabet))
        characters.append(alphabet[digit])
    return "".join(characters)


def canonical(text: str) -> str | None:
    """A typed code without spaces and hyphens, in capitals; None where it can't be a code.

    Only ASCII counts: other digits and look-alikes of letters are no part of a code that was made here.
    """
    if not text.isascii():
        return None
    code = text.translate(_NOT_COUNTED).upper()
    return code if _CANONICAL.fullmatch(code) else None
