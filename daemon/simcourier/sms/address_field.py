"""Address fields: TP-DA, TP-OA, TP-RA (TS 23.040 section 9.1.2.5) and SCA (24.011 section 8.2.5.1)."""

from __future__ import annotations

from gsmmodem.pdu import decodeSemiOctets, encodeSemiOctets

from simcourier.errors import BugError
from simcourier.sms import gsm7
from simcourier.sms.address import Address, TypeOfNumber
from simcourier.sms.errors import PduError
from simcourier.sms.octets import Octets

_MOST_SEMI_OCTETS = 20
_MOST_SCA_OCTETS = 11
_TO_NIBBLES = str.maketrans("*#abc", "ABCDE")
_FROM_NIBBLES = str.maketrans("abcde", "*#abc")


def encode_address(address: Address) -> bytes:
    """Return the field as a TPDU has it: useful semi-octets, type of address, value."""
    if address.type_of_number is TypeOfNumber.ALPHANUMERIC:
        septets = gsm7.encode(address.value)
        if len(septets) > 11:
            raise BugError(f"a sender's name of {len(septets)} septets")
        return bytes((-(-7 * len(septets) // 4), address.type_of_address)) + gsm7.pack(septets)
    value = bytes(encodeSemiOctets(address.value.translate(_TO_NIBBLES)))
    return bytes((len(address.value), address.type_of_address)) + value


def take_address(
    octets: Octets, field: str, *, check_type: bool = False, check_filler: bool = False
) -> Address:
    """Take an address whose length counts semi-octets.

    Bit 7 of the type must be set, and an odd number must end in the filler 1111. What comes from the network
    is forgiven both by default, because service centres and modems get them wrong.
    """
    semi_octets = octets.octet(field)
    if semi_octets > _MOST_SEMI_OCTETS:
        raise PduError(f"{field} of {semi_octets} semi-octets")
    type_of_address = octets.octet(field)
    value = octets.take((semi_octets + 1) // 2, field)
    if check_type and value and not type_of_address & 0x80:
        raise PduError(f"{field} of type 0x{type_of_address:02X}")
    address = _address(type_of_address, value, semi_octets)
    in_digits = address.type_of_number is not TypeOfNumber.ALPHANUMERIC
    if check_filler and in_digits and semi_octets % 2 and value[-1] >> 4 != 0xF:
        raise PduError(f"{field} of an odd length without its filler")
    return address


def take_service_centre(octets: Octets) -> Address | None:
    """Take the SCA field, whose length counts octets; None where it is empty (the SIM's own centre)."""
    length = octets.octet("SCA")
    if length == 0:
        return None
    if length > _MOST_SCA_OCTETS:
        raise PduError(f"SCA of {length} octets")
    type_of_address = octets.octet("SCA")
    value = octets.take(length - 1, "SCA")
    return _address(type_of_address, value, 2 * len(value))


def _address(type_of_address: int, value: bytes, semi_octets: int) -> Address:
    type_of_number = TypeOfNumber(type_of_address >> 4 & 0x07)
    numbering_plan = type_of_address & 0x0F
    if type_of_number is TypeOfNumber.ALPHANUMERIC:
        name = gsm7.decode(gsm7.unpack_uncounted(value, semi_octets))
        return Address(name, type_of_number, numbering_plan)
    nibbles = str(decodeSemiOctets(bytearray(value)))[:semi_octets]
    digits = nibbles.partition("f")[0]  # the end mark, wherever it stands
    return Address(digits.translate(_FROM_NIBBLES), type_of_number, numbering_plan)
