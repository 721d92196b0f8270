"""`simcourier audit`: who did what, and the proof that nothing of it was changed or removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simcourier.cli.endings import EX_FAILED, Stop
from simcourier.cli.options import config_option, example, json_option, load_config, with_box
from simcourier.cli.wording import add_row, console, table, when, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json
    from simcourier.outbox.audit_check import Verdict
    from simcourier.outbox.audit_head import Finding

_LIST_LIMIT = 10_000
_PAGE = 200
_MOST_PAGES = 1000


@click.group(epilog=example("simcourier audit list --action keys.create", "simcourier audit verify"))
def audit() -> None:
    """Show who did what, and prove that the record is whole.

    Starts, checks, locks and unlocks, limits, keys, templates, webhooks: each entry is chained to the one before.
    """


@audit.command(
    "list", epilog=example("simcourier audit list", "simcourier audit list --actor local --limit 200")
)
@with_box
@click.option(
    "--actor", metavar="ID", help="Only what this API key did; `local` is this machine's command line."
)
@click.option("--action", metavar="ACTION", help="Only this action, such as keys.create.")
@click.option("--object", "object_", metavar="OBJECT", help="Only what was done to this.")
@click.option(
    "--number", metavar="NUMBER", help="Only what is about this number; - reads it from standard input."
)
@click.option(
    "--limit",
    type=click.IntRange(1, _LIST_LIMIT),
    default=50,
    show_default=True,
    help="At most so many entries.",
)
@json_option
def list_entries(
    box: Box,
    actor: str | None,
    action: str | None,
    object_: str | None,
    number: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List the newest entries first."""
    if number is not None and (actor or action or object_):
        raise Stop("give --number alone: the other filters don't go with it", 2)
    if number is not None:
        from simcourier.cli.privacy import read_number

        to = read_number(number)
        items = _gather(lambda c, n: box.post("audit", "search", body=_with_cursor(to, n, c)), limit)
    else:
        items = _gather(
            lambda c, n: box.get("audit", actor=actor, action=action, object=object_, cursor=c, limit=n),
            limit,
        )
    if as_json:
        write_json({"items": items})
    elif items:
        _show(items)
    else:
        click.echo("There is no such entry.")


def _with_cursor(to: str, limit: int, cursor: int | None) -> Json:
    body: Json = {"to": to, "limit": limit}
    return body if cursor is None else {**body, "cursor": cursor}


def _gather(ask: Callable[[int | None, int], Json], limit: int) -> list[Json]:
    """Pages until there are enough entries; one may be empty where a filter fits nothing in its part of the chain."""
    items: list[Json] = []
    cursor: int | None = None
    for _ in range(_MOST_PAGES):
        page = ask(cursor, min(_PAGE, limit - len(items)))
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None or len(items) >= limit:
            break
    return items


def _show(items: list[Json]) -> None:
    made = table("No.", "Time", "Who", "Did", "To", "Detail", right=("No.",), whole=("Did",))
    for item in items:
        add_row(
            made,
            item["seq"],
            when(item["at"]),
            item["actor"],
            item["action"],
            item["object"],
            item["detail"],
        )
    console().print(made)


@audit.command(
    short_help="Tell whether the record is as it was written.",
    epilog=example("simcourier audit verify", "simcourier audit verify --key-file /etc/simcourier/body.key"),
)
@config_option
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The key file, where the configuration names none (a systemd credential).",
)
@json_option
def verify(config: Path | None, key_file: Path | None, as_json: bool) -> None:
    """Walk along the whole record and tell whether it is as it was written.

    Reads database and key file directly, so it works whether simcourier runs or not, and on a copy of both. Ends with 0
    where the record is whole, and with 1 and the first break where it is not.
    """
    verdict = _walk(config, key_file)
    if as_json:
        write_json(_as_json(verdict))
    else:
        _tell(verdict)
    if verdict.findings:
        first = verdict.findings[0]
        raise Stop(f"the audit is broken: entry {first.seq}{_time_of(first)}: {first.words}", EX_FAILED)


def _walk(config: Path | None, key_file: Path | None) -> Verdict:
    from sqlalchemy.exc import DatabaseError

    from simcourier.cli.ownership import act_as_owner
    from simcourier.outbox import database
    from simcourier.outbox.audit import Audit
    from simcourier.outbox.audit_check import Walk
    from simcourier.outbox.keyring import KeyFile
    from simcourier.outbox.seal import Sealer

    settings, _path = load_config(config)
    storage = settings.storage
    if not (storage.path / "simcourier.db").exists():
        raise Stop(f"there is no database in {storage.path}", EX_FAILED)
    file = KeyFile.find(storage) if key_file is None else KeyFile(key_file, "--key-file")
    if not file.path.exists():
        raise Stop(
            f"there is no key file {file.path}; name the one that this box uses with --key-file (a systemd credential "
            "is under /run/credentials while the box runs)",
            EX_FAILED,
        )
    # Before we become the owner of the database: root may read a key that its user is given by systemd only.
    ring = file.read()
    act_as_owner(storage.path)
    engine = database.open_engine(storage.path, database.Upgrade.NEVER)
    try:
        with _progress() as progress:
            return Walk(engine, Audit(Sealer(ring).audit_key), storage.path).verify(progress)
    except DatabaseError as error:
        raise Stop(f"the database can't be read: {error.orig}", EX_FAILED) from None
    finally:
        engine.dispose()


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, which goes away in the end; in a pipe nothing."""
    from rich.progress import Progress

    err = console(err=True)
    with Progress(console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("Checking", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _tell(verdict: Verdict) -> None:
    if not verdict.findings:
        reach = f", number {verdict.first} to {verdict.last}" if verdict.checked else ""
        click.echo(f"The audit is whole: {_entries(verdict.checked)} checked{reach}.")
        for note in verdict.notes:
            click.echo(f"Note: entry {note.seq}{_time_of(note)}: {note.words}")
        return
    for finding in verdict.findings:
        click.echo(f"entry {finding.seq}{_time_of(finding)}: {finding.kind}: {finding.words}")


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"


def _time_of(finding: Finding) -> str:
    return "" if finding.at_ms is None else f" of {when(_rfc3339(finding.at_ms))}"


def _rfc3339(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _as_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "whole": not verdict.findings,
        "checked": verdict.checked,
        "first": verdict.first,
        "last": verdict.last,
        "findings": [_finding_as_json(finding) for finding in verdict.findings],
        "notes": [_finding_as_json(note) for note in verdict.notes],
    }


def _finding_as_json(finding: Finding) -> dict[str, Any]:
    return {
        "kind": str(finding.kind),
        "seq": finding.seq,
        "at": None if finding.at_ms is None else _rfc3339(finding.at_ms),
        "detail": finding.words,
    }
