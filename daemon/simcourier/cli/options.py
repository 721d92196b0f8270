"""Options that several commands share, and what is made of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from simcourier.errors import ConfigError

if TYPE_CHECKING:
    from simcourier.config import Config

DEFAULT_CONFIG = Path("/etc/simcourier/simcourier.toml")
_Command = TypeVar("_Command", bound=Callable[..., Any])


def config_option(command: _Command) -> _Command:
    """Add `--config FILE`, which arrives as `config: Path | None`."""
    return click.option(
        "--config",
        # Not click's own checks: the sentence about a file that can't be read, and the exit code, are config.load's.
        type=click.Path(path_type=Path, readable=False),
        metavar="FILE",
        envvar="SIMCOURIER_CONFIG",
        help=f"The configuration. Default: {DEFAULT_CONFIG}, if there is one.",
    )(command)


def json_option(command: _Command) -> _Command:
    """Add `--json`, which arrives as `as_json: bool`."""
    return click.option("--json", "as_json", is_flag=True, help="Write JSON instead of a table.")(command)


def example(*lines: str) -> str:
    """An epilog that shows how the command is called; click leaves its lines as they are."""
    word = "Example" if len(lines) == 1 else "Examples"
    return "\n".join([f"\b\n{word}:", *(f"  {line}" for line in lines)])


def load_config(given: Path | None) -> tuple[Config, Path]:
    """Read the configuration that was given, or else the default one. Raises ConfigError."""
    from simcourier import config

    path = given
    if path is None:
        if not _is_there(DEFAULT_CONFIG):
            raise ConfigError(
                f"there is no {DEFAULT_CONFIG}; give a configuration with --config FILE, or try simcourier demo"
            )
        path = DEFAULT_CONFIG
    return config.load(path), path


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        # In a directory that is closed to us: what can't be read says so when it is read.
        return True


@dataclass(frozen=True, slots=True)
class Where:
    """Which box is meant, as far as the options before a subcommand's name tell."""

    config: Path | None = None
    url: str | None = None
    key: str | None = None


def with_box(command: Callable[..., None]) -> Callable[..., None]:
    """Give the command the running box as its first argument, by `--config` or by `--url` and `--key`.

    A group is called only where no subcommand is; the options may then stand before the subcommand's name or after.
    """

    @config_option
    @click.option("--url", metavar="URL", help="A box elsewhere, such as http://10.0.0.5:8080; needs a key.")
    @click.option(
        "--key",
        metavar="KEY",
        envvar="SIMCOURIER_KEY",
        help="An API key (or SIMCOURIER_KEY, which other users of this machine can't see in the list of processes).",
    )
    @functools.wraps(command)
    @click.pass_context
    def connected(
        ctx: click.Context, /, *args: Any, config: Path | None, url: str | None, key: str | None, **rest: Any
    ) -> None:
        from simcourier.cli.box import connect

        before: Where = ctx.obj or Where()
        where = Where(config or before.config, url or before.url, key or before.key)
        if ctx.invoked_subcommand is None:
            command(connect(where.config, where.url, where.key), *args, **rest)
        else:
            ctx.obj = where

    return connected
