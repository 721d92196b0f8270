"""Which addresses nobody may have this box speak to, whatever the configuration allows (OTP.md, A15)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_NEVER_V4 = {
    IPv4Network("0.0.0.0/8"): "an unspecified address",
    IPv4Network("169.254.0.0/16"): "a link-local address",
    IPv4Network("192.88.99.0/24"): "a relay of 6to4",
    IPv4Network("224.0.0.0/4"): "a multicast address",
    IPv4Network("240.0.0.0/4"): "a reserved or broadcast address",
}
# An IPv4 address inside an IPv6 address: a way round every rule for IPv4, and no receiver on premise needs it.
_NEVER_V6 = {
    IPv6Network("fe80::/10"): "a link-local address",
    IPv6Network("ff00::/8"): "a multicast address",
    IPv6Network("::/128"): "an unspecified address",
    IPv6Network("::ffff:0:0/96"): "an IPv4 address written as IPv6",
    IPv6Network("64:ff9b::/96"): "an IPv4 address behind a translator (NAT64)",
    IPv6Network("64:ff9b:1::/48"): "an IPv4 address behind a translator (NAT64)",
    IPv6Network("2001::/32"): "an IPv4 address in a tunnel (Teredo)",
    IPv6Network("2002::/16"): "an IPv4 address in a tunnel (6to4)",
}
# Beside loopback, an IPv6 receiver has a global unicast or a unique local address (RFC 4291, RFC 4193).
_POSSIBLE_V6 = (IPv6Network("2000::/3"), IPv6Network("fc00::/7"), IPv6Network("::1/128"))


def never(address: Address) -> str | None:
    """What the address is that it must never be spoken to, or None where the configuration decides."""
    if isinstance(address, IPv4Address):
        return next((what for network, what in _NEVER_V4.items() if address in network), None)
    found = next((what for network, what in _NEVER_V6.items() if address in network), None)
    if found is None and not any(address in network for network in _POSSIBLE_V6):
        return "a reserved address"
    return found


def is_loopback(address: Address) -> bool:
    """Is it this machine itself?"""
    return any(address in network for network in LOOPBACK)


def within_loopback(network: Network) -> bool:
    """Does the network hold loopback addresses only? A wider one does not mean them."""
    return network.network_address in _of_version(network) and network.broadcast_address in _of_version(
        network
    )


def _of_version(network: Network) -> Network:
    return next(loopback for loopback in LOOPBACK if loopback.version == network.version)


def parse_network(text: str) -> Network:
    """A network in CIDR form, or a single address. Raises ValueError."""
    return ip_network(text)
