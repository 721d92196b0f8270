"""Delivery reports of every kind, on a real database in virtual time: each settles what it speaks of, once."""

from __future__ import annotations

from datetime import UTC, datetime

from dispatch_bench import PHONE, START_MS, Box

from simcourier.modem.facts import (
    LateAnswer,
    ModemState,
    PartSubmitted,
    ReportArrived,
    SubmitEnd,
    SubmitEnded,
)
from simcourier.outbox import reading, reports
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
