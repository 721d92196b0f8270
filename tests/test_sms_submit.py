"""SMS-SUBMIT: options, validity, and what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.errors import BugError
from simcourier.sms.address import Address, parse_recipient
from simcourier.sms.errors import PduError
from simcourier.sms.submit import SubmitPdu, encode_submit
from simcourier.sms.text import TextNotEncodable, TextTooLong
from simcourier.sms.tpdu import decode_submit
from simcourier.sms.validity import decode_enhanced_validity, decode_validity, encode_validity

TO = parse_recipient("+447700900001")
HEAD = "000C91447700090010"  # TP-MR and TP-DA


def test_a_code_with_five_minutes_left() -> None:
    assert encode_submit(TO, "123456", validity_s=300) == (
        SubmitPdu(hex=f"0031{HEAD}0000000631D98C56B301", tpdu_length=20),
    )


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({"validity_s": None}, f"0021{HEAD}000001"),
        ({"validity_s": 600}, f"0031{HEAD}00000101"),
        ({"validity_s": None, "status_report": False}, f"0001{HEAD}000001"),
        ({"validity_s": None, "message_class": 0}, f"0021{HEAD}001001"),
        ({"validity_s": None, "message_class": 3}, f"0021{HEAD}001301"),
        ({"validity_s": None, "replace_type": 1}, f"0021{HEAD}410001"),
        ({"validity_s": None, "replace_type": 7}, f"0021{HEAD}470001"),
    ],
)
def test_each_option_sets_its_field(options: dict[str, object], start: str) -> None:
    (pdu,) = encode_submit(TO, "x", **options)  # type: ignore[arg-type] # the table's values are mixed
    assert pdu.hex == start + "78"


def test_a_class_with_ucs2_keeps_the_alphabet() -> None:
    (pdu,) = encode_submit(TO, "ж", validity_s=None, message_class=1)
    assert pdu.hex == f"0021{HEAD}0019020436"


def test_an_empty_text_is_an_empty_message() -> None:
    (pdu,) = encode_submit(TO, "", validity_s=None)
    assert pdu.hex == f"0021{HEAD}000000"


def test_a_wide_reference_takes_the_16_bit_element() -> None:
    first, second = encode_submit(TO, "x" * 161, validity_s=None, reference=0x1234)
    assert first.hex.startswith(f"0061{HEAD}0000A00608041234")
    assert second.hex.startswith(f"0061{HEAD}000011060804123402")


def test_a_short_reference_takes_the_8_bit_element() -> None:
    first, _ = encode_submit(TO, "ж" * 71, validity_s=None, reference=0xFF)
    assert first.hex.startswith(f"0061{HEAD}00088C050003FF0201")


@pytest.mark.parametrize(
    "options",
    [
        {"replace_type": 0},
        {"replace_type": 8},
        {"message_class": -1},
        {"message_class": 4},
        {"reference": 0x10000},
        {"reference": -1},
    ],
)
def test_an_option_out_of_range_is_our_own_fault(options: dict[str, int]) -> None:
    with pytest.raises(BugError):
        encode_submit(TO, "x" * 161, validity_s=None, **options)  # type: ignore[arg-type] # as above


def test_what_no_sms_can_carry_is_refused() -> None:
    with pytest.raises(TextNotEncodable):
        encode_submit(TO, "\x1b", validity_s=None)
    with pytest.raises(TextTooLong):
        encode_submit(TO, "x" * 161, validity_s=None, max_segments=1)


def test_a_pdu_shows_neither_text_nor_number() -> None:
    (pdu,) = encode_submit(TO, "123456", validity_s=300)
    assert repr(pdu) == "SubmitPdu(tpdu_length=20)"
    shown = repr(decode_submit(pdu.hex))
    assert "123456" not in shown
    assert "7700900001" not in shown


@pytest.mark.parametrize(
    ("seconds", "tp_vp"),
    [
        (-5, 0x00),
        (0, 0x00),
        (299, 0x00),
        (300, 0x00),
        (599.9, 0x00),
        (600, 0x01),
        (43_200, 143),
        (44_999, 143),
        (45_000, 144),
        (86_400, 167),
        (172_799, 167),
        (172_800, 168),
        (30 * 86_400, 196),
        (35 * 86_400 - 1, 196),
        (35 * 86_400, 197),
        (63 * 604_800, 255),
        (math.inf, 255),
    ],
)
def test_validity_is_rounded_down_to_what_can_be_said(seconds: float, tp_vp: int) -> None:
    assert encode_validity(seconds) == tp_vp


def test_every_relative_validity_is_read_and_written_alike() -> None:
    assert [encode_validity(decode_validity(tp_vp)) for tp_vp in range(256)] == list(range(256))


@given(st.floats(300, 1e9))
def test_a_message_never_outlives_its_deadline(seconds: float) -> None:
    tp_vp = encode_validity(seconds)
    assert decode_validity(tp_vp) <= seconds
    if tp_vp < 255:
        assert decode_validity(tp_vp + 1) > seconds


@pytest.mark.parametrize(
    ("octets", "seconds"),
    [
        ("00000000000000", None),
        ("01A70000000000", 86_400),
        ("021E0000000000", 30),
        ("02000000000000", None),
        ("03211403000000", 12 * 3600 + 41 * 60 + 30),
        ("8100A700000000", 86_400),
        ("42010000000000", 1),
        ("07000000000000", None),
    ],
)
def test_an_enhanced_validity_is_read(octets: str, seconds: int | None) -> None:
    assert decode_enhanced_validity(bytes.fromhex(octets)) == seconds
    assert decode_submit(f"0009{HEAD}0000{octets}0178").validity_s == seconds


def test_an_absolute_validity_is_read() -> None:
    read = decode_submit(f"0019{HEAD}0000317001319300800178")
    assert read.valid_until is not None
    assert read.valid_until.isoformat() == "2013-07-10T13:39:00+02:00"
    assert read.text == "x"


def test_another_type_of_tpdu_is_no_submit() -> None:
    with pytest.raises(PduError, match="SMS-SUBMIT"):
        decode_submit("0004048121430000621111023045000178")


def test_a_recipient_without_the_top_bit_of_its_type_is_refused() -> None:
    with pytest.raises(PduError, match="TP-DA of type 0x0C"):
        decode_submit("00F101010C0000000000")


def test_a_short_code_is_sent_as_unknown() -> None:
    (pdu,) = encode_submit(Address.unknown("12345"), "x", validity_s=None)
    assert pdu.hex == "00210005812143F500000178"
