"""Who calls: API keys as Bearer or Basic credentials (RFC 6750, RFC 7617), and who may look without one."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Mapping

from flask import request

from simcourier.errors import RequestError
from simcourier.service import Client, Service
from simcourier_web.problems import InvalidRequest

KEY_PREFIX = "sck_"
_KEY = re.compile(r"sck_[0-9a-zA-Z]+_[0-9a-zA-Z]{8}")
# By these names a program might send what is left of a key without its prefix: 64 hex digits, or Basic's base64.
_KEY_NAMES = frozenset(
    {"key", "api_key", "api-key", "apikey", "access_token", "token", "secret", "authorization", "bearer"}
)
_SECRET = re.compile(r"(Bearer |Basic )?\S{40,}", re.IGNORECASE)
_LOOPBACK_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
_FORWARDING = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_VIA",
)


class Gate:
    """Lets a request in by its key and that key's scopes."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def client(self, scope: str) -> Client:
        """The client of the request at hand. Raises RequestError unless its key carries `scope`.

        The address a key may be bound to is the other end's of the connection: behind a proxy, the proxy's. No header
        says otherwise, for anybody can write one.
        """
        _refuse_other_sites()
        return self._keyed(scope)

    def _keyed(self, scope: str) -> Client:
        credentials = parse_credentials(request.headers.get("Authorization", ""))
        peer = request.environ.get("REMOTE_ADDR")
        client = self._service.clients.authenticate(*credentials, peer) if credentials is not None else None
        if client is None:
            raise RequestError(
                "unauthorized",
                "Send a live API key: Authorization: Bearer sck_..., or Basic with its id and secret.",
            )
        if not client.may(scope):
            raise RequestError("forbidden-scope", f"This needs a key with the scope {scope}.")
        return client

    def viewer(self) -> None:
        """Let in who may look at page and metrics: a program on this very machine, or a key with `status:read`."""
        if not (self._service.config.http.open_page_on_loopback and is_local(request.environ)):
            # Another site may link to the page; nothing is changed by looking at it.
            self._keyed("status:read")


def _refuse_other_sites() -> None:
    # A browser that knows Basic credentials adds them to what another site's page posts here.
    origin = request.headers.get("Origin")
    elsewhere = origin is not None and origin.partition("://")[2].lower() != request.host.lower()
    # A sibling under the same domain ("same-site") is another site to us.
    if elsewhere or request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
        raise RequestError("forbidden-origin", "A page of another site asked for this.")


def refuse_key_in_address() -> None:
    """Raise InvalidRequest where the query of the request at hand holds an API key, whoever it belongs to."""
    for name, value in request.args.items(multi=True):
        if _KEY.search(value) or (name.lower() in _KEY_NAMES and _SECRET.fullmatch(value)):
            raise InvalidRequest(
                "An API key goes into the Authorization header and into no address, where proxies and browsers keep "
                "it; rotate this one."
            )


def parse_credentials(header: str) -> tuple[str, str] | None:
    """Key id and secret of an Authorization header; None where there are none that could be right."""
    scheme, _, given = header.partition(" ")
    given = given.strip()
    match scheme.lower():
        case "bearer":
            if not given.startswith(KEY_PREFIX):
                return None
            key_id, _, secret = given.removeprefix(KEY_PREFIX).partition("_")
        case "basic":
            key_id, _, secret = _decode_basic(given).partition(":")
            key_id = key_id.removeprefix(KEY_PREFIX)
        case _:
            return None
    return (key_id, secret) if key_id and secret else None


def _decode_basic(given: str) -> str:
    try:
        return base64.b64decode(given, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


def is_local(environ: Mapping[str, object]) -> bool:
    """Did a program on this very machine ask, by a name of this machine, with no proxy between?

    The Host header counts because a hostile site may let its own name point to 127.0.0.1 (DNS rebinding).
    """
    # nginx adds no header of its own accord and sets Host to ours, but speaks HTTP/1.0, which no browser does.
    if environ.get("SERVER_PROTOCOL") == "HTTP/1.0" or any(name in environ for name in _FORWARDING):
        return False
    if not _LOOPBACK_HOST.fullmatch(str(environ.get("HTTP_HOST", ""))):
        return False
    return _is_loopback(str(environ.get("REMOTE_ADDR", "")))


def _is_loopback(address: str) -> bool:
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = peer.ipv4_mapped if isinstance(peer, ipaddress.IPv6Address) else None
    return (mapped or peer).is_loopback
