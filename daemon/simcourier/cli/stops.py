"""`simcourier stops`: who wants no more messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.privacy import read_number
from simcourier.cli.wording import add_row, console, count, table, when, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json

_PAGE = 200
_KEY = re.compile(r"[0-9a-f]{32}")


@click.group(
    invoke_without_command=True,
    epilog=example(
        "simcourier stops", "simcourier stops add +447700900001", "simcourier stops lift +447700900001"
    ),
)
@with_box
@json_option
def stops(box: Box, as_json: bool) -> None:
    """Show who wants no more messages; add a number, or lift one.

    Who writes STOP to one of the SIMs is put on the list, and START takes him off it. Such numbers get no messages of
    the classes in inbound.stop_classes; codes are not among these unless you say so. Sender numbers can be forged:
    look here when somebody misses messages.
    """
    _show(_gather(box, 100), as_json=as_json)


@stops.command(
    "list",
    short_help="Show the numbers, masked, and since when.",
    epilog=example("simcourier stops list --limit 1000"),
)
@with_box
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many at most."
)
@json_option
def list_stops(box: Box, limit: int, as_json: bool) -> None:
    """Show the numbers, masked, and since when and by whom they are on the list."""
    _show(_gather(box, limit), as_json=as_json)


def _gather(box: Box, limit: int) -> list[Json]:
    found: list[Json] = []
    cursor = None
    while len(found) < limit:
        page = box.get("stops", limit=min(_PAGE, limit - len(found)), cursor=cursor)
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    return found


def _show(items: list[Json], *, as_json: bool) -> None:
    if as_json:
        write_json({"items": items})
        return
    if not items:
        click.echo("Nobody is on the list.")
        return
    made = table("Number", "Since", "By", "Key", whole=("Key",))
    for item in sorted(items, key=lambda item: str(item["at"]), reverse=True):
        add_row(made, item["to_masked"], when(item["at"]), item["set_by"], item["key"])
    console().print(made)


@stops.command(epilog=example("simcourier stops add +447700900001", "simcourier stops add - < number"))
@with_box
@click.argument("number")
def add(box: Box, number: str) -> None:
    """Put NUMBER on the list, and cancel what waits for it. A START by SMS does not take it off again: lift does."""
    added = box.post("stops", body={"to": read_number(number)})
    canceled = f"; {count(added['canceled'], 'waiting message')} canceled" if added["canceled"] else ""
    was_there = "" if added["is_new"] else " already"
    click.echo(f"{added['to_masked']} is{was_there} on the list{canceled}")


@stops.command(epilog=example("simcourier stops lift +447700900001"))
@with_box
@click.argument("number", metavar="NUMBER|KEY")
def lift(box: Box, number: str) -> None:
    """Take NUMBER, or the one with this KEY of the list, off the list."""
    given = read_number(number)
    body = {"key": given} if _KEY.fullmatch(given) else {"to": given}
    click.echo(f"{box.post('stops', 'lift', body=body)['to_masked']} gets messages again")
