"""Every part of the care, built once and known by name to those who ask one of them something."""

from __future__ import annotations

from dataclasses import dataclass

from simcourier.care.arrivals import Arrivals
from simcourier.care.balance import Balances
from simcourier.care.care import Part
from simcourier.care.faults import Faults
from simcourier.care.hubs import Hubs
from simcourier.care.loops import Loops
from simcourier.care.registry import Registry
from simcourier.care.tools import CareTools
from simcourier.care.ussd import Ussd


@dataclass(frozen=True, slots=True)
class CareParts:
    """What is looked after."""

    arrivals: Arrivals
    loops: Loops
    registry: Registry
    ussd: Ussd
    balances: Balances
    faults: Faults
    hubs: Hubs

    def all(self) -> list[Part]:
        """The parts in the order in which facts are told: whether a SIM may send at all is said first."""
        return [self.registry, self.ussd, self.balances, self.faults, self.arrivals, self.loops, self.hubs]


def build(tools: CareTools) -> CareParts:
    """Make every part. SIMs that were kept from sending before a restart are barred when this returns."""
    loops, ussd = Loops(tools), Ussd(tools)
    return CareParts(
        Arrivals(tools, loops.arrived),
        loops,
        Registry(tools),
        ussd,
        Balances(tools, ussd),
        Faults(tools),
        Hubs(tools),
    )
