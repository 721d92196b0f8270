"""Who sends what and when: arrivals that come and go in waves and bursts, drawn from a seed."""

from __future__ import annotations

from random import Random

from simcourier.outbox.message import MessageClass, OnUnknown

from .oracle import Accepted
from .world import World, modem_name

_CLASSES = (MessageClass.OTP, MessageClass.TRANSACTIONAL, MessageClass.BULK)
_LIVES_S = {
    MessageClass.OTP: (60, 120, 180, 300, 300, 300, 600),
    MessageClass.TRANSACTIONAL: (300, 600, 900),
    MessageClass.BULK: (600, 900),
}
PHONES = 1000
_BURST_S = 5.0
_SUPERSEDING = 0.03
_CANCELED = 0.01
_HELD = 0.05
_LONG = 0.12
"""Of what is no code, how much needs two segments."""
_PINNED = 0.01
BURST_SHARE = 0.25
"""Of all messages, how many come in bursts: somebody's system was down, and now everybody logs in."""


def token_of(number: int) -> str:
    """What one message and no other has in its text, once in each of its segments."""
    return f"{number:07d}"


def _words(token: str, segments: int) -> str:
    if segments == 1:
        return f"Your code is {token}. Tell it to nobody."
    # Long enough for two segments, and each of them holds a whole token wherever it is cut.
    return f"{token} " * 24


class Traffic:
    """Posts messages to a world; `accepted` holds them by token."""

    def __init__(
        self, world: World, messages: int, seconds: float, modems: int, phones: int = PHONES
    ) -> None:
        self._world = world
        self._phones = phones
        self._modems = modems
        self._rng = Random(world.rng.random())  # noqa: S311 - reproducible, not secret
        self.accepted: dict[str, Accepted] = {}
        self.ends_at = world.now + seconds
        for when in self._times(messages, seconds):
            world.at(when, self._post)

    def _times(self, messages: int, seconds: float) -> list[float]:
        """Most come evenly, with a swell in the middle of the hour; the others in bursts of half a minute."""
        rng, start = self._rng, self._world.now
        bursting = int(messages * BURST_SHARE)
        times = [start + seconds * rng.betavariate(1.3, 1.3) for _ in range(messages - bursting)]
        bursts = max(1, int(seconds // 600))
        begins = [start + rng.uniform(0, max(1.0, seconds - 60)) for _ in range(bursts)]
        times += [rng.choice(begins) + rng.expovariate(1 / _BURST_S) for _ in range(bursting)]
        return sorted(min(when, self.ends_at) for when in times)

    def _post(self) -> None:
        rng = self._rng
        token = token_of(len(self.accepted) + 1)
        message_class = rng.choices(_CLASSES, (75, 15, 10))[0]
        segments = 2 if message_class is not MessageClass.OTP and rng.random() < _LONG else 1
        supersedes = f"login-{rng.randrange(1000)}" if rng.random() < _SUPERSEDING else None
        to = f"+447700900{rng.randrange(self._phones):03d}"
        message = self._accept(token, to, message_class, segments, supersedes)
        if rng.random() < _CANCELED:
            self._world.after(
                rng.uniform(0.1, 4), lambda: self._world.cancel(message.id, message.message_class)
            )
        if supersedes is not None and rng.random() < 0.5:
            # "Send it again", said somebody before it came.
            self._world.after(rng.uniform(0.2, 8), lambda: self._repeat(to, supersedes))

    def _repeat(self, to: str, supersedes: str) -> None:
        self._accept(token_of(len(self.accepted) + 1), to, MessageClass.OTP, 1, supersedes)

    def _accept(
        self, token: str, to: str, message_class: MessageClass, segments: int, supersedes: str | None
    ) -> Accepted:
        rng, world = self._rng, self._world
        ttl = float(rng.choice(_LIVES_S[message_class]))
        on_unknown = OnUnknown.HOLD if rng.random() < _HELD else OnUnknown.RESEND
        modem = modem_name(rng.randrange(self._modems)) if rng.random() < _PINNED else None
        message_id = world.accept(
            _words(token, segments),
            to,
            ttl=ttl,
            message_class=message_class,
            on_unknown=on_unknown,
            modem=modem,
            supersedes=supersedes,
            segments=segments,
        )
        message = Accepted(
            token, message_id, to, message_class, world.now, world.now + ttl, segments, on_unknown, modem
        )
        self.accepted[token] = message
        return message
