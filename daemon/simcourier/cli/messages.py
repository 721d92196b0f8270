"""`simcourier messages`: the last messages, or one with its history. Texts are never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.wording import (
    add_row,
    between,
    console,
    count,
    lasting,
    printable,
    table,
    when,
    write_json,
)

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json

STATUSES = (
    "queued",
    "sending",
    "sent",
    "delivered",
    "undelivered",
    "failed",
    "expired",
    "superseded",
    "canceled",
    "unknown",
)
"""`simcourier.outbox.message.Status`, without importing the outbox for a list of words."""
FINAL = frozenset({"delivered", "undelivered", "failed", "expired", "superseded", "canceled"})
_PAGE = 200
_STYLES = {"delivered": "green", "undelivered": "red", "failed": "red", "expired": "red", "unknown": "yellow"}


@click.command(epilog=example("simcourier messages --status failed --limit 5", "simcourier messages msg_..."))
@with_box
@click.argument("message_id", metavar="[ID]", required=False)
@click.option("--status", type=click.Choice(STATUSES), help="Only messages in this state.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most."
)
@json_option
def messages(box: Box, message_id: str | None, status: str | None, limit: int, as_json: bool) -> None:
    """Show the last messages, newest first, or the message ID with its history.

    Numbers are masked, and texts are not shown.
    """
    if message_id is not None:
        message = look_up(box, message_id)
        write_json(message) if as_json else show_one(message)
        return
    found = _list(box, status, limit)
    if as_json:
        write_json({"items": found})
    elif found:
        show(found)
    else:
        click.echo("There is no message." if status is None else f"There is no {status} message.")


def look_up(box: Box, message_id: str) -> Json:
    """One message with its history; without its text, which a terminal would keep."""
    message = box.get("messages", message_id)
    message.pop("text", None)
    return message


def _list(box: Box, status: str | None, limit: int) -> list[Json]:
    found: list[Json] = []
    cursor = None
    while len(found) < limit:
        page = box.get("messages", status=status, limit=min(_PAGE, limit - len(found)), cursor=cursor)
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    return found


def show(items: list[Json]) -> None:
    """Messages as a table that fits 80 columns with whole ids, where all are codes."""
    mixed = any(item["class"] != "otp" for item in items)
    heads = ["Accepted", "State", "After", "To", *(["Class"] if mixed else []), "Modem", "Id"]
    made = table(*heads, right=("After",), whole=("Accepted", "State", "After", "To", "Id"))
    for item in items:
        report = item["dlr"]
        after = "-" if report is None else lasting(between(item["created_at"], report["at"]))
        cells = [when(item["created_at"]), item["status"], after, item["to_masked"]]
        cells += [item["class"]] if mixed else []
        cells += [item["sent_by"] or item["modem"] or "-", item["id"]]
        add_row(made, *cells, style=_STYLES.get(item["status"], ""))
    console().print(made)


def show_one(message: Json) -> None:
    """One message: what it is, then what happened to it."""
    segments = count(message["segments"], "segment")
    click.echo(f"{message['id']}  {message['status']}")
    click.echo(
        f"to {message['to_masked']}, {message['class']}, {segments} of {message['alphabet']}", nl=False
    )
    click.echo("" if message["reference"] is None else f", reference {printable(message['reference'])}")
    click.echo(f"accepted {when(message['created_at'])}, expires {when(message['expires_at'])}")
    made = table("Time", "After", "State", "Modem", "What happened", right=("After",))
    for event in message["events"]:
        after = lasting(between(message["created_at"], event["at"]))
        add_row(made, when(event["at"]), after, event["status"], event["modem"] or "-", event["detail"] or "")
    console().print(made)
