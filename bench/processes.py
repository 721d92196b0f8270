"""Child processes, each the head of its own session, and what they cost (proc(5))."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
SOURCES = os.pathsep.join(str(ROOT / name) for name in ("", "daemon", "web"))
"""This very checkout, whatever is installed."""
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_LOG_TAIL = 2000
_FATAL = "Fatal Python error"
"""What faulthandler writes first when a signal ends the process; the stacks of all threads follow."""


class ProgramError(Exception):
    """A program ended, or did not do what it was waited for; the message has the end of its output."""


class Program:
    """One program with everything it starts; its output goes to a file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        with_input: bool = False,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._log_begins = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.PIPE if with_input else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=cwd,
                env={**os.environ, "PYTHONPATH": SOURCES, **(environment or {})},
            )
        self.pid = self._popen.pid

    @property
    def input(self) -> IO[bytes]:
        """The pipe to its standard input."""
        assert self._popen.stdin is not None
        return self._popen.stdin

    @property
    def is_running(self) -> bool:
        """Has it not ended yet?"""
        return self._popen.poll() is None

    def check(self) -> None:
        """Raise ProgramError where it has ended."""
        if not self.is_running:
            raise ProgramError(self.obituary())

    def obituary(self) -> str:
        """How it ended, and the end of its output. Only for one that has ended."""
        code = self._popen.returncode
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return f"{self.name} ended with {how}\n{self.tail()}"

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for the signal that ended it; None while it runs."""
        return self._popen.poll()

    def tail(self) -> str:
        """The end of its own output; where there is a fatal error, all from there on."""
        with self.log.open("rb") as log:
            log.seek(self._log_begins)
            text = log.read().decode("utf-8", "replace")
        fatal = text.find(_FATAL)
        return text[-_LOG_TAIL:] if fatal < 0 else text[fatal:]

    def kill(self) -> None:
        """SIGKILL to the whole group, now."""
        self._signal(signal.SIGKILL)
        self._popen.wait()
        self._close_input()

    def stop(self, timeout_s: float = 20.0) -> None:
        """Ask it to end, and kill the whole group where it does not."""
        if self.is_running:
            self._close_input()
            self._popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(timeout_s)
        self.kill()

    def _close_input(self) -> None:
        if self._popen.stdin and not self._popen.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._popen.stdin.close()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    # -- what it costs ------------------------------------------------------------------------------------

    def cpu_s(self) -> float:
        """Processor seconds (user and system) of all its processes so far, ended ones that were awaited included."""
        return sum(ticks for _, ticks in _session(self.pid)) * _TICK_S

    def threads(self) -> int:
        """Threads of its processes."""
        return sum(len(os.listdir(f"/proc/{pid}/task")) for pid, _ in _session(self.pid))  # noqa: PTH208 - counts

    def rss_mb(self) -> float:
        """Resident memory of its processes, in MB (10^6 octets)."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid, _ in _session(self.pid))
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _session(leader: int) -> list[tuple[int, int]]:
    """The processes of a session with the clock ticks each has used."""
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208 - read often while something is being measured
        if not entry.isdigit():
            continue
        try:
            stat = Path(f"/proc/{entry}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        # The name in parentheses may hold blanks; field 6 is the session, 14 to 17 are utime, stime and the children's.
        fields = stat.rpartition(")")[2].split()
        if int(fields[3]) == leader:
            found.append((int(entry), sum(map(int, fields[11:15]))))
    return found


def wait_until(
    condition: Callable[[], object], timeout_s: float, what: str | Callable[[], str], pause_s: float = 0.02
) -> None:
    """Wait until `condition()` is true. Raises ProgramError with `what`, asked for only then where it is a function."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            told = what if isinstance(what, str) else what()
            raise ProgramError(f"waited {timeout_s:.0f} s in vain: {told}")
        time.sleep(pause_s)
