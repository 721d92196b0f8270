"""The figures that Prometheus reads; no number, id or ICCID is ever a label."""

from __future__ import annotations

from contextlib import suppress

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
        self.modem_held = Gauge(
            "simcourier_modem_held",
            "1 while the modem can send and its SIM may not: barred, or over its pace",
            ("modem",),
            registry=registry,
        )
        self.unmatched = Counter(
            "simcourier_dlr_unmatched", "Delivery reports that fit no message", registry=registry
        )
        self.repeated = Counter(
            "simcourier_dlr_repeated", "Delivery reports that were told before", registry=registry
        )
        self.second_copies = Counter(
            "simcourier_second_copies", "Messages sent once more, through another operator", registry=registry
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
        self.modem_faults = Counter(
            "simcourier_modem_faults", "What went wrong with modems", ("modem", "fault"), registry=registry
        )
        self.modem_recovery = Histogram(
            "simcourier_modem_recovery_seconds",
            "From a fault to ready again",
            ("modem",),
            buckets=_SLOW,
            registry=registry,
        )
        self.sim_balance = Gauge(
            "simcourier_sim_balance", "What the SIM in the modem has left", ("modem",), registry=registry
        )
        self.loop_tests = Counter(
            "simcourier_loop_tests", "Tests of one SIM by another", ("modem", "outcome"), registry=registry
        )
        self.inbound = Counter(
            "simcourier_inbound", "Messages that came in", ("kind", "modem"), registry=registry
        )
        self.inbound_dropped = Counter(
            "simcourier_inbound_dropped",
            "Messages and parts that came in and were too many",
            registry=registry,
        )
        self.commits = Counter("simcourier_commits", "Transactions committed", registry=registry)

    def forget_balance(self, modem: str) -> None:
        """Nobody knows what the SIM in this modem has left."""
        with suppress(KeyError):
            self.sim_balance.remove(modem)

    def render(self) -> bytes:
        """The text exposition format, for `GET /metrics`."""
        return generate_latest(self.registry)
