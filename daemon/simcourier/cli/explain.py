"""`simcourier explain`: why a message went through the SIM that it did, or why it waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.wording import add_row, console, lasting, printable, table, when, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json


@click.command(epilog=example("simcourier explain msg_..."))
@with_box
@click.argument("message_id", metavar="ID")
@json_option
def explain(box: Box, message_id: str, as_json: bool) -> None:
    """Tell why the message ID went through the SIM that it did, or why it waits."""
    told = box.get("messages", message_id, "explain")
    write_json(told) if as_json else show(told)


def show(told: Json) -> None:
    """First each SIM that was taken, then what is to be said of each SIM while the message waits."""
    click.echo(f"{told['id']}  {told['status']}")
    if told["attempts"]:
        _show_attempts(told["attempts"])
    elif told["status"] != "queued":
        click.echo("No SIM was ever taken for it.")
    if told["status"] == "queued" and told["why"] is not None:
        _show_waiting(told)
    elif told["why"] is not None:
        click.echo(f"{told['status']}: {printable(told['why'])}")


def _show_attempts(attempts: list[Json]) -> None:
    made = table("Time", "Modem", "Why this one, and what came of it", whole=("Time", "Modem"))
    for attempt in attempts:
        add_row(made, when(attempt["at"]), attempt["modem"] or "-", attempt["why"] or "not on record")
        ended = [word for word in (attempt["ended"], attempt["detail"]) if word]
        add_row(made, "", "", f"then {': '.join(ended) or 'nothing yet'}")
    console().print(made)


def _show_waiting(told: Json) -> None:
    again = f"; the next try is at {when(told['next_try_at'])}" if told["next_try_at"] else ""
    click.echo(f"It waits: {printable(told['why'])}{again}.")
    if not told["sims"]:
        return
    made = table("Modem", "Takes it", "Why", "Arrives in", right=("Arrives in",), whole=("Modem", "Takes it"))
    # Those that may take it in the order in which they are wanted, the others by name.
    for sim in sorted(
        told["sims"], key=lambda sim: (not sim["may"], "" if sim["may"] else str(sim["modem"]))
    ):
        why = f"{sim['why']}: {sim['detail']}" if sim["detail"] else sim["why"]
        until = f", until {when(sim['until'])}" if sim["until"] else ""
        expected = "-" if sim["expected_s"] is None else lasting(sim["expected_s"])
        add_row(made, sim["modem"], "yes" if sim["may"] else "no", why + until, expected)
    console().print(made)
