"""`simcourier privacy`: tell or erase all that is held about a number."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.wording import count, when, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json

_STILL_OPEN = (
    ("waiting", "message that waits", "messages that wait"),
    ("on_their_way", "message that awaits its report", "messages that await their reports"),
    ("pending_verifications", "open verification", "open verifications"),
)


@click.group(
    epilog=example("simcourier privacy export +447700900001", "simcourier privacy erase +447700900001")
)
def privacy() -> None:
    """Tell or erase all that is held about a number.

    Other users of this machine can see a number on the command line in the list of processes: write - and give it on
    standard input where that matters.
    """


def read_number(given: str) -> str:
    """The number of an argument; `-`: the first line of standard input."""
    return sys.stdin.readline().strip() if given == "-" else given


@privacy.command(
    short_help="Write all that is held about a number, as JSON.",
    epilog=example("simcourier privacy export +447700900001 > person.json"),
)
@with_box
@click.argument("number")
def export(box: Box, number: str) -> None:
    """Write as JSON all that is held about NUMBER: messages, verifications, counts, audit.

    No code and no text is in it.
    """
    write_json(box.post("privacy", "export", body={"to": read_number(number)}))


@privacy.command(
    epilog=example("simcourier privacy erase +447700900001", "simcourier privacy erase - --yes < number")
)
@with_box
@click.argument("number")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
def erase(box: Box, number: str, yes: bool, as_json: bool) -> None:
    """Erase what is held about NUMBER, for good.

    What still waits, is on its way or awaits its report stays until it is over, and so does what holds a lock or a
    limit: an erasure must not be a way around them. Both are told.
    """
    to = read_number(number)
    if not yes:
        click.confirm("Erase for good what is held about this number?", abort=True, err=True)
    answer = box.post("privacy", "erase", body={"to": to})
    if as_json:
        write_json(answer)
        return
    for line in describe(answer):
        click.echo(line)


def describe(answer: Json) -> list[str]:
    """The lines that tell a person what was erased, and what was not."""
    lines = [
        f"Erased: {count(answer['messages'], 'message')}, {count(answer['verifications'], 'verification')}, "
        f"{count(answer['inbound'], 'message')} from it, "
        f"{count(answer['unmatched_reports'], 'report')}, {count(answer['mentions'], 'mention')} in webhooks and kept "
        f"answers; taken out of {count(answer['audit_entries'], 'line')} of the "
        "audit."
    ]
    held = answer["still_held"]
    still_open = [
        f"{held[name]} {one if held[name] == 1 else many}" for name, one, many in _STILL_OPEN if held[name]
    ]
    if still_open:
        lines.append(f"Not yet: {', '.join(still_open)}. Ask again after {when(held['again_after'])}.")
    if held["stops"]:
        lines.append("Kept under a keyed hash: that this number wants no more messages (simcourier stops).")
    kept = held["locks"] + held["counters"] + held["rules"]
    if kept:
        lines.append(
            f"Kept under a keyed hash, without the number: {count(held['locks'], 'lock')}, "
            f"{count(held['counters'], 'counter')}, {count(held['rules'], 'rule')}. They go when they end."
        )
    if not answer["files_clean"]:
        lines.append("A reader was at work: the last traces leave the database's files within a minute.")
    return lines
