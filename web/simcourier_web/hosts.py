"""Refuse requests that name another host than this box (RFC 9112 section 3.2; against DNS rebinding)."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from simcourier.config import Http
from simcourier_web.answers import new_request_id
from simcourier_web.problems import KINDS, document

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

LOCAL_ADDRESS = "simcourier.local_address"
"""Where our server puts the address that the client connected to."""

_AUTHORITY = re.compile(
    r"(?P<name>\[[0-9A-Fa-f:.]+(?:%25[^\]]+)?\]|[0-9A-Za-z._-]+)(?::(?P<port>[0-9]{1,5}))?"
)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_HTTP_URI = re.compile(r"https?://(?P<authority>[^/?#]*)", re.IGNORECASE)
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Authority(NamedTuple):
    """A host in its one plain form, lower case and without a root dot, and the port where one is named."""

    host: str
    port: str | None


def parse_authority(text: str) -> Authority | None:
    """The `host[:port]` of a Host header; None where it can be none."""
    found = _AUTHORITY.fullmatch(text)
    host = None if found is None else plain_host(found["name"])
    return None if found is None or host is None else Authority(host, found["port"])


def plain_host(name: str) -> str | None:
    """One spelling for each host; an IPv6 literal in brackets and without its zone. None: not a host."""
    if name.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(name[1:-1].partition('%')[0])}]"
        except ValueError:
            return None
    return name.lower().removesuffix(".") or None


def literal(address: str) -> str:
    """An IP address as a Host header names it."""
    return f"[{ipaddress.IPv6Address(address.partition('%')[0])}]" if ":" in address else address


class Hosts:
    """The names by which clients may call this box."""

    def __init__(self, http: Http, machine: str) -> None:
        self._names = set(_LOOPBACK)
        self._named_ports: set[Authority] = set()
        for entry in http.allowed_hosts:
            self._admit(entry)
        listen = ipaddress.ip_address(http.address[0])
        # Where no name is configured, the box answers to its addresses: a hostile site has a name, never our address.
        self._by_address = listen.is_unspecified and not http.allowed_hosts
        if self._by_address:
            self._names |= _names_of(machine)
        if not listen.is_unspecified:
            self._names.add(literal(str(listen)))

    def _admit(self, entry: str) -> None:
        authority = parse_authority(entry)
        if authority is None:
            return
        if authority.port is None:
            self._names.add(authority.host)
        else:
            self._named_ports.add(authority)

    def admits(self, text: str, port: str, local_address: str | None) -> bool:
        """May a request that came to `port` name this host?"""
        authority = parse_authority(text)
        if authority is None:
            return False
        if authority in self._named_ports:
            return True
        return authority.port in {None, port} and self._knows(authority.host, local_address)

    def _knows(self, host: str, local_address: str | None) -> bool:
        if host in self._names:
            return True
        return self._by_address and local_address is not None and host == literal(local_address)


def _names_of(machine: str) -> set[str]:
    full = plain_host(machine)
    if full is None:
        return set()
    short = full.partition(".")[0]
    return {full, short, f"{short}.local"}


class HostCheck:
    """WSGI middleware around the whole application: no path is reached by a strange name."""

    def __init__(self, application: WSGIApplication, http: Http, machine: str | None = None) -> None:
        self._application = application
        self._hosts = Hosts(http, socket.gethostname() if machine is None else machine)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request on, or answer it."""
        if all(self._admits(named, environ) for named in _named(environ)):
            return self._application(environ, start_response)
        body = _refuse(start_response)
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]

    def _admits(self, named: str, environ: Mapping[str, Any]) -> bool:
        return self._hosts.admits(named, str(environ.get("SERVER_PORT", "")), environ.get(LOCAL_ADDRESS))


def _named(environ: Mapping[str, Any]) -> list[str]:
    """Every host that the request names: in its Host header and, in absolute form, in its target."""
    host = environ.get("HTTP_HOST")
    # HTTP/1.0 knows no Host, and watchers speak it; no browser does.
    named = [] if host is None and environ.get("SERVER_PROTOCOL") == "HTTP/1.0" else [str(host or "")]
    target = str(environ.get("REQUEST_URI", ""))
    if _ABSOLUTE.match(target):
        found = _HTTP_URI.match(target)
        named.append(found["authority"] if found else "")
    return named


def _refuse(start_response: Callable[..., Any]) -> bytes:
    instance = new_request_id()
    kind = KINDS["invalid-host"]
    body = document(
        "invalid-host",
        "Call this box by its address, or by a name that its setting http.allowed_hosts lists.",
        instance,
    )
    headers = [
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Request-Id", instance),
    ]
    start_response(f"{kind.status} Bad Request", headers)
    return body
