"""`/v1/keys`: an admin makes, rotates and revokes API keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from simcourier.errors import RequestError
from simcourier.outbox import access
from simcourier.outbox.access import Terms
from simcourier.secret import Secret
from simcourier.service import Service
from simcourier.service.keys import KEEP_OLD_MS, MOST_CIDRS, MOST_KEEP_OLD_MS, SCOPES
from simcourier_web.answers import Time, rfc3339, rfc3339_or_none
from simcourier_web.forms import Form
from simcourier_web.operations import Call, Operation, Reply
from simcourier_web.problems import InvalidRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_KEEP_OLD_S = MOST_KEEP_OLD_MS // 1000

Scope = Literal[
    "messages:send",
    "messages:read",
    "messages:read_body",
    "verifications:start",
    "verifications:check",
    "inbound:read",
    "status:read",
    "admin",
]
# Printable, and no space at its ends, so that every list can show it.
Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=r"\A[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?\Z",
    ),
]

Cidr = Annotated[str, Meta(max_length=64, examples=["10.0.0.0/8"])]


class KeyBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/keys`."""

    name: Name
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=len(SCOPES))]
    cidrs: Annotated[list[Cidr], Meta(max_length=MOST_CIDRS)] | None = None
    expires_at: Annotated[str, Meta(max_length=40, extra_json_schema={"format": "date-time"})] | None = None
    template_only: bool = False
    sandbox: bool = False


class RotateBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/keys/{id}/rotate`."""

    keep_old: Annotated[int, Meta(ge=0, le=_MOST_KEEP_OLD_S)] = KEEP_OLD_MS // 1000


class Key(Struct, frozen=True, kw_only=True):
    """A key without its secret; `last_used_at` may be a minute behind."""

    id: str
    name: str
    live: bool
    scopes: list[str]
    cidrs: list[str]
    template_only: bool
    sandbox: bool
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None
    old_secret_until: Time | None
    last_used_at: Time | None


class NewKey(Key, frozen=True, kw_only=True):
    """A key with its secret, which is shown this once; `key` is both as a Bearer token."""

    secret: str
    key: str

    def __repr__(self) -> str:
        """Without the secret, which somebody might log."""
        return "NewKey()"


class Keys(Struct, frozen=True):
    """Every key, oldest first."""

    items: list[Key]


_EXPIRES_AT = "an RFC 3339 time with its offset, such as 2027-01-31T12:00:00Z"
CREATE = Form(
    KeyBody,
    {
        "name": "a string of 1 to 64 printable characters",
        "scopes": f"a list of some of {', '.join(SCOPES)}",
        "cidrs": f"a list of up to {MOST_CIDRS} networks such as 10.0.0.0/8",
        "expires_at": _EXPIRES_AT,
        "template_only": "true or false",
        "sandbox": "true or false",
    },
    example={
        "name": "shop",
        "scopes": ["verifications:start", "verifications:check"],
        "cidrs": ["10.0.0.0/8"],
    },
)
ROTATE = Form(RotateBody, {"keep_old": f"a whole number of seconds from 0 to {_MOST_KEEP_OLD_S}"})


class KeysApi:
    """The operations of `/v1/keys`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        one = "/v1/keys/{key_id}"
        return (
            Operation(
                "listKeys", "GET", "/v1/keys", self.all, "Every API key", scope="admin", answers={200: Keys}
            ),
            Operation(
                "createKey",
                "POST",
                "/v1/keys",
                self.create,
                "Make an API key; its secret is shown this once",
                scope="admin",
                body=CREATE,
                answers={201: NewKey},
                headers=("Location",),
                problems=("name-taken", "policy-violation"),
            ),
            Operation("getKey", "GET", one, self.one, "One API key", scope="admin", answers={200: Key}),
            Operation(
                "rotateKey",
                "POST",
                f"{one}/rotate",
                self.rotate,
                "Give a key a new secret, shown this once; the one it has stays live for keep_old seconds",
                scope="admin",
                body=ROTATE,
                answers={200: NewKey},
            ),
            Operation(
                "revokeKey",
                "DELETE",
                one,
                self.revoke,
                "End a key with all its secrets, for good",
                scope="admin",
                answers={200: Key},
            ),
            Operation(
                "revokeOldSecret",
                "DELETE",
                f"{one}/old-secret",
                self.revoke_old,
                "End the secret that a key had before it was rotated",
                scope="admin",
                answers={200: Key},
            ),
        )

    def all(self, _call: Call[None, None]) -> Keys:
        """`GET /v1/keys`."""
        return Keys([self._shown(key) for key in self._service.clients.all()])

    def one(self, _call: Call[None, None], key_id: str) -> Key:
        """`GET /v1/keys/{id}`; a revoked one is in the list only."""
        key = self._service.clients.one(key_id)
        if key.revoked_at_ms is not None:
            raise RequestError("not-found", "The key with this id is revoked.")
        return self._shown(key)

    def create(self, call: Call[KeyBody, None]) -> Reply:
        """`POST /v1/keys`."""
        body = call.body
        terms = Terms(
            expires_at_ms=_expires_at_ms(body.expires_at),
            cidrs=tuple(body.cidrs or ()),
            template_only=body.template_only,
            sandbox=body.sandbox,
        )
        key, secret = self._service.clients.create(
            body.name, frozenset(body.scopes), terms, by=call.client.id
        )
        return Reply(self._with_secret(key, secret), {"Location": f"/v1/keys/{key.id}"}, status=201)

    def rotate(self, call: Call[RotateBody, None], key_id: str) -> NewKey:
        """`POST /v1/keys/{id}/rotate`."""
        key, secret = self._service.clients.rotate(key_id, call.body.keep_old * 1000, by=call.client.id)
        return self._with_secret(key, secret)

    def revoke(self, call: Call[None, None], key_id: str) -> Key:
        """`DELETE /v1/keys/{id}`."""
        return self._shown(self._service.clients.revoke(key_id, by=call.client.id))

    def revoke_old(self, call: Call[None, None], key_id: str) -> Key:
        """`DELETE /v1/keys/{id}/old-secret`."""
        return self._shown(self._service.clients.revoke_old(key_id, by=call.client.id))

    def _shown(self, key: access.Key) -> Key:
        return shown(key, self._service.clients.now_ms())

    def _with_secret(self, key: access.Key, secret: Secret) -> NewKey:
        plain = msgspec.structs.asdict(self._shown(key))
        told = secret.reveal()
        return NewKey(**plain, secret=told, key=f"sck_{key.id}_{told}")


def shown(key: access.Key, now_ms: int) -> Key:
    """A key as an admin is told of it."""
    return Key(
        id=key.id,
        name=key.name,
        live=key.is_live(now_ms),
        scopes=sorted(key.scopes),
        cidrs=list(key.terms.cidrs),
        template_only=key.terms.template_only,
        sandbox=key.terms.sandbox,
        created_at=rfc3339(key.created_at_ms),
        expires_at=rfc3339_or_none(key.terms.expires_at_ms),
        revoked_at=rfc3339_or_none(key.revoked_at_ms),
        old_secret_until=rfc3339_or_none(key.old_until_ms if key.has_old(now_ms) else None),
        last_used_at=rfc3339_or_none(key.last_used_at_ms),
    )


def _expires_at_ms(given: str | None) -> int | None:
    if given is None:
        return None
    try:
        at: datetime = msgspec.convert(given, Annotated[datetime, Meta(tz=True)])
    except msgspec.ValidationError:
        raise InvalidRequest(f"expires_at must be {_EXPIRES_AT}.", {"pointer": "/expires_at"}) from None
    return (at - _EPOCH) // timedelta(milliseconds=1)
