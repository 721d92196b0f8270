"""Reports find their part by recipient and time where TP-MRs repeat."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from simcourier.outbox.matching import Candidate, match
from simcourier.sms.report import StatusReport

NOW_MS = 1_800_000_000_000
PHONE = "+447700900001"


def candidate(message: int, ago_s: float, recipient: str = PHONE) -> Candidate:
    return Candidate(message, 1, 0, recipient, NOW_MS - int(ago_s * 1000))


def report(ago_s: float | None, recipient: str = PHONE) -> StatusReport:
    stamp = None if ago_s is None else datetime.fromtimestamp(NOW_MS / 1000 - ago_s, UTC)
    return StatusReport(1, recipient, stamp, stamp, 0)


def test_the_nearest_in_time_is_meant() -> None:
    candidates = [candidate(1, 600), candidate(2, 300), candidate(3, 5)]
    assert match(report(298), candidates) == candidates[1]


def test_another_recipient_is_never_meant() -> None:
    assert match(report(5), [candidate(1, 5, "+447700900002")]) is None


def test_a_recipient_in_national_form_is_the_same_phone() -> None:
    assert match(report(5, "07700900001"), [candidate(1, 5)]) is not None


def test_a_report_without_a_recipient_is_matched_by_reference_and_time() -> None:
    candidates = [candidate(1, 600), candidate(2, 5, "+447700900002")]
    assert match(report(5, ""), candidates) == candidates[1]


def test_without_a_time_stamp_the_newest_is_meant() -> None:
    candidates = [candidate(1, 600), candidate(2, 5), candidate(3, 300)]
    assert match(report(None), candidates) == candidates[1]


def test_a_time_stamp_that_is_years_off_says_nothing() -> None:
    candidates = [candidate(1, 600), candidate(2, 5)]
    assert match(report(10 * 365 * 86400), candidates) == candidates[1]


def test_of_two_in_the_same_second_the_older_is_meant() -> None:
    candidates = [candidate(2, 5.0), candidate(1, 5.3)]
    assert match(report(5.1), candidates) == candidates[1]


@given(st.lists(st.floats(0, 80_000), min_size=1, max_size=20, unique=True), st.data())
def test_whatever_the_order_of_the_candidates_the_same_one_is_meant(
    ages: list[float], data: st.DataObject
) -> None:
    candidates = [candidate(index, age) for index, age in enumerate(ages)]
    shuffled = data.draw(st.permutations(candidates))
    asked = report(data.draw(st.floats(0, 80_000)))
    first, second = match(asked, candidates), match(asked, shuffled)
    assert first is not None
    assert second is not None
    assert first.at_ms == second.at_ms
