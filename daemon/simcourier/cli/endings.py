"""How a command ends: the exit codes, and one sentence on standard error."""

from __future__ import annotations

from typing import IO, Any

import click

EX_FAILED = 1
EX_CONFIG = 78
"""sysexits.h: the configuration is at fault, and starting again would not help."""
EX_TEMPFAIL = 75
"""sysexits.h: something is in use or not there yet; starting again may help."""
EX_INTERRUPTED = 130


class Stop(click.ClickException):
    """End the command: `sentence` goes to standard error, `exit_code` to the shell."""

    def __init__(self, sentence: str, exit_code: int = EX_FAILED) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code  # type: ignore[misc] # click declares it for the class and reads it of the instance

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the sentence, after the name of the program."""
        click.echo(f"simcourier: {self.message}", file=file, err=file is None)
