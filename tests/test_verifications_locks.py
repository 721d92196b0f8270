"""Guessers against the whole box in virtual time: an hour's bound, locks, who lifts them, a clock that was set."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_verifications import OPEN, SCOPES, fail_all, problem, rows, started, wait_out, wrong
from web_fixtures import PHONE, START_MS, WebBox, web_box

from simcourier.config import Verifications
from simcourier.outbox import clock_marks
from simcourier.outbox.clock_marks import Mark

HOUR_S = 3600
DAY_MS = 24 * HOUR_S * 1000


@pytest.fixture
def box(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path, limits=OPEN) as box:
        box.modem()
        yield box


def guess(box: WebBox, key: str, binding: str, *, then_right: bool) -> list[float]:
    """Start, guess wrong as often as it is let, four times at most; gives the moments of the wrong codes."""
    answer = box.start(key, binding=binding)
    if answer.status_code == 423:
        box.pass_time(answer.json.get("retry_after", HOUR_S))
        return []
    verification, code = started(answer), box.code()
    box.submitted()
    moments = []
    for _ in range(4):
        answer = box.check(key, verification, wrong(code), binding=binding)
        if answer.status_code == 422:
            moments.append(box.now)
    if then_right:
        box.check(key, verification, code, binding=binding)
    box.post(f"/v1/verifications/{verification}/cancel", key)
    box.settle()
    return moments


def test_c08_no_hour_has_more_than_a_hundred_wrong_codes_whatever_the_guesser_knows(box: WebBox) -> None:
    """Ever new bindings escape their delays, a right code now and then ends each row: the hour's count stays."""
    key, begin, moments = box.key(*SCOPES), box.now, []
    for number in range(400):
        if box.now > begin + 4 * HOUR_S:
            break
        moments += guess(box, key, f"session {number}", then_right=True)
    assert box.now > begin + 4 * HOUR_S
    assert len(moments) > 100
    most = max(bisect_left(moments, at + HOUR_S) - n for n, at in enumerate(moments))
    assert most <= 100


def test_c08_the_bound_can_be_made_stricter(tmp_path: Path) -> None:
    with web_box(tmp_path, limits=OPEN, verifications=Verifications(failures_hour=8)) as box:
        box.modem()
        key = box.key(*SCOPES)
        verification = started(box.start(key))
        code = box.code()
        for _ in range(4):
            assert problem(box.check(key, verification, wrong(code))) == (422, "code-incorrect")
        held = box.check(key, verification, code)
        assert problem(held) == (423, "recipient-locked")
        assert held.json["retry_after"] == HOUR_S


def lock(box: WebBox, key: str) -> None:
    """A number that nothing but an admin unlocks."""
    for _ in range(20):
        wait_out(box, key)
        fail_all(box, key)
    assert "retry_after" not in box.start(key).json


def test_c23_only_an_admin_unlocks_a_number_and_that_is_on_record(box: WebBox) -> None:
    key = box.key(*SCOPES, "messages:send", "messages:read", "status:read")
    lock(box, key)
    for stranger in (key, box.key("status:read"), box.key("verifications:check")):
        assert problem(box.post("/v1/numbers/unlock", stranger, json={"to": PHONE})) == (
            403,
            "forbidden-scope",
        )
    assert box.post("/v1/numbers/unlock", json={"to": PHONE}).status_code == 401
    box.pass_time(400 * 24 * HOUR_S)
    assert problem(box.start(key)) == (423, "recipient-locked")
    admin = box.key("admin")
    assert box.post("/v1/numbers/unlock", admin, json={"to": PHONE}).json == {"unlocked": True}
    assert box.post("/v1/numbers/unlock", admin, json={"to": PHONE}).json == {"unlocked": False}
    entries = rows(box, "SELECT actor, action, number_key FROM audit ORDER BY seq")
    unlocks = [entry for entry in entries if entry.action == "recipient.unlocked"]
    assert [entry.actor for entry in unlocks] == [admin.split("_")[1]] * 2
    assert all(entry.number_key and PHONE not in entry.number_key for entry in unlocks)
    verification = started(box.start(key))
    assert box.check(key, verification, box.code()).status_code == 200


def test_c23_another_number_stays_locked(box: WebBox) -> None:
    key = box.key(*SCOPES)
    lock(box, key)
    box.post("/v1/numbers/unlock", box.key("admin"), json={"to": "+447700900124"})
    assert problem(box.start(key)) == (423, "recipient-locked")


def test_c10_what_is_open_when_a_number_is_locked_is_closed_for_every_client(box: WebBox) -> None:
    key, other = box.key(*SCOPES), box.key(*SCOPES)
    for _ in range(19):
        wait_out(box, key)
        fail_all(box, key)
    wait_out(box, key)
    bystander = started(box.start(other, purpose="payment", binding="phone", ttl=600))
    code = box.code()
    box.submitted()
    fail_all(box, key)
    closed = box.check(other, bystander, code, binding="phone")
    assert problem(closed) == (410, "verification-closed")
    assert closed.json["reason"] == "blocked"


@pytest.mark.parametrize("step_ms", [-DAY_MS, -61_000, -30_000, 30_000, 61_000, DAY_MS])
def test_a27_a_delay_lasts_as_long_as_it_would_have_when_the_clock_is_set(box: WebBox, step_ms: int) -> None:
    key = box.key(*SCOPES)
    fail_all(box, key)
    box.clock_step_ms = step_ms
    box.pass_time(1)
    held = box.start(key)
    assert problem(held) == (423, "recipient-locked")
    assert held.json["retry_after"] == 29
    box.pass_time(29)
    assert box.start(key).status_code == 202


@pytest.mark.parametrize("back_ms", [-1_000, -30_000, -61_000, -DAY_MS])
def test_a27_what_is_expired_stays_so_when_the_clock_is_set_back(box: WebBox, back_ms: int) -> None:
    key = box.key(*SCOPES)
    swept = started(box.start(key, ttl=60))
    swept_code = box.code()
    box.submitted()
    box.pass_time(60)
    due = started(box.start(key, purpose="other", ttl=60))
    due_code = box.code()
    box.submitted()
    box.now += 60  # over, and nobody has looked yet
    box.clock_step_ms = back_ms
    for verification, code in ((swept, swept_code), (due, due_code)):
        assert problem(box.check(key, verification, code)) == (410, "verification-closed")
    box.pass_time(1)  # follows the clock
    box.pass_time(1)
    for verification, code in ((swept, swept_code), (due, due_code)):
        assert problem(box.check(key, verification, code)) == (410, "verification-closed")
        assert box.get(f"/v1/verifications/{verification}", key).json["status"] == "expired"


@pytest.mark.parametrize("back_ms", [-5_000, -30_000, -59_000])
def test_a27_a_small_step_back_gives_no_code_a_longer_life(box: WebBox, back_ms: int) -> None:
    key = box.key(*SCOPES)
    verification = started(box.start(key, ttl=60))
    code = box.code()
    box.submitted()
    box.pass_time(30)
    box.clock_step_ms = back_ms
    box.pass_time(29)
    assert box.get(f"/v1/verifications/{verification}", key).json["status"] == "pending"
    box.pass_time(1)
    assert problem(box.check(key, verification, code)) == (410, "verification-closed")


@pytest.mark.parametrize(
    ("offset_ms", "doubtful"),
    [(0, False), (-9_000, False), (-11_000, True), (11_000, True), (-3_600_000, True)],
)
def test_a27_a_clock_set_between_two_starts_of_the_daemon_is_noticed(offset_ms: int, doubtful: bool) -> None:
    before, now = Mark(START_MS, "boot 1"), Mark(START_MS + offset_ms, "boot 1")
    assert clock_marks.is_doubtful(before, now) is doubtful
    assert not clock_marks.is_doubtful(None, now)
