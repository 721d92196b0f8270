"""`simcourier secrets`: the keys that seal what is on disk, and their rotation."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simcourier.cli.endings import EX_FAILED, Stop
from simcourier.cli.options import config_option, example, json_option, load_config, with_box
from simcourier.cli.wording import add_row, console, table, when, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json
    from simcourier.outbox.keyring import Ring


@click.group(epilog=example("simcourier secrets show", "simcourier secrets rotate"))
def secrets() -> None:
    """Show and replace the keys that seal what is on disk.

    They lie outside the database (storage.key_file, or the systemd credential simcourier.key) and belong in no backup
    of it. No command shows a key.
    """


@secrets.command(
    short_help="Show each key, its age and what is under it.", epilog=example("simcourier secrets show")
)
@with_box
@json_option
def show(box: Box, as_json: bool) -> None:
    """Show each key by its id: its age, and how much is sealed under it."""
    answer = box.get("secrets")
    write_json(answer) if as_json else _show(answer["items"])


def _show(items: list[Json]) -> None:
    made = table("Id", "Made", "Messages", "Codes", "Webhook secrets", "Inbound", "", right=("Id",))
    for item in items:
        use = item["in_use"]
        add_row(
            made,
            item["id"],
            when(item["made_at"]),
            use["messages"],
            use["codes"],
            use["webhook_secrets"],
            use["inbound"],
            "seals" if item["newest"] else "opens what is left",
        )
    console().print(made)


@secrets.command(epilog=example("simcourier secrets rotate"))
@with_box
def rotate(box: Box) -> None:
    """Seal with a new key from now on.

    What waits is brought under it at once. The old key is dropped from the key file when nothing is under it any more,
    which takes some minutes; see simcourier secrets show.
    """
    items = box.post("secrets", "rotate")["items"]
    click.echo(
        f"Key {items[-1]['id']} seals from now on. The older ones go by themselves; see simcourier secrets show"
    )


@secrets.command(
    "add-key",
    short_help="Put a new key into the file of a credential.",
    epilog=example("simcourier secrets add-key /etc/simcourier/simcourier.key"),
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def add_key(file: Path) -> None:
    """Put a new key into FILE, the source of a systemd credential, which the box can't write.

    The box seals with it after its next start.
    """
    ring = _read(file)
    from simcourier.outbox.keyring import MOST_KEYS

    if len(ring.keys) >= MOST_KEYS:
        raise Stop(
            f"{file} has {len(ring.keys)} keys already; drop those that nothing needs with drop-key",
            EX_FAILED,
        )
    new = ring.with_another(time.time_ns() // 1_000_000)
    _save(file, new)
    click.echo(f"{file} has the new key {new.newest.id}; restart the box to seal with it.")


@secrets.command(
    "drop-key",
    short_help="Take a key out of the file of a credential.",
    epilog=example("simcourier secrets drop-key /etc/simcourier/simcourier.key 1"),
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("key_id", metavar="ID", type=click.IntRange(1, 255))
def drop_key(file: Path, key_id: int) -> None:
    """Take the key ID out of FILE, for good; first see in simcourier secrets show that nothing is under it."""
    ring = _read(file)
    if key_id not in ring.ids:
        raise Stop(f"{file} has no key {key_id}; it has {', '.join(map(str, ring.ids))}", EX_FAILED)
    if key_id == ring.newest.id:
        raise Stop(
            f"key {key_id} is the newest of {file}: it seals; add another first with add-key", EX_FAILED
        )
    _save(file, ring.without({key_id}))
    click.echo(f"{file} has no key {key_id} any more.")


@secrets.command(
    "accept-new-key",
    short_help="Go on with another key file, where the one of before is lost.",
    epilog=example("simcourier secrets accept-new-key"),
)
@config_option
@click.option("--yes", is_flag=True, help="Don't ask.")
def accept_new_key(config: Path | None, yes: bool) -> None:
    """Let the stopped box take another key file, or make one, at its next start.

    Only where the key file of this database is lost for good. With it go, for good: the texts that wait (they fail),
    codes on their way, webhook secrets (rotate them), locks, limits and failures counted so far, blocks and rules for
    single numbers, the numbers that were reduced, and the proof that the audit until now is whole.
    """
    from simcourier.cli.ownership import act_as_owner
    from simcourier.outbox import database, key_check

    settings, _path = load_config(config)
    directory = settings.storage.path
    if not (directory / "simcourier.db").exists():
        raise Stop(f"there is no database in {directory}", EX_FAILED)
    if not yes:
        click.confirm("Go on without what was written under the lost key file?", abort=True, err=True)
    act_as_owner(directory)
    lock = database.DirectoryLock(directory)
    engine = database.open_engine(directory)
    try:
        with engine.begin() as connection:
            key_check.accept_any(connection)
    finally:
        engine.dispose()
        lock.release()
    click.echo("The next start takes the key file that is there, or makes one; the audit tells of it.")


def _read(file: Path) -> Ring:
    from simcourier.outbox.keyring import KeyFile

    return KeyFile(file, "the key file").read()


def _save(file: Path, ring: Ring) -> None:
    from simcourier.outbox.keyring import KeyFile

    try:
        KeyFile(file).save(ring)
    except OSError as error:
        raise Stop(f"{file} can't be written: {error.strerror}", EX_FAILED) from None
