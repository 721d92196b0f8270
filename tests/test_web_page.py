"""The status page's HTML: what it shows, what it never shows, and what a browser may do with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from web_fixtures import CODE, PHONE, TEXT, WebBox, web_box

import simcourier_web
from simcourier.config import Modem
from simcourier.modem.facts import ModemState

STATIC = Path(simcourier_web.__file__).parent / "static"


class Page(HTMLParser):
    """The words of a page and its start tags."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path) as box:
        yield box


def page(web: WebBox, path: str = "/") -> Page:
    answer = web.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    return Page(answer.text)


def test_the_page_shows_modem_queue_and_message(web: WebBox) -> None:
    web.modem()
    key = web.key("messages:send")
    message = web.send(key).json["id"]
    web.pass_time(4.2)
    web.reported(web.submitted())
    web.send(key)
    web.send(key, **{"class": "bulk"})
    web.pass_time(8)
    words = page(web).words
    for expected in ("Ready. The modem can send.", "modem-1", "Example Mobile", "good, −79 dBm", "12 s"):
        assert expected in words
    assert words[words.index("Bulk") + 1] == "1"
    assert words[words.index("Oldest") + 1] == "8 s"
    assert words[words.index("Being sent") + 1] == "1"
    row = words.index(message[4:10])
    assert words[row - 4 : row + 3] == [
        "+44•••••0123",
        "Delivered",
        "otp",
        "modem-1",
        message[4:10],
        "4.2 s",
        "12 s",
    ]


def test_the_fragment_is_what_the_page_holds(web: WebBox) -> None:
    web.modem()
    web.send(web.key("messages:send"))
    web.settle()
    for path in ("/", "/modems/modem-1"):
        whole = web.get(path)
        source = Page(whole.text).all("main")[0]["data-source"]
        assert source is not None
        assert web.get(source).text.strip() in whole.text


def test_the_page_never_shows_a_text_a_code_or_a_whole_number(web: WebBox) -> None:
    web.modem()
    key = web.key("messages:send", "messages:read")
    message = web.send(key, reference="private-reference").json["id"]
    web.send(key, supersedes="private-key")
    card = web.radio.cards["modem-1"]
    for path in ("/", "/live", "/modems/modem-1", "/modems/modem-1/live"):
        told = web.get(path).text
        for secret in (TEXT, CODE, PHONE[1:], PHONE[3:], message, "private-", card.sim, card.imei):
            assert secret not in told


def test_a_locked_sim_is_told_in_words(web: WebBox) -> None:
    web.modem(state=ModemState.SIM_LOCKED, reason="the SIM asks for its PIN, and none is configured")
    for path in ("/", "/modems/modem-1"):
        words = " ".join(page(web, path).words)
        assert "SIM is locked" in words
        assert "pin_file" in words
    assert "No modem can send." in page(web).words


def test_a_paused_modem_is_shown_as_paused(web: WebBox) -> None:
    web.modem()
    web.service.modems.pause("modem-1", paused=True)
    assert "Paused" in page(web).words


def test_a_box_without_anything_is_shown_too(web: WebBox) -> None:
    words = page(web).words
    assert {"No modem is connected.", "No modem has been seen.", "No message yet."} <= set(words)


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "{{ 7 * 7 }}",
    "javascript:alert(1)",
    "\u202etxt.exe",
    "</td></tr></table><h1>pwned",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_network_may_call_itself_anything(web: WebBox, name: str) -> None:
    web.modem()
    sane = [tag for tag, _attributes in page(web).tags]
    card = web.radio.cards["modem-1"]
    web.change(replace(card, operator=name, reason=name, model=name, revision=name))
    for path in ("/", "/modems/modem-1"):
        shown = page(web, path)
        assert any(name.replace("\u202e", "<U+202E>") in words for words in shown.words)
        assert not [
            attributes for _tag, attributes in shown.tags if any(key.startswith("on") for key in attributes)
        ]
        assert "img" not in [tag for tag, _attributes in shown.tags]
        assert len(shown.all("script")) == len(shown.all("h1")) == 1
    assert [tag for tag, _attributes in page(web).tags if tag not in {"small", "ul", "li"}] == [
        tag for tag in sane if tag not in {"small", "ul", "li"}
    ]


def test_the_policy_allows_nothing_but_our_own_files(web: WebBox) -> None:
    web.modem()
    for path in ("/", "/live", "/modems/modem-1"):
        answer = web.get(path)
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert {policy["script-src"], policy["style-src"]} == {"'self'"}
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        shown = Page(answer.text)
        assert not [tag for tag, attributes in shown.tags if "style" in attributes or tag == "style"]
        assert all(attributes.get("src") for attributes in shown.all("script"))
        for _tag, attributes in shown.tags:
            for link in (attributes.get("href"), attributes.get("src")):
                assert link is None or link.startswith(("/", "#"))
                assert link is None or not link.startswith("//")


def test_every_asset_is_in_the_package_and_none_comes_from_elsewhere(web: WebBox) -> None:
    web.modem()
    links = re.findall(r'(?:href|src)="(/static/[^"]+)"', web.get("/").text)
    assert len(links) == 3
    for link in links:
        with web.get(link) as answer:
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == "no-cache"
            assert answer.headers["ETag"]
    for file in STATIC.iterdir():
        assert not re.search(r"(https?:)?//(?!www\.w3\.org/2000/svg)[a-z]", file.read_text())


def test_the_page_works_without_script(web: WebBox) -> None:
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in web.get("/").text


def test_the_page_can_be_heard(web: WebBox) -> None:
    web.modem()
    web.send(web.key("messages:send"))
    shown = page(web)
    assert shown.all("html")[0]["lang"] == "en"
    assert len(shown.all("caption")) == len(shown.all("table")) == 2
    assert {attributes.get("scope") for attributes in shown.all("th")} == {"row", "col"}
    assert {attributes.get("aria-hidden") for attributes in shown.all("svg")} == {"true"}
    banner = next(attributes for attributes in shown.all("section") if attributes.get("role") == "status")
    assert banner["aria-live"] == "polite"
    assert [p["id"] for p in shown.all("p") if p.get("role") == "alert"] == ["lost"]
    # A row or cell that a style sheet lays out as a card is a row or cell to a screen reader only by its role.
    for tag, role in {
        "table": {"table"},
        "tr": {"row"},
        "td": {"cell"},
        "th": {"columnheader", "rowheader"},
    }.items():
        assert {attributes.get("role") for attributes in shown.all(tag)} == role


def test_a_modem_of_the_sandbox_is_marked_on_both_pages(tmp_path: Path) -> None:
    ports = (Modem("/run/sandbox/modem-*", sandbox=True),)
    with web_box(tmp_path, modems=ports) as web:
        web.modem()
        web.modem("modem-2")
        web.change(replace(web.radio.cards["modem-2"], port="/run/sandbox/modem-2"))
        words = page(web).words
        assert words.count("Sandbox") == 1
        assert words[words.index("modem-2") + 1] == "Sandbox"
        assert "Ready (sandbox)" in page(web, "/modems/modem-2").words
        assert "Ready" in page(web, "/modems/modem-1").words
