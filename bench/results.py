"""RESULTS.md: one section a part, each with what it was taken on."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import machine
from bench.parts import PARTS
from bench.peers import PEERS
from bench.tables import Table

_HEAD = """\
# Figures

Taken by `bench/run`, on virtual modems in a process of their own (`simcourier virtual`), over loopback. Each section
says with which command, when and on what. A figure is the median of the rounds, with the least and the most of them.

"""


def stamp(directory: Path, arguments: Sequence[str]) -> list[str]:
    """Command, date, machine, versions of the peers."""
    peers = ", ".join(kind.version() for kind in PEERS if not kind.missing())
    return [
        f"`bench/run {shlex.join(arguments)}`".replace(" `", "`"),
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        *machine.facts(directory),
        f"peers: {peers}",
    ]


def write(path: Path, part: str, lines: Sequence[str], tables: Sequence[Table]) -> None:
    """Put a part's section into the file, in place of its older one."""
    head, sections = _read(path)
    bullets = "\n".join(f"- {line}" for line in lines)
    sections[part] = f"## {part}\n\n{bullets}\n\n" + "\n".join(table.markdown() for table in tables)
    text = head + "\n".join(
        f"<!-- part: {name} -->\n{sections[name].strip()}\n" for name in PARTS if name in sections
    )
    path.write_text(text)


def _read(path: Path) -> tuple[str, dict[str, str]]:
    """What stands before the sections, which people write, and each section by its part."""
    if not path.exists():
        return _HEAD, {}
    head, *pieces = re.split(r"^<!-- part: (\w+) -->\n", path.read_text(), flags=re.MULTILINE)
    return head, dict(zip(pieces[::2], pieces[1::2], strict=True))
