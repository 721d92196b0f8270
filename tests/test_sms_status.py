"""TP-Status in outcomes and words."""

from __future__ import annotations

import pytest

from simcourier.sms.status import ReportOutcome, meaning, outcome


@pytest.mark.parametrize(
    ("values", "expected", "final"),
    [
        ([0x00], ReportOutcome.DELIVERED, True),
        ([0x01, *range(0x10, 0x20)], ReportOutcome.FORWARDED, True),
        ([0x02], ReportOutcome.REPLACED, True),
        (range(0x20, 0x40), ReportOutcome.TRYING, False),
        (range(0x40, 0x60), ReportOutcome.PERMANENT, True),
        (range(0x60, 0x80), ReportOutcome.GAVE_UP, True),
        (
            [*range(0x03, 0x10), *range(0x80, 0x100)],
            ReportOutcome.GAVE_UP,
            True,
        ),  # reserved: service rejected
    ],
)
def test_each_range_has_its_outcome(values: range | list[int], expected: ReportOutcome, final: bool) -> None:
    for tp_st in values:
        assert outcome(tp_st) is expected
        assert outcome(tp_st).final is final


@pytest.mark.parametrize(
    ("tp_st", "words"),
    [
        (0x00, "received by the SME"),
        (0x01, "forwarded to the SME, delivery not confirmed"),
        (0x21, "SME busy"),
        (0x40, "remote procedure error"),
        (0x42, "connection rejected by SME"),
        (0x44, "quality of service not available"),
        (0x48, "SM deleted by SC administration"),
        (0x65, "error in SME"),
        (0x46, "SM validity period expired"),
        (0x63, "service rejected"),
        (0x1F, "SC-specific value (0x10..0x1F)"),
        (0x5A, "SC-specific value (0x50..0x5F)"),
        (0x03, "reserved value 0x03"),
        (0x6A, "reserved value 0x6A"),
        (0x90, "reserved value 0x90"),
        (0xFF, "reserved value 0xFF"),
    ],
)
def test_a_status_has_words(tp_st: int, words: str) -> None:
    assert meaning(tp_st) == words


def test_every_status_has_words() -> None:
    assert all(meaning(tp_st) for tp_st in range(256))
