"""`simcourier verify`: have a code made and sent, and prove it; in one sitting, or step by step."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from simcourier.cli.endings import EX_FAILED, Stop
from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.privacy import read_number
from simcourier.cli.wording import add_row, console, count, printable, table, when, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json

_ASK = "ask"


class NumberOrCommand(click.Group):
    """A group whose first word may be a number, an option or one of its commands: the first two mean `ask`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `ask` in front of what is no command."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [_ASK, *args]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Both forms."""
        return ["NUMBER [OPTIONS] | COMMAND ..."]


@click.group(
    cls=NumberOrCommand,
    epilog=example(
        "simcourier verify +447700900001",
        "simcourier verify +447700900001 --purpose payment --amount '12.50 EUR' --payee Acme",
        "simcourier verify start +447700900001",
        "simcourier verify check ver_... 048291",
    ),
)
def verify() -> None:
    """Have a code made and sent to NUMBER, ask for it here, and check it.

    The options are those of `simcourier verify ask`, which this is short for. The other commands do it step by step,
    for scripts.
    """


def _code_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what may be asked of a verification; it arrives as `asked`, by the names of the API."""
    for option in reversed(
        (
            click.option("--purpose", default="login", show_default=True, help="What the code is for."),
            click.option(
                "--ttl",
                type=int,
                metavar="SECONDS",
                help="How long it counts: 60 to 600. Default: the box's.",
            ),
            click.option("--locale", help="The language of the text, such as de or pt-BR."),
            click.option("--template", help="The text; see simcourier templates list."),
            click.option("--app", help="The name that stands in the text."),
            click.option("--amount", help="For a payment, such as '12.50 EUR'."),
            click.option("--payee", help="Who is paid."),
            click.option("--alphanumeric", is_flag=True, help="Letters and digits instead of digits."),
            click.option("--length", type=int, default=6, show_default=True, help="6 to 10 characters."),
        )
    ):
        command = option(command)
    return command


def _body(number: str, alphanumeric: bool, length: int, given: dict[str, str | int | None]) -> Json:
    code = {"type": "alphanumeric" if alphanumeric else "numeric", "length": length}
    fields = {name: value for name, value in given.items() if value is not None}
    return {"to": read_number(number), "code": code, **fields}


# --- in one sitting ---


@verify.command(
    _ASK, epilog=example("simcourier verify +447700900001", "simcourier verify ask +447700900001 --locale de")
)
@with_box
@click.argument("number")
@_code_options
def ask(box: Box, number: str, alphanumeric: bool, length: int, **given: str | int | None) -> None:
    """Send a code to NUMBER, ask for it, and check it.

    An empty line sends another code, Ctrl-C takes the verification back. Exit codes: 0 approved, 1 not.
    """
    if not sys.stdin.isatty():
        raise Stop("there is no terminal to ask for the code; use simcourier verify start, then check", 2)
    body = _body(number, alphanumeric, length, given)
    if not converse(box, body, lambda: input("Code (empty: send another): ")):
        raise SystemExit(EX_FAILED)


def converse(box: Box, body: Json, read_line: Callable[[], str]) -> bool:
    """Start a verification and see it to its end with what a person types; True where a code was right.

    Where the person leaves, by EOFError or KeyboardInterrupt of `read_line`, the verification is canceled.
    """
    started = _post_once(box, "verifications", body=body)
    try:
        _tell_sent(started)
        while True:
            typed = read_line().strip()
            if not typed:
                _send_another(box, started["id"])
            elif _prove(box, started["id"], typed):
                return True
    except _OverError as error:
        click.echo(str(error), err=True)
        return False
    except (KeyboardInterrupt, EOFError) as left:
        _take_back(box, started["id"])
        if isinstance(left, KeyboardInterrupt):
            raise
        return False


class _OverError(Exception):
    """The verification is at its end, and no code was right."""


def _tell_sent(started: Json) -> None:
    nth = f" ({started['sends']} of {started['sends_max']})" if started["sends"] > 1 else ""
    click.echo(
        f"A code is on its way to {started['to_masked']}{nth}. It expires at {when(started['expires_at'])}."
    )


def _send_another(box: Box, verification: str) -> None:
    from simcourier.cli.box import Refused

    try:
        _tell_sent(_post_once(box, "verifications", verification, "resend"))
    except Refused as refused:
        _go_on(refused)


def _prove(box: Box, verification: str, typed: str) -> bool:
    from simcourier.cli.box import Refused

    try:
        box.post("verifications", verification, "check", body={"code": typed})
    except Refused as refused:
        _go_on(refused)
        return False
    click.echo("Approved.")
    return True


def _go_on(refused: Any) -> None:
    """Say why it was refused, and go on asking where that makes sense. Raises _OverError."""
    left = refused.problem.get("attempts_remaining")
    if refused.code == "code-incorrect" and left:
        click.echo(f"That is not the code; {count(left, 'attempt')} left.", err=True)
    elif refused.code == "code-incorrect":
        raise _OverError("That is not the code, and it was the last attempt.")
    elif refused.code in _FOR_NOW or (
        refused.code == "recipient-locked" and "retry_after" in refused.problem
    ):
        click.echo(f"{refused.message}.".replace("..", "."), err=True)
    else:
        raise _OverError(refused.message)


_FOR_NOW = frozenset({"resend-too-soon", "rate-limited", "queue-full", "no-modem", "wait-exceeds-life"})
"""Refusals after which the code that was sent still counts."""


def _take_back(box: Box, verification: str) -> None:
    from simcourier.cli.box import Refused

    try:
        box.post("verifications", verification, "cancel")
    except Refused as refused:
        if refused.code != "verification-closed":
            raise
    click.echo("\nCanceled: the code counts no more.", err=True)


# --- step by step ---


@verify.command(
    short_help="Send a code and write the verification's id.",
    epilog=example("simcourier verify start +447700900001", "simcourier verify start - --json < number"),
)
@with_box
@click.argument("number")
@_code_options
@json_option
def start(
    box: Box, number: str, alphanumeric: bool, length: int, as_json: bool, **given: str | int | None
) -> None:
    """Send a code to NUMBER and write the verification's id; `-` reads the number from standard input."""
    started = _post_once(box, "verifications", body=_body(number, alphanumeric, length, given))
    write_json(started) if as_json else click.echo(started["id"])


@verify.command(
    short_help="Check the code that was typed.",
    epilog=example("simcourier verify check ver_... 048291", "simcourier verify check ver_... - < code"),
)
@with_box
@click.argument("verification", metavar="ID")
@click.argument("code")
@json_option
def check(box: Box, verification: str, code: str, as_json: bool) -> None:
    """Check the CODE that was typed; `-` reads it from standard input. Exit codes: 0 approved, 1 not."""
    from simcourier.cli.box import Refused

    typed = sys.stdin.readline().strip() if code == "-" else code
    try:
        approved = box.post("verifications", verification, "check", body={"code": typed})
    except Refused as refused:
        left = refused.problem.get("attempts_remaining")
        if as_json:
            write_json({key: refused.problem[key] for key in _TOLD if key in refused.problem})
        if left is None:
            raise
        raise Stop(f"this is not the code; {count(left, 'attempt')} left") from None
    write_json(approved) if as_json else click.echo(
        f"approved: {approved['to_masked']}, {approved['purpose']}"
    )


_TOLD = ("code", "detail", "reason", "attempts_remaining", "retry_after")


@verify.command(
    short_help="Send another code in place of the one before.",
    epilog=example("simcourier verify resend ver_..."),
)
@with_box
@click.argument("verification", metavar="ID")
@json_option
def resend(box: Box, verification: str, as_json: bool) -> None:
    """Send another code; the one before counts no more, the attempts stay counted."""
    started = _post_once(box, "verifications", verification, "resend")
    write_json(started) if as_json else _tell_sent(started)


@verify.command(epilog=example("simcourier verify cancel ver_..."))
@with_box
@click.argument("verification", metavar="ID")
def cancel(box: Box, verification: str) -> None:
    """Take a verification back: its code counts no more."""
    box.post("verifications", verification, "cancel")
    click.echo(f"{verification} is canceled")


@verify.command(
    short_help="Show how far a verification is.", epilog=example("simcourier verify show ver_...")
)
@with_box
@click.argument("verification", metavar="ID")
@json_option
def show(box: Box, verification: str, as_json: bool) -> None:
    """Show how far a verification is, and the messages that carried its codes."""
    found = box.get("verifications", verification)
    write_json(found) if as_json else _describe(found)


def _describe(found: Json) -> None:
    why = f": {printable(found['reason'])}" if found["reason"] else ""
    click.echo(f"{found['id']}  {found['status']}{why}")
    click.echo(f"to {found['to_masked']}, {found['purpose']}, {found['template']} ({found['locale']})")
    over = (
        f"over {when(found['closed_at'])}" if found["closed_at"] else f"expires {when(found['expires_at'])}"
    )
    click.echo(f"started {when(found['created_at'])}, {over}")
    click.echo(
        f"{found['sends']} of {count(found['sends_max'], 'code')} sent, "
        f"{found['attempts']} of {count(found['max_attempts'], 'attempt')} used"
    )
    made = table("Sent", "State", "Message", whole=("Message",))
    for message in found["messages"]:
        add_row(made, when(message["created_at"]), message["status"], message["id"])
    console().print(made)


def _post_once(box: Box, *path: str, body: Json | None = None) -> Json:
    """POST, and once more where the connection broke: under the same key the box sends only one code."""
    import secrets

    from simcourier.cli.box import Unreachable

    key = f"cli-{secrets.token_hex(16)}"
    try:
        return box.post(*path, body=body, idempotency_key=key)
    except Unreachable:
        return box.post(*path, body=body, idempotency_key=key)
