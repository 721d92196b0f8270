"""Rows of counts as values: which row counts what, and how it is read and written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from sqlalchemy.engine import Connection

from simcourier.outbox import limits as record
from simcourier.outbox.limits import Key
from simcourier.service.rules import Scope
from simcourier.verify.destinations import Kind
from simcourier.verify.limits import Usage

_decode = msgspec.json.Decoder(Usage).decode
_encode = msgspec.json.Encoder().encode


def place_of(kind: Kind, scope: Scope, key: str) -> Key:
    """The row that counts this, over all clients: of the box for both kinds together, of all else by kind.

    What an application writes, and may take back before it leaves, must not keep a person from codes.
    """
    return (scope.value if scope is Scope.BOX else f"{kind.value}.{scope.value}", key)


def read_usages(connection: Connection, places: Iterable[Key]) -> dict[Key, Usage]:
    """What each of these used, also of those that used nothing."""
    wanted = list(places)
    found = record.read(connection, wanted)
    return {place: _decode(found[place]) if place in found else Usage() for place in wanted}


def write_usages(connection: Connection, usages: Mapping[Key, Usage], now_ms: int) -> None:
    """Put these in place of what was there."""
    record.write(connection, encoded(usages), now_ms)


def encoded(usages: Mapping[Key, Usage]) -> tuple[tuple[Key, str], ...]:
    """The rows as they are written."""
    return tuple((place, _encode(usage).decode()) for place, usage in usages.items())
