"""Know whether the key file is the one under which a database was written, before anything is made of either."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.engine import Connection

from simcourier.config import Storage
from simcourier.errors import ConfigError, EquipmentError
from simcourier.outbox.keyring import KeyFile, Ring
from simcourier.outbox.lanes import HAS_BODY
from simcourier.outbox.schema import key_check, messages, verifications, webhook_endpoints
from simcourier.outbox.seal import Sealer

ANY = b""
"""Stands where an admin accepted that the key of before is lost: whatever key is there next is taken."""
_LOOKED_AT = 100
_WAY_OUT = (
    "Restore it from its copy. Without it waiting texts can't be opened, and locks, limits and the audit can't be "
    "continued; where it is lost for good, see `simcourier secrets accept-new-key --help`."
)


class Opened(NamedTuple):
    """The sealer; and whether this database knew no key file until now (`new`), or was to take another one."""

    sealer: Sealer
    new: bool
    accepted: bool


def open_checked(connection: Connection, storage: Storage, now_ms: int) -> Opened:
    """The sealer of this configuration and database, whose check is written where there is none yet.

    A key file is made only where nothing in the database was written under another one. Raises ConfigError.
    """
    file, known = KeyFile.find(storage), _read(connection)
    sealed = known is None and _first_sealed(connection, 1) != []
    if (known or sealed) and not file.path.exists():
        raise ConfigError(f"{file.source}: is missing, but the database was written under it. {_WAY_OUT}")
    sealer = Sealer(file.load(now_ms), file)
    if not _fits(connection, known, sealer):
        raise ConfigError(
            f"{file.source}: is not the key file that the database was written under. {_WAY_OUT}"
        )
    if not known:
        _write(connection, sealer.ring.root.check)
    return Opened(sealer, new=known is None, accepted=known == ANY)


def fits(connection: Connection, ring: Ring) -> bool:
    """May what is written under this ring go into this database?"""
    known = _read(connection)
    return not known or hmac.compare_digest(known, ring.root.check)


def accept_any(connection: Connection) -> None:
    """Take whatever key file is there at the next start."""
    _write(connection, ANY)


def is_known(connection: Connection) -> bool:
    """Was the check of a key file written here?"""
    return _read(connection) is not None


def _read(connection: Connection) -> bytes | None:
    return connection.execute(select(key_check.c.mac)).scalar()


def _write(connection: Connection, check: bytes) -> None:
    connection.execute(key_check.delete())
    connection.execute(key_check.insert().values(id=1, mac=check))


def _fits(connection: Connection, known: bytes | None, sealer: Sealer) -> bool:
    match known:
        case None:
            # From before there were checks: one thing that opens is proof enough, others may be damaged.
            found = _first_sealed(connection, _LOOKED_AT)
            return not found or any(_opens(sealer, *each) for each in found)
        case b"":
            return True
        case _:
            return hmac.compare_digest(known, sealer.ring.root.check)


def _first_sealed(connection: Connection, limit: int) -> list[tuple[bytes, str]]:
    return [(sealed, owner) for sealed, owner in _sealed(connection, limit) if sealed]


def _sealed(connection: Connection, limit: int) -> Iterator[tuple[bytes | None, str]]:
    places: tuple[tuple[ColumnElement[bytes | None], ColumnElement[str], ColumnElement[bool]], ...] = (
        (messages.c.body, messages.c.id, HAS_BODY),
        (verifications.c.text_values, verifications.c.id, verifications.c.text_values.is_not(None)),
        (webhook_endpoints.c.secret, webhook_endpoints.c.id, webhook_endpoints.c.secret.is_not(None)),
    )
    for sealed, owner, there in places:
        for row in connection.execute(select(sealed, owner).where(there).limit(limit)):
            yield row[0], row[1]


def _opens(sealer: Sealer, sealed: bytes, owner: str) -> bool:
    try:
        sealer.open_octets(sealed, owner)
    except EquipmentError:
        return False
    return True
