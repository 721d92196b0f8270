"""Final result codes and what they mean for a message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.sms.cause_tables import CME_ALIASES, CME_CAUSES, CMS_ALIASES, CMS_CAUSES
from simcourier.sms.causes import Judgement, Kind, Verdict, judge


@pytest.mark.parametrize(
    ("line", "kind", "cause", "verdict"),
    [
        ("+CMS ERROR: 1", Kind.CMS, 1, Verdict.NEVER),
        ("+CMS ERROR: 30", Kind.CMS, 30, Verdict.NEVER),
        ("+CMS ERROR: 304", Kind.CMS, 304, Verdict.NEVER),
        ("+CMS ERROR: 195", Kind.CMS, 0xC3, Verdict.NEVER),
        ("+CMS ERROR: 8", Kind.CMS, 8, Verdict.ELSEWHERE),
        ("+CMS ERROR: 21", Kind.CMS, 21, Verdict.ELSEWHERE),
        ("+CMS ERROR: 38", Kind.CMS, 38, Verdict.ELSEWHERE),
        ("+CMS ERROR: 331", Kind.CMS, 331, Verdict.ELSEWHERE),
        ("+CMS ERROR: 41", Kind.CMS, 41, Verdict.AGAIN_HERE),
        ("+CMS ERROR: 42", Kind.CMS, 42, Verdict.AGAIN_HERE),
        ("+CMS ERROR: 500", Kind.CMS, 500, Verdict.AGAIN_HERE),
        ("+CMS ERROR: 515", Kind.CMS, 515, Verdict.AGAIN_HERE),
        ("+CMS ERROR: 310", Kind.CMS, 310, Verdict.CARE),
        ("+CMS ERROR: 208", Kind.CMS, 208, Verdict.CARE),
        ("+CMS ERROR: 330", Kind.CMS, 330, Verdict.CARE),
        ("+CME ERROR: 10", Kind.CME, 10, Verdict.CARE),
        ("+CME ERROR: 14", Kind.CME, 14, Verdict.AGAIN_HERE),
        ("+CME ERROR: 30", Kind.CME, 30, Verdict.ELSEWHERE),
        ("+Cms Error:38", Kind.CMS, 38, Verdict.ELSEWHERE),
        (' +CMS ERROR : "38" \r\n', Kind.CMS, 38, Verdict.ELSEWHERE),
        ("+CMS ERROR: SIM busy", Kind.CMS, 314, Verdict.AGAIN_HERE),
        ("+CME ERROR: SIM busy", Kind.CME, 14, Verdict.AGAIN_HERE),
        ("+CMS ERROR: (U)SIM PIN required", Kind.CMS, 311, Verdict.CARE),
        ("+CMS ERROR: USIM PUK REQUIRED", Kind.CMS, 316, Verdict.CARE),
        ("+CMS ERROR: Unassigned (unallocated) number", Kind.CMS, 1, Verdict.NEVER),
        ("+CMS ERROR: unknown error", Kind.CMS, 500, Verdict.AGAIN_HERE),
        ("+CMS ERROR: no network service", Kind.CMS, 331, Verdict.ELSEWHERE),
    ],
)
def test_a_known_cause_is_judged(line: str, kind: Kind, cause: int, verdict: Verdict) -> None:
    judged = judge(line)
    assert (judged.kind, judged.cause, judged.verdict) == (kind, cause, verdict)
    assert judged.words


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ERROR", Judgement(Verdict.AGAIN_HERE, Kind.OTHER, None, "an error without a cause")),
        ("COMMAND NOT SUPPORT", Judgement(Verdict.AGAIN_HERE, Kind.OTHER, None, "an error without a cause")),
        ("+CMS ERROR:", Judgement(Verdict.AGAIN_HERE, Kind.CMS, None, "an error without a cause")),
        ("+CME ERROR: -1", Judgement(Verdict.AGAIN_HERE, Kind.CME, -1, "an unknown cause")),
        ("+CMS ERROR: 260", Judgement(Verdict.AGAIN_HERE, Kind.CMS, 260, "an unknown cause")),
        ("+CMS ERROR: 20000", Judgement(Verdict.AGAIN_HERE, Kind.CMS, 20000, "an unknown cause")),
        ("+CMS ERROR: 00", Judgement(Verdict.AGAIN_HERE, Kind.CMS, 0, "an unknown cause")),
    ],
)
def test_what_nobody_knows_is_taken_for_temporary(line: str, expected: Judgement) -> None:
    assert judge(line) == expected


def test_unknown_words_are_kept_without_any_digit() -> None:
    assert judge("+CMS ERROR: quota of 447700900001 used up").words == "unknown words: quota of used up"


def test_a_network_timeout_may_have_sent_the_message() -> None:
    assert judge("+CMS ERROR: 332").may_have_left
    assert judge("+CME ERROR: network timeout").may_have_left
    assert not judge("+CMS ERROR: 41").may_have_left


@pytest.mark.parametrize("kind", ["CMS", "CME"])
def test_every_cause_is_known_by_number_and_by_its_words(kind: str) -> None:
    for cause, (words, verdict) in (CMS_CAUSES if kind == "CMS" else CME_CAUSES).items():
        by_number = judge(f"+{kind} ERROR: {cause}")
        assert (by_number.verdict, by_number.words) == (verdict, words)
        assert judge(f"+{kind} ERROR: {words.upper()}") == by_number


def test_every_other_wording_leads_to_a_cause() -> None:
    for aliases, kind in ((CMS_ALIASES, "CMS"), (CME_ALIASES, "CME")):
        for words, cause in aliases.items():
            assert judge(f"+{kind} ERROR: {words}").cause == cause


@given(
    st.one_of(
        st.text(), st.text().map("+CMS ERROR: {}".format), st.text("0123456789").map("+CME ERROR:{}".format)
    )
)
def test_any_line_gives_a_judgement(line: str) -> None:
    judged = judge(line)
    assert judged.words.isascii()
    assert len(judged.words) <= 80
    assert not any(
        letter.isdigit() for letter in judged.words.replace("PIN2", "").replace("PUK2", "").replace(" 0 ", "")
    )
