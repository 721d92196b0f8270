"""What a modem says: result codes framed as V.250 section 5.7 has them, or as a scenario bends them."""

from __future__ import annotations

import math
from random import Random

from simcourier.virtual.settings import Settings

# Table 1 of V.250: the numbers that ATV0 shows instead of words.
_NUMERIC = {"OK": "0", "NO CARRIER": "3", "ERROR": "4"}
# Like the buffer of a USB function: what the host does not fetch beyond this is lost.
_LIMIT = 65_536


class Output:
    """Collects bytes until they are taken; deaf modems are mute too, slow ones give some bytes at a time."""

    def __init__(self, settings: Settings, rng: Random) -> None:
        self.is_mute = False
        self.dribbles_at = math.inf
        self._rng = rng
        self._ready = b""
        self._slow = b""
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """Follow new settings."""
        self._settings = settings
        self._end = settings.line_end
        self._noise = settings.noise
        self._corrupt = settings.corrupt

    def clear(self) -> None:
        """Forget what was not taken."""
        self._ready = self._slow = b""
        self.dribbles_at = math.inf

    def take(self) -> bytes:
        """Return and forget the bytes that are due."""
        ready, self._ready = self._ready, b""
        return ready

    def prepend(self, data: bytes) -> None:
        """Put bytes before all others: they were said before a reset."""
        self._ready = data + self._ready

    def emit(self, data: bytes, now: float) -> None:
        """Say bytes as they are."""
        if self.is_mute:
            return
        if self._corrupt and data and self._rng.random() < self._corrupt:
            data = self._damaged(data)
        if not self._settings.chunk and not self._slow:
            self._ready += data
        elif len(self._slow) < _LIMIT:
            self._slow += data
            self.dribbles_at = min(self.dribbles_at, now)

    def _damaged(self, data: bytes) -> bytes:
        """One byte becomes what a framing error makes of it: never another character of an answer."""
        place = self._rng.randrange(len(data))
        return b"%b%c%b" % (data[:place], self._rng.randrange(128, 256), data[place + 1 :])

    def dribble(self, now: float) -> None:
        """Give the next few bytes of a slow line."""
        size = self._settings.chunk or len(self._slow)
        self._ready += self._slow[:size]
        self._slow = self._slow[size:]
        self.dribbles_at = now + self._settings.chunk_delay if self._slow else math.inf

    def lines(self, lines: list[str], now: float) -> None:
        """Say an unsolicited result code, or another block of lines."""
        end = self._end
        self.emit((end + end.join(lines) + end).encode("latin-1", "replace"), now)

    def announcement(self, lines: list[str], now: float) -> None:
        """Say a message or a report that goes straight to the host."""
        noise = self._noise
        if noise and noise.in_report and self._rng.random() < noise.in_report:
            lines = [lines[0], self._rng.choice(noise.lines), *lines[1:]]
        self.lines(lines, now)

    def response(
        self,
        answers: list[list[str]],
        final: str,
        now: float,
        *,
        is_verbose: bool,
        is_quiet: bool,
        gap: str = "",
    ) -> None:
        """Say the information texts of a command line, and the final result code if there is one, behind `gap`."""
        end = self._end
        blocks = [end + end.join(lines) + end for lines in answers]
        if not is_verbose:
            blocks = [block.removeprefix(end) for block in blocks]
            final = f"{_NUMERIC.get(final, final)}\r"
        else:
            final = gap + end + final + end if final else ""
        if not is_quiet and final:
            blocks.append(final)
        noise = self._noise
        if noise and noise.in_response and blocks and self._rng.random() < noise.in_response:
            blocks.insert(self._rng.randrange(len(blocks)), self._block(self._rng.choice(noise.lines)))
        self.emit("".join(blocks).encode("latin-1", "replace"), now)

    def say(self, lines: list[str], now: float) -> None:
        """Say lines nobody asked for; one that has a line end of its own is sent as it is."""
        self.emit("".join(map(self._block, lines)).encode("latin-1", "replace"), now)

    def _block(self, line: str) -> str:
        return line if "\r" in line or "\n" in line else self._end + line + self._end
