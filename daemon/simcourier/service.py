"""The one door for web and command line: accept, look up, cancel, and tell how the box is."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec
from sqlalchemy import Engine
from sqlalchemy.engine import Connection

from simcourier import __version__
from simcourier.at.trace import TraceLine
from simcourier.config import Config
from simcourier.dispatch.clock import Clock
from simcourier.dispatch.dispatcher import Dispatcher
from simcourier.errors import RequestError
from simcourier.metrics import Metrics
from simcourier.modem.facts import ModemSnapshot
from simcourier.modem.facts import ModemState as ModemState  # the page's words are chosen by it
from simcourier.outbox import access, reading, store
from simcourier.outbox.message import MessageClass, NewMessage, OnUnknown, Status, Waiting
from simcourier.outbox.seal import Sealer
from simcourier.outbox.writer import Writer
from simcourier.radio.loop import Radio
from simcourier.sms.address import mask, parse_recipient
from simcourier.sms.text import plan

SCOPES = (
    "messages:send",
    "messages:read",
    "messages:read_body",
    "verifications:start",
    "verifications:check",
    "inbound:read",
    "status:read",
    "admin",
)
EMERGENCY_NUMBERS = frozenset({"000", "110", "112", "119", "911", "999"})
LOCAL_KEY_FILE = "local.key"
_KEY_CACHE_S = 2.0
"""How long a revoked key may still be taken for live."""
_STALE_WRITER_S = 20.0


@dataclass(frozen=True, slots=True)
class Client:
    """Who calls: an API key and what it may do. `admin` sees every client's messages."""

    id: str
    name: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Does the key carry this scope (or `admin`, which carries all)?"""
        return scope in self.scopes or "admin" in self.scopes

    @property
    def sees(self) -> str | None:
        """The client whose messages this one may see; None: everybody's."""
        return None if "admin" in self.scopes else self.id


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


@dataclass(frozen=True, slots=True)
class ModemView:
    """A modem's snapshot, whether an admin paused it, and for how many seconds it has been in its state."""

    snapshot: ModemSnapshot
    paused: bool
    for_s: float


@dataclass(frozen=True, slots=True)
class BoxStatus:
    """How the box is: for the page, the status endpoint and the command line."""

    version: str
    started_at_ms: int
    now_ms: int
    ready: bool
    healthy: bool
    modems_up: int
    modems: int
    queue: dict[str, int]
    oldest_queued_ms: int | None
    in_flight: int
    free_mb: int


class Service:
    """What callers may do; every method is safe to call from any thread but the writer's."""

    def __init__(
        self,
        config: Config,
        engine: Engine,
        writer: Writer,
        dispatcher: Dispatcher,
        radio: Radio,
        sealer: Sealer,
        metrics: Metrics,
        clock: Clock,
        local_secret: str,
    ) -> None:
        self.config = config
        self.metrics = metrics
        self._engine = engine
        self._writer = writer
        self._dispatcher = dispatcher
        self._radio = radio
        self._sealer = sealer
        self._clock = clock
        self._local = access.Key(
            "local", "this machine's command line", access.digest(local_secret), frozenset(SCOPES), 0
        )
        self._started_at_ms = clock.wall_ms()
        self._started = clock.monotonic()
        self._keys: dict[str, tuple[float, access.Key | None]] = {}
        self._running: set[tuple[str, str]] = set()
        self._running_lock = threading.Lock()
        self._free_mb = 1 << 30
        self._closing = False
        self._beat = clock.monotonic()
        self.measure_disk()

    # --- who calls ---

    def authenticate(self, key_id: str, secret: str) -> Client | None:
        """The client that this id and secret prove, or None."""
        key = self._local if key_id == self._local.id else self._find_key(key_id)
        if key is None or not key.proves(secret):
            return None
        return Client(key.id, key.name, key.scopes)

    def _find_key(self, key_id: str) -> access.Key | None:
        now = self._clock.monotonic()
        cached = self._keys.get(key_id)
        if cached is not None and now - cached[0] < _KEY_CACHE_S:
            return cached[1]
        with self._engine.connect() as connection:
            key = access.find_key(connection, key_id)
        if len(self._keys) > 1000:
            self._keys.clear()
        self._keys[key_id] = (now, key)
        return key

    # --- messages ---

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
            fingerprint = self._sealer.fingerprint(idempotency.content)
            return self._replay(client, idempotency, fingerprint) or self._accept(
                client, request, idempotency, fingerprint
            )
        finally:
            with self._running_lock:
                self._running.discard(token)

    def _replay(self, client: Client, idempotency: IdempotencyKey, fingerprint: str) -> Accepted | None:
        with self._engine.connect() as connection:
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
        self._check_room(request)
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
                self._dispatcher.dropped(n, rank, Status.SUPERSEDED)
            self._dispatcher.accepted(waiting)
            self.metrics.messages.labels(Status.QUEUED, "", "").inc()

        self._writer.run(work, then)
        return accepted

    def close(self) -> None:
        """Accept no more messages: the daemon is stopping."""
        self._closing = True

    def _check_room(self, request: SendRequest) -> None:
        if self._closing:
            raise RequestError(
                "shutting-down", "The box is stopping; try again in a moment.", retry_after_s=5
            )
        if self._dispatcher.room.total() >= self.config.sending.queue_limit:
            raise RequestError("queue-full", "The queue is full; try again later.", retry_after_s=5)
        if self._free_mb < self.config.storage.min_free_mb:
            raise RequestError(
                "storage-unavailable",
                "The box's disk is almost full; it accepts nothing now.",
                retry_after_s=60,
            )
        idle_for = self._dispatcher.fleet.idle_for(self._clock.monotonic())
        if idle_for > self.config.sending.no_modem_grace:
            raise RequestError(
                "no-modem",
                "No modem of this box can send right now; use another way to reach this person.",
                retry_after_s=10,
            )

    def _prepare(self, client: Client, request: SendRequest) -> tuple[NewMessage, Accepted]:
        recipient = parse_recipient(request.to)
        if recipient.text in EMERGENCY_NUMBERS:
            raise RequestError("invalid-number", "No text goes to an emergency number.", pointer="/to")
        allowed = min(
            request.max_segments or self.config.sending.max_segments, self.config.sending.max_segments
        )
        form = plan(request.text, max_segments=allowed)
        if request.modem is not None and request.modem not in self._radio.snapshots():
            raise RequestError("invalid-request", "There is no modem with this name.", pointer="/modem")
        message_id = "msg_" + secrets.token_urlsafe(16)
        now_ms = self._clock.wall_ms()
        ttl = request.ttl if request.ttl is not None else self.config.sending.default_ttl
        new = NewMessage(
            id=message_id,
            client=client.id,
            message_class=request.message_class,
            recipient=recipient.text,
            sealed=self._sealer.seal(request.text, message_id),
            alphabet=form.alphabet,
            segments=len(form.segments),
            created_at_ms=now_ms,
            deadline_ms=now_ms + ttl * 1000,
            on_unknown=request.on_unknown,
            supersede_key=request.supersedes,
            reference=request.reference,
            modem=request.modem,
        )
        accepted = Accepted(
            id=message_id,
            to_masked=mask(recipient.text),
            segments=new.segments,
            alphabet=new.alphabet,
            created_at_ms=now_ms,
            expires_at_ms=new.deadline_ms,
            eta_ms=self._dispatcher.eta_ms(request.message_class.rank),
        )
        return new, accepted

    def get(self, client: Client, message_id: str, *, with_text: bool = False) -> MessageView:
        """A message with its history. Raises RequestError `not-found`, also for another client's message."""
        with self._engine.connect() as connection:
            record = reading.find(connection, message_id, client.sees)
            if record is None:
                raise RequestError("not-found", "There is no message with this id.")
            events = reading.history(connection, record.n)
            attempts = reading.attempts(connection, record.n)
        text = self._sealer.open(record.body, record.id) if with_text and record.body is not None else None
        return MessageView(record, mask(record.recipient), events, attempts, text)

    def find(self, client: Client, wanted: reading.Filter) -> list[reading.Record]:
        """The newest messages that fit, this client's only (all for an admin).

        `recipient` may be written in any form that `send` takes. Raises RequestError `invalid-number`.
        """
        recipient = None if wanted.recipient is None else parse_recipient(wanted.recipient).text
        with self._engine.connect() as connection:
            return reading.page(connection, replace(wanted, client=client.sees, recipient=recipient))

    def recent(self, limit: int = 20) -> list[Glimpse]:
        """The newest messages of every client, masked, for the page."""
        with self._engine.connect() as connection:
            return [_glimpse(record) for record in reading.page(connection, reading.Filter(limit=limit))]

    @staticmethod
    def masked(record: reading.Record) -> str:
        """The recipient of a message as it may be shown."""
        return mask(record.recipient)

    def cancel(self, client: Client, message_id: str) -> None:
        """Cancel a waiting message. Raises RequestError `not-found` or `not-cancelable`."""
        record = self._record(client, message_id)
        now_ms = self._clock.wall_ms()

        def then(canceled: bool) -> None:
            if canceled:
                self._dispatcher.dropped(record.n, record.message_class.rank, Status.CANCELED)

        if not self._writer.run(lambda c: store.cancel(c, record.n, now_ms), then):
            raise RequestError("not-cancelable", "The message is not waiting any more.")

    def feedback(self, client: Client, message_id: str, outcome: str) -> None:
        """Record whether the person used the code: `confirmed` or `unconfirmed`."""
        record = self._record(client, message_id)
        self._writer.run(lambda c: store.set_feedback(c, record.n, outcome))

    def _record(self, client: Client, message_id: str) -> reading.Record:
        with self._engine.connect() as connection:
            record = reading.find(connection, message_id, client.sees)
        if record is None:
            raise RequestError("not-found", "There is no message with this id.")
        return record

    # --- modems ---

    def modems(self) -> list[ModemView]:
        """Every modem, by name."""
        now = self._clock.monotonic()
        fleet = self._dispatcher.fleet
        return [
            ModemView(snapshot, fleet.is_paused(name), now - max(self._started, snapshot.since))
            for name, snapshot in sorted(self._radio.snapshots().items())
        ]

    def modem(self, name: str) -> ModemView:
        """One modem. Raises RequestError `not-found`."""
        found = next((view for view in self.modems() if view.snapshot.name == name), None)
        if found is None:
            raise RequestError("not-found", "There is no modem with this name.")
        return found

    def pause_modem(self, name: str, *, paused: bool) -> None:
        """Keep a modem from sending until resumed, also over a restart. Raises RequestError `not-found`."""
        self.modem(name)
        self._writer.run(
            lambda c: store.set_paused(c, name, paused=paused),
            lambda _result: self._dispatcher.pause(name, paused),
        )

    def restart_modem(self, name: str) -> None:
        """Bring a modem up anew; a refused PIN may be tried once more. Raises RequestError `not-found`."""
        card = self.modem(name).snapshot
        self._writer.run(lambda c: access.forgive_pins(c, card.sim or card.imei or None))
        self._radio.restart(name)

    def trace(self, name: str, after: int = 0) -> list[TraceLine]:
        """The masked wire of a modem. Raises RequestError `not-found`."""
        self.modem(name)
        return self._radio.trace(name, after)

    # --- keys ---

    def create_key(self, name: str, scopes: frozenset[str]) -> tuple[access.Key, str]:
        """Make an API key; the secret is told this once. Raises RequestError."""
        unknown = sorted(scopes - set(SCOPES))
        if unknown:
            raise RequestError("invalid-request", f"There is no scope {unknown[0]!r}.", pointer="/scopes")
        return self._writer.run(lambda c: access.create_key(c, name, scopes, self._clock.wall_ms()))

    # --- the box ---

    def measure_disk(self) -> None:
        """Look at the free space; a tick calls this."""
        self._free_mb = shutil.disk_usage(self.config.storage.path).free // (1 << 20)

    def beat(self) -> None:
        """The writer's thread is alive; it calls this at least every few seconds."""
        self._beat = self._clock.monotonic()

    @property
    def healthy(self) -> bool:
        """Do the threads still turn that write and that speak with the modems?"""
        return self._clock.monotonic() - self._beat < _STALE_WRITER_S and self._radio.alive

    @property
    def ready(self) -> bool:
        """Can some modem send?"""
        return bool(self._dispatcher.fleet.operational)

    def status(self) -> BoxStatus:
        """How the box is, now."""
        with self._engine.connect() as connection:
            oldest = store.oldest_queued_ms(connection)
        fleet = self._dispatcher.fleet
        return BoxStatus(
            version=__version__,
            started_at_ms=self._started_at_ms,
            now_ms=self._clock.wall_ms(),
            ready=self.ready,
            healthy=self.healthy,
            modems_up=len(fleet.operational),
            modems=len(self._radio.snapshots()),
            queue=self._dispatcher.room.by_class(),
            oldest_queued_ms=oldest,
            in_flight=self._dispatcher.in_flight,
            free_mb=self._free_mb,
        )

    def render_metrics(self) -> bytes:
        """The Prometheus text, with the gauges brought up to date."""
        status = self.status()
        for name, depth in status.queue.items():
            self.metrics.queue_depth.labels(name).set(depth)
        oldest = status.oldest_queued_ms
        self.metrics.queue_oldest.set(0 if oldest is None else max(0, status.now_ms - oldest) / 1000)
        return self.metrics.render()

    def snapshots(self) -> Mapping[str, ModemSnapshot]:
        """Every modem's snapshot by name."""
        return self._radio.snapshots()


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
