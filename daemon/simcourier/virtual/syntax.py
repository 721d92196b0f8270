"""Split a command line into its commands (ITU-T V.250 sections 5.2 to 5.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

_PREFIX = re.compile(rb"[Aa][Tt]")
_BACKSPACES = b"\x08\x7f"
_STRAY = re.compile(rb"[\x08\x1a\x1b\x7f]")
# Extended: + and the prefixes that makers use. Basic: one letter, or & and a letter, and a number.
_EXTENDED = re.compile(r"[+^*#%$_!][A-Za-z0-9][A-Za-z0-9!%\-./:_]*")
_SETTING_S = re.compile(r"S(\d+)(=\d*|\?)?", re.IGNORECASE)
_BASIC = re.compile(r"(&?[A-Za-z])(\d*)")
_REST = re.compile(r'(?:[^;"]|"[^"]*"?)*')
_DIAL = "D"


class Form(StrEnum):
    """What a command asks for."""

    EXECUTE = "execute"
    READ = "read"
    TEST = "test"
    SET = "set"


_SIGNS = {Form.EXECUTE: "", Form.READ: "?", Form.TEST: "=?", Form.SET: "="}


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its name in capitals, its form and what follows the equals sign."""

    name: str
    form: Form
    args: str = ""

    @property
    def key(self) -> str:
        """The command as it was typed, without the value: "+CSQ", "+CPMS?", "+CPMS=?" or "+CPMS="."""
        return self.name + _SIGNS[self.form]

    def fields(self) -> list[str]:
        """Return the values between commas, without their quotes."""
        return list(_fields(self.args))


class LineError(ValueError):
    """The line is no command line."""


def tidy(line: bytes) -> bytes | None:
    """Apply backspaces, drop what stands before the prefix, and return the line's body, or None without prefix.

    An escape or a Ctrl-Z that comes outside a prompt begins the line anew.
    """
    if _STRAY.search(line):
        for stray in (b"\x1b", b"\x1a"):
            line = line.rpartition(stray)[2]
        line = _edited(line)
    found = _PREFIX.search(line)
    return line[found.end() :] if found else None


def _edited(line: bytes) -> bytes:
    kept = bytearray()
    for octet in line:
        if octet not in _BACKSPACES:
            kept.append(octet)
        elif kept:
            kept.pop()
    return bytes(kept)


@lru_cache(maxsize=4096)
def split(body: bytes) -> tuple[Command, ...]:
    """Return the commands of a line whose prefix is gone. Raises LineError; nothing was done then."""
    text = body.decode("latin-1").strip()
    commands = []
    while text := text.lstrip(" ;"):
        command, text = _extended(text) if text[0] in "+^*#%$_!" else _basic(text)
        commands.append(command)
    return tuple(commands)


def _extended(text: str) -> tuple[Command, str]:
    found = _EXTENDED.match(text)
    if not found:
        raise LineError(text)
    name = found[0].upper()
    rest = _REST.match(text, found.end())
    value = rest[0].strip() if rest else ""
    left = text[rest.end() if rest else len(text) :]
    if value == "":
        return Command(name, Form.EXECUTE), left
    if value == "?":
        return Command(name, Form.READ), left
    if value == "=?":
        return Command(name, Form.TEST), left
    if value.startswith("="):
        return Command(name, Form.SET, value[1:].strip()), left
    raise LineError(text)


def _basic(text: str) -> tuple[Command, str]:
    if text[0].upper() == _DIAL:
        number, _, left = text[1:].partition(";")
        return Command(_DIAL, Form.EXECUTE, number), left
    register = _SETTING_S.match(text)
    if register:
        value = register[2] or ""
        form = Form.READ if value == "?" else Form.SET
        return Command(f"S{register[1]}", form, value.strip("=?")), text[register.end() :]
    found = _BASIC.match(text)
    if not found:
        raise LineError(text)
    return Command(found[1].upper(), Form.EXECUTE, found[2]), text[found.end() :]


@lru_cache(maxsize=4096)
def _fields(args: str) -> tuple[str, ...]:
    values = []
    value = ""
    is_quoted = False
    for char in args:
        if char == '"':
            is_quoted = not is_quoted
        elif char == "," and not is_quoted:
            values.append(value.strip())
            value = ""
        else:
            value += char
    values.append(value.strip())
    return tuple(values)


def edited(text: bytes) -> bytes:
    """Apply the backspaces that were typed into a message."""
    return _edited(text) if _STRAY.search(text) else text
