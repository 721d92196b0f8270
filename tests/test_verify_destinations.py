"""Where messages may go: the tables of numbers, and what is made of what they don't know."""

from __future__ import annotations

from dataclasses import replace

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.errors import RequestError
from simcourier.verify.destinations import (
    Allowed,
    Kind,
    Located,
    check_short_code,
    describe,
    locate,
    own_regions,
    telephone_code,
)

EVERYWHERE = Allowed(frozenset(), everywhere=True)
PREMIUM_AND_SATELLITE = (
    "+881612345678",  # Iridium
    "+881712345678",
    "+881812345678",  # Globalstar
    "+881912345678",
    "+88162345",
    "+870773123456",  # Inmarsat
    "+8821612345678",  # Thuraya
    "+8835100123456",
    "+979123456789",
    "+80012345678",
    "+80812345678",
    "+87812345678901",
    "+888123456789",
    "+19005550100",
    "+19000550100",  # in an exchange that nobody has
    "+449098790000",
    "+448457123456",
    "+447012345678",
    "+447600123456",
    "+33899123456",
    "+499001234567",
)


def refusal(number: str, kind: Kind, allowed: Allowed) -> str:
    with pytest.raises(RequestError) as refused:
        locate(number, kind, allowed)
    assert number[1:] not in refused.value.detail
    assert refused.value.pointer == "/to"
    return refused.value.code


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("number", PREMIUM_AND_SATELLITE)
def test_premium_and_satellite_numbers_are_refused_whatever_is_allowed(number: str, kind: Kind) -> None:
    allowed = Allowed(frozenset({"GB", "US"}), everywhere=True, prefixes=(number[:4], number))
    assert refusal(number, kind, allowed) == "destination-not-allowed"


@pytest.mark.parametrize(
    ("number", "region"),
    [
        ("+447700900001", "GB"),
        ("+447400123456", "GB"),
        ("+12025550123", "US"),
        ("+15550100123", "US"),
        ("+18765550100", "JM"),
        ("+18760550100", "JM"),
        ("+14165550100", "CA"),
        ("+447911123456", "GG"),
        ("+447624123456", "IM"),
        ("+447509300000", "JE"),
        ("+77001234567", "KZ"),
        ("+79161234567", "RU"),
        ("+393331234567", "IT"),
        ("+353850123456", "IE"),
    ],
)
def test_a_number_lies_in_its_own_country_also_where_countries_share_a_code(number: str, region: str) -> None:
    assert locate(number, Kind.CODE, EVERYWHERE).region == region
    assert locate(number, Kind.CODE, Allowed(frozenset({region}))).region == region
    assert refusal(number, Kind.CODE, Allowed(frozenset({"PT"}))) == "destination-not-allowed"


def test_a_block_that_no_table_knows_is_allowed_only_where_all_who_share_its_code_are() -> None:
    unknown = "+447911323456"
    assert refusal(unknown, Kind.CODE, Allowed(frozenset({"GB"}))) == "destination-not-allowed"
    assert refusal(unknown, Kind.CODE, Allowed(frozenset({"GB", "GG"}))) == "destination-not-allowed"
    assert locate(unknown, Kind.CODE, Allowed(frozenset({"GB", "GG", "JE"}))).region == "GB"
    assert locate(unknown, Kind.CODE, Allowed(frozenset({"GB"}), prefixes=("+447911",))).region == "GB"


def test_a_new_block_of_a_country_with_its_own_code_is_not_refused_for_the_age_of_the_tables() -> None:
    assert locate("+353201234567", Kind.TEXT, EVERYWHERE).type == "unknown"
    assert locate("+491541234567", Kind.CODE, EVERYWHERE).type == "unknown"


@pytest.mark.parametrize(
    "number",
    [
        "+4911833",  # a directory that pays
        "+49137123456",
        "+49190123456",
        "+491901234567",  # as long as a mobile phone's
        "+391661234567",
        "+49151123456781",
        "+491511234567812",
        "+4915112345",
        "+353201234567",
        "+441632960123",
    ],
)
def test_a01_a_code_goes_to_an_unknown_block_only_where_mobile_phones_have_such_numbers(number: str) -> None:
    assert refusal(number, Kind.CODE, EVERYWHERE) == "destination-not-allowed"
    assert locate(number, Kind.TEXT, EVERYWHERE).region
    assert locate(number, Kind.CODE, Allowed(frozenset(), prefixes=(number[:5],))).region


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("number", ["+12129761234", "+14169761234", "+18769761234", "+15559760123"])
def test_a01_the_exchange_that_pays_whoever_is_called_gets_nothing(number: str, kind: Kind) -> None:
    assert refusal(number, kind, EVERYWHERE) == "destination-not-allowed"


@pytest.mark.parametrize("last", ["000", "001", "123", "999"])
def test_numbers_kept_for_films_and_tests_get_codes(last: str) -> None:
    assert locate(f"+447700900{last}", Kind.CODE, Allowed(frozenset({"GB"}))).region == "GB"
    assert locate(f"+155501{last[1:]}000", Kind.CODE, Allowed(frozenset({"US"}))).region == "US"


def test_every_region_s_example_of_a_mobile_phone_gets_codes() -> None:
    mobile = phonenumbers.PhoneNumberType.MOBILE
    for region in phonenumbers.SUPPORTED_REGIONS:
        example = phonenumbers.example_number_for_type(region, mobile)
        if example is not None:
            number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            assert locate(number, Kind.CODE, EVERYWHERE).region


@pytest.mark.parametrize("number", ["+442079460000", "+390612345678", "+18005550100", "+445612345678"])
def test_a_code_goes_to_no_number_that_proves_no_phone(number: str) -> None:
    assert refusal(number, Kind.CODE, EVERYWHERE) == "invalid-number"
    assert locate(number, Kind.TEXT, EVERYWHERE).region
    assert locate(number, Kind.CODE, Allowed(frozenset(), prefixes=(number[:5],))).region


@pytest.mark.parametrize(
    "number", ["+44770090", "+4477009000011", "+999123456789", "+4407700900001", "+210123456789"]
)
def test_what_can_be_nobodys_number_is_refused(number: str) -> None:
    assert refusal(number, Kind.TEXT, EVERYWHERE) == "invalid-number"


def test_a_denied_prefix_goes_before_everything() -> None:
    allowed = Allowed(frozenset({"GB"}), everywhere=True, prefixes=("+447700",), denied=("+44770",))
    assert refusal("+447700900001", Kind.TEXT, allowed) == "destination-not-allowed"
    assert locate("+447400123456", Kind.TEXT, allowed).region == "GB"


LISTED = Allowed(frozenset({"GB"}), prefixes=("60123",))


@pytest.mark.parametrize(
    ("kind", "allowed", "code"),
    [
        (Kind.CODE, LISTED, "invalid-number"),
        (Kind.TEXT, EVERYWHERE, "destination-not-allowed"),
        (Kind.TEXT, Allowed(frozenset({"GB"})), "destination-not-allowed"),
        (Kind.TEXT, Allowed(frozenset({"GB"}), prefixes=("+60123",)), "destination-not-allowed"),
        (Kind.TEXT, Allowed(frozenset({"GB"}), prefixes=("6012",)), "destination-not-allowed"),
        (Kind.TEXT, replace(LISTED, denied=("60123",)), "destination-not-allowed"),
    ],
)
def test_a01_a_short_code_that_nobody_listed_gets_nothing(kind: Kind, allowed: Allowed, code: str) -> None:
    check_short_code("60123", Kind.TEXT, LISTED)
    with pytest.raises(RequestError) as refused:
        check_short_code("60123", kind, allowed)
    assert (refused.value.code, refused.value.pointer) == (code, "/to")


def test_the_refusal_of_a_short_code_names_the_setting() -> None:
    with pytest.raises(RequestError, match=r"listed in destinations\.allowed_prefixes"):
        check_short_code("60123", Kind.TEXT, EVERYWHERE)


EMERGENCY = (
    "112 911 999 000 110 113 115 117 118 119 120 122 123 127 133 144 155 158 190 191 192 193 194 199 066 997"
)


@pytest.mark.parametrize("number", [*EMERGENCY.split(), "998"])
def test_no_setting_lets_a_text_go_to_an_emergency_number(number: str) -> None:
    for kind in Kind:
        with pytest.raises(RequestError) as refused:
            check_short_code(number, kind, Allowed(frozenset(), everywhere=True, prefixes=(number,)))
        assert refused.value.code == "invalid-number"


@pytest.mark.parametrize(
    ("card", "region"),
    [
        ("8944000000000000001", "GB"),
        ("89014103211118510720", "US"),
        ("8930272040102123456", "CA"),
        ("8930010000000000000", "GR"),
        ("8970101000000000000", "RU"),
        ("8999701000000000000", "KZ"),
        ("8935801000000000000", "FI"),
    ],
)
def test_a_card_tells_its_country(card: str, region: str) -> None:
    assert own_regions([card]) == {region}


@pytest.mark.parametrize("card", ["", "89", "234100123456789", "8988160000", "89xx", "8999999999"])
def test_a_card_that_tells_no_country_adds_none(card: str) -> None:
    assert own_regions([card, "8944000000000000001"]) == {"GB"}


def test_the_telephone_code_of_a_region() -> None:
    assert (telephone_code("GB"), telephone_code("JM")) == ("44", "1")


@pytest.mark.parametrize(
    ("number", "region", "number_type"),
    [
        ("+447400123456", "GB", "mobile"),
        ("+442079460000", "GB", "fixed"),
        ("+12025550123", "US", "fixed-or-mobile"),
        ("+19005550100", "US", "premium"),
        ("+881612345678", "001", "international"),
        ("+447700900001", "GB", "unknown"),
    ],
)
def test_a_number_is_described_whether_anybody_may_send_to_it_or_not(
    number: str, region: str, number_type: str
) -> None:
    assert describe(number) == Located(region, number_type)


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_every_number_is_located_or_refused_in_our_own_words(number: str) -> None:
    for kind in Kind:
        region, refused = "ZZ", None
        try:
            region = locate(number, kind, EVERYWHERE).region
        except RequestError as error:
            refused = error
        assert len(region) == 2
        assert refused is None or refused.code in {"invalid-number", "destination-not-allowed"}
        assert number[1:] not in str(refused)
