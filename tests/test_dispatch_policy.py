"""Which modem takes a message, and what follows a refusal: pure decisions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.dispatch.policy import Candidate, after_refusal, choose
from simcourier.outbox.message import OnUnknown, Waiting
from simcourier.sms.causes import Verdict

MESSAGE = Waiting(1, "msg_1", 0, "+447700900001", b"", 1, 0, 300_000, OnUnknown.RESEND, None)
IDLE = [Candidate("a", last_used=3), Candidate("b", last_used=1), Candidate("c", failures=3)]


def test_the_modem_that_rested_longest_takes_it() -> None:
    assert choose(MESSAGE, IDLE, {"a", "b", "c"}) == "b"


def test_a_modem_that_fails_is_taken_last() -> None:
    assert choose(MESSAGE, [IDLE[0], IDLE[2]], {"a", "c"}) == "a"


def test_a_modem_that_has_just_recovered_gets_its_chance() -> None:
    assert choose(MESSAGE, [IDLE[0], Candidate("c", failures=1, last_used=0)], {"a", "c"}) == "c"


def test_a_pinned_message_takes_its_modem_or_waits() -> None:
    pinned = replace(MESSAGE, modem="a")
    assert choose(pinned, IDLE, {"a", "b"}) == "a"
    assert choose(pinned, IDLE[1:], {"a", "b"}) is None


def test_a_message_avoids_the_modem_that_failed_it_while_another_could_take_it() -> None:
    wary = replace(MESSAGE, avoid=frozenset({"b"}))
    assert choose(wary, IDLE, {"a", "b", "c"}) == "a"
    assert choose(wary, [IDLE[1]], {"a", "b"}) is None
    assert choose(wary, [IDLE[1]], {"b"}) == "b"


def test_nobody_idle_means_waiting() -> None:
    assert choose(MESSAGE, [], {"a"}) is None


@pytest.mark.parametrize("verdict", [Verdict.AGAIN_HERE, Verdict.ELSEWHERE, Verdict.CARE])
def test_the_last_refusal_fails_the_message(verdict: Verdict) -> None:
    assert after_refusal(replace(MESSAGE, refusals=4), verdict, 5, alone=False).delay_ms is None
    assert after_refusal(replace(MESSAGE, refusals=3), verdict, 5, alone=False).delay_ms is not None


def test_a_refusal_of_the_message_itself_is_final() -> None:
    assert after_refusal(MESSAGE, Verdict.NEVER, 5, alone=False).delay_ms is None


def test_elsewhere_means_at_once_where_there_is_an_elsewhere() -> None:
    assert after_refusal(MESSAGE, Verdict.ELSEWHERE, 5, alone=False).delay_ms == 0
    assert after_refusal(MESSAGE, Verdict.ELSEWHERE, 5, alone=True).delay_ms == 2000


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


@given(
    st.lists(st.tuples(names, st.booleans(), st.integers(0, 5)), max_size=6),
    st.booleans(),
    st.none() | names,
    st.none() | names,
    st.frozensets(names),
    st.sets(names),
)
def test_a_message_and_a_modem_of_which_only_one_is_of_the_sandbox_never_meet(
    modems: list[tuple[str, bool, int]],
    sandbox: bool,
    pinned: str | None,
    prefer: str | None,
    avoid: frozenset[str],
    operational: set[str],
) -> None:
    idle = [Candidate(name, last_used=used, sandbox=side) for name, side, used in modems]
    message = replace(MESSAGE, sandbox=sandbox, modem=pinned, prefer=prefer, avoid=avoid)
    chosen = choose(message, idle, operational)
    assert chosen is None or (chosen, sandbox) in {(modem.modem, modem.sandbox) for modem in idle}


def test_a_message_waits_where_the_only_idle_modem_is_of_the_other_side() -> None:
    virtual = Candidate("v", sandbox=True)
    assert choose(MESSAGE, [virtual], {"a"}) is None
    assert choose(MESSAGE, [virtual], {}) is None
    assert choose(replace(MESSAGE, modem="v"), [virtual], {"v"}) is None
    tried = replace(MESSAGE, sandbox=True)
    assert choose(tried, IDLE, {"v"}) is None
    assert choose(tried, [*IDLE, virtual], {"v"}) == "v"
    assert choose(replace(tried, modem="a"), [*IDLE, virtual], {"v"}) is None
