"""TP-Status of a status report: what became of the message (TS 23.040 section 9.2.3.15)."""

from __future__ import annotations

from enum import StrEnum


class ReportOutcome(StrEnum):
    """What a status report says of its message."""

    DELIVERED = "delivered"
    FORWARDED = "forwarded"
    REPLACED = "replaced"
    TRYING = "trying"
    PERMANENT = "permanent"
    GAVE_UP = "gave-up"

    @property
    def final(self) -> bool:
        """Whether the service centre has done with the message."""
        return self is not ReportOutcome.TRYING


_REACHING = {
    0x0: "congestion",
    0x1: "SME busy",
    0x2: "no response from SME",
    0x3: "service rejected",
    0x4: "quality of service not available",
    0x5: "error in SME",
}
_MEANINGS = {
    0x00: "received by the SME",
    0x01: "forwarded to the SME, delivery not confirmed",
    0x02: "replaced by the SC",
    0x40: "remote procedure error",
    0x41: "incompatible destination",
    0x42: "connection rejected by SME",
    0x43: "not obtainable",
    0x44: "quality of service not available",
    0x45: "no interworking available",
    0x46: "SM validity period expired",
    0x47: "SM deleted by originating SME",
    0x48: "SM deleted by SC administration",
    0x49: "SM does not exist",
    **{0x20 | low: words for low, words in _REACHING.items()},
    **{0x60 | low: words for low, words in _REACHING.items()},
}


def outcome(tp_st: int) -> ReportOutcome:
    """Return what TP-Status says.

    Reserved values count as 0x63, service rejected, as the clause wants; but a reserved one among those of a
    service centre that is still trying (0x26-0x2F) is left unfinished: a later report will say more.
    The service centre's own values for "completed" (0x10-0x1F) confirm no delivery.
    """
    if tp_st == 0x00:
        return ReportOutcome.DELIVERED
    if tp_st == 0x01 or 0x10 <= tp_st <= 0x1F:
        return ReportOutcome.FORWARDED
    if tp_st == 0x02:
        return ReportOutcome.REPLACED
    if 0x20 <= tp_st <= 0x3F:
        return ReportOutcome.TRYING
    if 0x40 <= tp_st <= 0x5F:
        return ReportOutcome.PERMANENT
    return ReportOutcome.GAVE_UP


def is_failure(tp_st: int | None) -> bool:
    """Does a TP-Status say that the message won't arrive? None: no report came."""
    return tp_st is not None and outcome(tp_st) in {ReportOutcome.PERMANENT, ReportOutcome.GAVE_UP}


def meaning(tp_st: int) -> str:
    """Return TP-Status in words."""
    if tp_st in _MEANINGS:
        return _MEANINGS[tp_st]
    if tp_st <= 0x7F and tp_st & 0x10:
        low = tp_st & 0x70
        return f"SC-specific value (0x{low:02X}..0x{low | 0x0F:02X})"
    return f"reserved value 0x{tp_st:02X}"
