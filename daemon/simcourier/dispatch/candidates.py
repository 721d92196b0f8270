"""A SIM as a decision sees it, and what decisions go by beside it: plain values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from simcourier.dispatch.operators import Operators
from simcourier.dispatch.pace import Meter

FAILURES_TO_REST = 3
"""Recoveries without a finished submit after which a modem is taken only where no other is idle."""
SUBMIT_S = 4.0
"""What a submit takes, until measured."""
USUAL_S = 5.0
"""What a delivery takes, until learned."""
FOREIGN_S = 5.0
"""How much longer it may take through a SIM of another operator than the recipient's."""
ROAMING_S = 5.0
WEAK_S = 3.0
WEAK_DBM = -107
"""A signal at which submits begin to fail."""
FAILING_S = 20.0


@dataclass(slots=True, eq=False)
class Candidate:
    """A modem that can send or is sending, and its SIM; `last_used` is monotonic seconds. Made anew, never changed.

    `operator` names who issued the SIM (`Operators.key`), `submit_s` is what one segment takes through it, and
    `barred` says why it may send nothing; with `barred_to_tests` not even what is to show whether that still holds.
    """

    modem: str
    failures: int = 0
    signal_dbm: int | None = None
    last_used: float = 0.0
    sandbox: bool = False
    network: str = ""
    operator: str = ""
    roaming: bool = False
    submit_s: float = SUBMIT_S
    barred: str = ""
    barred_to_tests: bool = False
    meter: Meter | None = None
    burden_s: float = field(init=False)
    """By how much its own troubles make a delivery later."""

    def __post_init__(self) -> None:
        weak = self.signal_dbm is not None and self.signal_dbm <= WEAK_DBM
        failing = self.failures >= FAILURES_TO_REST
        self.burden_s = ROAMING_S * self.roaming + WEAK_S * weak + FAILING_S * failing


class Expectation(Protocol):
    """What was learned from delivery reports; `dispatch.learned` has it."""

    def expected_s(self, network: str, recipient: str) -> float | None:
        """Seconds that a delivery from a SIM of this network to this number takes; None: nobody knows yet."""


class NothingLearned:
    """Before the first delivery report."""

    def expected_s(self, network: str, recipient: str) -> float | None:
        """Nobody knows."""
        return None


@dataclass(frozen=True, slots=True)
class Terms:
    """What decisions go by beside the message and the candidates."""

    operators: Operators = field(default_factory=Operators)
    expectation: Expectation = field(default_factory=NothingLearned)
    number_key: Callable[[str], str] = str
    """Stands for a number where recipients are counted."""
    varied: bool = True
    """Whether it matters to a delivery which SIM is taken: not where all are of one network."""

    def deliveries_s(self, candidates: Sequence[Candidate], recipient: str) -> list[float]:
        """The same as `delivery_s` for each of many SIMs, which are of few networks."""
        if not self.varied:
            return [USUAL_S] * len(candidates)
        known: dict[tuple[str, str], float] = {}
        for candidate in candidates:
            home = candidate.network, candidate.operator
            if home not in known:
                known[home] = self.delivery_s(candidate, recipient)
        return [known[candidate.network, candidate.operator] for candidate in candidates]

    def delivery_s(self, candidate: Candidate, recipient: str) -> float:
        """How long the network will take from this SIM to that number, in seconds."""
        if not self.varied:
            return USUAL_S
        learned = self.expectation.expected_s(candidate.network, recipient) if candidate.network else None
        expected_s = USUAL_S if learned is None else learned
        home = self.operators.home_of(recipient)
        return expected_s + FOREIGN_S if home and home != candidate.operator else expected_s
