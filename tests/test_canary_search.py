"""The search of the canary finds what others' encoders write, at every place and alignment."""

from __future__ import annotations

import base64
import os

import pytest
from canary import forms, found
from hypothesis import given
from hypothesis import strategies as st
from smsutil import encode

WORD = "Qz7Kp4831902756Wv"
_GSM = st.text(st.sampled_from("abcXYZ0189 .,:"), max_size=20)


def pack(text: str) -> bytes:
    """Septets into octets the plain way, bit by bit, from an independent encoder's septets."""
    bits = [septet >> bit & 1 for septet in encode(text) for bit in range(7)]
    bits += [0] * (-len(bits) % 8)
    return bytes(
        sum(bit << place for place, bit in enumerate(bits[at : at + 8])) for at in range(0, len(bits), 8)
    )


@given(_GSM, _GSM)
def test_it_finds_the_packed_form_behind_any_text_and_before_any(before: str, after: str) -> None:
    octets = pack(before + WORD + after)
    assert ("at", "7-bit packed") in found(WORD, {"at": octets})
    for shown in (octets.hex(), octets.hex().upper()):
        assert ("at", "7-bit packed hex") in found(WORD, {"at": f"0011{shown}".encode()})


@given(st.binary(max_size=9), st.binary(max_size=9))
def test_it_finds_base64_wherever_the_word_begins(before: bytes, after: bytes) -> None:
    for octets in (WORD.encode(), WORD.encode("utf-16-be")):
        for shown in (base64.b64encode, base64.urlsafe_b64encode):
            assert ("at", "base64") in found(WORD, {"at": shown(before + octets + after)})


def test_it_finds_the_plain_ucs2_and_hex_forms() -> None:
    places = {
        "plain": b"your code %b." % WORD.encode(),
        "UCS-2": f"Код {WORD}".encode("utf-16-be"),
        "UCS-2 hex": f"Код {WORD}".encode("utf-16-be").hex().encode(),
        "hex": WORD.encode().hex().upper().encode(),
    }
    assert {(place, form) for place, form in found(WORD, places) if place == form} == {
        (place, place) for place in places
    }


@pytest.mark.parametrize("form", forms(WORD))
def test_no_form_is_so_short_that_chance_finds_it(form: str) -> None:
    assert min(map(len, forms(WORD)[form])) >= 13


def test_a_code_of_ten_digits_is_long_enough_as_well() -> None:
    assert min(len(octets) for kinds in forms("4831902756").values() for octets in kinds) >= 7


def test_it_finds_nothing_where_nothing_is() -> None:
    assert (
        found(WORD, {"noise": os.urandom(1 << 20), "other": WORD[::-1].encode(), "half": WORD[:8].encode()})
        == set()
    )
