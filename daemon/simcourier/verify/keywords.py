"""Tell a text that is nothing but a stop word or a start word; nothing else in an inbound text means anything."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_MOST = 160
"""Characters of a text that is looked at: no word of the configuration is as long."""


class Keyword(StrEnum):
    """What such a word asks for."""

    STOP = "stop"
    START = "start"


def fold(text: str) -> str:
    """The letters and digits of a text, in one case and one width: `Stop all!` is `stopall`."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(character for character in plain if character.isalnum())


@dataclass(frozen=True, slots=True)
class Keywords:
    """The folded words; where one is in both sets it stops."""

    stop: frozenset[str]
    start: frozenset[str]

    @classmethod
    def of(cls, stop: Iterable[str], start: Iterable[str]) -> Keywords:
        """Of words as the configuration has them; one without letters and digits is none."""
        return cls(frozenset(map(fold, stop)) - {""}, frozenset(map(fold, start)) - {""})

    def find(self, text: str) -> Keyword | None:
        """The keyword that is all of the text."""
        if len(text) > _MOST:
            return None
        word = fold(text)
        if word in self.stop:
            return Keyword.STOP
        return Keyword.START if word in self.start else None
