"""`simcourier keys`: create, list, rotate and revoke API keys, whether the daemon runs or not."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simcourier.cli.endings import EX_FAILED, Stop
from simcourier.cli.options import config_option, example, json_option, load_config
from simcourier.cli.wording import add_row, console, lasting, table, write_json
from simcourier.errors import ConfigError, RequestError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from simcourier.cli.box import Json
    from simcourier.config import Storage
    from simcourier.outbox.access import Key, Terms
    from simcourier.service.keys import KeyDesk, Made

DEFAULT_SCOPES = ("messages:send", "messages:read", "status:read")
DEFAULT_SANDBOX_SCOPES = ("messages:send", "messages:read")
_NAME_LIMIT = 64
_ACTOR = "local"
"""Whom the audit names, as for the command line's own key to a running box."""
_UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"([0-9]{1,5})([mhd])")


@click.group(epilog=example("simcourier keys create web-shop --scope messages:send"))
def keys() -> None:
    """Create, list, rotate and revoke API keys.

    They are written to the database directly, so this works whether simcourier runs or not; a running one knows of
    a change within 2 seconds.
    """


def _scopes(_ctx: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> frozenset[str]:
    if not given:
        return frozenset()
    from simcourier.service.keys import SCOPES

    for scope in given:
        if scope not in SCOPES:
            raise click.BadParameter(f"there is no scope {scope!r}; there are {', '.join(SCOPES)}.")
    return frozenset(given)


def _name(_ctx: click.Context, _parameter: click.Parameter, given: str) -> str:
    if not 1 <= len(given) <= _NAME_LIMIT or not given.isprintable() or given != given.strip():
        raise click.BadParameter(f"use 1 to {_NAME_LIMIT} printable characters, such as web-shop.")
    return given


def _duration_ms(text: str) -> int | None:
    """`30m`, `24h` or `90d` in milliseconds; None where it is written otherwise."""
    found = _DURATION.fullmatch(text)
    return None if found is None else int(found[1]) * _UNITS_MS[found[2]]


def _expires(_ctx: click.Context, _parameter: click.Parameter, given: str | None) -> int | None:
    if given is None:
        return None
    lasting_ms = _duration_ms(given)
    if lasting_ms is not None:
        return _now_ms() + lasting_ms
    try:
        # A key that expires on a day is live until that day is over.
        end = datetime.combine(date.fromisoformat(given) + timedelta(days=1), datetime.min.time(), UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            "write how long, such as 90d or 12h, or a date, such as 2027-01-31."
        ) from None
    return int(end.timestamp() * 1000)


def _keep_old(_ctx: click.Context, _parameter: click.Parameter, given: str) -> int:
    from simcourier.service.keys import MOST_KEEP_OLD_MS

    keep_ms = 0 if given == "0" else _duration_ms(given)
    if keep_ms is None or keep_ms > MOST_KEEP_OLD_MS:
        raise click.BadParameter("write how long, such as 30m or 24h, at most 30d; 0 ends it at once.")
    return keep_ms


@keys.command(
    short_help="Make an API key and print it.",
    epilog=example("simcourier keys create web-shop --scope messages:send --cidr 10.0.0.0/8"),
)
@click.argument("name", callback=_name)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    callback=_scopes,
    metavar="SCOPE",
    help=f"What the key may do; may be given several times. Default: {' '.join(DEFAULT_SCOPES)}.",
)
@click.option(
    "--cidr",
    "cidrs",
    multiple=True,
    metavar="NETWORK",
    help="Where it may be used from, such as 10.0.0.0/8; may be given several times. Default: everywhere. "
    "Behind a proxy the address that counts is the proxy's.",
)
@click.option(
    "--expires", callback=_expires, metavar="WHEN", help="Until when: 90d, 12h, or the last day, 2027-01-31."
)
@click.option("--template-only", is_flag=True, help="It may send templates only, and no text of its own.")
@click.option("--sandbox", is_flag=True, help="What it sends reaches virtual handsets only, and no person.")
@config_option
def create(
    name: str,
    scopes: frozenset[str],
    cidrs: tuple[str, ...],
    expires: int | None,
    template_only: bool,
    sandbox: bool,
    config: Path | None,
) -> None:
    """Make the API key NAME and print it, and only it, on standard output.

    It is shown this once: the database keeps a digest of it.

    \b
    Scopes: messages:send        send texts
            messages:read        see the messages sent with this key
            messages:read_body   see their texts, as long as they are kept
            verifications:start  have codes made and sent
            verifications:check  prove codes
            inbound:read         for texts that come in, in a later release
            status:read          see box, modems, metrics and page
            admin                everything, and everybody's messages
    """
    from simcourier.outbox.access import Terms

    if not scopes:
        usual = DEFAULT_SANDBOX_SCOPES if sandbox else DEFAULT_SCOPES
        scopes = frozenset(usual)
        click.echo(f"No --scope given: the key may do {', '.join(usual)}.", err=True)
    terms = _checked(scopes, Terms(expires, cidrs, template_only, sandbox))
    with _changing(config) as (connection, desk):
        key, secret = _made(desk.create(connection, name, scopes, terms, _now_ms()))
    click.echo(f"sck_{key.id}_{secret.reveal()}")


def _checked(scopes: frozenset[str], terms: Terms) -> Terms:
    from simcourier.service.keys import checked

    try:
        return checked(scopes, terms, _now_ms())
    except RequestError as error:
        raise click.UsageError(error.detail) from None


def _made(result: Made | RequestError) -> Made:
    if isinstance(result, RequestError):
        raise result
    return result


@keys.command("list", epilog=example("simcourier keys list"))
@config_option
@json_option
def list_keys(config: Path | None, as_json: bool) -> None:
    """List the API keys, without their secrets."""
    import msgspec

    from simcourier.outbox import access
    from simcourier_web.api.keys import shown

    with _database(config) as (connection, _storage):
        found = [msgspec.to_builtins(shown(key, _now_ms())) for key in access.list_keys(connection)]
    if as_json:
        write_json({"items": found})
    elif found:
        _show(found)
    else:
        click.echo("There is no key. Make one: simcourier keys create NAME")


@keys.command(
    short_help="Give an API key a new secret and print it.",
    epilog=example("simcourier keys rotate web-shop --keep-old 24h"),
)
@click.argument("name")
@click.option(
    "--keep-old",
    default="24h",
    show_default=True,
    callback=_keep_old,
    metavar="TIME",
    help="How long the secret it has now stays live; 0 ends it at once.",
)
@config_option
def rotate(name: str, keep_old: int, config: Path | None) -> None:
    """Give the API key NAME a new secret and print the key, and only it, on standard output.

    Meanwhile both secrets work. The id stays, and with it what was sent with the key. Rotated again before that
    time is over, the older of the two ends at once.
    """
    with _changing(config) as (connection, desk):
        now_ms = _now_ms()
        key, secret = _made(desk.rotate(connection, _find(connection, name).id, keep_old, now_ms))
    click.echo(f"sck_{key.id}_{secret.reveal()}")
    kept = f"still works for {lasting(keep_old / 1000)}" if keep_old else "works no more"
    click.echo(f"The secret that {name} had before {kept}.", err=True)


@keys.command(epilog=example("simcourier keys revoke web-shop", "simcourier keys revoke web-shop --old"))
@click.argument("name")
@click.option("--old", is_flag=True, help="End only the secret that it had before it was rotated.")
@config_option
def revoke(name: str, old: bool, config: Path | None) -> None:
    """Make the API key NAME useless, for good."""
    with _changing(config) as (connection, desk):
        key, now_ms = _find(connection, name), _now_ms()
        change = desk.revoke_old if old else desk.revoke
        result = change(connection, key.id, now_ms)
    if isinstance(result, RequestError) or (old and not key.has_old(now_ms)):
        what = "old secret of a live key" if old else "live key"
        raise Stop(f"there is no {what} called {name!r}; see simcourier keys list", EX_FAILED)
    what = f"The old secret of {name}" if old else name
    click.echo(f"{what} is revoked; a running simcourier takes it for 2 more seconds at most.")


def _find(connection: Connection, name: str) -> Key:
    from simcourier.outbox import access

    key = access.find_key_by_name(connection, name)
    if key is None:
        raise Stop(f"there is no live key called {name!r}; see simcourier keys list", EX_FAILED)
    return key


@contextmanager
def _changing(config: Path | None) -> Iterator[tuple[Connection, KeyDesk]]:
    """A transaction that changes keys, and what puts that on the audit's record where it can be."""
    from simcourier.cli.record import offline_audit, put_end_on_file
    from simcourier.service.keys import KeyDesk

    with _database(config, writing=True) as (connection, storage):
        audit = offline_audit(connection, storage)
        yield connection, KeyDesk(audit, _ACTOR)
        if audit is not None:
            put_end_on_file(connection, audit, storage)


@contextmanager
def _database(config: Path | None, *, writing: bool = False) -> Iterator[tuple[Connection, Storage]]:
    """One short transaction of our own; it waits up to 5 s for the daemon's, which take milliseconds."""
    from sqlalchemy.exc import OperationalError

    from simcourier.cli.ownership import act_as_owner
    from simcourier.outbox import database

    settings, path = load_config(config)
    act_as_owner(settings.storage.path)
    try:
        engine = database.open_engine(settings.storage.path, database.Upgrade.ALONE)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        with engine.begin() as connection:
            if writing:
                # What is read must be what is changed: nobody else writes between the two.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection, settings.storage
    except OperationalError as error:
        raise Stop(f"the database can't be used: {error.orig}", EX_FAILED) from None
    finally:
        engine.dispose()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _show(found: list[Json]) -> None:
    made = table("Name and id", "May do", "From", "Ends", "Used")
    # In a window of 80 columns the words break, and none of these: ids, scopes, networks and dates.
    made.collapse_padding = True
    for column, width in zip(made.columns, (16, 19, 15, 10, 10), strict=True):
        column.min_width = width
    for key in found:
        add_row(
            made,
            f"{key['name']} {key['id']}",
            " ".join([*key["scopes"], *_marks(key)]),
            " ".join(key["cidrs"]) or "anywhere",
            _end(key),
            _used(key),
            style="" if key["live"] else "dim",
        )
    console().print(made)


def _marks(key: Json) -> list[str]:
    """What the key is bound to beside its scopes, in words."""
    marks = {
        "(templates only)": key["template_only"],
        "(sandbox)": key["sandbox"],
        "(two secrets)": key["old_secret_until"] is not None,
    }
    return [mark for mark, holds in marks.items() if holds]


def _end(key: Json) -> str:
    if key["revoked_at"] is not None:
        return "revoked"
    if key["expires_at"] is None:
        return "never"
    return str(key["expires_at"])[:10] if key["live"] else "expired"


def _used(key: Json) -> str:
    if key["last_used_at"] is None:
        return "never"
    age_s = _now_ms() / 1000 - datetime.fromisoformat(key["last_used_at"]).timestamp()
    # The larger unit tells enough: `5 h ago`.
    return "just now" if age_s < 60 else " ".join([*lasting(age_s).split()[:2], "ago"])
