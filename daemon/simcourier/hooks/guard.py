"""Resolves a target once and says which of its addresses may be spoken to (OTP.md, A15)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import ip_address

from simcourier.errors import RequestError
from simcourier.hooks.addresses import Address, never
from simcourier.hooks.targets import AllowList, Target, parse

Lookup = Callable[[str, int], list[str]]
_ADD = (
    "add it to allowed_targets in the table [webhooks] of the configuration (https://host:port, a host name or a "
    "network) and restart simcourier"
)


def _denied(detail: str) -> RequestError:
    return RequestError("policy-violation", detail, pointer="/url")


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a name, in the order in which the system would try them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(sockaddr[0]) for _family, _type, _proto, _name, sockaddr in found]


def is_ours(address: Address) -> bool:
    """Does this machine have the address? Only to such a one can a socket be bound."""
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


class Guard:
    """Every target passes here when it is registered and again before each delivery: a name may change its mind."""

    def __init__(
        self,
        allowed: AllowList,
        own_ports: frozenset[int],
        *,
        lookup: Lookup = look_up,
        ours: Callable[[Address], bool] = is_ours,
    ) -> None:
        self._allowed = allowed
        self._own_ports = own_ports
        self._lookup = lookup
        self._ours = ours

    def admit(self, url: str) -> tuple[Target, list[str]]:
        """The target of a URL and those of its addresses that may be spoken to. Raises RequestError."""
        try:
            target = parse(url)
        except ValueError as error:
            raise RequestError("policy-violation", str(error), pointer="/url") from None
        # Asking for a name may already tell somebody something: so not for one that could never be allowed.
        if not self._allowed.networks and not self._allowed.names_it(target):
            raise _denied(f"The target is not on this box's list of targets; {_ADD}.")
        addresses = self._addresses(target)
        refusals = [self._refusal(target, address) for address in addresses]
        admitted = [str(a) for a, why in zip(addresses, refusals, strict=True) if why is None]
        if not admitted:
            raise _denied(next(why for why in refusals if why is not None))
        return target, admitted

    def _addresses(self, target: Target) -> list[Address]:
        if target.address is not None:
            return [target.address]
        try:
            found = [ip_address(text) for text in self._lookup(target.host, target.port)]
        except (OSError, ValueError, UnicodeError):
            found = []
        if not found:
            raise _denied("The host of this URL can't be resolved now.")
        return found

    def _refusal(self, target: Target, address: Address) -> str | None:
        what = never(address)
        if what is not None:
            return f"The target is {what}; no webhook goes there."
        if target.port in self._own_ports and self._ours(address):
            return "The target is this box itself; no webhook goes there."
        if not self._allowed.permits(target, address):
            return f"The target's address is not on this box's list of targets; {_ADD}."
        return None
