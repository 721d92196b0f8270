"""TP-Service-Centre-Time-Stamp and its kin (TS 23.040 section 9.2.3.11)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from simcourier.sms.errors import PduError

LENGTH = 7


def decode_timestamp(octets: bytes, *, nineties_from: int = 100, lenient: bool = False) -> datetime:
    """Return the time that seven octets tell, or raise `PduError`.

    Years are 20xx; with `nineties_from=70`, those of 70 to 99 are 19xx. `lenient` takes a time zone whose
    second digit is over nine (seen from an SMS centre in Kenya): it still says a number of quarters.
    """
    if len(octets) != LENGTH:
        raise PduError(f"a time of {len(octets)} octets")
    year, month, day, hour, minute, second = map(_decimal, octets[:6])
    zone = _zone(octets[6], lenient)
    try:
        return datetime(
            (1900 if year >= nineties_from else 2000) + year, month, day, hour, minute, second, tzinfo=zone
        )
    except ValueError as error:
        raise PduError(f"a time that no calendar has: {error}") from None


def timestamp_or_none(octets: bytes) -> datetime | None:
    """Return the time, or None for one left empty (all zero, all F) or damaged: the message is worth more."""
    try:
        return decode_timestamp(octets, lenient=True)
    except PduError:
        return None


def _decimal(octet: int) -> int:
    tens, units = octet & 0x0F, octet >> 4
    if tens > 9 or units > 9:
        raise PduError("a time with a digit over nine")
    return 10 * tens + units


def _zone(octet: int, lenient: bool) -> timezone:
    """Bit 3 is the sign, the rest counts quarters of an hour, tens first."""
    units = octet >> 4
    if units > 9 and not lenient:
        raise PduError("a time zone with a digit over nine")
    quarters = 10 * (octet & 0x07) + units
    return timezone(timedelta(minutes=-15 * quarters if octet & 0x08 else 15 * quarters))
