"""The command line tells what it can do, and tells it at once."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from cli_process import call
from click.testing import CliRunner

from simcourier import __version__
from simcourier.cli.group import COMMANDS, simcourier
from simcourier.cli.keys import DEFAULT_SCOPES, create
from simcourier.cli.messages import FINAL, STATUSES
from simcourier.cli.send import send
from simcourier.outbox import message
from simcourier.service import SCOPES


def every_command() -> list[list[str]]:
    found = []
    for name in COMMANDS:
        command = simcourier.get_command(click.Context(simcourier), name)
        found.append([name])
        if isinstance(command, click.Group):
            found += [[name, other] for other in command.commands]
    return found


def test_the_list_of_commands_is_shown_without_importing_what_they_need() -> None:
    program = (
        "import sys\nfrom simcourier.cli.group import simcourier\n"
        "try:\n simcourier(['--help'])\nexcept SystemExit:\n pass\n"
        "heavy = {'rich', 'msgspec', 'sqlalchemy', 'flask', 'structlog', 'simcourier.config', 'simcourier.app'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert shown.stderr.strip() == "[]"
    assert all(name in shown.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_list_fits_the_command(name: str) -> None:
    command = simcourier.get_command(click.Context(simcourier), name)
    assert command is not None
    assert command.name == name
    assert COMMANDS[name].endswith(".")


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_help_has_an_example_that_begins_with_the_command(words: list[str]) -> None:
    shown = CliRunner().invoke(simcourier, [*words, "--help"])
    assert shown.exit_code == 0
    assert "Example" in shown.output
    assert f"simcourier {' '.join(words)}" in shown.output.partition("Example")[2]


def test_the_version_is_the_package_s() -> None:
    assert call("--version").stdout == f"simcourier {__version__}\n"


def test_an_unknown_command_is_a_wrong_use() -> None:
    ended = call("sned")
    assert ended.returncode == 2
    assert "sned" in ended.stderr


def test_the_scopes_in_the_help_are_those_there_are() -> None:
    assert create.help is not None
    assert all(scope in create.help for scope in SCOPES)
    assert set(DEFAULT_SCOPES) < set(SCOPES)


def test_the_words_for_states_and_classes_are_the_outbox_s() -> None:
    assert set(STATUSES) == set(message.Status)
    assert set(FINAL) == set(message.FINAL)
    choices = {option.name: option.type for option in send.params}
    assert isinstance(choices["message_class"], click.Choice)
    assert set(choices["message_class"].choices) == set(message.MessageClass)
    assert isinstance(choices["on_unknown"], click.Choice)
    assert set(choices["on_unknown"].choices) == set(message.OnUnknown)


def test_no_line_in_a_list_of_commands_is_cut_off() -> None:
    for name in COMMANDS:
        shown = CliRunner().invoke(simcourier, [name, "--help"]).output
        listed = shown.partition("\nCommands:\n")[2].partition("\n\n")[0]
        assert "..." not in listed, name
