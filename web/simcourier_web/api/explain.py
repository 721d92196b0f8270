"""`/v1/messages/{id}/explain`: why a message went through that SIM, why it waits, or why it ended."""

from __future__ import annotations

from msgspec import Struct

from simcourier.outbox.message import Status
from simcourier.service import Service
from simcourier.service.explaining import Explained, Tried
from simcourier_web.answers import Time, rfc3339, rfc3339_or_none
from simcourier_web.operations import Call, Operation


class Attempted(Struct, frozen=True):
    """One time that a SIM was taken: `why` that one, then what came of it; null: nothing yet, or not on record."""

    at: Time
    modem: str | None
    why: str | None
    ended: Status | None
    detail: str | None


class ExplainedSim(Struct, frozen=True):
    """One modem's SIM and the waiting message. `expected_s`: seconds until the phone would have it.

    `until`: until when it may not. `detail` is for keys that may read the status.
    """

    modem: str
    may: bool
    why: str
    detail: str
    expected_s: float | None
    until: Time | None


class ExplainedMessage(Struct, frozen=True):
    """A message's attempts; and, while it waits, why, and what is to be said of each SIM, the best first.

    Of one that ended otherwise than delivered, `why` is why so.
    """

    id: str
    status: Status
    attempts: list[Attempted]
    why: str | None
    next_try_at: Time | None
    sims: list[ExplainedSim]


class ExplainApi:
    """The operation of `/v1/messages/{id}/explain`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        return (
            Operation(
                "explainMessage",
                "GET",
                "/v1/messages/{message_id}/explain",
                self.explain,
                "Why a message went through the SIM that it did, why it waits, or why it ended unsent",
                scope="messages:read",
                answers={200: ExplainedMessage},
            ),
        )

    def explain(self, call: Call[None, None], message_id: str) -> ExplainedMessage:
        """`GET /v1/messages/{id}/explain`."""
        return _told(self._service.explaining.explain(call.client, message_id))


def _told(explained: Explained) -> ExplainedMessage:
    waits = explained.waits
    return ExplainedMessage(
        id=explained.record.id,
        status=explained.record.status,
        attempts=[_choice(tried) for tried in explained.attempts],
        why=explained.ended if waits is None else waits.why,
        next_try_at=None if waits is None else rfc3339_or_none(waits.next_try_ms),
        sims=[
            ExplainedSim(
                sim.modem, sim.may, sim.why, sim.detail, sim.expected_s, rfc3339_or_none(sim.until_ms)
            )
            for sim in (() if waits is None else waits.sims)
        ],
    )


def _choice(tried: Tried) -> Attempted:
    return Attempted(rfc3339(tried.at_ms), tried.modem, tried.why, tried.after, tried.detail)
