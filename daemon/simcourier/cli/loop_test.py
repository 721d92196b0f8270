"""`simcourier loop-test`: one SIM texts another, to find the one that "sends" and delivers nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from simcourier.cli.endings import EX_FAILED, EX_INTERRUPTED
from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.polling import looks
from simcourier.cli.wording import add_row, between, console, count, lasting, table, when, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 2.0
_PATIENCE_S = 3600.0 + 600.0
"""The longest that a test may take (`loop_test.patience`), and a queue before it."""
_UNDER_WAY = "under-way"
_WELL = frozenset({"arrived"})


@click.command(
    epilog=example(
        "simcourier loop-test --wait",
        "simcourier loop-test modem-1 --to modem-2 --wait",
        "simcourier loop-test --list",
    )
)
@with_box
@click.argument("modem", required=False)
@click.option("--to", metavar="MODEM", help="The modem whose SIM is texted; any other one without this.")
@click.option("--wait", is_flag=True, help="Wait for what comes of it: exit code 0 where every test arrived.")
@click.option("--list", "listing", is_flag=True, help="Show the last tests and begin none.")
@json_option
def loop_test(box: Box, modem: str | None, to: str | None, wait: bool, listing: bool, as_json: bool) -> None:
    """Have the SIM in MODEM text another SIM of this box; without MODEM each SIM that may send does so.

    Each test costs one message. A SIM whose tests get lost may be blocked or have no credit, though every send
    succeeds; after a few in a row it sends nothing more (loop_test.losses_to_suspend) until a test arrives.
    """
    if listing:
        _show(box.get("loop-tests")["items"], as_json=as_json)
        return
    body = {name: value for name, value in (("modem", modem), ("to", to)) if value is not None}
    tests = box.post("loop-tests", body=body)["items"]
    if wait:
        tests = _follow(box, tests, quiet=as_json)
    _show(tests, as_json=as_json)
    if wait and any(test["outcome"] not in _WELL for test in tests):
        raise SystemExit(EX_FAILED)


def _follow(box: Box, tests: list[Json], *, quiet: bool) -> list[Json]:
    """Look until every test has ended; each is told when it has."""
    try:
        for _ in looks(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _PATIENCE_S):
            tests = [_look(box, test, quiet=quiet) for test in tests]
            if all(test["outcome"] != _UNDER_WAY for test in tests):
                break
    except KeyboardInterrupt:
        click.echo("The tests go on without us: simcourier loop-test --list", err=True)
        raise SystemExit(EX_INTERRUPTED) from None
    return tests


def _look(box: Box, before: Json, *, quiet: bool) -> Json:
    if before["outcome"] != _UNDER_WAY:
        return before
    test = box.get("loop-tests", before["id"])
    if test["outcome"] != _UNDER_WAY and not quiet:
        click.echo(f"{test['modem']} to {test['to']}: {test['outcome']} after {_took(test)}", err=True)
    return test


def _took(test: Json) -> str:
    return "-" if test["ended_at"] is None else lasting(between(test["at"], test["ended_at"]))


def _show(tests: list[Json], *, as_json: bool) -> None:
    if as_json:
        write_json({"items": tests})
        return
    if not tests:
        click.echo("There was no loop test yet. Begin one: simcourier loop-test --wait")
        return
    made = table("From", "To", "At", "Outcome", "Took", "Why", right=("Took",))
    for test in tests:
        is_bad = test["outcome"] in {"lost", "not-sent"}
        add_row(
            made,
            test["modem"],
            test["to"],
            when(test["at"]),
            test["outcome"].replace("-", " "),
            _took(test),
            test["detail"],
            style="yellow" if is_bad else "",
        )
    console().print(made)
    lost = sum(test["outcome"] == "lost" for test in tests)
    if lost:
        click.echo(
            f"{count(lost, 'test')} lost: the SIM may be blocked or have no credit; try it in a phone."
        )
