"""What a procedure can wait for: it yields one of these, and the session resumes it with what came of it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from simcourier.at.engine import Command

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TypePdu:
    """Type the PDU and Ctrl-Z at the open prompt. Resumes with an `Answer`."""

    pdu: str


@dataclass(frozen=True, slots=True)
class Escape:
    """Send ESC. At an open prompt resumes with an `Answer`; elsewhere at once, the dialogue being lost."""


@dataclass(frozen=True, slots=True)
class InStep:
    """The dialogue is in step again. Resumes at once."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Let time pass. Resumes with None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Doze:
    """Let time pass, but no longer than until a byte comes from the modem. Resumes with None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Lull:
    """Wait until nothing that belongs to nobody came for `seconds`, at most `limit`.

    Resumes with the number of final result codes and prompts that did come.
    """

    seconds: float
    limit: float


@dataclass(frozen=True, slots=True)
class Rest:
    """Wait until there is something to do. Resumes with None."""


@dataclass(frozen=True, slots=True)
class AwaitPermit:
    """Hold the prompt open until the job is permitted or withdrawn, or the time `until` has come.

    Resumes with None, or with an `Answer` if the modem closed the prompt by itself.
    """

    until: float


@dataclass(frozen=True, slots=True)
class AwaitPin:
    """Wait until it was decided whether the PIN may be tried, at most `seconds`. Resumes with None."""

    seconds: float


Wait: TypeAlias = Command | TypePdu | Escape | InStep | Pause | Doze | Lull | Rest | AwaitPermit | AwaitPin

# What comes back depends on the wait, which the type of a generator can't say; each `yield` annotates its own.
Procedure: TypeAlias = Generator[Wait, Any, T]
