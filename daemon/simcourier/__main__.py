"""Start the command line: `simcourier ...` or `python -m simcourier ...`."""

from __future__ import annotations


def main() -> None:
    """Run the command that the arguments name, and exit."""
    from simcourier.cli.group import simcourier

    simcourier(prog_name="simcourier")


if __name__ == "__main__":
    main()
