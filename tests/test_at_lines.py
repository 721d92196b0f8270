"""Lines and prompts in every form that modems give them (MODEMS.md section 2)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.at.lines import BLANKS, LONGEST_LINE, PROMPT, LineSplitter

# Bytes that matter here, so that hypothesis meets them often.
NOISE = st.lists(
    st.sampled_from([b"\r", b"\n", b">", b" ", b"OK", b"+CDS: 25", b"\x00", b"\x1a", b"\xff", b"AT", b"\t"]),
    max_size=40,
).map(b"".join)


def lines(data: bytes) -> list[str]:
    return LineSplitter().feed(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\r\nRDY\r\n\r\nOK\r\n",
        b"RDY\r\r\nOK\r\r\n",
        b"\n\rRDY\n\rOK\n\r",
        b"RDY\rOK\r",
        b"RDY\nOK\n",
        b"\r\n\r\n\r\nRDY\r\n\r\n\r\n\r\nOK\r\n\r\n",
        b"  RDY \r\n\tOK\r\n",
    ],
)
def test_any_run_of_cr_and_lf_ends_a_line(data: bytes) -> None:
    assert lines(data) == ["RDY", "OK"]


@pytest.mark.parametrize(
    "data", [b"\r\n> ", b"> ", b">", b"\r\n>\r\n", b"> \r", b"  >", b"AT+CMGS=18\r\r\n> "]
)
def test_a_prompt_is_seen_at_once_in_any_form(data: bytes) -> None:
    assert lines(data)[-1] == PROMPT


def test_a_prompt_needs_no_line_end_and_what_follows_is_a_line_of_its_own() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"\r\n> 0011") == [PROMPT]
    assert splitter.feed(b"22\x1a\r\n+CMGS: 5\r\n") == ["001122", "+CMGS: 5"]


def test_two_prompts_in_a_row_are_two() -> None:
    assert lines(b"\r\n> \r\n> ") == [PROMPT, PROMPT]
    assert lines(b"> > ") == [PROMPT, PROMPT]


def test_a_greater_than_sign_inside_a_line_is_no_prompt() -> None:
    assert lines(b'+COPS: 0,0,"A > B",7\r\n') == ['+COPS: 0,0,"A > B",7']


def test_a_line_that_has_only_begun_is_kept_for_later() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"+CM") == []
    assert splitter.feed(b"GS: 6") == []
    assert splitter.feed(b"4\r") == ["+CMGS: 64"]


def test_bytes_that_are_no_text_raise_nothing() -> None:
    assert lines(bytes(range(128, 256)) + b"\r\nOK\r\n")[-1] == "OK"


def test_control_characters_around_a_line_are_dropped() -> None:
    assert lines(b"\x00\x00\x1bOK\x1a\r\n") == ["OK"]


def test_a_line_without_end_is_cut_and_costs_no_more_memory() -> None:
    splitter = LineSplitter()
    for _ in range(1000):
        assert splitter.feed(b"x" * 1000) == []
        assert len(splitter._begun) <= LONGEST_LINE
    assert splitter.feed(b"\r\nOK\r\n") == ["x" * LONGEST_LINE, "OK"]


def test_clear_forgets_the_line_that_has_begun() -> None:
    splitter = LineSplitter()
    splitter.feed(b"+CMG")
    splitter.clear()
    assert splitter.feed(b"OK\r\n") == ["OK"]


@given(NOISE | st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=8))
def test_chunking_never_changes_the_lines(data: bytes, cuts: list[int]) -> None:
    splitter = LineSplitter()
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    chunked = [line for start, end in pairwise(places) for line in splitter.feed(data[start:end])]
    assert chunked == lines(data)


@given(st.integers(0, 3), st.integers(LONGEST_LINE - 3, LONGEST_LINE + 3), st.integers(0, 2 * LONGEST_LINE))
def test_chunking_never_changes_where_a_long_line_is_cut(blanks: int, length: int, cut: int) -> None:
    data = b" " * blanks + b"a" * length + b"  b\r\nOK\r\n"
    splitter = LineSplitter()
    assert splitter.feed(data[:cut]) + splitter.feed(data[cut:]) == lines(data)


@given(st.binary(max_size=200))
def test_no_line_is_blank_too_long_or_begins_like_a_prompt(data: bytes) -> None:
    for line in lines(data):
        assert line == PROMPT or (
            line[0] != ">" and 0 < len(line) <= LONGEST_LINE and line == line.strip(BLANKS)
        )
