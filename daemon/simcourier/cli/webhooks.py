"""`simcourier webhooks`: where applications are told what happened, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from simcourier.cli.endings import EX_FAILED, Stop
from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.wording import add_row, console, table, when, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json

_PATH = "webhook-endpoints"


@click.group(
    epilog=example(
        "simcourier webhooks add https://app.example:8443/hooks", "simcourier webhooks test whk_..."
    )
)
def webhooks() -> None:
    """Register, test and remove the endpoints that are told what happened.

    A target must be on the list allowed_targets in the table [webhooks] of the configuration.
    """


@webhooks.command("list", epilog=example("simcourier webhooks list"))
@with_box
@json_option
def list_endpoints(box: Box, as_json: bool) -> None:
    """List the endpoints, without their secrets."""
    answer = box.get(_PATH)
    if as_json:
        write_json(answer)
    elif answer["items"]:
        _show_all(answer["items"])
    else:
        click.echo("There is no endpoint. Register one: simcourier webhooks add URL")


def _show_all(items: list[Json]) -> None:
    made = table("Id", "URL", "Client", "Told of", "State", "Waiting", right=("Waiting",))
    for item in items:
        add_row(
            made,
            item["id"],
            item["url"],
            item["client"] or "all",
            ", ".join(item["types"]) or "everything",
            "enabled" if item["enabled"] else f"disabled: {item['disabled_reason']}",
            item["waiting"],
            style="" if item["enabled"] else "yellow",
        )
    console().print(made)


@webhooks.command(
    short_help="Register an endpoint and print its secret.",
    epilog=example("simcourier webhooks add https://app.example:8443/hooks --type message.delivered"),
)
@with_box
# Not called url: that is the box's own, of --url.
@click.argument("target", metavar="URL")
@click.option("--client", metavar="KEY-ID", help="Tell it of this client's messages only. Default: of all.")
@click.option(
    "--type",
    "types",
    multiple=True,
    metavar="TYPE",
    help="What to tell it, such as message.delivered; may be given several times. Default: everything.",
)
@json_option
def add(box: Box, target: str, client: str | None, types: tuple[str, ...], as_json: bool) -> None:
    """Register URL and print its secret, and only it, on standard output. It is shown this once."""
    answer = box.post(_PATH, body={"url": target, "client": client, "types": list(types)})
    _tell_secret(
        answer, f"{answer['id']} is registered; try it: simcourier webhooks test {answer['id']}", as_json
    )


def _tell_secret(answer: Json, sentence: str, as_json: bool) -> None:
    if as_json:
        write_json(answer)
        return
    click.echo(sentence, err=True)
    click.echo(answer["secret"])


@webhooks.command(epilog=example("simcourier webhooks show whk_..."))
@with_box
@click.argument("endpoint")
@json_option
def show(box: Box, endpoint: str, as_json: bool) -> None:
    """Show one endpoint, without its secret."""
    answer = box.get(_PATH, endpoint)
    if as_json:
        write_json(answer)
        return
    _show_all([answer])
    if answer["old_secret_until"] is not None:
        click.echo(f"The secret before this one signs too until {when(answer['old_secret_until'])}.")


@webhooks.command(
    short_help="Make a new secret and print it.", epilog=example("simcourier webhooks rotate whk_...")
)
@with_box
@click.argument("endpoint")
@json_option
def rotate(box: Box, endpoint: str, as_json: bool) -> None:
    """Make a new secret and print it, and only it, on standard output.

    The one before it signs too for 24 hours, so that the receiver can learn the new one.
    """
    answer = box.post(_PATH, endpoint, "rotate-secret")
    until = when(answer["old_secret_until"])
    _tell_secret(answer, f"{endpoint} has a new secret; the one before it signs too until {until}", as_json)


@webhooks.command(
    short_help="Send webhook.test to an endpoint now.", epilog=example("simcourier webhooks test whk_...")
)
@with_box
@click.argument("endpoint")
@json_option
def test(box: Box, endpoint: str, as_json: bool) -> None:
    """Send webhook.test to an endpoint now; the exit code says whether it took it."""
    answer = box.post(_PATH, endpoint, "test")
    if as_json:
        write_json(answer)
    if not answer["delivered"]:
        raise Stop(f"the endpoint did not take the test: {answer['error']}", EX_FAILED)
    if not as_json:
        click.echo(f"The endpoint took the test: status {answer['status']} after {answer['took_ms']} ms")


@webhooks.command(epilog=example("simcourier webhooks deliveries whk_... --limit 20"))
@with_box
@click.argument("endpoint")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="How many to show.")
@json_option
def deliveries(box: Box, endpoint: str, limit: int, as_json: bool) -> None:
    """Show the newest deliveries to an endpoint."""
    answer = box.get(_PATH, endpoint, "deliveries", limit=limit)
    if as_json:
        write_json(answer)
    elif answer["items"]:
        _show_deliveries(answer["items"])
    else:
        click.echo("Nothing was told to this endpoint yet.")


def _show_deliveries(items: list[Json]) -> None:
    made = table(
        "Event", "Type", "State", "Tries", "Happened", "Last try", "Next try", "Said", right=("Tries",)
    )
    for item in items:
        said = item["error"] or (f"status {item['status']}" if item["status"] is not None else "-")
        add_row(
            made,
            item["id"],
            item["type"],
            item["state"],
            item["attempts"],
            when(item["created_at"]),
            when(item["last_at"]),
            when(item["next_at"]),
            said,
            style="yellow" if item["error"] else "",
        )
    console().print(made)


@webhooks.command(epilog=example("simcourier webhooks enable whk_..."))
@with_box
@click.argument("endpoint")
def enable(box: Box, endpoint: str) -> None:
    """Tell a disabled endpoint what happens from now on."""
    box.post(_PATH, endpoint, "enable")
    click.echo(f"{endpoint} is enabled; what happened meanwhile is not told")


@webhooks.command(epilog=example("simcourier webhooks remove whk_..."))
@with_box
@click.argument("endpoint")
def remove(box: Box, endpoint: str) -> None:
    """Remove an endpoint; what waits for it is dropped."""
    box.delete(_PATH, endpoint)
    click.echo(f"{endpoint} is removed")
