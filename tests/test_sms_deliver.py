"""SMS-DELIVER: data coding, headers, framing."""

from __future__ import annotations

import pytest

from simcourier.sms.coding import Coding, DataCoding, decode_data_coding
from simcourier.sms.deliver import Deliver, decode_deliver
from simcourier.sms.errors import PduError
from simcourier.sms.report import StatusReport
from simcourier.sms.tpdu import decode_incoming
from simcourier.sms.user_data import Concatenation, InformationElement, Ports

SCTS = "62111102304500"


def _deliver(dcs: int, length: int, body: str, *, first_octet: int = 0x04, scts: str = SCTS) -> Deliver:
    return decode_deliver(f"00{first_octet:02X}048121430000"[:-2] + f"{dcs:02X}{scts}{length:02X}{body}")


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (range(0x00, 0x04), DataCoding(Coding.GSM7)),
        (range(0x04, 0x08), DataCoding(Coding.OCTETS)),
        (range(0x08, 0x0C), DataCoding(Coding.UCS2)),
        (range(0x0C, 0x10), DataCoding(Coding.GSM7)),  # reserved
        ([0x10], DataCoding(Coding.GSM7, 0)),
        ([0x15], DataCoding(Coding.OCTETS, 1)),
        ([0x1A], DataCoding(Coding.UCS2, 2)),
        ([0x1F], DataCoding(Coding.GSM7, 3)),
        ([0x20], DataCoding(Coding.GSM7, compressed=True)),
        ([0x39], DataCoding(Coding.UCS2, 1, compressed=True)),
        ([0x40], DataCoding(Coding.GSM7, automatic_deletion=True)),
        ([0x48], DataCoding(Coding.UCS2, automatic_deletion=True)),
        ([0x56], DataCoding(Coding.OCTETS, 2, automatic_deletion=True)),
        ([0x68], DataCoding(Coding.UCS2, compressed=True, automatic_deletion=True)),
        (range(0x80, 0xE0), DataCoding(Coding.GSM7)),  # reserved; message waiting
        (range(0xE0, 0xF0), DataCoding(Coding.UCS2)),  # message waiting
        ([0xF0, 0xF8], DataCoding(Coding.GSM7, 0)),
        ([0xF3], DataCoding(Coding.GSM7, 3)),
        ([0xF4], DataCoding(Coding.OCTETS, 0)),
        ([0xF7, 0xFF], DataCoding(Coding.OCTETS, 3)),
    ],
)
def test_each_data_coding_group_is_known(octets: list[int] | range, expected: DataCoding) -> None:
    for tp_dcs in octets:
        assert decode_data_coding(tp_dcs) == expected


@pytest.mark.parametrize("dcs", [0x00, 0x11, 0x40, 0x8F, 0xC8, 0xD0, 0xF1])
def test_a_gsm7_text_is_read_in_each_group(dcs: int) -> None:
    assert _deliver(dcs, 6, "31D98C56B301").text == "123456"


@pytest.mark.parametrize("dcs", [0x08, 0x18, 0x48, 0x59, 0xE0])
def test_a_ucs2_text_is_read_in_each_group(dcs: int) -> None:
    assert _deliver(dcs, 6, "0436D83DDE00").text == "ж\N{GRINNING FACE}"


@pytest.mark.parametrize("dcs", [0x04, 0x15, 0x44, 0xF5, 0x20, 0x28])
def test_data_and_compressed_text_stay_octets(dcs: int) -> None:
    read = _deliver(dcs, 3, "00FF41")
    assert read.text is None
    assert read.user_data.octets == b"\x00\xff\x41"


def test_a_last_commercial_at_is_kept() -> None:
    assert _deliver(0, 8, "61F1985C369F01").text == "abcdefg@"


def test_half_a_surrogate_pair_and_an_odd_octet_do_no_harm() -> None:
    assert _deliver(8, 4, "0436D83D").text == "ж\N{REPLACEMENT CHARACTER}"
    assert _deliver(8, 3, "043600").text == "ж"
    assert _deliver(8, 4, "0436D83D").user_data.octets == b"\x04\x36\xd8\x3d"


@pytest.mark.parametrize(
    ("elements", "place"),
    [
        ("0003190201", Concatenation(0x19, 2, 1)),
        ("080412340302", Concatenation(0x1234, 3, 2)),
        ("0003190201" + "080412340302", Concatenation(0x1234, 3, 2)),  # the last one counts
        ("080412340302" + "0003190004", Concatenation(0x1234, 3, 2)),  # one that makes no sense doesn't
        ("0003190200", None),
        ("0003190203", None),
        ("0003190001", None),
        ("00021902", None),
        ("0803123402", None),
        ("0003190201" + "7005", None),  # cut short: the header counts for nothing
        ("0003190201" + "70", None),
    ],
)
def test_a_place_in_a_message_is_read_where_it_makes_sense(
    elements: str, place: Concatenation | None
) -> None:
    header = f"{len(elements) // 2:02X}{elements}"
    read = _deliver(4, len(header) // 2 + 1, header + "78", first_octet=0x44)
    assert read.concatenation == place
    assert read.user_data.octets == b"x"


@pytest.mark.parametrize(
    ("elements", "ports"),
    [
        ("050415B3FDE8", Ports(5555, 65000)),
        ("0402F0F1", Ports(0xF0, 0xF1)),
        ("0402F0F1" + "050400010002", Ports(1, 2)),
        ("050315B3FD", None),
        ("0003190201", None),
    ],
)
def test_application_ports_are_read(elements: str, ports: Ports | None) -> None:
    header = f"{len(elements) // 2:02X}{elements}"
    assert _deliver(4, len(header) // 2, header, first_octet=0x44).user_data.ports == ports


def test_unknown_elements_are_kept() -> None:
    read = _deliver(4, 4, "03700199", first_octet=0x44)
    assert read.user_data.elements == (InformationElement(0x70, b"\x99"),)
    assert read.user_data.ports is None
    assert read.concatenation is None


def test_a_message_without_header_has_no_elements() -> None:
    assert _deliver(0, 1, "78").user_data.elements == ()


def test_a_header_announced_in_empty_user_data_is_forgiven() -> None:
    assert _deliver(0, 0, "", first_octet=0x44).text == ""


@pytest.mark.parametrize(
    ("dcs", "length", "body", "saw"),
    [
        (0, 3, "05000319", "a header of 5 octets in TP-UD of 3"),
        (4, 3, "050003", "a header of 5 octets in TP-UD of 3"),
        (0, 2, "0100", "a header of 2 octets in TP-UD of 2 septets"),
        (0, 8, "05000319", "TP-UD ends after 4 of 7 octets"),
        (0, 255, "00", "TP-UDL of 255"),
        (8, 144, "00" * 144, "TP-UDL of 144"),
    ],
)
def test_user_data_that_does_not_fit_is_refused(dcs: int, length: int, body: str, saw: str) -> None:
    with pytest.raises(PduError, match=saw):
        _deliver(dcs, length, body, first_octet=0x44)


@pytest.mark.parametrize(
    "scts", ["00000000000000", "FFFFFFFFFFFFFF", "62311102304500", "6211110230450A", "2A111102304500"]
)
def test_a_time_nobody_can_read_does_not_cost_the_message(scts: str) -> None:
    read = _deliver(0, 6, "31D98C56B301", scts=scts)
    assert read.text == "123456"
    assert (read.service_centre_at is None) == (scts != "6211110230450A")


def test_more_messages_are_told_by_a_zero_bit() -> None:
    assert _deliver(0, 1, "78", first_octet=0x00).more_messages
    assert not _deliver(0, 1, "78", first_octet=0x04).more_messages


def test_a_message_shows_neither_its_text_nor_its_sender() -> None:
    shown = repr(decode_deliver(f"00040C914477000900100000{SCTS}0631D98C56B301"))
    assert "123456" not in shown
    assert "7700900001" not in shown
    assert "31d9" not in shown.lower()


@pytest.mark.parametrize(
    "digits",
    [
        "",
        '"',
        "0",
        "0G",
        "00 4",
        "жж",
        "00" * 513,
        "+447700900001",
        "\x00\x01",
        "04",
        "0004",
        "FF" * 20,
        "00",
    ],
)
def test_what_is_no_pdu_is_refused(digits: str) -> None:
    with pytest.raises(PduError):
        decode_incoming(digits)


def test_a_report_is_no_message() -> None:
    with pytest.raises(PduError, match="SMS-DELIVER"):
        decode_deliver("00060504812143" + SCTS + SCTS + "00")


def test_a_hint_chooses_between_two_readings() -> None:
    # A bare report whose TP-MR and recipient look like an SCA field of 6 octets
    bare = f"0691098121436587F9{SCTS}{SCTS}00"
    read = decode_incoming(bare, tpdu_length=len(bare) // 2)
    assert read == decode_incoming(bare)
    assert read == decode_incoming(f"00{bare}", tpdu_length=len(bare) // 2)


def test_a_message_behind_octets_too_many_is_still_read() -> None:
    assert decode_deliver(f"0004048121430000{SCTS}0178ABCD").text == "x"


def test_an_exact_reading_beats_one_that_leaves_octets() -> None:
    # The first seven octets of this bare report look like an SCA field, what follows like a message of no text
    read = decode_incoming("069108812143650402111102304500" + "02111102300000" + "00")
    assert isinstance(read, StatusReport)
    assert (read.tp_mr, read.recipient) == (0x91, "12345640")
