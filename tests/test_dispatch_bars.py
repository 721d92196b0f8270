"""What keeps a SIM from sending: several causes, each lifted by itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simcourier.dispatch.bars import Bars, Cause

SIM = "8944500000000000001"


def test_lifting_one_cause_leaves_the_others() -> None:
    bars = Bars()
    for cause in (Cause.LOOP_TEST, Cause.CREDIT, Cause.APPROVAL):
        bars.put(SIM, str(cause), cause)
    assert [bars.why(SIM)] + [bars.why(SIM, cause) for cause in Cause] == [
        "approval",
        "approval",
        "credit",
        "loop-test",
        "",
    ]
    bars.put(SIM, "", Cause.APPROVAL)
    assert bars.why(SIM) == "credit"
    bars.put(SIM, "", Cause.CREDIT)
    assert bars.why(SIM) == "loop-test"
    bars.put(SIM, "", Cause.LOOP_TEST)
    assert (bars.why(SIM), bars.why(SIM, Cause.LOOP_TEST)) == ("", "")


def test_a_loop_test_may_leave_only_where_nothing_but_lost_tests_holds_the_sim() -> None:
    bars = Bars()
    assert not bars.holds_tests(SIM)
    bars.put(SIM, "lost", Cause.LOOP_TEST)
    assert not bars.holds_tests(SIM)
    for cause in (Cause.CREDIT, Cause.APPROVAL):
        bars.put(SIM, "why", cause)
        assert bars.holds_tests(SIM)
        bars.put(SIM, "", cause)
        assert not bars.holds_tests(SIM)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(Cause), st.sampled_from(["", "x", "y"]))))
def test_what_is_told_is_what_was_last_said_for_each_cause(said: list[tuple[str, Cause, str]]) -> None:
    bars, last = Bars(), dict[tuple[str, Cause], str]()
    for sim, cause, why in said:
        bars.put(sim, why, cause)
        last[sim, cause] = why
    for sim in "ab":
        held = [last[sim, cause] for cause in Cause if last.get((sim, cause))]
        assert bars.why(sim) == (held[0] if held else "")
        assert [bars.why(sim, cause) for cause in Cause] == [last.get((sim, cause), "") for cause in Cause]
