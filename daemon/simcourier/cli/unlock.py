"""`simcourier unlock`: an admin lifts what wrong codes brought about for a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from simcourier.cli.activity import holdups
from simcourier.cli.options import example, with_box
from simcourier.cli.privacy import read_number

if TYPE_CHECKING:
    from simcourier.cli.box import Box


@click.command(epilog=example("simcourier unlock +447700900001", "simcourier unlock - --yes < number"))
@with_box
@click.argument("number")
@click.option("--yes", is_flag=True, help="Don't ask.")
def unlock(box: Box, number: str, yes: bool) -> None:
    """Lift the lock and the delays that wrong codes brought about for NUMBER, and count from zero.

    Somebody may have been guessing: look at simcourier activity first. What may be sent to the number is another
    matter, for simcourier limits lift.
    """
    to = read_number(number)
    found = box.post("numbers", "activity", body={"to": to})
    who, what = found["to_masked"], "; ".join(holdups(found))
    if not yes and what:
        click.echo(f"{who}: {what}", err=True)
        click.confirm("Lift this?", abort=True, err=True)
    lifted = box.post("numbers", "unlock", body={"to": to})["unlocked"]
    if lifted:
        click.echo(f"{who}: lifted{f' ({what})' if what else ''}; the next wrong code counts as the first")
    else:
        click.echo(f"{who}: there was nothing to lift")
