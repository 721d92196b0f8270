"""The tables, for SQLite and PostgreSQL; times are wall-clock milliseconds since 1970."""

from simcourier.outbox.schema.audit import audit, audit_anchors
from simcourier.outbox.schema.base import metadata
from simcourier.outbox.schema.equipment import (
    delivery_times,
    known_modems,
    loop_tests,
    sim_recipients,
    sim_usage,
    sims,
)
from simcourier.outbox.schema.hooks import notices, relay_cursors, webhook_deliveries, webhook_endpoints
from simcourier.outbox.schema.inbound import inbound, inbound_parts, inbound_seen, stops
from simcourier.outbox.schema.keys import (
    clock_marks,
    idempotency,
    key_check,
    keys,
    paused_modems,
    pin_tries,
    starts,
)
from simcourier.outbox.schema.limits import blocks, limit_rules, limit_windows
from simcourier.outbox.schema.messages import RARE_STATUSES, events, messages, parts, unmatched_reports
from simcourier.outbox.schema.verifications import failures, templates, verifications

__all__ = [
    "RARE_STATUSES",
    "audit",
    "audit_anchors",
    "blocks",
    "clock_marks",
    "delivery_times",
    "events",
    "failures",
    "idempotency",
    "inbound",
    "inbound_parts",
    "inbound_seen",
    "key_check",
    "keys",
    "known_modems",
    "limit_rules",
    "limit_windows",
    "loop_tests",
    "messages",
    "metadata",
    "notices",
    "parts",
    "paused_modems",
    "pin_tries",
    "relay_cursors",
    "sim_recipients",
    "sim_usage",
    "sims",
    "starts",
    "stops",
    "templates",
    "unmatched_reports",
    "verifications",
    "webhook_deliveries",
    "webhook_endpoints",
]
