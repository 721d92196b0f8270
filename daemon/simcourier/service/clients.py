"""Who calls: API keys, what they may do, and their making."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.engine import Connection

from simcourier import log
from simcourier.errors import RequestError
from simcourier.outbox import access
from simcourier.outbox.access import UNBOUND, Key, Terms
from simcourier.service.keys import KEEP_OLD_MS, SCOPES, KeyDesk, Made, checked
from simcourier.service.tools import Tools

T = TypeVar("T")
LOCAL_ID = "local"
_KEY_CACHE_S = 2.0
"""How long a revoked key may still be taken for live."""
_NOTE_USE_S = 60.0
"""Uses of a key within this time are noted once."""
_MOST_CACHED = 1000


@dataclass(frozen=True, slots=True)
class Client:
    """Who calls: an API key and what it may do. `admin` sees every client's messages.

    A `template_only` client may send no text of its own; what a `sandbox` client sends reaches virtual handsets only.
    """

    id: str
    name: str
    scopes: frozenset[str]
    template_only: bool = False
    sandbox: bool = False

    def may(self, scope: str) -> bool:
        """Does the key carry this scope (or `admin`, which carries all)?"""
        return scope in self.scopes or "admin" in self.scopes

    @property
    def sees(self) -> str | None:
        """The client whose messages this one may see; None: everybody's."""
        return None if "admin" in self.scopes else self.id

    def check_free_text(self) -> None:
        """Raise RequestError `template-required` where this key may send templates only."""
        if self.template_only:
            raise RequestError(
                "template-required",
                "This key may send templates only: give template and vars, and no text.",
                pointer="/text",
            )


class Clients:
    """The API keys."""

    def __init__(self, tools: Tools, local_secret: str) -> None:
        self._tools = tools
        self._local = Key(
            LOCAL_ID, "this machine's command line", access.digest(local_secret), frozenset(SCOPES), 0
        )
        self._cached: dict[str, tuple[float, Key]] = {}
        self._noted: dict[str, float] = {}
        self._log = log.get("service")

    def authenticate(self, key_id: str, secret: str, peer: str | None = None) -> Client | None:
        """The client that this id and secret prove, or None: nothing tells what was wrong with them, nor does time.

        `peer` is the address at the other end of the connection. Raises RequestError `forbidden-address` where
        the key is right and may not be used from there.
        """
        now_ms = self.now_ms()
        key = self._recent(key_id)
        if not key.proves(secret, now_ms):
            # An unknown key takes this path, and so does a secret that was made a moment ago.
            key = self._read(key_id)
            if not key.proves(secret, now_ms):
                return None
        if not key.admits(peer):
            raise RequestError("forbidden-address", "This key may not be used from this address.")
        self._note_use(key.id, now_ms)
        return Client(key.id, key.name, key.scopes, key.terms.template_only, key.terms.sandbox)

    def _recent(self, key_id: str) -> Key:
        read_at, key = self._cached.get(key_id, (0.0, access.NOBODY))
        return key if self._tools.clock.monotonic() - read_at < _KEY_CACHE_S else access.NOBODY

    def _read(self, key_id: str) -> Key:
        now = self._tools.clock.monotonic()
        with self._tools.engine.connect() as connection:
            key = access.find_key(connection, key_id)
        if key_id == LOCAL_ID:
            return self._local
        if key is None:
            return access.NOBODY
        if len(self._cached) >= _MOST_CACHED:
            self._cached.clear()
        self._cached[key_id] = (now, key)
        return key

    def _note_use(self, key_id: str, now_ms: int) -> None:
        """Write down the use of a key, now and then, in the writer's time and not in this request's."""
        now = self._tools.clock.monotonic()
        if key_id == LOCAL_ID or now - self._noted.get(key_id, -_NOTE_USE_S) < _NOTE_USE_S:
            return
        self._noted[key_id] = now
        self._tools.writer.submit(
            lambda c: access.key_used(c, key_id, now_ms),
            lambda _result: None,
            lambda error: self._log.warning("the use of a key was not noted", error=type(error).__name__),
        )

    # --- an admin's hand on them ---

    def now_ms(self) -> int:
        """The time by which keys expire."""
        return self._tools.clock.wall_ms()

    def all(self) -> list[Key]:
        """Every key, oldest first, the revoked ones too."""
        with self._tools.engine.connect() as connection:
            return access.list_keys(connection)

    def one(self, key_id: str) -> Key:
        """One key. Raises RequestError `not-found`."""
        with self._tools.engine.connect() as connection:
            key = access.find_key(connection, key_id)
        if key is None:
            raise RequestError("not-found", "There is no key with this id.")
        return key

    def create(self, name: str, scopes: frozenset[str], terms: Terms = UNBOUND, by: str = LOCAL_ID) -> Made:
        """Make an API key; the secret is told this once. Raises RequestError."""
        now_ms = self.now_ms()
        plain = checked(scopes, terms, now_ms)
        desk = self._desk(by)
        return self._tools.writer.run(lambda c: desk.create(c, name, scopes, plain, now_ms))

    def rotate(self, key_id: str, keep_old_ms: int = KEEP_OLD_MS, by: str = LOCAL_ID) -> Made:
        """Give a key a new secret, told this once; the one before stays live for so long. Raises RequestError."""
        desk, now_ms = self._desk(by), self.now_ms()
        return self._change(key_id, lambda c: desk.rotate(c, key_id, keep_old_ms, now_ms))

    def revoke(self, key_id: str, by: str = LOCAL_ID) -> Key:
        """End a key with all its secrets, for good. Raises RequestError `not-found`."""
        desk, now_ms = self._desk(by), self.now_ms()
        return self._change(key_id, lambda c: desk.revoke(c, key_id, now_ms))

    def revoke_old(self, key_id: str, by: str = LOCAL_ID) -> Key:
        """End the secret before the newest at once. Raises RequestError `not-found`."""
        desk, now_ms = self._desk(by), self.now_ms()
        return self._change(key_id, lambda c: desk.revoke_old(c, key_id, now_ms))

    def _desk(self, by: str) -> KeyDesk:
        return KeyDesk(self._tools.audit, by)

    def _change(self, key_id: str, work: Callable[[Connection], T | RequestError]) -> T:
        def then(_result: T) -> None:
            self._cached.pop(key_id, None)

        return self._tools.writer.run(work, then)
