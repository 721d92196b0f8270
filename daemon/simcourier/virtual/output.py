"""What a modem says: result codes framed as V.250 section 5.7 has them, or as a scenario bends them."""

from __future__ import annotations

import math
from random import Random

from simcourier.virtual.settings import Noise, Settings

# Table 1 of V.250: the numbers that ATV0 shows instead of words.
_NUMERIC = {"OK": "0", "NO CARRIER": "3", "ERROR": "4"}
# Like the buffer of a USB function: what the host does not fetch beyond this is lost.
_LIMIT = 65_536


class Output:
    """Collects bytes until they are taken; deaf modems are mute too, slow ones give some bytes at a time."""

    def __init__(self, settings: Settings, rng: Random) -> None:
        self.is_mute = False
        self.dribbles_at = math.inf
        self.noise_at = math.inf
        self._rng = rng
        self._ready = b""
        self._slow = b""
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """Follow new settings."""
        self._settings = settings
        self._end = settings.line_end
        self._noise = settings.noise

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
        if not self._settings.chunk and not self._slow:
            self._ready += data
        elif len(self._slow) < _LIMIT:
            self._slow += data
            self.dribbles_at = min(self.dribbles_at, now)

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

    def response(
        self, answers: list[list[str]], final: str, now: float, *, is_verbose: bool, is_quiet: bool
    ) -> None:
        """Say the information texts of a command line and its final result code."""
        end = self._end
        blocks = [end + end.join(lines) + end for lines in answers]
        if not is_verbose:
            blocks = [block.removeprefix(end) for block in blocks]
            final = f"{_NUMERIC.get(final, final)}\r"
        else:
            final = end + final + end
        if not is_quiet:
            blocks.append(final)
        noise = self._noise
        if noise and noise.in_response and blocks and self._rng.random() < noise.in_response:
            blocks.insert(self._rng.randrange(len(blocks)), self._noise_block(noise))
        self.emit("".join(blocks).encode("latin-1", "replace"), now)

    def arm_noise(self, now: float) -> None:
        """Choose when the next line of noise comes."""
        rate = self._noise.rate if self._noise else 0.0
        self.noise_at = now + self._rng.expovariate(rate) if rate else math.inf

    def make_noise(self, now: float, *, is_open: bool) -> None:
        """Say a line of noise unless it must not be now, and choose the time of the next."""
        if self._noise and is_open:
            self.emit(self._noise_block(self._noise).encode("latin-1", "replace"), now)
        self.arm_noise(now)

    def _noise_block(self, noise: Noise) -> str:
        line = self._rng.choice(noise.lines)
        return line if "\r" in line or "\n" in line else self._end + line + self._end
