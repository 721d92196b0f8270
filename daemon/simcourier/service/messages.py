"""Messages that applications wrote themselves: accept, look up, cancel, and take feedback."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec
from sqlalchemy.engine import Connection

from simcourier.errors import RequestError
from simcourier.outbox import endpoints, reading, store
from simcourier.outbox.message import MessageClass, NewMessage, OnUnknown, Status, Waiting
from simcourier.service.clients import Client
from simcourier.service.guard import Destination, Guard, Kind, Send
from simcourier.service.idempotency import Answer, IdempotencyKey, Remember, Repeats
from simcourier.service.room import Room
from simcourier.service.templates import Templates
from simcourier.service.tools import Tools
from simcourier.sms.address import mask, parse_recipient
from simcourier.sms.text import plan
from simcourier.verify.destinations import check_emergency
from simcourier.verify.values import Values, check_own_code, whole_minutes


@dataclass(frozen=True, slots=True)
class SendRequest:
    """One message to send, as the caller wrote it; `ttl` in seconds, None: the configured default.

    Either `text`, or a `template` with its `values`, by name, in the language of `locale` or of the recipient's
    country.
    """

    to: str = field(repr=False)
    text: str | None = field(default=None, repr=False)
    template: str | None = None
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    locale: str | None = None
    message_class: MessageClass = MessageClass.OTP
    ttl: int | None = None
    supersedes: str | None = None
    on_unknown: OnUnknown = OnUnknown.RESEND
    reference: str | None = field(default=None, repr=False)
    modem: str | None = None
    max_segments: int | None = None
    callback: str | None = None


class Accepted(Answer, frozen=True, kw_only=True):
    """What is answered to an accepted message: it is on disk and will leave or expire. Times in ms since 1970."""

    id: str
    to_masked: str
    segments: int
    alphabet: str
    created_at_ms: int
    expires_at_ms: int
    eta_ms: int


_ACCEPTED = msgspec.json.Decoder(Accepted)


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message with its history; `text` only where it was asked for and is not wiped."""

    record: reading.Record
    to_masked: str
    events: list[reading.Event]
    attempts: list[reading.Part]
    text: str | None = field(repr=False)


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

    def __init__(
        self, tools: Tools, room: Room, guard: Guard, templates: Templates, repeats: Repeats
    ) -> None:
        self._tools = tools
        self._room = room
        self._guard = guard
        self._templates = templates
        self._repeats = repeats

    def send(
        self, client: Client, request: SendRequest, idempotency: IdempotencyKey | None = None
    ) -> Accepted:
        """Accept a message: on return it is on disk. Raises RequestError; then nothing was changed."""
        return self._repeats.once(
            client, idempotency, "send", _ACCEPTED, lambda remember: self._accept(client, request, remember)
        )

    def _accept(self, client: Client, request: SendRequest, remember: Remember[Accepted]) -> Accepted:
        self._room.check(sandbox=client.sandbox)
        # What a sandbox key does costs this box as much as what others do.
        self._guard.pace(client.id, Kind.CODE if client.sandbox else Kind.TEXT)
        new, send = self._prepare(client, request)
        accepted = Accepted(
            id=new.id,
            to_masked=mask(new.recipient),
            segments=new.segments,
            alphabet=new.alphabet,
            created_at_ms=new.created_at_ms,
            expires_at_ms=new.deadline_ms,
            eta_ms=self._tools.dispatcher.eta_ms(new.message_class.rank, sandbox=client.sandbox),
        )

        def work(connection: Connection) -> tuple[Waiting, list[tuple[int, int]]] | RequestError:
            charge = self._guard.check(connection, send, new.created_at_ms) if send is not None else None
            if isinstance(charge, RequestError):
                return charge
            if new.callback is not None and not endpoints.serves(connection, new.callback, client.id):
                return RequestError(
                    "policy-violation", "There is no such webhook endpoint.", pointer="/callback"
                )
            replaced = []
            if new.supersede_key is not None:
                replaced = store.supersede(
                    connection, client.id, new.supersede_key, new.recipient, new.created_at_ms
                )
            if charge is not None:
                self._guard.charge(connection, charge)
            waiting = store.insert(connection, new)
            remember(connection, accepted)
            return waiting, replaced

        def then(result: tuple[Waiting, list[tuple[int, int]]]) -> None:
            waiting, replaced = result
            for n, rank in replaced:
                self._tools.dispatcher.dropped(n, rank, Status.SUPERSEDED)
            self._tools.dispatcher.accepted(waiting)
            self._tools.metrics.messages.labels(Status.QUEUED, "", "").inc()

        self._tools.writer.run(work, then)
        return accepted

    def _prepare(self, client: Client, request: SendRequest) -> tuple[NewMessage, Send | None]:
        """The message, and what of it the limits look at: None for a sandbox key's, which reaches nobody."""
        recipient = parse_recipient(request.to)
        check_emergency(recipient.text)
        to = None if client.sandbox else self._guard.destination(recipient, Kind.TEXT)
        ttl = request.ttl if request.ttl is not None else self._tools.config.sending.default_ttl
        text = self._text(client, request, to, ttl)
        most = self._tools.config.sending.max_segments
        form = plan(text, max_segments=min(request.max_segments or most, most))
        if request.modem is not None:
            self._check_modem(client, request.modem)
        message_id = "msg_" + secrets.token_urlsafe(16)
        now_ms = self._tools.clock.wall_ms()
        new = NewMessage(
            id=message_id,
            client=client.id,
            message_class=request.message_class,
            recipient=recipient.text,
            sealed=self._tools.sealer.seal(text, message_id),
            alphabet=form.alphabet,
            segments=len(form.segments),
            created_at_ms=now_ms,
            deadline_ms=now_ms + ttl * 1000,
            on_unknown=request.on_unknown,
            supersede_key=request.supersedes,
            reference=request.reference,
            modem=request.modem,
            region=None if to is None else to.region,
            callback=request.callback,
            sandbox=client.sandbox,
        )
        if to is None:
            return new, None
        return new, Send(to, client.id, Kind.TEXT, new.segments, new.message_class)

    def _text(self, client: Client, request: SendRequest, to: Destination | None, ttl: int) -> str:
        if request.text is not None and request.template is None:
            client.check_free_text()
            return request.text
        if request.template is None or request.text is not None:
            raise RequestError(
                "policy-violation", "Give either text, or template with its vars.", pointer="/text"
            )
        template = self._templates.resolve(request.template, request.locale, to.region if to else None)
        values = {"app": self._tools.config.verifications.app_name, **request.values}
        if "code" not in values:
            raise RequestError("policy-violation", "A template needs its code.", pointer="/vars/code")
        check_own_code(values["code"], at="/vars")
        return template.render(Values(minutes=whole_minutes(ttl), **values), at="/vars")

    def _check_modem(self, client: Client, name: str) -> None:
        snapshot = self._tools.radio.snapshots().get(name)
        if snapshot is None:
            raise RequestError("policy-violation", "There is no modem with this name.", pointer="/modem")
        if self._tools.dispatcher.fleet.is_sandbox(snapshot) is not client.sandbox:
            whose = "no sandbox modem" if client.sandbox else "for sandbox keys only"
            raise RequestError("policy-violation", f"This modem is {whose}.", pointer="/modem")

    def get(self, client: Client, message_id: str, *, with_text: bool = False) -> MessageView:
        """A message with its history. Raises RequestError `not-found`, also for another client's message."""
        with self._tools.engine.connect() as connection:
            record = reading.find(connection, message_id, client.sees)
            if record is None:
                raise RequestError("not-found", "There is no message with this id.")
            events = reading.history(connection, record.n)
            attempts = reading.attempts(connection, record.n)
        text = (
            self._tools.sealer.open(record.body, record.id)
            # A code that is checked here is nobody's to read but the person's at the phone; and what left may be kept
            # for a second copy, but not for reading.
            if with_text
            and record.body is not None
            and record.verification is None
            and record.status is not Status.SENT
            else None
        )
        return MessageView(record, mask(record.recipient), events, attempts, text)

    def find(self, client: Client, wanted: reading.Filter) -> reading.Page:
        """The newest messages that fit, this client's only (all for an admin); a page may be short.

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
            page = reading.page(connection, reading.Filter(limit=limit))
        return [_glimpse(record) for record in page.records]

    @staticmethod
    def masked(record: reading.Record) -> str:
        """The recipient of a message as it may be shown."""
        return mask(record.recipient)

    def cancel(self, client: Client, message_id: str) -> None:
        """Cancel a waiting message. Raises RequestError `not-found` or `not-cancelable`."""
        record = self._record(client, message_id)
        now_ms = self._tools.clock.wall_ms()

        def then(after: Status | None) -> None:
            if after is not None:
                self._tools.dispatcher.dropped(record.n, record.message_class.rank, after)

        after = self._tools.writer.run(lambda c: store.cancel(c, record.n, now_ms), then)
        if after is None:
            raise RequestError("not-cancelable", "The message is not waiting any more.")
        if after is not Status.CANCELED:
            raise RequestError("not-cancelable", "The message has left; a second copy of it will not.")

    def feedback(self, client: Client, message_id: str, outcome: str) -> None:
        """Record whether the person used the code: `confirmed` or `unconfirmed`; what is said first counts."""
        record = self._record(client, message_id)
        # What simcourier checks itself it knows already, and a number that was reduced to its mask has no prefix.
        counts = record.verification is None and record.region and record.number_key is None

        def work(connection: Connection) -> None:
            if store.set_feedback(connection, record.n, outcome) and counts:
                self._guard.sent_confirmed(
                    connection,
                    self._guard.places.prefix_key(record.recipient),
                    record.region or "",
                    record.client,
                    self._tools.clock.wall_ms(),
                    confirmed=outcome == "confirmed",
                    kind=Kind.TEXT,
                )

        self._tools.writer.run(work)

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
