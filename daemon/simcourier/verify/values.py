"""What a template's placeholders stand for, cleaned: nothing in a value can pretend to be the text around it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from simcourier.errors import RequestError
from simcourier.sms import gsm7
from simcourier.verify import characters, links
from simcourier.verify.codes import MAX_LENGTH


class Placeholder(StrEnum):
    """What a template may ask for, as `{code}`."""

    CODE = "code"
    MINUTES = "minutes"
    APP = "app"
    AMOUNT = "amount"
    PAYEE = "payee"


PAYMENT = frozenset({Placeholder.AMOUNT, Placeholder.PAYEE})
LONGEST = {
    Placeholder.CODE: MAX_LENGTH,
    Placeholder.MINUTES: 4,
    Placeholder.APP: 20,
    Placeholder.AMOUNT: 20,
    Placeholder.PAYEE: 30,
}
"""The length of a value in septets, or in UTF-16 code units where the GSM alphabet does not have it."""
LONGEST_VALUES = {
    Placeholder.CODE: "K" * LONGEST[Placeholder.CODE],
    Placeholder.MINUTES: "9" * LONGEST[Placeholder.MINUTES],
    Placeholder.APP: "A" * LONGEST[Placeholder.APP],
    # These begin and end with what costs a mark each among right-to-left letters.
    Placeholder.AMOUNT: "9 9-".rjust(LONGEST[Placeholder.AMOUNT], "9"),
    Placeholder.PAYEE: "7 P)".replace("P", "P" * (LONGEST[Placeholder.PAYEE] - 3)),
}
"""What takes the most room."""
USUAL_VALUES = {
    Placeholder.CODE: "482913",
    Placeholder.MINUTES: "5",
    Placeholder.APP: "Example Bank",
    Placeholder.AMOUNT: "1 250,00 EUR",
    Placeholder.PAYEE: "Example Stores B",
}
"""What stands there on most days; previews show it."""
LONGEST_LIFE_MIN = 1440
_OTHER_DOTS = str.maketrans("。", ".")
_OTHER_SLASHES = str.maketrans("⁄∕⧸", "///")
_JOINED = re.compile(r"[@/]|\S\.\w")
_FOUR_FIGURES = re.compile(r"\d(?:[ .,'’()+-]{0,2}\d){3}")
_MONEY = re.compile(
    r"(?P<before>[^0-9+-]*) ?[+-]?(?:0|[1-9][0-9]*)(?:[ .,'’][0-9]+)*(?:[.,]?-)? ?(?P<after>[^0-9]*)"
)
_MOST_LETTERS = 3
"""Of a currency: EUR, Kč, руб."""
_CODE = re.compile(rf"[0-9A-Za-z]{{4,{MAX_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class Values:
    """What stands for the placeholders; empty: not given. `minutes` is what remains of the code's life."""

    code: str = field(repr=False)
    minutes: int
    app: str = ""
    amount: str = ""
    payee: str = ""


def whole_minutes(life_s: float) -> int:
    """A life in minutes, as a text tells it: never more than there is, but one at least."""
    return max(1, int(life_s // 60))


def clean(values: Values, at: str = "") -> dict[Placeholder, str]:
    """The values that are given, each in one form.

    Raises RequestError `policy-violation`; its pointer is the name of the value behind `at`.
    """
    if not _CODE.fullmatch(values.code):
        raise _refused(at, Placeholder.CODE, f"must be 4 to {MAX_LENGTH} letters and digits")
    if not 1 <= values.minutes <= LONGEST_LIFE_MIN:
        raise _refused(at, Placeholder.MINUTES, f"must be from 1 to {LONGEST_LIFE_MIN}")
    given = {Placeholder.CODE: values.code, Placeholder.MINUTES: str(values.minutes)}
    free = {
        Placeholder.APP: values.app,
        Placeholder.AMOUNT: values.amount,
        Placeholder.PAYEE: values.payee,
    }
    for placeholder, value in free.items():
        tidy = _tidy(value)
        if tidy:
            _check(placeholder, tidy, at)
            given[placeholder] = tidy
    return given


def length(value: str) -> int:
    """What a value takes: septets, or UTF-16 code units where the GSM alphabet does not have it."""
    return len(gsm7.encode(value)) if gsm7.covers(value) else len(value.encode("utf-16-be", "replace")) // 2


def check_own_code(code: str, at: str = "") -> None:
    """Raise RequestError unless a code that a caller made himself has a digit: else it may be any word."""
    if not re.search(r"[0-9]", code):
        raise _refused(at, Placeholder.CODE, "must have a digit in it")


def _tidy(value: str) -> str:
    # Amounts as CLDR writes them have no-break spaces; tabs and line feeds are refused with the controls.
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in value)
    return unicodedata.normalize("NFC", re.sub(" +", " ", spaced)).strip(" ")


def _plain(value: str) -> str:
    """The value with every full stop, slash and figure in its usual form."""
    return unicodedata.normalize("NFKC", value).translate(_OTHER_DOTS | _OTHER_SLASHES)


def _is_money(value: str) -> bool:
    found = _MONEY.fullmatch(value)
    if found is None or (found["before"] and found["after"]):
        return False
    currency = (found["before"] or found["after"]).strip()
    kinds = [unicodedata.category(character) for character in currency]
    letters = sum(kind.startswith("L") for kind in kinds)
    return (
        letters <= _MOST_LETTERS
        and not currency.startswith(".")
        and all(
            kind[0] in "LM" or kind == "Sc" or mark == "." for kind, mark in zip(kinds, currency, strict=True)
        )
    )


_Rules = tuple[tuple[Callable[[str], object], str], ...]
_RULES: _Rules = (
    (lambda value: any(characters.unseen(value)), "must have no control characters or direction marks"),
    (links.find, "must have no link or domain in it; put a space behind each full stop"),
    (
        lambda value: any(characters.deceptive_words(value)),
        "must not mix letters of several scripts in one word",
    ),
)
_NAME_RULES: _Rules = (
    (
        lambda value: _JOINED.search(_plain(value)),
        "must have no @, no / and no full stop right in front of a letter or figure",
    ),
    (
        lambda value: _FOUR_FIGURES.search(_plain(value)),
        "must not have four figures in a row, which could pass for a code or a telephone number",
    ),
)
_AMOUNT_RULES: _Rules = (
    (
        lambda value: not _is_money(value),
        f"must be a figure such as 1 250.00, alone or with a currency of {_MOST_LETTERS} letters at most or its sign",
    ),
)


def _check(placeholder: Placeholder, value: str, at: str) -> None:
    for breaks, rule in _RULES + (_AMOUNT_RULES if placeholder is Placeholder.AMOUNT else _NAME_RULES):
        if breaks(value):
            raise _refused(at, placeholder, rule)
    longest = LONGEST[placeholder]
    if length(value) > longest:
        raise _refused(at, placeholder, f"must be at most {longest} characters long")


def _refused(at: str, placeholder: Placeholder, rule: str) -> RequestError:
    return RequestError("policy-violation", f"{placeholder} {rule}.", pointer=f"{at}/{placeholder}")
