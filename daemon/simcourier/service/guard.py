"""Whether something may be sent now: destinations, limits, the daily budget, and the share of codes confirmed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from simcourier.errors import RequestError
from simcourier.outbox import limits as record
from simcourier.outbox.limits import Block, Key
from simcourier.outbox.message import MessageClass
from simcourier.outbox.notices import notify
from simcourier.service.budget import Budget
from simcourier.service.conversion import CONVERSION, Conversion, Judged
from simcourier.service.places import Destination, Places
from simcourier.service.rules import GAP_S, LONGEST_MS, SECOND_S, Rules, Scope
from simcourier.service.stops import StopCheck
from simcourier.service.tools import Tools
from simcourier.service.usages import encoded, place_of, read_usages
from simcourier.sms.address import Address
from simcourier.verify.destinations import Kind
from simcourier.verify.limits import Share, Usage, add

__all__ = ["Charge", "Destination", "Guard", "Kind", "Send"]

_MOST_PACED = 10_000
_SENTENCES = {
    Scope.NUMBER: "This number was sent as much lately as this box allows.",
    Scope.PREFIX: "Numbers that begin like this one were sent as much lately as this box allows.",
    Scope.COUNTRY: "This country was sent as much lately as this box allows.",
    Scope.CLIENT: "This API key has sent as much lately as this box allows.",
    Scope.BOX: "This box has sent as much lately as it may.",
}


@dataclass(frozen=True, slots=True)
class Send:
    """What shall be sent, as far as limits look at it; `first` is False for another code of the same verification."""

    destination: Destination
    client: str
    kind: Kind
    segments: int
    message_class: MessageClass
    first: bool = True

    @property
    def has_code(self) -> bool:
        """Is it a code, of ours or of an application? What few confirmed codes block is for these only."""
        return self.message_class is MessageClass.OTP


@dataclass(frozen=True, slots=True)
class Charge:
    """What is written when a send that `check` let pass is accepted."""

    counts: tuple[tuple[Key, str], ...]
    notices: tuple[tuple[str, dict[str, object]], ...]
    at_ms: int


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Guard:
    """Refuses what must not be sent. What takes a connection is called in the writer's thread only."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.rules = Rules(tools.config.limits)
        self.places = Places(tools)
        self._conversion = Conversion(tools, self.rules)
        self.budget = Budget(tools, self.rules)
        self._stops = StopCheck(tools.config.inbound.stop_classes)
        with tools.engine.connect() as connection:
            self.rules.refresh(connection, tools.clock.wall_ms())
        self._buckets: dict[str, _Bucket] = {}
        self._pacing = threading.Lock()

    def destination(self, recipient: Address, kind: Kind, pointer: str = "/to") -> Destination:
        """The destination that an address is, where this box sends to.

        Raises RequestError `destination-not-allowed`, `invalid-number`, or `no-modem` while no SIM is known
        and only the SIMs' own countries are allowed.
        """
        return self.places.destination(recipient, kind, pointer)

    def pace(self, client_id: str, kind: Kind) -> None:
        """Take one of the requests that a client may make in a second. Raises RequestError `rate-limited`."""
        now_ms = self._tools.clock.wall_ms()
        rate = self.rules.bound(kind, (Scope.CLIENT.value, client_id), SECOND_S, now_ms)
        if rate and not self._take(f"{kind.value} {client_id}", rate):
            raise _limited(Scope.CLIENT, "This API key makes more requests a second than this box allows.", 1)

    def _take(self, bucket_name: str, rate: int) -> bool:
        now = self._tools.clock.monotonic()
        with self._pacing:
            if len(self._buckets) > _MOST_PACED:
                self._buckets.clear()
            bucket = self._buckets.setdefault(bucket_name, _Bucket(rate, now))
            bucket.left = min(float(rate), bucket.left + (now - bucket.at) * rate)
            bucket.at = now
            if bucket.left < 1:
                return False
            bucket.left -= 1
            return True

    def check(self, connection: Connection, send: Send, now_ms: int) -> RequestError | Charge:
        """Look whether this may be sent; writes nothing."""
        self.rules.refresh(connection, now_ms)
        blocked = self._blocked(send, now_ms)
        if blocked is not None:
            return blocked
        stopped = self._stops.refusal(connection, send.message_class, send.destination.number_key)
        if stopped is not None:
            return stopped
        counted = dict(self._counted(send))
        day = self.budget.place(now_ms)
        usages = read_usages(connection, [*counted.values(), day])
        of_scope = {scope: usages[place] for scope, place in counted.items()}
        judged = self._judged(send, of_scope, now_ms)
        refusal = (
            self._conversion.refusal(judged, now_ms)
            or self._over(send, of_scope, now_ms)
            or self.budget.refusal(usages[day], send.segments, now_ms)
        )
        if refusal is not None:
            return refusal
        notices = [
            *self._conversion.alarms(judged, now_ms),
            *self.budget.spend(usages[day], send.segments, now_ms),
        ]
        _count(send, of_scope, now_ms)
        return Charge(encoded(usages), tuple(notices), now_ms)

    def charge(self, connection: Connection, charge: Charge) -> None:
        """Count a send, in the transaction that accepts it and right after its `check`."""
        record.write(connection, charge.counts, charge.at_ms)
        for type_, data in charge.notices:
            notify(connection, type_, charge.at_ms, None, data)

    def resend_after_ms(self, connection: Connection, destination: Destination, now_ms: int) -> int:
        """When the next code to this number may be sent, in wall-clock milliseconds."""
        row = place_of(Kind.CODE, Scope.NUMBER, destination.number_key)
        usage = read_usages(connection, [row])[row]
        bounded = (Scope.NUMBER.value, destination.number_key)
        return now_ms + max(wait.ms for wait in self.rules.waits(Kind.CODE, bounded, usage, now_ms))

    def sent_confirmed(
        self,
        connection: Connection,
        prefix_key: str,
        region: str,
        client: str,
        now_ms: int,
        *,
        confirmed: bool,
        kind: Kind = Kind.CODE,
    ) -> None:
        """Note what became of a code: it was approved, or (`Kind.TEXT`) an application told by `/feedback`.

        A code of ours that was not confirmed needs no note: it was counted when it was sent.
        """
        if kind is Kind.TEXT:
            self._conversion.told(connection, prefix_key, region, now_ms, confirmed=confirmed)
        elif confirmed:
            keys = {Scope.PREFIX: prefix_key, Scope.COUNTRY: region, Scope.CLIENT: client}
            places = [place_of(Kind.CODE, scope, key) for scope, key in keys.items() if key]
            self._conversion.confirmed(connection, places, now_ms)

    def share(self, usage: Usage, now_ms: int) -> Share | None:
        """The share of confirmed codes that alarms and blocks go by, or None while too few can be judged."""
        return self._conversion.share(usage, now_ms)

    # --- the parts of a check ---

    def _blocked(self, send: Send, now_ms: int) -> RequestError | None:
        for scope, key in _keys(send):
            block = self.rules.block((scope.value, key), now_ms)
            if block is not None and (send.has_code or block.cause != CONVERSION):
                return _blocked(scope, block, now_ms)
        return None

    def _counted(self, send: Send) -> Iterator[tuple[Scope, Key]]:
        """The rows that count this send: of what nothing bounds nothing is kept.

        Whatever its class: that is the caller's own word, and must not be a way past what an admin set.
        """
        for scope, key in _keys(send):
            if send.kind is Kind.CODE or self.rules.counts(send.kind, scope):
                yield scope, place_of(send.kind, scope, key)

    def _judged(self, send: Send, usages: dict[Scope, Usage], now_ms: int) -> list[Judged]:
        if send.kind is not Kind.CODE:
            return []
        to = send.destination
        shown = {Scope.PREFIX: (to.prefix_key, to.prefix_shown), Scope.COUNTRY: (to.region, to.region)}
        return [self._conversion.judged(scope, *shown[scope], usages[scope], now_ms) for scope in shown]

    def _over(self, send: Send, usages: dict[Scope, Usage], now_ms: int) -> RequestError | None:
        """The refusal by the window that lasts longest."""
        found = [
            (wait.ms, scope, wait.window_s)
            for scope, key in _keys(send)
            if scope in usages
            for wait in self.rules.waits(send.kind, (scope.value, key), usages[scope], now_ms)
            if wait.ms > 0
        ]
        if not found:
            return None
        wait_ms, scope, window_s = max(found)
        if window_s == GAP_S:
            return _too_soon(send, wait_ms)
        return _limited(scope, _SENTENCES[scope], _seconds(wait_ms))


def _keys(send: Send) -> Iterator[tuple[Scope, str]]:
    yield Scope.NUMBER, send.destination.number_key
    yield Scope.PREFIX, send.destination.prefix_key
    if send.destination.region:
        yield Scope.COUNTRY, send.destination.region
    yield Scope.CLIENT, send.client


def _count(send: Send, usages: dict[Scope, Usage], now_ms: int) -> None:
    for scope, usage in usages.items():
        usage.sent = add(usage.sent, now_ms, LONGEST_MS[scope])
        if send.kind is Kind.CODE and send.first and scope is not Scope.NUMBER:
            usage.started = add(usage.started, now_ms)


def _seconds(wait_ms: int) -> int:
    return -(-wait_ms // 1000)


def _limited(scope: Scope, detail: str, retry_after_s: int) -> RequestError:
    return RequestError("rate-limited", detail, retry_after_s=retry_after_s, extra={"scope": scope.value})


def _too_soon(send: Send, wait_ms: int) -> RequestError:
    detail = "This number was sent something a moment ago; give it time to arrive."
    if send.first:
        return _limited(Scope.NUMBER, detail, _seconds(wait_ms))
    return RequestError("resend-too-soon", detail, retry_after_s=_seconds(wait_ms))


def _blocked(scope: Scope, block: Block, now_ms: int) -> RequestError:
    wait = None if block.until_ms is None else _seconds(block.until_ms - now_ms)
    if scope is Scope.CLIENT:
        detail = "An admin of this box has stopped what this API key sends."
        return RequestError("rate-limited", detail, retry_after_s=wait, extra={"scope": scope.value})
    what = {Scope.NUMBER: "this number", Scope.PREFIX: "numbers that begin like this one"}
    return RequestError(
        "destination-not-allowed",
        f"This box sends nothing to {what.get(scope, 'this country')} for now.",
        pointer="/to",
        retry_after_s=wait,
        extra={"scope": scope.value},
    )
