"""`/v1/sims`: the SIM cards that were seen, and an admin's yes or no to each."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from simcourier.outbox.equipment import SimState
from simcourier.service import Client, Service
from simcourier.service.sims import LastTest, SimView
from simcourier_web.answers import Time, rfc3339, rfc3339_or_none
from simcourier_web.api import loads
from simcourier_web.api.loads import Balance, Pace, Used
from simcourier_web.operations import Call, Operation, Reply

State = Literal["approved", "waiting", "refused"]
_STATES: dict[SimState, State] = {
    SimState.APPROVED: "approved",
    SimState.WAITING: "waiting",
    SimState.REFUSED: "refused",
}


class LoopTested(Struct, frozen=True):
    """How the last loop test of a SIM ended."""

    outcome: str
    at: Time


class Sim(Struct, frozen=True):
    """A SIM card; who is no admin sees only the end of its `id` (ICCID, or IMSI) and of its `number`.

    `modem` is where it is, or was last where it is not `present`. `held` says why it sends nothing, whether an admin
    or the box keeps it from that, and `held_until` until when, where that is known.
    """

    id: str
    name: str
    state: State
    reason: str
    operator: str
    network: str
    number: str
    modem: str
    present: bool
    held: str
    held_until: Time | None
    used: Used
    pace: Pace
    balance: Balance | None
    last_loop_test: LoopTested | None
    first_seen_at: Time
    last_seen_at: Time
    decided_at: Time | None
    decided_by: str | None


class Sims(Struct, frozen=True):
    """Every SIM card, the first one seen first."""

    items: list[Sim]


class SimsApi:
    """The operations of `/v1/sims`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        one = "/v1/sims/{sim}"
        return (
            Operation(
                "listSims",
                "GET",
                "/v1/sims",
                self.all,
                "Every SIM card that was seen",
                scope="status:read",
                answers={200: Sims},
            ),
            Operation(
                "getSim", "GET", one, self.one, "One SIM card", scope="status:read", answers={200: Sim}
            ),
            Operation(
                "approveSim",
                "POST",
                f"{one}/approve",
                self.approve,
                "Let a SIM send that waits or was refused",
                scope="admin",
                answers={200: Sim},
            ),
            Operation(
                "refuseSim",
                "POST",
                f"{one}/refuse",
                self.refuse,
                "Let a SIM send nothing, in whatever modem it is",
                scope="admin",
                answers={200: Sim},
            ),
            Operation(
                "forgetSim",
                "POST",
                f"{one}/forget",
                self.forget,
                "Drop a SIM, as if it had never been seen; one that is in a modem is new again at once",
                scope="admin",
                answers={204: None},
            ),
        )

    def all(self, call: Call[None, None]) -> Sims:
        """`GET /v1/sims`."""
        return Sims([_sim(view, call.client) for view in self._service.sims.all()])

    def one(self, call: Call[None, None], sim: str) -> Sim:
        """`GET /v1/sims/{sim}`."""
        return _sim(self._service.sims.one(sim), call.client)

    def approve(self, call: Call[None, None], sim: str) -> Sim:
        """`POST /v1/sims/{sim}/approve`."""
        return _sim(self._service.sims.approve(call.client, sim), call.client)

    def refuse(self, call: Call[None, None], sim: str) -> Sim:
        """`POST /v1/sims/{sim}/refuse`."""
        return _sim(self._service.sims.refuse(call.client, sim), call.client)

    def forget(self, call: Call[None, None], sim: str) -> Reply:
        """`POST /v1/sims/{sim}/forget`: 204."""
        self._service.sims.forget(call.client, sim)
        return Reply(None)


def _sim(view: SimView, client: Client) -> Sim:
    card, load = view.card, view.load
    return Sim(
        id=loads.identity(card.sim, client),
        name=view.name,
        state=_STATES[card.state],
        reason=card.reason,
        operator=load.operator,
        network=card.network,
        number=loads.own_number(view.number, client),
        modem=card.modem,
        present=view.present,
        held=loads.held(load),
        held_until=loads.held_until(load),
        used=loads.used(load),
        pace=loads.pace(load),
        balance=loads.balance(load.balance),
        last_loop_test=_tested(view.last_test),
        first_seen_at=rfc3339(card.first_seen_at_ms),
        last_seen_at=rfc3339(card.last_seen_at_ms),
        decided_at=rfc3339_or_none(card.decided_at_ms),
        decided_by=card.decided_by if client.may("admin") else None,
    )


def _tested(test: LastTest | None) -> LoopTested | None:
    return None if test is None else LoopTested(test.outcome, rfc3339(test.at_ms))
