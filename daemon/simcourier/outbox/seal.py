"""Seal texts with AES-256-GCM, and know codes, numbers and requests again, under keys outside the database."""

from __future__ import annotations

import hashlib
import hmac
import os
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from simcourier.config import Storage
from simcourier.errors import EquipmentError
from simcourier.outbox.keyring import KeyFile, Ring, SealingKey, derive

_NONCE_OCTETS = 12
_LEAST_OCTETS = 1 + _NONCE_OCTETS + 16
"""What the seal of an empty text has: key id, nonce and tag."""


class _Uses:
    """What one sealing key does; each use has its own key derived from it."""

    __slots__ = ("cipher", "code", "id")

    def __init__(self, key: SealingKey) -> None:
        self.id = bytes([key.id])
        self.cipher = AESGCM(derive(key.octets, b"body"))
        self.code = derive(key.octets, b"code")


class Sealer:
    """Seals texts and fingerprints requests; safe from every thread.

    What seals is replaced by `adopt`; what numbers, requests and the audit are known by comes from the root of the
    ring and stays for ever.
    """

    def __init__(self, keys: Ring | bytes, file: KeyFile | None = None) -> None:
        self.file = file
        self.ring = keys if isinstance(keys, Ring) else Ring.raw(keys)
        self._uses: dict[int, _Uses] = {}
        self._newest: _Uses
        self.adopt(self.ring)
        self._fingerprint = self.ring.root.fingerprint
        self._number = self.ring.root.number
        self.audit_key = self.ring.root.audit

    def adopt(self, ring: Ring) -> None:
        """Seal with the newest key of this ring from now on.

        A key that the ring has no more still opens until the program ends: some of what it sealed may be in memory.
        """
        self._uses = {**self._uses, **{key.id: _Uses(key) for key in ring.keys}}
        self._newest = self._uses[ring.newest.id]
        self.ring = ring

    def seal(self, text: str, message_id: str) -> bytes:
        """Key id, nonce and ciphertext of `text`, bound to the message's id."""
        return self.seal_octets(text.encode(), message_id)

    def open(self, sealed: bytes, message_id: str) -> str:
        """The text again. Raises EquipmentError where key or record are not those it was sealed with."""
        return self.open_octets(sealed, message_id).decode()

    def seal_octets(self, content: bytes, owner: str) -> bytes:
        """Key id, nonce and ciphertext of `content`, bound to the id of what it belongs to."""
        key, nonce = self._newest, os.urandom(_NONCE_OCTETS)
        return key.id + nonce + key.cipher.encrypt(nonce, content, owner.encode())

    def open_octets(self, sealed: bytes, owner: str) -> bytes:
        """The content again. Raises EquipmentError where key or record are not those it was sealed with."""
        key = self._uses.get(sealed[0]) if sealed else None
        if key is None or len(sealed) < _LEAST_OCTETS:
            raise _shut(owner)
        nonce, ciphertext = sealed[1 : 1 + _NONCE_OCTETS], sealed[1 + _NONCE_OCTETS :]
        try:
            return key.cipher.decrypt(nonce, ciphertext, owner.encode())
        except InvalidTag:
            raise _shut(owner) from None

    def fingerprint(self, content: bytes) -> str:
        """A keyed digest (hex) by which the same content is known again, and from which it can't be guessed."""
        return hmac.new(self._fingerprint, content, hashlib.sha256).hexdigest()

    def number_key(self, number: str) -> str:
        """What stands for a whole number (`+447700900001`) where it must not be readable: 32 hex digits.

        Numbers are few enough to be tried one by one, so a hash without a key would tell them.
        """
        return hmac.new(self._number, number.encode(), hashlib.sha256).hexdigest()[:32]

    def code_mac(self, code: str, *context: str) -> bytes:
        """The keyed hash of a code, good only together with everything in `context`; 33 octets."""
        return _code_mac(self._newest, code, context)

    def proves_code(self, mac: bytes | None, code: str, *context: str) -> bool:
        """Is this the code that `mac` was made of, with the same context?

        In constant time, and on the same path where there is no mac at all or its key is gone.
        """
        key = self._uses.get(mac[0]) if mac else None
        made = _code_mac(key or self._newest, code, context)
        same = hmac.compare_digest(made, mac or bytes(len(made)))
        return same and key is not None


def _shut(owner: str) -> EquipmentError:
    return EquipmentError(f"{owner}: what is sealed can't be opened with this key file")


def _code_mac(key: _Uses, code: str, context: tuple[str, ...]) -> bytes:
    # Each part with its length, so that no two contexts read the same.
    content = b"".join(len(part).to_bytes(4, "big") + part for part in map(str.encode, (code, *context)))
    return key.id + hmac.new(key.code, content, hashlib.sha256).digest()


def open_sealer(storage: Storage) -> Sealer:
    """The sealer of this configuration; its key file is made where there is none. Raises ConfigError.

    Where there is a database that may know its key file, `key_check.open_checked` is asked instead.
    """
    file = KeyFile.find(storage)
    return Sealer(file.load(_now_ms()), file)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
