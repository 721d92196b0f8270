"""URLs of endpoints, read strictly, and the admin's list of those that may be one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from simcourier.errors import ConfigError
from simcourier.hooks.addresses import Address, Network, is_loopback, parse_network, within_loopback

MAX_LENGTH = 2000
_PORTS = {"http": 80, "https": 443}
# No userinfo, no fragment, no backslash, no percent sign in the host, nothing but visible ASCII: what one program
# reads differently from another can't be written at all.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[0-9a-z.-]+)(:(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[!$-;=?-\[\]_a-z~]*)?",
    re.IGNORECASE | re.ASCII,
)
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
# The last label begins with a letter: so the name can't be one of the many spellings of an IPv4 address.
_NAME = re.compile(rf"({_LABEL}\.)*[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Target:
    """Where an endpoint is. `host` is a lower-case name or an address without brackets."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def address(self) -> Address | None:
        """The address, where the URL has one in place of a name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    @property
    def host_header(self) -> str:
        """Host and port as the Host header has them (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse(url: str) -> Target:
    """Read a URL. Raises ValueError with a sentence that does not repeat it."""
    found = _URL.fullmatch(url) if len(url) <= MAX_LENGTH else None
    if found is None:
        raise ValueError(
            "Write it as https://host:port/path, in visible ASCII, without user name, password and fragment."
        )
    scheme = found["scheme"].lower()
    port = int(found["port"] or _PORTS[scheme])
    if not 0 < port < 65_536:
        raise ValueError("The port must be from 1 to 65535.")
    return Target(scheme, _host(found["host"].lower()), port, found["path"] or "/")


def _host(text: str) -> str:
    if text.startswith("["):
        try:
            return str(IPv6Address(text[1:-1]))
        except ValueError:
            raise ValueError("What stands in brackets is no IPv6 address.") from None
    if re.fullmatch(r"[0-9.]+", text):
        try:
            return str(ip_address(text))
        except ValueError:
            raise ValueError("Write an IPv4 address as four decimal numbers without leading zeros.") from None
    if len(text) > 253 or not _NAME.fullmatch(text):
        raise ValueError("The host must be a DNS name without a dot at its end, or an address.")
    return text


@dataclass(frozen=True, slots=True)
class AllowList:
    """The admin's word on which targets may be endpoints (`allowed_targets`)."""

    origins: frozenset[tuple[str, str, int]] = frozenset()
    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def read(cls, entries: Iterable[str]) -> AllowList:
        """The list in the configuration. Raises ConfigError for an entry that is none of the three kinds."""
        origins, names, networks = set(), set(), []
        for entry in entries:
            match _entry(entry):
                case Target() as target:
                    origins.add((target.scheme, target.host, target.port))
                case str() as name:
                    names.add(name)
                case network:
                    networks.append(network)
        return cls(frozenset(origins), frozenset(names), tuple(networks))

    def names_it(self, target: Target) -> bool:
        """Is the target on the list by its name, or by its scheme, host and port?"""
        return target.host in self.names or (target.scheme, target.host, target.port) in self.origins

    def permits(self, target: Target, address: Address) -> bool:
        """May the target be spoken to at this address, one that it was resolved to?"""
        networks = [network for network in self.networks if address in network]
        if not is_loopback(address):
            return bool(networks) or self.names_it(target)
        # This machine itself only where somebody wrote just that: 0.0.0.0/0 does not mean it, nor does a name that
        # happens to lead here.
        says_so = target.host == "localhost" or target.address is not None
        return any(map(within_loopback, networks)) or (says_so and self.names_it(target))


def _entry(entry: str) -> Target | str | Network:
    try:
        if "://" in entry:
            target = parse(entry)
            if target.path != "/":
                raise ConfigError(
                    f"webhooks.allowed_targets: {entry!r}: leave the path out; scheme, host and port are compared"
                )
            return target
        if _NAME.fullmatch(entry.lower()):
            return entry.lower()
        return parse_network(entry)
    except ValueError:
        raise ConfigError(
            f"webhooks.allowed_targets: {entry!r}: write https://host:port, a host name or a network such as "
            "10.1.2.0/24"
        ) from None
