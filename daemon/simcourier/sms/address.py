"""Numbers and sender names, as callers write them and as a TPDU carries them (TS 23.040 section 9.1.2.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from simcourier.errors import RequestError
from simcourier.sms.country_codes import country_code

_ISDN = 1  # E.164/E.163 numbering plan
_MOST_WRITTEN = 64  # longer than any number with its separators
_HIDDEN = "•••••"  # always five, so that the mask doesn't tell the length

_SEPARATORS = str.maketrans("", "", " -.()")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"(?!00)[0-9]{3,6}")
_MASK = re.compile(rf"(?:\+[0-9]{{1,3}})?{_HIDDEN}[0-9]{{0,4}}")
_LAST_DIGITS = re.compile(r"[0-9]*\Z")
_NO_DIGITS = re.compile(r"[^0-9]")


class TypeOfNumber(IntEnum):
    """Bits 6 to 4 of the type-of-address octet."""

    UNKNOWN = 0
    INTERNATIONAL = 1
    NATIONAL = 2
    NETWORK_SPECIFIC = 3
    SUBSCRIBER = 4
    ALPHANUMERIC = 5
    ABBREVIATED = 6
    RESERVED = 7


class InvalidNumber(RequestError):  # noqa: N818 - the contract's name, an error by its base
    """The recipient isn't written in a form that can be dialled."""

    def __init__(self) -> None:
        super().__init__(
            "invalid-number",
            "write the number in international form, such as +447700900001, "
            "or as a short code of 3 to 6 digits",
            pointer="/to",
        )


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """A number, or the name of a sender; `value` has digits (or `*#abc`) only, without a plus sign."""

    value: str
    type_of_number: TypeOfNumber
    numbering_plan: int = _ISDN

    @classmethod
    def international(cls, digits: str) -> Address:
        """Make a number with its country code, such as 447700900001."""
        return cls(digits, TypeOfNumber.INTERNATIONAL)

    @classmethod
    def national(cls, digits: str) -> Address:
        """Make a number in the national form, such as 07700900001."""
        return cls(digits, TypeOfNumber.NATIONAL)

    @classmethod
    def unknown(cls, digits: str) -> Address:
        """Make a number that the network interprets, such as a short code."""
        return cls(digits, TypeOfNumber.UNKNOWN)

    @property
    def text(self) -> str:
        """The canonical written form: `+447700900001`, `12345` or a sender's name."""
        international = self.type_of_number is TypeOfNumber.INTERNATIONAL and self.value
        return f"+{self.value}" if international else self.value

    @property
    def type_of_address(self) -> int:
        """The type-of-address octet."""
        return 0x80 | self.type_of_number << 4 | self.numbering_plan

    def __repr__(self) -> str:
        return f"Address({mask(self.text)!r}, {self.type_of_number.name})"


def parse_recipient(text: str) -> Address:
    """Return the address of a recipient as a caller wrote it, or raise `InvalidNumber`.

    E.164 with a plus sign or one leading 00; or a short code of 3 to 6 digits. Spaces, hyphens, dots and
    parentheses may separate the digits, but `(0)` is refused: nobody can tell whether that zero is dialled.
    """
    if len(text) > _MOST_WRITTEN or "(0)" in text:
        raise InvalidNumber
    digits = text.translate(_SEPARATORS)
    if _SHORT_CODE.fullmatch(digits):
        return Address.unknown(digits)
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    if _E164.fullmatch(digits):
        return Address.international(digits[1:])
    raise InvalidNumber


def mask(text: str) -> str:
    """Return a number that may be shown: country code and last four digits, such as `+44•••••0001`.

    Of short codes and short numbers only the last digit is shown, of a sender's name nothing. A mask stays as it is.
    """
    if _MASK.fullmatch(text):
        return text
    digits = _NO_DIGITS.sub("", text)
    code = country_code(digits) if text.startswith("+") else ""
    own = digits[len(code) :]
    shown = own[-4:] if len(own) >= 7 else own[-1:]
    return f"+{code}{_HIDDEN}{shown}" if code else f"{_HIDDEN}{shown}"


def same_subscriber(a: str, b: str) -> bool:
    """Tell whether two written numbers denote one subscriber, as far as a status report can tell.

    A service centre may turn +447700900001 into 07700900001, a modem damage the first digits (ZTE). So the
    last nine digits count, or all of a shorter number of at least seven without its leading zeros; still
    shorter ones must be equal. An empty recipient denotes nobody.
    """
    first, second = _significant(a), _significant(b)
    compared = min(len(first), len(second), 9)
    if compared < 7:
        return a == b != ""
    return first[-compared:] == second[-compared:]


def _significant(text: str) -> str:
    found = _LAST_DIGITS.search(text)
    return found[0].lstrip("0") if found else ""
