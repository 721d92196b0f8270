"""The keys that lie outside the database: a root that never changes, and sealing keys that are replaced."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from simcourier.config import Storage
from simcourier.errors import BugError, ConfigError

KEY_OCTETS = 32
CREDENTIAL = "simcourier.key"
"""The name of the systemd credential that is taken where `storage.key_file` names nothing."""
MOST_KEYS = 16
_FORMAT = "simcourier keys 1"
_RAW_ID = 1
_LAST_ID = 255


def derive(master: bytes, use: bytes) -> bytes:
    """A key for one use."""
    return hmac.new(master, b"simcourier " + use, hashlib.sha256).digest()


@dataclass(frozen=True, slots=True)
class Root:
    """The keys that never change, by what is known by them.

    They are derived from 32 octets that no file holds once it was written here: those of a file that was made by hand
    are its first sealing key too, and must go with it.
    """

    number: bytes
    fingerprint: bytes
    audit: bytes

    @classmethod
    def of(cls, octets: bytes) -> Root:
        """The root that is derived from these octets."""
        return cls(derive(octets, b"number"), derive(octets, b"fingerprint"), derive(octets, b"audit"))

    @property
    def octets(self) -> tuple[bytes, ...]:
        """Every key in it."""
        return self.number, self.fingerprint, self.audit

    @property
    def check(self) -> bytes:
        """By which the root is known again, and which tells nothing of it."""
        return derive(b"".join(self.octets), b"check")

    def __repr__(self) -> str:
        return "Root()"


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A key that seals; its id stands in the first octet of all that it sealed. `made_at_ms` None: nobody knows."""

    id: int
    octets: bytes
    made_at_ms: int | None = None

    def __repr__(self) -> str:
        return f"SealingKey(id={self.id})"


@dataclass(frozen=True, slots=True)
class Ring:
    """The root, and the sealing keys from the oldest to the newest. The newest seals, all of them open."""

    root: Root
    keys: tuple[SealingKey, ...]

    @classmethod
    def raw(cls, octets: bytes) -> Ring:
        """The ring of a key file that holds 32 octets and nothing else: they are root and first sealing key."""
        return cls(Root.of(octets), (SealingKey(_RAW_ID, octets),))

    @classmethod
    def fresh(cls, now_ms: int) -> Ring:
        """A new ring; its sealing key has nothing to do with its root, so it can be forgotten one day."""
        return cls(Root.of(secrets.token_bytes(KEY_OCTETS)), (_new_key(_RAW_ID, now_ms),))

    @property
    def newest(self) -> SealingKey:
        """The key that seals."""
        return self.keys[-1]

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of the sealing keys, from the oldest to the newest."""
        return tuple(key.id for key in self.keys)

    def with_another(self, now_ms: int) -> Ring:
        """The ring with a new key, which seals from now on. Raises BugError where there are too many already."""
        if len(self.keys) >= MOST_KEYS:
            raise BugError("there are too many sealing keys")
        key_id = self.newest.id
        while key_id in self.ids:
            key_id = key_id % _LAST_ID + 1
        return replace(self, keys=(*self.keys, _new_key(key_id, now_ms)))

    def without(self, ids: Collection[int]) -> Ring:
        """The ring without these keys; the newest always stays."""
        return replace(self, keys=tuple(key for key in self.keys if key is self.newest or key.id not in ids))

    def __repr__(self) -> str:
        return f"Ring(keys={self.ids})"


def _new_key(key_id: int, now_ms: int) -> SealingKey:
    return SealingKey(key_id, secrets.token_bytes(KEY_OCTETS), now_ms)


class _WrittenKey(msgspec.Struct, forbid_unknown_fields=True):
    id: int
    key: bytes
    made_at_ms: int | None


class _WrittenRoot(msgspec.Struct, forbid_unknown_fields=True):
    number: bytes
    fingerprint: bytes
    audit: bytes


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    root: _WrittenRoot
    sealing: list[_WrittenKey]


def encode(ring: Ring) -> bytes:
    """The ring as its file holds it: JSON, octets as base64."""
    sealing = [_WrittenKey(key.id, key.octets, key.made_at_ms) for key in ring.keys]
    written = _Written(_FORMAT, _WrittenRoot(*ring.root.octets), sealing)
    return msgspec.json.format(msgspec.json.encode(written)) + b"\n"


def decode(content: bytes, source: str) -> Ring:
    """The ring in the content of a key file. Raises ConfigError, which tells nothing of the content."""
    if len(content) == KEY_OCTETS:
        return Ring.raw(content)
    try:
        written = msgspec.json.decode(content, type=_Written)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ConfigError(
            f"{source}: must hold exactly {KEY_OCTETS} octets, not {len(content)}, or what simcourier wrote there"
        ) from None
    root = Root(written.root.number, written.root.fingerprint, written.root.audit)
    ring = Ring(root, tuple(SealingKey(each.id, each.key, each.made_at_ms) for each in written.sealing))
    if not _is_sound(ring) or written.format != _FORMAT:
        raise ConfigError(
            f"{source}: is damaged, or was written by a newer simcourier; restore it from a copy"
        )
    return ring


def _is_sound(ring: Ring) -> bool:
    return (
        1 <= len(ring.keys) <= MOST_KEYS
        and len(set(ring.ids)) == len(ring.keys)
        and all(1 <= key_id <= _LAST_ID for key_id in ring.ids)
        and all(
            len(octets) == KEY_OCTETS for octets in (*ring.root.octets, *(key.octets for key in ring.keys))
        )
    )


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Where the ring lies. A systemd credential can be read only; `setting` is what errors call the place."""

    path: Path
    setting: str = "storage.key_file"
    writable: bool = True

    @classmethod
    def find(cls, storage: Storage, environ: Mapping[str, str] = os.environ) -> KeyFile:
        """The file that the configuration names, else the credential that systemd gave, else the usual place."""
        directory = environ.get("CREDENTIALS_DIRECTORY", "")
        credential = Path(directory) / CREDENTIAL
        if not storage.key_file and directory and credential.exists():
            return cls(credential, "the systemd credential", writable=False)
        return cls(storage.key_path)

    def load(self, now_ms: int) -> Ring:
        """The ring, made where there is no file: only for a database that knows none. Raises ConfigError."""
        try:
            if self.writable and not self.path.exists():
                self._make(now_ms)
        except OSError as error:
            raise ConfigError(f"{self.source}: {error.strerror}") from None
        return self.read()

    def read(self) -> Ring:
        """The ring. Raises ConfigError."""
        try:
            content, mode = self.path.read_bytes(), self.path.stat().st_mode
        except OSError as error:
            raise ConfigError(f"{self.source}: {error.strerror}") from None
        ring = decode(content, self.source)
        if self.writable and mode & 0o007:
            raise ConfigError(f"{self.source}: every user of this machine can use it; chmod 0600 it")
        return ring

    def save(self, ring: Ring) -> None:
        """Put a ring in place of the one in the file: at every moment one of them is whole on disk. Raises OSError."""
        new = self.path.with_name(f"{self.path.name}.new")
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
        try:
            _write(new, encode(ring))
            if self.path.exists():
                _own_like(new, self.path.stat())
            new.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                new.unlink()
            raise
        _sync_directory(self.path.parent)

    @property
    def source(self) -> str:
        """The place, as errors call it."""
        return f"{self.setting} {self.path}"

    def _make(self, now_ms: int) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileExistsError):
            _write(self.path, encode(Ring.fresh(now_ms)))
            _sync_directory(self.path.parent)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _own_like(path: Path, other: os.stat_result) -> None:
    # Who could read the file before must still be able to: root writes for the service's user.
    if os.geteuid() == 0:
        os.chown(path, other.st_uid, other.st_gid)
    path.chmod(other.st_mode & 0o660)


def _sync_directory(directory: Path) -> None:
    # Without it the new name may be gone after a power cut, and with it every blob sealed since.
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
