"""`simcourier keys`: create, list and revoke API keys, whether the daemon runs or not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simcourier.cli.endings import EX_FAILED, Stop
from simcourier.cli.options import config_option, example, json_option, load_config
from simcourier.cli.wording import add_row, console, table, when, write_json
from simcourier.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from simcourier.outbox.access import Key

DEFAULT_SCOPES = ("messages:send", "messages:read", "status:read")
_NAME_LIMIT = 64


@click.group(epilog=example("simcourier keys create web-shop --scope messages:send"))
def keys() -> None:
    """Create, list and revoke API keys.

    They are written to the database directly, so this works whether simcourier runs or not; a running one knows of
    a change within 2 seconds.
    """


def _scopes(_ctx: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> frozenset[str]:
    if not given:
        return frozenset()
    from simcourier.service import SCOPES

    for scope in given:
        if scope not in SCOPES:
            raise click.BadParameter(f"there is no scope {scope!r}; there are {', '.join(SCOPES)}.")
    return frozenset(given)


def _name(_ctx: click.Context, _parameter: click.Parameter, given: str) -> str:
    if not 1 <= len(given) <= _NAME_LIMIT or not given.isprintable() or given != given.strip():
        raise click.BadParameter(f"use 1 to {_NAME_LIMIT} printable characters, such as web-shop.")
    return given


@keys.command(epilog=example("simcourier keys create web-shop --scope messages:send --scope messages:read"))
@click.argument("name", callback=_name)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    callback=_scopes,
    metavar="SCOPE",
    help=f"What the key may do; may be given several times. Default: {' '.join(DEFAULT_SCOPES)}.",
)
@config_option
def create(name: str, scopes: frozenset[str], config: Path | None) -> None:
    """Make the API key NAME and print it, and only it, on standard output.

    It is shown this once: the database keeps a digest of it.

    \b
    Scopes: messages:send       send texts
            messages:read       see the messages sent with this key
            messages:read_body  see their texts, as long as they are kept
            verifications:start, verifications:check, inbound:read
            status:read         see box, modems, metrics and page
            admin               everything, and everybody's messages
    """
    from simcourier.outbox import access

    if not scopes:
        scopes = frozenset(DEFAULT_SCOPES)
        click.echo(f"No --scope given: the key may do {', '.join(DEFAULT_SCOPES)}.", err=True)
    with _transaction(config) as connection:
        key, secret = access.create_key(connection, name, scopes, _now_ms())
    click.echo(f"sck_{key.id}_{secret}")


@keys.command("list", epilog=example("simcourier keys list"))
@config_option
@json_option
def list_keys(config: Path | None, as_json: bool) -> None:
    """List the API keys, without their secrets."""
    from simcourier.outbox import access

    with _transaction(config) as connection:
        found = access.list_keys(connection)
    if as_json:
        write_json({"items": [_as_json(key) for key in found]})
    elif found:
        _show(found)
    else:
        click.echo("There is no key. Make one: simcourier keys create NAME")


@keys.command(epilog=example("simcourier keys revoke web-shop"))
@click.argument("name")
@config_option
def revoke(name: str, config: Path | None) -> None:
    """Make the API key NAME useless, for good."""
    from simcourier.outbox import access

    with _transaction(config) as connection:
        revoked = access.revoke_key(connection, name, _now_ms())
    if not revoked:
        raise Stop(f"there is no live key called {name!r}; see simcourier keys list", EX_FAILED)
    click.echo(f"{name} is revoked; a running simcourier takes it for 2 more seconds at most.")


@contextmanager
def _transaction(config: Path | None) -> Iterator[Connection]:
    """One short transaction of our own; it waits up to 5 s for the daemon's, which take milliseconds."""
    from sqlalchemy.exc import OperationalError

    from simcourier.cli.ownership import act_as_owner
    from simcourier.outbox import database

    settings, path = load_config(config)
    act_as_owner(settings.storage.path)
    try:
        engine = database.open_engine(settings.storage.path)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as error:
        raise Stop(f"the database can't be used: {error.orig}", EX_FAILED) from None
    finally:
        engine.dispose()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _time(at_ms: int | None) -> str | None:
    return (
        None
        if at_ms is None
        else datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    )


def _as_json(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": _time(key.created_at_ms),
        "revoked_at": _time(key.revoked_at_ms),
    }


def _show(found: list[Key]) -> None:
    made = table("Name", "Id", "May do", "Created", "Revoked")
    for key in found:
        add_row(
            made,
            key.name,
            key.id,
            ", ".join(sorted(key.scopes)),
            when(_time(key.created_at_ms)),
            when(_time(key.revoked_at_ms)),
            style="" if key.revoked_at_ms is None else "dim",
        )
    console().print(made)
