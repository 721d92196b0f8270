"""USSD strings in every form that modems give them (TS 23.038 section 5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.sms import gsm7
from simcourier.sms.ussd_text import LONGEST_TEXT, decode_ussd, pack_ussd


@pytest.mark.parametrize(
    ("given_text", "dcs", "text"),
    [
        ("Balance 10.00 EUR", 15, "Balance 10.00 EUR"),
        ("00470075007400680061", 72, "Gutha"),
        ("00470075007400680061", 0x11, "Gutha"),
        ("04110430043B0430043D0441", 72, "Баланс"),
        ("00470075007400680061", 15, "Gutha"),
        ("C8329BFD06", 15, "Hello"),
        ("C8329BFD06", None, "Hello"),
        ("48656C6C6F", 0x44, "Hello"),
        ("48656C6C6F", 0xF4, "Hello"),
        ("12345678", 15, "12345678"),
        ("1234.56", 15, "1234.56"),
        ("ABC", 15, "ABC"),
        ("D800D800", 72, "D800D800"),
        ("  two\r\n\r\nlines \x07", 15, "two\nlines"),
        ("", 15, ""),
    ],
)
def test_a_text_is_read_as_what_it_looks_like(given_text: str, dcs: int | None, text: str) -> None:
    assert decode_ussd(given_text, dcs) == text


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJ .:,", min_size=6, max_size=150))
def test_packed_septets_and_ucs2_come_out_as_they_went_in(text: str) -> None:
    text = "x" + text.strip() + "x"
    assert decode_ussd(gsm7.pack(gsm7.encode(text)).hex(), 15) == text
    assert decode_ussd(text.encode("utf-16-be").hex().upper(), 72) == text


@given(st.text(max_size=3000), st.none() | st.integers(0, 999))
def test_whatever_comes_is_printable_and_bounded(text: str, dcs: int | None) -> None:
    decoded = decode_ussd(text, dcs)
    assert len(decoded) <= LONGEST_TEXT
    assert decoded.replace("\n", " ").isprintable()


@pytest.mark.parametrize(
    ("code", "packed"), [("*100#", "AA180C3602"), ("*#06#", "AA11CC3602"), ("1234567", "31D98C56B3DD1A")]
)
def test_a_code_is_packed_without_an_at_sign_at_its_end(code: str, packed: str) -> None:
    assert pack_ussd(code) == packed
