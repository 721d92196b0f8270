"""`simcourier activity`: what happened for a number, without its codes and texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.privacy import read_number
from simcourier.cli.wording import add_row, console, count, table, when, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json

_COUNTS = (
    ("starts", "verification"),
    ("checks", "check"),
    ("failures", "wrong code"),
    ("messages", "message"),
)
_WORDS = {
    "verification.start": "code sent",
    "verification.resend": "code sent again",
    "verification.incorrect": "wrong code",
    "verification.approved": "approved",
    "verification.cancel": "canceled",
    "recipient.locked": "LOCKED",
    "recipient.unlocked": "unlocked",
}
_STYLES = {"recipient.locked": "red", "verification.incorrect": "yellow"}


@click.command(epilog=example("simcourier activity +447700900001", "simcourier activity - --json < number"))
@with_box
@click.argument("number")
@json_option
def activity(box: Box, number: str, as_json: bool) -> None:
    """Show what happened for NUMBER, newest first: codes sent and checked, messages, locks.

    No code and no text is in it. `-` reads the number from standard input, where nobody sees it in the list of
    processes.
    """
    found = box.post("numbers", "activity", body={"to": read_number(number)})
    if as_json:
        write_json(found)
        return
    counts = ", ".join(count(found["counts"][name], noun) for name, noun in _COUNTS)
    click.echo(f"{found['to_masked']}: {counts}")
    for line in holdups(found):
        click.echo(line)
    if found["items"]:
        click.echo()
        _show(found["items"])


def holdups(found: Json) -> list[str]:
    """The lines that tell what stands against checks of a number; none where nothing does, or for no admin."""
    lines = []
    if found["consecutive_failures"]:
        lines.append(f"{count(found['consecutive_failures'], 'wrong code')} in a row")
    if found["locked_at"]:
        lines.append(f"LOCKED since {when(found['locked_at'])}")
    if found["delayed_until"]:
        lines.append(f"no check until {when(found['delayed_until'])}")
    return lines


def _show(items: list[Json]) -> None:
    made = table("Time", "What", "Purpose", "By", "Id", whole=("Id",))
    for item in items:
        add_row(
            made,
            when(item["at"]),
            _WORDS.get(item["action"], item["action"].replace(".", " ")),
            item["purpose"] or "-",
            item["client"],
            item["id"] or "-",
            style=_STYLES.get(item["action"], ""),
        )
    console().print(made)
