"""Hands each fact of the radio to the parts that look after modems and SIMs, and wakes them now and then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from simcourier import log
from simcourier.modem.facts import Fact


class Part(Protocol):
    """One thing that is looked after; both methods run in the writer's thread and must not block."""

    def on_fact(self, fact: Fact) -> None:
        """Take what the radio tells; the writes that follow join the batch that is being collected."""

    def tick(self) -> None:
        """Do what time alone makes due; called every few seconds."""


class Care:
    """All parts; a fault of ours in one keeps neither the others nor the sending from going on."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._log = log.get("care")

    def on_fact(self, fact: Fact) -> None:
        """Tell every part."""
        for part in self._parts:
            try:
                part.on_fact(fact)
            except Exception as error:
                self._log.error("a fault of this program", part=type(part).__name__, error=repr(error)[:200])

    def tick(self) -> None:
        """Let every part do what is due."""
        for part in self._parts:
            try:
                part.tick()
            except Exception as error:
                self._log.error("a fault of this program", part=type(part).__name__, error=repr(error)[:200])
