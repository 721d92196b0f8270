"""What every command has in common: its answer, its forms, and the commands that only keep numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from simcourier.virtual.equipment import Equipment
from simcourier.virtual.errors import CmeError, PlainError
from simcourier.virtual.syntax import Command, Form


@dataclass(frozen=True, slots=True)
class Prompt:
    """A command that goes on with a prompt: a PDU of `length` octets, or a text for `to`."""

    length: int = 0
    to: str = ""


Answer = list[str] | Prompt
Handler = Callable[[Equipment, Command, float], Answer]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A command that only keeps numbers: what `=?` answers, the default and what each number may be."""

    test: str
    default: tuple[int, ...]
    allowed: tuple[range, ...]
    suffix: str = ""

    def answer(self, equipment: Equipment, command: Command) -> list[str]:
        """Answer one of the command's forms."""
        values = equipment.parameters.get(command.name, list(self.default))
        match command.form:
            case Form.TEST:
                return [f"{command.name}: {self.test}"]
            case Form.READ:
                return [f"{command.name}: {','.join(map(str, values))}{self.suffix}"]
            case Form.EXECUTE:
                raise PlainError
            case Form.SET:
                equipment.parameters[command.name] = changed(command, values, self.allowed)
                return []
            case never:
                assert_never(never)


def changed(command: Command, values: list[int], allowed: tuple[range | tuple[int, ...], ...]) -> list[int]:
    """Return `values` with the fields that were given; an omitted one stays. Raises CmeError."""
    fields = command.fields()
    if len(fields) > len(allowed):
        raise CmeError(50)
    result = list(values)
    for place, text in enumerate(fields):
        if not text:
            continue
        if not text.isdecimal() or int(text) not in allowed[place]:
            raise CmeError(50)
        result[place] = int(text)
    return result


def constant(read: str) -> Handler:
    """Make a handler of a command that says one line about the equipment when executed."""

    def handler(equipment: Equipment, command: Command, now: float) -> Answer:
        if command.form is Form.TEST:
            return []
        if command.form is not Form.EXECUTE:
            raise PlainError
        profile = equipment.profile
        text = read.format(
            manufacturer=profile.manufacturer,
            model=profile.model,
            revision=profile.revision,
            imei=equipment.imei,
        )
        return text.split("\n")

    return handler
