"""The language of a text: the request's, else the recipient's country's, else the box's."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.verify.catalogue import LOCALES
from simcourier.verify.locales import canonical, choose, is_latin, look_up, names_a_template
from simcourier.verify.regions import LANGUAGES


@pytest.mark.parametrize(
    ("wanted", "region", "default", "chosen"),
    [
        # The request decides ...
        ("de", "FR", "en", "de"),
        ("pt-BR", None, "en", "pt-BR"),
        ("pt-PT", None, "en", "pt"),
        ("pt-AO", "BR", "en", "pt"),
        ("PT_br", None, "en", "pt-BR"),
        ("de-CH-1996", None, "en", "de"),
        ("uk-Cyrl-UA-u-hc-h23", None, "en", "uk"),
        # ... as far as there is its language,
        ("ja", "DE", "en", "de"),
        ("ja", None, "it", "it"),
        ("not a tag", "DE", "en", "de"),
        # then the country,
        (None, "BR", "en", "pt-BR"),
        (None, "PT", "en", "pt"),
        (None, "MZ", "en", "pt"),
        (None, "UA", "en", "uk"),
        (None, "ua", "en", "uk"),
        (None, "MX", "en", "es"),
        (None, "EG", "en", "ar"),
        (None, "GB", "de", "en"),
        # where of several languages the box's goes first,
        (None, "CH", "en", "de"),
        (None, "CH", "fr", "fr"),
        (None, "CH", "it", "it"),
        (None, "CA", "fr", "fr"),
        (None, "IN", "hi", "hi"),
        (None, "IN", "en", "en"),
        (None, "BE", "en", "en"),
        (None, "BE", "de", "de"),
        (None, "LU", "en", "fr"),
        # then the default.
        (None, "JP", "de", "de"),
        (None, "JP", "pt-BR", "pt-BR"),
        (None, None, "tr", "tr"),
        (None, "001", "tr", "tr"),
        (None, "ZZ", "tr", "tr"),
        (None, "JP", "ja", "en"),
    ],
)
def test_the_locale_is_chosen_in_this_order(
    wanted: str | None, region: str | None, default: str, chosen: str
) -> None:
    assert choose(wanted, region, default, LOCALES) == chosen


def test_a_sibling_is_nearer_than_another_language() -> None:
    assert choose("pt", None, "en", {"en", "pt-BR"}) == "pt-BR"
    assert choose("pt-PT", None, "en", {"en", "pt-BR"}) == "pt-BR"


def test_what_is_there_is_sent_where_nothing_fits() -> None:
    assert choose("de", "FR", "en", {"ja", "ko"}) == "ja"


def test_an_admin_s_own_language_is_found_by_country() -> None:
    assert choose(None, "BE", "en", {*LOCALES, "nl"}) == "nl"
    assert choose(None, "NL", "en", {*LOCALES, "nl"}) == "nl"
    assert choose(None, "CH", "en", {*LOCALES, "de-CH"}) == "de-CH"


@pytest.mark.parametrize(
    ("tag", "form"),
    [
        ("EN", "en"),
        ("pt-br", "pt-BR"),
        ("pt_BR", "pt-BR"),
        ("SR-LATN-rs", "sr-Latn-RS"),
        ("es-419", "es-419"),
        ("", None),
        ("e", None),
        ("english", None),
        ("en-", None),
        ("-en", None),
        ("en--GB", None),
        ("en\n", None),
        ("en GB", None),
        ("en-*", None),
        ("*", None),
        ("en-" + "a" * 9, None),
        ("éñ", None),
        ("en-١٢٣", None),
    ],
)
def test_a_tag_has_one_form_or_is_none(tag: str, form: str | None) -> None:
    assert canonical(tag) == form


def test_a_template_has_a_plain_tag() -> None:
    assert all(names_a_template(tag) for tag in (*LOCALES, "sr-Latn-RS", "es-419", "fil"))
    assert not any(names_a_template(tag) for tag in ("", "EN", "pt-br", "en-u-hc-h12", "de-1996", "en\n"))


def test_a_single_character_is_no_wish_of_its_own() -> None:
    assert look_up("zh-x-private", {"zh-x", "zh"}) == "zh"


def test_the_script_of_a_language_follows_its_tag() -> None:
    assert [is_latin(tag) for tag in ("de", "pt-BR", "sr-Latn", "uz-Cyrl", "uk", "sr")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


def test_every_country_that_has_telephone_numbers_has_a_language() -> None:
    assert LANGUAGES.keys() >= phonenumbers.SUPPORTED_REGIONS
    assert all(canonical(tag) == tag for tags in LANGUAGES.values() for tag in tags)
    assert all(len(set(tags)) == len(tags) for tags in LANGUAGES.values())


@given(
    st.none() | st.text(max_size=12) | st.sampled_from(["pt-BR", "zh-Hant-TW", "x-y"]),
    st.none() | st.text(max_size=4) | st.sampled_from(sorted(LANGUAGES)),
    st.text(max_size=8),
    st.sets(st.sampled_from(LOCALES), min_size=1),
)
def test_whatever_is_asked_one_that_is_there_is_chosen(
    wanted: str | None, region: str | None, default: str, available: set[str]
) -> None:
    assert choose(wanted, region, default, available) in available
