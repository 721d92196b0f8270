"""`simcourier replay`: play a recorded dialogue against this version, without modem, box or network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simcourier.cli.endings import EX_FAILED, Stop
from simcourier.cli.options import example, json_option
from simcourier.cli.wording import printable, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simcourier.modem.rehearsal.dialogue import Step
    from simcourier.modem.rehearsal.verdict import Verdict


@click.command(epilog=example("simcourier replay modem-1.txt"))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def replay(file: Path, as_json: bool) -> None:
    """Play the dialogue in FILE: does this version say what is written there, and can it send through such a modem?

    First line by line, as it was recorded. Where the two part, the modem is played freely from what the file has it
    answer. Exit codes: 0 it goes as written, 1 it does not.
    """
    from simcourier.modem.rehearsal import dialogue, player, verdict

    try:
        steps = dialogue.read(file.read_text("utf-8"), str(file))
    except OSError as error:
        raise Stop(f"{file}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Stop(f"{file}: is not a text in UTF-8") from None
    except dialogue.DialogueFileError as error:
        raise Stop(str(error)) from None
    parted = ""
    try:
        player.Player(steps, str(file)).play()
    except player.DivergedError as error:
        parted = str(error)
    found = verdict.freely(steps)
    if as_json:
        write_json({"goes_as_written": not parted, "parted": parted, **verdict.plain(found)})
    else:
        _show(steps, parted, found)
    if parted:
        raise SystemExit(EX_FAILED)


def _show(steps: Sequence[Step], parted: str, found: Verdict) -> None:
    if parted:
        click.echo(f"It does not go as written. {printable(parted)}")
    else:
        click.echo(f"It goes as written, all {len(steps)} lines.")
    click.echo("Played freely, from what the modem answers in this file:")
    for name, value in (
        ("modem", found.made),
        ("known as", found.quirks),
        ("state", f"{found.state}: {found.reason}" if found.reason else found.state),
        ("reports", found.reports),
        ("sends", found.sends),
        ("not in the file", ", ".join(found.unanswered)),
    ):
        if value:
            click.echo(f"  {name:<16}{printable(value)}")
