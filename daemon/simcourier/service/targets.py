"""Whom a limit is about: a number, a prefix, a country, a client or the box, as an admin names them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from phonenumbers import SUPPORTED_REGIONS
from sqlalchemy.engine import Connection

from simcourier.errors import RequestError
from simcourier.outbox import access
from simcourier.outbox.limits import EVERY, Key, load_book
from simcourier.service.places import Destination, Places
from simcourier.service.rules import BOX_KEY, Scope
from simcourier.sms.address import mask

_HASH = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom an admin means: by the number `to`, or by a key, which is a country, a client's id or name, or a hash.

    Without a scope: the number itself, or what the key looks like.
    """

    scope: Scope | None = None
    to: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A row of a scope, and how it is shown."""

    scope: Scope
    key: str
    shown: str
    number_key: str | None = None

    @property
    def place(self) -> Key:
        """Where rules and blocks have it."""
        return (self.scope.value, self.key)


class Targets:
    """Finds whom an admin means. Raises RequestError `policy-violation`, `invalid-number` or `not-found`."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def one(self, connection: Connection, whom: Whom, *, every: bool = False) -> Target:
        """The one that is meant; `every`: a key of `*` stands for all of the scope."""
        if whom.scope is Scope.BOX:
            return Target(Scope.BOX, BOX_KEY, "box")
        if every and whom.key == EVERY and whom.scope is not None:
            return Target(whom.scope, EVERY, "all")
        if (whom.to is None) == (whom.key is None):
            raise _refused("Give either a number as to, or a key.", "/key")
        if whom.to is not None:
            return self._of_number(whom.scope or Scope.NUMBER, self._places.anywhere(whom.to))
        return self._of_key(connection, whom.scope, whom.key or "")

    def around(self, connection: Connection, whom: Whom) -> list[Target]:
        """The one that is meant; of a number also its prefix and country."""
        if whom.to is None or whom.key is not None or whom.scope is not None:
            return [self.one(connection, whom)]
        to = self._places.anywhere(whom.to)
        scopes = [Scope.NUMBER, Scope.PREFIX, *([Scope.COUNTRY] if to.region else [])]
        return [self._of_number(scope, to) for scope in scopes]

    @staticmethod
    def _of_number(scope: Scope, to: Destination) -> Target:
        if scope is Scope.NUMBER:
            return Target(scope, to.number_key, mask(to.number), to.number_key)
        if scope is Scope.PREFIX:
            return Target(scope, to.prefix_key, to.prefix_shown)
        if scope is Scope.COUNTRY and to.region:
            return Target(scope, to.region, to.region)
        raise _refused("A number is of no such scope.", "/scope")

    @staticmethod
    def _of_key(connection: Connection, scope: Scope | None, key: str) -> Target:
        if scope in {None, Scope.COUNTRY} and key in SUPPORTED_REGIONS:
            return Target(Scope.COUNTRY, key, key)
        if scope in {Scope.NUMBER, Scope.PREFIX} and _HASH.fullmatch(key):
            block = load_book(connection).blocks.get((scope.value, key))
            shown = key[:8] if block is None else block.shown
            return Target(scope, key, shown, key if scope is Scope.NUMBER else None)
        if scope in {None, Scope.CLIENT}:
            client = access.find_key(connection, key) or access.find_key_by_name(connection, key)
            if client is not None:
                return Target(Scope.CLIENT, client.id, client.name)
        raise RequestError("not-found", "There is no such country, API key or other key.", pointer="/key")


def _refused(detail: str, pointer: str) -> RequestError:
    return RequestError("policy-violation", detail, pointer=pointer)
