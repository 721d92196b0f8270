"""`simcourier send`: one message, and if wanted the wait for what becomes of it."""

from __future__ import annotations

import secrets
import sys
import time
from typing import TYPE_CHECKING

import click

from simcourier.cli.endings import EX_FAILED, EX_INTERRUPTED, Stop
from simcourier.cli.messages import FINAL, look_up
from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.polling import looks
from simcourier.cli.wording import between, count, lasting, printable, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 1.0
_SOON_S = 5.0
"""A message that waits for longer than this wants a word: a box that can send takes it at once."""
_REPORT_GRACE_S = 60.0
"""How long after its deadline a message that left is still waited for: a report may be under way."""


@click.command(
    epilog=example(
        'simcourier send +447700900001 "Your code is 493817" --wait',
        "echo Lunch is ready | simcourier send +447700900001 - --class bulk",
    )
)
@with_box
@click.argument("to")
@click.argument("text")
@click.option(
    "--wait",
    is_flag=True,
    help="Wait until it is delivered, or sent by a modem without reports (exit code 0), or has failed (1).",
)
@click.option(
    "--timeout", type=click.FloatRange(0), metavar="SECONDS", help="With --wait: wait no longer than this."
)
@click.option(
    "--ttl", type=click.IntRange(60, 86_400), metavar="SECONDS", help="Send it within this time or never."
)
@click.option(
    "--class", "message_class", type=click.Choice(["otp", "transactional", "bulk"]), help="Who goes first."
)
@click.option(
    "--on-unknown", type=click.Choice(["resend", "hold"]), help="When nobody can say whether it left."
)
@click.option(
    "--supersedes", metavar="KEY", help="Drop waiting messages to this number that carry the same key."
)
@click.option("--reference", metavar="WORD", help="Your own word for it, shown wherever it is shown.")
@click.option("--modem", metavar="NAME", help="Send it by this modem only.")
@click.option(
    "--max-segments", type=click.IntRange(1, 10), help="Refuse it if it takes more parts than this."
)
@json_option
def send(
    box: Box,
    to: str,
    text: str,
    wait: bool,
    timeout: float | None,
    message_class: str | None,
    as_json: bool,
    **options: str | int | None,
) -> None:
    """Send TEXT to the number TO, in international form; with - for TEXT it is read from standard input.

    Without --wait it ends once the message is on disk. With - the text stays out of your shell's history; nothing
    that is printed here shows it.
    """
    wanted = {"to": to, "text": _text(text), "class": message_class, **options}
    body = {name: value for name, value in wanted.items() if value is not None}
    accepted = _post(box, body)
    if not wait:
        write_json(accepted) if as_json else _confirm(accepted)
        return
    message, is_well = _follow(box, accepted, timeout, quiet=as_json)
    if as_json:
        write_json(message)
    if not is_well:
        raise SystemExit(EX_FAILED)


def _text(given: str) -> str:
    text = given
    if given == "-":
        raw = sys.stdin.buffer.read(1 << 20)
        # The line feed that ends what echo writes is not meant.
        text = raw.decode("utf-8", "surrogateescape").removesuffix("\n").removesuffix("\r")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Stop("the text is not UTF-8", 2) from None
    if not text:
        raise Stop("there is no text to send", 2)
    return text


def _post(box: Box, body: Json) -> Json:
    """Send, and once more where the connection broke: under the same key the box sends it only once."""
    from simcourier.cli.box import Unreachable

    key = f"cli-{secrets.token_hex(16)}"
    try:
        return box.post("messages", body=body, idempotency_key=key)
    except Unreachable:
        return box.post("messages", body=body, idempotency_key=key)


def _confirm(accepted: Json) -> None:
    segments = count(accepted["segments"], "segment")
    click.echo(f"{accepted['id']}  queued to {accepted['to_masked']}, {segments} of {accepted['alphabet']}")


def _follow(box: Box, accepted: Json, timeout: float | None, *, quiet: bool) -> tuple[Json, bool]:
    """Look until the message is at its end; returns it as it then stands, and whether that is well."""
    progress = Progress(quiet=quiet)
    # By the box's clock alone: this machine's may be another.
    life_s = between(accepted["created_at"], accepted["expires_at"])
    patience_s = life_s + _REPORT_GRACE_S if timeout is None else timeout
    message, is_well = accepted, False
    try:
        for _ in looks(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, patience_s):
            message = look_up(box, accepted["id"])
            progress.show(message)
            progress.hint(message)
            is_well = message["status"] == "delivered" or _is_all(box, message)
            if is_well or message["status"] in FINAL:
                break
    except KeyboardInterrupt:
        progress.end()
        click.echo(f"The message goes on without us: simcourier messages {accepted['id']}", err=True)
        raise SystemExit(EX_INTERRUPTED) from None
    progress.end()
    if not quiet:
        click.echo(summary(message))
    return message, is_well


def _is_all(box: Box, message: Json) -> bool:
    """Is `sent` all that will ever be known: did a modem take it that gets no delivery reports?"""
    if message["status"] != "sent" or not message.get("sent_by"):
        return False
    return bool(box.get("modems", message["sent_by"])["reports"] == "none")


class Progress:
    """One line on standard error that changes in place on a terminal, and else a line for each new state."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._in_place = sys.stderr.isatty()
        self._last = ""
        self._hinted = False
        self._began = time.monotonic()

    def show(self, message: Json) -> None:
        """Show where the message stands."""
        status = str(message["status"])
        if self._quiet:
            return
        if self._in_place:
            click.echo(f"\r\x1b[K{status}  {lasting(time.monotonic() - self._began)}", nl=False, err=True)
        elif status != self._last:
            click.echo(f"{status}  after {lasting(time.monotonic() - self._began)}", err=True)
        self._last = status

    def hint(self, message: Json) -> None:
        """Say once, of a message that waits for long, where it is told why."""
        waits = message["status"] == "queued" and time.monotonic() - self._began >= _SOON_S
        if waits and not self._hinted and not self._quiet:
            self._hinted = True
            self.end()
            click.echo(f"It still waits; this tells why: simcourier explain {message['id']}", err=True)

    def end(self) -> None:
        """Clear the line, for what is to be kept."""
        if self._in_place and not self._quiet:
            click.echo("\r\x1b[K", nl=False, err=True)


def summary(message: Json) -> str:
    """One line: the id, the state, each step with its time, and why where it did not arrive."""
    steps = [
        f"{event['status']} {lasting(between(message['created_at'], event['at']))}"
        for event in message["events"]
        if event["status"] != "queued" or event["detail"]
    ]
    by = f" by {message['sent_by']}" if message["sent_by"] else ""
    told = f"{message['id']}  {message['status']}{by}" + (f" ({', '.join(steps)})" if steps else "")
    if message["status"] == "delivered":
        return told
    details = [printable(event["detail"]) for event in message["events"] if event["detail"]]
    if message["status"] not in FINAL:
        details.append(
            "no delivery report until now" if message["status"] == "sent" else "not at its end yet"
        )
    return f"{told}: {details[-1]}" if details else told
