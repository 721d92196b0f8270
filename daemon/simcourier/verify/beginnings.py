"""The first digits that numbers of a pattern have, such as 71 to 79 for British mobile phones."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

DIGITS = 2
"""As many first digits are told: those that say which service a number is for (ITU-T E.164 annex A)."""
_ANY = frozenset("0123456789")
_TIMES = {"?": (0, 1), "*": (0, DIGITS), "+": (1, DIGITS)}
Beginnings = frozenset[str]


@lru_cache(maxsize=1024)
def beginnings(pattern: str) -> Beginnings:
    """The first two digits of all that a pattern of libphonenumber matches.

    Such patterns are made of digits, `\\d`, classes, groups, alternatives and counts, and of nothing else.
    """
    return _alternatives(pattern, 0).found


class _Read(NamedTuple):
    found: Beginnings
    end: int


def _alternatives(pattern: str, at: int) -> _Read:
    """Up to the bracket that closes the group, or the end."""
    found: Beginnings = frozenset()
    while True:
        sequence = _sequence(pattern, at)
        found, at = found | sequence.found, sequence.end
        if pattern[at : at + 1] != "|":
            return _Read(found, at)
        at += 1


def _sequence(pattern: str, at: int) -> _Read:
    found: Beginnings = frozenset({""})
    while at < len(pattern) and pattern[at] not in "|)":
        item = _item(pattern, at)
        least, most, at = _times(pattern, item.end)
        counts = range(least, min(most, least + DIGITS) + 1)
        found = frozenset[str]().union(*(_repeated(found, item.found, count) for count in counts))
    return _Read(found, at)


def _repeated(before: Beginnings, item: Beginnings, count: int) -> Beginnings:
    for _ in range(min(count, DIGITS)):
        before = frozenset((start + more)[:DIGITS] for start in before for more in item)
    return before


def _item(pattern: str, at: int) -> _Read:
    match pattern[at]:
        case "(":
            group = _alternatives(pattern, at + len("(?:" if pattern.startswith("(?:", at) else "("))
            return _Read(group.found, group.end + 1)
        case "[":
            end = pattern.index("]", at)
            return _Read(_class(pattern[at + 1 : end]), end + 1)
        case "\\":
            return _Read(_ANY, at + 2)
        case digit:
            return _Read(frozenset({digit}), at + 1)


def _class(written: str) -> Beginnings:
    """The digits of `2-57-9`."""
    found = set(written) - {"-"}
    for at in range(1, len(written) - 1):
        if written[at] == "-":
            found |= {str(digit) for digit in range(int(written[at - 1]), int(written[at + 1]) + 1)}
    return frozenset(found)


def _times(pattern: str, at: int) -> tuple[int, int, int]:
    """How often the item before may come at least and at most, and where the pattern goes on."""
    mark = pattern[at : at + 1]
    if mark in _TIMES:
        return *_TIMES[mark], at + 1
    if mark != "{":
        return 1, 1, at
    end = pattern.index("}", at)
    least, _, most = pattern[at + 1 : end].partition(",")
    return int(least), int(most or least), end + 1
