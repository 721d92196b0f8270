"""One SIM texts another: what arrives, what is lost, whose fault it is, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dispatch_bench import Box
from sqlalchemy import select

from simcourier.care.looping import WHY
from simcourier.care.loops import Loops
from simcourier.care.tools import CareTools
from simcourier.config import Card, Config, Inbound, LoopTest, Sims, Storage
from simcourier.dispatch.bars import Cause
from simcourier.errors import RequestError
from simcourier.modem.facts import ModemChanged, ModemSnapshot, ModemState, SubmitEnd
from simcourier.outbox import loops
from simcourier.outbox.audit import Audit
from simcourier.outbox.loops import Outcome
from simcourier.outbox.message import Status
from simcourier.outbox.schema import messages, notices, sims
from simcourier.sms.tpdu import decode_submit

NUMBERS = {"a": "+447700900101", "b": "+447700900102", "c": "+447700900103", "d": "+447700900104"}
HOUR = 3600.0


class Desk:
    """A box, its modems, and the part that is tested; the test is the network between the SIMs."""

    def __init__(self, box: Box, **tables: object) -> None:
        self.box = box
        self.config = Config(storage=Storage(directory=str(box.directory)), **tables)  # type: ignore[arg-type] # tables
        self.cards: dict[str, ModemSnapshot] = {}
        box.radio.snapshots = lambda: dict(self.cards)  # type: ignore[attr-defined] # asked by looping
        self.loops = Loops(
            CareTools(
                self.config,
                box.engine,
                box.writer,
                box.dispatcher,
                box.radio,  # type: ignore[arg-type] # what the part asks of a radio
                box.sealer,
                box.metrics,
                box.dispatcher._clock,
                Audit(box.sealer.audit_key),
            )
        )
        box.dispatcher.connect(box.radio, self.loops.on_fact)
        self.seen = 0

    def plug(self, *names: str, state: ModemState = ModemState.READY, number: bool = True) -> None:
        for name in names:
            card = ModemSnapshot(
                name,
                f"/dev/{name}",
                state,
                "",
                self.box.now,
                sim=f"sim-{name}",
                number=NUMBERS[name] if number else "",
            )
            self.cards[name] = card
            self.box.tell(ModemChanged(card))

    def begin(self, sender: str, receiver: str | None = None) -> None:
        pair = self.loops._looping.pair(self.loops._ends(), sender, receiver)
        self.box.writer.submit(
            lambda c: self.loops._looping.begin(c, pair), self.loops._begun, self.box._raise
        )
        self.box.turn()

    def tick(self, seconds: float = 0.0) -> None:
        self.box.pass_time(seconds)
        self.box.writer.call(self.loops.tick)
        self.box.turn()

    def leave(self) -> str:
        """The network takes the newest job; returns its text."""
        _modem, job = self.box.job()
        self.box.sent(tp_mr=len(self.box.radio.jobs))
        return decode_submit(job.parts[0].hex).text or ""

    def arrive(self, text: str, at: str) -> bool:
        answer: list[bool] = []
        self.box.writer.call(lambda: answer.append(self.loops.arrived(text, at, f"sim-{at}")))
        self.box.turn()
        return answer[0]

    def test(self, sender: str, receiver: str | None = None, *, arrives: bool) -> Outcome:
        """A whole test, from its begin to its end."""
        self.begin(sender, receiver)
        text = self.leave()
        if arrives:
            self.arrive(text, self.tests()[0].to_modem)
        self.tick(181)
        return self.tests()[0].outcome

    def tests(self) -> list[loops.LoopTest]:
        with self.box.engine.connect() as connection:
            return loops.page(connection, 100, None)[0]

    def notices(self) -> list[str]:
        with self.box.engine.connect() as connection:
            return list(connection.execute(select(notices.c.type)).scalars())

    def barred(self, name: str) -> str:
        return self.box.dispatcher.fleet.barred(f"sim-{name}")


@pytest.fixture
def desk(box: Box) -> Iterator[Desk]:
    made = Desk(box)
    made.plug("a", "b", "c")
    return made


def test_a_text_between_two_sims_arrives_and_is_nobodys_message(desk: Desk) -> None:
    desk.begin("a", "b")
    assert desk.box.job()[0] == "a"
    recipient = decode_submit(desk.box.job()[1].parts[0].hex).recipient.text
    assert recipient.removeprefix("+") == NUMBERS["b"].removeprefix("+")
    text = desk.leave()
    assert desk.arrive(text, "b") is True
    (test,) = desk.tests()
    assert (test.outcome, test.from_modem, test.to_modem) == (Outcome.ARRIVED, "a", "b")


@pytest.mark.parametrize(
    "text",
    [
        "simcourier loop test 0123456789abcdef-0123456789abcdef",
        "simcourier loop test",
        "Your code is 123456",
        "STOP",
        "",
    ],
)
def test_what_a_stranger_writes_is_no_loop_test(desk: Desk, text: str) -> None:
    assert desk.arrive(text, "b") is False


def test_a_text_that_comes_twice_or_late_is_still_ours(desk: Desk) -> None:
    desk.begin("a", "b")
    text = desk.leave()
    desk.tick(181)
    assert desk.tests()[0].outcome is Outcome.LOST
    assert desk.arrive(text, "b") is True
    assert desk.tests()[0].outcome is Outcome.ARRIVED
    assert desk.arrive(text, "b") is True


def test_patience_counts_from_when_the_text_left(desk: Desk) -> None:
    desk.begin("a", "b")
    desk.tick(120)
    desk.leave()
    desk.tick(120)
    assert desk.tests()[0].outcome is Outcome.UNDER_WAY
    desk.tick(61)
    assert desk.tests()[0].outcome is Outcome.LOST


def test_what_never_left_says_nothing_of_the_sim(desk: Desk) -> None:
    desk.begin("a", "b")
    desk.plug("a", state=ModemState.RESYNC)
    desk.box.ended(SubmitEnd.NOT_SENT, "no prompt in 5 s")
    desk.tick(200)
    assert desk.tests()[0].outcome is Outcome.NOT_SENT


def test_two_lost_in_a_row_to_two_receivers_suspend_the_sender(desk: Desk) -> None:
    assert desk.test("a", arrives=False) is Outcome.LOST
    assert desk.barred("a") == ""
    assert desk.test("a", arrives=False) is Outcome.LOST
    assert {test.to_modem for test in desk.tests()} == {"b", "c"}
    assert (desk.barred("a"), desk.barred("b")) == (WHY, "")
    assert desk.notices().count("sim.suspended") == 1
    code = desk.box.accept()
    assert desk.box.job()[0] in {"b", "c"}
    assert desk.box.status(code) is Status.SENDING


def test_losses_to_one_receiver_alone_prove_nothing(desk: Desk) -> None:
    for _ in range(4):
        assert desk.test("a", "b", arrives=False) is Outcome.LOST
    assert desk.barred("a") == ""


def test_with_two_sims_only_the_one_receiver_must_do(box: Box) -> None:
    desk = Desk(box)
    desk.plug("a", "b")
    for _ in range(2):
        desk.test("a", arrives=False)
    assert desk.barred("a") == WHY


def test_where_nothing_arrives_from_anybody_codes_go_on_through_all(desk: Desk) -> None:
    for _ in range(3):
        for name in "abc":
            desk.test(name, arrives=False)
    assert [name for name in "abc" if desk.barred(name)] == []
    assert "sim.suspended" not in desk.notices()


def test_of_sims_that_are_judged_in_one_look_one_stays(box: Box) -> None:
    desk = Desk(box)
    desk.plug("a", "b")
    for _ in range(2):
        for name in "ab":
            desk.begin(name)
            desk.leave()
        desk.tick(181)
    assert len([name for name in "ab" if desk.barred(name)]) < 2
    assert desk.box.status(desk.box.accept()) is Status.SENDING


def test_the_last_sim_that_may_send_is_not_suspended(desk: Desk) -> None:
    for name in "bc":
        desk.box.dispatcher.bar(f"sim-{name}", "no credit", Cause.CREDIT)
    for _ in range(3):
        assert desk.test("a", arrives=False) is Outcome.LOST
    assert desk.barred("a") == ""


def test_a_clock_that_was_set_back_proves_nothing(desk: Desk) -> None:
    desk.begin("a", "b")
    desk.leave()
    desk.box.now -= 7200
    desk.tick()
    assert (desk.tests()[0].outcome, desk.tests()[0].detail) == (Outcome.UNCLEAR, "the clock was set")


def test_a_suspended_sim_is_tested_on_and_comes_back_when_one_arrives(desk: Desk) -> None:
    for _ in range(2):
        desk.test("a", arrives=False)
    assert desk.test("a", arrives=True) is Outcome.ARRIVED
    assert desk.barred("a") == ""
    assert desk.notices().count("sim.resumed") == 1


def test_one_that_arrives_ends_the_row(desk: Desk) -> None:
    for arrives in (False, True, False):
        desk.test("a", arrives=arrives)
    assert desk.barred("a") == ""


def test_a_receiver_that_gets_nothing_from_anybody_is_to_blame(desk: Desk) -> None:
    assert desk.test("a", "c", arrives=True) is Outcome.ARRIVED
    assert desk.test("a", "b", arrives=False) is Outcome.LOST
    assert desk.test("a", "c", arrives=True) is Outcome.ARRIVED
    assert desk.test("c", "b", arrives=False) is Outcome.UNCLEAR
    assert "nothing comes in at b" in desk.tests()[0].detail


def test_a_receiver_that_went_away_is_not_the_senders_fault(desk: Desk) -> None:
    desk.begin("a", "b")
    desk.leave()
    desk.plug("b", state=ModemState.SILENT)
    desk.tick(181)
    assert desk.tests()[0].outcome is Outcome.UNCLEAR


def test_a_sim_whose_messages_are_reported_as_delivered_is_not_blocked(desk: Desk) -> None:
    desk.begin("a", "b")
    desk.leave()
    desk.box.report("a", tp_mr=1, to=NUMBERS["b"])
    desk.tick(181)
    assert desk.tests()[0].outcome is Outcome.UNCLEAR


def test_an_undelivered_test_is_lost_at_once(desk: Desk) -> None:
    desk.begin("a", "b")
    desk.leave()
    desk.box.report("a", tp_mr=1, tp_st=0x46, to=NUMBERS["b"])
    desk.tick(1)
    assert desk.tests()[0].outcome is Outcome.LOST


def test_nothing_suspends_where_the_bound_is_zero(box: Box) -> None:
    desk = Desk(box, loop_test=LoopTest(losses_to_suspend=0))
    desk.plug("a", "b", "c")
    for _ in range(5):
        desk.test("a", arrives=False)
    assert desk.barred("a") == ""


def test_the_schedule_spreads_the_tests_and_repeats_them(box: Box) -> None:
    desk = Desk(box, loop_test=LoopTest(hours=2))
    desk.plug("a", "b", "c")
    begun: list[int] = []
    for _ in range(60):
        desk.tick(60)
        if len(desk.tests()) > sum(begun):
            desk.arrive(desk.leave(), desk.tests()[0].to_modem)
        begun.append(len(desk.tests()) - sum(begun))
    assert (sum(begun), max(begun)) == (3, 1)
    assert {test.from_modem for test in desk.tests()} == {"a", "b", "c"}
    for _ in range(125):
        desk.tick(60)
        if desk.box.dispatcher.in_flight:
            desk.arrive(desk.leave(), desk.tests()[0].to_modem)
    assert len(desk.tests()) == 6


def test_without_a_schedule_there_is_no_test(desk: Desk) -> None:
    desk.tick(HOUR)
    desk.tick(48 * HOUR)
    assert desk.tests() == []


def test_an_application_pays_nothing_for_it(desk: Desk) -> None:
    desk.begin("a", "b")
    with desk.box.engine.connect() as connection:
        (row,) = connection.execute(select(messages.c.client, messages.c.rank, messages.c.modem)).all()
    assert tuple(row) == ("simcourier", 2, "a")


@pytest.mark.parametrize(
    ("sender", "receiver", "words"),
    [
        ("x", None, "There is no modem of this name"),
        ("a", "x", "There is no modem of this name"),
        ("a", "a", "can't test itself"),
        ("a", "d", "The number of the SIM in d is not known"),
    ],
)
def test_who_can_not_take_part_is_told_why(desk: Desk, sender: str, receiver: str | None, words: str) -> None:
    desk.plug("d", number=False)
    with pytest.raises(RequestError, match=words):
        desk.begin(sender, receiver)


def test_a_paused_modem_sends_no_test_but_takes_one(desk: Desk) -> None:
    desk.box.dispatcher.pause("a", True)
    with pytest.raises(RequestError, match="may not send now"):
        desk.begin("a")
    assert desk.test("b", "a", arrives=True) is Outcome.ARRIVED


def test_a_sim_that_waits_for_an_admin_sends_no_test(desk: Desk) -> None:
    desk.box.dispatcher.bar("sim-a", "new SIM: waits for approval")
    with pytest.raises(RequestError, match="may not send now"):
        desk.begin("a")


def test_no_test_begins_where_nothing_that_comes_in_is_read(box: Box) -> None:
    desk = Desk(box, inbound=Inbound(enabled=False))
    desk.plug("a", "b")
    with pytest.raises(RequestError, match=r"inbound\.enabled"):
        desk.begin("a")


def test_an_admin_knows_numbers_better_than_the_card(box: Box) -> None:
    cards = (Card(iccid="894410000000000001", number="+447700900199"),)
    desk = Desk(box, sims=Sims(cards=cards))
    desk.plug("a", "b")
    desk.cards["b"] = ModemSnapshot(
        "b", "/dev/b", ModemState.READY, "", 0.0, sim="894410000000000001", number="07700900102"
    )
    desk.begin("a", "b")
    with desk.box.engine.connect() as connection:
        assert connection.execute(select(messages.c.recipient)).scalar_one() == "+447700900199"


def test_a_suspension_is_on_record_for_the_next_start(desk: Desk) -> None:
    with desk.box.engine.begin() as connection:
        connection.execute(
            sims.insert().values(
                sim="sim-a", state="approved", modem="a", first_seen_at_ms=1, last_seen_at_ms=1
            )
        )
    for _ in range(2):
        desk.test("a", arrives=False)
    with desk.box.engine.connect() as connection:
        assert connection.execute(select(sims.c.suspended)).scalar_one() == WHY
    after = Desk(desk.box.crash())
    assert after.barred("a") == WHY
    after.plug("a", "b", "c")
    after.test("a", arrives=True)
    assert after.barred("a") == ""
    with after.box.engine.connect() as connection:
        assert connection.execute(select(sims.c.suspended)).scalar_one() is None
    after.box.close()


def test_what_else_keeps_a_sim_from_sending_stays(desk: Desk) -> None:
    desk.begin("a")
    text = desk.leave()
    for cause in (Cause.LOOP_TEST, Cause.CREDIT):
        desk.box.dispatcher.bar("sim-a", f"a reason: {cause}", cause)
    desk.arrive(text, desk.tests()[0].to_modem)
    assert desk.barred("a") == "a reason: credit"


def test_a_restart_judges_what_was_under_way(desk: Desk, tmp_path: Path) -> None:
    desk.begin("a", "b")
    desk.leave()
    desk.box.now += 300
    after = Desk(desk.box.crash())
    after.plug("a", "b", "c")
    after.tick()
    assert after.tests()[0].outcome is Outcome.LOST
    after.box.close()


def test_old_tests_are_dropped(desk: Desk) -> None:
    desk.test("a", arrives=True)
    desk.tick(91 * 24 * HOUR)
    assert desk.tests() == []
