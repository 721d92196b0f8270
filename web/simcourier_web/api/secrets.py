"""`/v1/secrets`: the keys that seal what is on disk, without the keys themselves."""

from __future__ import annotations

from msgspec import Struct

from simcourier.service import Service
from simcourier.service.secrets import KeyView
from simcourier_web.answers import Time, rfc3339_or_none
from simcourier_web.operations import Call, Operation


class KeyUse(Struct, frozen=True):
    """How much is sealed under a key; a code counts with the values of its text, and inbound with waiting parts."""

    messages: int
    codes: int
    webhook_secrets: int
    inbound: int


class SealingKey(Struct, frozen=True):
    """A sealing key. `newest`: this one seals; the others open what is still under them."""

    id: int
    made_at: Time | None
    newest: bool
    in_use: KeyUse


class SealingKeys(Struct, frozen=True):
    """Every sealing key, the oldest first."""

    items: list[SealingKey]


class SecretsApi:
    """The operations of `/v1/secrets`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        return (
            Operation(
                "listSealingKeys",
                "GET",
                "/v1/secrets",
                self.list,
                "The keys that seal what is on disk, and what is under each",
                scope="admin",
                answers={200: SealingKeys},
            ),
            Operation(
                "rotateSealingKey",
                "POST",
                "/v1/secrets/rotate",
                self.rotate,
                "Seal with a new key from now on; the old one goes when nothing is under it",
                scope="admin",
                answers={200: SealingKeys},
                problems=("rotation-refused",),
            ),
        )

    def list(self, _call: Call[None, None]) -> SealingKeys:
        """`GET /v1/secrets`."""
        return _shown(self._service.secrets.all())

    def rotate(self, call: Call[None, None]) -> SealingKeys:
        """`POST /v1/secrets/rotate`."""
        return _shown(self._service.secrets.rotate(call.client))


def _shown(keys: list[KeyView]) -> SealingKeys:
    return SealingKeys(
        [
            SealingKey(
                id=key.id,
                made_at=rfc3339_or_none(key.made_at_ms),
                newest=key.newest,
                in_use=KeyUse(**key.use._asdict()),
            )
            for key in keys
        ]
    )
