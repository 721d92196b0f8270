"""The virtual network's own codec against captured PDUs, the specification's examples and other people's encoders."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import gsmmodem.pdu
import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from simcourier.virtual import alphabet, codec, fields
from simcourier.virtual.fields import Alphabet, PduError

VECTORS = [
    json.loads(line) for line in (Path(__file__).parent / "data/pdu_vectors.jsonl").open(encoding="utf-8")
]
# Two captures carry octets that TP-UDL does not count, or announce a header and have none: refused here.
REFUSED = {"v313", "v317"}
# That encoder takes § out of the GSM alphabet (MODEMS.md section 5), which is its fault.
GSM_TEXT = "".join(char for char in alphabet.BASIC if char not in "\x1b§") + "^{}\\[~]|€"


def _pdu(vector: dict[str, str]) -> bytes:
    return (vector["hex"] if vector["sca"] == "present" else "00" + vector["hex"]).encode()


def _submits(*, valid: bool) -> list[dict]:  # type: ignore[type-arg]  # JSON as it comes
    return [vector for vector in VECTORS if vector.get("type") == "SUBMIT" and vector["valid"] is valid]


@pytest.mark.parametrize("vector", _submits(valid=True), ids=lambda vector: vector["id"])
def test_a_captured_submit_is_read_as_its_source_reads_it(vector: dict) -> None:  # type: ignore[type-arg]
    if vector["id"] in REFUSED:
        with pytest.raises(PduError):
            codec.decode_submit(_pdu(vector), vector["tpdu_len"], 0.0)
        return
    submit = codec.decode_submit(_pdu(vector), vector["tpdu_len"], 0.0)
    told = vector["decoded"]
    assert (submit.to, submit.text, submit.pid, submit.dcs) == (
        told["number"],
        told["text"],
        told["pid"],
        told["dcs"],
    )
    assert (submit.alphabet, submit.udl, submit.srr) == (told["alphabet"], told["udl"], told["srr"])
    assert submit.smsc == (told.get("sca") or "")
    if "concat" in told:
        concat = told["concat"]
        assert (submit.ref, submit.parts, submit.part) == (concat["ref"], concat["total"], concat["seq"])
    if "vp_abs" in told:
        assert submit.vp_s == datetime.fromisoformat(told["vp_abs"]).timestamp()
    else:
        assert submit.vp_s == told.get("vp_seconds")


@pytest.mark.parametrize("vector", _submits(valid=False), ids=lambda vector: vector["id"])
def test_a_malformed_submit_is_refused(vector: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(PduError):
        codec.decode_submit(_pdu(vector), vector["tpdu_len"], 0.0)


@pytest.mark.parametrize(
    ("tpdu", "told"),
    [
        ("00000C91447700091032000000", "TP-MTI 0"),
        ("41000C9144770009103200040205AA", "header is longer"),
        ("19000C9144770009103200006230", "TP-VP ends"),
        ("11000C914477000910320000", "ends too soon"),
        ("01000C9144770009103200048D" + "00" * 141, "does not fit"),
    ],
)
def test_a_damaged_submit_is_refused_with_its_reason(tpdu: str, told: str) -> None:
    with pytest.raises(PduError, match=told):
        codec.decode_submit(b"00" + tpdu.encode(), len(tpdu) // 2, 0.0)


def test_a_length_that_does_not_fit_is_refused() -> None:
    with pytest.raises(PduError, match="12 announced"):
        codec.decode_submit(b"0001000B911326880736F40000A90100", 12, 0.0)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_octets_are_read_or_refused(octets: bytes, length: int) -> None:
    try:
        codec.decode_submit(octets.hex().encode(), length, 0.0)
    except PduError:
        return
    assert len(octets) > length


@given(st.text(alphabet=GSM_TEXT, min_size=1, max_size=300))
def test_what_another_encoder_writes_in_gsm7_is_read_back(text: str) -> None:
    pdus = gsmmodem.pdu.encodeSmsSubmitPdu("+447700900123", text, reference=7, requestStatusReport=True)
    parts = [codec.decode_submit(str(pdu).encode(), pdu.tpduLength, 0.0) for pdu in pdus]
    assert "".join(part.text for part in parts) == text
    assert {part.alphabet for part in parts} == {Alphabet.GSM7}
    assert all(part.srr and part.to == "+447700900123" for part in parts)
    if len(parts) > 1:
        assert [part.part for part in parts] == list(range(1, len(parts) + 1))
        assert {(part.ref, part.parts) for part in parts} == {(7, len(parts))}


@given(
    st.text(alphabet=st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), min_size=1, max_size=150)
)
def test_what_another_encoder_writes_in_ucs2_is_read_back(text: str) -> None:
    text = "ж" + text
    pdus = gsmmodem.pdu.encodeSmsSubmitPdu("07700900123", text, requestStatusReport=False)
    parts = [codec.decode_submit(str(pdu).encode(), pdu.tpduLength, 0.0) for pdu in pdus]
    assert "".join(part.text for part in parts) == text
    assert {part.alphabet for part in parts} == {Alphabet.UCS2}
    assert not any(part.srr for part in parts)


@given(st.integers(0, 330), st.lists(st.integers(0, 329), max_size=12))
def test_a_delivered_text_splits_like_another_splitter_does(size: int, euros: list[int]) -> None:
    text = "".join("€" if place in euros else "x" for place in range(size))
    parts = codec.encode_delivers("+447700900123", text, 0, 9)
    assert [part.text for part in parts] == [part.content for part in smsutil.split(text).parts]


@given(st.integers(0, 210), st.lists(st.integers(0, 209), max_size=12))
def test_a_surrogate_pair_is_never_split(size: int, faces: list[int]) -> None:
    text = "ж" + "".join("😀" if place in faces else "x" for place in range(size))
    parts = codec.encode_delivers("+447700900123", text, 1_700_000_000, 9)
    assert "".join(part.text for part in parts) == text
    for part in parts:
        assert part.udl == len(part.ud) <= 140
        header = 6 if len(parts) > 1 else 0
        assert part.ud[header:].decode("utf-16-be") == part.text


@given(st.text(alphabet=GSM_TEXT, min_size=1, max_size=160))
def test_a_delivered_gsm7_text_is_read_by_gsmmodem(text: str) -> None:
    text += "."  # That decoder drops an @ at the end.
    (first, *_) = codec.encode_delivers("+447700900123", text, 1_700_000_000, 9)
    pdu = (fields.encode_service_centre("+15550109999") + first.tpdu()).hex().upper()
    told = gsmmodem.pdu.decodeSmsPdu(pdu)
    assert told["type"] == "SMS-DELIVER"
    assert told["number"] == "+447700900123"
    assert told["smsc"] == "+15550109999"
    assert told["time"].timestamp() == 1_700_000_000
    if first.text == text:
        assert told["text"] == text


def test_a_status_report_has_the_octets_of_the_specification() -> None:
    sent = int(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC).timestamp())
    address = fields.encode_address("+447700900123")
    report = codec.StatusReport(0x40, "+447700900123", address, sent, sent + 9, 0x46)
    assert report.tpdu().hex().upper() == "06400C91447700091032623040506070006230405060610046"


def test_a_status_report_is_read_by_gsmmodem() -> None:
    report = codec.StatusReport(
        200, "+447700900123", fields.encode_address("+447700900123"), 1_700_000_000, 1_700_000_060, 0
    )
    told = gsmmodem.pdu.decodeSmsPdu((b"\0" + report.tpdu()).hex())
    assert (told["type"], told["reference"], told["number"], told["status"]) == (
        "SMS-STATUS-REPORT",
        200,
        "+447700900123",
        0,
    )
    assert (told["time"].timestamp(), told["discharge"].timestamp()) == (1_700_000_000, 1_700_000_060)


@pytest.mark.parametrize(
    ("octet", "seconds"),
    [(0, 300), (11, 3600), (143, 43200), (144, 45000), (167, 86400), (168, 172800), (196, 2592000), (197, 3024000),
     (255, 38102400)],
)  # fmt: skip
def test_a_relative_validity_counts_minutes_hours_days_and_weeks(octet: int, seconds: int) -> None:
    pdu = b"00" + bytes.fromhex("1100" + "0C91447700091032" + "0000").hex().encode() + b"%02X00" % octet
    assert codec.decode_submit(pdu, 14, 0.0).vp_s == seconds


@pytest.mark.parametrize(
    ("field", "seconds"),
    [("01A70000000000", 86400), ("02780000000000", 120), ("03213000000000", 43380), ("00000000000000", None)],
)
def test_an_enhanced_validity_is_read(field: str, seconds: int | None) -> None:
    pdu = ("00" + "0900" + "0C91447700091032" + "0000" + field + "00").encode()
    assert codec.decode_submit(pdu, 20, 0.0).vp_s == seconds


@pytest.mark.parametrize(
    ("field", "number"),
    [("0C91447700091032", "+447700900123"), ("05812143F5", "12345"), ("03A121F3", "123"), ("04811AB2", "*12#"),
     ("14D0C4F23C7D760390EF7619", "Design@Home")],
)  # fmt: skip
def test_an_address_is_read_by_its_type(field: str, number: str) -> None:
    assert fields.decode_address(bytes.fromhex(field)) == number


@pytest.mark.parametrize("number", ["+447700900123", "12345", "80*#", "Bank", "A longer 11"])
def test_an_address_is_written_and_read(number: str) -> None:
    assert fields.decode_address(fields.encode_address(number)) == number


@pytest.mark.parametrize("field", ["", "0C", "0C9144770009", "0C9144770009103200"])
def test_a_cut_or_overlong_address_is_refused(field: str) -> None:
    with pytest.raises(PduError):
        fields.decode_address(bytes.fromhex(field))


@pytest.mark.parametrize("name", ["Twelve chars", "Банк"])
def test_a_name_too_long_or_not_in_the_alphabet_is_refused(name: str) -> None:
    with pytest.raises(PduError):
        fields.encode_address(name)


@pytest.mark.parametrize(
    ("dcs", "kind"),
    [(0x00, "gsm7"), (0x04, "8bit"), (0x08, "ucs2"), (0x0C, "gsm7"), (0x11, "gsm7"), (0x18, "ucs2"), (0x20, "8bit"),
     (0x48, "ucs2"), (0xC0, "gsm7"), (0xD8, "gsm7"), (0xE0, "ucs2"), (0xF0, "gsm7"), (0xF5, "8bit"), (0x80, "gsm7")],
)  # fmt: skip
def test_each_coding_group_has_its_alphabet(dcs: int, kind: str) -> None:
    assert fields.alphabet_of(dcs) == kind


def test_octets_are_shown_in_hexadecimal() -> None:
    pdu = ("00" + "0100" + "0C91447700091032" + "00" + "F5" + "03" + "00FF41").encode()
    assert codec.decode_submit(pdu, 16, 0.0).text == "00ff41"


@pytest.mark.parametrize("zone", ["04", "0C"])
def test_the_zone_of_an_absolute_validity_counts_quarters_of_an_hour(zone: str) -> None:
    written = fields.decode_timestamp(bytes.fromhex("623040506070" + zone))
    plain = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC).timestamp()
    assert written - plain == {"04": -40 * 900, "0C": 40 * 900}[zone]


def test_a_time_that_does_not_exist_is_refused() -> None:
    with pytest.raises(PduError):
        fields.decode_timestamp(bytes.fromhex("62FF4050607000"))


def test_a_lone_escape_is_a_space_and_an_unknown_pair_shows_its_second_half() -> None:
    assert alphabet.decode(b"\x1b\x41A\x1b") == "AA "
