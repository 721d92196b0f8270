"""What lies in a modem's stores as far as it was read: told once, and deleted once it is on record."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple, TypeVar

MOST_RECORDED = 512
"""Digests kept of what is on record: such a message is deleted when it is met, and never told again."""
MOST_PLACES = 1024
_NEVER = -1e9
K = TypeVar("K")
V = TypeVar("V")


class Place(NamedTuple):
    """Where a message lies."""

    store: str
    cell: int


class Doomed(NamedTuple):
    """A message that may be deleted, and where it lies."""

    place: Place
    digest: bytes


@dataclass(slots=True)
class Lying:
    """A message that was read and lies there still; `token` is 0 for one that can't be read or is nobody's."""

    digest: bytes
    token: int
    told_at: float


class Stock:
    """The places of one card and modem; it is forgotten with them."""

    def __init__(self) -> None:
        self.deletable: deque[Doomed] = deque()
        """What is on record."""
        self._places: dict[Place, Lying] = {}
        self._by_token: dict[int, Place] = {}
        self._by_digest: dict[bytes, Lying] = {}
        self._recorded: dict[bytes, None] = {}
        """What is on record, or was given up."""
        self._tried: dict[Doomed, float] = {}
        """When it was last tried to delete something."""
        self._last_token = 0

    def clear(self) -> None:
        """Forget all of it: another card, or another modem. No token is ever given twice."""
        for held in (
            self.deletable,
            self._places,
            self._by_token,
            self._by_digest,
            self._recorded,
            self._tried,
        ):
            held.clear()

    def is_told(self, place: Place, pdu: str, now: float, retell: float) -> bool:
        """Whether this message needs not be told: it was, not long ago, wherever it lay then.

        The same message may show in two stores ("MT" is "SM" and "ME" together). One that is on record already
        becomes deletable here, but not again at once: some modems say OK and delete nothing.
        """
        digest = _digest(pdu)
        if digest in self._recorded:
            self._forget(place)
            doomed = Doomed(place, digest)
            if now - self._tried.get(doomed, _NEVER) >= retell:
                self._doom(doomed)
            return True
        lying = self._by_digest.get(digest)
        return lying is not None and (not lying.token or now - lying.told_at < retell)

    def told(self, place: Place, pdu: str, now: float) -> int:
        """A message lies here that is told now; return its token."""
        token = self.next_token(now)
        self._keep(place, Lying(_digest(pdu), token, now))
        self._by_token[token] = place
        return token

    def next_token(self, now: float) -> int:
        """Return a token that no message had yet.

        Tokens go by the time, so that none means another message to the next session of a modem by this name.
        """
        self._last_token = max(self._last_token + 1, int(now * 1e6))
        return self._last_token

    def set_aside(self, place: Place, pdu: str, now: float) -> None:
        """Something lies here that nobody can read."""
        self._keep(place, Lying(_digest(pdu), 0, now))

    def recorded(self, token: int) -> bool:
        """What was told with this token is on record; return whether there is something to delete now."""
        place = self._by_token.get(token)
        if place is None:
            return False
        self._let_go(place)
        return True

    def take_deletable(self, now: float) -> Place:
        """Return where to delete next; there is something."""
        doomed = self.deletable.popleft()
        self._tried.pop(doomed, None)
        self._tried[doomed] = now
        _keep_newest(self._tried)
        return doomed.place

    def leaving(self, store: str) -> int:
        """How many messages of a store are told, or on record, and so will be deleted."""
        told = sum(place.store == store and lying.token > 0 for place, lying in self._places.items())
        return told + sum(doomed.place.store == store for doomed in self.deletable)

    def give_up_unreadable(self, store: str) -> int:
        """Let go what nobody can read in a store; return how much that is."""
        found = [place for place, lying in self._places.items() if place.store == store and not lying.token]
        for place in found:
            self._let_go(place)
        return len(found)

    def _keep(self, place: Place, lying: Lying) -> None:
        self._forget(place)
        if len(self._places) >= MOST_PLACES:
            self._forget(next(iter(self._places)))
        self._places[place] = lying
        self._by_digest[lying.digest] = lying

    def _forget(self, place: Place) -> None:
        lying = self._places.pop(place, None)
        if lying is not None:
            self._by_token.pop(lying.token, None)
            self._by_digest.pop(lying.digest, None)

    def _let_go(self, place: Place) -> None:
        digest = self._places[place].digest
        self._recorded[digest] = None
        _keep_newest(self._recorded)
        self._forget(place)
        self._doom(Doomed(place, digest))

    def _doom(self, doomed: Doomed) -> None:
        if doomed not in self.deletable:
            self.deletable.append(doomed)


def _keep_newest(held: dict[K, V]) -> None:
    if len(held) > MOST_RECORDED:
        del held[next(iter(held))]


def _digest(pdu: str) -> bytes:
    return blake2b(pdu.upper().encode(), digest_size=12).digest()
