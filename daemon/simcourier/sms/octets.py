"""A cursor over the octets of one PDU, in which running out of octets is a typed error."""

from __future__ import annotations

from simcourier.sms.errors import PduError

_MOST_HEX_DIGITS = 1024  # a SIM record has 176 octets, a TPDU with its SCA field at most 176


class Octets:
    """The octets of one PDU, taken from the left; `field` names what is missing in the error."""

    __slots__ = ("_at", "_octets")

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def take(self, count: int, field: str) -> bytes:
        """Return the next `count` octets."""
        end = self._at + count
        if end > len(self._octets):
            raise PduError(f"{field} ends after {len(self._octets) - self._at} of {count} octets")
        taken = self._octets[self._at : end]
        self._at = end
        return taken

    def octet(self, field: str) -> int:
        """Return the next octet."""
        return self.take(1, field)[0]

    def rest(self) -> bytes:
        """Return what is left, without taking it."""
        return self._octets[self._at :]


def octets_of(hex_digits: str) -> bytes:
    """Return the octets that `hex_digits` spell, in either case; blanks and quotes around are ignored."""
    digits = hex_digits.strip(' \t\r\n"')
    if not digits or len(digits) > _MOST_HEX_DIGITS:
        raise PduError(f"a PDU of {len(digits)} hexadecimal digits")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise PduError("a PDU with something else than pairs of hexadecimal digits") from None
