"""As many hours of 256 modems as wanted, each from its own seed, on every core: `scripts/soak`."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import connection
from multiprocessing.pool import Pool
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from . import hour
from .world import memory

_SHOWN = 5
_HOURS_A_PROCESS = 25


@dataclass(frozen=True, slots=True)
class Length:
    """How much one hour is: a small one takes the place of the whole where only the way there is tried."""

    modems: int = hour.MODEMS
    seconds: float = hour.HOUR_S
    messages: int = hour.MESSAGES
    unplugs: int = hour.UNPLUGS
    kills: int = 0
    phones: int = hour.PHONES

    def options(self) -> str:
        """What `scripts/soak` is told to live through the same."""
        usual = Length()
        pairs = asdict(self)
        return "".join(
            f" --{name} {value:g}" for name, value in pairs.items() if value != getattr(usual, name)
        )


@dataclass(frozen=True, slots=True)
class Lived:
    """What is told of one hour: plain values that pass from process to process."""

    seed: int
    line: str
    wrong: tuple[str, ...]
    cpu_s: float
    digest: str


def live(task: tuple[int, Length, str]) -> Lived:
    """One hour; its database is in a directory that the parent removes, whatever happens to us."""
    seed, length, directory = task
    try:
        outcome = hour.live(seed, **asdict(length), directory=Path(directory))
    except Exception as error:  # a crash of the appliance is what a soak looks for, too
        return Lived(seed, f"seed {seed}: ended early", (f"{type(error).__name__}: {error}",), 0.0, "")
    return Lived(seed, outcome.line, tuple(outcome.verdict.wrong), outcome.cpu_s, outcome.digest)


def _begin_work(directory: str) -> None:
    """Ctrl-C is for the parent alone; and nobody goes on once it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(directory,), daemon=True).start()


def _end_with_parent(directory: str) -> None:
    """Workers hold one another's ends of their queue, so none of them would notice that the parent was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        shutil.rmtree(directory, ignore_errors=True)
        os._exit(1)


@contextmanager
def _workers(processes: int, directory: str) -> Iterator[Pool]:
    # Spawned: a forked child would inherit what tests and their coverage hold.
    context = multiprocessing.get_context("spawn")
    pool = context.Pool(processes, _begin_work, (directory,), maxtasksperchild=_HOURS_A_PROCESS)
    try:
        yield pool
    finally:
        pool.terminate()
        pool.join()


def hours(seeds: Sequence[int], length: Length, processes: int) -> Iterator[Lived]:
    """The hours of many seeds, as they end."""
    with tempfile.TemporaryDirectory(prefix="simcourier-soak-", dir=memory()) as directory:
        tasks = [(seed, length, directory) for seed in seeds]
        if len(tasks) == 1:
            yield live(tasks[0])
            return
        with _workers(processes, directory) as pool:
            yield from pool.imap_unordered(live, tasks)


def _tell_wrong(console: Console, lived: Lived, length: Length) -> None:
    console.print(f"[bold red]{lived.line}[/]", soft_wrap=True)
    for sentence in lived.wrong[:_SHOWN]:
        console.print(f"  {sentence}", soft_wrap=True, markup=False)
    if len(lived.wrong) > _SHOWN:
        console.print(f"  and {len(lived.wrong) - _SHOWN} more")
    console.print(f"  again: scripts/soak --seed {lived.seed}{length.options()}", markup=False)


def _soak(console: Console, seeds: Sequence[int], length: Length, processes: int) -> int:
    failed: list[int] = []
    lived_through = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console) as progress:
            bar = progress.add_task("hours", total=len(seeds))
            for lived in hours(seeds, length, processes):
                lived_through += 1
                if lived.wrong:
                    failed.append(lived.seed)
                    _tell_wrong(console, lived, length)
                broken = f", {len(failed)} with broken promises" if failed else ""
                progress.update(bar, advance=1, description=f"hours{broken}")
    except KeyboardInterrupt:
        console.print("stopped")
    if failed:
        console.print(f"{len(failed)} of {lived_through} hours broke a promise; seeds {sorted(failed)}")
        return 1
    console.print(f"{lived_through} hours of {length.modems} modems, and no promise was broken")
    return 0


@click.command(help=__doc__)
@click.option("--seed", type=int, help="Live through one hour alone and tell of it.")
@click.option("--seeds", type=int, default=1000, show_default=True, help="So many hours.")
@click.option("--first", type=int, default=1, show_default=True, help="The first of their seeds.")
@click.option(
    "--processes", type=int, default=os.cpu_count() or 1, help="At the same time; one for each core."
)
@click.option("--modems", type=int, default=hour.MODEMS, show_default=True)
@click.option("--seconds", type=float, default=hour.HOUR_S, show_default=True)
@click.option("--messages", type=int, default=hour.MESSAGES, show_default=True)
@click.option("--unplugs", type=int, default=hour.UNPLUGS, show_default=True)
@click.option("--kills", type=int, default=0, show_default=True, help="How often the daemon is killed.")
@click.option(
    "--phones", type=int, default=hour.PHONES, show_default=True, help="To how many phones all of it goes."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each hour, and no progress bar.")
def main(
    seed: int | None,
    seeds: int,
    first: int,
    processes: int,
    modems: int,
    seconds: float,
    messages: int,
    unplugs: int,
    kills: int,
    phones: int,
    as_json: bool,
) -> None:
    # A shell that starts us in the background has us ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    length = Length(modems, seconds, messages, unplugs, kills, phones)
    console = Console()
    wanted = range(first, first + seeds) if seed is None else [seed]
    if as_json:
        for lived in hours(wanted, length, processes):
            fields = ("seed", "line", "wrong", "cpu_s", "digest")
            print(json.dumps({name: getattr(lived, name) for name in fields}), flush=True)
        return
    if seed is None:
        sys.exit(_soak(console, wanted, length, processes))
    lived = next(hours([seed], length, 1))
    console.print(lived.line, soft_wrap=True, markup=False)
    console.print(f"history: {lived.digest}")
    for sentence in lived.wrong:
        console.print(sentence, soft_wrap=True, markup=False)
    sys.exit(bool(lived.wrong))


if __name__ == "__main__":
    main()
