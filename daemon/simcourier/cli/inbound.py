"""`simcourier inbound`: what people wrote to the SIM cards, and what comes in from now on."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import click

from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.wording import count, printable, when, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json

_PAGE = 200
_ANCHOR = 1_000
"""Messages that are kept in mind to see what is new: some of them may be erased."""
_PAUSE_S = 2.0
_KINDS = {"stop": "wants no more messages", "start": "wants messages again", "data": "no text, as hex"}


@click.command(
    epilog=example("simcourier inbound", "simcourier inbound --unacked --ack", "simcourier inbound --follow")
)
@with_box
@click.option("--unacked", is_flag=True, help="Only what nobody acknowledged, the oldest first.")
@click.option("--ack", is_flag=True, help="Acknowledge what is shown.")
@click.option("--follow", is_flag=True, help="Go on and show what comes in, until Ctrl-C.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most."
)
@json_option
def inbound(box: Box, unacked: bool, ack: bool, follow: bool, limit: int, as_json: bool) -> None:
    """Show what people wrote to the SIM cards, with whole numbers and texts.

    Anybody can write anything under any number: nothing in a text is a command to the box, and characters that would
    steer a terminal are written out.
    """
    found = _gather(box, limit, unacked=unacked)
    # The newest is read last, as a conversation is.
    found = found if unacked else found[::-1]
    if as_json and not follow:
        write_json({"items": found})
    else:
        _show(found, as_json=as_json)
    if not found and not follow and not as_json:
        click.echo("Nothing came in." if not unacked else "Nothing waits to be acknowledged.")
    _acknowledge(box, found if ack else [])
    if follow:
        _follow(box, found, ack=ack, as_json=as_json)


def _gather(box: Box, limit: int, *, unacked: bool) -> list[Json]:
    found: list[Json] = []
    cursor = None
    while len(found) < limit:
        asked = {"unacked": "true"} if unacked else {}
        page = box.get("inbound", limit=min(_PAGE, limit - len(found)), cursor=cursor, **asked)
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    return found


def _follow(box: Box, shown: list[Json], *, ack: bool, as_json: bool) -> None:
    anchor = deque(_anchor(box, shown), maxlen=_ANCHOR)
    since = max((item["received_at"] for item in anchor), default="")
    while True:
        time.sleep(_PAUSE_S)
        new = newer(box, {item["id"] for item in anchor}, since)
        _show(new, as_json=as_json)
        _acknowledge(box, new if ack else [])
        anchor.extend(new)
        since = max(since, *(item["received_at"] for item in new)) if new else since


def _anchor(box: Box, shown: list[Json]) -> list[Json]:
    """What was shown and some that are older, these first: new is what came behind all that."""
    items: list[Json] = box.get("inbound", limit=_PAGE)["items"]
    ids = {item["id"] for item in shown}
    last = len(items) if shown else 0
    first = next((place for place, item in enumerate(items) if item["id"] in ids), last)
    return [*items[:first:-1], *items[first : first + 1], *shown]


def newer(box: Box, known: set[str], since: str = "") -> list[Json]:
    """What came in behind the messages with these ids, the oldest first; without any everything there is.

    Where all of these were erased meanwhile, it is what came after `since`.
    """
    found: list[Json] = []
    cursor = None
    while True:
        page = box.get("inbound", limit=_PAGE, cursor=cursor)
        for item in page["items"]:
            if item["id"] in known:
                return found[::-1]
            found.append(item)
        cursor = page["next_cursor"]
        if cursor is None:
            return [item for item in found[::-1] if item["received_at"] > since]


def _acknowledge(box: Box, items: list[Json]) -> None:
    for item in items:
        if item["acked_at"] is None:
            box.post("inbound", item["id"], "ack")


def _show(items: list[Json], *, as_json: bool) -> None:
    for item in items:
        if as_json:
            write_json(item)
        else:
            for line in describe(item):
                click.echo(line)


def describe(item: Json) -> list[str]:
    """A message for a person: who, when and by which modem; then what it says."""
    said = [f"{when(item['received_at'])}  {printable(item['from'])}", f"by {printable(item['modem'])}"]
    if item["missing"]:
        said.append(f"{count(item['missing'], 'part')} of {item['parts']} missing")
    if item["kind"] in _KINDS:
        said.append(_KINDS[item["kind"]])
    if item["acked_at"] is None:
        said.append("not acknowledged")
    text = item["text"]
    return [", ".join(said), f"  {printable(text)}" if text is not None else "  (its key is lost)"]
