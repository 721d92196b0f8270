"""What lies in a modem's stores as far as it was read: told once, and deleted once it is on record."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
from typing import NamedTuple

MOST_RECORDED = 512
"""Digests kept of what is on record: such a message is deleted when it is met, and never told again."""
MOST_PLACES = 1024


class Place(NamedTuple):
    """Where a message lies."""

    store: str
    cell: int


@dataclass(slots=True)
class Lying:
    """A message that was read and lies there still; `token` is 0 for one that can't be read or is nobody's."""

    digest: bytes
    token: int
    told_at: float


class Stock:
    """The places of one card and modem; it is forgotten with them."""

    def __init__(self) -> None:
        self.deletable: deque[Place] = deque()
        """Places whose message is on record."""
        self.stuck: set[Place] = set()
        """Places that the modem would not clear."""
        self._places: dict[Place, Lying] = {}
        self._by_token: dict[int, Place] = {}
        self._by_digest: dict[bytes, Lying] = {}
        self._recorded: dict[bytes, None] = {}
        self._tokens = count(1)

    def clear(self) -> None:
        """Forget all of it: another card, or another modem. No token is ever given twice."""
        for held in (
            self.deletable,
            self.stuck,
            self._places,
            self._by_token,
            self._by_digest,
            self._recorded,
        ):
            held.clear()

    def is_told(self, place: Place, pdu: str, now: float, retell: float) -> bool:
        """Whether this message needs not be told: it was, not long ago, wherever it lay then.

        The same message may show in two stores ("MT" is "SM" and "ME" together). One that is on record already
        becomes deletable here.
        """
        digest = _digest(pdu)
        if digest in self._recorded:
            self._forget(place)
            self._may_go(place)
            return True
        lying = self._by_digest.get(digest)
        return lying is not None and (not lying.token or now - lying.told_at < retell)

    def told(self, place: Place, pdu: str, now: float) -> int:
        """A message lies here that is told now; return its token."""
        token = next(self._tokens)
        self._keep(place, Lying(_digest(pdu), token, now))
        self._by_token[token] = place
        return token

    def set_aside(self, place: Place, pdu: str, now: float) -> None:
        """Something lies here that nobody can read."""
        self._keep(place, Lying(_digest(pdu), 0, now))

    def recorded(self, token: int) -> bool:
        """What was told with this token is on record; return whether there is something to delete now."""
        place = self._by_token.get(token)
        if place is None:
            return False
        self._recorded[self._places[place].digest] = None
        if len(self._recorded) > MOST_RECORDED:
            del self._recorded[next(iter(self._recorded))]
        self._forget(place)
        self._may_go(place)
        return True

    def leaving(self, store: str) -> int:
        """How many messages of a store are told, or on record, and so will be deleted."""
        told = sum(place.store == store and lying.token > 0 for place, lying in self._places.items())
        return told + sum(place.store == store for place in self.deletable)

    def give_up_unreadable(self, store: str) -> int:
        """Let go what nobody can read in a store; return how much that is."""
        found = [place for place, lying in self._places.items() if place.store == store and not lying.token]
        for place in found:
            self._forget(place)
            self._may_go(place)
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

    def _may_go(self, place: Place) -> None:
        if place not in self.deletable and place not in self.stuck:
            self.deletable.append(place)


def _digest(pdu: str) -> bytes:
    return blake2b(pdu.upper().encode(), digest_size=12).digest()
