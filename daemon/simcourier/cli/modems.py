"""`simcourier modems`: what every modem does, and an admin's hand on it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.wording import add_row, console, lasting, printable, signal_bars, table, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json

UP = frozenset({"ready", "sending"})
"""The states in which a modem takes messages."""
_WIDTH = 80


@click.group(
    invoke_without_command=True,
    epilog=example("simcourier modems", "simcourier modems pause modem-1"),
)
@with_box
@json_option
def modems(box: Box, as_json: bool) -> None:
    """Show the modems; pause, resume or restart one."""
    answer = box.get("modems")
    write_json(answer) if as_json else show(answer["items"])


def show(items: list[Json]) -> None:
    """The modems as a table."""
    if not items:
        click.echo("There is no modem: none is configured, and discovery found none.")
        return
    made = table("Modem", "State", "For", "Operator", "Signal", "Reports", "Port", right=("For",))
    for item in items:
        add_row(
            made,
            item["id"],
            _state(item),
            lasting(item["for_seconds"]),
            item["operator"] or "-",
            signal_bars(item["signal_dbm"]),
            item["reports"],
            item["port"],
            style="" if item["state"] in UP and not item["paused"] else "yellow",
        )
    console().print(made)
    # Under the table, where a long reason has room; a modem that can send may have one too: no service centre.
    for item in items:
        if item["reason"]:
            _tell_reason(item)


def _state(item: Json) -> str:
    return ", ".join([str(item["state"]), *(mark for mark in ("paused", "sandbox") if item.get(mark))])


def _tell_reason(item: Json) -> None:
    said = f"{printable(item['id'])}: {printable(item['reason'])}"
    click.echo(textwrap.fill(said, _WIDTH, subsequent_indent="  ", break_long_words=False))


@modems.command(epilog=example("simcourier modems pause modem-1"))
@with_box
@click.argument("name")
def pause(box: Box, name: str) -> None:
    """Give the modem NAME no more messages, also after a restart of the box."""
    box.post("modems", name, "pause")
    click.echo(
        f"{name} is paused; what it is sending now still leaves. Undo: simcourier modems resume {name}"
    )


@modems.command(epilog=example("simcourier modems resume modem-1"))
@with_box
@click.argument("name")
def resume(box: Box, name: str) -> None:
    """Let the modem NAME send again."""
    state = box.post("modems", name, "resume")["state"]
    click.echo(f"{name} is no longer paused; it is {state}")


@modems.command(epilog=example("simcourier modems restart modem-1"))
@with_box
@click.argument("name")
def restart(box: Box, name: str) -> None:
    """Bring the modem NAME up anew; a PIN that was refused is tried once more."""
    box.post("modems", name, "restart")
    click.echo(f"{name} is coming up anew; watch it with: simcourier modems")
