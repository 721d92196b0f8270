"""Messages, their history and parts, and reports that fit none; times are wall-clock ms since 1970."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    text,
)

from simcourier.outbox.message import Status
from simcourier.outbox.schema.base import Serial, metadata

_statuses = ", ".join(f"'{status}'" for status in Status)

messages = Table(
    "messages",
    metadata,
    Column("n", Serial, primary_key=True),
    Column("id", String(26), nullable=False, unique=True),
    Column("client", String(64), nullable=False),
    Column("status", String(12), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("recipient", String(20), nullable=False),
    Column("body", LargeBinary),
    Column("alphabet", String(8), nullable=False),
    Column("segments", Integer, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("deadline_ms", BigInteger, nullable=False),
    Column("next_at_ms", BigInteger, nullable=False),
    Column("on_unknown", String(8), nullable=False),
    Column("supersede_key", String(64)),
    Column("reference", String(64)),
    Column("modem", String(64)),
    Column("attempts", Integer, nullable=False, default=0),
    Column("refusals", Integer, nullable=False, default=0),
    Column("doubts", Integer, nullable=False, default=0),
    Column("avoid", String, nullable=False, default=""),
    Column("lease", BigInteger),
    Column("sent_by", String(64)),
    Column("tp_st", Integer),
    Column("reported_at_ms", BigInteger),
    Column("feedback", String(12)),
    # Where simcourier made the code: the verification it proves, and which of its sends this is.
    Column("verification", BigInteger),
    Column("send_no", Integer),
    Column("region", String(3)),
    Column("callback", String(26)),
    # 1 to 7: replace an older message of the same type on the phone (TP-PID 0x41-0x47, TS 23.040 9.2.3.9).
    Column("replace_type", Integer),
    # The modem of the code before it: only from the same number does one message replace another.
    Column("prefer", String(64)),
    # Written with a sandbox key: goes to no real modem, ever, whatever is configured by then.
    Column("sandbox", Boolean, nullable=False, server_default=text("0")),
    # Set when the number is reduced to a mask: by it the messages to a number are still found.
    Column("number_key", String(32)),
    # When a message that was sent and not reported goes out once more, through a SIM of another operator; its text is
    # kept until then.
    Column("second_at_ms", BigInteger),
    # It did: never a third time.
    Column("seconded", Boolean, nullable=False, server_default=text("0")),
    # Then: the network that the first copy went through, and the second must not.
    Column("other_network", String(8)),
    # The recipient wrote STOP while it was under way: it does not leave again.
    Column("stopped", Boolean, nullable=False, server_default=text("0")),
    CheckConstraint(f"status IN ({_statuses})", name="status"),
)
_queued = text("status = 'queued'")
_sealed = text("body IS NOT NULL")
# On each side one lane for each modem that messages are pinned to, and one (NULL) for all others.
Index(
    "messages_queue",
    messages.c.sandbox,
    messages.c.modem,
    messages.c.rank,
    messages.c.n,
    sqlite_where=_queued,
    postgresql_where=_queued,
)
Index("messages_deadline", messages.c.deadline_ms, sqlite_where=_sealed, postgresql_where=_sealed)
_sending = text("status = 'sending'")
Index("messages_sending", messages.c.n, sqlite_where=_sending, postgresql_where=_sending)
_superseding = text("status = 'queued' AND supersede_key IS NOT NULL")
Index(
    "messages_supersede",
    messages.c.client,
    messages.c.supersede_key,
    sqlite_where=_superseding,
    postgresql_where=_superseding,
)
Index("messages_recipient", messages.c.recipient, messages.c.n)
_reduced = text("number_key IS NOT NULL")
Index(
    "messages_number", messages.c.number_key, messages.c.n, sqlite_where=_reduced, postgresql_where=_reduced
)
_of_a_verification = text("verification IS NOT NULL")
Index(
    "messages_verification",
    messages.c.verification,
    messages.c.n,
    sqlite_where=_of_a_verification,
    postgresql_where=_of_a_verification,
)
Index("messages_client", messages.c.client, messages.c.n)
_referred_to = text("reference IS NOT NULL")
Index(
    "messages_reference",
    messages.c.reference,
    messages.c.n,
    sqlite_where=_referred_to,
    postgresql_where=_referred_to,
)
_awaits_second = text("second_at_ms IS NOT NULL")
Index(
    "messages_second", messages.c.second_at_ms, sqlite_where=_awaits_second, postgresql_where=_awaits_second
)
RARE_STATUSES = (
    Status.UNDELIVERED,
    Status.FAILED,
    Status.EXPIRED,
    Status.SUPERSEDED,
    Status.CANCELED,
    Status.UNKNOWN,
)
"""Most messages pass through none of these states: listing one must not walk over all the others."""
for _status in RARE_STATUSES:
    _condition = text(f"status = '{_status}'")
    Index(f"messages_{_status}", messages.c.n, sqlite_where=_condition, postgresql_where=_condition)

events = Table(
    "message_events",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("message", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("status", String(12), nullable=False),
    Column("modem", String(64)),
    Column("detail", String(200)),
    Index("message_events_message", "message", "seq"),
)

parts = Table(
    "parts",
    metadata,
    Column("message", BigInteger, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("modem", String(64), nullable=False),
    Column("sim", String(32), nullable=False),
    Column("state", String(8), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("tp_mr", Integer),
    Column("tp_st", Integer),
    Column("reported_at_ms", BigInteger),
    Column("awaiting", Boolean, nullable=False),
    # The service centre's time stamp, by which a report that is told twice is known again.
    Column("service_centre_at_ms", BigInteger),
    Column("reason", String(200)),
    sqlite_with_rowid=False,
)
_awaiting = text("awaiting")
Index("parts_awaiting", parts.c.sim, parts.c.tp_mr, sqlite_where=_awaiting, postgresql_where=_awaiting)
Index("parts_awaiting_since", parts.c.at_ms, sqlite_where=_awaiting, postgresql_where=_awaiting)
_stamped = text("service_centre_at_ms IS NOT NULL")
Index(
    "parts_reported",
    parts.c.sim,
    parts.c.tp_mr,
    parts.c.service_centre_at_ms,
    sqlite_where=_stamped,
    postgresql_where=_stamped,
)

unmatched_reports = Table(
    "unmatched_reports",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("sim", String(32), nullable=False),
    Column("tp_mr", Integer, nullable=False),
    Column("recipient", String(24), nullable=False),
    Column("service_centre_at_ms", BigInteger),
    Column("tp_st", Integer, nullable=False),
)
