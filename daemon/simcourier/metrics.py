"""The figures that Prometheus reads; no number, id or ICCID is ever a label."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

disable_created_metrics()  # type: ignore[no-untyped-call] # untyped there; a second series for each: when the process started tells as much
_FAST = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.5, 1, 2, 5, 10, 30, 60, 300)
_SLOW = (0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 3600)


class Metrics:
    """One registry and the instruments of API.md; safe to use from every thread."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.messages = Counter(
            "simcourier_messages",
            "Moves of messages into a state",
            ("status", "operator", "modem"),
            registry=registry,
        )
        self.queue_depth = Gauge("simcourier_queue_depth", "Messages waiting", ("class",), registry=registry)
        self.queue_oldest = Gauge(
            "simcourier_queue_oldest_seconds", "Age of the oldest waiting message", registry=registry
        )
        self.accept_to_wire = Histogram(
            "simcourier_accept_to_wire_seconds",
            "Accept to Ctrl-Z on the port",
            buckets=_FAST,
            registry=registry,
        )
        self.submit = Histogram(
            "simcourier_submit_seconds", "Ctrl-Z to +CMGS", ("modem",), buckets=_FAST, registry=registry
        )
        self.delivery = Histogram(
            "simcourier_delivery_seconds",
            "Accept to the delivery report",
            ("operator", "modem"),
            buckets=_SLOW,
            registry=registry,
        )
        self.modem_up = Gauge(
            "simcourier_modem_up", "1 while the modem can send", ("modem",), registry=registry
        )
        self.modem_signal = Gauge(
            "simcourier_modem_signal_dbm", "Signal strength", ("modem",), registry=registry
        )
        self.unmatched = Counter(
            "simcourier_dlr_unmatched", "Delivery reports that fit no message", registry=registry
        )
        self.unknown = Counter(
            "simcourier_unknown", "Submits whose outcome nobody can say", registry=registry
        )
        self.expired = Counter(
            "simcourier_expired", "Messages whose deadline passed unsent", registry=registry
        )
        self.refused = Counter(
            "simcourier_refused", "Requests refused before the queue", ("reason",), registry=registry
        )
        self.webhook_deliveries = Counter(
            "simcourier_webhook_deliveries", "Tries to tell an endpoint", ("result",), registry=registry
        )
        self.webhook_pending = Gauge(
            "simcourier_webhook_pending", "Events that wait for an endpoint", registry=registry
        )
        self.commits = Counter("simcourier_commits", "Transactions committed", registry=registry)

    def render(self) -> bytes:
        """The text exposition format, for `GET /metrics`."""
        return generate_latest(self.registry)
