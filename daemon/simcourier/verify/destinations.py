"""Where a message may go: country, kind of number, and what an admin allows (ITU-T E.164, E.118)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache

import phonenumbers
from phonenumbers import (
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
)

from simcourier.errors import RequestError
from simcourier.verify.beginnings import DIGITS, beginnings

OWN = "own"
ANY = "any"


class Kind(StrEnum):
    """Who wrote the text, and so which limits hold: `[limits.verifications]` or `[limits.messages]`."""

    CODE = "verifications"
    """A code that this box made and checks."""
    TEXT = "messages"
    """What an application wrote itself, be it a code or not."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an admin allows for one kind; a prefix begins with a plus sign, a short code does not."""

    regions: frozenset[str]
    everywhere: bool = False
    prefixes: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()


_CALLS_FOR_HELP = """
    000 001 002 003 060 061 062 065 066 068 080 085 088 100 101 102 103 104 105 106 107 108 110 111 112 1122
    113 114 115 116 117 118 119 120 122 1220 123 124 125 127 128 129 1298 130 131 132 133 140 144 1444 150 151
    152 153 154 155 156 157 158 159 160 166 1669 170 171 172 1730 175 177 180 188 190 191 192 193 194 195 197
    198 199 901 902 903 911 912 913 917 919 922 933 939 955 977 988 990 991 992 993 994 995 996 997 998 999
    9999 116111 116117 116123
"""
EMERGENCY_NUMBERS = frozenset(_CALLS_FOR_HELP.split())
"""What some network takes for an emergency call, by the tables of libphonenumber, and lines for people in despair."""
# Country codes without a country (E.164 lists them as shared): no operator's SMS tariff covers them, and each has
# numbers that pay whoever is called.
_NO_COUNTRY = {
    "870": "a satellite network",
    "881": "a satellite network",
    "882": "an international network",  # Thuraya (+88216) among them
    "883": "an international network",
    "800": "an international service number",
    "808": "an international service number",
    "878": "an international service number",
    "888": "an international service number",
    "979": "an international premium number",
}
_COSTLY = {
    PhoneNumberType.PREMIUM_RATE: "a premium number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.VOICEMAIL: "a mailbox",
    # Calls and texts are forwarded at the sender's cost, which is what makes +44 70 worth pumping.
    PhoneNumberType.PERSONAL_NUMBER: "a forwarding number",
    PhoneNumberType.UAN: "a company's service number",
}
# A code proves that somebody holds a certain phone (NIST SP 800-63B section 3.1.3): none of these does.
_NO_PHONE = {
    PhoneNumberType.FIXED_LINE: "a fixed line",
    PhoneNumberType.TOLL_FREE: "a toll-free number",
    PhoneNumberType.VOIP: "an internet telephone",
}
_TYPES = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed-or-mobile",
    PhoneNumberType.FIXED_LINE: "fixed",
    PhoneNumberType.TOLL_FREE: "toll-free",
    PhoneNumberType.VOIP: "voip",
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.SHARED_COST: "shared-cost",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.VOICEMAIL: "voicemail",
    PhoneNumberType.PERSONAL_NUMBER: "forwarding",
    PhoneNumberType.UAN: "service",
}
# Kept free for films, manuals and tests, so that no table of assigned numbers has them: what follows the country
# code may be anything in the 555 area; Ofcom's are "telephone numbers for drama use".
_FICTIONAL = {"+1555": "US", "+447700900": "GB", "+441632960": "GB"}
# Where a card's issuer is not named by its country's telephone code (ITU-T list of issuer identifier numbers).
_ISSUERS = {"01": "US", "302": "CA", "997": "KZ"}
_UNKNOWN = "ZZ"
_MOST_EXAMINED = 20_000
"""Numbers that the tables need not be asked about again."""


@dataclass(frozen=True, slots=True)
class Located:
    """What the tables of numbers say: the ISO 3166 region, and the kind of number in words."""

    region: str
    type: str


def locate(number: str, kind: Kind, allowed: Allowed, pointer: str = "/to") -> Located:
    """Where an E.164 number such as `+447700900001` lies, if a message may go there.

    Raises RequestError `invalid-number` where it can't be anybody's phone, `destination-not-allowed` where
    nobody allowed it.
    """
    _check_country_code(number, pointer)
    if number.startswith(allowed.denied):
        raise _not_allowed("An admin of this box has ruled out numbers that begin so.", pointer)
    found = _examine(number)
    if found.fault:
        raise _invalid(found.fault, pointer)
    regions, number_type = found.regions, found.number_type
    if number_type in _COSTLY:
        raise _not_allowed(f"This is {_COSTLY[number_type]}, which this box never sends to.", pointer)
    if not number.startswith(allowed.prefixes):
        _check_regions(regions, allowed, kind, pointer)
        if kind is Kind.CODE:
            _check_phone(found, pointer)
    return Located(regions[0], _TYPES.get(number_type, "unknown"))


def describe(number: str) -> Located:
    """Where a number lies and of what kind it is, whether anybody may send to it or not. Raises `invalid-number`."""
    if number[1:4] in _NO_COUNTRY:
        return Located("001", "international")
    found = _examine(number)
    if found.fault:
        raise _invalid(found.fault, "/to")
    return Located(found.regions[0], _TYPES.get(found.number_type, "unknown"))


def check_short_code(digits: str, kind: Kind, allowed: Allowed, pointer: str = "/to") -> None:
    """Raise RequestError unless a short code may be sent to: its country and price are the network's to know.

    So an application may write to one only where an admin, who can ask the operator for the price, has listed it.
    """
    check_emergency(digits, pointer)
    if kind is Kind.CODE:
        raise _invalid("A code goes to a phone, not to a short code.", pointer)
    if digits in allowed.denied:
        raise _not_allowed("An admin of this box has ruled out this short code.", pointer)
    if digits not in allowed.prefixes:
        raise _not_allowed(
            "A short code may cost extra, so this box sends to those only that an admin has listed in "
            "destinations.allowed_prefixes.",
            pointer,
        )


def check_emergency(digits: str, pointer: str = "/to") -> None:
    """Raise RequestError `invalid-number` for what calls for help somewhere: whoever waits there must not get texts."""
    if digits in EMERGENCY_NUMBERS:
        raise _invalid("No text goes to an emergency number.", pointer)


def _check_country_code(number: str, pointer: str) -> None:
    what = _NO_COUNTRY.get(number[1:4])
    if what is not None:
        raise _not_allowed(f"This is {what}, which this box never sends to.", pointer)


@dataclass(frozen=True, slots=True)
class _Examined:
    """What the tables say of a number, whatever an admin allows; `fault` says why it can't be anybody's."""

    fault: str = ""
    regions: tuple[str, ...] = ()
    number_type: int = PhoneNumberType.UNKNOWN
    may_be_mobile: bool = False


# People sign in again and again, and asking the tables is the most of what accepting a message costs.
@lru_cache(maxsize=_MOST_EXAMINED)
def _examine(number: str) -> _Examined:
    try:
        parsed = phonenumbers.parse(number, None)
    except NumberParseException:
        return _Examined("There is no country with this code.")
    possible = phonenumbers.is_possible_number_with_reason(parsed) == ValidationResult.IS_POSSIBLE
    # What is judged must be what is dialled: the parser drops national prefixes, such as a zero after +44.
    if not possible or phonenumbers.format_number(parsed, PhoneNumberFormat.E164) != number:
        return _Examined("No number of this country has this many digits.")
    regions = _regions(number, parsed)
    mobile = any(_may_be_mobile(parsed, region) for region in regions)
    return _Examined("", regions, _type(parsed, regions[0]), mobile)


def _regions(number: str, parsed: PhoneNumber) -> tuple[str, ...]:
    """The region of a number; of one in a block that the tables don't have, all that it may lie in.

    Tables age, and a box on premises may not be updated for years: a new block of mobile numbers must not be refused as
    invalid. But where countries share a code, a block that is unknown must not pass for the largest of them: Guernsey
    is not Great Britain's, and costs more.
    """
    known = phonenumbers.region_code_for_number(parsed)
    if known is not None:
        return (known,)
    for prefix, region in _FICTIONAL.items():
        if number.startswith(prefix):
            return (region,)
    sharing = phonenumbers.region_codes_for_country_code(parsed.country_code or 0)
    # Regions with leading digits of their own would have been recognised by them.
    free = tuple(region for region in sharing if _leading_digits(region) is None)
    return free or sharing[:1]


def _leading_digits(region: str) -> str | None:
    metadata = PhoneMetadata.metadata_for_region(region)
    return None if metadata is None else metadata.leading_digits


def _type(parsed: PhoneNumber, region: str) -> int:
    if _is_pay_per_call(parsed):
        return int(PhoneNumberType.PREMIUM_RATE)
    known = phonenumbers.number_type(parsed)
    return known if known != PhoneNumberType.UNKNOWN else _type_beside(parsed, region)


def _is_pay_per_call(parsed: PhoneNumber) -> bool:
    """Exchange 976 pays whoever is called in every area of country code 1; the tables take it for a usual one."""
    return parsed.country_code == 1 and phonenumbers.national_significant_number(parsed)[3:6] == "976"


def _type_beside(parsed: PhoneNumber, region: str) -> int:
    """The costly type whose example begins like this number of an unknown block, else UNKNOWN.

    Fraud prefers numbers that nobody was assigned, next to those that pay.
    """
    beginning = phonenumbers.national_significant_number(parsed)[:3]
    return _costly_beginnings(region).get(beginning, int(PhoneNumberType.UNKNOWN))


@cache
def _costly_beginnings(region: str) -> dict[str, int]:
    """How the examples of costly types in a region begin; the first type of a beginning counts."""
    found: dict[str, int] = {}
    for number_type in _COSTLY:
        example = phonenumbers.example_number_for_type(region, number_type)
        if example is not None:
            found.setdefault(phonenumbers.national_significant_number(example)[:3], int(number_type))
    return found


def _check_phone(found: _Examined, pointer: str) -> None:
    if found.number_type in _NO_PHONE:
        raise _invalid(f"This is {_NO_PHONE[found.number_type]}; a code goes to a mobile phone.", pointer)
    if found.number_type == PhoneNumberType.UNKNOWN and not found.may_be_mobile:
        raise _not_allowed(
            "No mobile phone of this country is known to have such a number; an admin can allow its prefix.",
            pointer,
        )


def _may_be_mobile(parsed: PhoneNumber, region: str) -> bool:
    """Has it the length and the first digits of the region's mobile phones, though its block is unknown?

    What was closed or never given out, beside it premium numbers of old, is otherwise as good as a new block.
    """
    metadata = PhoneMetadata.metadata_for_region(region)
    mobile = None if metadata is None else metadata.mobile
    if mobile is None or not mobile.national_number_pattern:
        return False
    own = phonenumbers.national_significant_number(parsed)
    return len(own) in mobile.possible_length and own[:DIGITS] in beginnings(mobile.national_number_pattern)


def _check_regions(regions: tuple[str, ...], allowed: Allowed, kind: Kind, pointer: str) -> None:
    refused = [region for region in regions if region not in allowed.regions]
    if allowed.everywhere or not refused:
        return
    what = "codes" if kind is Kind.CODE else "messages"
    if len(regions) == 1:
        raise _not_allowed(f"This box sends no {what} to this country ({regions[0]}).", pointer)
    raise _not_allowed(
        f"This number may lie in {' or '.join(regions)}, and this box sends no {what} to {refused[0]}; "
        "an admin can allow its prefix.",
        pointer,
    )


def telephone_code(region: str) -> str:
    """The country code of E.164 of a region, such as `44`."""
    return str(phonenumbers.country_code_for_region(region))


def own_regions(cards: Iterable[str]) -> frozenset[str]:
    """The countries of these cards, by their ICCIDs: "89" and the telephone code of the issuer's country (E.118)."""
    found = (_region_of_issuer(card[2:]) for card in cards if card.startswith("89"))
    return frozenset(region for region in found if region not in {None, _UNKNOWN, "001"})


def _region_of_issuer(digits: str) -> str:
    for issuer, region in _ISSUERS.items():
        if digits.startswith(issuer):
            return region
    codes = (
        int(digits[:length])
        for length in (1, 2, 3)
        if digits[:length].isascii() and digits[:length].isdigit()
    )
    regions = (phonenumbers.region_code_for_country_code(code) for code in codes)
    return next((region for region in regions if region != _UNKNOWN), _UNKNOWN)


def _not_allowed(detail: str, pointer: str) -> RequestError:
    return RequestError("destination-not-allowed", detail, pointer=pointer)


def _invalid(detail: str, pointer: str) -> RequestError:
    return RequestError("invalid-number", detail, pointer=pointer)
