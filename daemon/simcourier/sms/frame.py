"""What stands around a TPDU in PDU mode: SCA field, padding, a length that may lie (TS 27.005 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from simcourier.sms.address import Address
from simcourier.sms.address_field import take_service_centre
from simcourier.sms.errors import PduError
from simcourier.sms.octets import Octets, octets_of

_Decoded = TypeVar("_Decoded")
_Decoder = Callable[[Octets, Address | None], _Decoded]


def decode_framed(hex_digits: str, decode: _Decoder[_Decoded], tpdu_length: int | None = None) -> _Decoded:
    """Decode a TPDU that may have an SCA field before it and padding behind, or raise `PduError`.

    Nothing says whether the SCA field is there, and a modem's `tpdu_length` may lie. So both readings are
    tried, the likelier one first; one that uses every octet (but padding of 0xFF) beats one that leaves some.
    """
    octets = octets_of(hex_digits)
    failures: list[PduError] = []
    second_best: _Decoded | None = None
    for service_centre, tpdu in _readings(octets, tpdu_length):
        rest = Octets(tpdu)
        try:
            decoded = decode(rest, service_centre)
        except PduError as error:
            failures.append(error)
            continue
        if not rest.rest().strip(b"\xff"):
            return decoded
        second_best = decoded if second_best is None else second_best
    if second_best is not None:
        return second_best
    raise failures[0]


def _readings(octets: bytes, tpdu_length: int | None) -> Iterator[tuple[Address | None, bytes]]:
    """Yield the TPDU with an SCA field before it and without, the likelier reading first."""
    bare = None, octets
    framed = _with_service_centre(octets)
    if framed is None:
        yield bare
        return
    centre, tpdu = framed
    told_bare = tpdu_length == len(octets)
    told_framed = tpdu_length == len(tpdu)
    if told_bare or not (told_framed or _plausible(centre, octets)):
        yield bare
        yield framed
    else:
        yield framed
        yield bare


def _plausible(centre: Address | None, octets: bytes) -> bool:
    """An SCA field is empty, or has bit 7 of its type set and decimal digits only, if any."""
    if centre is None:
        return True
    return octets[1] & 0x80 != 0 and (centre.value.isdecimal() or not centre.value)


def _with_service_centre(octets: bytes) -> tuple[Address | None, bytes] | None:
    rest = Octets(octets)
    try:
        return take_service_centre(rest), rest.rest()
    except PduError:
        return None
