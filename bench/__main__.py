"""The command line of the benches: `python -m bench [PART ...] [--quick] [--out FILE]`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import click
from rich.console import Console

from bench import results
from bench.context import Context
from bench.parts import PARTS
from bench.processes import ProgramError


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option("--quick", is_flag=True, help="Small counts, one round: does it all work? Not for figures.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Where the tables go (bench/RESULTS.md; none for --quick)."
)
@click.option(
    "--dir", "base", type=click.Path(path_type=Path, exists=True), default="/var/tmp",  # noqa: S108 - a fresh directory in it
    help="A directory on a real disk for everything temporary.",
)  # fmt: skip
@click.option(
    "--rounds", type=click.IntRange(1), help="How often each measurement is repeated (3; 1 for --quick)."
)
@click.option("--kills", default=200, show_default=True, help="How often the crash part kills the daemon.")
@click.option("--against", default="", metavar="COMMIT", help="What the part of this name compares with.")
def main(
    parts: tuple[str, ...],
    quick: bool,
    out: Path | None,
    base: Path,
    rounds: int | None,
    kills: int,
    against: str,
) -> None:
    """Measure simcourier and its peers on virtual modems; without PART all of it.

    A part that is run anew replaces its own section of the results. Ends with 1 where a part found a violation.
    """
    if out is None and not quick:
        out = Path(__file__).with_name("RESULTS.md")
    console = Console()
    right = True
    with Context(console, base, quick=quick, rounds=rounds, kills=kills, against=against) as context:
        for name in parts or PARTS:
            console.rule(name)
            context.tables = []
            stamp = results.stamp(context.root, sys.argv[1:])
            context.say("\n".join(stamp))
            try:
                right = importlib.import_module(f"bench.parts.{name}").run(context) and right
            except (ProgramError, OSError) as error:
                context.say(f"{name}: {error}")
                right = False
            if out is not None:
                results.write(out, name, stamp, context.tables)
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
