"""Seal message bodies with AES-256-GCM under a key that lies outside the database."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from simcourier.errors import ConfigError, EquipmentError

_KEY_OCTETS = 32
_NONCE_OCTETS = 12


class Sealer:
    """Seals texts and fingerprints requests; each use has its own key derived from the master key."""

    def __init__(self, master: bytes) -> None:
        self._cipher = AESGCM(_derive(master, b"body"))
        self._fingerprint = _derive(master, b"fingerprint")

    def seal(self, text: str, message_id: str) -> bytes:
        """Nonce and ciphertext of `text`, bound to the message's id."""
        nonce = os.urandom(_NONCE_OCTETS)
        return nonce + self._cipher.encrypt(nonce, text.encode(), message_id.encode())

    def open(self, sealed: bytes, message_id: str) -> str:
        """The text again. Raises EquipmentError where key or record are not those it was sealed with."""
        try:
            plain = self._cipher.decrypt(sealed[:_NONCE_OCTETS], sealed[_NONCE_OCTETS:], message_id.encode())
        except InvalidTag:
            raise EquipmentError(f"{message_id}: the body can't be opened with this key file") from None
        return plain.decode()

    def fingerprint(self, content: bytes) -> str:
        """A keyed digest (hex) by which the same content is known again, and from which it can't be guessed."""
        return hmac.new(self._fingerprint, content, hashlib.sha256).hexdigest()


def _derive(master: bytes, use: bytes) -> bytes:
    return hmac.new(master, b"simcourier " + use, hashlib.sha256).digest()


def load_key(path: Path) -> bytes:
    """The master key in `path`, made (0600) on the first start. Raises ConfigError."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(_KEY_OCTETS))
                file.flush()
                os.fsync(file.fileno())
        key = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"storage.key_file {path}: {error.strerror}") from None
    if len(key) != _KEY_OCTETS:
        raise ConfigError(f"storage.key_file {path}: must hold exactly {_KEY_OCTETS} octets, not {len(key)}")
    return key
