"""API keys, idempotency records and PIN tries: small tables with a few rows each look-up."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, and_, bindparam, func, or_, select
from sqlalchemy.engine import Connection

from simcourier.errors import RequestError
from simcourier.outbox.schema import idempotency, keys, pin_tries

MOST_KEYS = 1000
"""Keys that may be live at a time; who rotates keys by making new ones is never stuck on the old."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a key is bound to beside its scopes.

    `cidrs` are the networks it may be used from (none: from everywhere), `template_only` takes free text from it,
    and a `sandbox` key reaches virtual handsets only.
    """

    expires_at_ms: int | None = None
    cidrs: tuple[str, ...] = ()
    template_only: bool = False
    sandbox: bool = False


UNBOUND = Terms()


@dataclass(frozen=True, slots=True)
class Key:
    """One API key as it is stored: never its secret, only the secret's SHA-256.

    A plain digest is enough for a secret of 256 random bits: there is nothing to guess. While a secret is
    rotated, the one before it is live until `old_until_ms`.
    """

    id: str
    name: str
    digest: str
    scopes: frozenset[str]
    created_at_ms: int
    revoked_at_ms: int | None = None
    terms: Terms = UNBOUND
    old_digest: str | None = None
    old_until_ms: int | None = None
    last_used_at_ms: int | None = None

    def proves(self, secret: str, now_ms: int) -> bool:
        """Is this a live secret of a live key? It takes the same time whatever is wrong with it."""
        given = digest(secret)
        is_newest = secrets.compare_digest(self.digest, given)
        is_old = secrets.compare_digest(self.old_digest or _NO_DIGEST, given)
        return self.is_live(now_ms) & (is_newest | (is_old & self.has_old(now_ms)))

    def is_live(self, now_ms: int) -> bool:
        """Is it neither revoked nor expired?"""
        expires_at_ms = self.terms.expires_at_ms
        return self.revoked_at_ms is None and (expires_at_ms is None or now_ms < expires_at_ms)

    def has_old(self, now_ms: int) -> bool:
        """Is the secret before the newest still live?"""
        return self.old_until_ms is not None and now_ms < self.old_until_ms

    def admits(self, peer: str | None) -> bool:
        """May it be used from this address? An IPv4 address in IPv6's clothes is the IPv4 address."""
        if not self.terms.cidrs:
            return True
        try:
            address = ipaddress.ip_address((peer or "").partition("%")[0])
        except ValueError:
            return False
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in ipaddress.ip_network(cidr) for cidr in self.terms.cidrs)


def digest(secret: str) -> str:
    """SHA-256 of a secret, hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


# The digest of nothing that anybody could send, for comparisons that must take place all the same.
_NO_DIGEST = "-" * 64
NOBODY = Key("", "", _NO_DIGEST, frozenset(), 0, revoked_at_ms=0)
"""Stands for a key that does not exist: proves nothing, and takes as long about it as any other."""


def create_key(
    connection: Connection, name: str, scopes: frozenset[str], now_ms: int, terms: Terms = UNBOUND
) -> tuple[Key, str] | RequestError:
    """Make a key; returns it and, this once, its secret; or why there can be none, and then nothing was written."""
    # Hex, so that no part holds the underscore that separates them.
    key_id, secret = secrets.token_hex(8), secrets.token_hex(32)
    if connection.execute(select(keys.c.id).where(keys.c.name == name)).first() is not None:
        return RequestError("name-taken", "There is already a key with this name.", pointer="/name")
    if connection.execute(select(func.count()).where(_is_live(now_ms))).scalar_one() >= MOST_KEYS:
        return RequestError("policy-violation", f"This box has {MOST_KEYS} live keys at most; revoke some.")
    key = Key(key_id, name, digest(secret), scopes, now_ms, terms=terms)
    connection.execute(
        keys.insert().values(
            id=key.id,
            name=name,
            digest=key.digest,
            scopes=msgspec.json.encode(sorted(scopes)).decode(),
            created_at_ms=now_ms,
            expires_at_ms=terms.expires_at_ms,
            cidrs=msgspec.json.encode(terms.cidrs).decode(),
            template_only=terms.template_only,
            sandbox=terms.sandbox,
        )
    )
    return key, secret


def _is_live(now_ms: int) -> ColumnElement[bool]:
    lives_on = or_(keys.c.expires_at_ms.is_(None), keys.c.expires_at_ms > now_ms)
    return and_(keys.c.revoked_at_ms.is_(None), lives_on)


def _key(row: Row[Any]) -> Key:
    return Key(
        id=row.id,
        name=row.name,
        digest=row.digest,
        scopes=frozenset(msgspec.json.decode(row.scopes, type=list[str])),
        created_at_ms=row.created_at_ms,
        revoked_at_ms=row.revoked_at_ms,
        terms=Terms(
            expires_at_ms=row.expires_at_ms,
            cidrs=msgspec.json.decode(row.cidrs, type=tuple[str, ...]),
            template_only=row.template_only,
            sandbox=row.sandbox,
        ),
        old_digest=row.old_digest,
        old_until_ms=row.old_until_ms,
        last_used_at_ms=row.last_used_at_ms,
    )


_BY_ID = select(keys).where(keys.c.id == bindparam("b_id"))


def find_key(connection: Connection, key_id: str) -> Key | None:
    """The key with this id, live or not."""
    row = connection.execute(_BY_ID, {"b_id": key_id}).first()
    return None if row is None else _key(row)


def find_key_by_name(connection: Connection, name: str) -> Key | None:
    """The key with this name, live or not."""
    row = connection.execute(select(keys).where(keys.c.name == name)).first()
    return None if row is None else _key(row)


def list_keys(connection: Connection) -> list[Key]:
    """Every key, oldest first."""
    return [_key(row) for row in connection.execute(select(keys).order_by(keys.c.created_at_ms, keys.c.name))]


def rotate_key(connection: Connection, key: Key, now_ms: int, keep_old_ms: int) -> tuple[Key, str] | None:
    """Give a key a new secret; the one it has now stays live for `keep_old_ms`, and any before that ends now.

    None where the key is not live any more.
    """
    if not key.is_live(now_ms):
        return None
    secret = secrets.token_hex(32)
    rotated = replace(
        key,
        digest=digest(secret),
        old_digest=key.digest if keep_old_ms else None,
        old_until_ms=now_ms + keep_old_ms if keep_old_ms else None,
    )
    connection.execute(
        keys.update()
        .where(keys.c.id == key.id)
        .values(digest=rotated.digest, old_digest=rotated.old_digest, old_until_ms=rotated.old_until_ms)
    )
    return rotated, secret


def revoke_key(connection: Connection, key_id: str, now_ms: int) -> bool:
    """Revoke a key with all its secrets; False where it was revoked before."""
    return (
        connection.execute(
            keys.update()
            .where(keys.c.id == key_id, keys.c.revoked_at_ms.is_(None))
            .values(revoked_at_ms=now_ms, old_digest=None, old_until_ms=None)
        ).rowcount
        == 1
    )


def revoke_old_secret(connection: Connection, key_id: str, now_ms: int) -> bool:
    """End the secret before the newest at once; False where there is none that is live."""
    return (
        connection.execute(
            keys.update()
            .where(keys.c.id == key_id, keys.c.revoked_at_ms.is_(None), keys.c.old_until_ms > now_ms)
            .values(old_digest=None, old_until_ms=None)
        ).rowcount
        == 1
    )


def key_used(connection: Connection, key_id: str, at_ms: int) -> None:
    """Remember when a key was last used."""
    connection.execute(keys.update().where(keys.c.id == key_id).values(last_used_at_ms=at_ms))


@dataclass(frozen=True, slots=True)
class Remembered:
    """The answer that was given to a request with an Idempotency-Key."""

    fingerprint: str
    answer: bytes


def recall(connection: Connection, client: str, key: str) -> Remembered | None:
    """What was answered under this key, if anything."""
    row = connection.execute(
        select(idempotency.c.fingerprint, idempotency.c.answer).where(
            idempotency.c.client == client, idempotency.c.key_digest == digest(key)
        )
    ).first()
    return None if row is None else Remembered(row.fingerprint, row.answer)


def remember(
    connection: Connection, client: str, key: str, fingerprint: str, answer: bytes, now_ms: int
) -> None:
    """Keep an answer, in the transaction that did what it speaks of."""
    connection.execute(
        idempotency.insert(),
        {
            "client": client,
            "key_digest": digest(key),
            "fingerprint": fingerprint,
            "answer": answer,
            "created_at_ms": now_ms,
        },
    )


def forget_answers(connection: Connection, before_ms: int, limit: int = 500) -> int:
    """Drop a batch of answers older than `before_ms`; returns how many."""
    old = connection.execute(
        select(idempotency.c.client, idempotency.c.key_digest)
        .where(idempotency.c.created_at_ms < before_ms)
        .limit(limit)
    ).all()
    for client, key_digest in old:
        connection.execute(
            idempotency.delete().where(idempotency.c.client == client, idempotency.c.key_digest == key_digest)
        )
    return len(old)


def may_try_pin(connection: Connection, card: str, pin_digest: str, now_ms: int) -> bool:
    """Allow a PIN once per card, ever, unless the card took it: a second wrong try brings the PUK nearer."""
    row = connection.execute(
        select(pin_tries.c.accepted).where(pin_tries.c.card == card, pin_tries.c.pin_digest == pin_digest)
    ).first()
    if row is not None:
        return bool(row.accepted)
    connection.execute(pin_tries.insert().values(card=card, pin_digest=pin_digest, at_ms=now_ms))
    return True


def pin_judged(connection: Connection, card: str, pin_digest: str, accepted: bool) -> None:
    """Record whether the card took the PIN."""
    connection.execute(
        pin_tries.update()
        .where(pin_tries.c.card == card, pin_tries.c.pin_digest == pin_digest)
        .values(accepted=accepted)
    )


def forgive_pins(connection: Connection, card: str | None = None) -> int:
    """Forget refused PINs, of one card or of all, after an admin acted; returns how many."""
    statement = pin_tries.delete().where(pin_tries.c.accepted.is_not(True))
    if card is not None:
        statement = statement.where(pin_tries.c.card == card)
    return connection.execute(statement).rowcount
