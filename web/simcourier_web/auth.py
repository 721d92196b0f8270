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

KEY_PREFIX = "sck_"
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
        """The client of the request at hand. Raises RequestError unless its key carries `scope`."""
        _refuse_other_sites()
        credentials = parse_credentials(request.headers.get("Authorization", ""))
        client = self._service.authenticate(*credentials) if credentials is not None else None
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
            self.client("status:read")


def _refuse_other_sites() -> None:
    # A browser that knows Basic credentials adds them to what another site's page posts here.
    origin = request.headers.get("Origin")
    if origin is None or request.method == "GET":
        return
    if origin.partition("://")[2].lower() != request.host.lower():
        raise RequestError("forbidden-origin", "A page of another site asked for this.")


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
