"""Segments become the text that was written, wherever its sender cut it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.errors import BugError
from simcourier.sms import gsm7
from simcourier.sms.coding import Coding, DataCoding
from simcourier.sms.pieces import GAP, Joined, encode_piece, join
from simcourier.sms.user_data import UserData

OCTETS = DataCoding(Coding.OCTETS)


def piece(octets: bytes, coding: Coding = Coding.UCS2, *, compressed: bool = False) -> bytes:
    return encode_piece(UserData(DataCoding(coding, compressed=compressed), len(octets), b"", octets, None))


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 200))
def test_a_text_cut_anywhere_even_inside_a_character_is_whole_again(text: str, at: int) -> None:
    octets = text.encode("utf-16-be")
    cut = min(at, len(octets))
    assert join([piece(octets[:cut]), piece(octets[cut:])]) == Joined(text, is_data=False)


def test_an_escape_at_the_end_of_a_segment_belongs_to_the_next() -> None:
    septets = gsm7.encode("5 €")
    first, second = piece(septets[:3], Coding.GSM7), piece(septets[3:], Coding.GSM7)
    assert septets[2] == gsm7.ESCAPE
    assert join([first, second]).text == "5 €"


def test_octets_are_hex_digits() -> None:
    assert join([piece(b"\x00\xff\x1b", Coding.OCTETS)]) == Joined("00FF1B", is_data=True)


def test_a_compressed_text_is_octets() -> None:
    assert join([piece(b"\x12\x34", Coding.GSM7, compressed=True)]) == Joined("1234", is_data=True)


def test_what_is_missing_leaves_a_gap() -> None:
    one = piece("a".encode("utf-16-be"))
    assert join([one, None, None, one]).text == f"a{GAP}a"
    assert join([None, one]).text == f"{GAP}a"


def test_a_text_whose_parts_are_coded_in_different_ways_is_one_text() -> None:
    parts = [piece(gsm7.encode("price "), Coding.GSM7), piece("10 ₽".encode("utf-16-be"))]
    assert join(parts) == Joined("price 10 ₽", is_data=False)


def test_an_odd_octet_at_the_end_is_dropped_and_half_a_pair_is_shown() -> None:
    assert join([piece(b"\x00a\x00")]).text == "a"
    assert join([piece(b"\xd8\x3d")]).text == "\ufffd"


def test_a_piece_that_nobody_made_is_our_fault() -> None:
    with pytest.raises(BugError):
        join([b"x1"])


def test_a_joined_text_does_not_show_itself() -> None:
    assert "secret" not in repr(Joined("secret", is_data=False))
