"""A stop word is all of a text or it is no stop word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.config import Inbound
from simcourier.verify.keywords import Keyword, Keywords, fold

KEYWORDS = Keywords.of(Inbound().stop_words, Inbound().start_words)


@pytest.mark.parametrize(
    "text",
    [
        *("STOP", "stop", "Stop", " stop ", "STOP.", "¡Stop!", '"stop"', "s t o p", "S.T.O.P", "STOP\r\n"),
        *(
            "stop all",
            "Stop-All",
            "ＳＴＯＰ",
            "\u202estop",
            "st\u200bop",
            "\ufeffSTOP",
            "unsubscribe",
            "END",
            "quit!!!",
        ),
    ],
)
def test_case_blanks_and_punctuation_do_not_matter(text: str) -> None:
    assert KEYWORDS.find(text) is Keyword.STOP


@pytest.mark.parametrize("text", ["START", "start", "Un-stop", "  UNSTOP!"])
def test_a_start_word_starts(text: str) -> None:
    assert KEYWORDS.find(text) is Keyword.START


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "!!!",
            "\u200b",
            "please stop",
            "stop it",
            "STOP 1",
            "STOPP",
            "don't stop",
            "S7OP",
            "5TOP",
        ),
        *(
            "STOP STOP",
            "START STOP",
            "STOP" + "!" * 200,
            "\U0001f6d1",
            "ꜱᴛᴏᴘ today",
            "1",
            "UNLOCK +447700900123",
        ),
    ],
)
def test_anything_else_is_a_text(text: str) -> None:
    assert KEYWORDS.find(text) is None


def test_a_word_without_letters_in_the_configuration_is_no_word() -> None:
    words = Keywords.of(["!!!", "Arrêt"], ["..."])
    assert words.find("") is None
    assert words.find("arrêt") is Keyword.STOP
    assert words.find("ARRE\u0302T.") is Keyword.STOP, "a mark of its own is the same letter"


def test_a_word_in_both_lists_stops() -> None:
    assert Keywords.of(["end"], ["END"]).find("End") is Keyword.STOP


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(text) == fold(f" {text}! ")
