"""`simcourier inbound` and `simcourier stops`: what strangers write is shown, and steers nothing."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_process import Started, call, wait_until
from inbound_texts import SENDER, write
from page_driver import served
from web_fixtures import WebBox, web_box

from simcourier.cli.inbound import describe, newer
from simcourier.cli.wording import write_json

Json = dict[str, Any]
EVIL = {
    "\x1b[2J\x1b]0;owned\x07": "\\x1b[2J\\x1b]0;owned\\x07",
    "pay \u202e001\u202c now": "pay \\u202e001\\u202c now",
    "one\r\nsck_admin": "one\\r\\nsck_admin",
    "[bold red]markup[/]": "[bold red]markup[/]",
    "zero\u200bwidth\ufeff": "zero\\u200bwidth\\ufeff",
    "c1\x9b31m": "c1\\x9b31m",
}
ITEM: Json = {
    "id": "inb_1",
    "kind": "text",
    "from": SENDER,
    "text": "hello",
    "modem": "modem-1",
    "parts": 1,
    "missing": 0,
    "sent_at": None,
    "received_at": "2026-01-31T12:00:00.000Z",
    "acked_at": None,
    "acked_by": None,
}


class Cli:
    """The real command line against a served box."""

    def __init__(self, web: WebBox, url: str) -> None:
        self.web = web
        self._box = ("--url", url.rstrip("/"), "--key", web.key("admin"))

    def __call__(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return call(*words, *self._box, **options)

    def begin(self, *words: str) -> Started:
        return Started(*words, *self._box)


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    with web_box(tmp_path) as web:
        web.modem()
        with served(web) as url:
            yield Cli(web, url)


def test_a18_nothing_in_a_text_or_name_steers_a_terminal() -> None:
    for text, shown in EVIL.items():
        said = "\n".join(describe({**ITEM, "text": text, "from": text[:11]}))
        assert shown in said
        assert all(character.isprintable() or character == "\n" for character in said)
        assert len(said.splitlines()) == 2


def test_what_is_known_of_a_message_is_said() -> None:
    (head, body) = describe({**ITEM, "kind": "stop", "parts": 3, "missing": 1})
    assert "1 part of 3 missing" in head
    assert "wants no more messages" in head
    assert "not acknowledged" in head
    assert body == "  hello"
    assert describe({**ITEM, "text": None, "acked_at": ITEM["received_at"]})[1] == "  (its key is lost)"


class Pages:
    """A box that has so many messages, two a page."""

    def __init__(self, count: int) -> None:
        self.count = count

    def get(self, *_path: str, limit: int, cursor: int | None) -> Json:
        first = self.count if cursor is None else cursor - 1
        numbers = list(range(first, max(0, first - 2), -1))
        more = bool(numbers) and numbers[-1] > 1
        items = [{"id": f"inb_{n}", "received_at": f"2026-01-31T12:00:{n:02}.000Z"} for n in numbers]
        return {"items": items, "next_cursor": numbers[-1] if more else None}


def test_following_finds_what_is_new_over_pages_the_oldest_first() -> None:
    box: Any = Pages(7)
    assert [item["id"] for item in newer(box, {"inb_2"})] == [f"inb_{n}" for n in (3, 4, 5, 6, 7)]
    assert newer(box, {"inb_7"}) == []
    assert len(newer(box, set())) == 7


def test_following_does_not_begin_anew_when_all_that_was_shown_is_erased() -> None:
    box: Any = Pages(7)
    new = newer(box, {"inb_erased"}, "2026-01-31T12:00:05.000Z")
    assert [item["id"] for item in new] == ["inb_6", "inb_7"]


def test_json_steers_no_terminal_and_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    for text in EVIL:
        write_json({"text": text})
        shown = capsys.readouterr().out
        assert all(character.isprintable() or character == "\n" for character in shown)
        assert json.loads(shown) == {"text": text}


def test_messages_are_shown_the_newest_last_and_acknowledged(cli: Cli) -> None:
    assert cli("inbound").stdout == "Nothing came in.\n"
    write(cli.web, "first")
    write(cli.web, "\x1b[31mred")
    shown = cli("inbound", "--ack")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.index("first") < shown.stdout.index("\\x1b[31mred")
    assert SENDER in shown.stdout
    assert cli("inbound", "--unacked").stdout == "Nothing waits to be acknowledged.\n"
    (newest, oldest) = json.loads(cli("inbound", "--json").stdout)["items"][::-1]
    assert (newest["text"], oldest["text"]) == ("\x1b[31mred", "first"), "programs get what was written"


def test_following_shows_what_comes_in_meanwhile(cli: Cli) -> None:
    write(cli.web, "before")
    with cli.begin("inbound", "--follow") as following:
        wait_until(lambda: any("before" in line for line in following.out), "what is there")
        write(cli.web, "while it runs")
        wait_until(lambda: any("while it runs" in line for line in following.out), "what came in")
        following.process.send_signal(signal.SIGINT)
        following.process.wait(10)


def test_stops_are_added_shown_and_lifted(cli: Cli) -> None:
    assert cli("stops").stdout == "Nobody is on the list.\n"
    assert cli("stops", "add", "-", input="+44 7700 900123\n").stdout == "+44•••••0123 is on the list\n"
    assert cli("stops", "add", "+447700900123").stdout == "+44•••••0123 is already on the list\n"
    write(cli.web, "STOP")
    listed = cli("stops", "list").stdout
    assert "+44•••••0123" in listed
    assert "+44•••••0666" in listed
    assert "sms" in listed
    items = json.loads(cli("stops", "list", "--json").stdout)["items"]
    key = next(item["key"] for item in items if item["set_by"] == "sms")
    assert cli("stops", "lift", key).stdout == "+44•••••0666 gets messages again\n"
    assert cli("stops", "lift", "+447700900123").stdout == "+44•••••0123 gets messages again\n"
    refused = cli("stops", "lift", "+447700900123")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "not on the list" in refused.stderr
