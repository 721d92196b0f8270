"""Lint says what is wrong with a template, and nothing about the built-in ones."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.errors import ConfigError, RequestError
from simcourier.sms.text import Alphabet, plan
from simcourier.verify import files
from simcourier.verify.catalogue import BUILT_IN, LOCALES, NAMES
from simcourier.verify.findings import Severity
from simcourier.verify.lint import _BROKEN, lint, refuse_errors
from simcourier.verify.template import Template, fill, fits, hash_line, origin_line, placeholders
from simcourier.verify.values import LONGEST_VALUES, PAYMENT, USUAL_VALUES, Placeholder

GOOD = "{code} is your {app} code."
IDS = [f"{locale}-{name}" for name, locale in BUILT_IN]
NO_ROOM = {("warning", "no-room-for-origin"), ("warning", "no-room-for-app-hash")}
OTHER_SCRIPTS = {"uk": "CYRILLIC", "hi": "DEVANAGARI", "ar": "ARABIC"}


def rules(
    text: str, *, name: str = "login", locale: str = "en", shorter: tuple[str, ...] = ()
) -> set[tuple[str, str]]:
    """Severity and rule of everything that is found."""
    return {(found.severity.value, found.rule) for found in lint(Template(name, locale, text, shorter))}


# --- the built-in ones ---


@pytest.mark.parametrize("template", BUILT_IN.values(), ids=IDS)
def test_nothing_is_found_in_a_built_in_template(template: Template) -> None:
    assert lint(template) == []


def test_every_purpose_is_there_in_every_language() -> None:
    wanted = {"en", "de", "fr", "es", "it", "pt", "pl", "tr", "hi", "ar", "uk", "id"}
    assert wanted <= set(LOCALES)
    assert set(BUILT_IN) == set(itertools.product(NAMES, LOCALES))


@pytest.mark.parametrize("template", BUILT_IN.values(), ids=IDS)
def test_a_built_in_text_fits_one_segment_with_the_longest_values(template: Template) -> None:
    planned = plan(fill(template.forms[-1], LONGEST_VALUES))
    assert len(planned.segments) == 1
    other = template.locale in OTHER_SCRIPTS
    assert planned.alphabet is (Alphabet.UCS2 if other else Alphabet.GSM7)
    if not other:
        assert fits(fill(template.text, LONGEST_VALUES)), "the whole text fits, not only the short one"


@pytest.mark.parametrize("template", BUILT_IN.values(), ids=IDS)
def test_a_built_in_text_has_room_for_a_last_line(template: Template) -> None:
    # What an application must be able to count on: long hosts in GSM, usual ones where an SMS has 70 characters.
    host = "login.example.com" if template.locale in OTHER_SCRIPTS else "account.a-long-name.example.com"
    values = USUAL_VALUES if template.locale in OTHER_SCRIPTS else LONGEST_VALUES
    filled = [fill(form, values) for form in template.forms]
    assert any(fits(text + origin_line(host, values[Placeholder.CODE])) for text in filled)
    assert any(fits(text + hash_line("FA+9qCX9VSu"), app_hash=True) for text in filled)


@pytest.mark.parametrize("template", BUILT_IN.values(), ids=IDS)
def test_a_built_in_text_says_what_it_must(template: Template) -> None:
    for form in template.forms:
        assert Placeholder.CODE in placeholders(form)
        assert (placeholders(form) & PAYMENT == PAYMENT) is (template.name == "transaction")
    if template.name != "transaction":
        assert placeholders(template.text) == {Placeholder.CODE, Placeholder.MINUTES, Placeholder.APP}
        assert Placeholder.APP not in placeholders(template.forms[-1]), "a box may have no application's name"


def test_built_in_texts_differ_by_purpose() -> None:
    for locale in LOCALES:
        texts = {BUILT_IN[name, locale].text for name in NAMES}
        assert len(texts) == len(NAMES)


# --- what is found ---


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (GOOD, set()),
        ("", {("error", "empty")}),
        (" \n ", {("error", "empty")}),
        ("Your code is here.", {("error", "no-code")}),
        ("{code} for {name}", {("error", "braces")}),
        ("{code} {", {("error", "braces")}),
        ("{code} {a b}", {("error", "braces")}),
        ("{a} {code}", {("error", "braces")}),
        ("رمز {x} {code}", {("error", "braces")}),
        ("{code}  and", {("warning", "spaces")}),
        (" {code}", {("warning", "spaces")}),
        ("{code} \nnext", {("warning", "spaces")}),
        ("{code} https://example.com/x", {("error", "link")}),
        ("{code} at acme.com", {("error", "link")}),
        ("{code} at {app}.com", {("error", "link")}),
        ("{code}.It is yours", {("error", "link")}),
        ("{code} at acme\uff0ecom", {("error", "link"), ("warning", "alphabet")}),
        ("{code} a\u202eb", {("error", "direction-marks")}),
        ("{code} a\u200eb", {("error", "direction-marks")}),
        ("{code} a\u200bb", {("error", "invisible")}),
        ("{code} a\tb", {("error", "invisible")}),
        ("{code} a\x00b", {("error", "invisible")}),
        ("{code} is your соde", {("error", "mixed-scripts")}),
        ("{code} is your сора", {("warning", "foreign-script")}),
        ("{code} is your ｃｏｄｅ", {("error", "mixed-scripts")}),
        ("{code} is your 𝐜𝐨𝐝𝐞", {("error", "mixed-scripts")}),
        ("{code} your código", {("warning", "alphabet")}),
        ("{code} don’t share", {("warning", "alphabet")}),
        ("{code}, call 5550123", {("warning", "figures")}),
        ("{app} " + "a" * 60 + " {code}", {("warning", "late-code")}),
        ("{code} " + "a" * 160, {("error", "too-long")}),
        ("{code} " + "a" * 501, {("error", "oversize")}),
        ("{code} " + "ł" * 54, {*NO_ROOM, ("warning", "alphabet")}),
        ("{code} to {payee}", {("error", "no-payment")}),
        ("{code}: {amount} to {payee}", set()),
    ],
)
def test_what_is_wrong_with_a_text_is_found_and_nothing_else(text: str, found: set[tuple[str, str]]) -> None:
    assert rules(text) == found


@pytest.mark.parametrize(
    ("draft", "found"),
    [
        (Template("Login", "en", GOOD), {("error", "name")}),
        (Template("", "en", GOOD), {("error", "name")}),
        (Template("login\n", "en", GOOD), {("error", "name")}),
        (Template("login", "", GOOD), {("error", "locale")}),
        (Template("login", "english", GOOD), {("error", "locale")}),
        (Template("login", "pt-br", GOOD), {("error", "locale")}),
        (Template("transaction", "en", GOOD), {("error", "no-payment")}),
        (
            Template("login", "en", GOOD, ("{code} is it",) * 4),
            {("error", "shorter"), ("warning", "not-shorter")},
        ),
        (Template("login", "en", GOOD, (GOOD,)), {("warning", "not-shorter")}),
        (Template("login", "en", GOOD, ("no",)), {("error", "no-code")}),
        (Template("login", "en", "{code} " + "a" * 155, ("{code}",)), {("warning", "seldom-fits")}),
        (Template("login", "en", "{code} " + "a" * 153, ("{code}",)), set()),
        (Template("login", "sr-Latn", "{code} је код"), {("warning", "foreign-script")}),
        (Template("login", "sr", "{code} је код"), set()),
        (Template("login", "uk", "{code} – ваш код"), set()),
        (Template("login", "ar", "{code} رمز"), {("warning", "begins-left-to-right")}),
        (Template("login", "ar", "رمز {code} {minutes}"), {("warning", "side-by-side")}),
        (Template("login", "ar", "رمز {code}\n{minutes}"), set()),
        (Template("login", "fa", "کد {code} می‌باشد"), set()),
    ],
)
def test_what_is_wrong_with_a_template_as_a_whole_is_found(
    draft: Template, found: set[tuple[str, str]]
) -> None:
    assert {(one.severity.value, one.rule) for one in lint(draft)} == found


def test_a_finding_names_the_character_and_what_to_write_instead() -> None:
    finding = lint(Template("login", "es", "{code} es tu código"))[0]
    assert (finding.severity, finding.where) == (Severity.WARNING, "text")
    assert "ó (LATIN SMALL LETTER O WITH ACUTE)" in finding.what
    assert "70" in finding.why
    assert "'o'" in finding.hint


def test_a_finding_counts_with_the_longest_values() -> None:
    finding = lint(Template("login", "en", "{code} {app} {minutes} " + "a" * 130))[0]
    assert "takes 167 characters, 2 SMS; one SMS holds 160" in finding.what
    assert "{code} 10, {minutes} 4, {app} 20" in finding.why
    assert finding.hint.startswith("Leave out 7 characters")


def test_errors_come_first_and_findings_tell_their_form() -> None:
    found = lint(Template("login", "en", "{code}  is it, all of it", ("{code} acme.com", "nothing")))
    assert [(one.severity.value, one.where) for one in found] == [
        ("error", "shorter/0"),
        ("error", "shorter/1"),
        ("warning", "text"),
    ]


def test_a_refusal_repeats_nothing_of_the_text() -> None:
    for text in ("{code} visit secret-site.com", "{code} {secret}", "{code} sеcret", "{code} \u202esecret"):
        with pytest.raises(RequestError) as raised:
            refuse_errors(Template("login", "en", text))
        assert (raised.value.code, raised.value.pointer) == ("policy-violation", "/text")
        assert "cret" not in raised.value.detail
    refuse_errors(Template("login", "en", "{code}  warned only"))


@given(
    st.text(max_size=60) | st.text(alphabet="{}codeapmut .\n", max_size=60),
    st.text(max_size=8),
    st.sampled_from(["en", "ar", "uk", "hi", ""]),
    st.lists(st.text(max_size=20), max_size=5),
)
def test_lint_takes_whatever_is_written_and_a_text_without_errors_is_sent_in_one_segment(
    text: str, name: str, locale: str, shorter: list[str]
) -> None:
    draft = Template(name, locale, text, tuple(shorter))
    found = lint(draft)
    assert all(one.rule in _BROKEN for one in found if one.severity is Severity.ERROR)
    assert all(one.what and one.why and one.hint for one in found)
    if not any(one.severity is Severity.ERROR for one in found):
        assert any(fits(fill(form, LONGEST_VALUES)) for form in draft.forms)


# --- files ---

FILE = """# ours
[[templates]]
name = "login"
locale = "en"
text = "{code} is it"

[[templates]]
name = "pay"
locale = "de"
shorter = ["{code}"]
text = '''
{code} [[templates]]'''
"""


def test_a_file_gives_its_templates_with_the_lines_where_they_stand() -> None:
    raw = FILE.encode()
    first, second = files.read(raw, "mine.toml")
    assert first.template == Template("login", "en", "{code} is it")
    assert second.template == Template("pay", "de", "{code} [[templates]]", ("{code}",))
    assert (first.line, second.line) == (2, 7)
    assert first.line_of(raw, "text") == 5
    assert second.line_of(raw, "shorter/0") == 10
    assert second.line_of(raw, "locale") == 9
    assert first.line_of(raw, "shorter/0") == 2, "what is not there is looked for at the head"


def test_lines_that_can_t_be_told_are_left_out() -> None:
    raw = b'templates = [{name = "login", locale = "en", text = "{code}"}]'
    (only,) = files.read(raw, "mine.toml")
    assert only.line is None
    assert only.line_of(raw, "text") is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "mine.toml: has no [[templates]] in it"),
        (b"other = 1", "mine.toml: there is no setting called 'other'"),
        (b"[[templates]]\nname = 3", "mine.toml, line 1: name must be a text in quotes"),
        (b'\n[[templates]]\nname = "x"', "mine.toml, line 2: a template needs the setting 'locale'"),
        (
            b'[[templates]]\nname = "x"\nlocale = "en"\ntext = "t"\nshorter = "s"',
            "mine.toml, line 1: shorter must be a list of texts in quotes",
        ),
        (
            b'[[templates]]\nname = "x"\nlocale = "en"\ntext = "t"\nshorter = [1]',
            "mine.toml, line 1: shorter must be a list of texts in quotes",
        ),
        (b'[[templates]]\nname = "x"\ntxet = "t"', "mine.toml, line 1: there is no setting called 'txet'"),
        (
            b'[[templates]]\nname="a"\nlocale="en"\ntext="x"\n[[templates]]\nname="a"\nlocale="en"\ntext="y"',
            "mine.toml, line 5: there are two templates of this name and locale; keep one",
        ),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_one_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(ConfigError) as raised:
        files.read(content, "mine.toml")
    assert str(raised.value) == sentence


@pytest.mark.parametrize("content", [b"[[templates", b"\xff\xfe", b"a = "])
def test_a_file_that_is_no_toml_is_one_sentence_too(content: bytes) -> None:
    with pytest.raises(ConfigError, match=r"mine\.toml: is not TOML"):
        files.read(content, "mine.toml")
