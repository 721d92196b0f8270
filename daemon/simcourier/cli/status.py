"""`simcourier status`: how the running box is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.wording import between, count, lasting, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json


@click.command(epilog=example("simcourier status", "simcourier status --json"))
@with_box
@json_option
def status(box: Box, as_json: bool) -> None:
    """Show how the running box is: its modems, its queue, its disk."""
    answer = box.get("status")
    if as_json:
        write_json(answer)
        return
    for line in describe(answer):
        click.echo(line)


def describe(answer: Json) -> list[str]:
    """The lines that tell a person what `GET /v1/status` told."""
    running_s = between(answer["started_at"], answer["now"])
    waiting = sum(answer["queue"].values())
    lines = [
        f"{_verdict(answer)} (simcourier {answer['version']}, running for {lasting(running_s)})",
        f"modems:     {answer['modems_up']} of {answer['modems']} can send",
        f"waiting:    {count(waiting, 'message')}{_waiting_since(answer)}",
        f"in flight:  {count(answer['in_flight'], 'message')}",
        f"free disk:  {answer['free_mb']} MB",
    ]
    lines += [
        f"hub {hub['hub']}:".ljust(12)
        + f"gone with its {hub['modems']} modems; see to its power and its cable"
        for hub in answer.get("dead_hubs", ())
    ]
    if answer.get("unmatched_reports"):
        lines.append(
            f"unmatched:  {count(answer['unmatched_reports'], 'delivery report')} of no message here"
        )
    if waiting:
        by_class = ", ".join(f"{depth} {name}" for name, depth in answer["queue"].items() if depth)
        lines.insert(3, f"            {by_class}")
    return lines


def _verdict(answer: Json) -> str:
    if not answer["healthy"]:
        return "STUCK: the thread that writes does not turn; restart the box"
    if not answer["ready"]:
        return "NO MODEM CAN SEND; see simcourier modems"
    return "ready"


def _waiting_since(answer: Json) -> str:
    oldest = answer["oldest_queued_at"]
    return "" if oldest is None else f", the oldest for {lasting(between(oldest, answer['now']))}"
