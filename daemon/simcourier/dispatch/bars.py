"""What keeps SIMs from sending: several causes at a time, each lifted by itself."""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """Who keeps a SIM from sending; where several do, the reason of the first of these is told."""

    APPROVAL = "approval"
    """An admin has not said yes, or has said no."""
    CREDIT = "credit"
    LOOP_TEST = "loop-test"
    OTHER = ""


_TESTED = frozenset({Cause.LOOP_TEST, Cause.OTHER})
"""What a test through the very SIM may show to be over."""


class Bars:
    """Why which SIM may not send, in whatever modem it is."""

    def __init__(self) -> None:
        self._held: dict[str, dict[Cause, str]] = {}

    def put(self, sim: str, why: str, cause: Cause) -> None:
        """Keep a SIM from sending for this cause; an empty `why` lifts that cause alone."""
        # Made anew and put in its place whole: other threads look at it.
        held = {one: said for one, said in self._held.get(sim, {}).items() if one is not cause}
        if why:
            held[cause] = why
        if held:
            self._held[sim] = held
        else:
            self._held.pop(sim, None)

    def why(self, sim: str, cause: Cause | None = None) -> str:
        """Why this SIM may not send, or why not for one cause; empty where it may."""
        held = self._held.get(sim)
        if held is None:
            return ""
        return held.get(cause, "") if cause is not None else next(held[one] for one in Cause if one in held)

    def holds_tests(self, sim: str) -> bool:
        """May not even a test leave through this SIM?"""
        held = self._held.get(sim)
        return held is not None and not _TESTED.issuperset(held)
