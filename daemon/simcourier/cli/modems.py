"""`simcourier modems`: what every modem does, and an admin's hand on it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.wording import (
    add_row,
    balance,
    console,
    lasting,
    printable,
    share,
    signal_bars,
    table,
    when,
    write_json,
)

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json

UP = frozenset({"ready", "sending"})
"""The states in which a modem takes messages."""
_NOT_HEARD = frozenset({"absent", "opening", "probing"})
_WIDTH = 80
_MARKS = {"paused": "paused", "held": "held", "sandbox": "sandbox"}


class ModemGroup(click.Group):
    """Takes what is no command of it for the name of a modem, and shows that."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant."""
        is_name = bool(args) and args[0] not in self.commands and not args[0].startswith("-")
        return super().resolve_command(ctx, ["show", *args] if is_name else args)


@click.group(
    cls=ModemGroup,
    invoke_without_command=True,
    epilog=example("simcourier modems", "simcourier modems modem-1", "simcourier modems pause modem-1"),
)
@with_box
@json_option
def modems(box: Box, as_json: bool) -> None:
    """Show the modems, or with a NAME all that is known of one; pause, resume or restart one."""
    answer = box.get("modems")
    write_json(answer) if as_json else show_all(answer["items"])


def show_all(items: list[Json]) -> None:
    """The modems as a table."""
    if not items:
        click.echo("There is no modem: none is configured, and discovery found none.")
        return
    made = table("Modem", "State", "For", "Operator", "Signal", "Port", right=("For",))
    for item in items:
        is_well = item["state"] in UP and not item["paused"] and not item["held"]
        add_row(
            made,
            item["id"],
            _state(item),
            lasting(item["for_seconds"]),
            (_heard(item) and item["operator"]) or "-",
            signal_bars(item["signal_dbm"] if _heard(item) else None),
            item["port"],
            style="" if is_well else "yellow",
        )
    console().print(made)
    # Under the table, where a long reason has room; a modem that can send may have one too: no service centre.
    for said, names in _by_remark(items).items():
        _tell(f"{', '.join(names)}: {said}")


def _heard(item: Json) -> bool:
    """Whether operator and signal are those of now, and not of a time before the modem was unplugged."""
    return item["state"] not in _NOT_HEARD


def _state(item: Json) -> str:
    return ", ".join([str(item["state"]), *(mark for field, mark in _MARKS.items() if item[field])])


def _by_remark(items: list[Json]) -> dict[str, list[str]]:
    """Each remark with the modems that it is made of: what is said of many is said once."""
    found: dict[str, list[str]] = {}
    for item in items:
        for said in _remarks(item):
            found.setdefault(printable(said), []).append(printable(item["id"]))
    return found


def _remarks(item: Json) -> list[str]:
    """What is to be said of a modem beside its line."""
    said = [str(item["reason"])] if item["reason"] else []
    if item["held"]:
        said.append(held(item))
    if item["state"] in UP and item["reports"] == "none":
        said.append("it tells no delivery reports")
    known = item["balance"]
    if known is not None and known["low"]:
        said.append(f"its SIM runs low: {balance(known)}")
    return said


def held(item: Json) -> str:
    """Why a SIM sends nothing, and until when."""
    until = item["held_until"]
    if until is not None:
        return f"{item['held']}, until {when(until)}"
    waits = item.get("sim_state", item["state"]) == "waiting"
    return f"{item['held']}. If it is yours: simcourier sims approve" if waits else str(item["held"])


def _tell(said: str) -> None:
    click.echo(textwrap.fill(said, _WIDTH, subsequent_indent="  ", break_long_words=False))


@modems.command(epilog=example("simcourier modems show modem-1", "simcourier modems modem-1"))
@with_box
@click.argument("name")
@json_option
def show(box: Box, name: str, as_json: bool) -> None:
    """Show all that is known of the modem NAME."""
    item = box.get("modems", name)
    if as_json:
        write_json(item)
        return
    for label, value in describe(item):
        lines = textwrap.wrap(printable(value), _WIDTH - 14, break_long_words=False)
        click.echo(f"{label + ':':<14}" + "\n              ".join(lines))


def describe(item: Json) -> list[tuple[str, str]]:
    """What is known of a modem, by labels; what nobody knows is left out."""
    make = " ".join(filter(None, (item["manufacturer"], item["model"], item["revision"])))
    told = [
        ("state", f"{_state(item)}, for {lasting(item['for_seconds'])}"),
        ("reason", item["reason"]),
        ("held", held(item) if item["held"] else ""),
        (
            "network",
            ", ".join(filter(None, (item["operator"], item["registration"]))) if _heard(item) else "",
        ),
        ("signal", signal_bars(item["signal_dbm"] if _heard(item) else None)),
        ("SIM", _sim(item)),
        ("number", item["number"]),
        ("sent", _sent(item) if item["sim"] or item["state"] in UP else ""),
        ("balance", balance(item["balance"])),
        ("reports", item["reports"]),
        ("make", make),
        ("known as", item["quirks"]),
        ("IMEI", item["imei"]),
        ("port", " at USB ".join(filter(None, (item["port"], item["device"])))),
        ("recoveries", f"{item['failures']} since the last message" if item["failures"] else ""),
        ("faults", _faults(item)),
        ("last fault", _last_fault(item)),
    ]
    return [(label, str(value)) for label, value in told if value not in ("", "-")]


def _sim(item: Json) -> str:
    of = item["home_operator"] or item["network"]
    return ", ".join(filter(None, (item["sim"], f"of {of}" if of else "", item["sim_state"])))


def _sent(item: Json) -> str:
    used, pace = item["used"], item["pace"]
    spans = ("hour", "day", "month")
    return ", ".join(f"{share(used[span], pace[span])} this {span}" for span in spans)


def _faults(item: Json) -> str:
    return ", ".join(f"{name} {times}" for name, times in sorted(item["faults"].items()))


_STEPS = {
    "reset": ", by a restart of the modem",
    "reopen": ", its port opened anew",
    "reauthorise": ", its USB device taken away and given back",
    "power": ", its power switched off and on",
}


def _last_fault(item: Json) -> str:
    last = item["last_fault"]
    if last is None:
        return ""
    well_s = last["recovered_in_seconds"]
    by = _STEPS.get(str(last["recovered_by"]), "")
    ended = f"; well again after {lasting(well_s)}{by}" if well_s is not None else ""
    return f"{last['fault']} at {when(last['at'])}: {last['detail']}{ended}"


@modems.command(
    short_help="Give the modem NAME no more messages.", epilog=example("simcourier modems pause modem-1")
)
@with_box
@click.argument("name")
def pause(box: Box, name: str) -> None:
    """Give the modem NAME no more messages, also after a restart of the box."""
    box.post("modems", name, "pause")
    click.echo(
        f"{name} is paused; what it is sending now still leaves. Undo: simcourier modems resume {name}"
    )


@modems.command(epilog=example("simcourier modems resume modem-1"))
@with_box
@click.argument("name")
def resume(box: Box, name: str) -> None:
    """Let the modem NAME send again."""
    state = box.post("modems", name, "resume")["state"]
    click.echo(f"{name} is no longer paused; it is {state}")


@modems.command(
    short_help="Bring the modem NAME up anew.", epilog=example("simcourier modems restart modem-1")
)
@with_box
@click.argument("name")
def restart(box: Box, name: str) -> None:
    """Bring the modem NAME up anew; a PIN that was refused is tried once more."""
    box.post("modems", name, "restart")
    click.echo(f"{name} is coming up anew; watch it with: simcourier modems")
