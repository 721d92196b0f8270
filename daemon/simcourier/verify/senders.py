"""Who wrote a message that came in: the number in one form, whatever form its network uses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from simcourier.errors import RequestError
from simcourier.sms.address import Address, TypeOfNumber, parse_recipient

_LEAST_DIGITS = 7
"""Fewer are a short code, which is the same in every form."""
_OPEN = {TypeOfNumber.UNKNOWN, TypeOfNumber.NATIONAL, TypeOfNumber.SUBSCRIBER}


@dataclass(frozen=True, slots=True)
class Sender:
    """`text` is a number, or up to 11 characters of a name; `answerable`: messages can be sent to it."""

    text: str = field(repr=False)
    answerable: bool

    @property
    def key_text(self) -> str:
        """What its keyed hash is made of. A name, which anybody can take, must not stand for a number."""
        return self.text if self.answerable else f"name {self.text}"


def sender(address: Address, regions: Iterable[str]) -> Sender:
    """The sender at this address; `regions` are those of the SIM (ISO 3166), for a number without country code."""
    if address.type_of_number is TypeOfNumber.ALPHANUMERIC:
        return Sender(address.text, answerable=False)
    text = _whole(address, regions)
    return Sender(text, answerable=_is_answerable(text))


def _whole(address: Address, regions: Iterable[str]) -> str:
    digits = address.value
    if (
        address.type_of_number not in _OPEN
        or not (digits.isascii() and digits.isdigit())
        or len(digits) < _LEAST_DIGITS
    ):
        return address.text
    for region in sorted(regions):
        try:
            number = phonenumbers.parse(digits, region)
        except NumberParseException:
            continue
        if phonenumbers.is_possible_number(number):
            return phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return address.text


def _is_answerable(text: str) -> bool:
    try:
        return parse_recipient(text).text == text
    except RequestError:
        return False
