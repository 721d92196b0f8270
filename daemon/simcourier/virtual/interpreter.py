"""The command line of a modem: what was typed, echoed, split, carried out and answered (ITU-T V.250 section 5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcourier.virtual import oddities, syntax
from simcourier.virtual.commands import Answer, Prompt
from simcourier.virtual.commands_27005 import ALL_COMMANDS
from simcourier.virtual.errors import FinalError
from simcourier.virtual.line import CR
from simcourier.virtual.oddities import SilentError
from simcourier.virtual.settings import Settings

if TYPE_CHECKING:
    from simcourier.virtual.modem import Modem


class Interpreter:
    """Reads command lines for a modem and carries them out."""

    def __init__(self, modem: Modem) -> None:
        self._modem = modem
        self._line = b""
        self._answers: dict[str, str] = {}
        self._has_heard = False

    def use(self, settings: Settings) -> None:
        """Follow new settings."""
        self._answers = {key.upper().removeprefix("AT"): text for key, text in settings.answers.items()}

    def power_on(self) -> None:
        """Find the line's speed anew, where the make does that."""
        self._line = b""
        self._has_heard = not self._modem.equipment.profile.loses_first

    def forget(self, line: bytes = b"") -> None:
        """Drop the line that was begun; `line` is what another program has left there."""
        self._line = line

    def read(self, now: float) -> None:
        """Take what was typed, up to the end of a line."""
        modem = self._modem
        typed, end, modem.typed = modem.typed.partition(CR)
        limit = modem.equipment.profile.command_limit
        line = self._line + typed
        if not end:
            modem.echo(typed, now)
            self._line = line[: limit + 1]
            return
        self._line = b""
        if not self._has_heard:
            self._has_heard = True
            return
        modem.echo(typed + end, now)
        body = syntax.tidy(line)
        if len(line) > limit:
            modem.finish([], "ERROR", now)
        elif body is not None:
            self._execute(body, now)

    def _execute(self, body: bytes, now: float) -> None:
        modem, profile = self._modem, self._modem.equipment.profile
        answers: list[list[str]] = []
        final = "OK"
        try:
            for command in syntax.split(body):
                answer = self._carry_out(command, now)
                if isinstance(answer, Prompt):
                    modem.submission.open(answer, now)
                    return
                if answer:
                    answers.append(
                        [line + "\r" for line in answer] if command.name in profile.stuttering else answer
                    )
                if profile.unfinished and command.key in profile.unfinished:
                    final = ""
        except syntax.LineError:
            final = "ERROR"
        except FinalError as error:
            final = error.line(modem.equipment.cmee)
        except SilentError:
            return
        modem.finish(answers, final, now)
        modem.follow_up(now)

    def _carry_out(self, command: syntax.Command, now: float) -> Answer:
        if self._answers:
            canned = self._canned(command)
            if canned is not None:
                return oddities.given(canned)
        equipment = self._modem.equipment
        profile = equipment.profile
        if profile.chatter:
            self._modem.hush(command.key + command.args)
        if profile.interrupts_cpms and command.key == "+CPMS=":
            self._interrupt(now)
        if profile.has_oddities:
            answer = oddities.answer(equipment, command, now)
            if answer is not None:
                return answer
        handler = ALL_COMMANDS.get(command.name)
        if handler is None:
            raise oddities.unknown(equipment)
        return handler(equipment, command, now)

    def _interrupt(self, now: float) -> None:
        for index, stored in self._modem.sim.stores["SR"].items():
            if not stored.is_read:
                self._modem.output.lines([f'+CDSI: "SR",{index}'], now)
                return

    def _canned(self, command: syntax.Command) -> str | None:
        """Return what a scenario has for a command."""
        return self._answers.get(f"{command.key}{command.args}".upper(), self._answers.get(command.name))
