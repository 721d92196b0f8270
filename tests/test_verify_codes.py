"""Codes come from the system's random source, evenly, and typed ones are brought to one form."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.errors import BugError
from simcourier.verify import codes
from simcourier.verify.codes import ALPHABETS, MAX_LENGTH, MIN_LENGTH, CodeType, canonical, make

LENGTHS = range(MIN_LENGTH, MAX_LENGTH + 1)
EVERY = [(code_type, length) for code_type in CodeType for length in LENGTHS]
DRAWS = 100_000
# A fair source exceeds these once in 10**16 runs; one that takes a byte modulo ten reaches 220 at 100,000 codes.
LIMITS = {10: 100.0, 20: 130.0}


def unevenness(counts: Counter[str], alphabet: str) -> float:
    """The chi-square statistic of these counts."""
    expected = counts.total() / len(alphabet)
    assert set(counts) <= set(alphabet)
    return sum((counts[character] - expected) ** 2 / expected for character in alphabet)


def characters(draw: Callable[[], str]) -> Counter[str]:
    return Counter("".join(draw() for _ in range(DRAWS)))


@pytest.mark.parametrize("code_type", CodeType)
def test_c01_every_character_is_as_likely_as_any_other(code_type: CodeType) -> None:
    alphabet = ALPHABETS[code_type]
    assert unevenness(characters(lambda: make(code_type, 6)), alphabet) < LIMITS[len(alphabet)]


@pytest.mark.parametrize("code_type", CodeType)
def test_c01_every_place_of_a_code_is_even(code_type: CodeType) -> None:
    alphabet = ALPHABETS[code_type]
    drawn = [make(code_type, 6) for _ in range(20_000)]
    for place in range(6):
        assert unevenness(Counter(code[place] for code in drawn), alphabet) < LIMITS[len(alphabet)]


def test_c01_the_measure_would_notice_a_byte_modulo_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    source = iter(codes.secrets.token_bytes(6 * DRAWS))
    biased = characters(lambda: "".join(str(next(source) % 10) for _ in range(6)))
    assert unevenness(biased, ALPHABETS[CodeType.NUMERIC]) > LIMITS[10]


@pytest.mark.parametrize(("code_type", "length"), EVERY)
def test_c01_every_kind_of_code_is_worth_twenty_bits_and_nearly(code_type: CodeType, length: int) -> None:
    possible = len(ALPHABETS[code_type]) ** length
    # Six digits are what the norm asks for besides: 19.93 bits.
    assert possible >= 10**6
    assert round(math.log2(possible)) >= 20


@pytest.mark.parametrize(("code_type", "length"), EVERY)
def test_c01_one_draw_over_all_possible_codes_makes_one(
    code_type: CodeType, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds: list[int] = []
    alphabet = ALPHABETS[code_type]
    monkeypatch.setattr(codes.secrets, "randbelow", lambda bound: bounds.append(bound) or bound - 1)
    assert make(code_type, length) == alphabet[-1] * length
    assert bounds == [len(alphabet) ** length]
    monkeypatch.setattr(codes.secrets, "randbelow", lambda _bound: 0)
    assert make(code_type, length) == alphabet[0] * length, "leading zeros are kept"


@pytest.mark.parametrize("length", [0, 4, 5, 11, 100])
def test_no_other_length_is_made(length: int) -> None:
    with pytest.raises(BugError):
        make(CodeType.NUMERIC, length)


def test_no_two_characters_of_a_code_look_alike_and_none_is_a_vowel() -> None:
    alphabet = ALPHABETS[CodeType.ALPHANUMERIC]
    assert len(set(alphabet)) == len(alphabet) == 20
    assert not set(alphabet) & set("AEIOU")
    for alike in ("0OQD", "1IL", "2Z", "5S", "6G", "8B", "UV"):
        assert len(set(alphabet) & set(alike)) <= 1, alike


@pytest.mark.parametrize(("code_type", "length"), EVERY)
def test_a_made_code_is_in_its_one_form(code_type: CodeType, length: int) -> None:
    for _ in range(50):
        code = make(code_type, length)
        assert len(code) == length
        assert canonical(code) == code


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("482913", "482913"),
        ("482 913", "482913"),
        (" 482-913 ", "482913"),
        ("k7m-3p9", "K7M3P9"),
        ("000000", "000000"),
        ("4829", "4829"),
        ("482913482913", "482913482913"),
    ],
)
def test_spaces_hyphens_and_small_letters_do_not_matter(typed: str, code: str) -> None:
    assert canonical(typed) == code


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " - ",
        "482",
        "4829134829131",
        "482913\n",
        "482\t913",
        "482\u00a0913",
        "482–913",
        "482.913",
        "+482913",
        "٤٨٢٩١٣",
        "４８２９１３",
        "К7М3Р9",
        "straße",
        "ſſſſſſ",
        "482913\x00",
        "' OR 1=1",
    ],
)
def test_what_can_be_no_code_is_none(typed: str) -> None:
    assert canonical(typed) is None


@given(st.text(max_size=40))
def test_one_form_is_found_once_and_for_all(typed: str) -> None:
    code = canonical(typed)
    if code is not None:
        assert code.isascii()
        assert code.isalnum()
        assert code == code.upper()
        assert canonical(code) == code
        assert canonical("-".join(code)) == code
