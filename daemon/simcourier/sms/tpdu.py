"""Tell TPDUs apart by TP-MTI (TS 23.040 section 9.2.3.1)."""

from __future__ import annotations

from simcourier.sms import report
from simcourier.sms.address import Address
from simcourier.sms.deliver import Deliver, take_deliver
from simcourier.sms.frame import decode_framed
from simcourier.sms.octets import Octets
from simcourier.sms.report import StatusReport, take_status_report
from simcourier.sms.submit import Submit, take_submit


def decode_incoming(hex_digits: str, *, tpdu_length: int | None = None) -> Deliver | StatusReport:
    """Return what a modem handed over by +CMT, +CDS, +CMGR or +CMGL, or raise `PduError`.

    The SCA field may be missing, the digits may be in lower case, padding may follow; `tpdu_length`, the
    length that the modem told, is only a hint.
    """
    return decode_framed(hex_digits, _take_incoming, tpdu_length)


def decode_submit(hex_digits: str, *, tpdu_length: int | None = None) -> Submit:
    """Return the SMS-SUBMIT in `hex_digits`, with or without an SCA field, or raise `PduError`."""
    return decode_framed(hex_digits, take_submit, tpdu_length)


def _take_incoming(octets: Octets, service_centre: Address | None) -> Deliver | StatusReport:
    if octets.rest()[:1] and octets.rest()[0] & 0x03 == report.TP_MTI:
        return take_status_report(octets, service_centre)
    return take_deliver(octets, service_centre)
