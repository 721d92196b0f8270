"""Show a received message the way +CDS, +CMT, +CMGR and +CMGL do (TS 27.005 sections 3.1 and 4.1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from simcourier.virtual.codec import Deliver, StatusReport
from simcourier.virtual.fields import encode_service_centre
from simcourier.virtual.sim import Incoming

Spell = Callable[[str], str]


def pdu(message: Incoming, smsc: str) -> tuple[int, str]:
    """Return the TPDU's length in octets and the line of hexadecimal, service centre's address first."""
    tpdu = message.tpdu()
    return len(tpdu), (encode_service_centre(smsc) + tpdu).hex().upper()


def announced_pdu(message: Incoming, smsc: str, cds: str = "+CDS: ") -> list[str]:
    """Return `+CDS:` (as the make writes it) or `+CMT:`, and the PDU on the next line."""
    length, line = pdu(message, smsc)
    return [f"{cds}{length}" if isinstance(message, StatusReport) else f"+CMT: ,{length}", line]


def announced_text(message: Incoming, spell: Spell) -> list[str]:
    """Return `+CDS:` or `+CMT:` in text mode."""
    if isinstance(message, StatusReport):
        return [f"+CDS: {_report_fields(message, spell)}"]
    return [f'+CMT: "{spell(message.sender)}",,"{timestamp(message.scts_s)}"', _shown(message, spell)]


def listed_text(message: Incoming, spell: Spell) -> tuple[str, str]:
    """Return what follows the status in a text mode +CMGR, and the body's line (empty for a report)."""
    if isinstance(message, StatusReport):
        return _report_fields(message, spell), ""
    return f'"{spell(message.sender)}",,"{timestamp(message.scts_s)}"', _shown(message, spell)


def timestamp(wall_s: int) -> str:
    """Return `yy/MM/dd,hh:mm:ss+00`: the zone counts quarters of an hour."""
    return datetime.fromtimestamp(wall_s, UTC).strftime("%y/%m/%d,%H:%M:%S+00")


def _report_fields(report: StatusReport, spell: Spell) -> str:
    return (
        f'6,{report.mr},"{spell(report.to)}",{report.address[1]},'
        f'"{timestamp(report.scts_s)}","{timestamp(report.discharged_s)}",{report.status}'
    )


def _shown(message: Deliver, spell: Spell) -> str:
    # Section 3.1 <data>: with a user data header, or as octets, the text is shown in hexadecimal.
    return message.ud.hex().upper() if message.first_octet & 0x40 else spell(message.text)
