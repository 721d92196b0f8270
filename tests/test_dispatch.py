"""What the dispatcher does with messages, modems and facts, on a real database in virtual time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from dispatch_bench import PHONE, Box
from sqlalchemy import text

from simcourier.modem.facts import (
    LateAnswer,
    ModemState,
    PartSubmitted,
    PinJudged,
    PinWanted,
    ReportArrived,
    SubmitEnd,
    SubmitEnded,
)
from simcourier.outbox.message import MessageClass, OnUnknown, Status
from simcourier.sms.causes import Verdict
from simcourier.sms.report import StatusReport

OTHER_PHONE = "+447700900002"


def test_a_code_goes_from_accept_to_its_report(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    modem, job = box.job()
    assert (modem, box.radio.permits) == ("a", {job.number: True})
    assert box.status(code) is Status.SENDING
    box.sent(tp_mr=7)
    assert box.status(code) is Status.SENT
    box.report("a", tp_mr=7)
    assert box.history(code) == [Status.QUEUED, Status.SENDING, Status.SENT, Status.DELIVERED]


def test_no_permit_is_given_before_sending_is_on_disk(box: Box) -> None:
    box.modem("a")
    states_at_permit: list[Status] = []
    code = "msg_" + "1".zfill(22)
    box.radio.permit = lambda _job, _granted: states_at_permit.append(box.status(code))  # type: ignore[method-assign]
    box.accept()
    assert states_at_permit == [Status.SENDING]


def test_the_body_is_wiped_when_the_network_has_it(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    assert box.record(code).body is not None
    box.sent(tp_mr=1)
    assert box.record(code).body is None


def test_a_message_waits_for_a_modem_and_leaves_when_one_comes(box: Box) -> None:
    code = box.accept()
    assert box.radio.jobs == []
    box.modem("a")
    assert box.status(code) is Status.SENDING


def test_codes_leave_before_older_bulk(box: Box) -> None:
    bulk = [box.accept(message_class=MessageClass.BULK) for _ in range(30)]
    code = box.accept()
    box.modem("a")
    assert box.status(code) is Status.SENDING
    assert {box.status(message) for message in bulk} == {Status.QUEUED}


def test_one_modem_has_one_message_at_a_time(box: Box) -> None:
    box.modem("a")
    first, second = box.accept(), box.accept()
    assert (box.status(first), box.status(second)) == (Status.SENDING, Status.QUEUED)
    box.sent(tp_mr=1)
    assert box.status(second) is Status.SENDING


def test_an_expired_message_never_leaves(box: Box) -> None:
    code = box.accept(ttl=60)
    box.pass_time(61)
    box.modem("a")
    assert box.status(code) is Status.EXPIRED
    assert box.radio.jobs == []
    assert box.record(code).body is None


def test_a_message_whose_deadline_passes_at_the_prompt_is_expired(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    box.ended(SubmitEnd.EXPIRED)
    assert box.status(code) is Status.EXPIRED


def test_a_failure_before_ctrl_z_goes_to_another_modem_at_once(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    box.modem("b")
    box.modem("a", ModemState.RESYNC)
    box.ended(SubmitEnd.NOT_SENT, "no prompt in 5 s")
    assert box.job()[0] == "b"
    assert box.history(code) == [Status.QUEUED, Status.SENDING, Status.QUEUED, Status.SENDING]


def test_failures_of_modems_never_fail_the_message(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    for _ in range(40):
        box.ended(SubmitEnd.NOT_SENT, "unplugged")
        box.pass_time(1.1)
    assert box.status(code) is Status.SENDING


def test_a_refusal_of_the_number_is_final(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    box.ended(SubmitEnd.NOT_SENT, "AT+CMGS=31: +CMS ERROR: 1", Verdict.NEVER)
    assert box.status(code) is Status.FAILED
    assert len(box.radio.jobs) == 1


def test_a_congested_network_is_tried_again_later(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    box.ended(SubmitEnd.NOT_SENT, "+CMS ERROR: 42", Verdict.AGAIN_HERE)
    assert (box.status(code), len(box.radio.jobs)) == (Status.QUEUED, 1)
    box.pass_time(2.1)
    assert (box.status(code), len(box.radio.jobs)) == (Status.SENDING, 2)


def test_refusals_are_bounded(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    for _ in range(5):
        box.ended(SubmitEnd.NOT_SENT, "+CMS ERROR: 42", Verdict.AGAIN_HERE)
        box.pass_time(31)
    assert box.status(code) is Status.FAILED
    assert len(box.radio.jobs) == 5


def test_a_sim_that_needs_care_is_restarted_once_a_minute(box: Box) -> None:
    box.modem("a")
    box.accept()
    for _ in range(3):
        box.ended(SubmitEnd.NOT_SENT, "+CMS ERROR: 313", Verdict.CARE)
        box.pass_time(9)
    assert box.radio.restarted == ["a"]


def test_a_submit_in_doubt_is_on_record_and_sent_again(box: Box) -> None:
    box.modem("a")
    box.modem("b")
    code = box.accept()
    first = box.job()[0]
    box.modem(first, ModemState.SILENT)
    box.ended(SubmitEnd.IN_DOUBT, "silence after Ctrl-Z")
    assert box.job()[0] != first
    assert box.history(code) == [Status.QUEUED, Status.SENDING, Status.UNKNOWN, Status.QUEUED, Status.SENDING]


def test_hold_leaves_a_message_in_doubt_alone(box: Box) -> None:
    box.modem("a")
    code = box.accept(on_unknown=OnUnknown.HOLD)
    box.ended(SubmitEnd.IN_DOUBT)
    box.pass_time(20)
    assert (box.status(code), len(box.radio.jobs)) == (Status.UNKNOWN, 1)


def test_a_report_resolves_a_held_doubt(box: Box) -> None:
    box.modem("a")
    code = box.accept(on_unknown=OnUnknown.HOLD)
    box.ended(SubmitEnd.IN_DOUBT)
    box.report("a", tp_mr=99)
    assert box.status(code) is Status.DELIVERED


def test_resends_of_doubts_are_bounded(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    for _ in range(3):
        box.ended(SubmitEnd.IN_DOUBT)
        box.pass_time(2)
    assert (box.status(code), len(box.radio.jobs)) == (Status.UNKNOWN, 3)


def test_a_late_answer_stops_the_resend(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    _modem, job = box.job()
    box.modem("a", ModemState.SILENT)
    box.ended(SubmitEnd.IN_DOUBT)
    assert box.status(code) is Status.QUEUED
    box.tell(LateAnswer("a", "sim-a", job.number, 0, 12))
    box.modem("a")
    assert (box.status(code), len(box.radio.jobs)) == (Status.SENT, 1)
    box.report("a", tp_mr=12)
    assert box.status(code) is Status.DELIVERED


def test_the_first_copys_report_stops_the_resend(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    box.modem("a", ModemState.SILENT)
    box.ended(SubmitEnd.IN_DOUBT)
    box.report("a", tp_mr=3)
    box.modem("a")
    assert (box.status(code), len(box.radio.jobs)) == (Status.DELIVERED, 1)


def test_the_first_copys_report_during_the_second_submit_settles_it(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    box.modem("b")
    box.modem("a", ModemState.SILENT)
    box.ended(SubmitEnd.IN_DOUBT)
    box.report("a", tp_mr=3)
    assert box.status(code) is Status.SENDING
    box.sent(tp_mr=50)
    assert box.status(code) is Status.DELIVERED


@pytest.mark.parametrize(
    ("end", "verdict"),
    [
        (SubmitEnd.NOT_SENT, None),
        (SubmitEnd.NOT_SENT, Verdict.NEVER),
        (SubmitEnd.NOT_SENT, Verdict.AGAIN_HERE),
        (SubmitEnd.EXPIRED, None),
        (SubmitEnd.IN_DOUBT, None),
    ],
)
def test_a_delivered_first_copy_ends_the_message_however_the_second_ends(
    box: Box, end: SubmitEnd, verdict: Verdict | None
) -> None:
    box.modem("a")
    code = box.accept()
    box.modem("b")
    box.modem("a", ModemState.SILENT)
    box.ended(SubmitEnd.IN_DOUBT)
    box.report("a", tp_mr=3)
    box.ended(end, "AT+CMGS=30: something", verdict)
    box.pass_time(60)
    assert (box.status(code), len(box.radio.jobs)) == (Status.DELIVERED, 2)
    assert box.record(code).body is None


def test_a_first_copy_that_was_sent_after_all_ends_the_message_when_the_second_fails(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    first = box.job()[1].number
    box.modem("b")
    box.modem("a", ModemState.SILENT)
    box.ended(SubmitEnd.IN_DOUBT)
    box.tell(LateAnswer("a", "sim-a", first, 0, 12))
    box.ended(SubmitEnd.NOT_SENT, "no prompt")
    box.pass_time(5)
    assert (box.status(code), len(box.radio.jobs)) == (Status.SENT, 2)


def test_a_repeated_report_of_an_older_message_does_not_settle_one_in_doubt(box: Box) -> None:
    box.modem("a")
    box.accept()
    box.sent(tp_mr=7)
    box.report("a", tp_mr=7)
    box.pass_time(600)
    code = box.accept()
    box.modem("a", ModemState.SILENT)
    box.ended(SubmitEnd.IN_DOUBT)
    box.report("a", tp_mr=7, age=600)
    assert box.status(code) is Status.QUEUED
    box.modem("a")
    assert box.status(code) is Status.SENDING


def test_an_older_code_is_not_sent_again_after_its_successor(box: Box) -> None:
    box.modem("a")
    old = box.accept(supersedes="login")
    new = box.accept(supersedes="login")
    box.ended(SubmitEnd.NOT_SENT, "no prompt")
    box.pass_time(2)
    assert (box.status(old), box.status(new)) == (Status.SUPERSEDED, Status.SENDING)


def test_a_partly_sent_message_is_in_doubt(box: Box) -> None:
    box.modem("a")
    code = box.accept("word " * 50, segments=2, on_unknown=OnUnknown.HOLD)
    modem, job = box.job()
    box.tell(
        PartSubmitted(modem, f"sim-{modem}", job.number, 0, 7, box.now, box.now),
        SubmitEnded(modem, f"sim-{modem}", job.number, SubmitEnd.NOT_SENT, "no prompt", parts_sent=1),
    )
    box.pass_time(5)
    assert (box.status(code), len(box.radio.jobs)) == (Status.UNKNOWN, 1)


def test_an_expired_backlog_does_not_hold_up_a_fresh_code(box: Box) -> None:
    for _ in range(1500):
        box.accept(ttl=60)
    box.now += 61
    code = box.accept()
    box.modem("a")
    assert box.status(code) is Status.SENDING
    box.pass_time(0)
    assert box.dispatcher.room.total() == 0


def test_setting_the_clock_back_sends_nothing_late(box: Box) -> None:
    code = box.accept(ttl=60)
    box.system_ms = lambda: box.wall_ms() - 3_600_000
    box.pass_time(30)
    box.pass_time(31)
    box.modem("a")
    assert (box.status(code), box.radio.jobs) == (Status.EXPIRED, [])


@pytest.mark.parametrize("step_ms", [0, 3_600_000, -3_600_000])
def test_a_message_that_expires_while_the_box_runs_is_not_said_to_have_done_so_before(
    box: Box, step_ms: int
) -> None:
    code = box.accept(ttl=60)
    box.system_ms = lambda: box.wall_ms() + step_ms
    box.pass_time(30)
    box.pass_time(31)
    with box.engine.connect() as connection:
        details = connection.execute(
            text("SELECT detail FROM message_events WHERE status = 'expired'")
        ).scalars()
        assert list(details) == ["its deadline passed before it could be sent: no modem was ever seen"]
    assert box.status(code) is Status.EXPIRED


def test_setting_the_clock_forward_expires_nothing_early(box: Box) -> None:
    code = box.accept(ttl=60)
    box.system_ms = lambda: box.wall_ms() + 3_600_000
    box.pass_time(30)
    box.modem("a")
    box.pass_time(2)
    assert box.status(code) is Status.SENDING


def test_setting_the_clock_back_expires_nothing_early(box: Box) -> None:
    code = box.accept(ttl=60)
    box.system_ms = lambda: box.wall_ms() - 3_600_000
    box.pass_time(30)
    assert box.status(code) is Status.QUEUED
    box.modem("a")
    assert box.status(code) is Status.SENDING


def test_a_clock_set_back_leaves_no_message_behind(box: Box) -> None:
    codes = [box.accept(ttl=300) for _ in range(1200)]
    box.system_ms = lambda: box.wall_ms() - 60_000
    box.pass_time(1)
    box.pass_time(1.1)
    box.modem("a")
    for index in range(1200):
        box.sent(tp_mr=index % 256, index=index)
    assert {box.status(code) for code in codes[::50]} == {Status.SENT}


def test_a_report_in_the_very_batch_of_its_cmgs_is_matched(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    modem, job = box.job()
    stamp = datetime.fromtimestamp(box.wall_ms() / 1000, UTC)
    box.tell(
        ReportArrived("a", "sim-a", StatusReport(4, PHONE, stamp, stamp, 0)),
        PartSubmitted(modem, "sim-a", job.number, 0, 4, box.now, box.now),
        SubmitEnded(modem, "sim-a", job.number, SubmitEnd.SENT, parts_sent=1),
    )
    assert box.status(code) is Status.DELIVERED


def test_more_delayed_messages_than_are_remembered_leave_after_a_restart(box: Box) -> None:
    codes = [box.accept(ttl=3600) for _ in range(1300)]
    with box.engine.begin() as connection:
        connection.execute(
            text("UPDATE messages SET next_at_ms = :soon + n * 7"), {"soon": box.wall_ms() + 1000}
        )
    after = box.crash()
    try:
        after.modem("a")
        sent = 0
        for _ in range(30):
            after.pass_time(1)
            while sent < len(after.radio.jobs):
                after.sent(tp_mr=sent % 256, index=sent)
                sent += 1
        assert sent == len(codes)
    finally:
        after.close()


def test_a_report_ahead_of_its_cmgs_is_matched(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    box.report("a", tp_mr=4)
    box.sent(tp_mr=4)
    assert box.status(code) is Status.DELIVERED


def test_reports_are_matched_over_the_wrap_of_the_reference(box: Box) -> None:
    box.modem("a")
    codes = []
    for index in range(300):
        codes.append(box.accept())
        box.sent(tp_mr=index % 256)
        box.pass_time(2)
    # The report of message 10 comes now, though message 266 has the same reference, SIM and recipient.
    box.report("a", tp_mr=10, age=290 * 2)
    assert box.status(codes[10]) is Status.DELIVERED
    assert box.status(codes[266]) is Status.SENT


def test_a_report_for_another_number_is_not_ours(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    box.sent(tp_mr=4)
    box.report("a", tp_mr=4, to=OTHER_PHONE)
    box.pass_time(20)
    assert box.status(code) is Status.SENT
    with box.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM unmatched_reports")).scalar() == 1


def test_a_report_from_another_sim_is_not_ours(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    box.sent(tp_mr=4)
    box.report("b", tp_mr=4)
    assert box.status(code) is Status.SENT


@pytest.mark.parametrize(
    ("tp_st", "after"),
    [
        (0x00, Status.DELIVERED),
        (0x01, Status.SENT),
        (0x20, Status.SENT),
        (0x41, Status.UNDELIVERED),
        (0x63, Status.UNDELIVERED),
    ],
)
def test_a_report_moves_the_message_by_its_status(box: Box, tp_st: int, after: Status) -> None:
    box.modem("a")
    code = box.accept()
    box.sent(tp_mr=4)
    box.report("a", tp_mr=4, tp_st=tp_st)
    assert box.status(code) is after


def test_a_service_centre_that_still_tries_is_believed_later(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    box.sent(tp_mr=4)
    box.report("a", tp_mr=4, tp_st=0x20)
    box.report("a", tp_mr=4, tp_st=0x00)
    assert box.status(code) is Status.DELIVERED


def test_a_split_message_is_delivered_with_its_last_part(box: Box) -> None:
    box.modem("a")
    code = box.accept("word " * 50, segments=2)
    assert len(box.job()[1].parts) == 2
    box.sent(tp_mr=255)
    box.report("a", tp_mr=255)
    assert box.status(code) is Status.SENT
    box.report("a", tp_mr=256)
    assert box.status(code) is Status.DELIVERED


def test_a_newer_code_replaces_the_waiting_one(box: Box) -> None:
    old = box.accept(supersedes="login")
    other = box.accept(to=OTHER_PHONE, supersedes="login")
    new = box.accept(supersedes="login")
    assert [box.status(m) for m in (old, other, new)] == [Status.SUPERSEDED, Status.QUEUED, Status.QUEUED]
    box.modem("a")
    assert box.status(other) is Status.SENDING


def test_a_canceled_message_never_leaves(box: Box) -> None:
    code = box.accept()
    assert box.cancel(code)
    box.modem("a")
    assert (box.status(code), box.radio.jobs) == (Status.CANCELED, [])


def test_a_message_on_its_way_is_not_canceled(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    assert not box.cancel(code)
    assert box.status(code) is Status.SENDING


def test_a_pinned_message_waits_for_its_modem_and_holds_nobody_up(box: Box) -> None:
    pinned = [box.accept(modem="b") for _ in range(5)]
    free = box.accept()
    box.modem("a")
    assert box.status(free) is Status.SENDING
    assert {box.status(message) for message in pinned} == {Status.QUEUED}
    box.modem("b")
    assert box.status(pinned[0]) is Status.SENDING


def test_a_paused_modem_gets_nothing_until_resumed(box: Box) -> None:
    box.modem("a")
    box.writer.call(lambda: box.dispatcher.pause("a", True))
    code = box.accept()
    assert box.status(code) is Status.QUEUED
    box.writer.call(lambda: box.dispatcher.pause("a", False))
    box.turn()
    assert box.status(code) is Status.SENDING


def test_messages_spread_over_idle_modems(box: Box) -> None:
    for name in "abc":
        box.modem(name)
    for _ in range(3):
        box.accept()
    assert {modem for modem, _job in box.radio.jobs} == {"a", "b", "c"}


def test_a_long_queue_leaves_in_order_through_the_bounded_window(box: Box) -> None:
    codes = [box.accept(to=f"+4477009{index:05d}") for index in range(2500)]
    box.modem("a")
    for index in range(2500):
        box.sent(tp_mr=index % 256, index=index)
    assert len(box.radio.jobs) == 2500
    assert {box.status(code) for code in codes[::100]} == {Status.SENT}
    assert box.dispatcher.room.total() == 0


def test_after_a_crash_what_was_sending_is_unknown_and_sent_again(box: Box) -> None:
    box.modem("a")
    sending, queued = box.accept(), box.accept()
    after = box.crash()
    try:
        assert after.recovered == (1, 1)
        assert Status.UNKNOWN in after.history(sending)
        after.modem("a")
        assert after.status(sending) is Status.SENDING
        after.sent(tp_mr=1)
        assert after.status(queued) is Status.SENDING
    finally:
        after.close()


@pytest.mark.parametrize("end", [SubmitEnd.SENT, SubmitEnd.NOT_SENT, SubmitEnd.IN_DOUBT])
def test_when_a_pdu_leaves_it_is_on_disk_what_became_of_the_one_before(box: Box, end: SubmitEnd) -> None:
    # A crash would else leave two submits of one SIM in doubt, and a report of one could pass for the other's.
    box.modem("a")
    before, after = box.accept(), box.accept()
    at_its_permit: list[Status] = []
    box.radio.permit = lambda _job, _granted: at_its_permit.append(box.status(before))  # type: ignore[method-assign]
    if end is SubmitEnd.SENT:
        box.sent(tp_mr=1)
    else:
        box.ended(end)
    assert Status.SENDING in box.history(after)
    assert Status.SENDING not in at_its_permit


def test_a_report_is_matched_after_a_restart(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    box.sent(tp_mr=200)
    after = box.crash()
    try:
        after.report("a", tp_mr=200)
        assert after.status(code) is Status.DELIVERED
    finally:
        after.close()


def test_delayed_messages_are_taken_up_after_a_restart(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    box.ended(SubmitEnd.NOT_SENT, "+CMS ERROR: 42", Verdict.AGAIN_HERE)
    after = box.crash()
    try:
        after.modem("a")
        assert after.status(code) is Status.QUEUED
        after.pass_time(2.1)
        assert after.status(code) is Status.SENDING
    finally:
        after.close()


def test_a_pin_is_tried_once_a_card_unless_it_was_right(box: Box) -> None:
    box.tell(PinWanted("a", "card", "digest"))
    box.tell(PinWanted("a", "card", "digest"))
    assert box.radio.pins == [("a", True), ("a", False)]
    box.tell(PinJudged("a", "card", "digest", True))
    box.tell(PinWanted("a", "card", "digest"))
    assert box.radio.pins[-1] == ("a", True)


def test_what_is_kept_of_a_pin_cannot_be_guessed_without_the_key(box: Box) -> None:
    box.tell(PinWanted("a", "card", "digest"))
    with box.engine.connect() as connection:
        kept = connection.execute(text("SELECT pin_digest FROM pin_tries")).scalar()
    assert kept == box.sealer.fingerprint(b"digest")


def test_a_disk_that_refuses_a_claim_lets_nothing_leave(box: Box) -> None:
    box.modem("a")
    with box.engine.begin() as connection:
        connection.execute(
            text("CREATE TRIGGER full BEFORE INSERT ON parts BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        )
    code = box.accept()
    _modem, job = box.job()
    assert box.radio.permits == {job.number: False}
    assert box.status(code) is Status.QUEUED
    with box.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER full"))
    box.ended(SubmitEnd.WITHDRAWN)
    box.pass_time(1.1)
    assert box.status(code) is Status.SENDING


def test_a_claim_that_the_disk_refused_is_tried_again_when_the_modem_fails_too(box: Box) -> None:
    box.modem("a")
    with box.engine.begin() as connection:
        connection.execute(
            text("CREATE TRIGGER full BEFORE INSERT ON parts BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        )
    code = box.accept()
    box.ended(SubmitEnd.NOT_SENT, "no prompt")
    with box.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER full"))
    box.pass_time(1.1)
    assert box.status(code) is Status.SENDING


def test_a_disk_that_refuses_claims_is_not_asked_for_each_message(box: Box) -> None:
    box.modem("a")
    with box.engine.begin() as connection:
        connection.execute(
            text("CREATE TRIGGER full BEFORE INSERT ON parts BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        )
    for _ in range(20):
        box.accept()
        if len(box.radio.jobs) == 1:
            box.ended(SubmitEnd.WITHDRAWN)
    assert len(box.radio.jobs) == 1


def test_an_outcome_that_the_disk_refuses_is_written_when_it_can_be(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    with box.engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER full BEFORE INSERT ON message_events BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )
        )
    box.sent(tp_mr=1)
    assert box.status(code) is Status.SENDING
    with box.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER full"))
    box.pass_time(1.1)
    assert box.status(code) is Status.SENT


def test_a_text_that_cannot_be_opened_fails_alone(box: Box) -> None:
    box.modem("a")
    good = box.accept()
    box.sealer = type(box.sealer)(b"x" * 32)
    bad = box.accept()
    box.sent(tp_mr=1)
    assert (box.status(good), box.status(bad)) == (Status.SENT, Status.FAILED)


def test_the_only_modem_gets_a_failed_message_again_after_a_pause(box: Box) -> None:
    box.modem("a")
    code = box.accept()
    box.ended(SubmitEnd.NOT_SENT, "unplugged")
    assert box.status(code) is Status.QUEUED
    box.pass_time(1.1)
    assert box.status(code) is Status.SENDING


def test_the_stop_gives_out_no_more_work(box: Box) -> None:
    box.modem("a")
    box.dispatcher.stop_claiming()
    code = box.accept(to=PHONE)
    assert (box.status(code), box.radio.jobs) == (Status.QUEUED, [])


def test_applications_are_told_of_a_modem_that_comes_and_goes(box: Box) -> None:
    box.modem("a")
    box.modem("a", ModemState.SENDING)
    box.modem("a", ModemState.SILENT)
    with box.engine.connect() as connection:
        told = connection.execute(text("SELECT type, data FROM notices ORDER BY seq")).all()
    assert [row.type for row in told] == ["modem.up", "modem.down"]
    assert '"modem":"a"' in told[0].data


def test_what_waits_for_one_modem_is_not_ahead_of_what_any_may_take(box: Box) -> None:
    box.modem("a")
    alone = box.dispatcher.eta_ms(0)
    for _ in range(20):
        box.accept(modem="absent")
    assert box.dispatcher.eta_ms(0) == alone
    assert box.crash().dispatcher.room.ahead_of(0) == 0


def test_c17_a_clock_that_is_held_back_a_little_each_second_stretches_no_life(box: Box) -> None:
    code = box.accept(ttl=60)
    start_ms = box.wall_ms()
    box.system_ms = lambda: start_ms
    for _ in range(61):
        box.pass_time(1)
    assert box.status(code) is Status.EXPIRED
