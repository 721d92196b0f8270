"""Why a SIM was taken, or why none is, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simcourier.config import Operator
from simcourier.dispatch.candidates import Candidate, Terms
from simcourier.dispatch.explain import Explanation, SimView, Unsent, away, seen, taken, waiting
from simcourier.dispatch.operators import Operators
from simcourier.dispatch.pace import Refusal
from simcourier.dispatch.policy import Choice, Judged, Why
from simcourier.modem.facts import ModemSnapshot, ModemState
from simcourier.outbox.message import OnUnknown, Waiting

NOW_MS = 1_800_000_000_000
MESSAGE = Waiting(1, "msg_1", 0, "+447700900001", b"", 1, 0, NOW_MS, OnUnknown.RESEND, None)
TERMS = Terms(Operators([Operator("East", networks=("00101",), prefixes=("+4477009000",))]))
PLAIN = replace(TERMS, varied=False)
EAST = Candidate("e", network="00101", operator="East")
OTHER = Candidate("o", network="00102", operator="00102")


def choice(candidate: Candidate, of: int = 1, *, fallback: bool = False) -> Choice:
    return Choice(candidate, 8.6, 5.0, of, fallback)


@pytest.mark.parametrize(
    ("message", "made", "terms", "said"),
    [
        (MESSAGE, choice(EAST), PLAIN, "the only one free and fit"),
        (MESSAGE, choice(EAST, 3), PLAIN, "the best of 3 free"),
        (
            MESSAGE,
            choice(EAST, 3),
            TERMS,
            "its operator is the recipient's; the best of 3 free; about 9 s expected",
        ),
        (
            MESSAGE,
            choice(OTHER),
            TERMS,
            "no SIM of the recipient's operator was sooner; the only one free and fit; about 9 s expected",
        ),
        (
            replace(MESSAGE, recipient="+15550100001"),
            choice(OTHER),
            TERMS,
            "the only one free and fit; about 9 s expected",
        ),
        (replace(MESSAGE, modem="e"), choice(EAST), TERMS, "it was asked for by name"),
        (
            replace(MESSAGE, prefer="e"),
            choice(EAST),
            PLAIN,
            "the message before it went this way; the only one free and fit",
        ),
        (
            replace(MESSAGE, other_network="00102"),
            choice(EAST),
            PLAIN,
            "a SIM of another operator; the only one free and fit",
        ),
        (
            MESSAGE,
            choice(EAST, fallback=True),
            TERMS,
            "it failed this message before, but no other can take it",
        ),
    ],
)
def test_why_a_sim_was_taken(message: Waiting, made: Choice, terms: Terms, said: str) -> None:
    assert taken(message, made, terms) == said
    assert len(said) <= 200


@pytest.mark.parametrize(
    ("candidate", "why", "said", "detail"),
    [
        (EAST, Why.OTHER_SIDE, "one of the two is of the sandbox", ""),
        (EAST, Why.PINNED, "the message is for another modem", ""),
        (Candidate("e", barred="no credit"), Why.BARRED, "its SIM is kept from sending", "no credit"),
        (EAST, Why.SAME_NETWORK, "its SIM is of the same operator as the first copy's", ""),
        (Candidate("e"), Why.SAME_NETWORK, "its SIM is of no known operator", ""),
        (EAST, Why.FAILED, "it failed this message", ""),
        (EAST, Why.PACE, "over its pace of 10 a minute", ""),
    ],
)
def test_why_a_sim_may_not(candidate: Candidate, why: Why, said: str, detail: str) -> None:
    refusal = Refusal(NOW_MS + 5000, "10 a minute") if why is Why.PACE else None
    view = seen(MESSAGE, Judged(candidate, why, 9.0, 0.0, refusal), TERMS)
    assert (view.may, view.why, view.detail, view.expected_s) == (False, said, detail, None)
    assert view.until_ms == (NOW_MS + 5000 if refusal else None)


def test_what_is_wrong_with_a_sim_that_may_is_told_too() -> None:
    poor = Candidate("o", failures=3, signal_dbm=-111, roaming=True, operator="00102")
    view = seen(MESSAGE, Judged(poor, None, 42.04, 7.2), TERMS)
    assert view == SimView(
        "o",
        True,
        "busy for about 7 s, not of the recipient's operator, roams, weak signal (-111 dBm), "
        "3 recoveries without a finished message",
        expected_s=42.0,
    )


def test_a_modem_that_can_not_send_tells_its_state() -> None:
    lost = ModemSnapshot("m", "/dev/m", ModemState.SIM_LOCKED, "the SIM asks for SIM PUK", 0.0)
    assert away(lost, paused=True) == SimView("m", False, "sim-locked", "the SIM asks for SIM PUK", away=True)
    assert away(replace(lost, state=ModemState.READY), paused=True).why == "paused"


def gone(modem: str, why: str) -> SimView:
    return SimView(modem, False, why, away=True)


def unsent(*views: SimView, message: Waiting = MESSAGE, due_ms: int = 0) -> str:
    return Unsent(lambda *_: waiting(views, due_ms, NOW_MS, 7), NOW_MS - 1)(message, due_ms)


def test_what_kept_a_message_until_it_was_too_late() -> None:
    silent, paused = gone("a", "silent"), gone("b", "paused")
    kept = SimView("s", False, "one of the two is of the sandbox")
    assert unsent() == "no modem was ever seen"
    assert unsent(paused, silent, silent, kept) == "no SIM can take it now: silent (2), paused"
    assert unsent(paused, silent, message=replace(MESSAGE, modem="b")) == "no SIM can take it now: paused"
    assert unsent(kept) == "no SIM can take it now"
    busy = SimView("c", True, "busy for about 9 s")
    assert unsent(busy, silent) == "c would have been the best for it, busy for about 9 s"
    assert unsent(silent, due_ms=NOW_MS + 1) == "its next try would have been later"
    assert unsent(silent, message=replace(MESSAGE, deadline_ms=NOW_MS - 1)) == "the box did not run then"


class Looked:
    """What `Dispatcher.explain` would say, and how often it was asked."""

    def __init__(self, view: SimView) -> None:
        self.view = view
        self.asked = 0

    def __call__(self, message: Waiting, _due_ms: int) -> Explanation:
        self.asked += 1
        return waiting([replace(self.view, why=f"{self.view.why} {message.n}")], 0, NOW_MS, 0)


def test_where_no_sim_can_send_at_all_that_is_said_of_every_message() -> None:
    looked = Looked(gone("a", "silent"))
    say = Unsent(looked, 0)
    assert {say(replace(MESSAGE, n=n), 0) for n in range(500)} == {"no SIM can take it now: silent 0"}
    assert looked.asked == 1


@pytest.mark.parametrize("message", [MESSAGE, replace(MESSAGE, modem="a")])
def test_what_keeps_one_message_is_not_said_of_another(message: Waiting) -> None:
    view = gone("a", "silent") if message.modem else SimView("a", False, "over its pace")
    looked = Looked(view)
    say = Unsent(looked, 0)
    said = [say(replace(message, n=n), 0) for n in range(500)]
    assert said[:2] == [f"no SIM can take it now: {view.why} {n}" for n in (0, 1)]
    assert said[-1] == "", "of too many nothing is said"
    assert looked.asked < 20


def test_a_fault_of_ours_does_not_keep_a_message_from_its_end() -> None:
    def broken(*_: object) -> Explanation:
        raise ZeroDivisionError

    assert Unsent(broken, 0)(MESSAGE, 0) == ""


def test_why_a_message_waits() -> None:
    free, paced = SimView("a", True, "free", expected_s=9), SimView("b", False, "over", until_ms=NOW_MS + 9)
    assert waiting([free], NOW_MS + 1, NOW_MS, 3).next_try_ms == NOW_MS + 1
    assert waiting([free, paced], 0, NOW_MS, 0).why == "a is the best for it, free"
    assert waiting([free], 0, NOW_MS, 3).why == "a is the best for it, free; at most 3 wait before it"
    assert waiting([paced], 0, NOW_MS, 0).next_try_ms == NOW_MS + 9
    assert waiting([SimView("c", False, "silent")], 0, NOW_MS, 0).why == "no SIM can take it now"
