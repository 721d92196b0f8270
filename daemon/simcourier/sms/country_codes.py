"""Country codes of E.164 (ITU-T, list of assigned country codes)."""

from __future__ import annotations

_ONE_DIGIT = "17"
# First digit, or first two, and the last digits that are assigned to them
_TWO_DIGITS = {
    "2": "07",
    "3": "0123469",
    "4": "01346789",  # 42 went to the Czech Republic, Slovakia and Liechtenstein, as three digits
    "5": "12345678",
    "6": "0123456",
    "8": "1246",
    "9": "0123458",
}
_THREE_DIGITS = {
    "21": "12368",
    "22": "0123456789",
    "23": "0123456789",
    "24": "0123456789",
    "25": "012345678",
    "26": "0123456789",
    "29": "01789",
    "35": "0123456789",
    "37": "0123456789",
    "38": "01235679",
    "42": "013",
    "50": "0123456789",
    "59": "0123456789",
    "67": "023456789",
    "68": "012356789",
    "69": "012",
    "80": "08",
    "85": "02356",
    "87": "08",
    "88": "012368",
    "96": "012345678",
    "97": "012345679",
    "99": "234568",
}


def _spelled(last_digits: dict[str, str]) -> set[str]:
    return {first + last for first, lasts in last_digits.items() for last in lasts}


_ASSIGNED = frozenset(_ONE_DIGIT) | _spelled(_TWO_DIGITS) | _spelled(_THREE_DIGITS)


def country_code(digits: str) -> str:
    """Return the country code that `digits` begin with, or nothing when none is assigned."""
    for length in (1, 2, 3):
        if digits[:length] in _ASSIGNED:
            return digits[:length]
    return ""
