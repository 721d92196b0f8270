"""Changes of API keys, each with its line in the audit: for the service, and for the command line without it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection

from simcourier.errors import RequestError
from simcourier.outbox import access
from simcourier.outbox.access import Key, Terms
from simcourier.outbox.audit import Audit, Entry
from simcourier.secret import Secret

SCOPES = (
    "messages:send",
    "messages:read",
    "messages:read_body",
    "verifications:start",
    "verifications:check",
    "inbound:read",
    "status:read",
    "admin",
)
SANDBOX_SCOPES = tuple(scope for scope in SCOPES if scope.startswith(("messages:", "verifications:")))
"""What a sandbox key may do: all else is of the real box."""
HOUR_MS = 3600 * 1000
KEEP_OLD_MS = 24 * HOUR_MS
"""How long the secret before stays live when nothing else is said, for the application to learn the new one."""
MOST_KEEP_OLD_MS = 30 * 24 * HOUR_MS
MOST_LIFE_MS = 36_525 * 24 * HOUR_MS
MOST_CIDRS = 32
Made = tuple[Key, Secret]
"""A key, and its secret, which is told this once."""


def checked(scopes: frozenset[str], terms: Terms, now_ms: int) -> Terms:
    """The terms in their plain form. Raises RequestError where no such key may be."""
    unknown = sorted(scopes - set(SCOPES))
    if unknown or not scopes:
        known = f"Give scopes from: {', '.join(SCOPES)}."
        raise RequestError("policy-violation", known, pointer="/scopes")
    if terms.sandbox and not scopes <= set(SANDBOX_SCOPES):
        allowed = ", ".join(SANDBOX_SCOPES)
        raise RequestError(
            "policy-violation", f"A sandbox key may have no scopes but {allowed}.", pointer="/scopes"
        )
    if terms.template_only and "admin" in scopes:
        raise RequestError(
            "policy-violation",
            "An admin could make a key that is bound to nothing.",
            pointer="/template_only",
        )
    if terms.expires_at_ms is not None and not now_ms < terms.expires_at_ms <= now_ms + MOST_LIFE_MS:
        raise RequestError(
            "policy-violation",
            "A key expires in the future, and within a hundred years.",
            pointer="/expires_at",
        )
    if len(terms.cidrs) > MOST_CIDRS:
        raise RequestError("policy-violation", f"Give {MOST_CIDRS} networks at most.", pointer="/cidrs")
    return replace(terms, cidrs=tuple(dict.fromkeys(map(plain_network, terms.cidrs))))


def plain_network(text: str) -> str:
    """A network or single address in its one plain form. Raises RequestError."""
    try:
        # An address with a zone is one interface's, and the peer's address comes without it.
        network = ipaddress.ip_network("" if "%" in text else text.strip())
    except ValueError:
        raise RequestError(
            "policy-violation",
            "A network is written like 10.0.0.0/8 or 2001:db8::/32, with no bit set behind its length.",
            pointer="/cidrs",
        ) from None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:
        return str(ipaddress.ip_network((mapped, network.prefixlen - 96)))
    return str(network)


@dataclass(frozen=True, slots=True)
class KeyDesk:
    """Makes, rotates and revokes keys on a connection, in the name of `actor`.

    `audit` None: there is nobody who could write it down. Each method returns a RequestError where it refuses,
    and then wrote nothing.
    """

    audit: Audit | None
    actor: str

    def create(
        self, connection: Connection, name: str, scopes: frozenset[str], terms: Terms, now_ms: int
    ) -> Made | RequestError:
        """Make a key of checked terms."""
        made = access.create_key(connection, name, scopes, now_ms, terms)
        if isinstance(made, RequestError):
            return made
        key, secret = made
        self._record(connection, key, "key.create", _terms_in_words(key), now_ms)
        return key, Secret(secret)

    def rotate(
        self, connection: Connection, key_id: str, keep_old_ms: int, now_ms: int
    ) -> Made | RequestError:
        """Give a key a new secret; the one it has now stays live for so long, and any older one ends now."""
        key = access.find_key(connection, key_id)
        rotated = None if key is None else access.rotate_key(connection, key, now_ms, keep_old_ms)
        if rotated is None:
            return _no_live_key()
        changed, secret = rotated
        kept = f"the secret before it is live for {keep_old_ms // 1000} s more" if keep_old_ms else ""
        self._record(connection, changed, "key.rotate", kept, now_ms)
        return changed, Secret(secret)

    def revoke(self, connection: Connection, key_id: str, now_ms: int) -> Key | RequestError:
        """End a key with all its secrets, for good."""
        if not access.revoke_key(connection, key_id, now_ms):
            return _no_live_key()
        return self._changed(connection, key_id, "key.revoke", now_ms)

    def revoke_old(self, connection: Connection, key_id: str, now_ms: int) -> Key | RequestError:
        """End the secret before the newest at once, where there is one."""
        if access.revoke_old_secret(connection, key_id, now_ms):
            return self._changed(connection, key_id, "key.revoke-old", now_ms)
        key = access.find_key(connection, key_id)
        return _no_live_key() if key is None or not key.is_live(now_ms) else key

    def _changed(self, connection: Connection, key_id: str, action: str, now_ms: int) -> Key:
        key = access.find_key(connection, key_id)
        assert key is not None  # noqa: S101 - it was changed in this very transaction
        self._record(connection, key, action, "", now_ms)
        return key

    def _record(self, connection: Connection, key: Key, action: str, detail: str, now_ms: int) -> None:
        if self.audit is not None:
            said = f"{key.name}: {detail}" if detail else key.name
            self.audit.append(connection, Entry(now_ms, self.actor, action, key.id, said))


def _no_live_key() -> RequestError:
    return RequestError("not-found", "There is no live key with this id.")


def _terms_in_words(key: Key) -> str:
    terms = key.terms
    words = [" ".join(sorted(key.scopes))]
    if terms.cidrs:
        words.append(f"from {' '.join(terms.cidrs)}")
    if terms.expires_at_ms is not None:
        words.append(f"until {terms.expires_at_ms} ms")
    words += [
        word for word, holds in (("templates only", terms.template_only), ("sandbox", terms.sandbox)) if holds
    ]
    return ", ".join(words)
