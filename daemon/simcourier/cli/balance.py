"""`simcourier balance`: ask what prepaid SIMs have left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from simcourier.cli import wording
from simcourier.cli.endings import EX_FAILED
from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.ussd import PATIENCE_S
from simcourier.cli.wording import add_row, console, printable, table, when, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json

_READY = "ready"
_NO_CODE = "policy-violation"


@click.command(epilog=example("simcourier balance", "simcourier balance modem-1"))
@with_box
@click.argument("modem", required=False)
@json_option
def balance(box: Box, modem: str | None, as_json: bool) -> None:
    """Ask what the SIM in MODEM has left, or every SIM whose operator has a balance_code.

    The box asks by itself every so many hours (balance_hours), and tells when a SIM runs low. What it heard last
    stands in `simcourier sims`.
    """
    names = [modem] if modem is not None else _able(box)
    told, failed = [], {}
    for name in names:
        item, why = _ask(box, name, alone=modem is not None)
        told += [] if item is None else [{"modem": name, **item}]
        if why:
            failed[name] = why
    write_json({"items": told}) if as_json else _show(told, failed)
    for name, why in failed.items():
        click.echo(f"{printable(name)}: {printable(why)}", err=True)
    if failed:
        raise SystemExit(EX_FAILED)


def _able(box: Box) -> list[str]:
    return [item["id"] for item in box.get("modems")["items"] if item["state"] == _READY]


def _ask(box: Box, name: str, *, alone: bool) -> tuple[Json | None, str]:
    """The balance, or why there is none; neither for one of many that can't be asked at all."""
    from simcourier.cli.box import Refused

    try:
        return box.post("modems", name, "balance", patience_s=PATIENCE_S), ""
    except Refused as refused:
        if alone:
            raise
        return None, "" if refused.code == _NO_CODE else str(refused)


def _show(told: list[Json], failed: dict[str, str]) -> None:
    if not told:
        if not failed:
            click.echo("No modem is ready whose SIM's operator has a balance_code ([[operators]]).")
        return
    made = table("Modem", "Balance", "At", right=("Balance",))
    for item in told:
        add_row(
            made,
            item["modem"],
            wording.balance(item),
            when(item["at"]),
            style="yellow" if item["low"] else "",
        )
    console().print(made)
