"""`simcourier limits`: how much may be sent to whom; seen, changed, lifted and blocked by an admin."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.wording import add_row, console, count, lasting, table, when, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json

SCOPES = ("number", "prefix", "country", "client", "box")
WINDOWS = ("gap", "second", "10-minutes", "hour", "day")
KINDS = ("verifications", "messages")
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"([1-9][0-9]{0,4})([smhd])")
_LOOKS_DIALLED = re.compile(r"(\+|00)[0-9 .()-]+|[0-9]{3,6}")
_ALL = "*"


@click.group(
    invoke_without_command=True,
    epilog=example(
        "simcourier limits",
        "simcourier limits show +447700900123",
        "simcourier limits set country hour 1000 --of GB",
        "simcourier limits lift +447700900123",
    ),
)
@with_box
@json_option
def limits(box: Box, as_json: bool) -> None:
    """Show the limits; change, lift or block.

    WHOM is a number, a country such as GB, the name of an API key, or the key of a prefix as the list shows it.
    """
    found = box.get("limits")
    write_json(found) if as_json else _show_all(found)


def _duration(_ctx: click.Context, _parameter: click.Parameter, given: str | None) -> int | None:
    if given is None:
        return None
    found = _DURATION.fullmatch(given)
    if found is None:
        raise click.BadParameter("write how long, such as 90s, 30m, 12h or 7d.")
    return int(found[1]) * _UNITS_S[found[2]]


def _until(_ctx: click.Context, _parameter: click.Parameter, given: str | None) -> int | None:
    if given is None:
        return None
    try:
        # Until a day means: until that day is over.
        end = datetime.combine(date.fromisoformat(given) + timedelta(days=1), datetime.min.time(), UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter("write a day, such as 2027-01-31.") from None
    left_s = int((end - datetime.now(UTC)).total_seconds())
    if left_s < 1:
        raise click.BadParameter("this day is over.")
    return left_s


def _for_a_while(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--for` and `--until`, which arrive as `for_s` and `until_s`."""
    command = click.option(
        "--for", "for_s", callback=_duration, metavar="TIME", help="How long, such as 30m, 12h or 7d."
    )(command)
    return click.option(
        "--until", "until_s", callback=_until, metavar="DAY", help="Until a day (UTC) is over: 2027-01-31."
    )(command)


def _scope_option(help_text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option("--scope", type=click.Choice(SCOPES), help=help_text)


_kind_option = click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="verifications",
    show_default=True,
    help="Codes that the box makes, or what applications write themselves.",
)


def _whom(given: str | None, scope: str | None = None) -> Json:
    """The fields that say whom: a number goes by `to`, all else by `key`."""
    named: Json = {} if scope is None else {"scope": scope}
    if given is None:
        return named
    return {**named, ("to" if _LOOKS_DIALLED.fullmatch(given) else "key"): given}


def _body(**fields: Any) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


@limits.command(epilog=example("simcourier limits show +447700900123", "simcourier limits show GB"))
@with_box
@click.argument("whom", required=False)
@_scope_option("What of a number: itself, its prefix or its country. Default: all three.")
@json_option
def show(box: Box, whom: str | None, scope: str | None, as_json: bool) -> None:
    """Show the limits, or what WHOM used of them."""
    if whom is None:
        found = box.get("limits")
        write_json(found) if as_json else _show_all(found)
        return
    used = box.post("limits", "lookup", body=_whom(whom, scope))
    write_json(used) if as_json else _show_use(used)


def _show_all(found: Json) -> None:
    budget = found["budget"]
    of = f" of {budget['maximum']}" if budget["maximum"] else ", no budget is set"
    click.echo(f"Today (UTC): {count(budget['segments'], 'segment')}{of}\n")
    _show_bounds(found["configured"], found["rules"])
    if found["rules"]:
        click.echo("\nSet by an admin")
        _show_rules(found["rules"])
    if found["blocks"]:
        click.echo("\nBlocked")
        _show_blocks(found["blocks"])


def _show_bounds(configured: list[Json], rules: list[Json]) -> None:
    """What holds where no rule names somebody."""
    holds = {(item["kind"], item["scope"], item["window"]): item["maximum"] for item in configured}
    for rule in rules:
        if rule["key"] in {_ALL, "day"}:
            holds[rule["kind"], rule["scope"], rule["window"]] = rule["maximum"]
    made = table("For each", "In", "Verifications", "Messages", right=("Verifications", "Messages"))
    for scope, window in dict.fromkeys((item["scope"], item["window"]) for item in configured):
        if scope != "box":
            row = [_bound(holds[kind, scope, window], window) for kind in KINDS]
            add_row(made, scope, window, *row)
    console().print(made)


def _bound(maximum: int, window: str) -> str:
    if maximum == 0:
        return "-"
    return f"{maximum} s" if window == "gap" else str(maximum)


def _show_rules(items: list[Json]) -> None:
    made = table("Kind", "Scope", "Whom", "In", "At most", "Until", "By", right=("At most",))
    for item in items:
        at_most = "any" if item["maximum"] == 0 else _bound(item["maximum"], item["window"])
        whom = item["shown"]
        add_row(
            made,
            item["kind"] or "-",
            item["scope"],
            whom,
            item["window"],
            at_most,
            when(item["until"]),
            item["set_by"],
        )
    console().print(made)


def _show_blocks(items: list[Json]) -> None:
    made = table("Scope", "Whom", "Key", "Since", "Until", "Why")
    for item in items:
        why = item["reason"] or f"by {item['set_by']}"
        key = item["key"] if item["scope"] in {"prefix", "number"} else "-"
        add_row(
            made, item["scope"], item["shown"], key, when(item["at"]), when(item["until"]), why, style="red"
        )
    console().print(made)


def _show_use(found: Json) -> None:
    made = table("Scope", "Whom", "Kind", "In", "Used", "At most", "Free in", right=("Used", "At most"))
    for use in found["uses"]:
        wait = lasting(use["wait_seconds"]) if use["wait_seconds"] else "-"
        used = "" if use["window"] == "gap" else use["used"]
        add_row(
            made,
            use["scope"],
            use["shown"],
            use["kind"],
            use["window"],
            used,
            _bound(use["maximum"], use["window"]),
            wait,
            style="yellow" if use["wait_seconds"] else "",
        )
    console().print(made)
    for share in found["shares"]:
        click.echo(
            f"{share['scope']} {share['shown']}: {share['confirmed']} of the last {share['codes']} codes confirmed"
        )
    if found["blocks"]:
        click.echo("\nBlocked")
        _show_blocks(found["blocks"])


@limits.command(
    "set",
    short_help="Let another bound hold, for all or for one.",
    epilog=example(
        "simcourier limits set country hour 1000 --of GB",
        "simcourier limits set number hour 20 --of +447700900123 --for 2h",
        "simcourier limits set box day 5000",
    ),
)
@with_box
@click.argument("scope", type=click.Choice(SCOPES))
@click.argument("window", type=click.Choice(WINDOWS))
@click.argument("maximum", type=click.IntRange(0, 10_000_000))
@click.option("--of", "whom", metavar="WHOM", help="Whom it is for. Default: all of the scope.")
@_kind_option
@_for_a_while
def set_limit(
    box: Box,
    scope: str,
    window: str,
    maximum: int,
    whom: str | None,
    kind: str,
    for_s: int | None,
    until_s: int | None,
) -> None:
    """Let at most MAXIMUM in WINDOW hold for SCOPE instead of what is configured; 0 is no bound.

    The window `gap` is the pause between two codes to a number, in seconds.
    """
    body = _body(kind=kind, window=window, maximum=maximum, for_seconds=for_s or until_s)
    rule = box.put("limits", "rules", body={**body, **_whom(whom or _every(scope), scope)})
    end = "" if rule["until"] is None else f", until {when(rule['until'])}"
    least = "at least" if window == "gap" else "at most"
    bound = "without a bound" if maximum == 0 else f"{least} {_bound(maximum, window)}"
    click.echo(f"{_named(rule)}, {window}: {bound}{end}")


def _named(target: Json) -> str:
    return "box" if target["scope"] == "box" else f"{target['scope']} {target['shown']}"


def _every(scope: str) -> str | None:
    return None if scope == "box" else _ALL


@limits.command(epilog=example("simcourier limits reset country hour --of GB"))
@with_box
@click.argument("scope", type=click.Choice(SCOPES))
@click.argument("window", type=click.Choice(WINDOWS))
@click.option("--of", "whom", metavar="WHOM", help="Whom it was for. Default: all of the scope.")
@_kind_option
def reset(box: Box, scope: str, window: str, whom: str | None, kind: str) -> None:
    """Let what is configured hold again."""
    body = {"kind": kind, "window": window, **_whom(whom or _every(scope), scope)}
    target = box.post("limits", "rules", "reset", body=body)
    click.echo(f"{_named(target)}, {window}: as configured")


@limits.command(epilog=example("simcourier limits lift +447700900123", "simcourier limits lift GB"))
@with_box
@click.argument("whom", required=False)
@_scope_option("What of a number: itself, its prefix or its country; box for the day's budget.")
def lift(box: Box, whom: str | None, scope: str | None) -> None:
    """Forget what was counted of WHOM, and unblock: it may begin anew."""
    lifted = box.post("limits", "lift", body=_whom(whom, scope))
    unblocked = ", and it is no longer blocked" if lifted["unblocked"] else ""
    click.echo(f"{_named(lifted)}: counted from zero{unblocked}")


@limits.command(
    short_help="Send to somebody, or for an API key, nothing more.",
    epilog=example("simcourier limits block +447700900123 --scope prefix --for 12h"),
)
@with_box
@click.argument("whom")
@_scope_option("What of a number: itself (the default), its prefix or its country.")
@click.option("--reason", metavar="TEXT", help="For the record; no numbers, please.")
@_for_a_while
def block(
    box: Box, whom: str, scope: str | None, reason: str | None, for_s: int | None, until_s: int | None
) -> None:
    """Send WHOM nothing more, of no kind; of an API key: send nothing more for it."""
    body = {**_whom(whom, scope), **_body(reason=reason, for_seconds=for_s or until_s)}
    blocked = box.post("limits", "block", body=body)
    end = "" if blocked["until"] is None else f", until {when(blocked['until'])}"
    click.echo(f"{blocked['scope']} {blocked['shown']} is blocked{end}")


@limits.command(epilog=example("simcourier limits unblock +447700900123 --scope prefix"))
@with_box
@click.argument("whom")
@_scope_option("What of a number: itself (the default), its prefix or its country.")
def unblock(box: Box, whom: str, scope: str | None) -> None:
    """Send to WHOM again; what was counted stays counted."""
    target = box.post("limits", "unblock", body=_whom(whom, scope))
    click.echo(f"{target['scope']} {target['shown']} is no longer blocked")
