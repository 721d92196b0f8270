"""Follow network.jsonl: what reached the network, and when (CLOCK_MONOTONIC, the same in every process)."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from bench.processes import ProgramError


class Arrival(msgspec.Struct, frozen=True):
    """One SMS-SUBMIT that reached the network; further keys of the line are not of interest here."""

    monotonic_ns: int
    modem: str
    to: str
    text: str


_DECODER = msgspec.json.Decoder(Arrival)


class NetworkLog:
    """Reads the file as it grows."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._rest = b""
        self.seen: list[Arrival] = []

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def forget(self) -> None:
        """Skip what is there already."""
        self.poll()
        self.seen.clear()

    def poll(self) -> list[Arrival]:
        """The arrivals since the last look; they are added to `seen`, too."""
        data = self._file.read()
        if not data:
            return []
        *lines, self._rest = (self._rest + data).split(b"\n")
        fresh = [_DECODER.decode(line) for line in lines if line]
        self.seen += fresh
        return fresh

    def wait_for(self, text: str, timeout_s: float) -> Arrival | None:
        """The first arrival of a text from now on, or None."""
        deadline = time.monotonic() + timeout_s
        while True:
            for arrival in self.poll():
                if arrival.text == text:
                    return arrival
            if time.monotonic() > deadline:
                return None
            time.sleep(0.001)

    def wait_count(self, count: int, timeout_s: float) -> None:
        """Wait until `count` arrivals were seen. Raises ProgramError when for so long nothing new comes."""
        deadline = time.monotonic() + timeout_s
        while len(self.seen) < count:
            if self.poll():
                deadline = time.monotonic() + timeout_s
            elif time.monotonic() > deadline:
                raise ProgramError(f"only {len(self.seen)} of {count} messages reached the network")
            time.sleep(0.05)


def rate(arrivals: list[Arrival]) -> float:
    """Messages a second from the first to the last; the first one of each modem only starts the clock.

    With modems in step this is exactly modems / submit delay, and where they started one after the other less.
    """
    if len(arrivals) < 2:
        return 0.0
    times = [arrival.monotonic_ns for arrival in arrivals]
    modems = len({arrival.modem for arrival in arrivals})
    return (len(times) - modems) / (max(times) - min(times)) * 1e9


def rate_by_modem(arrivals: list[Arrival]) -> float:
    """Sum over the modems of their messages a second, each from its own first to its own last one."""
    times: dict[str, list[int]] = {}
    for arrival in arrivals:
        times.setdefault(arrival.modem, []).append(arrival.monotonic_ns)
    return sum((len(own) - 1) / (max(own) - min(own)) * 1e9 for own in times.values() if len(own) > 1)
