"""Numbers as callers write them, as they are shown, as they are compared, and as a TPDU carries them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.errors import BugError
from simcourier.sms.address import (
    Address,
    InvalidNumber,
    TypeOfNumber,
    mask,
    parse_recipient,
    same_subscriber,
)
from simcourier.sms.address_field import encode_address, take_address, take_service_centre
from simcourier.sms.country_codes import country_code
from simcourier.sms.errors import PduError
from simcourier.sms.octets import Octets

NUMBERS = st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True)


@pytest.mark.parametrize(
    ("written", "text", "type_of_address"),
    [
        ("+447700900001", "+447700900001", 0x91),
        ("+44 7700 900001", "+447700900001", 0x91),
        ("+44-7700.900(001)", "+447700900001", 0x91),
        ("00447700900001", "+447700900001", 0x91),
        ("00 44 7700 900001", "+447700900001", 0x91),
        ("+1 (555) 010-0123", "+15550100123", 0x91),
        ("+4420123", "+4420123", 0x91),
        ("12345", "12345", 0x81),
        ("123", "123", 0x81),
        ("012345", "012345", 0x81),
    ],
)
def test_a_recipient_is_brought_to_its_canonical_form(written: str, text: str, type_of_address: int) -> None:
    address = parse_recipient(written)
    assert (address.text, address.type_of_address) == (text, type_of_address)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "+",
        "00",
        "12",
        "1234567",
        "07700900001",
        "447700900001",
        "+0447700900001",
        "+44770",
        "+4477009000010000",
        "++447700900001",
        "+00447700900001",
        "+447700900001\n",
        "\n+447700900001",
        "12345\n",
        "+44770090000\u0661",
        "+44７７00900001",
        "１２３４５",
        "+44 (0)7700 900001",
        "004477",
        "+44\u00a07700900001",
        "+44770090000a",
        "+44770090000*",
        "AT+CMGD=1",
        "Bank",
        "+447700900001" + " " * 60,
    ],
)
def test_anything_else_is_refused_without_being_repeated(written: str) -> None:
    with pytest.raises(InvalidNumber) as refused:
        parse_recipient(written)
    assert (refused.value.code, refused.value.pointer) == ("invalid-number", "/to")
    assert refused.value.detail.startswith("write the number in international form")


@given(st.one_of(st.text(max_size=30), st.text("+0123456789 -.()\n", max_size=24)))
def test_what_is_accepted_is_canonical_and_plain(written: str) -> None:
    try:
        address = parse_recipient(written)
    except InvalidNumber:
        return
    assert re.fullmatch(r"\+[1-9][0-9]{6,14}|[0-9]{3,6}", address.text)
    assert parse_recipient(address.text) == address
    assert address.text.lstrip("+") in re.sub(r"[^0-9]", "", written)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+447700900001", "+44•••••0001"),
        ("+15550100123", "+1•••••0123"),
        ("+70000001234", "+7•••••1234"),
        ("+358000001234", "+358•••••1234"),
        ("+2900004", "+290•••••4"),
        ("+999123456789", "•••••6789"),
        ("07700900001", "•••••0001"),
        ("12345", "•••••5"),
        ("+44 7700 900001", "+44•••••0001"),
        ("Bank", "•••••"),
        ("", "•••••"),
        ("+", "•••••"),
    ],
)
def test_a_number_is_shown_masked(number: str, shown: str) -> None:
    assert mask(number) == shown


@given(st.one_of(NUMBERS, st.from_regex(r"[0-9]{1,12}", fullmatch=True)))
def test_a_mask_shows_no_more_than_country_and_four_digits(number: str) -> None:
    shown = mask(number)
    code, _, last = shown.partition("•••••")
    assert number.endswith(last)
    assert len(last) <= 4
    assert code == "" or (number.startswith(code) and len(code) <= 4)
    digits = len(number.lstrip("+"))
    assert digits - len(code.lstrip("+")) - len(last) >= (3 if len(last) == 4 else 0)


def test_an_address_shows_itself_masked() -> None:
    assert repr(Address.international("447700900001")) == "Address('+44•••••0001', INTERNATIONAL)"


@pytest.mark.parametrize(
    ("digits", "code"),
    [
        ("15550100123", "1"),
        ("447700900001", "44"),
        ("35840", "358"),
        ("21", ""),
        ("", ""),
        ("999", ""),
        ("42155", "421"),
    ],
)
def test_a_country_code_is_found_where_one_is_assigned(digits: str, code: str) -> None:
    assert country_code(digits) == code


@pytest.mark.parametrize(
    ("sent_to", "reported"),
    [
        ("+447700900001", "+447700900001"),
        ("+447700900001", "07700900001"),
        ("+447700900001", "7700900001"),
        ("+447700900001", "447700900001"),
        ("+447700900001", "00447700900001"),
        ("+447700900001", "+#0447700900001"),  # a ZTE modem damages the first digits
        ("+447700900001", "+744700900001"),  # digits changed places
        ("+99920000001", "20000001"),  # eight digits without a trunk zero
        ("+9995550001", "5550001"),  # seven
        ("12345", "12345"),
    ],
)
def test_a_report_may_write_the_recipient_in_its_own_way(sent_to: str, reported: str) -> None:
    assert same_subscriber(sent_to, reported)
    assert same_subscriber(reported, sent_to)


@pytest.mark.parametrize(
    ("sent_to", "reported"),
    [
        ("+447700900001", "+447700900002"),
        ("+447700900001", "+447700910001"),
        ("+447700900001", ""),
        ("+447700900001", "900001"),
        ("+447700900001", "0000000"),
        ("12345", "2345"),
        ("12345", "012345"),
        ("12345", "+447700912345"),
        ("", ""),
        ("+447700900001", "Bank"),
        ("+447700900001", "+44770090000*"),
    ],
)
def test_a_report_on_another_recipient_is_told_apart(sent_to: str, reported: str) -> None:
    assert not same_subscriber(sent_to, reported)
    assert not same_subscriber(reported, sent_to)


@given(NUMBERS, NUMBERS)
def test_sameness_is_symmetrical_and_holds_for_equals(one: str, other: str) -> None:
    assert same_subscriber(one, one)
    assert same_subscriber(one, other) == same_subscriber(other, one)


@pytest.mark.parametrize(
    ("address", "field"),
    [
        (Address.international("447700900001"), "0C91447700090010"),
        (Address.international("15550100123"), "0B915155100021F3"),
        (Address.national("07700900001"), "0BA17007900000F1"),
        (Address.unknown("12345"), "05812143F5"),
        (Address.unknown("*100#"), "05811A00FB"),
        (Address("abc", TypeOfNumber.ALPHANUMERIC, 0), "06D061F118"),
        (Address("sipgate", TypeOfNumber.ALPHANUMERIC, 0), "0DD0F334FC1CA69701"),
        (Address("", TypeOfNumber.UNKNOWN), "0081"),
    ],
)
def test_an_address_is_written_and_read_back(address: Address, field: str) -> None:
    assert encode_address(address).hex().upper() == field
    octets = Octets(bytes.fromhex(field))
    assert take_address(octets, "TP-DA", check_type=True, check_filler=True) == address
    assert octets.rest() == b""


@pytest.mark.parametrize("name", ["twelve chars", "ж"])
def test_a_sender_name_that_does_not_fit_is_refused(name: str) -> None:
    with pytest.raises(BugError):
        encode_address(Address(name, TypeOfNumber.ALPHANUMERIC, 0))


@pytest.mark.parametrize("field", ["", "0C", "0C91", "0C914477000900", "15912143658709214365870921F3"])
def test_a_cut_or_oversized_address_is_refused(field: str) -> None:
    with pytest.raises(PduError):
        take_address(Octets(bytes.fromhex(field)), "TP-OA")


def test_a_type_without_its_top_bit_is_refused_where_it_matters() -> None:
    field = bytes.fromhex("04112143")
    assert take_address(Octets(field), "TP-RA").text == "+1234"
    with pytest.raises(PduError):
        take_address(Octets(field), "TP-DA", check_type=True)


def test_an_end_mark_ends_a_number_wherever_it_stands() -> None:
    assert take_address(Octets(bytes.fromhex("069121F365")), "TP-OA").text == "+123"


@pytest.mark.parametrize(
    ("field", "text"),
    [("00", None), ("0181", ""), ("0191", ""), ("07914477000900F0", "+44770090000"), ("038121F3", "123")],
)
def test_a_service_centre_counts_octets(field: str, text: str | None) -> None:
    centre = take_service_centre(Octets(bytes.fromhex(field)))
    assert (centre.text if centre else None) == text


@pytest.mark.parametrize("field", ["", "07", "0791", "0C91000000000000000000000000"])
def test_a_damaged_service_centre_is_refused(field: str) -> None:
    with pytest.raises(PduError):
        take_service_centre(Octets(bytes.fromhex(field)))
