"""Which SIM takes a message, and what follows a refusal: pure decisions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.config import Operator, Pace
from simcourier.dispatch.candidates import Candidate, Terms
from simcourier.dispatch.operators import Operators
from simcourier.dispatch.pace import HOUR_MS, Meter, Used
from simcourier.dispatch.policy import (
    Why,
    choose,
    choose_quick,
    could,
    is_plain,
    objection,
    rank,
    sooner,
)
from simcourier.dispatch.refusals import after_refusal
from simcourier.outbox.message import OnUnknown, Waiting
from simcourier.sms.causes import Verdict, judge

NOW_MS = 1_800_000_000_000
MESSAGE = Waiting(1, "msg_1", 0, "+447700900001", b"", 1, NOW_MS, NOW_MS + 300_000, OnUnknown.RESEND, None)
A, B = Candidate("a", last_used=3), Candidate("b", last_used=1)
FAILING = Candidate("c", failures=3)
IDLE = [A, B, FAILING]
EAST = Operator("East", networks=("00101",), prefixes=("+4477009000",))
WEST = Operator("West", networks=("00102",), prefixes=("+4477009001",))
OPERATORS = Operators([EAST, WEST])
TERMS = Terms(OPERATORS)
PLAIN = Terms(varied=False)


class Reports:
    """What delivery reports taught, by network."""

    def __init__(self, **times: float) -> None:
        self.times = times

    def expected_s(self, network: str, recipient: str) -> float | None:
        assert recipient == MESSAGE.recipient
        return self.times.get(f"n{network}")


def sim(modem: str, network: str = "", **fields: object) -> Candidate:
    return Candidate(modem, network=network, operator=OPERATORS.key(network), **fields)  # type: ignore[arg-type] # by name


def taken(message: Waiting, idle: list[Candidate], all_: list[Candidate] | None = None) -> str | None:
    choice = choose(message, idle, all_ or idle, PLAIN, NOW_MS)
    return None if choice is None else choice.candidate.modem


def test_the_modem_that_rested_longest_takes_it() -> None:
    assert taken(MESSAGE, IDLE) == "b"


def test_a_modem_that_fails_is_taken_last() -> None:
    assert taken(MESSAGE, [A, FAILING]) == "a"
    assert taken(MESSAGE, [FAILING]) == "c"


def test_a_modem_that_has_just_recovered_gets_its_chance() -> None:
    assert taken(MESSAGE, [A, Candidate("c", failures=1, last_used=0)]) == "c"


def test_a_sim_that_roams_or_hears_badly_is_taken_where_there_is_no_better() -> None:
    roaming, weak = Candidate("r", roaming=True), Candidate("w", signal_dbm=-110)
    assert taken(MESSAGE, [roaming, weak, A]) == "a"
    assert taken(MESSAGE, [roaming]) == "r"


def test_a_sim_that_submits_clearly_slower_is_taken_last_and_a_little_slower_is_alike() -> None:
    assert taken(MESSAGE, [A, Candidate("slow", submit_s=9)]) == "a"
    assert taken(MESSAGE, [A, Candidate("slower", submit_s=5)]) == "slower"
    assert taken(replace(MESSAGE, segments=3), [A, Candidate("slower", submit_s=5)]) == "a"


def test_a_pinned_message_takes_its_modem_or_waits() -> None:
    pinned = replace(MESSAGE, modem="a")
    assert taken(pinned, IDLE) == "a"
    assert taken(pinned, [B, FAILING], IDLE) is None
    assert taken(replace(pinned, avoid=frozenset({"a"})), IDLE) == "a"


def test_the_preferred_modem_is_taken_where_it_is_free_and_not_waited_for() -> None:
    assert taken(replace(MESSAGE, prefer="a"), IDLE) == "a"
    assert taken(replace(MESSAGE, prefer="a"), [B], IDLE) == "b"


def test_a_message_avoids_the_modem_that_failed_it_while_another_could_take_it() -> None:
    wary = replace(MESSAGE, avoid=frozenset({"b"}))
    assert taken(wary, IDLE) == "a"
    assert taken(wary, [B], [A, B]) is None
    assert taken(wary, [B], [B]) == "b"


def test_another_that_may_not_send_is_no_other() -> None:
    wary = replace(MESSAGE, avoid=frozenset({"b"}))
    assert taken(wary, [B], [B, Candidate("a", barred="no credit")]) == "b"
    spent = Meter(Pace(hour=1), Used(hour=1, day=1, month=1), NOW_MS)
    assert taken(wary, [B], [B, Candidate("a", meter=spent)]) == "b"
    late, soon = (Meter(Pace(minute=1), Used(), NOW_MS) for _ in range(2))
    late.take(1, None, NOW_MS - 29_000)
    assert taken(wary, [B], [B, Candidate("a", meter=late)]) == "b"
    soon.take(1, None, NOW_MS - 31_000)
    assert taken(wary, [B], [B, Candidate("a", meter=soon)]) is None


def test_nobody_idle_means_waiting() -> None:
    assert taken(MESSAGE, [], [A]) is None


def test_a_barred_sim_takes_only_what_is_to_test_it() -> None:
    barred = Candidate("a", barred="loop tests don't arrive")
    assert taken(MESSAGE, [barred, B]) == "b"
    assert taken(replace(MESSAGE, modem="a"), [barred]) is None
    assert taken(replace(MESSAGE, modem="a", despite_bar=True), [barred]) == "a"


def test_a_second_copy_goes_through_another_operator_or_not_at_all() -> None:
    second = replace(MESSAGE, other_network="00101")
    east, west, stranger = sim("e", "00101"), sim("w", "00102"), sim("s")
    assert choose(second, [east, stranger], [east, west, stranger], TERMS, NOW_MS) is None
    choice = choose(second, [east, west, stranger], [east, west, stranger], TERMS, NOW_MS)
    assert choice is not None
    assert choice.candidate is west


def test_two_networks_of_one_operator_are_one() -> None:
    terms = Terms(Operators([Operator("East", networks=("00101", "00102"))]))
    other = Candidate("x", network="00102", operator="East")
    assert objection(replace(MESSAGE, other_network="00101"), other, terms, NOW_MS) is Why.SAME_NETWORK


def test_the_recipients_operator_is_preferred() -> None:
    east, west = sim("e", "00101", last_used=9), sim("w", "00102", last_used=1)
    choice = choose(MESSAGE, [east, west], [east, west], TERMS, NOW_MS)
    assert choice is not None
    assert choice.candidate is east
    assert choice.expected_s == 9


def test_without_a_rule_the_network_that_delivered_sooner_is_preferred() -> None:
    terms = Terms(expectation=Reports(n00101=40, n00102=6))
    east, west = Candidate("e", network="00101"), Candidate("w", network="00102", last_used=9)
    choice = choose(MESSAGE, [east, west], [east, west], terms, NOW_MS)
    assert choice is not None
    assert (choice.candidate, choice.delivery_s) == (west, 6)


def test_a_busy_sim_is_waited_for_only_where_it_is_clearly_sooner() -> None:
    east, west = sim("e", "00101"), sim("w", "00102", roaming=True)
    choice = choose(MESSAGE, [west], [east, west], TERMS, NOW_MS)
    assert choice is not None
    assert choice.expected_s == 19
    assert sooner(MESSAGE, choice, [(east, 3.0)], TERMS, NOW_MS) is east
    assert sooner(MESSAGE, choice, [(east, 8.0)], TERMS, NOW_MS) is None
    failed = replace(MESSAGE, avoid=frozenset({"e"}))
    assert sooner(failed, choice, [(east, 3.0)], TERMS, NOW_MS) is None
    barred = sim("e", "00101", barred="no credit")
    assert sooner(MESSAGE, choice, [(barred, 0.0)], TERMS, NOW_MS) is None


def test_each_sim_is_judged_with_a_reason() -> None:
    spent = Meter(Pace(hour=10), Used(hour=10, day=10, month=10), NOW_MS)
    judged = rank(
        replace(MESSAGE, avoid=frozenset({"f"}), other_network="00102"),
        [
            (sim("w", "00102"), 0.0),
            (sim("f", "00101"), 0.0),
            (sim("busy", "00101"), 6.0),
            (sim("free", "00101"), 0.0),
            (sim("p", "00101", meter=spent), 0.0),
            (sim("b", "00101", barred="no credit"), 0.0),
            (sim("v", sandbox=True), 0.0),
        ],
        TERMS,
        NOW_MS,
    )
    assert [(one.candidate.modem, one.why) for one in judged if one.why is None] == [
        ("free", None),
        ("busy", None),
    ]
    assert {one.candidate.modem: one.why for one in judged if one.why is not None} == {
        "w": Why.SAME_NETWORK,
        "f": Why.FAILED,
        "p": Why.PACE,
        "b": Why.BARRED,
        "v": Why.OTHER_SIDE,
    }
    (paced,) = (one for one in judged if one.why is Why.PACE)
    assert paced.refusal is not None
    assert paced.refusal.until_ms == (NOW_MS // HOUR_MS + 1) * HOUR_MS


@pytest.mark.parametrize("verdict", [Verdict.AGAIN_HERE, Verdict.LATER, Verdict.ELSEWHERE, Verdict.CARE])
def test_the_last_refusal_fails_the_message(verdict: Verdict) -> None:
    assert after_refusal(replace(MESSAGE, refusals=4), verdict, 5, alone=False).delay_ms is None
    assert after_refusal(replace(MESSAGE, refusals=3), verdict, 5, alone=False).delay_ms is not None


def test_a_refusal_of_the_message_itself_is_final() -> None:
    retry = after_refusal(MESSAGE, Verdict.NEVER, 5, alone=False, other_operator=True)
    assert (retry.delay_ms, retry.elsewhere) == (None, False)


def test_elsewhere_means_at_once_where_there_is_an_elsewhere() -> None:
    assert after_refusal(MESSAGE, Verdict.ELSEWHERE, 5, alone=False).delay_ms == 0
    assert after_refusal(MESSAGE, Verdict.ELSEWHERE, 5, alone=True).delay_ms == 2000


def test_a_network_that_can_not_now_is_left_for_another_operator_at_once() -> None:
    retry = after_refusal(MESSAGE, Verdict.AGAIN_HERE, 5, alone=False, other_operator=True)
    assert (retry.delay_ms, retry.elsewhere, retry.other_operator) == (0, True, True)
    pinned = after_refusal(
        replace(MESSAGE, modem="a"), Verdict.AGAIN_HERE, 5, alone=False, other_operator=True
    )
    assert (pinned.delay_ms, pinned.elsewhere) == (2000, False)


def test_a_phone_that_can_not_now_is_waited_for_and_no_other_operator_is_asked() -> None:
    retry = after_refusal(MESSAGE, Verdict.LATER, 5, alone=False, other_operator=True)
    assert (retry.delay_ms, retry.elsewhere, retry.care) == (2000, False, False)
    assert [judge(f"+CMS ERROR: {cause}").verdict for cause in (22, 27)] == [Verdict.LATER] * 2


def test_the_pause_before_the_same_modem_grows() -> None:
    pauses = [
        after_refusal(replace(MESSAGE, refusals=n), Verdict.AGAIN_HERE, 20, alone=False).delay_ms
        for n in range(8)
    ]
    assert pauses == [2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000]


def test_only_care_asks_for_care() -> None:
    asked = {verdict for verdict in Verdict if after_refusal(MESSAGE, verdict, 5, alone=False).care}
    assert asked == {Verdict.CARE}


names = st.sampled_from(["a", "b", "c", "d"])
networks = st.sampled_from(["", "00101", "00102"])
candidates = st.builds(
    sim,
    names,
    networks,
    failures=st.integers(0, 4),
    last_used=st.integers(0, 5).map(float),
    sandbox=st.booleans(),
    roaming=st.booleans(),
    submit_s=st.sampled_from([1.0, 4.0, 5.5, 20.0]),
    barred=st.sampled_from(["", "", "no credit"]),
)
fleets = st.lists(candidates, max_size=6, unique_by=lambda c: c.modem)
messages = st.builds(
    replace,
    st.just(MESSAGE),
    sandbox=st.booleans(),
    modem=st.none() | names,
    prefer=st.none() | names,
    avoid=st.frozensets(names),
    other_network=st.none() | networks,
    segments=st.integers(1, 3),
)


@given(fleets, messages)
def test_a_message_and_a_modem_of_which_only_one_is_of_the_sandbox_never_meet(
    fleet: list[Candidate], message: Waiting
) -> None:
    choice = choose(message, fleet, fleet, TERMS, NOW_MS)
    assert choice is None or choice.candidate.sandbox == message.sandbox


@given(fleets, messages)
def test_no_sim_is_taken_against_an_objection(fleet: list[Candidate], message: Waiting) -> None:
    choice = choose(message, fleet, fleet, TERMS, NOW_MS)
    if choice is None:
        able = could(message, fleet, TERMS, NOW_MS)
        # All that could are idle here, so it waits only where none can.
        assert not able
    else:
        assert objection(message, choice.candidate, TERMS, NOW_MS) is None


@given(fleets, messages)
def test_the_explanation_ranks_first_what_is_taken_or_as_good(
    fleet: list[Candidate], message: Waiting
) -> None:
    message = replace(message, prefer=None)
    choice = choose(message, fleet, fleet, TERMS, NOW_MS)
    judged = rank(message, [(candidate, 0.0) for candidate in fleet], TERMS, NOW_MS)
    able = [one for one in judged if one.why is None]
    if choice is None:
        assert able == []
    else:
        assert choice.candidate in [one.candidate for one in able]
        assert choice.expected_s <= able[0].expected_s + 2


@given(fleets, messages)
def test_the_quick_choice_is_the_thorough_one(fleet: list[Candidate], message: Waiting) -> None:
    idle = [c for c in fleet if c.sandbox == message.sandbox and not c.barred]
    if idle and is_plain(message, PLAIN):
        assert choose_quick(message, idle) == choose(message, idle, idle, PLAIN, NOW_MS)
