"""The README, run as it is printed: each block of shell lines in order, in one shell, on a real box."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click
import msgspec
import pytest
from cli_process import ENVIRONMENT

from live.appliance import Appliance, Network, appliance
from simcourier import config
from simcourier.cli.group import simcourier
from simcourier.outbox.endpoints import EventType

pytestmark = pytest.mark.live

README = (Path(__file__).parent.parent.parent / "README.md").read_text("utf-8")
PATIENCE_S = 60.0
PERSON = re.compile(r"\+4477009000(02|03)")
"""Who is sent codes that the box makes, and types them in."""
NOT_RUN = ("scripts/demo", "scripts/test")
FENCE = re.compile(
    r"^(<!-- not run: (?P<why>[^\n]+) -->\n)?```(?P<kind>[a-z]+)\n(?P<body>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Block:
    kind: str
    body: str
    why_not: str | None = None

    @property
    def is_run(self) -> bool:
        return self.kind == "sh" and self.why_not is None and not self.body.startswith(NOT_RUN)


def blocks(text: str) -> list[Block]:
    return [Block(found["kind"], found["body"], found["why"]) for found in FENCE.finditer(text)]


class NotAsPrintedError(AssertionError):
    """A block of the README did not do what it promises."""


@dataclass
class Shell:
    """One shell with a terminal, in which blocks are run; the first command that fails ends it."""

    directory: Path
    environment: dict[str, str]

    def __enter__(self) -> Self:
        self._hands, self._keyboard = os.openpty()
        # Nobody reads what a terminal would show of the keys.
        modes = termios.tcgetattr(self._keyboard)
        modes[3] &= ~termios.ECHO
        termios.tcsetattr(self._keyboard, termios.TCSANOW, modes)
        self._process = subprocess.Popen(
            ["sh", "-e"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.directory,
            env=self.environment,
        )
        return self

    def type(self, line: str) -> None:
        os.write(self._hands, f"{line}\n".encode())

    def run(self, block: Block) -> tuple[str, str]:
        """What a block said on standard output and standard error."""
        script, out, err = (self.directory / f"block.{end}" for end in ("sh", "out", "err"))
        script.write_text(block.body)
        out.write_text("")
        err.write_text("")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # Appending, because a reader of /dev/stderr opens it anew.
        self._process.stdin.write(
            f". ./{script.name} <{os.ttyname(self._keyboard)} >>{out.name} 2>>{err.name}; echo\n"
        )
        self._process.stdin.flush()
        watchdog = threading.Timer(PATIENCE_S, self._process.kill)
        watchdog.start()
        ended_well = self._process.stdout.readline() == "\n"
        watchdog.cancel()
        said = out.read_text(), err.read_text()
        if not ended_well:
            raise NotAsPrintedError(f"failed: {block.body}\n{said[0]}\n{said[1]}")
        return said

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.stdin.close()
        os.close(self._hands)
        os.close(self._keyboard)


@contextmanager
def somebody_types(network: Network, shell: Shell) -> Iterator[None]:
    """Type each code that reaches the person's phone, as soon as it does; a shell reads it when it asks."""
    done = threading.Event()

    def look() -> None:
        typed = 0
        while not done.wait(0.05):
            mine = [submit for submit in network.submits() if PERSON.fullmatch(submit["to"])]
            for submit in mine[typed:]:
                shell.type(re.findall(r"\b[0-9]{6}\b", submit["text"])[0])
            typed = len(mine)

    hands = threading.Thread(target=look)
    hands.start()
    try:
        yield
    finally:
        done.set()
        hands.join()


@contextmanager
def box_of_the_readme(directory: Path) -> Iterator[tuple[Appliance, Network]]:
    """A box whose configuration has the tables that the README tells to add."""
    added = [block.body for block in blocks(README) if block.body.startswith("[webhooks]")]
    assert added, "the README says no more what to put into the configuration"
    with appliance(directory, extra="".join(added)) as (box, network):
        yield box, network


def said_json(said: str) -> dict[str, Any]:
    found = [line for line in said.splitlines() if line.startswith("{")]
    assert found, f"there is no JSON in: {said}"
    return dict(json.loads(found[-1]))


def promised(status: str) -> dict[str, Any]:
    """The answer with this status that the README shows, without what it leaves out."""
    shown = [b.body for b in blocks(README) if b.kind == "json" and f'"status":"{status}"' in b.body]
    assert len(shown) == 1
    return dict(json.loads(shown[0].replace(", ...", "")))


def is_like(answer: dict[str, Any], shown: dict[str, Any]) -> None:
    assert set(shown) <= set(answer)
    given = {name: value for name, value in shown.items() if name not in {"id", "expires_at", "created_at"}}
    assert {name: answer[name] for name in given} == given


def sends(out: str, _err: str) -> None:
    is_like(said_json(out), promised("queued"))


def starts(_out: str, err: str) -> None:
    is_like(said_json(err), promised("pending"))


def approves(out: str, _err: str) -> None:
    is_like(said_json(out), promised("approved"))


def tells_activity(out: str, _err: str) -> None:
    assert "Approved." in out
    assert "+44•••••0003: 1 verification, 1 check, 0 wrong codes, 1 message" in out
    assert "+447700900003" not in out


def unlocks_and_limits(out: str, _err: str) -> None:
    assert "+44•••••0002: there was nothing to lift" in out
    assert "number +44•••••0002, hour: at most 10, until " in out
    assert "country GB is no longer blocked" in out


def registers(out: str, _err: str) -> None:
    assert re.search(r"^whsec_[A-Za-z0-9+/=]{44}$", out, re.M)
    assert "http://localhost:9000/hooks" in out


def lists_keys(out: str, _err: str) -> None:
    assert len(re.findall(r"^sck_[A-Za-z0-9_-]+$", out, re.M)) == 2
    listed = next(line for line in out.splitlines() if "web-shop" in line)
    assert "10.0.0.0/8" in out[out.index(listed) :]


def exports_and_erases(out: str, _err: str) -> None:
    exported, _ = json.JSONDecoder().raw_decode(out)
    assert len(exported["messages"]) == 1
    assert "483920" not in out


def is_whole(out: str, _err: str) -> None:
    assert "privacy.erased" in out
    assert "The audit is whole: " in out


def shows_keys(out: str, _err: str) -> None:
    assert "Key 2 seals from now on." in out
    assert re.search(r"^ *2 .* seals *$", out, re.M)


def can_send(out: str, _err: str) -> None:
    assert "2 of 2 modems can send." in out


EXPECTED: dict[str, Callable[[str, str], None]] = {
    "/v1/messages": sends,
    "ID=$(curl": starts,
    "/check": approves,
    "simcourier activity": tells_activity,
    "simcourier unlock": unlocks_and_limits,
    "simcourier webhooks add": registers,
    "simcourier keys rotate": lists_keys,
    "simcourier privacy erase": exports_and_erases,
    "simcourier audit verify": is_whole,
    "simcourier secrets rotate": shows_keys,
    "simcourier check ": can_send,
}
"""What a block of the README must have said, by words in it."""


def test_every_shell_line_of_the_readme_works_as_it_is_printed(tmp_path: Path) -> None:
    checked = set()
    with box_of_the_readme(tmp_path / "box") as (box, network):
        environment = {
            **ENVIRONMENT,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SIMCOURIER_CONFIG": str(box.config),
            "SIMCOURIER_URL": f"http://127.0.0.1:{box.port}",
        }
        with Shell(tmp_path, environment) as shell, somebody_types(network, shell):
            for block in filter(lambda block: block.is_run, blocks(README)):
                out, err = shell.run(block)
                for words, check in EXPECTED.items():
                    if words in block.body:
                        check(out, err)
                        checked.add(words)
        assert checked == set(EXPECTED)
        held = box.call("POST", "/v1/privacy/export", {"to": "+447700900001"})[1]
        assert held["messages"] == [], "what the README erased is still there"


def test_a_block_that_fails_is_found(tmp_path: Path) -> None:
    with Shell(tmp_path, ENVIRONMENT) as shell:
        shell.type("typed before it was asked for")
        assert shell.run(Block("sh", "read -r WORDS\nLATER=kept\n")) == ("", "")
        assert shell.run(Block("sh", 'echo "$WORDS, $LATER" | tee /dev/stderr\n'))[1] == (
            "typed before it was asked for, kept\n"
        )
        with pytest.raises(NotAsPrintedError, match="there is no such thing"):
            shell.run(Block("sh", "echo there is no such thing; false; echo after\n"))


def test_every_block_is_run_or_says_why_not() -> None:
    left_out = [block for block in blocks(README) if block.kind == "sh" and not block.is_run]
    assert all(block.why_not or block.body.startswith(NOT_RUN) for block in left_out)
    assert sum(block.why_not is not None for block in left_out) <= 3, (
        "the README should be made of lines that run"
    )
    assert README.count("```") == 2 * len(blocks(README)), "a block is not seen by this test"


def test_every_configuration_in_the_readme_can_be_used() -> None:
    shown = [block.body for block in blocks(README) if block.kind == "toml"]
    assert shown
    for text in shown:
        config.parse(text.encode(), "README.md")


def test_every_command_that_the_readme_names_is_there() -> None:
    named = set(re.findall(r"`simcourier ([a-z-]+)( [a-z-]+)?[^`\n]*`", README))
    assert {("check", ""), ("templates", " check")} & named
    context = click.Context(simcourier)
    for name, other in named:
        command = simcourier.get_command(context, name)
        assert command is not None, f"there is no simcourier {name}"
        if isinstance(command, click.Group) and other:
            assert other.strip() in command.commands, f"there is no simcourier {name}{other}"


# --- what it says in tables ---


def settings() -> dict[str, Any]:
    """Every setting that codes made here are bound by."""
    default = config.Config()
    parts = (default.limits.verifications, default.limits, default.verifications)
    return {name: value for part in parts for name, value in msgspec.structs.asdict(part).items()}


def in_words(value: object) -> str:
    match value:
        case 0:
            return "no bound"
        case int() if value >= 3600 and value % 3600 == 0:
            return f"{value // 3600} h"
        case _:
            return str(value)


def test_c22_the_limits_that_the_readme_tells_are_those_of_the_configuration() -> None:
    section = README.partition("\n## Limits\n")[2].partition("\n## ")[0]
    known, told = settings(), set()
    for _, default, named in re.findall(r"^\| (.+) \| (.+) \| (.+) \|$", section, re.M)[1:]:
        for name in re.findall(r"`([a-z0-9_]+)`", named):
            assert re.search(rf"\b{in_words(known[name])}\b", default), (
                f"{name} is {known[name]}, not {default}"
            )
            told.add(name)
    bounds = {name for name, value in known.items() if type(value) is int and "_percent" not in name}
    assert bounds - told <= {"conversion_sample", "conversion_block"}


def test_the_readme_tells_every_event_that_an_endpoint_may_be_told() -> None:
    section = re.search(r"^Types: (.*?)\n\n", README, re.M | re.S)
    assert section is not None
    told, family = set(), ""
    for word in re.findall(r"`([a-z_.-]+)`", section[1]):
        family = word.partition(".")[0] or family
        told.add(family + word[word.index(".") :])
    assert told == set(EventType)
