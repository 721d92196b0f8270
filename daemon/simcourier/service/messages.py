"""Messages that applications wrote themselves: accept, look up, cancel, and take feedback."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, replace

import msgspec
from sqlalchemy.engine import Connection

from simcourier.errors import RequestError
from simcourier.outbox import access, reading, store
from simcourier.outbox.message import MessageClass, NewMessage, OnUnknown, Status, Waiting
from simcourier.service.clients import Client
from simcourier.service.room import Room
from simcourier.service.tools import Tools
from simcourier.sms.address import mask, parse_recipient
from simcourier.sms.text import plan

EMERGENCY_NUMBERS = frozenset({"000", "110", "112", "119", "911", "999"})


@dataclass(frozen=True, slots=True)
class SendRequest:
    """One message to send, as the caller wrote it; `ttl` in seconds, None: the configured default."""

    to: str
    text: str
    message_class: MessageClass = MessageClass.OTP
    ttl: int | None = None
    supersedes: str | None = None
    on_unknown: OnUnknown = OnUnknown.RESEND
    reference: str | None = None
    modem: str | None = None
    max_segments: int | None = None


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """The caller's key, and the octets of the request it stands for."""

    key: str
    content: bytes


class Accepted(msgspec.Struct, frozen=True):
    """What is answered to an accepted message: it is on disk and will leave or expire. Times in ms since 1970."""

    id: str
    to_masked: str
    segments: int
    alphabet: str
    created_at_ms: int
    expires_at_ms: int
    eta_ms: int
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message with its history; `text` only where it was asked for and is not wiped."""

    record: reading.Record
    to_masked: str
    events: list[reading.Event]
    attempts: list[reading.Part]
    text: str | None


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A message as the page shows it: nothing in it can be read, dialled or asked for."""

    short_id: str
    to_masked: str
    status: Status
    message_class: MessageClass
    modem: str | None
    created_at_ms: int
    delivered_after_ms: int | None


class Messages:
    """What callers may do with messages; safe from any thread but the writer's."""

    def __init__(self, tools: Tools, room: Room) -> None:
        self._tools = tools
        self._room = room
        self._running: set[tuple[str, str]] = set()
        self._running_lock = threading.Lock()

    def send(
        self, client: Client, request: SendRequest, idempotency: IdempotencyKey | None = None
    ) -> Accepted:
        """Accept a message: on return it is on disk. Raises RequestError; then nothing was changed."""
        if idempotency is None:
            return self._accept(client, request, None, "")
        token = (client.id, idempotency.key)
        with self._running_lock:
            if token in self._running:
                raise RequestError(
                    "idempotency-conflict",
                    "A request with this Idempotency-Key is still running.",
                    retry_after_s=1,
                )
            self._running.add(token)
        try:
            fingerprint = self._tools.sealer.fingerprint(idempotency.content)
            return self._replay(client, idempotency, fingerprint) or self._accept(
                client, request, idempotency, fingerprint
            )
        finally:
            with self._running_lock:
                self._running.discard(token)

    def _replay(self, client: Client, idempotency: IdempotencyKey, fingerprint: str) -> Accepted | None:
        with self._tools.engine.connect() as connection:
            known = access.recall(connection, client.id, idempotency.key)
        if known is None:
            return None
        if known.fingerprint != fingerprint:
            raise RequestError(
                "idempotency-mismatch", "This Idempotency-Key was used before with another request body."
            )
        return msgspec.structs.replace(msgspec.json.decode(known.answer, type=Accepted), replayed=True)

    def _accept(
        self, client: Client, request: SendRequest, idempotency: IdempotencyKey | None, fingerprint: str
    ) -> Accepted:
        self._room.check(sandbox=client.sandbox)
        new, accepted = self._prepare(client, request)

        def work(connection: Connection) -> tuple[Waiting, list[tuple[int, int]]]:
            replaced = []
            if new.supersede_key is not None:
                replaced = store.supersede(
                    connection, client.id, new.supersede_key, new.recipient, new.created_at_ms
                )
            waiting = store.insert(connection, new)
            if idempotency is not None:
                answer = msgspec.json.encode(accepted)
                access.remember(
                    connection, client.id, idempotency.key, fingerprint, answer, new.created_at_ms
                )
            return waiting, replaced

        def then(result: tuple[Waiting, list[tuple[int, int]]]) -> None:
            waiting, replaced = result
            for n, rank in replaced:
                self._tools.dispatcher.dropped(n, rank, Status.SUPERSEDED)
            self._tools.dispatcher.accepted(waiting)
            self._tools.metrics.messages.labels(Status.QUEUED, "", "").inc()

        self._tools.writer.run(work, then)
        return accepted

    def _prepare(self, client: Client, request: SendRequest) -> tuple[NewMessage, Accepted]:
        recipient = parse_recipient(request.to)
        if recipient.text in EMERGENCY_NUMBERS:
            raise RequestError("invalid-number", "No text goes to an emergency number.", pointer="/to")
        allowed = min(
            request.max_segments or self._tools.config.sending.max_segments,
            self._tools.config.sending.max_segments,
        )
        form = plan(request.text, max_segments=allowed)
        if request.modem is not None:
            self._check_modem(client, request.modem)
        message_id = "msg_" + secrets.token_urlsafe(16)
        now_ms = self._tools.clock.wall_ms()
        ttl = request.ttl if request.ttl is not None else self._tools.config.sending.default_ttl
        new = NewMessage(
            id=message_id,
            client=client.id,
            message_class=request.message_class,
            recipient=recipient.text,
            sealed=self._tools.sealer.seal(request.text, message_id),
            alphabet=form.alphabet,
            segments=len(form.segments),
            created_at_ms=now_ms,
            deadline_ms=now_ms + ttl * 1000,
            on_unknown=request.on_unknown,
            supersede_key=request.supersedes,
            reference=request.reference,
            modem=request.modem,
            sandbox=client.sandbox,
        )
        accepted = Accepted(
            id=message_id,
            to_masked=mask(recipient.text),
            segments=new.segments,
            alphabet=new.alphabet,
            created_at_ms=now_ms,
            expires_at_ms=new.deadline_ms,
            eta_ms=self._tools.dispatcher.eta_ms(request.message_class.rank, sandbox=client.sandbox),
        )
        return new, accepted

    def _check_modem(self, client: Client, name: str) -> None:
        snapshot = self._tools.radio.snapshots().get(name)
        if snapshot is None:
            raise RequestError("invalid-request", "There is no modem with this name.", pointer="/modem")
        if self._tools.dispatcher.fleet.is_sandbox(snapshot) is not client.sandbox:
            whose = "no sandbox modem" if client.sandbox else "for sandbox keys only"
            raise RequestError("invalid-request", f"This modem is {whose}.", pointer="/modem")

    def get(self, client: Client, message_id: str, *, with_text: bool = False) -> MessageView:
        """A message with its history. Raises RequestError `not-found`, also for another client's message."""
        with self._tools.engine.connect() as connection:
            record = reading.find(connection, message_id, client.sees)
            if record is None:
                raise RequestError("not-found", "There is no message with this id.")
            events = reading.history(connection, record.n)
            attempts = reading.attempts(connection, record.n)
        text = (
            self._tools.sealer.open(record.body, record.id) if with_text and record.body is not None else None
        )
        return MessageView(record, mask(record.recipient), events, attempts, text)

    def find(self, client: Client, wanted: reading.Filter) -> list[reading.Record]:
        """The newest messages that fit, this client's only (all for an admin).

        `recipient` may be written in any form that `send` takes. Raises RequestError `invalid-number`.
        """
        recipient = None if wanted.recipient is None else parse_recipient(wanted.recipient).text
        number_key = None if recipient is None else self._tools.sealer.number_key(recipient)
        with self._tools.engine.connect() as connection:
            return reading.page(
                connection,
                replace(wanted, client=client.sees, recipient=recipient, number_key=number_key),
            )

    def recent(self, limit: int = 20) -> list[Glimpse]:
        """The newest messages of every client, masked, for the page."""
        with self._tools.engine.connect() as connection:
            return [_glimpse(record) for record in reading.page(connection, reading.Filter(limit=limit))]

    @staticmethod
    def masked(record: reading.Record) -> str:
        """The recipient of a message as it may be shown."""
        return mask(record.recipient)

    def cancel(self, client: Client, message_id: str) -> None:
        """Cancel a waiting message. Raises RequestError `not-found` or `not-cancelable`."""
        record = self._record(client, message_id)
        now_ms = self._tools.clock.wall_ms()

        def then(canceled: bool) -> None:
            if canceled:
                self._tools.dispatcher.dropped(record.n, record.message_class.rank, Status.CANCELED)

        if not self._tools.writer.run(lambda c: store.cancel(c, record.n, now_ms), then):
            raise RequestError("not-cancelable", "The message is not waiting any more.")

    def feedback(self, client: Client, message_id: str, outcome: str) -> None:
        """Record whether the person used the code: `confirmed` or `unconfirmed`."""
        record = self._record(client, message_id)
        self._tools.writer.run(lambda c: store.set_feedback(c, record.n, outcome))

    def _record(self, client: Client, message_id: str) -> reading.Record:
        with self._tools.engine.connect() as connection:
            record = reading.find(connection, message_id, client.sees)
        if record is None:
            raise RequestError("not-found", "There is no message with this id.")
        return record


def _glimpse(record: reading.Record) -> Glimpse:
    arrived_ms = record.reported_at_ms if record.status is Status.DELIVERED else None
    return Glimpse(
        # Enough to tell two rows apart and to find one in a log, too little to look the message up.
        short_id=record.id.removeprefix("msg_")[:6],
        to_masked=mask(record.recipient),
        status=record.status,
        message_class=record.message_class,
        modem=record.sent_by or record.modem,
        created_at_ms=record.created_at_ms,
        delivered_after_ms=None if arrived_ms is None else max(0, arrived_ms - record.created_at_ms),
    )
