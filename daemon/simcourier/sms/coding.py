"""TP-Data-Coding-Scheme: alphabet and class of a received message (TS 23.038 section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Coding(StrEnum):
    """How the user data of a received TPDU is coded."""

    GSM7 = "gsm7"
    OCTETS = "8bit"
    UCS2 = "ucs2"


@dataclass(frozen=True, slots=True)
class DataCoding:
    """What TP-DCS says; `message_class` is 0 to 3 or None."""

    coding: Coding
    message_class: int | None = None
    compressed: bool = False
    automatic_deletion: bool = False


_GENERAL = {0: Coding.GSM7, 1: Coding.OCTETS, 2: Coding.UCS2, 3: Coding.GSM7}


def decode_data_coding(tp_dcs: int) -> DataCoding:
    """Return what TP-DCS says; reserved codings are read as the default alphabet, as the clause wants."""
    group = tp_dcs >> 4
    if group <= 0x7:
        return DataCoding(
            coding=_GENERAL[tp_dcs >> 2 & 0x03],
            message_class=tp_dcs & 0x03 if tp_dcs & 0x10 else None,
            compressed=bool(tp_dcs & 0x20),
            automatic_deletion=bool(tp_dcs & 0x40),
        )
    if group == 0xE:  # message waiting, store, UCS-2
        return DataCoding(Coding.UCS2)
    if group == 0xF:
        return DataCoding(Coding.OCTETS if tp_dcs & 0x04 else Coding.GSM7, message_class=tp_dcs & 0x03)
    return DataCoding(Coding.GSM7)  # 1000-1011 reserved; 1100, 1101 message waiting
