"""Whatever a modem says and whenever: nothing raises, every job ends once, every move is in the table."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from modem_desk import OK, Desk, ScriptedModem, job

from simcourier.errors import BugError
from simcourier.modem.duties import Ending
from simcourier.modem.facts import (
    Fault,
    FaultSeen,
    LateAnswer,
    ModemChanged,
    ModemState,
    PartSubmitted,
    Recovered,
    SubmitEnd,
    SubmitEnded,
    UssdEnded,
)
from simcourier.modem.session import Session
from simcourier.modem.states import MOVES, check_move
from simcourier.modem.timings import Timings

REPORT = "\r\n+CDS: 25\r\n079144770090000006400C91447700091000511090718384225110907183252200\r\n"

SAYINGS = [
    OK,
    "\r\nERROR\r\n",
    "\r\n+CMS ERROR: 38\r\n",
    "\r\n+CMS ERROR: 310\r\n",
    "\r\n+CME ERROR: 14\r\n",
    "\r\n> ",
    "\r\n+CMGS: 64\r\n",
    "\r\n+CMGS: 65\r\n" + OK,
    REPORT,
    '\r\n+CDSI: "SR",1\r\n',
    "\r\n+CREG: 2\r\n",
    "\r\nRDY\r\n",
    "+CSQ: 20,99\r",
    "^BOOT:1\r\r\n",
    "+CD",
    "\xff\x00",
    '\r\n+CMTI: "SM",2\r\n',
    "\r\n+CPIN: NOT READY\r\n",
    "\r\n+CREG: 1\r\n",
    '\r\n+CUSD: 1,"Balance\r\n10.00",15\r\n',
    '\r\n+CUSD: 0,"Balance\r\n',
    "\r\nRDY\r\n" * 400,
]

ANSWERS = [
    "well",
    "never",
    "\r\n+CMS ERROR: 38\r\n",
    "\r\nERROR\r\n",
    "\r\n+CMGS: \r\n" + OK,
    OK,
    "\r\n+CMS ERROR: 332\r\n",
]

DOINGS = st.one_of(
    st.tuples(st.just("say"), st.sampled_from(SAYINGS)),
    st.tuples(st.just("noise"), st.binary(max_size=30)),
    st.tuples(st.just("wait"), st.sampled_from([0.05, 0.3, 1.0, 1.6, 5.1, 8.1, 30.0, 70.0])),
    st.tuples(st.just("deaf"), st.booleans()),
    st.tuples(st.just("come up"), st.none()),
    st.tuples(st.just("send"), st.integers(1, 3)),
    st.tuples(st.just("hold"), st.integers(1, 3)),
    st.tuples(st.just("permit"), st.booleans()),
    st.tuples(st.just("answers PDUs"), st.sampled_from(ANSWERS)),
    st.tuples(st.just("pin"), st.booleans()),
    st.tuples(st.just("poll"), st.none()),
    st.tuples(st.just("prompts"), st.booleans()),
    st.tuples(st.just("unplug"), st.none()),
    st.tuples(st.just("stall"), st.none()),
    st.tuples(st.just("lose"), st.none()),
    st.tuples(st.just("ussd"), st.none()),
    st.tuples(st.just("withdraw"), st.none()),
)


class Life:
    """A modem that is mostly well, and what befalls it."""

    def __init__(self) -> None:
        self.desk = Desk(pin="1234").up()
        self.jobs = 0
        self.requests = 0
        self.answer = "well"
        self.desk.modem.on_pdu = self._on_pdu

    def _on_pdu(self, _: str) -> str | None:
        match self.answer:
            case "well":
                return f"\r\n+CMGS: {self.jobs % 256}\r\n" + OK
            case "never":
                self.desk.modem.deaf = True
                return None
            case _:
                return self.answer

    def befall(self, what: str, value: object) -> None:
        desk = self.desk
        match what, value:
            case "say", str(text):
                desk.say(text)
            case "noise", bytes(data):
                desk.say(data.decode("latin-1"))
            case "wait", float(seconds):
                desk.run(seconds)
            case "deaf", bool(deaf):
                desk.modem.deaf = deaf
            case "come up", None:
                desk.modem.deaf, desk.modem.prompt = False, "\r\n> "
                desk.until(lambda: desk.state is ModemState.READY, 200.0)
            case (("send" | "hold"), int(parts)):
                self.jobs += 1
                desk.submit(job(self.jobs, parts, now=desk.now, life=100.0), permitted=what == "send")
            case "answers PDUs", str(answer):
                self.answer = answer
            case "permit", bool(granted):
                desk.session.permit(self.jobs, granted, desk.now)
            case "pin", bool(granted):
                desk.session.allow_pin(granted, desk.now)
            case "poll", None:
                desk.session.poll(desk.now)
            case "prompts", bool(prompts):
                desk.modem.prompt = "\r\n> " if prompts else None
            case "unplug", None:
                desk.session.closed(desk.now, "unplugged")
                desk.modem.at_prompt = False
                desk.plug()
            case "lose", None:
                desk.session.lost(desk.now, "gone")
                desk.modem.at_prompt = False
                desk.plug()
            case "ussd", None:
                self.requests += 1
                desk.session.ussd(self.requests, "*100#", desk.now)
            case "withdraw", None:
                desk.session.withdraw(self.jobs, desk.now)
            case _:
                desk.session.stalled(desk.now, "it takes nothing")
                desk.plug()
        desk.settle()


def pdus_of(number: int) -> set[str]:
    return {part.hex for part in job(number, 3).parts}


@given(st.lists(DOINGS, max_size=40))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_befalls_a_modem_every_job_ends_once_and_the_modem_comes_back(
    doings: list[tuple[str, object]],
) -> None:
    life = Life()
    desk = life.desk
    for what, value in doings:
        life.befall(what, value)
    life.answer, desk.modem.deaf, desk.modem.prompt = "well", False, "\r\n> "
    desk.run(120.0).until(lambda: desk.state is ModemState.READY, 200.0)
    ended = [fact.job for fact in desk.told(SubmitEnded)]
    assert sorted(ended) == list(range(1, life.jobs + 1))
    for fact in desk.told(SubmitEnded):
        parts = [part.part for part in desk.told(PartSubmitted) if part.job == fact.job]
        assert parts == list(range(fact.parts_sent))
        # What reached the modem is what was told, but for one part that was refused or is in doubt.
        reached = [pdu for pdu in desk.modem.pdus if pdu in pdus_of(fact.job)]
        assert len(reached) == len(set(reached)), "no PDU leaves twice"
        assert len(reached) <= fact.parts_sent + (fact.end is SubmitEnd.IN_DOUBT or fact.verdict is not None)
    assert sorted(fact.request for fact in desk.told(UssdEnded)) == list(range(1, life.requests + 1))
    seen = [fact.fault for fact in desk.told(FaultSeen)]
    mended = [fact.fault for fact in desk.told(Recovered)]
    assert all(mended.count(fault) <= seen.count(fault) for fault in Fault), (
        "what recovers was told to be wrong"
    )
    assert desk.session.modem.bout is None
    doubted = {fact.job for fact in desk.told(SubmitEnded) if fact.end is SubmitEnd.IN_DOUBT}
    assert {fact.job for fact in desk.told(LateAnswer)} <= doubted
    assert b"CPIN=" not in desk.written


@given(st.lists(st.sampled_from(SAYINGS) | st.text(max_size=10), max_size=10), st.sampled_from([1, 2, 7]))
@settings(max_examples=100, deadline=None)
def test_a_modem_that_says_it_in_pieces_says_the_same(sayings: list[str], chunk: int) -> None:
    whole, pieces = Desk().up(), Desk(chunk=chunk).up()
    for saying in sayings:
        if not saying.endswith("\r\n"):
            continue
        for desk in (whole, pieces):
            desk.say(saying.encode("latin-1", "replace").decode("latin-1"))
            desk.run(3.0)
    assert [fact for fact in whole.facts if not isinstance(fact, ModemChanged)] == [
        fact for fact in pieces.facts if not isinstance(fact, ModemChanged)
    ]
    assert whole.state is pieces.state


def test_a_stray_prompt_gives_up_what_came_behind_it_in_the_same_chunk() -> None:
    desk = Desk(ScriptedModem({"AT+CSQ": None})).up(60.0)
    desk.session.modem.muteness.clear()
    desk.session.poll(desk.now)
    desk.settle()
    desk.say("\r\n> \r\n+CSQ: 20,99\r\n" + OK)
    assert desk.state is ModemState.RESYNC
    desk.until(lambda: desk.state is ModemState.READY, 60.0)


def test_every_state_has_its_moves_and_can_be_left_and_reached() -> None:
    assert set(MOVES) == set(ModemState)
    for state in ModemState:
        assert MOVES[state]
        assert state not in MOVES[state]
        assert any(state in moves for moves in MOVES.values())


def test_a_move_that_is_not_in_the_table_is_our_fault() -> None:
    check_move(ModemState.READY, ModemState.READY)
    with pytest.raises(BugError, match="from absent to ready"):
        check_move(ModemState.ABSENT, ModemState.READY)


def test_a_procedure_cannot_be_resumed_while_no_port_is_open() -> None:
    session = Session("modem-1", "/dev/ttyTEST", timings=Timings())
    with pytest.raises(BugError):
        session._go(None)


def test_an_end_without_a_job_is_nothing() -> None:
    desk = Desk().up()
    desk.session.modem.end(Ending(SubmitEnd.SENT))
    assert desk.told(SubmitEnded) == []


def test_a_port_that_could_not_be_opened_is_told_with_the_reason() -> None:
    desk = Desk()
    desk.session.opening(desk.now)
    desk.session.closed(desk.now, "/dev/ttyTEST: in use by another program")
    desk.settle()
    last = desk.told(ModemChanged)[-1].snapshot
    assert (last.state, last.reason) == (ModemState.ABSENT, "/dev/ttyTEST: in use by another program")


def test_a_session_is_busy_while_it_has_a_job() -> None:
    desk = Desk().up()
    busy = [desk.session.busy]
    desk.submit(job(now=desk.now), permitted=False)
    busy.append(desk.session.busy)
    desk.session.permit(1, True, desk.now)
    busy.append(desk.session.busy)
    desk.settle()
    assert [*busy, desk.session.busy] == [False, True, True, False]


def test_output_and_facts_are_taken_once() -> None:
    desk = Desk()
    desk.session.opening(1.0)
    desk.session.opened(1.0)
    assert desk.session.take_output()
    assert desk.session.take_output() == b""
    assert desk.session.take_facts()
    assert desk.session.take_facts() == []
