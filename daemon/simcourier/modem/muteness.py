"""Which commands a modem leaves unanswered although it is well, and how long each is left out therefore."""

from __future__ import annotations

from typing import NamedTuple

from simcourier.modem.timings import Timings

_GROWTH = 4


class _Spell(NamedTuple):
    """How often in a row a command was left unanswered, and until when it is not sent."""

    times: int
    until: float


class Muteness:
    """What one modem has shown since its port appeared."""

    def __init__(self) -> None:
        self._spells: dict[str, _Spell] = {}
        self.hurried = False
        """It may have lost a command that came too soon for it: none was given up twice yet."""

    def count(self, command: str, timings: Timings, now: float) -> None:
        """The modem is well, and has left this unanswered: after the second time it is left out for a while."""
        before = self._spells.get(command)
        times = 1 if before is None else before.times + 1
        pause = min(timings.mute_limit, timings.mute_pause * _GROWTH ** (times - 2)) if times > 1 else 0.0
        self._spells[command] = _Spell(times, now + pause)
        self.hurried = times == 1

    def heard(self, command: str) -> None:
        """It was answered."""
        self._spells.pop(command, None)

    def leaves_out(self, command: str, now: float) -> bool:
        """Whether a command is better not sent now."""
        spell = self._spells.get(command)
        return spell is not None and now < spell.until

    def clear(self) -> None:
        """Another modem may be there."""
        self._spells.clear()
        self.hurried = False
