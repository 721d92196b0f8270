"""What the page says of SIMs, in a real browser from the narrowest phone to a desk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from page_driver import browser, complaints, needs_chromium, served, text
from test_care_balance import EAST, answer, tick
from web_fixtures import WebBox, web_box

from simcourier.config import Pace, Sims
from simcourier.modem.facts import Fault, FaultSeen, Recovered, Rung

pytestmark = [pytest.mark.live, needs_chromium]

# Every pair of cells of one modem whose words lie over each other.
OVERLAPS = """
const found = [];
for (const row of document.querySelectorAll(".modems tbody tr")) {
  const boxes = [...row.children].map((cell) => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return [cell.className, range.getBoundingClientRect()];
  }).filter(([, box]) => box.width > 0);
  for (const [i, [one, a]] of boxes.entries())
    for (const [other, b] of boxes.slice(i + 1))
      if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
        found.push([one, other]);
}
return found;
"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebBox]:
    directory = tmp_path_factory.mktemp("box")
    with web_box(directory, operators=(EAST,), sims=Sims(approve="by-admin", pace=Pace(month=2000))) as box:
        for name in ("modem-1", "stick-with-quite-a-long-name-0123456789", "new"):
            box.modem(name)
            card = box.radio.cards[name]
            box.change(
                replace(card, network="00101", registration="roaming", operator="Example Mobile Networks")
            )
        key = box.key("admin")
        for number in (1, 2):
            box.post(f"/v1/sims/894450000000000000{number}/approve", key)
        box.settle()
        tick(box)
        answer(box, "3,20 EUR")
        box.tell(FaultSeen("modem-1", Fault.SILENT, "AT+CSQ: no answer", box.now))
        box.tell(Recovered("modem-1", Fault.SILENT, Rung.PROBE, 3.0))
        yield box


@pytest.mark.parametrize("width", [320, 400, 768, 1280])
def test_what_is_told_of_sims_has_room(web: WebBox, tmp_path: Path, width: int) -> None:
    with served(web) as url, browser(tmp_path / "profile", width=width, height=1000) as driver:
        driver.get(url)
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width
        assert driver.execute_script(OVERLAPS) == []
        rows = text(driver, ".modems tbody")
        for said in (
            "its SIM runs low: 3.20 EUR left",
            "the SIM waits for an admin's yes: it was never seen before",
            "Last fault: did not answer",
            "East, roaming",
            "0 of 2000 this month",
        ):
            assert said in rows
        driver.get(f"{url}modems/modem-1")
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width
        assert "did not answer" in text(driver, ".facts")
        assert complaints(driver) == []
