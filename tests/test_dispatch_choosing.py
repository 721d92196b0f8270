"""Which SIM takes what, on a real database in virtual time: operators, pace, bars, classes, and no queue behind one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dispatch_bench import PHONE, Box
from sqlalchemy import text

from simcourier.config import Operator, Pace, Sending, Sims
from simcourier.dispatch.explain import Explanation
from simcourier.modem.facts import ModemState, SubmitEnd
from simcourier.outbox import lanes
from simcourier.outbox.message import MessageClass, Status
from simcourier.sms.causes import Verdict

EAST = Operator("East", networks=("00101",), prefixes=("+4477009000",))
WEST = Operator("West", networks=("00102",), prefixes=("+4477009001",))
EASTERN, WESTERN = PHONE, "+447700900101"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    made: list[Box] = []

    def build(**tables: Any) -> Box:
        made.append(Box(tmp_path, **tables))
        return made[-1]

    yield build
    for box in made:
        box.close()


def paced(**bounds: int) -> Sims:
    return Sims(pace=Pace(**bounds))


def why(box: Box, message: str) -> str:
    """What the history says of why its last SIM was taken."""
    with box.engine.connect() as connection:
        detail = text(
            "SELECT detail FROM message_events WHERE message = :n AND status = 'sending' ORDER BY seq DESC"
        )
        return str(connection.execute(detail, {"n": box.record(message).n}).scalar())


def explained(box: Box, message: str) -> Explanation:
    with box.engine.connect() as connection:
        found = lanes.find(connection, box.record(message).n)
    assert found is not None
    return box.dispatcher.explain(*found)


def through(box: Box, index: int = -1) -> str:
    return box.job(index)[0]


# --- operators ---


def test_a_code_goes_through_the_recipients_operator_and_the_history_says_so(make: Any) -> None:
    box = make(operators=[EAST, WEST])
    box.modem("e", network="00101")
    box.modem("w", network="00102")
    western = box.accept(to=WESTERN)
    assert through(box) == "w"
    said = "its operator is the recipient's; the best of 2 free; about 9 s expected"
    assert why(box, western) == said


def test_a_busy_sim_of_the_recipients_operator_is_waited_for_where_that_is_sooner(make: Any) -> None:
    box = make(operators=[EAST, WEST])
    box.modem("e", network="00101")
    box.modem("w", network="00102", registration="roaming")
    first = box.accept()
    box.now += 3
    second = box.accept()
    assert (box.status(first), box.status(second)) == (Status.SENDING, Status.QUEUED)
    assert explained(box, second).sims[0].modem == "e"
    box.sent(tp_mr=1)
    assert (through(box), len(box.radio.jobs)) == ("e", 2)


def test_a_busy_sim_that_takes_too_long_is_waited_for_no_more(make: Any) -> None:
    box = make(operators=[EAST, WEST])
    box.modem("e", network="00101")
    box.modem("w", network="00102", registration="roaming")
    box.accept()
    box.now += 3
    second = box.accept()
    for _ in range(8):
        box.pass_time(1)
    assert (through(box), box.status(second)) == ("w", Status.SENDING)
    assert "no SIM of the recipient's operator was sooner" in why(box, second)


def test_in_a_backlog_nobody_waits_for_a_busy_sim_but_each_sim_takes_its_own_customers_first(
    make: Any,
) -> None:
    box = make(operators=[EAST, WEST])
    for _ in range(5):
        box.accept(to=EASTERN)
    western = box.accept(to=WESTERN)
    box.modem("e", network="00101")
    box.modem("w", network="00102")
    assert (through(box), box.status(western)) == ("w", Status.SENDING)
    box.sent(tp_mr=1)
    assert (through(box), len(box.radio.jobs)) == ("w", 3)


def test_a_congested_network_is_left_for_another_operators_sim_and_not_for_its_twin(make: Any) -> None:
    box = make(operators=[EAST, WEST])
    box.modem("e", network="00101")
    code = box.accept()
    box.modem("e2", network="00101")
    box.modem("w", network="00102")
    box.ended(SubmitEnd.NOT_SENT, "+CMS ERROR: 42", Verdict.AGAIN_HERE)
    assert (through(box), box.status(code)) == ("w", Status.SENDING)
    box.ended(SubmitEnd.NOT_SENT, "+CMS ERROR: 42", Verdict.AGAIN_HERE)
    assert box.status(code) is Status.QUEUED
    assert explained(box, code).next_try_ms == box.wall_ms() + 4000


def test_two_modems_with_the_same_sim_stay_apart(make: Any) -> None:
    box = make()
    box.modem("a", sim="same")
    box.modem("b", sim="same")
    first, second = box.accept(), box.accept()
    assert {through(box, 0), through(box, 1)} == {"a", "b"}
    assert box.status(first) is box.status(second) is Status.SENDING


# --- pace ---


def test_a_sim_at_its_bound_waits_and_sends_again_by_itself(make: Any) -> None:
    box = make(sims=paced(minute=2))
    box.modem("a")
    codes = [box.accept() for _ in range(3)]
    for tp_mr in (1, 2):
        box.sent(tp_mr)
    assert [box.status(code) for code in codes] == [Status.SENT, Status.SENT, Status.QUEUED]
    (sim,) = explained(box, codes[2]).sims
    assert (sim.may, sim.why, sim.until_ms) == (False, "over its pace of 2 a minute", box.wall_ms() + 60_000)
    assert box.dispatcher.wake_in() == 60
    box.now += 60
    box.turn()
    assert box.status(codes[2]) is Status.SENDING


def test_a_minute_and_an_hour_last_over_a_restart(make: Any) -> None:
    box = make(sims=paced(minute=2, hour=3))
    box.modem("a")
    for tp_mr in (1, 2):
        box.accept()
        box.sent(tp_mr)
    box.now += 10
    again = box.crash()
    again.modem("a")
    third, fourth = again.accept(), again.accept()
    assert again.status(third) is Status.QUEUED
    again.now += 50
    again.turn()
    assert again.status(third) is Status.SENDING
    again.sent(tp_mr=3)
    again.now += 120
    again.turn()
    (sim,) = explained(again, fourth).sims
    assert (again.status(fourth), sim.why) == (Status.QUEUED, "over its pace of 3 an hour")
    again.close()


def test_what_a_refused_claim_would_have_cost_is_given_back(make: Any) -> None:
    box = make(sims=paced(minute=1))
    box.modem("a", ModemState.SEARCHING)
    code = box.accept()
    with box.engine.begin() as connection:
        connection.execute(text("UPDATE messages SET status = 'canceled', body = NULL"))
    box.modem("a")
    assert box.radio.permits == {1: False}
    box.ended(SubmitEnd.WITHDRAWN)
    assert box.status(code) is Status.CANCELED
    other = box.accept()
    assert box.status(other) is Status.SENDING


def test_bulk_leaves_the_last_tenth_to_codes(make: Any) -> None:
    box = make(sims=paced(hour=10))
    box.modem("a")
    bulk = [box.accept(message_class=MessageClass.BULK) for _ in range(10)]
    for tp_mr in range(1, 10):
        box.sent(tp_mr)
    assert [box.status(message) for message in bulk] == [Status.SENT] * 9 + [Status.QUEUED]
    code = box.accept()
    assert box.status(code) is Status.SENDING


def test_a_sim_writes_to_no_more_people_in_a_month_but_goes_on_with_those_it_knows(make: Any) -> None:
    box = make(sims=paced(recipients_month=1))
    box.modem("a")
    box.accept()
    box.sent(tp_mr=1)
    again = box.crash()
    again.modem("a")
    stranger, known = again.accept(to=WESTERN), again.accept()
    assert (again.status(stranger), again.status(known)) == (Status.QUEUED, Status.SENDING)
    again.modem("b")
    assert again.status(stranger) is Status.SENDING
    again.close()


def test_what_sims_without_a_pace_send_is_put_on_record_now_and_then(make: Any) -> None:
    box = make()
    box.modem("a")
    box.accept(segments=1)
    box.sent(tp_mr=1)
    box.pass_time(31)
    box.accept(segments=1)
    box.pass_time(31)
    with box.engine.connect() as connection:
        rows = connection.execute(text("SELECT sim, segments FROM sim_usage")).all()
    assert [tuple(row) for row in rows] == [("sim-a", 2)]


def test_the_expected_wait_knows_of_the_pace(make: Any) -> None:
    box = make(sims=paced(minute=6))
    box.modem("a")
    for _ in range(7):
        box.accept(ttl=3600)
    assert 60_000 <= box.dispatcher.eta_ms(0) <= 75_000
    for tp_mr in range(1, 7):
        box.sent(tp_mr)
    box.pass_time(1)
    # All rest: the first may leave in a minute, one more each ten seconds.
    assert 69_000 <= box.dispatcher.eta_ms(0) <= 80_000


# --- bars ---


def test_a_barred_sim_sends_nothing_until_it_may_again(make: Any) -> None:
    box = make()
    box.modem("a")
    box.writer.call(lambda: box.dispatcher.bar("sim-a", "no credit: 0.40 EUR"))
    code = box.accept()
    assert box.status(code) is Status.QUEUED
    told = explained(box, code)
    assert [(sim.why, sim.detail) for sim in told.sims] == [
        ("its SIM is kept from sending", "no credit: 0.40 EUR")
    ]
    box.modem("a", signal_dbm=-80)
    box.pass_time(1)
    assert box.status(code) is Status.QUEUED
    assert (box.dispatcher.fleet.idle_for(box.now), box.dispatcher.fleet.operational) == (1, frozenset())
    box.writer.call(lambda: box.dispatcher.bar("sim-a", ""))
    box.turn()
    assert box.status(code) is Status.SENDING


def test_a_bar_goes_with_the_sim_into_another_stick(make: Any) -> None:
    box = make()
    box.writer.call(lambda: box.dispatcher.bar("card", "waits for an admin's yes"))
    box.modem("a", sim="card")
    code = box.accept()
    box.modem("a", ModemState.SIM_MISSING, sim="")
    box.modem("b", sim="card")
    assert box.status(code) is Status.QUEUED
    box.modem("a", sim="other")
    assert through(box) == "a"


def test_a_barred_sim_may_be_tested(make: Any) -> None:
    box = make()
    box.modem("a")
    box.writer.call(lambda: box.dispatcher.bar("sim-a", "loop tests don't arrive"))
    waits = box.accept(modem="a")
    test = box.accept(modem="a")
    with box.engine.begin() as connection:
        connection.execute(text("UPDATE messages SET client = 'simcourier' WHERE id = :id"), {"id": test})
    again = box.crash()
    again.writer.call(lambda: again.dispatcher.bar("sim-a", "loop tests don't arrive"))
    again.modem("a")
    assert (again.status(test), again.status(waits)) == (Status.SENDING, Status.QUEUED)
    again.close()


# --- classes, and what holds up nobody ---


def test_bulk_is_not_starved_by_codes_that_never_end(make: Any) -> None:
    box = make(settings=Sending(shares=(80, 15, 5)))
    for _ in range(60):
        box.accept()
    bulk = box.accept(message_class=MessageClass.BULK)
    notice = box.accept(message_class=MessageClass.TRANSACTIONAL)
    box.modem("a")
    for tp_mr in range(1, 21):
        box.sent(tp_mr)
    assert (box.status(bulk), box.status(notice)) == (Status.SENT, Status.SENT)


def test_messages_that_failed_on_the_only_free_modem_hold_up_nobody_behind_them(make: Any) -> None:
    box = make()
    box.modem("b")
    box.accept(ttl=3600)
    box.modem("a")
    for _ in range(110):
        box.accept(ttl=3600)
        if through(box) == "a":
            box.ended(SubmitEnd.NOT_SENT, "no prompt in 5 s")
    assert through(box, 0) == "b"
    fresh = box.accept(ttl=3600)
    assert (through(box), box.status(fresh)) == ("a", Status.SENDING)


def test_thousands_that_no_sim_may_take_hold_up_nobody_behind_them_and_leave_when_one_comes(
    make: Any,
) -> None:
    box = make()
    held = 2500
    with box.engine.begin() as connection:
        # Second copies of what went through this network, all at once.
        box.accept(ttl=3600)
        connection.execute(text("UPDATE messages SET other_network = '00101'"))
        columns = [
            row[1]
            for row in connection.execute(text("PRAGMA table_info(messages)"))
            if row[1] not in {"n", "id"}
        ]
        names = ", ".join(columns)
        for index in range(held - 1):
            connection.execute(
                text(f"INSERT INTO messages (id, {names}) SELECT :id, {names} FROM messages WHERE n = 1"),  # noqa: S608 - names of columns
                {"id": f"msg_x{index:021d}"},
            )
    again = box.crash()
    fresh = again.accept(ttl=3600)
    again.modem("e", network="00101")
    assert (through(again), again.status(fresh), len(again.radio.jobs)) == ("e", Status.SENDING, 1)
    again.modem("w", network="00102")
    assert (through(again), len(again.radio.jobs)) == ("w", 2)
    again.close()


def test_a_modem_is_told_where_others_wait_behind_its_message(make: Any) -> None:
    box = make()
    box.modem("a")
    box.accept()
    assert not box.job()[1].more_follow
    box.accept()
    box.accept()
    box.sent(tp_mr=1)
    assert box.job()[1].more_follow
    box.sent(tp_mr=2)
    assert not box.job()[1].more_follow


def test_a_modem_that_is_over_its_pace_is_not_told_that_more_follow(make: Any) -> None:
    box = make(sims=paced(minute=1))
    for _ in range(3):
        box.accept()
    box.modem("a")
    assert not box.job()[1].more_follow


def test_a_slow_sim_is_given_the_time_that_it_takes(make: Any) -> None:
    box = make()
    box.modem("a")
    for _ in range(40):
        box.dispatcher.fleet.measured(12.0, "a")
    box.modem("a")
    box.accept(ttl=100)
    assert box.job()[1].patience == 36
    assert box.dispatcher.fleet.submit_s == pytest.approx(12)


# --- what is told ---


def test_a_message_that_waits_tells_why_for_each_modem(make: Any) -> None:
    box = make()
    box.modem("a")
    box.accept()
    box.modem("p", ModemState.SEARCHING)
    box.writer.call(lambda: box.dispatcher.pause("b", True))
    box.modem("b")
    code = box.accept(modem="a")
    told = explained(box, code)
    assert [(sim.modem, sim.may, sim.why) for sim in told.sims] == [
        ("a", True, "busy for about 4 s"),
        ("p", False, "searching"),
        ("b", False, "paused"),
    ]
    assert told.why.startswith("a is the best for it")


def test_the_history_says_why_the_only_one_was_taken(make: Any) -> None:
    box = make()
    box.modem("a")
    code = box.accept()
    assert why(box, code) == "the only one free and fit"
    box.sent(tp_mr=1)
    pinned = box.accept(modem="a")
    assert why(box, pinned) == "it was asked for by name"


def test_a_message_without_any_modem_says_so(make: Any) -> None:
    box = make()
    told = explained(box, box.accept())
    assert (told.why, told.sims, told.next_try_ms) == ("no modem was ever seen", [], None)
