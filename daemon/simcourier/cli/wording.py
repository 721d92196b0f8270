"""Values as a person reads them, and the tables they stand in."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_PIPE_WIDTH = 200
"""Columns of a table that goes into a pipe, where nobody's window is too small."""


def when(rfc3339: str | None, now: datetime | None = None) -> str:
    """A time as the local clock shows it; with the date, unless it is today's."""
    if rfc3339 is None:
        return "-"
    at = datetime.fromisoformat(rfc3339).astimezone()
    today = (now or datetime.now(UTC)).astimezone().date()
    return at.strftime("%H:%M:%S" if at.date() == today else "%Y-%m-%d %H:%M:%S")


def between(earlier: str, later: str) -> float:
    """Seconds from one RFC 3339 time to another."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def lasting(seconds: float) -> str:
    """A duration in one or two units: `0.42 s`, `7 s`, `3 min`, `5 h 20 min`, `2 d 3 h`."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def count(number: int, noun: str) -> str:
    """`1 modem`, `2 modems`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def signal_bars(dbm: int | None) -> str:
    """Signal strength as four bars and dBm; from -73 dBm on it is as good as it matters."""
    if dbm is None:
        return "-"
    bars = sum(dbm >= limit for limit in (-103, -93, -83, -73))
    return "▂▄▆█"[:bars].ljust(4, "·") + f" {dbm} dBm"


def share(used: int, bound: int) -> str:
    """`12`, or where there is a bound `12/100`."""
    return f"{used}/{bound}" if bound else str(used)


def balance(known: dict[str, Any] | None) -> str:
    """What a SIM has left: `3.20 EUR`."""
    return "-" if known is None else f"{known['amount']:.2f} {known['unit']}".rstrip()


def printable(text: object) -> str:
    """The text with what could steer a terminal made visible: a modem's words are not ours."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in str(text)
    )


def console(*, err: bool = False) -> Console:
    """Where tables go."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    return Console(stderr=err, width=None if stream.isatty() else _PIPE_WIDTH, highlight=False)


def table(*columns: str, right: tuple[str, ...] = (), whole: tuple[str, ...] = ()) -> Table:
    """An empty table with these heads; those in `right` align to the right, those in `whole` are not folded."""
    from rich import box
    from rich.table import Table

    made = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, show_edge=False, header_style="bold"
    )
    for head in columns:
        made.add_column(
            head, justify="right" if head in right else "left", overflow="fold", no_wrap=head in whole
        )
    return made


def add_row(made: Table, *cells: object, style: str = "") -> None:
    """Add a row of plain text: nothing in a cell is taken for markup."""
    from rich.text import Text

    made.add_row(*(Text(printable(cell)) for cell in cells), style=style)


def write_json(value: Any) -> None:
    """Write a value as JSON on standard output; it may be a terminal, so what could steer one is escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    click.echo(
        "".join(
            character if character.isprintable() or character == "\n" else json.dumps(character)[1:-1]
            for character in text
        )
    )
