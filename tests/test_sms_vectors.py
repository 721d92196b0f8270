"""Every PDU of `data/pdu_vectors.jsonl` decodes as its source or Wireshark says, however it is framed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from simcourier.sms import gsm7
from simcourier.sms.address_field import take_address, take_service_centre
from simcourier.sms.deliver import Deliver
from simcourier.sms.errors import PduError
from simcourier.sms.octets import Octets, octets_of
from simcourier.sms.report import StatusReport
from simcourier.sms.status import ReportOutcome, meaning, outcome
from simcourier.sms.submit import Submit, encode_submit
from simcourier.sms.timestamp import decode_timestamp
from simcourier.sms.tpdu import decode_incoming, decode_submit
from simcourier.sms.user_data import UserData, concatenation, read_elements
from simcourier.sms.validity import decode_validity, encode_validity

Vector = dict[str, Any]

_FILE = Path(__file__).parent / "data" / "pdu_vectors.jsonl"
_VECTORS: list[Vector] = [json.loads(line) for line in _FILE.read_text(encoding="utf-8").splitlines()][1:]
_CLASSES = {
    "completed": {ReportOutcome.DELIVERED, ReportOutcome.FORWARDED, ReportOutcome.REPLACED},
    "temporary, SC still trying": {ReportOutcome.TRYING},
    "permanent error, SC makes no more attempts (final failure)": {ReportOutcome.PERMANENT},
    "temporary error, SC makes no more attempts (final failure)": {ReportOutcome.GAVE_UP},
}
_SECONDS = {"minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}


def _of_kind(*kinds: str, types: tuple[str, ...] = ()) -> pytest.MarkDecorator:
    chosen = [row for row in _VECTORS if row["kind"] in kinds and (not types or row["type"] in types)]
    assert chosen
    return pytest.mark.parametrize("vector", [pytest.param(row, id=row["id"]) for row in chosen])


def _decode(
    vector: Vector, hex_digits: str, tpdu_length: int | None = None
) -> Deliver | StatusReport | Submit:
    if vector["type"] == "SUBMIT":
        return decode_submit(hex_digits, tpdu_length=tpdu_length)
    return decode_incoming(hex_digits, tpdu_length=tpdu_length)


def _common(tpdu: Deliver | StatusReport | Submit, data: UserData | None) -> Vector:
    centre = tpdu.service_centre
    seen: Vector = {"sca": centre.text if centre else None, "first_octet": f"{tpdu.first_octet:02X}"}
    if centre:
        seen["sca_toa"] = f"{centre.type_of_address:02X}"
    if data is None:
        return seen
    place, ports = data.concatenation, data.ports
    seen |= {"udl": data.length, "alphabet": str(data.coding.coding), "class": data.coding.message_class}
    seen["text"] = data.text
    seen["data_hex"] = data.octets.hex().upper()
    seen["udh_hex"] = data.header.hex().upper()
    seen["concat"] = {"ref": place.reference, "total": place.total, "seq": place.sequence} if place else False
    if ports:
        seen |= {"dest_port": ports.destination, "orig_port": ports.originator}
    return seen


def _seen_deliver(tpdu: Deliver) -> Vector:
    return _common(tpdu, tpdu.user_data) | {
        "number": tpdu.sender.text,
        "toa": f"{tpdu.sender.type_of_address:02X}",
        "ton": tpdu.sender.type_of_number.name.lower(),
        "mms": not tpdu.more_messages,
        "pid": tpdu.tp_pid,
        "dcs": tpdu.tp_dcs,
        "scts": tpdu.service_centre_at.isoformat() if tpdu.service_centre_at else None,
    }


def _seen_submit(tpdu: Submit) -> Vector:
    seen = _common(tpdu, tpdu.user_data) | {
        "number": tpdu.recipient.text,
        "toa": f"{tpdu.recipient.type_of_address:02X}",
        "rd": tpdu.reject_duplicates,
        "srr": tpdu.status_report,
        "mr": tpdu.tp_mr,
        "pid": tpdu.tp_pid,
        "dcs": tpdu.tp_dcs,
        "vp_seconds": tpdu.validity_s,
        "vp_abs": tpdu.valid_until.isoformat() if tpdu.valid_until else None,
    }
    if tpdu.validity_s is not None:
        seen |= {"vp_minutes": tpdu.validity_s // 60, "vp_raw": encode_validity(tpdu.validity_s)}
    return seen


def _seen_report(tpdu: StatusReport) -> Vector:
    parameters = tpdu.parameters
    seen = _common(tpdu, parameters.user_data if parameters else None) | {
        "number": tpdu.recipient,
        "mms": bool(tpdu.first_octet & 0x04),
        "toa": f"{tpdu.recipient_type_of_address:02X}",
        "mr": tpdu.tp_mr,
        "scts": tpdu.service_centre_at.isoformat() if tpdu.service_centre_at else None,
        "dt": tpdu.discharged_at.isoformat() if tpdu.discharged_at else None,
        "st": tpdu.tp_st,
        "delivered": tpdu.outcome is ReportOutcome.DELIVERED,
    }
    if parameters:
        seen |= {"pi": parameters.tp_pi, "pid": parameters.tp_pid, "dcs": parameters.tp_dcs}
    return seen


def _seen(tpdu: Deliver | StatusReport | Submit) -> Vector:
    match tpdu:
        case Deliver():
            return _seen_deliver(tpdu)
        case Submit():
            return _seen_submit(tpdu)
        case StatusReport():
            return _seen_report(tpdu)


def _told_validity(words: str | None, seen: Vector) -> None:
    if words is None:
        assert (seen["vp_seconds"], seen["vp_abs"]) == (None, None)
    elif words.startswith("abs "):
        assert seen["vp_abs"] == words[4:]
    else:
        unit, _, count = words.partition("=")
        assert seen["vp_seconds"] == int(count) * _SECONDS[unit]


def _assert_expected(key: str, wanted: Any, seen: Vector, vector: Vector) -> None:
    match key:
        case "vp":
            _told_validity(wanted, seen)
        case "text_prefix":
            assert seen["text"].startswith(wanted)
        case "text" if seen["alphabet"] == "8bit":
            assert bytes.fromhex(seen["data_hex"]).decode("ascii") == wanted
        case "concat" if wanted is True:
            assert seen["concat"]
        case "first_octet":
            assert int(seen["first_octet"], 16) == wanted
        case "udhl":
            assert int(seen["udh_hex"][:2], 16) == wanted
        case "tpdu_len":
            assert wanted == vector["tpdu_len"]
        case "ud_octets":
            assert (7 * seen["udl"] + 7) // 8 == wanted
        case _:
            assert seen[key] == wanted


# Bits of the first octet, which is compared whole; and notes on the capture rather than on its meaning
_NOT_SEEN = {"sri", "udhi", "rp", "srq", "vpf", "ud_extra_octets", "ud_truncated"}


@_of_kind("pdu", types=("SUBMIT", "DELIVER", "STATUS-REPORT"))
def test_a_pdu_decodes_as_its_source_and_wireshark_say(vector: Vector) -> None:
    try:
        seen = _seen(_decode(vector, vector["hex"]))
    except PduError:
        assert not vector["valid"]
        return
    for key, wanted in vector.get("expect", {}).items():
        _assert_expected(key, wanted, seen, vector)
    for key, wanted in vector["decoded"].items():
        if key not in _NOT_SEEN:
            assert (key, seen[key]) == (key, wanted)


@_of_kind("pdu", types=("SUBMIT", "DELIVER", "STATUS-REPORT"))
def test_case_padding_quotes_and_a_lying_length_change_nothing(vector: Vector) -> None:
    digits = vector["hex"]
    try:
        plain = _decode(vector, digits)
    except PduError:
        return
    for told in (vector["tpdu_len"], vector["tpdu_len"] + 1, len(digits) // 2, len(digits), 0):
        assert _decode(vector, digits, told) == plain
    assert _decode(vector, digits.lower()) == plain
    assert _decode(vector, f' {digits}"\r\n') == plain
    assert _decode(vector, digits + "FF" * (176 - len(digits) // 2)) == plain


@_of_kind("pdu", types=("SUBMIT", "DELIVER", "STATUS-REPORT"))
def test_the_service_centre_field_may_be_missing(vector: Vector) -> None:
    try:
        framed = _decode(vector, vector["hex"])
    except PduError:
        return
    bare = _decode(vector, vector["hex"][-2 * vector["tpdu_len"] :])
    assert bare.service_centre is None
    assert replace(bare, service_centre=framed.service_centre) == framed


@_of_kind("pdu", types=("INVALID",))
def test_a_malformed_pdu_is_refused_in_either_direction(vector: Vector) -> None:
    with pytest.raises(PduError):
        decode_incoming(vector["hex"])
    with pytest.raises(PduError):
        decode_submit(vector["hex"])


def _encoder_can_make(vector: Vector) -> bool:
    """One segment as our encoder would write it: same alphabet, TP-MR 0, no header, no odd options."""
    decoded = vector["decoded"]
    ours = decoded["vpf"] in (0, 2) and not (decoded["udhi"] or decoded["rp"] or decoded["rd"])
    plain = decoded["mr"] == 0 and decoded["pid"] == 0 and decoded["dcs"] in (0, 8, 0x10, 0x11, 0x12, 0x13)
    odd = {"ud_extra_octets", "ud_truncated"} & set(decoded) or "wireshark_differs" in vector
    best = gsm7.covers(decoded["text"]) == (decoded["alphabet"] == "gsm7")
    return bool(vector["valid"] and ours and plain and best and not odd)


_OURS = [row for row in _VECTORS if row["type"] == "SUBMIT" and _encoder_can_make(row)]


@pytest.mark.parametrize("vector", [pytest.param(row, id=row["id"]) for row in _OURS])
def test_the_encoder_writes_the_same_octets(vector: Vector) -> None:
    read = decode_submit(vector["hex"])
    dcs = vector["decoded"]["dcs"]
    (written,) = encode_submit(
        read.recipient,
        read.text or "",
        validity_s=read.validity_s,
        status_report=read.status_report,
        message_class=dcs & 0x03 if dcs & 0x10 else None,
    )
    assert written.hex == "00" + vector["hex"][-2 * vector["tpdu_len"] :]
    assert written.tpdu_length == vector["tpdu_len"]


def test_a_good_part_of_the_vectors_is_written_again() -> None:
    assert len(_OURS) >= 50


@_of_kind("address")
def test_an_address_field(vector: Vector) -> None:
    octets = Octets(octets_of(vector["hex"]))
    if not vector["valid"]:
        with pytest.raises(PduError):
            take_address(octets, "TP-OA", check_filler=True)
        return
    in_octets = vector["expect"]["field"].startswith("SCA")
    address = take_service_centre(octets) if in_octets else take_address(octets, "TP-OA", check_filler=True)
    assert address is not None
    assert address.text == vector["expect"]["number"]
    assert address.type_of_number.name.lower() == vector["expect"].get(
        "ton", address.type_of_number.name.lower()
    )
    assert octets.rest() == b""


@_of_kind("vp")
def test_a_relative_validity_period(vector: Vector) -> None:
    count, unit = vector["expect"]["vp"].split()
    seconds = int(count) * _SECONDS[unit]
    octet = int(vector["hex"], 16)
    assert decode_validity(octet) == seconds
    assert encode_validity(seconds) == octet


@_of_kind("scts")
def test_a_time_stamp(vector: Vector) -> None:
    octets = bytes.fromhex(vector["hex"])
    if not vector["valid"]:
        with pytest.raises(PduError):
            decode_timestamp(octets)
        return
    told = decode_timestamp(octets, nineties_from=70)
    assert told.isoformat() == vector["expect"]["scts"]
    assert told.utcoffset() == datetime.fromisoformat(vector["expect"]["scts"]).utcoffset()


@_of_kind("udh_ie")
def test_a_concatenation_element(vector: Vector) -> None:
    octets = bytes.fromhex(vector["hex"])
    place = concatenation(read_elements(octets))
    assert place is not None
    seen = {"ref": place.reference, "total": place.total, "seq": place.sequence}
    assert seen == vector["expect"]["concat"]
    assert (octets[0] == 0x08) == (vector["expect"].get("ref_bits") == 16)


@_of_kind("gsm7")
def test_packed_septets(vector: Vector) -> None:
    packed = bytes.fromhex(vector["hex"])
    text = vector["expect"]["text"]
    septets = gsm7.encode(text)
    assert gsm7.decode(gsm7.unpack_uncounted(packed)) == text
    assert gsm7.unpack(packed, vector["expect"].get("septets", len(septets))) == septets
    assert gsm7.pack(septets) == packed


@_of_kind("tp_st")
def test_a_status(vector: Vector) -> None:
    tp_st = int(vector["hex"], 16)
    assert meaning(tp_st) == vector["expect"]["meaning"]
    assert outcome(tp_st) in _CLASSES[vector["expect"]["class"]]
