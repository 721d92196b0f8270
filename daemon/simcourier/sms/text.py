"""Choose the alphabet of a text and cut it into segments (TS 23.038 section 4, 23.040 9.2.3.24.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from simcourier.errors import RequestError
from simcourier.sms import gsm7

MAX_SEGMENTS = 10
_MOST_SEGMENTS = 255  # one octet counts them

# Line feed, carriage return and form feed are in the GSM alphabet; other controls have no place in a message,
# and half a surrogate pair is no character.
_UNENCODABLE = re.compile("[\x00-\x09\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class Alphabet(StrEnum):
    """How the characters of an outgoing text are coded."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


class TextTooLong(RequestError):  # noqa: N818 - the contract's name, an error by its base
    """The text needs more segments than are allowed."""

    def __init__(self, needed: int, allowed: int) -> None:
        super().__init__(
            "too-long",
            f"the text needs {needed} segments, and at most {allowed} may be used",
            pointer="/text",
        )
        self.needed = needed
        self.allowed = allowed


class TextNotEncodable(RequestError):  # noqa: N818 - the contract's name, an error by its base
    """The text has a character that no SMS alphabet can carry."""

    def __init__(self, position: int) -> None:
        super().__init__(
            "text-not-encodable",
            f"character {position} of the text is a control character or half a surrogate pair, "
            "which an SMS can't carry",
            pointer="/text",
        )
        self.position = position


@dataclass(frozen=True, slots=True)
class Plan:
    """The segments of a text; `units` counts septets or UTF-16 code units, headers not included."""

    alphabet: Alphabet
    segments: tuple[str, ...] = field(repr=False)
    units: int


def plan(text: str, *, max_segments: int = MAX_SEGMENTS, wide_reference: bool = False) -> Plan:
    """Choose the alphabet of `text` and cut it into segments.

    One segment has 160 septets or 70 UTF-16 code units; several have 153 or 67 each, or 152 and 66 with a
    16-bit reference (`wide_reference`). Raises `TextNotEncodable` or `TextTooLong`.
    """
    unencodable = _UNENCODABLE.search(text)
    if unencodable:
        raise TextNotEncodable(unencodable.start() + 1)
    if gsm7.covers(text):
        septets = gsm7.encode(text)
        if len(septets) <= 160:
            return Plan(Alphabet.GSM7, (text,), len(septets))
        pieces = tuple(map(gsm7.decode, _cut_septets(septets, 152 if wide_reference else 153)))
        return _within(Plan(Alphabet.GSM7, pieces, len(septets)), max_segments)
    octets = text.encode("utf-16-be")
    if len(octets) <= 140:
        return Plan(Alphabet.UCS2, (text,), len(octets) // 2)
    cut = _cut_utf16(octets, 132 if wide_reference else 134)
    return _within(Plan(Alphabet.UCS2, tuple(cut), len(octets) // 2), max_segments)


def _within(planned: Plan, max_segments: int) -> Plan:
    allowed = min(max_segments, _MOST_SEGMENTS)
    if len(planned.segments) > allowed:
        raise TextTooLong(len(planned.segments), allowed)
    return planned


def _cut_septets(septets: bytes, limit: int) -> Iterator[bytes]:
    """Cut before an escape whose partner would fall into the next piece."""
    start = 0
    while start < len(septets):
        end = start + limit
        if end < len(septets) and septets[end - 1] == gsm7.ESCAPE:
            end -= 1
        yield septets[start:end]
        start = end


def _cut_utf16(octets: bytes, limit: int) -> Iterator[str]:
    """Cut before a high surrogate whose partner would fall into the next piece."""
    start = 0
    while start < len(octets):
        end = start + limit
        if end < len(octets) and 0xD8 <= octets[end - 2] <= 0xDB:
            end -= 2
        yield octets[start:end].decode("utf-16-be")
        start = end
