"""The same code again through another operator, once, where no report came in the usual time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from dispatch_bench import PHONE, Box
from sqlalchemy import select
from web_fixtures import web_box

from simcourier.config import Operator, SecondSim
from simcourier.hooks.events import of_move
from simcourier.modem.facts import ModemChanged, ModemSnapshot, ModemState, ReportRoute, SubmitEnd
from simcourier.outbox import duties, hooks, reading
from simcourier.outbox.message import MessageClass, Status
from simcourier.outbox.schema import messages
from simcourier.sms.causes import Verdict

NETWORKS = {"a": "00101", "b": "00102", "c": "00101"}
USUAL_S = 10.0
ONCE_MORE = "the same code again through another operator"


def plug(
    box: Box, *names: str, state: ModemState = ModemState.READY, reports: ReportRoute = ReportRoute.DIRECT
) -> None:
    for name in names:
        card = ModemSnapshot(name, f"/dev/{name}", state, "", box.now, sim=f"sim-{name}")
        box.tell(ModemChanged(replace(card, network=NETWORKS[name], reports=reports)))


def teach(box: Box, network: str = "00101", seconds: float = USUAL_S) -> None:
    for _ in range(40):
        box.dispatcher.learned.delivered("sim-x", network, PHONE, seconds - 0.001)


@pytest.fixture
def fleet(box: Box) -> Iterator[Box]:
    """SIM a is there, its network's reports come within ten seconds; b, of another operator, may come."""
    teach(box)
    plug(box, "a")
    box.pass_time(20)
    plug(box, "b", state=ModemState.SEARCHING)
    return box


def sent_by_a(box: Box, **how: object) -> str:
    code = box.accept(**how)  # type: ignore[arg-type] # passed on
    assert box.job()[0] == "a"
    box.sent(tp_mr=1)
    plug(box, "b")
    return code


def details(box: Box, message: str) -> list[str]:
    with box.engine.connect() as connection:
        found = reading.history(connection, box.record(message).n)
    return [event.detail or "" for event in found]


def test_the_same_code_goes_through_another_operator(fleet: Box) -> None:
    code = sent_by_a(fleet)
    fleet.pass_time(9)
    assert len(fleet.radio.jobs) == 1
    fleet.pass_time(2)
    assert fleet.job()[0] == "b"
    first, second = (job.parts[0].hex[-20:] for _, job in fleet.radio.jobs)
    assert first == second
    assert any(f"no report within 11 s; {ONCE_MORE}" == line for line in details(fleet, code))
    fleet.sent(tp_mr=9)
    assert fleet.history(code)[2:] == [Status.SENT, Status.QUEUED, Status.SENDING, Status.SENT]
    assert details(fleet, code)[-1] == "the second copy"


def test_there_is_no_third_copy_not_even_after_a_restart(fleet: Box) -> None:
    code = sent_by_a(fleet)
    fleet.pass_time(11)
    fleet.sent(tp_mr=9)
    assert fleet.record(code).body is None
    fleet.pass_time(60)
    assert len(fleet.radio.jobs) == 2
    again = fleet.crash()
    teach(again)
    plug(again, "a", "b")
    again.pass_time(60)
    assert again.radio.jobs == []
    again.close()


def test_a_second_copy_that_was_due_survives_a_restart(fleet: Box) -> None:
    code = sent_by_a(fleet)
    again = fleet.crash()
    plug(again, "a", "b")
    again.pass_time(11)
    assert again.radio.jobs == []  # what came meanwhile is read from the SIMs first
    again.pass_time(5)
    assert again.job()[0] == "b"
    last = again.crash()
    assert last.status(code) is Status.SENT
    last.close()


@pytest.mark.parametrize("first", [True, False])
def test_the_report_of_either_copy_settles_the_message(fleet: Box, first: bool) -> None:
    code = sent_by_a(fleet)
    fleet.pass_time(11)
    fleet.sent(tp_mr=9)
    if first:
        fleet.report("a", tp_mr=1, age=11)
    else:
        fleet.report("b", tp_mr=9)
    assert fleet.status(code) is Status.DELIVERED
    fleet.report("a" if not first else "b", tp_mr=1 if not first else 9)
    assert fleet.status(code) is Status.DELIVERED
    assert details(fleet, code)[-1] == "report: received by the SME"


def test_one_copy_that_failed_leaves_the_message_to_the_other(fleet: Box) -> None:
    code = sent_by_a(fleet)
    fleet.pass_time(11)
    fleet.sent(tp_mr=9)
    fleet.report("b", tp_mr=9, tp_st=0x46)
    assert fleet.status(code) is Status.SENT
    fleet.report("a", tp_mr=1, tp_st=0x46, age=11)
    assert fleet.status(code) is Status.UNDELIVERED


def waiting_second(box: Box, **how: object) -> str:
    """A message of which the second copy waits for the only other SIM."""
    code = sent_by_a(box, **how)
    box.accept(modem="b")
    box.pass_time(11)
    assert box.status(code) is Status.QUEUED
    return code


def test_a_report_while_the_second_copy_waits_settles_it(fleet: Box) -> None:
    code = waiting_second(fleet)
    fleet.report("a", tp_mr=1, age=11)
    assert fleet.status(code) is Status.DELIVERED
    assert fleet.record(code).body is None
    fleet.sent(tp_mr=2)
    assert (fleet.dispatcher.room.total(), len(fleet.radio.jobs)) == (0, 2)


def test_a_report_while_the_second_copy_leaves_settles_it(fleet: Box) -> None:
    code = sent_by_a(fleet)
    fleet.pass_time(11)
    fleet.report("a", tp_mr=1, age=11)
    assert fleet.status(code) is Status.SENDING
    fleet.ended(SubmitEnd.NOT_SENT, "no prompt in 5 s")
    assert fleet.status(code) is Status.DELIVERED


def test_a_second_copy_that_can_not_leave_in_time_is_no_failure(fleet: Box) -> None:
    code = sent_by_a(fleet, ttl=60)
    fleet.pass_time(11)
    plug(fleet, "b", state=ModemState.RESYNC)
    fleet.ended(SubmitEnd.NOT_SENT, "no prompt in 5 s")
    assert fleet.status(code) is Status.QUEUED
    fleet.pass_time(50)
    assert fleet.status(code) is Status.SENT
    late = "no second copy: its deadline passed before it could be sent: no SIM can take it now: "
    assert details(fleet, code)[-1] == f"{late}its SIM is of the same operator as the first copy's, resync"
    with fleet.engine.connect() as connection:
        told = [event for move in hooks.moves(connection, 0)[0] if (event := of_move(move)) is not None]
    reasons = [msgspec.json.decode(event.body)["data"]["reason"] for event in told]
    assert reasons[-1] == "no second copy: its deadline passed before it could be sent", (
        "nothing of the fleet"
    )
    assert fleet.record(code).body is None
    assert fleet.dispatcher.room.total() == 0
    fleet.report("a", tp_mr=1, age=61)
    assert fleet.status(code) is Status.DELIVERED


@pytest.mark.parametrize(
    ("end", "verdict"),
    [(SubmitEnd.NOT_SENT, Verdict.NEVER), (SubmitEnd.EXPIRED, None), (SubmitEnd.IN_DOUBT, None)],
)
def test_however_the_second_submit_ends_the_first_did_leave(
    fleet: Box, end: SubmitEnd, verdict: Verdict | None
) -> None:
    code = sent_by_a(fleet)
    fleet.pass_time(11)
    fleet.ended(end, "+CMS ERROR: 1", verdict)
    assert fleet.status(code) is Status.SENT
    fleet.pass_time(60)
    assert len(fleet.radio.jobs) == 2
    assert (Status.UNKNOWN in fleet.history(code)) == (end is SubmitEnd.IN_DOUBT)


def test_only_a_known_failure_of_the_first_makes_the_end_undelivered(fleet: Box) -> None:
    code = sent_by_a(fleet)
    fleet.pass_time(11)
    fleet.report("a", tp_mr=1, tp_st=0x46, age=11)
    assert fleet.status(code) is Status.SENDING
    fleet.ended(SubmitEnd.NOT_SENT, "+CMS ERROR: 1", Verdict.NEVER)
    assert fleet.status(code) is Status.UNDELIVERED


def test_a_sim_of_the_same_operator_is_not_another(fleet: Box) -> None:
    code = fleet.accept()
    fleet.sent(tp_mr=1)
    plug(fleet, "c")
    fleet.pass_time(20)
    assert (fleet.status(code), len(fleet.radio.jobs)) == (Status.SENT, 1)
    plug(fleet, "b")
    fleet.pass_time(2)
    assert fleet.job()[0] == "b"


@pytest.mark.parametrize(
    "how",
    [{"message_class": MessageClass.BULK}, {"modem": "a"}, {"ttl": 25}],
    ids=["bulk", "pinned", "short"],
)
def test_no_text_is_kept_that_will_not_go_again(fleet: Box, how: dict[str, object]) -> None:
    code = fleet.accept(**how)  # type: ignore[arg-type] # passed on
    fleet.sent(tp_mr=1)
    assert fleet.record(code).body is None
    plug(fleet, "b")
    fleet.pass_time(20)
    assert len(fleet.radio.jobs) == 1


def test_the_text_is_kept_until_the_report_and_no_longer(fleet: Box) -> None:
    code = sent_by_a(fleet)
    assert fleet.record(code).body is not None
    fleet.report("a", tp_mr=1)
    assert fleet.record(code).body is None


def test_the_text_is_wiped_when_its_time_is_over(fleet: Box) -> None:
    code = fleet.accept(ttl=60)
    fleet.sent(tp_mr=1)
    fleet.pass_time(41)
    assert fleet.record(code).body is None
    plug(fleet, "b")
    fleet.pass_time(5)
    assert len(fleet.radio.jobs) == 1


def test_the_wipe_at_the_deadline_reaches_what_is_kept(fleet: Box) -> None:
    code = sent_by_a(fleet)
    with fleet.engine.begin() as connection:
        assert duties.wipe(connection, fleet.wall_ms() + 299_000) == 0
        assert duties.wipe(connection, fleet.wall_ms() + 300_000) == 1
    assert fleet.record(code).body is None


def test_a_newer_code_ends_the_wait_for_the_older_ones_report(fleet: Box) -> None:
    code = fleet.accept(supersedes="login")
    fleet.sent(tp_mr=1)
    newer = fleet.accept(supersedes="login")
    assert fleet.record(code).body is None
    fleet.sent(tp_mr=2)
    plug(fleet, "b")
    fleet.pass_time(11)
    assert [fleet.status(code), fleet.status(newer)] == [Status.SENT, Status.SENDING]


def test_a_second_copy_that_is_superseded_was_sent(fleet: Box) -> None:
    code = waiting_second(fleet, supersedes="login")
    fleet.accept(supersedes="login", modem="b")
    assert (fleet.status(code), fleet.record(code).body) == (Status.SENT, None)
    assert details(fleet, code)[-1] == "no second copy: a newer message replaced it"


def test_a_second_copy_can_be_called_back_but_not_the_first(fleet: Box) -> None:
    code = waiting_second(fleet)
    assert fleet.cancel(code) is False
    assert (fleet.status(code), fleet.record(code).body) == (Status.SENT, None)
    fleet.sent(tp_mr=2)
    assert (fleet.dispatcher.room.total(), len(fleet.radio.jobs)) == (0, 2)


def test_a_final_report_that_confirms_nothing_asks_for_no_second_copy(fleet: Box) -> None:
    code = sent_by_a(fleet)
    fleet.report("a", tp_mr=1, tp_st=0x01)
    fleet.pass_time(11)
    assert (fleet.status(code), len(fleet.radio.jobs)) == (Status.SENT, 1)
    assert fleet.record(code).body is None


def test_a_modem_without_reports_asks_for_none(fleet: Box) -> None:
    plug(fleet, "a", reports=ReportRoute.NONE)
    code = fleet.accept()
    fleet.sent(tp_mr=1)
    assert fleet.record(code).body is None


@pytest.mark.parametrize(
    ("second_sim", "operator"),
    [
        (SecondSim(enabled=False), {}),
        (SecondSim(classes=("bulk",)), {}),
        (SecondSim(), {"second_sim": False}),
        (SecondSim(), {"reports": False}),
        (SecondSim(sample=1000), {}),
    ],
)
def test_it_can_be_switched_off(tmp_path: Path, second_sim: SecondSim, operator: dict[str, bool]) -> None:
    operators = (Operator(name="Example", networks=("00101",), **operator),)
    box = Box(tmp_path, operators=operators, second_sim=second_sim)
    teach(box)
    plug(box, "a")
    box.pass_time(20)
    code = box.accept()
    plug(box, "b")
    box.sent(tp_mr=1)
    assert box.record(code).body is None
    box.pass_time(15)
    assert len(box.radio.jobs) == 1
    box.close()


def test_two_networks_of_one_operator_are_no_two_operators(tmp_path: Path) -> None:
    operators = (Operator(name="Example", networks=("00101", "00102")),)
    box = Box(tmp_path, operators=operators)
    teach(box)
    plug(box, "a")
    box.pass_time(20)
    code = box.accept()
    plug(box, "b")
    box.sent(tp_mr=1)
    assert box.record(code).body is None
    box.close()


def test_a_clock_that_is_set_moves_the_second_copys_time_along(fleet: Box) -> None:
    sent_by_a(fleet)
    fleet.system_ms = lambda: fleet.wall_ms() + 3_600_000
    fleet.pass_time(1)
    fleet.pass_time(5)
    assert len(fleet.radio.jobs) == 1
    fleet.pass_time(6)
    assert fleet.job()[0] == "b"


def test_a_code_that_was_proven_is_not_kept_for_a_second_copy(tmp_path: Path) -> None:
    with web_box(tmp_path) as web:
        web.modem("modem-1")
        for name, network in (("modem-1", "00101"), ("modem-2", "00102")):
            web.modem(name)
            web.change(replace(web.radio.cards[name], network=network))
            for _ in range(40):
                web.dispatcher.learned.delivered(f"sim {name}", network, PHONE, USUAL_S)
        key = web.key("verifications:start", "verifications:check")
        started = web.start(key).get_json()
        code = web.code()
        web.submitted()
        with web.engine.connect() as connection:
            assert connection.execute(select(messages.c.body)).scalar_one() is not None
        assert web.check(key, started["id"], code).status_code == 200
        with web.engine.connect() as connection:
            assert connection.execute(select(messages.c.body, messages.c.second_at_ms)).one() == (None, None)
        web.pass_time(30)
        assert len(web.radio.jobs) == 1


def test_applications_are_told_which_copy_left(fleet: Box) -> None:
    sent_by_a(fleet)
    fleet.pass_time(11)
    fleet.sent(tp_mr=9)
    fleet.report("a", tp_mr=1, tp_st=0x30, age=11)
    with fleet.engine.connect() as connection:
        told = [of_move(move) for move in hooks.moves(connection, 0)[0]]
    bodies = [msgspec.json.decode(event.body) for event in told if event is not None]
    assert [(body["type"], body["data"].get("copy")) for body in bodies] == [
        ("message.sent", None),
        ("message.sent", 2),
    ]
