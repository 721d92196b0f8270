"""TP-Validity-Period, the relative form (TS 23.040 section 9.2.3.12.1)."""

from __future__ import annotations

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_WEEK = 7 * _DAY


def encode_validity(seconds: float) -> int:
    """Return the longest TP-VP that isn't longer than `seconds`; 0x00, five minutes, is the shortest."""
    if seconds < 10 * _MINUTE:
        return 0x00
    if seconds < 12.5 * _HOUR:
        return min(int(seconds // (5 * _MINUTE)) - 1, 143)
    if seconds < 2 * _DAY:
        return min(int((seconds - 12 * _HOUR) // (30 * _MINUTE)) + 143, 167)
    if seconds < 5 * _WEEK:
        return min(int(seconds // _DAY) + 166, 196)
    return int(min(seconds, 63 * _WEEK) // _WEEK) + 192


def decode_validity(tp_vp: int) -> int:
    """Return the seconds that TP-VP stands for."""
    if tp_vp <= 143:
        return (tp_vp + 1) * 5 * _MINUTE
    if tp_vp <= 167:
        return 12 * _HOUR + (tp_vp - 143) * 30 * _MINUTE
    if tp_vp <= 196:
        return (tp_vp - 166) * _DAY
    return (tp_vp - 192) * _WEEK


def decode_enhanced_validity(octets: bytes) -> int | None:
    """Return the seconds that the seven octets of the enhanced form say, or None where they say nothing.

    Section 9.2.3.12.3: the first octet tells the form; a single-shot or extension bit changes nothing here.
    """
    form = octets[0] & 0x07
    at = 2 if octets[0] & 0x80 else 1
    if form == 1:
        return decode_validity(octets[at])
    if form == 2:
        return octets[at] or None
    if form == 3:
        hours, minutes, seconds = ((octet & 0x0F) * 10 + (octet >> 4) for octet in octets[at : at + 3])
        return hours * _HOUR + minutes * _MINUTE + seconds
    return None
