"""`simcourier ussd`: ask the network something through a modem."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.wording import printable, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box

PATIENCE_S = 60.0
"""The box itself gives up after 40 s."""
_CODE = re.compile(r"[0-9*#]{1,40}")


def _code(_ctx: click.Context, _parameter: click.Parameter, given: str) -> str:
    if not _CODE.fullmatch(given):
        raise click.BadParameter("a code is made of digits, * and #, such as '*100#'.")
    return given


@click.command(epilog=example("simcourier ussd modem-1 '*100#'"))
@with_box
@click.argument("modem")
@click.argument("code", callback=_code)
@json_option
def ussd(box: Box, modem: str, code: str, as_json: bool) -> None:
    """Ask the network through MODEM by a CODE such as '*100#', and show the answer.

    Quote the code, or the shell takes the # for a comment. Menus can't be answered: the session is ended at once. Some
    codes cost money or change what the operator does with the SIM. The code is put on record, the answer is not.
    """
    answer = box.post("modems", modem, "ussd", body={"code": code}, patience_s=PATIENCE_S)
    if as_json:
        write_json(answer)
        return
    # Its own lines are kept: menus are unreadable without.
    for line in answer["text"].splitlines():
        click.echo(printable(line))
    if answer["asks"]:
        click.echo("The network waited for a reply; the session was ended.", err=True)
