"""`simcourier trace`: what was said on a modem's port; codes, texts and PDUs are masked where they are recorded."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import click

from simcourier.cli.endings import EX_INTERRUPTED
from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.polling import looks
from simcourier.cli.wording import printable, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json

_LOOK_EVERY_S = 0.5


@click.command(epilog=example("simcourier trace modem-1", "simcourier trace modem-1 --follow"))
@with_box
@click.argument("modem")
@click.option("--follow", "-f", is_flag=True, help="Go on with what is said from now on, until Ctrl-C.")
@json_option
def trace(box: Box, modem: str, follow: bool, as_json: bool) -> None:
    """Show what was said on the port of MODEM; `<` went to the modem, `>` came from it.

    Seconds are those since the line before. Numbers, texts and PDUs are masked.
    """
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


def _in_words(line: Json, before_s: float | None) -> str:
    since_s = 0.0 if before_s is None else line["at_s"] - before_s
    return f"{since_s:+9.3f}  {line['direction']} {printable(line['text'])}"
