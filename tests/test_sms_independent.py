"""The encoder against a second codec: smsutil's alphabet and splitting, and a decoder on bit strings."""

from __future__ import annotations

from dataclasses import dataclass

import smsutil
from hypothesis import given, settings
from hypothesis import strategies as st
from smsutil.codecs import GSM_BASIC_CHARSET

from simcourier.sms.address import Address, parse_recipient
from simcourier.sms.deliver import decode_deliver
from simcourier.sms.submit import encode_submit
from simcourier.sms.text import MAX_SEGMENTS, TextTooLong, plan
from simcourier.sms.tpdu import decode_submit
from simcourier.sms.user_data import Concatenation

_EXTENSION = dict(
    zip(["0A", "14", "28", "29", "2F", "3C", "3D", "3E", "40", "65"], smsutil.GSM_EXT_CHARSET, strict=True)
)
_GSM_CHARACTERS = GSM_BASIC_CHARSET.replace("\x1b", "") + smsutil.GSM_EXT_CHARSET
_CONTROLS = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))

GSM_TEXTS = st.one_of(
    st.text(_GSM_CHARACTERS, max_size=40),
    st.text(_GSM_CHARACTERS, min_size=140, max_size=480),
    st.text("x€", min_size=140, max_size=480),
)
ANY_CHARACTER = st.characters(exclude_categories=["Cs"], exclude_characters=_CONTROLS)
UCS2_TEXTS = st.one_of(
    st.text(ANY_CHARACTER, max_size=30),
    st.text(st.sampled_from("ж\N{GRINNING FACE}"), min_size=30, max_size=300),
)
TEXTS = st.one_of(GSM_TEXTS, UCS2_TEXTS)
RECIPIENTS = st.one_of(
    st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.from_regex(r"[1-9][0-9]{2,5}", fullmatch=True)
)


@dataclass
class Read:
    """What the second decoder reads in an SMS-SUBMIT."""

    first_octet: int
    number: str
    pid: int
    dcs: int
    validity_octet: int | None
    header: str
    text: str
    spare_bits: str


def _bits(hex_digits: str) -> str:
    """All bits, the first octet's least significant one first."""
    return "".join(f"{int(hex_digits[i : i + 2], 16):08b}"[::-1] for i in range(0, len(hex_digits), 2))


def _septets(bits: str) -> list[int]:
    return [int(bits[i : i + 7][::-1], 2) for i in range(0, len(bits) - 6, 7)]


def _characters(septets: list[int]) -> str:
    text = ""
    pending = False
    for septet in septets:
        if pending:
            text, pending = text + _EXTENSION[f"{septet:02X}"], False
        elif septet == 0x1B:
            pending = True
        else:
            text += GSM_BASIC_CHARSET[septet]
    assert not pending
    return text


def _read_submit(hex_digits: str, *, told_length: int) -> Read:
    """Read an SMS-SUBMIT with an empty SCA field, by the figures of TS 23.040 section 9.2.2.2."""
    assert hex_digits.startswith("00")
    assert hex_digits == hex_digits.upper()
    assert len(hex_digits) == 2 * told_length + 2
    first_octet, reference, digits = (int(hex_digits[i : i + 2], 16) for i in (2, 4, 6))
    assert reference == 0
    type_of_address = hex_digits[8:10]
    at = 10 + digits + digits % 2
    swapped = "".join(hex_digits[i + 1] + hex_digits[i] for i in range(10, at, 2))
    assert swapped[digits:] in ("", "F")
    number = {"91": "+", "81": ""}[type_of_address] + swapped[:digits]
    pid, dcs = int(hex_digits[at : at + 2], 16), int(hex_digits[at + 2 : at + 4], 16)
    at += 4
    validity_octet = None
    if first_octet & 0x18:
        validity_octet = int(hex_digits[at : at + 2], 16)
        at += 2
    length, body = int(hex_digits[at : at + 2], 16), hex_digits[at + 2 :]
    header = body[: 2 * int(body[:2], 16) + 2] if first_octet & 0x40 else ""
    if dcs & 0x0C:
        assert 2 * length == len(body)
        text, spare = bytes.fromhex(body[len(header) :]).decode("utf-16-be"), ""
    else:
        bits = _bits(body)
        assert 0 <= len(bits) - 7 * length < 8
        start = -(-4 * len(header) // 7) * 7
        text = _characters(_septets(bits[start : 7 * length]))
        spare = bits[4 * len(header) : start] + bits[7 * length :]
    return Read(first_octet, number, pid, dcs, validity_octet, header, text, spare)


def _expected_header(reference: int, total: int, sequence: int) -> str:
    if reference > 255:
        return f"060804{reference:04X}{total:02X}{sequence:02X}"
    return f"050003{reference:02X}{total:02X}{sequence:02X}"


@settings(deadline=None, max_examples=300)
@given(
    to=RECIPIENTS,
    text=TEXTS,
    validity_s=st.one_of(st.none(), st.floats(0, 1e8)),
    status_report=st.booleans(),
    message_class=st.one_of(st.none(), st.integers(0, 3)),
    replace_type=st.one_of(st.none(), st.integers(1, 7)),
    reference=st.integers(0, 0xFFFF),
)
def test_a_second_decoder_reads_what_was_encoded(
    to: str,
    text: str,
    validity_s: float | None,
    status_report: bool,
    message_class: int | None,
    replace_type: int | None,
    reference: int,
) -> None:
    try:
        pdus = encode_submit(
            parse_recipient(to),
            text,
            validity_s=validity_s,
            status_report=status_report,
            message_class=message_class,
            replace_type=replace_type,
            reference=reference,
        )
    except TextTooLong:
        assert len(text) > 66 * MAX_SEGMENTS // 2
        return
    gsm = all(character in _GSM_CHARACTERS for character in text)
    read = [_read_submit(pdu.hex, told_length=pdu.tpdu_length) for pdu in pdus]
    assert "".join(segment.text for segment in read) == text
    for sequence, segment in enumerate(read, start=1):
        assert segment.number == to
        assert segment.first_octet & 0x87 == 0x01
        assert bool(segment.first_octet & 0x20) == status_report
        assert segment.pid == (0x40 + replace_type if replace_type else 0)
        assert segment.dcs == (0 if gsm else 8) | (0 if message_class is None else 0x10 | message_class)
        assert (segment.validity_octet is None) == (validity_s is None)
        assert segment.header == (_expected_header(reference, len(pdus), sequence) if len(pdus) > 1 else "")
        assert "1" not in segment.spare_bits


@settings(deadline=None, max_examples=200)
@given(to=RECIPIENTS, text=TEXTS, reference=st.integers(0, 0xFFFF))
def test_our_own_decoder_reads_what_was_encoded(to: str, text: str, reference: int) -> None:
    pdus = encode_submit(parse_recipient(to), text, validity_s=300, reference=reference, max_segments=255)
    read = [decode_submit(pdu.hex, tpdu_length=pdu.tpdu_length) for pdu in pdus]
    assert "".join(segment.text or "" for segment in read) == text
    assert {segment.recipient.text for segment in read} == {to}
    if len(read) > 1:
        assert [segment.user_data.concatenation for segment in read] == [
            Concatenation(reference, len(read), sequence) for sequence in range(1, len(read) + 1)
        ]


@settings(deadline=None, max_examples=300)
@given(TEXTS.filter(bool))
def test_segments_are_those_of_smsutil(text: str) -> None:
    theirs = smsutil.split(text)
    assert list(plan(text, max_segments=255).segments) == [part.content for part in theirs.parts]


@settings(deadline=None, max_examples=300)
@given(TEXTS, st.booleans())
def test_a_segment_is_never_cut_through_a_pair_nor_too_long(text: str, wide: bool) -> None:
    planned = plan(text, max_segments=255, wide_reference=wide)
    assert "".join(planned.segments) == text
    if len(planned.segments) == 1:
        return
    limit = (152 if wide else 153) if planned.alphabet == "gsm7" else (66 if wide else 67)
    sizes = [
        len(smsutil.encode(s)) if planned.alphabet == "gsm7" else len(s.encode("utf-16-be")) // 2
        for s in planned.segments
    ]
    assert all(limit - 1 <= size <= limit for size in sizes[:-1])
    assert 1 <= sizes[-1] <= limit
    assert sum(sizes) == planned.units


@settings(deadline=None, max_examples=200)
@given(
    text=st.text(_GSM_CHARACTERS, max_size=60),
    header=st.lists(st.tuples(st.integers(0x70, 0x7F), st.binary(max_size=5)), max_size=4),
)
def test_text_after_any_header_is_read_past_its_fill_bits(text: str, header: list[tuple[int, bytes]]) -> None:
    elements = b"".join(bytes((identifier, len(data))) + data for identifier, data in header)
    before = bytes((len(elements),)) + elements
    encoded = smsutil.encode(text) if text else b""
    bits = "".join(f"{octet:08b}"[::-1] for octet in before)
    bits += "0" * (-len(bits) % 7)
    bits += "".join(f"{septet:07b}"[::-1] for septet in encoded)
    length = len(bits) // 7
    bits += "0" * (-len(bits) % 8)
    body = bytes(int(bits[i : i + 8][::-1], 2) for i in range(0, len(bits), 8))
    tpdu = bytes.fromhex("40048121430000") + bytes.fromhex("62111102304500") + bytes((length,)) + body
    read = decode_deliver(tpdu.hex())
    assert read.text == text
    assert [(element.identifier, element.data) for element in read.user_data.elements] == header


def test_an_address_may_be_national() -> None:
    (pdu,) = encode_submit(Address.national("07700900001"), "x", validity_s=None)
    assert pdu.hex == "0021000BA17007900000F100000178"
