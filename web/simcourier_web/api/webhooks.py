"""`/v1/webhook-endpoints`: where applications are told what happened (Standard Webhooks 1.0.0)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from simcourier.outbox.endpoints import EventType
from simcourier.outbox.hooks import DeliveryState, Logged
from simcourier.service import Service
from simcourier.service.webhooks import EndpointView
from simcourier_web.answers import Time, rfc3339, rfc3339_or_none
from simcourier_web.forms import Form
from simcourier_web.operations import Call, Operation, Reply, link_to_next

Url = Annotated[str, Meta(min_length=1, max_length=2000, examples=["https://app.example:8443/hooks"])]
Types = Annotated[list[EventType], Meta(max_length=len(EventType))]


class EndpointBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/webhook-endpoints`; without a client it hears of all, without types of everything."""

    url: Url
    client: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    types: Types | None = None


class EndpointChange(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `PATCH /v1/webhook-endpoints/{id}`; null means left as it is."""

    url: Url | None = None
    types: Types | None = None


class DeliveriesQuery(Struct, forbid_unknown_fields=True, frozen=True):
    """The query of `GET /v1/webhook-endpoints/{id}/deliveries`."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Annotated[int, Meta(ge=1, le=2**62)] | None = None


class WebhookEndpoint(Struct, frozen=True, kw_only=True):
    """An endpoint; a disabled one says why and is told nothing. While a secret is rotated the old one signs too."""

    id: str
    url: str
    client: str | None
    types: list[str]
    enabled: bool
    disabled_reason: str | None
    old_secret_until: Time | None
    waiting: int
    created_at: Time


class WebhookEndpointWithSecret(WebhookEndpoint, frozen=True, kw_only=True):
    """An endpoint with its new secret, which is shown this once."""

    secret: str

    def __repr__(self) -> str:
        """Without the secret, which somebody might log."""
        return "WebhookEndpointWithSecret()"


class WebhookEndpoints(Struct, frozen=True):
    """Every endpoint, oldest first."""

    items: list[WebhookEndpoint]


class WebhookTest(Struct, frozen=True):
    """What came of a test: `status` is what the endpoint answered, `error` why that is no success."""

    id: str
    delivered: bool
    status: int | None
    error: str | None
    took_ms: int


class WebhookDelivery(Struct, frozen=True):
    """An event for an endpoint: `id` is its webhook-id, `status` the last answer, `error` why that is no success."""

    id: str
    type: str
    state: DeliveryState
    attempts: int
    status: int | None
    error: str | None
    created_at: Time
    last_at: Time | None
    next_at: Time | None


class WebhookDeliveries(Struct, frozen=True):
    """A page of deliveries, the newest first."""

    items: list[WebhookDelivery]
    next_cursor: int | None


_URL = "a string such as https://app.example:8443/hooks, at most 2000 characters"
_TYPES = f"a list of {', '.join(EventType)}"
CREATE = Form(
    EndpointBody,
    {"url": _URL, "client": "the id of an API key", "types": _TYPES},
    {"url": "https://app.example:8443/hooks", "types": ["message.delivered"]},
)
CHANGE = Form(EndpointChange, {"url": _URL, "types": _TYPES})
DELIVERIES = Form(
    DeliveriesQuery,
    {"limit": "a whole number from 1 to 200", "cursor": "the next_cursor of the page before"},
)


class WebhooksApi:
    """The operations of `/v1/webhook-endpoints`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        return (*self._on_endpoints(), *self._on_one())

    def _on_endpoints(self) -> tuple[Operation, ...]:
        path = "/v1/webhook-endpoints"
        one = f"{path}/{{endpoint_id}}"
        return (
            Operation(
                "listWebhookEndpoints",
                "GET",
                path,
                self.all,
                "Every endpoint, without its secret",
                scope="admin",
                answers={200: WebhookEndpoints},
            ),
            Operation(
                "createWebhookEndpoint",
                "POST",
                path,
                self.create,
                "Register an endpoint; its secret is shown this once",
                scope="admin",
                body=CREATE,
                answers={201: WebhookEndpointWithSecret},
                headers=("Location",),
                problems=("policy-violation",),
            ),
            Operation(
                "getWebhookEndpoint",
                "GET",
                one,
                self.get,
                "One endpoint, without its secret",
                scope="admin",
                answers={200: WebhookEndpoint},
            ),
            Operation(
                "changeWebhookEndpoint",
                "PATCH",
                one,
                self.change,
                "Give an endpoint another URL or other types",
                scope="admin",
                body=CHANGE,
                answers={200: WebhookEndpoint},
                problems=("policy-violation",),
            ),
            Operation(
                "removeWebhookEndpoint",
                "DELETE",
                one,
                self.remove,
                "Remove an endpoint; what waits for it is dropped",
                scope="admin",
                answers={204: None},
            ),
        )

    def _on_one(self) -> tuple[Operation, ...]:
        one = "/v1/webhook-endpoints/{endpoint_id}"
        return (
            Operation(
                "rotateWebhookSecret",
                "POST",
                f"{one}/rotate-secret",
                self.rotate,
                "Make a new secret, shown this once; the one before it signs too for 24 hours",
                scope="admin",
                answers={200: WebhookEndpointWithSecret},
            ),
            Operation(
                "testWebhookEndpoint",
                "POST",
                f"{one}/test",
                self.test,
                "Send webhook.test now, once, and tell what came of it",
                scope="admin",
                answers={200: WebhookTest},
                problems=("rate-limited",),
            ),
            Operation(
                "enableWebhookEndpoint",
                "POST",
                f"{one}/enable",
                self.enable,
                "Tell a disabled endpoint what happens from now on",
                scope="admin",
                answers={200: WebhookEndpoint},
            ),
            Operation(
                "listWebhookDeliveries",
                "GET",
                f"{one}/deliveries",
                self.deliveries,
                "The newest deliveries to an endpoint first, in pages",
                scope="admin",
                query=DELIVERIES,
                answers={200: WebhookDeliveries},
                headers=("Link",),
            ),
        )

    def all(self, call: Call[None, None]) -> WebhookEndpoints:
        """`GET /v1/webhook-endpoints`."""
        return WebhookEndpoints([_shown(view) for view in self._service.webhooks.all()])

    def create(self, call: Call[EndpointBody, None]) -> Reply:
        """`POST /v1/webhook-endpoints`."""
        body = call.body
        types = frozenset(map(str, body.types or ()))
        view, secret = self._service.webhooks.create(call.client, body.url, body.client, types)
        return Reply(
            _with_secret(view, secret), {"Location": f"/v1/webhook-endpoints/{view.endpoint.id}"}, 201
        )

    def get(self, call: Call[None, None], endpoint_id: str) -> WebhookEndpoint:
        """`GET /v1/webhook-endpoints/{id}`."""
        return _shown(self._service.webhooks.one(endpoint_id))

    def change(self, call: Call[EndpointChange, None], endpoint_id: str) -> WebhookEndpoint:
        """`PATCH /v1/webhook-endpoints/{id}`."""
        body = call.body
        types = None if body.types is None else frozenset(map(str, body.types))
        return _shown(self._service.webhooks.change(call.client, endpoint_id, body.url, types))

    def remove(self, call: Call[None, None], endpoint_id: str) -> Reply:
        """`DELETE /v1/webhook-endpoints/{id}`."""
        self._service.webhooks.remove(call.client, endpoint_id)
        return Reply(None)

    def rotate(self, call: Call[None, None], endpoint_id: str) -> WebhookEndpointWithSecret:
        """`POST /v1/webhook-endpoints/{id}/rotate-secret`."""
        return _with_secret(*self._service.webhooks.rotate(call.client, endpoint_id))

    def test(self, call: Call[None, None], endpoint_id: str) -> WebhookTest:
        """`POST /v1/webhook-endpoints/{id}/test`: 200 also where the endpoint did not take it."""
        result = self._service.webhooks.test(endpoint_id)
        return WebhookTest(result.event_id, result.error is None, result.status, result.error, result.took_ms)

    def enable(self, call: Call[None, None], endpoint_id: str) -> WebhookEndpoint:
        """`POST /v1/webhook-endpoints/{id}/enable`."""
        return _shown(self._service.webhooks.enable(call.client, endpoint_id))

    def deliveries(self, call: Call[None, DeliveriesQuery], endpoint_id: str) -> Reply:
        """`GET /v1/webhook-endpoints/{id}/deliveries`."""
        query = call.query
        # One more than asked for tells whether another page follows.
        found = self._service.webhooks.deliveries(endpoint_id, query.cursor, query.limit + 1)
        shown = found[: query.limit]
        cursor = shown[-1].n if len(found) > len(shown) else None
        return Reply(WebhookDeliveries([_logged(each) for each in shown], cursor), link_to_next(cursor))


def _fields(view: EndpointView) -> dict[str, object]:
    endpoint = view.endpoint
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "client": endpoint.client,
        "types": sorted(endpoint.types),
        "enabled": endpoint.disabled_reason is None,
        "disabled_reason": endpoint.disabled_reason,
        "old_secret_until": rfc3339_or_none(endpoint.old_until_ms),
        "waiting": view.waiting,
        "created_at": rfc3339(endpoint.created_at_ms),
    }


def _shown(view: EndpointView) -> WebhookEndpoint:
    return WebhookEndpoint(**_fields(view))  # type: ignore[arg-type] # the names are those above


def _with_secret(view: EndpointView, secret: str) -> WebhookEndpointWithSecret:
    return WebhookEndpointWithSecret(**_fields(view), secret=secret)  # type: ignore[arg-type] # the names are those above


def _logged(logged: Logged) -> WebhookDelivery:
    return WebhookDelivery(
        id=logged.event_id,
        type=logged.type,
        state=logged.state,
        attempts=logged.attempts,
        status=logged.last_status,
        error=logged.last_error,
        created_at=rfc3339(logged.created_at_ms),
        last_at=rfc3339_or_none(logged.last_at_ms),
        next_at=rfc3339(logged.next_at_ms) if logged.state is DeliveryState.PENDING else None,
    )
