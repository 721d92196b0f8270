"""The first two digits of what a pattern matches, against the patterns of the tables themselves."""

from __future__ import annotations

import re

import phonenumbers
import pytest
from phonenumbers import PhoneMetadata

from simcourier.verify.beginnings import beginnings

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("77", {"77"}),
        ("7[13]", {"71", "73"}),
        ("7[1-357]0", {"71", "72", "73", "75", "77"}),
        (r"4\d{3}", {f"4{digit}" for digit in range(10)}),
        ("1(?:6[02]|7)8", {"16", "17"}),
        ("31?4", {"31", "34"}),
        ("3{2}4", {"33"}),
        ("(?:12)?34", {"12", "34"}),
        ("5{0,2}67", {"55", "56", "67"}),
        ("4{1,3}9", {"44", "49"}),
        ("1|2[34]|(?:5|6(?:7|8))9", {"1", "23", "24", "59", "67", "68"}),
    ],
)
def test_a_pattern_begins_with_all_that_it_may(pattern: str, found: set[str]) -> None:
    assert beginnings(pattern) == found


def test_the_tables_have_nothing_in_them_that_is_not_understood() -> None:
    for region in REGIONS:
        mobile = PhoneMetadata.metadata_for_region(region).mobile
        written = (mobile and mobile.national_number_pattern) or ""
        assert not re.sub(r"\d|\\d|\(\?:|\(|\)|\[[\d-]+\]|\{\d+(,\d+)?\}|\?|\|", "", written), region


def test_each_region_s_example_begins_like_its_mobile_phones() -> None:
    for region in REGIONS:
        example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if example is not None:
            pattern = PhoneMetadata.metadata_for_region(region).mobile.national_number_pattern
            assert phonenumbers.national_significant_number(example)[:2] in beginnings(pattern), region


def test_british_and_german_mobile_phones() -> None:
    def of(region: str) -> frozenset[str]:
        return beginnings(PhoneMetadata.metadata_for_region(region).mobile.national_number_pattern)

    assert of("GB") == {f"7{digit}" for digit in (1, 2, 3, 4, 5, 7, 8, 9)}
    assert of("DE") == {"15", "16", "17"}
