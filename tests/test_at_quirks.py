"""Which quirks a modem has by what it says of itself, and what they say of it (MODEMS.md sections 1 and 2)."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.at.quirks import UNKNOWN, Quirks, identify, makes

EVERY = [value for value in vars(makes).values() if isinstance(value, Quirks)]


@pytest.mark.parametrize(
    ("manufacturer", "model", "revision", "name"),
    [
        ("huawei", "E3372", "21.200.07.00.00", "huawei"),
        ("huawei", "K3715", "11.104.05.00.00", "huawei"),
        ("HUAWEI TECHNOLOGIES", "MU609", "", "huawei"),
        ("Brovi", "E3372-325", "", "huawei"),
        ("ZTE INCORPORATED", "K3565-Z", "BD_P673A2V1.0.0B09", "zte"),
        ("ZTE CORPORATION", "MF626", "", "zte"),
        ("Quectel", "EC25", "EC25EFAR06A06M4G", "quectel"),
        ("Quectel_Ltd", "Quectel_M95", "M95FAR02A08", "quectel"),
        ("SIMCOM_Ltd", "SIMCOM_SIM800L", "1418B05SIM800L24", "simcom-2g"),
        ("SIMCOM_Ltd", "SIMCOM_SIM900", "1137B02SIM900M64_ST_ENHANCE", "simcom-2g"),
        ("SIMCOM INCORPORATED", "SIMCOM_SIM7600E-H", "LE20B03SIM7600M22", "simcom-lte"),
        ("INCORPORATED", "A7670E-FASE", "A124B02A7670M7_F", "simcom-lte"),
        ("", "SIM7670G", "", "simcom-lte"),
        ("SIMCOM INCORPORATED", "SIMCOM_SIM5320E", "", "simcom-lte"),
        ("Telit", "LE910C4-EU", "25.20.004", "telit"),
        ("Sierra Wireless, Incorporated", "MC7455", "SWI9X30C_02.24", "sierra"),
        ("u-blox", "SARA-R410M-02B", "", "u-blox"),
        ("Cinterion", "PLS8-E", "", "cinterion"),
        ("SIEMENS", "TC35i", "", "cinterion"),
        ("Gemalto", "ELS61-E", "", "cinterion"),
        (" WAVECOM MODEM", " MULTIBAND  900E  1800", "", "wavecom"),
        ("Sierra Wireless", "MULTIBAND  900E  1800", "", "wavecom"),
        ("Nokia", "Nokia N79", "", "nokia"),
        ("Nokia", "CS-10", "", "unknown"),
        ("QUALCOMM INCORPORATED", "M6280", "M6280_V1.0.0", "qualcomm"),
        ("QUALCOMM INCORPORATED", "SIM7600E", "", "simcom-lte"),
        ("Novatel Wireless Incorporated", "MC950D", "", "qualcomm"),
        ("Pretend Ltd", "Pretend 1", "1.0", "unknown"),
        ("", "", "", "unknown"),
    ],
)
def test_a_make_is_known_by_what_it_says(manufacturer: str, model: str, revision: str, name: str) -> None:
    assert identify(manufacturer, model, revision).name == name


@given(st.text(), st.text(), st.text())
def test_whatever_a_modem_says_of_itself_gives_quirks(manufacturer: str, model: str, revision: str) -> None:
    assert identify(manufacturer, model, revision) in [*EVERY, UNKNOWN]


def test_every_make_of_the_issue_is_known() -> None:
    assert {quirks.name for quirks in EVERY} == {
        "huawei",
        "zte",
        "quectel",
        "simcom-2g",
        "simcom-lte",
        "telit",
        "sierra",
        "u-blox",
        "cinterion",
        "wavecom",
        "nokia",
        "qualcomm",
    }


def test_no_two_makes_are_described_alike() -> None:
    assert len({dataclasses.astuple(quirks) for quirks in EVERY}) == len(EVERY)


@pytest.mark.parametrize("quirks", EVERY, ids=lambda quirks: quirks.name)
def test_no_make_is_told_anything_that_could_end_a_line_or_that_it_must_not_hear(quirks: Quirks) -> None:
    told = [
        *quirks.hush,
        *quirks.hush_usb,
        quirks.pin_tries[0],
        quirks.reset,
        *(text for text, _ in quirks.iccid),
    ]
    for text in filter(None, told):
        assert text.startswith("AT")
        assert text.isprintable()
        assert text not in quirks.never
    assert set(quirks.routes) <= {1, 2}
    assert set(quirks.modes) <= {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("quirks", "line", "says"),
    [
        (UNKNOWN, "RDY", True),
        (UNKNOWN, "+CPIN: NOT READY", True),
        (UNKNOWN, "*ATREADY: 1", True),
        (UNKNOWN, "+AT: READY", True),
        (UNKNOWN, "^SYSSTART", True),
        (UNKNOWN, "SMS Ready", True),
        (UNKNOWN, "^RSSI: 3", False),
        (UNKNOWN, "+WIND: 3", False),
        (UNKNOWN, "", False),
        (makes.HUAWEI, "^BOOT:45323104,0,0,0,6", False),  # an E1752 says it every few seconds
        (makes.HUAWEI, "^SIMST: 255", True),
        (makes.WAVECOM, "+WIND: 3", True),
        (makes.WAVECOM, "+WIND: 5,1", False),
        (makes.QUECTEL, "+QIND: SMS DONE", True),
        (makes.QUECTEL, '+QIND: "csq",20,99', False),
        (makes.U_BLOX, "+PBREADY", True),
        (makes.TELIT, "#QSS: 0", True),
        (makes.CINTERION, "^SHUTDOWN", True),
        (makes.SIMCOM_2G, "Call Ready", True),
    ],
)
def test_a_line_says_that_a_modem_started_anew_or_does_not(quirks: Quirks, line: str, says: bool) -> None:
    assert quirks.says_restart(line) is says
