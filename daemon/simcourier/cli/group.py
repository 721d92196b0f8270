"""The command `simcourier` itself: its list of commands, without importing any of them before it is called."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import click

from simcourier import __version__
from simcourier.cli.endings import EX_CONFIG, EX_FAILED, EX_INTERRUPTED, EX_TEMPFAIL, Stop
from simcourier.errors import ConfigError, EquipmentError, RequestError, UnavailableError

COMMANDS = {
    "run": "Run the appliance in the foreground.",
    "demo": "Try the appliance out, on virtual modems where no real one answers.",
    "check": "Check the configuration and each modem, with a verdict in words.",
    "status": "Show how the running box is.",
    "modems": "Show the modems; pause, resume or restart one.",
    "sims": "Show the SIM cards; approve, refuse or forget one.",
    "balance": "Ask what prepaid SIMs have left.",
    "ussd": "Ask the network something by a code such as *100#.",
    "send": "Send a text and, if wanted, wait for its delivery report.",
    "messages": "Show the last messages, or one with its history.",
    "explain": "Tell why a message went through the SIM that it did, or why it waits.",
    "verify": "Have a code made and sent, ask for it, and check it.",
    "activity": "Show what happened for a number.",
    "unlock": "Lift the lock that wrong codes brought about for a number.",
    "trace": "Show what was said on a modem's port, with secrets masked; record it.",
    "replay": "Play what was recorded of a modem against this version.",
    "inbound": "Show what people wrote to the SIM cards.",
    "stops": "Show who wants no more messages; add or lift one.",
    "loop-test": "Have one SIM text another, to find the one that delivers nothing.",
    "templates": "Show, check and define the texts in which codes are sent.",
    "webhooks": "Register, test and remove the endpoints that are told what happened.",
    "limits": "Show, change and lift what may be sent to whom.",
    "keys": "Create, list, rotate and revoke API keys.",
    "privacy": "Tell or erase all that is held about a number.",
    "audit": "Show who did what, and prove that the record is whole.",
    "secrets": "Show and replace the keys that seal what is on disk.",
    "virtual": "Run virtual modems, to try things without hardware.",
}
"""Each command and its line in the list; module and command have the command's name, with _ for -."""


class LazyGroup(click.Group):
    """Knows its commands by name, imports one when it is called, and turns our errors into endings."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of use rather than of the alphabet."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command, or None where there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(import_module(f"simcourier.cli.{name}"), name)
        assert isinstance(command, click.Command)  # noqa: S101 - a command module holds its command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list from the table: importing every command for it would take a second."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. What it writes is for its own user only.

        An error that somebody else must act on becomes one sentence and an exit code.
        """
        os.umask(0o077)
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            raise Stop(str(error), EX_CONFIG) from None
        except UnavailableError as error:
            raise Stop(str(error), EX_TEMPFAIL) from None
        except (RequestError, EquipmentError) as error:
            raise Stop(str(error), EX_FAILED) from None
        except KeyboardInterrupt:
            ctx.exit(EX_INTERRUPTED)


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with: simcourier demo",
)
@click.version_option(__version__, message="simcourier %(version)s")
def simcourier() -> None:
    """Send one-time codes by SMS, through SIM cards in USB modems.

    `simcourier COMMAND --help` tells more about each command, with an example.
    """
