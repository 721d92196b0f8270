"""API keys, idempotency records and PIN tries: small tables with a few rows each look-up."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

import msgspec
from sqlalchemy import select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from simcourier.errors import RequestError
from simcourier.outbox.schema import idempotency, keys, pin_tries


@dataclass(frozen=True, slots=True)
class Key:
    """One API key as it is stored: never its secret, only the secret's SHA-256.

    A plain digest is enough for a secret of 256 random bits: there is nothing to guess.
    """

    id: str
    name: str
    digest: str
    scopes: frozenset[str]
    created_at_ms: int
    revoked_at_ms: int | None = None

    def proves(self, secret: str) -> bool:
        """Is this the secret, compared in constant time?"""
        return secrets.compare_digest(self.digest, digest(secret)) and self.revoked_at_ms is None


def digest(secret: str) -> str:
    """SHA-256 of a secret, hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def create_key(connection: Connection, name: str, scopes: frozenset[str], now_ms: int) -> tuple[Key, str]:
    """Make a key; returns it and, this once, its secret. Raises RequestError where the name is taken."""
    # Hex, so that no part holds the underscore that separates them.
    key_id, secret = secrets.token_hex(8), secrets.token_hex(32)
    key = Key(key_id, name, digest(secret), scopes, now_ms)
    try:
        connection.execute(
            keys.insert().values(
                id=key.id,
                name=name,
                digest=key.digest,
                scopes=msgspec.json.encode(sorted(scopes)).decode(),
                created_at_ms=now_ms,
            )
        )
    except IntegrityError:
        raise RequestError(
            "name-taken", f"There is already a key called {name!r}.", pointer="/name"
        ) from None
    return key, secret


def find_key(connection: Connection, key_id: str) -> Key | None:
    """The key with this id, revoked or not."""
    row = connection.execute(select(keys).where(keys.c.id == key_id)).first()
    if row is None:
        return None
    scopes = frozenset(msgspec.json.decode(row.scopes, type=list[str]))
    return Key(row.id, row.name, row.digest, scopes, row.created_at_ms, row.revoked_at_ms)


def list_keys(connection: Connection) -> list[Key]:
    """Every key, oldest first."""
    ids = connection.execute(select(keys.c.id).order_by(keys.c.created_at_ms)).scalars().all()
    found = (find_key(connection, key_id) for key_id in ids)
    return [key for key in found if key is not None]


def revoke_key(connection: Connection, name: str, now_ms: int) -> bool:
    """Revoke the key with this name; False where there is none that is live."""
    return (
        connection.execute(
            keys.update()
            .where(keys.c.name == name, keys.c.revoked_at_ms.is_(None))
            .values(revoked_at_ms=now_ms)
        ).rowcount
        == 1
    )


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
