"""Write to the audit's chain without the daemon, whose key file this command line may be able to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from simcourier.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from simcourier.config import Storage
    from simcourier.outbox.audit import Audit
    from simcourier.outbox.seal import Sealer


def offline_audit(connection: Connection, storage: Storage) -> Audit | None:
    """What appends to the chain in `connection`'s transaction, or None, said on standard error, where nothing may.

    A key of ours that is not the daemon's would break the chain; then the change goes on without a line in it,
    since an admin must be able to revoke a key at any time.
    """
    from simcourier.outbox.audit import Audit

    try:
        audit = Audit(_sealer(connection, storage).audit_key) if _is_ours(connection, storage) else None
        why = "the key file is not here; it may be a systemd credential"
    except (ConfigError, OSError) as error:
        audit, why = None, str(error)
    if audit is not None and not _continues(connection, audit):
        audit, why = None, "its last row was not written under this key file; see simcourier audit verify"
    if audit is None:
        click.echo(f"simcourier: this is not on the audit's record: {why}", err=True)
    return audit


def _sealer(connection: Connection, storage: Storage) -> Sealer:
    from simcourier.outbox import key_check
    from simcourier.outbox.seal import open_sealer

    sealer = open_sealer(storage)
    if not key_check.fits(connection, sealer.ring):
        raise ConfigError("the key file is not the one that the database was written under")
    return sealer


def put_end_on_file(connection: Connection, audit: Audit, storage: Storage) -> None:
    """Put the chain's end on file where no daemon, which does it all the time, ever ran."""
    from simcourier.outbox import database
    from simcourier.outbox.audit import last
    from simcourier.outbox.audit_head import HeadFile

    if database.count_starts(connection) == 0:
        HeadFile(audit, storage.path).write(last(connection))


def _is_ours(connection: Connection, storage: Storage) -> bool:
    """Is the key file there, or may we make it, since no daemon ever ran here?"""
    from simcourier.outbox import database, key_check
    from simcourier.outbox.keyring import KeyFile

    if KeyFile.find(storage).path.exists():
        return True
    return database.count_starts(connection) == 0 and not key_check.is_known(connection)


def _continues(connection: Connection, audit: Audit) -> bool:
    from simcourier.outbox.audit import find, last

    newest = find(connection, last(connection).seq)
    if newest is None:
        return True
    before = find(connection, newest.seq - 1)
    link = audit.anchor(connection) if before is None else before.link
    return link is not None and audit.follows(newest, link)
