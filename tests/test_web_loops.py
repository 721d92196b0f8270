"""Loop tests over HTTP and from the command line, and reports that fit no message, in the status."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from web_fixtures import START_MS, WebBox, web_box

from simcourier.cli import loop_test
from simcourier.cli.status import describe
from simcourier.modem.facts import ReportArrived
from simcourier.outbox import loops
from simcourier.outbox.loops import Outcome
from simcourier.sms.report import StatusReport


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path) as box:
        for place, name in enumerate(("modem-1", "modem-2")):
            box.modem(name)
            box.change(replace(box.radio.cards[name], number=f"+44770090011{place}"))
        yield box


def test_a_test_is_begun_and_looked_at(web: WebBox) -> None:
    admin, watcher = web.key("admin"), web.key("status:read")
    begun = web.post("/v1/loop-tests", admin, json={"modem": "modem-1"})
    assert begun.status_code == 202
    (item,) = begun.get_json()["items"]
    assert (item["modem"], item["to"], item["outcome"]) == ("modem-1", "modem-2", "under-way")
    assert web.text().startswith("simcourier loop test ")
    with web.engine.begin() as connection:
        loops.end(connection, 1, Outcome.LOST, web.wall_ms(), "it did not arrive")
    seen = web.get(f"/v1/loop-tests/{item['id']}", watcher).get_json()
    assert (seen["outcome"], seen["detail"]) == ("lost", "it did not arrive")
    assert web.get("/v1/loop-tests", watcher).get_json()["items"] == [seen]


def test_without_a_name_every_sim_sends_one(web: WebBox) -> None:
    items = web.post("/v1/loop-tests", web.key("admin"), json={}).get_json()["items"]
    assert {(item["modem"], item["to"]) for item in items} == {("modem-1", "modem-2"), ("modem-2", "modem-1")}


def test_pages_of_tests_follow_one_another(web: WebBox) -> None:
    admin = web.key("admin")
    for _ in range(2):
        web.post("/v1/loop-tests", admin, json={})
    first = web.get("/v1/loop-tests?limit=3", admin)
    second = web.get(f"/v1/loop-tests?limit=3&cursor={first.get_json()['next_cursor']}", admin)
    assert 'rel="next"' in first.headers["Link"]
    assert [len(page.get_json()["items"]) for page in (first, second)] == [3, 1]
    assert second.get_json()["next_cursor"] is None


@pytest.mark.parametrize("body", [{"modem": "nobody"}, {"modem": "modem-1", "to": "modem-1"}, {"to": "x"}])
def test_a_test_that_can_not_be_is_refused_in_words(web: WebBox, body: dict[str, str]) -> None:
    answer = web.post("/v1/loop-tests", web.key("admin"), json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "policy-violation")
    assert web.get("/v1/loop-tests", web.key("admin")).get_json()["items"] == []


def test_without_a_modem_there_is_nothing_to_test(web: WebBox) -> None:
    web.radio.cards.clear()
    assert web.post("/v1/loop-tests", web.key("admin"), json={}).status_code == 422


def test_only_an_admin_spends_messages(web: WebBox) -> None:
    key = web.key("messages:send", "status:read")
    assert web.post("/v1/loop-tests", key, json={}).status_code == 403
    assert web.get("/v1/loop-tests/ltt_unknown", key).status_code == 404


def test_who_began_a_test_is_on_record(web: WebBox) -> None:
    admin = web.key("admin")
    web.post("/v1/loop-tests", admin, json={"modem": "modem-1"})
    entries = web.get("/v1/audit", admin).get_json()["items"]
    assert any(entry["action"] == "loop-test.begin" and entry["object"] == "modem-1" for entry in entries)


def test_reports_that_fit_no_message_show_in_the_status(web: WebBox) -> None:
    watcher = web.key("status:read")
    before = web.get("/v1/status", watcher).get_json()
    at = datetime.fromtimestamp(START_MS / 1000, UTC)
    web.tell(
        ReportArrived("modem-1", web.radio.cards["modem-1"].sim, StatusReport(1, "+447700900123", at, at, 0))
    )
    web.pass_time(20)
    after = web.get("/v1/status", watcher).get_json()
    assert (before["unmatched_reports"], after["unmatched_reports"]) == (0, 1)
    assert not any("unmatched" in line for line in describe(before))
    assert any("1 delivery report of no message here" in line for line in describe(after))


def test_the_table_tells_what_was_lost(capsys: pytest.CaptureFixture[str]) -> None:
    at = "2026-01-31T12:00:00.000Z"
    rows = [
        {"id": "1", "modem": "modem-1", "to": "modem-2", "outcome": "lost", "detail": "it did not arrive"},
        {"id": "2", "modem": "modem-2", "to": "modem-1", "outcome": "under-way", "detail": ""},
    ]
    loop_test._show([{**row, "at": at, "ended_at": None} for row in rows], as_json=False)
    told = capsys.readouterr().out
    assert "under way" in told
    assert "1 test lost: the SIM may be blocked or have no credit" in told


class Far:
    """A box whose only test arrives at the second look."""

    def __init__(self) -> None:
        self.looks = 0

    def get(self, *path: str) -> dict[str, object]:
        assert path == ("loop-tests", "ltt_1")
        self.looks += 1
        return {**UNDER_WAY, **({"outcome": "arrived", "ended_at": AT} if self.looks > 1 else {})}


AT = "2026-01-31T12:00:03.000Z"
UNDER_WAY = {
    "id": "ltt_1",
    "modem": "modem-1",
    "to": "modem-2",
    "outcome": "under-way",
    "detail": "",
    "at": "2026-01-31T12:00:00.000Z",
    "ended_at": None,
}


def test_who_waits_is_told_when_a_test_has_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loop_test, "looks", lambda *_times: iter([False] * 5))
    box = Far()
    ended = loop_test._follow(box, [UNDER_WAY], quiet=False)  # type: ignore[arg-type] # what it asks of a box
    assert (ended[0]["outcome"], box.looks) == ("arrived", 2)
    assert capsys.readouterr().err == "modem-1 to modem-2: arrived after 3.00 s\n"
