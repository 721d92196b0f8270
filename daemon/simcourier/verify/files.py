"""Read a file of templates: TOML with a `[[templates]]` table for each, checked strictly."""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from simcourier.errors import ConfigError
from simcourier.verify.template import Template

_HEAD = re.compile(r"^[ \t]*\[\[[ \t]*templates[ \t]*\]\]", re.MULTILINE)
_ENTRY = re.compile(r"templates\[([0-9]+)\]")


class _Entry(Struct, forbid_unknown_fields=True, frozen=True):
    name: str
    locale: str
    text: str
    shorter: tuple[str, ...] = ()


class _File(Struct, forbid_unknown_fields=True, frozen=True):
    templates: tuple[_Entry, ...]


@dataclass(frozen=True, slots=True)
class FileTemplate:
    """A template and the line of its `[[templates]]`; None where the lines can't be told apart."""

    template: Template
    line: int | None

    def line_of(self, raw: bytes, where: str) -> int | None:
        """The line of one of its settings, as far as it can be found."""
        if self.line is None:
            return None
        wanted = re.compile(rf"[ \t]*{where.partition('/')[0]}[ \t]*=")
        lines = _text(raw).splitlines()
        for number in range(self.line, len(lines)):
            if _HEAD.match(lines[number]):
                break
            if wanted.match(lines[number]):
                return number + 1
        return self.line


def read(raw: bytes, source: str) -> list[FileTemplate]:
    """The templates of a file; `source` is the name that errors give it.

    Raises ConfigError with one sentence. The templates themselves are not checked: that is lint's.
    """
    lines = _heads(raw)
    try:
        entries = msgspec.toml.decode(raw, type=_File).templates
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}{_place(str(error), lines)}: {_in_words(str(error))}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{source}: is not TOML: {error}") from None
    known = lines if len(lines) == len(entries) else [None] * len(entries)
    found = [
        FileTemplate(Template(entry.name, entry.locale, entry.text, entry.shorter), line)
        for entry, line in zip(entries, known, strict=True)
    ]
    _refuse_twins(found, source)
    return found


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _heads(raw: bytes) -> list[int | None]:
    text = _text(raw)
    return [text.count("\n", 0, match.start()) + 1 for match in _HEAD.finditer(text)]


def _place(message: str, lines: list[int | None]) -> str:
    entry = _ENTRY.search(message)
    if entry is None or int(entry[1]) >= len(lines):
        return ""
    return f", line {lines[int(entry[1])]}"


def _in_words(message: str) -> str:
    what = message.partition(" - at `")[0]
    if what == "Object missing required field `templates`":
        return "has no [[templates]] in it"
    name = message.rpartition(".")[2].rstrip("`")
    if what.startswith("Expected"):
        kind = "a list of texts in quotes" if name.startswith("shorter") else "a text in quotes"
        return f"{name.partition('[')[0]} must be {kind}"
    what = what.replace("Object contains unknown field", "there is no setting called")
    return what.replace("Object missing required field", "a template needs the setting").replace("`", "'")


def _refuse_twins(found: list[FileTemplate], source: str) -> None:
    seen: set[tuple[str, str]] = set()
    for entry in found:
        key = (entry.template.name, entry.template.locale)
        if key in seen:
            place = "" if entry.line is None else f", line {entry.line}"
            raise ConfigError(f"{source}{place}: there are two templates of this name and locale; keep one")
        seen.add(key)
