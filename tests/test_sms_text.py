"""The alphabet and the segments of a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.sms import gsm7
from simcourier.sms.text import Alphabet, Plan, TextNotEncodable, TextTooLong, plan

EMOJI = "\N{GRINNING FACE}"


@pytest.mark.parametrize(
    ("text", "alphabet", "lengths"),
    [
        ("", Alphabet.GSM7, [0]),
        ("x" * 160, Alphabet.GSM7, [160]),
        ("x" * 161, Alphabet.GSM7, [153, 8]),
        ("x" * 306, Alphabet.GSM7, [153, 153]),
        ("x" * 307, Alphabet.GSM7, [153, 153, 1]),
        ("€" * 80, Alphabet.GSM7, [80]),
        ("€" * 81, Alphabet.GSM7, [76, 5]),
        ("ж" * 70, Alphabet.UCS2, [70]),
        ("ж" * 71, Alphabet.UCS2, [67, 4]),
        ("ж" * 134, Alphabet.UCS2, [67, 67]),
        ("ж" * 135, Alphabet.UCS2, [67, 67, 1]),
        (EMOJI * 35, Alphabet.UCS2, [35]),
        (EMOJI * 36, Alphabet.UCS2, [33, 3]),
    ],
)
def test_a_text_is_cut_at_the_limits_of_its_alphabet(
    text: str, alphabet: Alphabet, lengths: list[int]
) -> None:
    planned = plan(text)
    assert planned.alphabet is alphabet
    assert [len(segment) for segment in planned.segments] == lengths


def test_a_wide_reference_leaves_one_unit_less() -> None:
    assert [len(s) for s in plan("x" * 161, wide_reference=True).segments] == [152, 9]
    assert [len(s) for s in plan("ж" * 71, wide_reference=True).segments] == [66, 5]


def test_no_segment_ends_inside_an_escape_pair() -> None:
    assert plan("x" * 152 + "€" + "x" * 10).segments == ("x" * 152, "€" + "x" * 10)
    assert plan("x" * 151 + "€" + "x" * 10).segments == ("x" * 151 + "€", "x" * 10)


def test_no_segment_ends_inside_a_surrogate_pair() -> None:
    assert plan("ж" * 66 + EMOJI + "ж" * 10).segments == ("ж" * 66, EMOJI + "ж" * 10)
    assert plan("ж" * 65 + EMOJI + "ж" * 10).segments == ("ж" * 65 + EMOJI, "ж" * 10)


def test_units_count_escapes_and_surrogates() -> None:
    assert plan("a€b").units == 4
    assert plan("ж" + EMOJI).units == 3


@pytest.mark.parametrize("character", ["ó", "ç", "‘", "`", "ÿ", "\xa0"])
def test_a_character_outside_the_alphabet_makes_it_ucs2(character: str) -> None:
    assert plan(f"code {character}").alphabet is Alphabet.UCS2


@pytest.mark.parametrize("character", [*"@£§¿ÇΞ\n\r\f^{}\\[~]|€"])
def test_a_character_of_the_alphabet_keeps_it_gsm7(character: str) -> None:
    assert plan(f"code {character}").alphabet is Alphabet.GSM7


@pytest.mark.parametrize("character", ["\0", "\t", "\v", "\x1a", "\x1b", "\x7f", "\x85", "\ud83d"])
def test_control_characters_and_half_pairs_are_refused(character: str) -> None:
    with pytest.raises(TextNotEncodable) as refused:
        plan("ab" + character)
    assert (refused.value.code, refused.value.pointer) == ("text-not-encodable", "/text")
    assert "character 3 " in refused.value.detail


def test_too_many_segments_are_refused_with_both_numbers() -> None:
    with pytest.raises(TextTooLong) as refused:
        plan("x" * 400, max_segments=2)
    assert (refused.value.code, refused.value.pointer) == ("too-long", "/text")
    assert refused.value.detail == "the text needs 3 segments, and at most 2 may be used"


def test_no_more_than_255_segments_can_be_counted() -> None:
    assert len(plan("x" * 153 * 255, max_segments=1000).segments) == 255
    with pytest.raises(TextTooLong):
        plan("x" * (153 * 255 + 1), max_segments=1000)


def test_a_plan_does_not_show_its_text() -> None:
    assert "123456" not in repr(plan("Your code is 123456"))


@given(st.binary(max_size=200), st.integers(0, 6))
def test_packing_and_unpacking_are_inverse(data: bytes, fill_bits: int) -> None:
    septets = bytes(octet & 0x7F for octet in data)
    packed = gsm7.pack(septets, fill_bits)
    assert gsm7.unpack(packed, len(septets), fill_bits) == septets
    if septets:
        assert len(packed) == (fill_bits + 7 * len(septets) + 7) // 8


@pytest.mark.parametrize(
    ("septets", "text"),
    [
        (b"a\x1b\x65b", "a€b"),
        (b"a\x1bb", "ab"),  # the extension table lacks b: the basic character
        (b"a\x1b\x1bb", "a b"),  # reserved for another table: a space
        (b"a\x1b", "a "),
        (b"\x00", "@"),
        (b"\x5f\x60", "§¿"),
    ],
)
def test_escapes_decode_as_the_clause_wants(septets: bytes, text: str) -> None:
    assert gsm7.decode(septets) == text


def test_every_septet_of_the_alphabet_is_encoded_and_decoded() -> None:
    basic = bytes(septet for septet in range(128) if septet != gsm7.ESCAPE)
    text = gsm7.decode(basic)
    assert len(set(text)) == 127
    assert gsm7.encode(text) == basic


def test_an_uncounted_last_zero_on_an_octet_boundary_is_fill() -> None:
    assert gsm7.unpack_uncounted(gsm7.pack(b"OpenBSC\0")) == b"OpenBSC"
    assert gsm7.unpack_uncounted(gsm7.pack(b"abc\0"), 7) == b"abc\0"


def test_plans_are_values() -> None:
    assert plan("a") == Plan(Alphabet.GSM7, ("a",), 1)
