"""The status page in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from page_driver import browser, complaints, needs_chromium, served, text, until
from web_fixtures import WebBox, web_box

from simcourier.config import Destinations
from simcourier.modem.facts import ModemState

pytestmark = [pytest.mark.live, needs_chromium]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path / "box", destinations=Destinations(allowed_prefixes=("12345",))) as box:
        box.modem()
        yield box


def test_a_message_becomes_delivered_before_ones_eyes(web: WebBox, tmp_path: Path) -> None:
    key = web.key("messages:send")
    with served(web) as url, browser(tmp_path / "profile") as driver:
        driver.get(url)
        driver.execute_script("window.neverReloaded = true")
        assert "No message yet." in text(driver, ".messages")
        web.send(key)
        until(driver, lambda: "Sending" in text(driver, ".messages tbody"))
        tp_mr = web.submitted()
        until(driver, lambda: "Sent" in text(driver, ".messages tbody"))
        web.pass_time(4.2)
        web.reported(tp_mr)
        until(driver, lambda: "Delivered" in text(driver, ".messages tbody"))
        row = text(driver, ".messages tbody tr")
        assert "+44•••••0123" in row
        assert "4.2 s" in row
        web.modem(state=ModemState.SIM_LOCKED, reason="the SIM asks for SIM PUK")
        until(driver, lambda: "No modem can send." in text(driver, "#live .banner"))
        assert driver.execute_script("return window.neverReloaded") is True
        assert complaints(driver) == []


def test_focus_selection_and_scroll_survive_the_refresh(web: WebBox, tmp_path: Path) -> None:
    web.modem("modem-2")
    key = web.key("messages:send")
    for _ in range(15):
        web.send(key)
    with served(web) as url, browser(tmp_path / "profile", height=500) as driver:
        driver.get(url)
        driver.execute_script(
            """
            const link = document.querySelectorAll(".modems a")[1];
            link.focus();
            getSelection().selectAllChildren(document.querySelectorAll(".messages .to")[3]);
            scrollTo(0, 180);
            """
        )
        web.pass_time(33)
        until(driver, lambda: "33 s" in text(driver, ".modems"))
        kept = driver.execute_script(
            "return [document.activeElement.textContent, getSelection().toString(), scrollY]"
        )
        assert kept == ["modem-2", "+44•••••0123", 180]


def test_the_page_says_when_the_box_is_gone_and_when_it_is_back(web: WebBox, tmp_path: Path) -> None:
    with browser(tmp_path / "profile") as driver:
        with served(web) as url:
            driver.get(url)
            until(driver, lambda: text(driver, "#pulse") == "Live")
        until(driver, lambda: text(driver, "#lost").startswith("The box does not answer."))
        assert text(driver, "#pulse") == "Not live"
        port = int(url.rstrip("/").rpartition(":")[2])
        with served(web, port=port):
            until(driver, lambda: text(driver, "#pulse") == "Live")
            assert not driver.find_element("id", "lost").is_displayed()


def test_a_hidden_page_asks_for_nothing(web: WebBox, tmp_path: Path) -> None:
    fetched = "return performance.getEntriesByType('resource').filter(e => e.name.endsWith('/live')).length"
    with served(web) as url, browser(tmp_path / "profile") as driver:
        driver.get(url)
        until(driver, lambda: driver.execute_script(fetched) > 0)
        driver.execute_script(TURN, True)
        assert text(driver, "#pulse") == "Paused"
        # The browser's own clock: first for a question under way to end, then for three rounds of the script.
        driver.execute_async_script("setTimeout(arguments[0], 500)")
        asked = driver.execute_script(fetched)
        web.pass_time(50)
        driver.execute_async_script("setTimeout(arguments[0], 4500)")
        assert driver.execute_script(fetched) == asked
        assert "50 s" not in text(driver, ".modems")
        driver.execute_script(TURN, False)
        until(driver, lambda: "50 s" in text(driver, ".modems"))


TURN = """
const hidden = arguments[0];
Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
document.dispatchEvent(new Event("visibilitychange"));
"""


@pytest.mark.parametrize("path", ["", "modems/modem-1"])
@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_sticks_out_on_a_narrow_screen(web: WebBox, tmp_path: Path, width: int, path: str) -> None:
    web.modem("modem-with-quite-a-long-name-0123456789-0123456789", ModemState.SIM_LOCKED, "x" * 90)
    key = web.key("messages:send")
    for to in ("+447700900123", "12345", "+15550100123"):
        assert web.send(key, to=to).status_code == 202
    with served(web) as url, browser(tmp_path / "profile", width=width, height=844) as driver:
        driver.get(url + path)
        content, window = driver.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        # A phone's window grows with what sticks out.
        assert content <= window == width


def test_the_page_works_without_script(web: WebBox, tmp_path: Path) -> None:
    web.send(web.key("messages:send"))
    with served(web) as url, browser(tmp_path / "profile", scripts=False) as driver:
        driver.get(url)
        # The words stand in a <noscript>, whose text selenium takes for invisible.
        assert driver.find_element("css selector", ".pulse noscript").rect["width"] > 0
        assert "Ready. The modem can send." in text(driver, "#live .banner")
        assert "Sending" in text(driver, ".messages tbody")
        web.reported(web.submitted())
        until(driver, lambda: "Delivered" in text(driver, ".messages tbody"))


def test_dark_and_light_differ_and_can_be_read(web: WebBox, tmp_path: Path) -> None:
    web.send(web.key("messages:send"))
    grounds = set()
    with served(web) as url:
        for dark in (False, True):
            with browser(tmp_path / f"profile-{dark}", dark=dark) as driver:
                driver.get(url)
                low, ground = driver.execute_script(CONTRAST)
                assert low == []
                grounds.add(ground)
    assert len(grounds) == 2


# Every text against the colour behind it, by WCAG 2 (4.5 to 1); gives the texts that are too faint.
CONTRAST = """
function channels(colour) { return colour.match(/[\\d.]+/g).map(Number); }
function light([r, g, b]) {
  const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
}
function ground(node) {
  for (let at = node; at; at = at.parentElement) {
    const colour = channels(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
}
const low = [];
for (const node of document.querySelectorAll("body *")) {
  const words = [...node.childNodes].filter((n) => n.nodeType === 3 && n.nodeValue.trim());
  if (!words.length || !node.getClientRects().length) continue;
  const [a, b] = [light(channels(getComputedStyle(node).color)), light(ground(node))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) low.push([words[0].nodeValue.trim(), ratio]);
}
return [low, getComputedStyle(document.body).backgroundColor];
"""
