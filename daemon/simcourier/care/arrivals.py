"""What people write to the SIM cards: joined, kept once, told, and only then deleted from the SIM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.engine import Connection

from simcourier import log
from simcourier.care.letters import Arrival, Whole, identity, new_inbound_id, sent_ms, told, whole
from simcourier.care.tools import CareTools
from simcourier.dispatch.records import Records
from simcourier.errors import EquipmentError
from simcourier.modem.facts import Fact, MessageArrived
from simcourier.outbox import inbound, stops
from simcourier.outbox.duties import BATCH
from simcourier.outbox.inbound import InboundKind, Long, NewInbound, Part
from simcourier.outbox.message import MessageClass
from simcourier.outbox.notices import notify
from simcourier.outbox.stops import Order, Stopped
from simcourier.sms.address import mask
from simcourier.sms.pieces import encode_piece, join
from simcourier.verify.destinations import own_regions
from simcourier.verify.keywords import Keyword, Keywords
from simcourier.verify.senders import Sender, sender

DAY_MS = 24 * 3600 * 1000
_RETIRE_EVERY_S = 3600.0
_TELL_DROPPED_EVERY_S = 600.0

LoopTest = Callable[[str, str, str], bool]
"""`arrived(text, modem, sim)`: was this the text of a loop test?"""


@dataclass(slots=True)
class Kept:
    """What one work did, told when it is on disk."""

    kinds: list[tuple[InboundKind, str]] = field(default_factory=list)
    dropped: int = 0
    stopped: list[Stopped] = field(default_factory=list)


def _no_test(_text: str, _modem: str, _sim: str) -> bool:
    return False


class Arrivals:
    """Everything that comes in; runs in the writer's thread. Nothing in a text is ever a command."""

    def __init__(self, tools: CareTools, loop_test: LoopTest = _no_test) -> None:
        self._tools = tools
        self._loop_test = loop_test
        self._settings = tools.config.inbound
        self._keywords = Keywords.of(self._settings.stop_words, self._settings.start_words)
        self._ranks = frozenset(MessageClass(name).rank for name in self._settings.stop_classes)
        self._records = Records(tools.writer, tools.clock)
        self._retire_at = 0.0
        self._dropped = 0
        self._tell_dropped_at = 0.0
        self._log = log.get("care")

    def on_fact(self, fact: Fact) -> None:
        """Take what came in."""
        if type(fact) is MessageArrived:
            self._arrived(fact)

    def tick(self) -> None:
        """Show the long messages whose missing parts were waited for long enough; drop what is too old."""
        self._records.try_again()
        self._flush()
        self._tell_dropped()
        if self._tools.clock.monotonic() >= self._retire_at:
            self._retire_at = self._tools.clock.monotonic() + _RETIRE_EVERY_S
            self._retire()

    # --- one message ---

    def _arrived(self, fact: MessageArrived) -> None:
        message = fact.message
        text = message.text if message.concatenation is None else None
        if text is not None and self._loop_test(text, fact.modem, fact.sim):
            self._delete(fact)
        elif not self._settings.enabled:
            return
        elif self._is_sandbox(fact.modem):
            # A virtual handset: what it writes is nobody's word, and its STOP must not hold up a real person.
            self._delete(fact)
        else:
            arrival = self._arrival(fact)
            self._records.write(lambda c: self._keep(c, arrival), lambda kept: self._kept(kept, fact))

    def _delete(self, fact: MessageArrived) -> None:
        if fact.token:
            self._tools.radio.stored(fact.modem, fact.token)

    def _is_sandbox(self, modem: str) -> bool:
        fleet = self._tools.dispatcher.fleet
        snapshot = fleet.snapshot(modem)
        return snapshot is not None and fleet.is_sandbox(snapshot)

    def _arrival(self, fact: MessageArrived) -> Arrival:
        message, sealer = fact.message, self._tools.sealer
        who = sender(message.sender, own_regions([fact.sim]))
        return Arrival(
            fact.modem,
            fact.sim,
            who,
            sealer.number_key(who.key_text),
            sealer.fingerprint(identity(fact.sim, message))[:32],
            encode_piece(message.user_data),
            message,
            sent_ms(message),
            self._tools.clock.wall_ms(),
        )

    def _keep(self, connection: Connection, arrival: Arrival) -> Kept:
        kept = Kept()
        if not inbound.is_new(connection, arrival.digest, arrival.received_at_ms):
            return kept
        place = arrival.message.concatenation
        if place is None or place.total == 1:
            self._store(connection, kept, whole(arrival))
            return kept
        long = Long(arrival.sim, arrival.sender_key, place.reference, place.total)
        there = next(
            (part for part in inbound.parts_of(connection, long) if part.part == place.sequence), None
        )
        if there is not None and self._opened(there) == arrival.piece:
            return kept  # its network had no answer, and sent it again under another time
        if there is not None:
            # The sender uses its reference for another message, and of this one nothing more will come.
            self._put_together(connection, kept, long)
        part = Part(
            long,
            place.sequence,
            arrival.sender.text,
            arrival.modem,
            b"",
            arrival.sent_at_ms,
            arrival.received_at_ms,
        )
        sealed = self._tools.sealer.seal_octets(arrival.piece, part.owner)
        kept.dropped += inbound.keep_part(connection, part.sealed(sealed))
        if len(inbound.parts_of(connection, long)) == place.total:
            self._put_together(connection, kept, long)
        return kept

    def _kept(self, kept: Kept, fact: MessageArrived | None = None) -> None:
        """It is on disk: delete it from the SIM, and tell who has to know."""
        if fact is not None:
            self._delete(fact)
        metrics, dispatcher = self._tools.metrics, self._tools.dispatcher
        for kind, modem in kept.kinds:
            metrics.inbound.labels(kind, modem).inc()
        if kept.dropped:
            metrics.inbound_dropped.inc(kept.dropped)
            self._dropped += kept.dropped
        for stopped in kept.stopped:
            for n, rank, status in stopped.dropped:
                dispatcher.dropped(n, rank, status)
            dispatcher.closed(stopped.closed)

    def _tell_dropped(self) -> None:
        """Say how much was dropped, seldom: a flood must not fill the log either."""
        now = self._tools.clock.monotonic()
        if self._dropped and now >= self._tell_dropped_at:
            self._log.warning("more came in than is kept; the oldest was dropped", count=self._dropped)
            self._dropped, self._tell_dropped_at = 0, now + _TELL_DROPPED_EVERY_S

    # --- long messages ---

    def _put_together(self, connection: Connection, kept: Kept, long: Long) -> None:
        """Store what is there of a long message."""
        parts = {part.part: part for part in inbound.parts_of(connection, long)}
        if not parts:
            return
        inbound.drop_parts(connection, long)
        opened = {n: piece for n, part in parts.items() if (piece := self._opened(part)) is not None}
        if not opened:
            return
        last = max(parts.values(), key=lambda part: part.received_at_ms)
        known = [part.sent_at_ms for part in parts.values() if part.sent_at_ms is not None]
        self._store(
            connection,
            kept,
            Whole(
                last.modem,
                long.sim,
                # A long message is never a keyword, so nobody has to answer its sender.
                Sender(last.sender, answerable=False),
                long.sender_key,
                join([opened.get(n) for n in range(1, long.total + 1)]),
                long.total,
                long.total - len(opened),
                min(known, default=None),
                last.received_at_ms,
            ),
        )

    def _opened(self, part: Part) -> bytes | None:
        try:
            return self._tools.sealer.open_octets(part.body, part.owner)
        except EquipmentError:
            # The key file is another one: what it sealed is lost, and the other parts are not.
            return None

    def _flush(self) -> None:
        before_ms = self._tools.clock.wall_ms() - self._settings.join_minutes * 60_000
        with self._tools.engine.connect() as connection:
            if not inbound.overdue(connection, before_ms):
                return

        def work(connection: Connection) -> Kept:
            kept, due = Kept(), inbound.overdue(connection, before_ms)
            for long in due:
                self._put_together(connection, kept, long)
            return kept

        self._tools.writer.submit(work, self._kept, self._failed)

    # --- on record ---

    def _store(self, connection: Connection, kept: Kept, whole: Whole) -> None:
        new = self._new(whole)
        flooding = inbound.is_flooding(connection, whole.sender_key, whole.received_at_ms)
        kept.dropped += inbound.add(connection, new)
        kept.kinds.append((new.kind, new.modem))
        if not flooding:
            # A flood fills no log of webhooks either; who asks for what came in sees it.
            notify(connection, "message.received", new.received_at_ms, None, told(new))
        if new.kind is InboundKind.STOP:
            order = self._order(whole)
            kept.stopped.append(stops.begin(connection, self._tools.audit, order))
        elif new.kind is InboundKind.START and not flooding:
            stops.end(connection, self._tools.audit, self._order(whole))

    def _new(self, whole: Whole) -> NewInbound:
        inbound_id = new_inbound_id()
        return NewInbound(
            id=inbound_id,
            kind=self._kind(whole),
            sim=whole.sim,
            modem=whole.modem,
            sender=whole.sender.text,
            sender_key=whole.sender_key,
            body=self._tools.sealer.seal(whole.joined.text, inbound_id),
            parts=whole.parts,
            missing=whole.missing,
            sent_at_ms=whole.sent_at_ms,
            received_at_ms=whole.received_at_ms,
        )

    def _kind(self, whole: Whole) -> InboundKind:
        if whole.joined.is_data:
            return InboundKind.DATA
        match self._keywords.find(whole.joined.text) if whole.sender.answerable else None:
            case Keyword.STOP:
                return InboundKind.STOP
            case Keyword.START:
                return InboundKind.START
            case _:
                return InboundKind.TEXT

    def _order(self, whole: Whole) -> Order:
        number = whole.sender.text
        shown = mask(number)
        return Order(whole.sender_key, shown, stops.BY_SMS, whole.received_at_ms, self._ranks, number)

    # --- get old ---

    def _retire(self) -> None:
        before_ms = self._tools.clock.wall_ms() - self._settings.retention_days * DAY_MS

        def work(connection: Connection) -> int:
            gone = inbound.retire(connection, before_ms), inbound.forget_seen(connection, before_ms)
            return max(gone)

        def done(count: int) -> None:
            if count >= BATCH:
                self._tools.writer.call(self._retire)

        self._tools.writer.submit(work, done, self._failed)

    def _failed(self, error: BaseException) -> None:
        self._log.error("what came in could not be looked after; it will be tried again", error=error)
