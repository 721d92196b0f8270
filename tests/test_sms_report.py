"""SMS-STATUS-REPORT: whole, short, padded, damaged."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from simcourier.sms.errors import PduError
from simcourier.sms.report import StatusReport, decode_status_report
from simcourier.sms.status import ReportOutcome
from simcourier.sms.timestamp import decode_timestamp
from simcourier.sms.tpdu import decode_incoming

HEAD = "0006400C91447700090010"
SCTS = "62111102304500"
DT = "62111102305500"


def test_a_report_of_a_sim800l() -> None:
    # MODEMS.md section 4, dialogue 1, with fictional numbers
    read = decode_incoming(f"07914477000900F0{HEAD[2:]}511109071838425111090718325200", tpdu_length=25)
    assert isinstance(read, StatusReport)
    assert (read.tp_mr, read.recipient, read.tp_st) == (0x40, "+447700900001", 0x00)
    assert read.outcome is ReportOutcome.DELIVERED
    assert read.service_centre is not None
    assert read.service_centre.text == "+44770090000"


def test_both_times_are_read() -> None:
    read = decode_status_report(f"{HEAD}{SCTS}{DT}00")
    assert read.service_centre_at == datetime(2026, 11, 11, 20, 3, 54, tzinfo=UTC)
    assert read.discharged_at == datetime(2026, 11, 11, 20, 3, 55, tzinfo=UTC)


@pytest.mark.parametrize("time", ["00000000000000", "FFFFFFFFFFFFFF"])
def test_a_time_left_empty_is_none(time: str) -> None:
    read = decode_status_report(f"{HEAD}{SCTS}{time}41")
    assert read.discharged_at is None
    assert read.service_centre_at is not None
    assert read.outcome is ReportOutcome.PERMANENT


def test_an_empty_recipient_is_an_empty_text() -> None:
    assert decode_status_report(f"0006400081{SCTS}{DT}00").recipient == ""


@pytest.mark.parametrize(
    ("end", "tp_pi"),
    [
        ("", None),
        ("FFFFFF", None),  # padding
        ("00", 0x00),
        ("0100", 0x01),
        ("0389", None),  # TP-DCS announced and missing
        ("038904", 0x03),
        ("8100" + "89", 0x81),  # an extension octet
        ("0178", 0x01),
    ],
)
def test_optional_parameters_may_follow(end: str, tp_pi: int | None) -> None:
    read = decode_status_report(f"{HEAD}{SCTS}{DT}00{end}")
    assert (read.parameters.tp_pi if read.parameters else None) == tp_pi
    assert read.tp_mr == 0x40


def test_optional_user_data_is_read() -> None:
    read = decode_status_report(f"{HEAD}{SCTS}{DT}0007000406414243444546")
    assert read.parameters is not None
    assert read.parameters.tp_pid == 0
    assert read.parameters.user_data is not None
    assert read.parameters.user_data.octets == b"ABCDEF"


def test_optional_user_data_may_have_a_header() -> None:
    read = decode_status_report(f"0046{HEAD[4:]}{SCTS}{DT}000604050270004142")
    assert read.parameters is not None
    assert read.parameters.user_data is not None
    assert read.parameters.user_data.header == b"\x02\x70\x00"
    assert read.parameters.user_data.octets == b"AB"


def test_a_report_shows_its_recipient_masked() -> None:
    read = decode_status_report(f"{HEAD}{SCTS}{DT}00")
    assert repr(read) == (
        "StatusReport(tp_mr=64, recipient='+44•••••0001', tp_st=0x00, "
        "service_centre_at=2026-11-11 20:03:54+00:00, discharged_at=2026-11-11 20:03:55+00:00)"
    )


@pytest.mark.parametrize("cut", range(2, 50, 2))
def test_a_report_cut_anywhere_is_refused(cut: int) -> None:
    whole = f"{HEAD}{SCTS}{DT}00"
    with pytest.raises(PduError):
        decode_status_report(whole[:-cut])


def test_a_message_is_no_report() -> None:
    with pytest.raises(PduError, match="SMS-STATUS-REPORT"):
        decode_status_report(f"0004048121430000{SCTS}0178")


@pytest.mark.parametrize("octets", ["", "62111102304", "6211110230450000"])
def test_a_time_has_seven_octets(octets: str) -> None:
    with pytest.raises(PduError):
        decode_timestamp(bytes.fromhex(octets if len(octets) % 2 == 0 else octets + "0"))


@pytest.mark.parametrize(
    "octets", ["62311102304500", "62111142304500", "A2111102304500", "2A111102304500", "621111023045A0"]
)
def test_a_time_no_calendar_has_is_refused(octets: str) -> None:
    with pytest.raises(PduError):
        decode_timestamp(bytes.fromhex(octets))


def test_a_time_zone_may_be_west() -> None:
    assert decode_timestamp(bytes.fromhex("6211110230450A")).isoformat() == "2026-11-11T20:03:54-05:00"
