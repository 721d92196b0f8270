"""Delivery reports of every kind, on a real database in virtual time: each settles what it speaks of, once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from dispatch_bench import PHONE, START_MS, Box
from sqlalchemy.exc import OperationalError

from simcourier.dispatch import early
from simcourier.modem.facts import (
    LateAnswer,
    ModemState,
    PartSubmitted,
    ReportArrived,
    SubmitEnd,
    SubmitEnded,
)
from simcourier.outbox import reading, reports, store
from simcourier.outbox.message import OnUnknown, Status
from simcourier.sms.report import StatusReport

OTHER_PHONE = "+447700900002"


def told(
    box: Box, modem: str, tp_mr: int, at: float, *, token: int = 0, tp_st: int = 0, to: str = PHONE
) -> None:
    """The report on what the service centre took at `at`."""
    stamp = datetime.fromtimestamp(START_MS / 1000 + at, UTC)
    box.tell(ReportArrived(modem, f"sim-{modem}", StatusReport(tp_mr, to, stamp, stamp, tp_st), token))


def kept(box: Box) -> int:
    with box.engine.connect() as connection:
        return reports.count_unmatched(connection)


def lines(box: Box, message: str) -> list[reading.Event]:
    with box.engine.connect() as connection:
        return reading.history(connection, box.record(message).n)


def test_a_report_told_twice_settles_nothing_else_when_references_wrap(box: Box) -> None:
    box.modem("a")
    first = box.accept()
    box.sent(tp_mr=7)
    told(box, "a", 7, 0, token=1)
    box.pass_time(600)
    second = box.accept()
    box.sent(tp_mr=7)
    told(box, "a", 7, 0, token=2)
    assert (box.status(first), box.status(second)) == (Status.DELIVERED, Status.SENT)
    assert box.radio.deleted == [("a", 1), ("a", 2)]
    assert (kept(box), len(lines(box, first))) == (0, 4)


def test_a_report_told_again_after_a_restart_changes_nothing(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    box.sent(tp_mr=7)
    told(box, "a", 7, 0, token=1)
    again = box.crash()
    again.modem("a")
    told(again, "a", 7, 0, token=1)
    again.pass_time(300)
    assert again.status(code) is Status.DELIVERED
    assert (kept(again), again.radio.deleted) == (0, [("a", 1)])
    again.close()


def test_a_stored_report_is_deleted_only_when_it_is_on_disk(box: Box) -> None:
    box.modem("a")
    box.accept()
    box.sent(tp_mr=7)
    seen: list[Status] = []
    code = f"msg_{1:022d}"
    box.radio.stored = lambda _modem, _token: seen.append(box.status(code))  # type: ignore[method-assign]
    told(box, "a", 7, 0, token=5)
    assert seen == [Status.DELIVERED]


def test_a_report_that_fits_nothing_is_kept_once_and_deleted(box: Box) -> None:
    box.modem("a")
    told(box, "a", 9, 0, token=3)
    assert (kept(box), box.radio.deleted) == (0, [])
    box.pass_time(16)
    assert (kept(box), box.radio.deleted) == (1, [("a", 3)])
    told(box, "a", 9, 0, token=4)
    box.pass_time(16)
    assert (kept(box), box.radio.deleted) == (1, [("a", 3), ("a", 4)])


def test_a_report_that_overtook_its_answer_by_a_minute_is_matched(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    box.pass_time(2)
    told(box, "a", 7, 2, token=1)
    box.pass_time(55)
    box.sent(tp_mr=7)
    assert box.status(code) is Status.DELIVERED
    assert box.radio.deleted == [("a", 1)]


def test_an_early_report_is_not_given_to_an_older_message_in_doubt(box: Box) -> None:
    box.modem("a")
    held = box.accept(on_unknown=OnUnknown.HOLD)
    box.ended(SubmitEnd.IN_DOUBT)
    box.pass_time(30)
    code = box.accept()
    told(box, "a", 7, 31)
    assert (box.status(held), box.status(code)) == (Status.UNKNOWN, Status.SENDING)
    box.sent(tp_mr=7)
    assert (box.status(held), box.status(code)) == (Status.UNKNOWN, Status.DELIVERED)


def test_an_early_report_settles_its_own_submit_when_that_falls_silent(box: Box) -> None:
    box.modem("a")
    code = box.accept(on_unknown=OnUnknown.HOLD)
    told(box, "a", 7, 3, token=1)
    box.ended(SubmitEnd.IN_DOUBT)
    assert box.status(code) is Status.DELIVERED
    assert box.radio.deleted == [("a", 1)]


def test_a_report_that_may_be_an_old_one_s_settles_no_message_in_doubt(box: Box) -> None:
    box.modem("a")
    old = box.accept()
    box.sent(tp_mr=7)
    box.pass_time(3600)
    held = box.accept(on_unknown=OnUnknown.HOLD)
    box.ended(SubmitEnd.IN_DOUBT)
    told(box, "a", 7, 3605)
    assert (box.status(old), box.status(held)) == (Status.SENT, Status.UNKNOWN)


def test_a_report_that_fits_two_messages_in_doubt_settles_neither(box: Box) -> None:
    # Begun within the clocks' error of each other, by one SIM to one phone: the second may never have left.
    box.modem("a")
    codes = []
    for _ in range(2):
        codes.append(box.accept(on_unknown=OnUnknown.HOLD))
        box.ended(SubmitEnd.IN_DOUBT)
        box.pass_time(1)
    told(box, "a", 7, 0, token=1)
    box.pass_time(16)
    assert [box.status(code) for code in codes] == [Status.UNKNOWN, Status.UNKNOWN]
    assert (kept(box), box.radio.deleted) == (1, [("a", 1)])


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Have the disk refuse what became of submits, or take it again."""
    real = {name: getattr(store, name) for name in ("part_sent", "sent", "claim")}

    def refuse(*_: object, **__: object) -> None:
        raise OperationalError("a statement", {}, Exception("disk I/O error"))

    def switch(on: bool) -> None:
        for name, work in real.items():
            monkeypatch.setattr(store, name, refuse if on else work)

    return switch


def test_a_report_of_what_the_disk_refused_settles_no_message_in_doubt(
    box: Box, refusing: Callable[[bool], None]
) -> None:
    box.modem("a")
    doubtful = box.accept(on_unknown=OnUnknown.HOLD)
    box.ended(SubmitEnd.IN_DOUBT)
    box.pass_time(5)
    left = box.accept()
    refusing(True)
    box.sent(tp_mr=9)
    refusing(False)
    told(box, "a", 9, 5)
    assert (box.status(doubtful), box.status(left)) == (Status.UNKNOWN, Status.SENDING)
    box.pass_time(2)
    assert (box.status(doubtful), box.status(left)) == (Status.UNKNOWN, Status.DELIVERED)


def test_what_the_disk_refused_goes_there_before_the_next_claim_of_its_modem(
    box: Box, refusing: Callable[[bool], None]
) -> None:
    box.modem("a")
    before, *_ = codes = [box.accept() for _ in range(3)]
    at_their_permits: list[Status] = []

    def permit(_job: int, granted: bool) -> None:
        if granted:
            at_their_permits.append(box.status(before))

    box.radio.permit = permit  # type: ignore[method-assign]
    refusing(True)
    box.sent(tp_mr=1)
    box.ended(SubmitEnd.WITHDRAWN)
    refusing(False)
    for _ in range(6):
        box.pass_time(0.5)
    assert at_their_permits == [Status.SENT]
    assert Status.SENDING in {box.status(code) for code in codes}


def test_a_report_among_too_many_is_not_given_to_a_message_in_doubt_while_its_own_is_under_way(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.modem("a")
    doubtful = box.accept(on_unknown=OnUnknown.HOLD)
    box.ended(SubmitEnd.IN_DOUBT)
    box.pass_time(5)
    box.accept()
    told(box, "a", 9, 5)
    monkeypatch.setattr(early, "LIMIT", 0)
    box.pass_time(1)
    assert box.status(doubtful) is Status.UNKNOWN
    assert kept(box) == 1


def test_a_copy_in_doubt_is_settled_while_the_next_one_is_under_way(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    box.ended(SubmitEnd.IN_DOUBT)
    assert box.status(code) is Status.SENDING
    box.pass_time(20)
    told(box, "a", 5, 1, token=3)
    assert box.radio.deleted == [("a", 3)]
    box.sent(tp_mr=6)
    assert box.status(code) is Status.DELIVERED


def test_reports_of_each_part_in_doubt_settle_a_long_message(box: Box) -> None:
    box.modem("a")
    code = box.accept("x" * 300, segments=2, on_unknown=OnUnknown.HOLD)
    box.ended(SubmitEnd.IN_DOUBT)
    told(box, "a", 5, 1)
    assert box.status(code) is Status.UNKNOWN
    told(box, "a", 6, 2)
    assert (box.status(code), kept(box)) == (Status.DELIVERED, 0)


def test_a_report_before_the_doubt_about_its_submit_settles_it_whatever_the_modem_takes_next(
    box: Box,
) -> None:
    box.modem("a")
    code, _other = box.accept(), box.accept(to="+447700900002")
    modem, job = box.job()
    stamp = datetime.fromtimestamp(START_MS / 1000, UTC)
    box.tell(
        ReportArrived(modem, "sim-a", StatusReport(5, PHONE, stamp, stamp, 0)),
        SubmitEnded(modem, "sim-a", job.number, SubmitEnd.IN_DOUBT, "silent"),
    )
    assert (box.status(code), len(box.radio.jobs)) == (Status.DELIVERED, 2)


def test_a_report_that_was_handed_over_and_is_held_is_acknowledged_at_once(box: Box) -> None:
    # The network waits for that for some 20 s, and then tells the modem no other.
    box.modem("a")
    stamp = datetime.fromtimestamp(START_MS / 1000, UTC)
    box.tell(ReportArrived("a", "sim-a", StatusReport(9, PHONE, stamp, stamp, 0), 3, True))
    assert (box.radio.deleted, kept(box)) == ([("a", 3)], 0)
    box.pass_time(16)
    assert kept(box) == 1


def test_a_report_that_is_tried_again_and_again_is_held_no_longer_for_it(box: Box) -> None:
    box.modem("a")
    told(box, "a", 99, 0, token=7)
    for _ in range(3):
        box.accept(to="+447700900002", on_unknown=OnUnknown.HOLD)
        box.pass_time(4)
        box.ended(SubmitEnd.IN_DOUBT)
    box.pass_time(4)
    assert (kept(box), box.radio.deleted) == (1, [("a", 7)])


def test_a_late_answer_behind_its_report_awaits_no_other(box: Box) -> None:
    box.modem("a")
    code = box.accept(on_unknown=OnUnknown.HOLD)
    _modem, job = box.job()
    box.ended(SubmitEnd.IN_DOUBT)
    told(box, "a", 7, 3)
    box.tell(LateAnswer("a", "sim-a", job.number, 0, 7))
    box.pass_time(600)
    told(box, "a", 7, 600)
    box.pass_time(20)
    assert (box.status(code), kept(box)) == (Status.DELIVERED, 1)


def test_the_same_reference_of_another_sim_is_another_message(box: Box) -> None:
    for name in ("a", "b"):
        box.modem(name)
    first, second = box.accept(), box.accept()
    box.sent(tp_mr=7, index=0)
    box.sent(tp_mr=7, index=1)
    told(box, box.job(1)[0], 7, 0)
    assert (box.status(first), box.status(second)) == (Status.SENT, Status.DELIVERED)


def test_modems_without_a_sim_number_do_not_share_one(box: Box) -> None:
    box.modem("a")
    box.modem("b", ModemState.SEARCHING)
    code = box.accept()
    modem, job = box.job()
    box.tell(
        PartSubmitted(modem, "", job.number, 0, 7),
        SubmitEnded(modem, "", job.number, SubmitEnd.SENT, parts_sent=1),
    )
    stamp = datetime.fromtimestamp(START_MS / 1000, UTC)
    box.tell(ReportArrived("b", "", StatusReport(7, PHONE, stamp, stamp, 0)))
    assert box.status(code) is Status.SENT


def test_a_report_of_one_part_of_several_settles_nothing(box: Box) -> None:
    box.modem("a")
    code = box.accept("x" * 200, segments=2)
    box.sent(tp_mr=254)
    told(box, "a", 254, 0)
    told(box, "a", 254, 0)
    assert box.status(code) is Status.SENT
    told(box, "a", 255, 0)
    assert box.status(code) is Status.DELIVERED


def test_a_service_centre_that_still_tries_is_heard_out(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    box.sent(tp_mr=7)
    told(box, "a", 7, 0, tp_st=0x30)
    told(box, "a", 7, 0, tp_st=0x30)
    assert box.status(code) is Status.SENT
    box.pass_time(86_400)
    told(box, "a", 7, 0)
    assert box.status(code) is Status.DELIVERED


def test_a_number_that_wraps_to_another_person_is_not_theirs(box: Box) -> None:
    box.modem("a")
    code = box.accept(to=OTHER_PHONE)
    box.sent(tp_mr=7)
    told(box, "a", 7, 0)
    assert box.status(code) is Status.SENT


def test_a_submit_in_doubt_that_is_reported_as_failed_is_undelivered(box: Box) -> None:
    box.modem("a")
    code = box.accept(on_unknown=OnUnknown.HOLD)
    box.ended(SubmitEnd.IN_DOUBT)
    told(box, "a", 7, 3, tp_st=0x46)
    assert box.status(code) is Status.UNDELIVERED


def test_an_early_report_is_not_given_to_one_in_doubt_that_began_at_the_same_moment(box: Box) -> None:
    box.modem("a")
    first = box.accept(on_unknown=OnUnknown.HOLD)
    second = box.accept()
    box.ended(SubmitEnd.IN_DOUBT, "silence")
    box.now += 2
    box.report("a", tp_mr=7)
    assert box.status(first) is Status.UNKNOWN
    box.sent(tp_mr=7)
    assert (box.status(first), box.status(second)) == (Status.UNKNOWN, Status.DELIVERED)
