"""Secrets and signatures of Standard Webhooks 1.0.0."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

_PREFIX = "whsec_"
_OCTETS = 32


def new_secret() -> str:
    """A new secret, as the receiver is told it: `whsec_` and 32 octets in base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_OCTETS)).decode()


def signatures(keys: Iterable[str], event_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header: one signature for each live secret, separated by spaces."""
    content = f"{event_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_sign(secret, content)}" for secret in keys)


def _sign(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
