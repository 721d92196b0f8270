"""Reject causes in words that an admin can act on (TS 24.008 10.5.3.6, TS 24.301 9.9.3.9)."""

from __future__ import annotations

import pytest

from simcourier.sms.reject_causes import explain_rejection


@pytest.mark.parametrize(
    ("cause", "words", "advice"),
    [
        (2, "does not know the SIM", "ask the operator"),
        (3, "SIM is not allowed", "ask the operator"),
        (5, "IMEI is not accepted", "another stick"),
        (6, "stick is not allowed", "another stick"),
        (11, "may not use this network", "another SIM|use a SIM"),
        (13, "may not roam", "use a SIM"),
        (17, "network has failed", "tries again by itself"),
        (22, "congested", "tries again by itself"),
        (48, "refuses", "tries again by itself"),
        (63, "refuses", "tries again by itself"),
        (97, "refuses", "tries again by itself"),
        (111, "refuses", "tries again by itself"),
        (99999, "refuses", "tries again by itself"),
        (64, "refuses", "ask the operator"),
        (1, "refuses", "ask the operator"),
    ],
)
def test_a_cause_is_told_in_words_with_what_can_be_done(cause: int, words: str, advice: str) -> None:
    told = explain_rejection(cause)
    assert words in told
    assert f"(cause {cause})" in told
    assert any(part in told for part in advice.split("|"))


@pytest.mark.parametrize("cause", range(256))
def test_every_cause_ends_in_advice(cause: int) -> None:
    _, _, advice = explain_rejection(cause).partition(": ")
    assert advice
