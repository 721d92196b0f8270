"""TP-User-Data with its header: text, octets, concatenation, ports (TS 23.040 9.2.3.16, 9.2.3.24)."""

from __future__ import annotations

from dataclasses import dataclass, field

from simcourier.sms import gsm7
from simcourier.sms.coding import Coding, DataCoding
from simcourier.sms.errors import PduError
from simcourier.sms.octets import Octets

_MOST_OCTETS = 143  # in a status report with a short recipient; 140 otherwise
_REFERENCE_SIZES = {0x00: 1, 0x08: 2}  # octets of a concatenation reference, by identifier
_PORT_SIZES = {0x04: 1, 0x05: 2}  # octets of one port


@dataclass(frozen=True, slots=True)
class Concatenation:
    """The place of one segment in its message; `sequence` counts from 1."""

    reference: int
    total: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Ports:
    """Application ports of a message that isn't for people."""

    destination: int
    originator: int


@dataclass(frozen=True, slots=True)
class InformationElement:
    """One element of a user data header."""

    identifier: int
    data: bytes


@dataclass(frozen=True, slots=True)
class UserData:
    """What a TPDU carries.

    `length` is TP-UDL as sent, `header` the header with its length octet, `octets` what follows it (for the
    default alphabet, one septet an octet). `text` is None for 8-bit and for compressed data.
    """

    coding: DataCoding
    length: int
    header: bytes = field(repr=False)
    octets: bytes = field(repr=False)
    text: str | None = field(repr=False)

    @property
    def elements(self) -> tuple[InformationElement, ...]:
        """The elements of the header."""
        return read_elements(self.header[1:])

    @property
    def concatenation(self) -> Concatenation | None:
        """The segment's place, or None for a message of one segment."""
        return concatenation(self.elements)

    @property
    def ports(self) -> Ports | None:
        """The application ports, or None."""
        return ports(self.elements)


def take_user_data(octets: Octets, coding: DataCoding, *, has_header: bool) -> UserData:
    """Take TP-UDL and TP-UD."""
    length = octets.octet("TP-UDL")
    in_septets = coding.coding is Coding.GSM7 and not coding.compressed
    size = (7 * length + 7) // 8 if in_septets else length
    if size > _MOST_OCTETS:
        raise PduError(f"TP-UDL of {length}")
    body = octets.take(size, "TP-UD")
    # A header announced in user data of no length: seen in a real TPDU, and harmless.
    header = _header(body) if has_header and body else b""
    rest = body[len(header) :]
    if in_septets:
        before = (8 * len(header) + 6) // 7
        if before > length:
            raise PduError(f"a header of {len(header)} octets in TP-UD of {length} septets")
        rest = gsm7.unpack(rest, length - before, fill_bits=-8 * len(header) % 7)
    return UserData(coding, length, header, rest, _text(rest, coding))


def _header(body: bytes) -> bytes:
    header = body[: body[0] + 1]
    if len(header) <= body[0]:
        raise PduError(f"a header of {body[0]} octets in TP-UD of {len(body)}")
    return header


def _text(octets: bytes, coding: DataCoding) -> str | None:
    if coding.compressed or coding.coding is Coding.OCTETS:
        return None
    if coding.coding is Coding.GSM7:
        return gsm7.decode(octets)
    # A segment may end inside a surrogate pair, or have an odd octet at its end: shown as U+FFFD and dropped.
    return octets[: len(octets) & ~1].decode("utf-16-be", errors="replace")


def read_elements(octets: bytes) -> tuple[InformationElement, ...]:
    """Return the elements of a header without its length octet.

    Where the last element is cut short the whole header counts for nothing, as section 9.2.3.24 wants.
    """
    elements = []
    rest = Octets(octets)
    try:
        while rest.rest():
            identifier = rest.octet("IEI")
            elements.append(InformationElement(identifier, rest.take(rest.octet("IEL"), "IED")))
    except PduError:
        return ()
    return tuple(elements)


def concatenation(elements: tuple[InformationElement, ...]) -> Concatenation | None:
    """Return the place of the segment: the last element that tells one and makes sense (9.2.3.24.1, .8)."""
    for element in reversed(elements):
        size = _REFERENCE_SIZES.get(element.identifier, 0)
        if size and len(element.data) == size + 2:
            total, sequence = element.data[size:]
            if 1 <= sequence <= total:
                return Concatenation(int.from_bytes(element.data[:size], "big"), total, sequence)
    return None


def ports(elements: tuple[InformationElement, ...]) -> Ports | None:
    """Return the application ports: the last element that tells them (9.2.3.24.3, .4)."""
    for element in reversed(elements):
        size = _PORT_SIZES.get(element.identifier, 0)
        if size and len(element.data) == 2 * size:
            destination, originator = element.data[:size], element.data[size:]
            return Ports(int.from_bytes(destination, "big"), int.from_bytes(originator, "big"))
    return None
