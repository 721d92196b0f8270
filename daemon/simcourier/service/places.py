"""Where messages may go, and how a destination is counted: by keyed hashes, so that no count tells a number."""

from __future__ import annotations

from dataclasses import dataclass

from simcourier.errors import RequestError
from simcourier.service.tools import Tools
from simcourier.sms.address import Address, TypeOfNumber, mask, parse_recipient
from simcourier.sms.country_codes import country_code
from simcourier.verify.destinations import (
    ANY,
    OWN,
    Allowed,
    Kind,
    Located,
    check_short_code,
    describe,
    locate,
    own_regions,
)

_CARDS_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Destination:
    """Where something goes; `region` is an ISO 3166 code, empty for a short code."""

    number: str
    number_key: str
    prefix_key: str
    prefix_shown: str
    region: str


@dataclass(frozen=True, slots=True)
class NumberCheck:
    """What is known of a number; `code` and `reason` say why this box sends nothing to it."""

    valid: bool
    region: str | None
    type: str | None
    allowed: bool
    code: str | None
    reason: str | None


class Places:
    """The destinations of this box; safe from any thread."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._own: frozenset[str] = frozenset()
        self._looked_at = float("-inf")

    def destination(self, recipient: Address, kind: Kind, pointer: str) -> Destination:
        """The destination that an address is. Raises RequestError where this box does not send to it."""
        number = recipient.text
        if recipient.type_of_number is TypeOfNumber.INTERNATIONAL:
            return self._counted(number, locate(number, kind, self._allowed(kind), pointer).region)
        check_short_code(number, kind, self._allowed(kind), pointer)
        return self._counted(number, "")

    def prefix_key(self, number: str) -> str:
        """What stands for a number without its last four digits; a short code stands for itself."""
        return self._tools.sealer.number_key(f"prefix {number[:-4] if number.startswith('+') else number}")

    def anywhere(self, written: str) -> Destination:
        """The destination of a number whether this box sends to it or not. Raises RequestError `invalid-number`."""
        number = parse_recipient(written).text
        return self._counted(number, describe(number).region if number.startswith("+") else "")

    def check(self, written: str, kind: Kind) -> NumberCheck:
        """What is known of a number without asking anybody, and whether this box sends to it."""
        try:
            recipient = parse_recipient(written)
            whole = recipient.type_of_number is TypeOfNumber.INTERNATIONAL
            known = describe(recipient.text) if whole else Located("", "short-code")
        except RequestError as error:
            return NumberCheck(False, None, None, False, error.code, error.detail)
        try:
            self.destination(recipient, kind, "/to")
        except RequestError as error:
            return NumberCheck(True, known.region or None, known.type, False, error.code, error.detail)
        return NumberCheck(True, known.region or None, known.type, True, None, None)

    def _counted(self, number: str, region: str) -> Destination:
        code = country_code(number[1:]) if number.startswith("+") else ""
        return Destination(
            number,
            self._tools.sealer.number_key(number),
            self.prefix_key(number),
            # Masks show the last four digits: more of the prefix beside them would make the number whole.
            f"+{code}•••••" if code else mask(number),
            region,
        )

    def _allowed(self, kind: Kind) -> Allowed:
        destinations = self._tools.config.destinations
        named = destinations.verifications if kind is Kind.CODE else destinations.messages
        regions = frozenset(named) - {OWN, ANY}
        if OWN in named:
            regions |= self._own_regions()
        if not regions and ANY not in named and OWN in named and not destinations.allowed_prefixes:
            raise RequestError(
                "no-modem",
                "No SIM of this box is known yet, and it sends to its SIMs' own countries only; an admin can name "
                "countries under [destinations].",
                retry_after_s=10,
            )
        return Allowed(regions, ANY in named, destinations.allowed_prefixes, destinations.denied_prefixes)

    def _own_regions(self) -> frozenset[str]:
        """The countries of every SIM since the start: one that is unplugged for a moment takes none away."""
        now = self._tools.clock.monotonic()
        if now - self._looked_at >= _CARDS_EVERY_S or not self._own:
            self._looked_at = now
            self._own |= own_regions(card.sim for card in self._tools.radio.snapshots().values())
        return self._own
