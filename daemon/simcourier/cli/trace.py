"""`simcourier trace`: what was said on a modem's port, masked, or recorded to be played again elsewhere."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simcourier.cli.endings import EX_INTERRUPTED, Stop
from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.polling import looks
from simcourier.cli.wording import console, printable, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json

_LOOK_EVERY_S = 0.5
_RECORDING_LOOK_S = 0.25


@click.command(
    epilog=example(
        "simcourier trace modem-1",
        "simcourier trace modem-1 --follow",
        "simcourier trace modem-1 --save modem-1.txt",
    )
)
@with_box
@click.argument("modem")
@click.option("--follow", "-f", is_flag=True, help="Go on with what is said from now on, until Ctrl-C.")
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Bring the modem up anew, record what is said, and write it to FILE, for `simcourier replay`.",
)
@click.option(
    "--seconds",
    type=click.IntRange(5, 600),
    default=60,
    show_default=True,
    help="How long to record; Ctrl-C ends it earlier.",
)
@json_option
def trace(box: Box, modem: str, follow: bool, save: Path | None, seconds: int, as_json: bool) -> None:
    """Show what was said on the port of MODEM; `<` went to the modem, `>` came from it.

    Seconds are those since the line before. Numbers, texts and PDUs are masked.

    With --save, a dialogue file is made that whoever supports an unknown modem can play: numbers, identities and
    texts in it are replaced by made-up ones. Meanwhile messages go through the other modems.
    """
    if save is not None:
        if follow or as_json:
            raise click.UsageError("--save goes with neither --follow nor --json.")
        _save(box, modem, save, seconds)
        return
    if as_json and not follow:
        write_json(box.get("modems", modem, "trace"))
        return
    try:
        _show(box, modem, follow=follow, as_json=as_json)
    except KeyboardInterrupt:
        raise SystemExit(EX_INTERRUPTED) from None


def _show(box: Box, modem: str, *, follow: bool, as_json: bool) -> None:
    seq, before_s = 0, None
    for _ in looks(_LOOK_EVERY_S, _LOOK_EVERY_S, math.inf if follow else 0.0):
        for line in box.get("modems", modem, "trace", after=seq)["items"]:
            click.echo(json.dumps(line) if as_json else _in_words(line, before_s))
            seq, before_s = line["seq"], line["at_s"]


def _save(box: Box, modem: str, path: Path, seconds: int) -> None:
    _see_room(path)
    box.post("modems", modem, "recording", body={"seconds": seconds})
    with suppress(KeyboardInterrupt):  # what was said by then is enough for whoever ends it
        _await(box, modem, seconds)
    recording = box.get("modems", modem, "recording")
    try:
        path.write_text(recording["dialogue"], "utf-8")
    except OSError as error:
        raise Stop(f"{path}: can't be written: {error.strerror}") from None
    click.echo(f"{path} has what was said. Look through it before you send it to anybody.")
    click.echo(f"Play it: simcourier replay {path}")


def _see_room(path: Path) -> None:
    """See that the file can be written before a modem is restarted for it. Raises Stop."""
    there = path.exists()
    try:
        path.open("ab").close()
        if not there:
            path.unlink()
    except OSError as error:
        raise Stop(f"{path}: can't be written: {error.strerror}") from None


def _await(box: Box, modem: str, seconds: int) -> None:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    err = console(err=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(f"Recording {modem}", total=seconds)
        for _ in looks(_RECORDING_LOOK_S, 1.0, seconds + 10.0):
            recording = box.get("modems", modem, "recording")
            bar.update(
                task,
                completed=seconds - recording["seconds_left"],
                description=f"Recording {printable(modem)}: {recording['entries']} so far",
            )
            if recording["seconds_left"] <= 0:
                return


def _in_words(line: Json, before_s: float | None) -> str:
    since_s = 0.0 if before_s is None else line["at_s"] - before_s
    return f"{since_s:+9.3f}  {line['direction']} {printable(line['text'])}"
