"""SMS-STATUS-REPORT: what became of a message that went out (TS 23.040 section 9.2.2.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from simcourier.sms.address import Address, mask
from simcourier.sms.address_field import take_address
from simcourier.sms.coding import decode_data_coding
from simcourier.sms.errors import PduError
from simcourier.sms.frame import decode_framed
from simcourier.sms.octets import Octets
from simcourier.sms.status import ReportOutcome, outcome
from simcourier.sms.timestamp import LENGTH, timestamp_or_none
from simcourier.sms.user_data import UserData, take_user_data

TP_MTI = 0x02


@dataclass(frozen=True, slots=True)
class Parameters:
    """The optional end of a report; each is None where TP-PI doesn't announce it."""

    tp_pi: int
    tp_pid: int | None = None
    tp_dcs: int | None = None
    user_data: UserData | None = None


@dataclass(frozen=True, slots=True, repr=False)
class StatusReport:
    """A report on the message that the modem numbered `tp_mr`.

    `recipient` is the number as the service centre wrote it, perhaps national, damaged or empty: compare it
    with `address.same_subscriber`. The two times are None when left empty or damaged, and need not have the
    same zone. `tp_st` is kept as received.
    """

    tp_mr: int
    recipient: str
    service_centre_at: datetime | None
    discharged_at: datetime | None
    tp_st: int
    recipient_type_of_address: int = 0x91
    service_centre: Address | None = None
    parameters: Parameters | None = None
    first_octet: int = field(default=TP_MTI)

    @property
    def outcome(self) -> ReportOutcome:
        """What the report says of its message."""
        return outcome(self.tp_st)

    def __repr__(self) -> str:
        return (
            f"StatusReport(tp_mr={self.tp_mr}, recipient={mask(self.recipient)!r}, tp_st=0x{self.tp_st:02X}, "
            f"service_centre_at={self.service_centre_at}, discharged_at={self.discharged_at})"
        )


def decode_status_report(hex_digits: str, *, tpdu_length: int | None = None) -> StatusReport:
    """Return the SMS-STATUS-REPORT in `hex_digits`, with or without an SCA field, or raise `PduError`."""
    return decode_framed(hex_digits, take_status_report, tpdu_length)


def take_status_report(octets: Octets, service_centre: Address | None) -> StatusReport:
    """Take an SMS-STATUS-REPORT."""
    first_octet = octets.octet("TP-MTI")
    if first_octet & 0x03 != TP_MTI:
        raise PduError(f"first octet 0x{first_octet:02X} isn't that of an SMS-STATUS-REPORT")
    tp_mr = octets.octet("TP-MR")
    recipient = take_address(octets, "TP-RA")
    return StatusReport(
        tp_mr=tp_mr,
        recipient=recipient.text,
        service_centre_at=timestamp_or_none(octets.take(LENGTH, "TP-SCTS")),
        discharged_at=timestamp_or_none(octets.take(LENGTH, "TP-DT")),
        tp_st=octets.octet("TP-ST"),
        recipient_type_of_address=recipient.type_of_address,
        service_centre=service_centre,
        parameters=_parameters_or_none(octets, has_header=bool(first_octet & 0x40)),
        first_octet=first_octet,
    )


def _parameters_or_none(octets: Octets, *, has_header: bool) -> Parameters | None:
    """Take what TP-PI announces; padding looks like a damaged one, and the report is complete without it."""
    rest = Octets(octets.rest())
    try:
        parameters = _take_parameters(rest, has_header)
    except PduError:
        return None
    octets.take(len(octets.rest()) - len(rest.rest()), "TP-PI")
    return parameters


def _take_parameters(octets: Octets, has_header: bool) -> Parameters:
    tp_pi = octets.octet("TP-PI")
    extension = tp_pi
    while extension & 0x80:  # further octets of TP-PI say nothing yet (section 9.2.3.27)
        extension = octets.octet("TP-PI")
    tp_pid = octets.octet("TP-PID") if tp_pi & 0x01 else None
    tp_dcs = octets.octet("TP-DCS") if tp_pi & 0x02 else None
    coding = decode_data_coding(tp_dcs or 0x00)
    user_data = take_user_data(octets, coding, has_header=has_header) if tp_pi & 0x04 else None
    return Parameters(tp_pi, tp_pid, tp_dcs, user_data)
