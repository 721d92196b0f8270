"""`simcourier sims`: the SIM cards, what they sent and may, and an admin's yes or no."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from simcourier.cli.endings import Stop
from simcourier.cli.modems import held
from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.wording import add_row, balance, console, printable, share, table, when, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json

_WIDTH = 80
_SHORTEST = 4
"""Digits at the end of a SIM's number that stand for the whole."""
_STATES = {"approved": "may send", "waiting": "waits", "refused": "refused"}


@click.group(
    invoke_without_command=True,
    epilog=example("simcourier sims", "simcourier sims approve 8944500000000000001"),
)
@with_box
@json_option
def sims(box: Box, as_json: bool) -> None:
    """Show the SIM cards; approve, refuse or forget one.

    With sims.approve = "by-admin" a SIM that was never seen, or that moved to another stick, sends nothing until you
    approve it. A SIM is named by its number (ICCID), by the last digits of it, or by the modem that it is in. Day and
    month count segments, of how many where that is bounded; a modem in brackets is the one that a SIM was last in.
    """
    answer = box.get("sims")
    write_json(answer) if as_json else show(answer["items"])


def show(items: list[Json]) -> None:
    """The cards as a table."""
    if not items:
        click.echo("No SIM has been seen yet.")
        return
    items = sorted(items, key=lambda item: (str(item["modem"]), not item["present"], str(item["id"])))
    tested = any(item["last_loop_test"] for item in items)
    heads = ("SIM", "Operator", "Modem", "State", "Day", "Month", "Balance")
    made = table(
        *heads, *(("Loop test",) if tested else ()), right=("Day", "Month", "Balance"), whole=("SIM",)
    )
    for item in items:
        test = item["last_loop_test"]
        cells = [
            item["id"],
            item["operator"] or item["network"] or "-",
            item["modem"] if item["present"] else f"({item['modem']})",
            _STATES[item["state"]] + (", held" if item["held"] and item["state"] == "approved" else ""),
            share(item["used"]["day"], item["pace"]["day"]),
            share(item["used"]["month"], item["pace"]["month"]),
            balance(item["balance"]),
        ]
        cells += [test["outcome"] if test else "-"] if tested else []
        add_row(made, *cells, style="yellow" if item["held"] else "")
    console().print(made)
    for item in items:
        if item["held"]:
            said = f"{printable(item['name'] or item['id'])}: {printable(held(item))}"
            click.echo(textwrap.fill(said, _WIDTH, subsequent_indent="  ", break_long_words=False))


def find(items: list[Json], given: str) -> Json:
    """The SIM that is meant. Raises Stop."""
    if any(item["id"] == given for item in items):
        return next(item for item in items if item["id"] == given)
    found = [item for item in items if given and _is_meant(item, given)]
    if len(found) != 1:
        many = "no SIM is" if not found else f"{len(found)} SIMs are"
        raise Stop(f"{many} meant by {printable(given)}; see simcourier sims", 1)
    return found[0]


def _is_meant(item: Json, given: str) -> bool:
    if given.isdecimal() and len(given) >= _SHORTEST and item["id"].endswith(given):
        return True
    return bool(item["present"]) and given in (item["modem"], item["name"])


def _decide(box: Box, given: str, what: str) -> Json:
    item = find(box.get("sims")["items"], given)
    box.post("sims", item["id"], what)
    return item


@sims.command(
    epilog=example("simcourier sims approve 8944500000000000001", "simcourier sims approve modem-1 modem-2")
)
@with_box
@click.argument("sims", metavar="SIM...", nargs=-1, required=True)
def approve(box: Box, sims: tuple[str, ...]) -> None:
    """Let each SIM send that waits, or that was refused."""
    for given in sims:
        item = _decide(box, given, "approve")
        click.echo(f"{item['id']} in {item['modem']} may send")


@sims.command(epilog=example("simcourier sims refuse 8944500000000000001"))
@with_box
@click.argument("sim")
def refuse(box: Box, sim: str) -> None:
    """Let SIM send nothing, in whatever modem it is."""
    item = _decide(box, sim, "refuse")
    click.echo(f"{item['id']} sends nothing more. Undo: simcourier sims approve {item['id']}")


@sims.command(
    short_help="Drop SIM from the list, as if it had never been seen.",
    epilog=example("simcourier sims forget 8944500000000000001"),
)
@with_box
@click.argument("sim")
def forget(box: Box, sim: str) -> None:
    """Drop SIM from the list, as if it had never been seen; what it sent stays counted."""
    item = _decide(box, sim, "forget")
    again = "; it is still plugged in, so it is new again" if item["present"] else ""
    click.echo(f"{item['id']} is forgotten, first seen {when(item['first_seen_at'])}{again}")
