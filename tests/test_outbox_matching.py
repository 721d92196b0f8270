"""Reports find their part by recipient and time where TP-MRs repeat."""

from __future__ import annotations

from dataclasses import replace
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


def test_without_a_time_stamp_the_only_one_is_meant_and_none_of_several() -> None:
    candidates = [candidate(1, 600), candidate(2, 5)]
    assert match(report(None), candidates[:1]) == candidates[0]
    assert match(report(None), candidates) is None


def test_a_time_stamp_that_fits_none_says_nothing() -> None:
    years_s = 10 * 365 * 86400
    candidates = [candidate(1, 600), candidate(2, 5)]
    assert match(report(years_s), candidates[:1]) == candidates[0]
    assert match(report(years_s), candidates) is None


def test_of_two_in_the_same_second_the_older_is_meant() -> None:
    candidates = [candidate(2, 5.0), candidate(1, 5.3)]
    assert match(report(5.1), candidates) == candidates[1]


def test_a_submit_in_doubt_is_meant_where_nothing_else_can_be() -> None:
    old, doubtful = candidate(1, 3600), replace(candidate(2, 20), is_numbered=False)
    assert match(report(15), [], [doubtful]) == doubtful
    assert match(report(3600), [old], [doubtful]) == old
    # The clock of the service centre may be an hour off: then it is about the old one, and the other never left.
    assert match(report(15), [old], [doubtful]) is None


def test_of_two_messages_in_doubt_neither_is_meant_by_a_report_that_fits_both() -> None:
    first, second = candidate(1, 100), candidate(2, 38)
    assert [match(report(ago), [], [first, second]) for ago in (95, 45, 36, 0)] == [None] * 4
    assert match(report(90), [], [first, replace(second, recipient="+447700900002")]) == first


def test_of_two_copies_of_a_message_in_doubt_either_may_be_meant() -> None:
    first, second = candidate(1, 100), replace(candidate(1, 38), attempt=2)
    assert match(report(90), [], [second, first]) == second
    assert match(report(90), [], [first, replace(second, part=1)]) is None


def test_of_two_parts_of_a_copy_in_doubt_the_first_is_meant() -> None:
    parts = [replace(candidate(1, 38), part=part) for part in (1, 0)]
    assert match(report(36), [], parts) == parts[1]


def test_a_submit_in_doubt_needs_recipient_and_time() -> None:
    doubtful = candidate(1, 20)
    assert match(report(15, ""), [], [doubtful]) is None
    assert match(report(None), [], [doubtful]) is None
    assert match(report(600), [], [doubtful]) is None


@given(st.lists(st.integers(0, 300), min_size=1, max_size=20, unique=True), st.data())
def test_whatever_the_order_of_the_candidates_the_same_one_is_meant(
    places: list[int], data: st.DataObject
) -> None:
    # As far apart as 256 submits are, so that a stamp fits one of them at most.
    candidates = [candidate(place, 300.0 * place) for place in places]
    shuffled = data.draw(st.permutations(candidates))
    meant = data.draw(st.sampled_from(candidates))
    asked = report(300.0 * meant.message + data.draw(st.floats(-150, 50)))
    assert match(asked, candidates) == match(asked, shuffled) == meant
