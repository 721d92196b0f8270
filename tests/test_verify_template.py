"""A template becomes a text: values are cleaned, the first form that fits is taken, the last line binds the code."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.errors import RequestError
from simcourier.sms.text import Alphabet, plan
from simcourier.verify.catalogue import BUILT_IN
from simcourier.verify.template import Fault, Literal, Slot, Template, fits, parse, scan
from simcourier.verify.values import (
    LONGEST,
    LONGEST_VALUES,
    USUAL_VALUES,
    Placeholder,
    Values,
    check_own_code,
    clean,
    length,
    whole_minutes,
)

CODE = "482913"
LOGIN = Template("login", "en", "{code} is your {app} code, valid {minutes} min.", ("Code {code}",))
PAY = Template("pay", "en", "{code}: {amount} to {payee}")
HASH = "FA+9qCX9VSu"


def values(**given: object) -> Values:
    return Values(**{"code": CODE, "minutes": 5, "app": "Acme", **given})  # type: ignore[arg-type] # strings and a number


def refusal(template: Template, given: Values, **more: str) -> tuple[str, str | None]:
    with pytest.raises(RequestError) as raised:
        template.render(given, **more)  # type: ignore[arg-type] # keywords of strings
    return raised.value.code, raised.value.pointer


# --- the text ---


def test_placeholders_are_filled_and_doubled_braces_are_braces() -> None:
    assert LOGIN.render(values()) == "482913 is your Acme code, valid 5 min."
    assert Template("x", "en", "{{{code}}} {{app}}").render(values()) == "{482913} {app}"


def test_a_value_that_looks_like_a_placeholder_is_not_filled_in_again() -> None:
    assert Template("x", "en", "{code} {app}").render(values(app="{code}")) == "482913 {code}"


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("{", [Fault(1, None)]),
        ("a } b", [Fault(3, None)]),
        ("{code} {cod}", [Fault(8, "cod")]),
        ("{}", [Fault(1, "")]),
        ("{code.__class__}", [Fault(1, "code.__class__")]),
        ("{code!r}", [Fault(1, "code!r")]),
        ("{0}", [Fault(1, "0")]),
        ("{ code }", [Fault(1, " code ")]),
        ("{CODE}", [Fault(1, "CODE")]),
        ("{{code}", [Fault(7, None)]),
        ("%s %(code)s ${code} {% code %}", [Fault(21, "% code %")]),
    ],
)
def test_whatever_else_stands_in_braces_is_a_fault_and_never_evaluated(
    text: str, faults: list[Fault]
) -> None:
    assert [piece for piece in scan(text) if isinstance(piece, Fault)] == faults
    with pytest.raises(RequestError) as raised:
        parse(text)
    assert (raised.value.code, raised.value.pointer) == ("policy-violation", "/text")


@given(st.text(alphabet="{}abcode ", max_size=30))
def test_cutting_a_text_loses_nothing(text: str) -> None:
    back = ""
    for piece in scan(text):
        match piece:
            case Literal(own):
                back += own.replace("{", "{{").replace("}", "}}")
            case Slot(placeholder):
                back += f"{{{placeholder}}}"
            case Fault(_, None):
                back += text[piece.position - 1]
            case Fault(_, name):
                back += f"{{{name}}}"
    assert back == text


# --- values ---


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("code", ""),
        ("code", "123"),
        ("code", "12345678901"),
        ("code", "482 913"),
        ("code", "482913\n"),
        ("code", "٤٨٢٩١٣"),
        ("minutes", 0),
        ("minutes", 1441),
        ("app", "A" * 21),
        ("app", "Ac\nme"),
        ("app", "Ac\x00me"),
        ("app", "Ac\u202eme"),
        ("app", "Ac\u200bme"),
        ("app", "Ac\u2066me"),
        ("app", "Ac\ud800me"),
        ("app", "acme.com"),
        ("app", "Acme.DE"),
        ("app", "acme。com"),
        ("app", "пример.рф"),
        ("app", "see http://a"),
        ("app", "www.acme"),
        ("app", "me@acme.example.org"),
        ("app", "tel:123"),
        ("app", "Аcme"),  # a Cyrillic letter in front
        ("app", "Ａｃｍｅ"),
        ("app", "evil.zip"),
        ("app", "evil.anything"),
        ("app", "evil．zip"),
        ("app", "x\u0338.zip"),
        ("app", "St.Gallen"),
        ("app", "12.50"),
        ("app", "93.184.216.34"),
        ("app", "a@b"),
        ("app", "a＠b"),
        ("app", "go/a"),
        ("app", "go\u2044a"),
        ("app", "Code 1111"),
        ("app", "111-111 it is"),
        ("app", "11 11"),
        ("app", "١١١١"),
        ("app", "+44 900"),
        ("app", "Call 09061234567"),
    ],
)
def test_a_value_that_could_pretend_is_refused_by_name(field: str, value: object) -> None:
    assert refusal(LOGIN, values(**{field: value})) == ("policy-violation", f"/{field}")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "1" * 21),
        ("amount", "€" * 9 + "123"),  # 21 septets
        ("amount", "free"),
        ("amount", "12\u202850"),
        ("amount", "call 09061234567"),
        ("amount", "09061234567"),
        ("amount", "12 EUR now"),
        ("amount", "PIN: 222222"),
        ("amount", "EUR 12 EUR"),
        ("amount", "FREE 12"),
        ("amount", "12 .zip"),
        ("amount", "12.zip"),
        ("amount", "93.184.216.34"),
        ("amount", "12,50 EUR\u2026"),
        ("amount", "EUR"),
        ("payee", "Code 222222"),
        ("payee", "evil.bar"),
        ("payee", "a@b"),
        ("payee", "IBAN 12 34"),
        ("payee", "P" * 31),
        ("payee", "Shop, see shop.example.com"),
    ],
)
def test_amount_and_payee_are_bounded_and_clean(field: str, value: str) -> None:
    given_both = {"amount": "12.50 EUR", "payee": "Shop", field: value}
    assert refusal(PAY, values(**given_both)) == ("policy-violation", f"/{field}")


@pytest.mark.parametrize(
    "value",
    [
        "St. Gallen",
        "Dr. No",
        "Müller & Co. KG",
        "S. p. A.",
        "Shop (Inc.)",
        "Łódź 24",
        "क्‍ष",
        "Cafe 100%",
        "7-11",
    ],
)
def test_honest_names_pass(value: str) -> None:
    assert clean(values(app=value))[Placeholder.APP] == value


@pytest.mark.parametrize(
    "value",
    [
        "12",
        "0.50",
        "12.50 EUR",
        "EUR 12,50",
        "€12.50",
        "12,50 €",
        "1 250,00 zł",
        "1'250.-",
        "CHF 12.-",
        "1,00,000 ₹",
        "-12.50 USD",
        "US$12",
        "12,50 Kč",
        "12,50 kr.",
        "250 د.إ",
        "Rs. 250",
        "12,5 руб.",
        "1.250.000 VND",
    ],
)
def test_honest_amounts_pass(value: str) -> None:
    assert clean(values(amount=value, payee="Shop"))[Placeholder.AMOUNT] == value


@pytest.mark.parametrize("code", ["HELP", "STOPstop"])
def test_a30_a_code_that_a_caller_made_has_a_digit(code: str) -> None:
    with pytest.raises(RequestError) as raised:
        check_own_code(code, at="/vars")
    assert (raised.value.code, raised.value.pointer) == ("policy-violation", "/vars/code")
    check_own_code("HELP1")


def test_the_longest_and_the_usual_values_are_honest_ones() -> None:
    for each in (LONGEST_VALUES, USUAL_VALUES):
        minutes = min(int(each[Placeholder.MINUTES]), 1440)
        texts = {name: each[name] for name in Placeholder if name is not Placeholder.MINUTES}
        assert clean(Values(minutes=minutes, **texts)).keys() == set(Placeholder)


def test_no_error_repeats_a_value() -> None:
    for given_values in (values(app="evil.com"), values(app="x" * 40), values(code="12-SECRET-34")):
        with pytest.raises(RequestError) as raised:
            clean(given_values)
        assert not re.search(r"evil|xxx|SECRET|12", raised.value.detail)


def test_the_pointer_begins_where_the_caller_s_fields_do() -> None:
    with pytest.raises(RequestError) as raised:
        LOGIN.render(values(app="acme.com"), at="/vars")
    assert raised.value.pointer == "/vars/app"


def test_spaces_of_other_kinds_become_plain_ones() -> None:
    paid = PAY.render(values(amount=" 1\u202f250,00\u00a0EUR ", payee="Shop  24"))
    assert paid == "482913: 1 250,00 EUR to Shop 24"


def test_a_value_is_spelled_in_the_gsm_alphabet_where_the_text_is_in_it() -> None:
    assert LOGIN.render(values(app="Łódź “24”")) == '482913 is your Lodz "24" code, valid 5 min.'
    assert LOGIN.render(values(app="Bücher")) == "482913 is your Bücher code, valid 5 min."
    # Another script is not half spelled; it makes the text UCS-2.
    assert plan(LOGIN.render(values(app="Банк"))).alphabet is Alphabet.UCS2
    ukrainian = Template("x", "uk", "Код {code} {app}")
    assert ukrainian.render(values(app="Łódź")).endswith("Łódź")


def test_minutes_never_promise_more_than_there_is() -> None:
    assert [whole_minutes(life_s) for life_s in (20, 60, 119, 120, 300, 599.9)] == [1, 1, 1, 2, 5, 9]


def test_the_code_is_in_no_repr() -> None:
    assert CODE not in repr(values())


# --- payments (PSD2) ---


def test_a_payment_is_told_with_amount_and_payee_or_not_at_all() -> None:
    assert PAY.render(values(amount="12.50 EUR", payee="Shop")) == "482913: 12.50 EUR to Shop"
    assert refusal(PAY, values(amount="12.50 EUR")) == ("policy-violation", "/payee")
    assert refusal(PAY, values(payee="Shop")) == ("policy-violation", "/amount")
    assert refusal(PAY, values())[1] in {"/amount", "/payee"}


def test_a_template_that_would_hide_the_payment_is_refused() -> None:
    assert refusal(LOGIN, values(amount="12.50 EUR", payee="Shop")) == ("policy-violation", "/template")


# --- which form ---


def test_without_an_application_s_name_the_form_that_needs_none_is_sent() -> None:
    assert LOGIN.render(values(app="")) == "Code 482913"
    assert refusal(Template("x", "en", "{code} {app}"), values(app=" ")) == ("policy-violation", "/app")


def test_the_first_form_that_fits_one_segment_is_sent() -> None:
    long = Template("x", "en", "{code} " + "a" * 140 + " {app}", ("{code} short {app}", "{code}"))
    assert long.render(values(app="A")).endswith("a A")
    assert long.render(values(app="A" * 20)) == f"{CODE} short " + "A" * 20
    assert long.render(values(app="Б" * 20)) == f"{CODE} short " + "Б" * 20
    assert long.render(values(), origin_host=f"{'a' * 63}.{'b' * 63}.example").startswith(f"{CODE}\n@")


@pytest.mark.parametrize(
    ("given_values", "more", "pointer"),
    [
        (values(), {"origin_host": f"{'a' * 63}.{'b' * 63}.example.com"}, "/origin_host"),
        (values(), {"app_hash": HASH}, "/app_hash"),
        (values(app="Б" * 20), {}, "/app"),
    ],
)
def test_what_fits_in_no_form_is_too_long_by_the_field_to_shorten(
    given_values: Values, more: dict[str, str], pointer: str
) -> None:
    template = Template("x", "en", "{code} {app}" + "a" * 130)
    assert refusal(template, given_values, **more) == ("too-long", pointer)


# --- the last line ---


def test_the_origin_line_is_the_last_one_in_the_form_browsers_read() -> None:
    text = LOGIN.render(values(), origin_host="Login.Example.com")
    assert text.split("\n")[-1] == f"@login.example.com #{CODE}"
    # The grammar of the WICG report: host, one space, code, nothing behind it.
    assert re.fullmatch(r"[^\n]+\n@[a-z0-9.-]+ #[0-9A-Z]+", text)


def test_where_an_admin_listed_hosts_no_other_stands_in_the_last_line() -> None:
    bound = replace(LOGIN, hosts=frozenset({"login.example.com"}))
    assert bound.render(values(), origin_host="Login.Example.com").endswith("\n@login.example.com #482913")
    assert bound.render(values(), app_hash=HASH).endswith(HASH)
    for host in ("evil-bank.com", "evil.login.example.com", "example.com"):
        assert refusal(bound, values(), origin_host=host) == ("policy-violation", "/origin_host")


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",
        "https://example.com",
        "example.com/login",
        "example.com:443",
        "user@example.com",
        "example.com.",
        ".example.com",
        "exa_mple.com",
        "-a.example.com",
        "a-.example.com",
        "192.0.2.1",
        "[::1]",
        "example.com\n",
        "example.com #123",
        "пример.рф",
        "ex ample.com",
        f"{'a' * 64}.com",
        ".".join(["a" * 60] * 5),
    ],
)
def test_an_origin_that_is_no_dns_name_is_refused(host: str) -> None:
    assert refusal(LOGIN, values(), origin_host=host) == ("policy-violation", "/origin_host")


def test_names_that_are_dns_names_pass() -> None:
    for host in ("a.b", "login.example.com", "xn--e1afmkfd.xn--p1ai", "3com.example", "a--b.example"):
        assert LOGIN.render(values(), origin_host=host).endswith(f"\n@{host} #{CODE}")


def test_the_app_s_hash_is_the_last_line_and_all_of_it_within_140_octets() -> None:
    text = LOGIN.render(values(), app_hash=HASH)
    assert text.split("\n")[-1] == HASH
    long = Template("x", "en", "{code}" + "a" * 122, ("{code}",))
    assert len(long.render(values(), app_hash=HASH)) == 140
    assert long.render(values(code="4829134"), app_hash=HASH) == f"4829134\n{HASH}"
    assert fits("a" * 160)
    assert not fits("a" * 141, app_hash=True)
    assert fits("я" * 70, app_hash=True)


@pytest.mark.parametrize("app_hash", ["", "short", HASH + "x", "FA+9qCX9VS\n", "FA+9qCX9VS=", "ФA+9qCX9VSu"])
def test_what_is_no_app_s_hash_is_refused(app_hash: str) -> None:
    assert refusal(LOGIN, values(), app_hash=app_hash) == ("policy-violation", "/app_hash")


def test_origin_and_hash_exclude_each_other() -> None:
    assert refusal(LOGIN, values(), origin_host="a.example", app_hash=HASH) == (
        "policy-violation",
        "/app_hash",
    )


# --- letters that run from right to left ---


def test_figures_keep_their_order_among_arabic_letters() -> None:
    arabic = Template("x", "ar", "رمز {code} لدفع {amount} إلى {payee} الآن")
    text = arabic.render(values(amount="1 250,00 EUR", payee="Shop (24)"))
    # Measured against UAX #9: without the marks it is shown as EUR 250,00 1 and (Shop (24.
    assert text == "رمز 482913 لدفع \u200e1 250,00 EUR إلى Shop (24)\u200e الآن"
    assert "\u200e" not in arabic.render(values(amount="250 د.إ", payee="متجر 24"))
    assert "\u200e" not in PAY.render(values(amount="1 250,00 EUR", payee="Shop (24)"))


# --- whatever the values ---

_WORDS = st.text(alphabet="AZaz09 .-&éŁЖ中€{}()'", max_size=24)


@given(
    template=st.sampled_from(list(BUILT_IN.values())),
    code=st.text(alphabet="0123456789KM", min_size=4, max_size=10),
    minutes=st.integers(1, 1440),
    app=_WORDS,
    amount=st.from_regex(r"[1-9][0-9]{0,6}([ .,][0-9]{2,3})?( EUR|€|zł|Ж)?", fullmatch=True),
    payee=_WORDS.map(lambda text: f"P{text}"),
)
def test_a_built_in_text_is_one_segment_with_the_code_in_it_or_refused(
    template: Template, code: str, minutes: int, app: str, amount: str, payee: str
) -> None:
    paid = {"amount": amount, "payee": payee} if template.for_payment else {}
    refused = None
    try:
        text = template.render(Values(code, minutes, app, **paid))
    except RequestError as error:
        refused = error
    if refused is not None:
        assert refused.code == "policy-violation"
        assert refused.pointer in {"/app", "/amount", "/payee"}
        return
    assert len(plan(text).segments) == 1
    assert text.count(code) >= 1
    assert "  " not in text


def test_the_lengths_of_values_are_those_of_septets_and_code_units() -> None:
    assert [length(value) for value in ("abc", "a€", "ab{", "Ж中", "😀")] == [3, 3, 4, 2, 2]
    assert set(LONGEST) == set(Placeholder)
