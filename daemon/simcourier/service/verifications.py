"""Verifications: make a code, send it, send another, take it back (checks are in `checks`)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
from sqlalchemy.engine import Connection

from simcourier.errors import RequestError
from simcourier.outbox import reading, store, verifications
from simcourier.outbox.audit import Entry
from simcourier.outbox.message import MessageClass, NewMessage, Status, Waiting
from simcourier.outbox.verification import VerificationStatus
from simcourier.outbox.verifications import Closed, NewVerification, Verification
from simcourier.secret import Secret
from simcourier.service.clients import Client
from simcourier.service.drafts import Drafts, StartRequest
from simcourier.service.failures import FailureCounts
from simcourier.service.guard import Charge, Destination, Guard, Kind, Send
from simcourier.service.idempotency import Answer, IdempotencyKey, Remember, Repeats
from simcourier.service.room import Room
from simcourier.service.tools import Tools
from simcourier.sms.address import mask, parse_recipient
from simcourier.verify import codes
from simcourier.verify.destinations import check_emergency

LEAST_REST_S = 15
"""A code that has a shorter life left is not sent again: nobody could read and type it in time."""


class Started(Answer, frozen=True, kw_only=True):
    """What is answered to a start and to a resend; times in ms since 1970."""

    id: str
    to_masked: str
    expires_at_ms: int
    resend_after_ms: int
    sends: int
    sends_max: int


_STARTED = msgspec.json.Decoder(Started)


@dataclass(frozen=True, slots=True)
class VerificationView:
    """A verification as its client sees it, with its messages."""

    verification: Verification
    to_masked: str
    sends_max: int
    messages: list[reading.Record]


class Verifications:
    """What callers may do with verifications; safe from any thread but the writer's."""

    def __init__(
        self,
        tools: Tools,
        room: Room,
        guard: Guard,
        drafts: Drafts,
        repeats: Repeats,
        failures: FailureCounts,
    ) -> None:
        self._tools = tools
        self._room = room
        self._guard = guard
        self._drafts = drafts
        self._repeats = repeats
        self._failures = failures
        self._settings = tools.config.verifications

    # --- start ---

    def start(
        self, client: Client, request: StartRequest, idempotency: IdempotencyKey | None = None
    ) -> Started:
        """Make a code and send it: on return it is on disk. Raises RequestError; then nothing was changed."""
        return self._repeats.once(
            client, idempotency, "start", _STARTED, lambda remember: self._start(client, request, remember)
        )

    def _start(self, client: Client, request: StartRequest, remember: Remember[Started]) -> Started:
        ttl = self._drafts.life(request)
        self._drafts.check_policy(request)
        self._room.check(sandbox=client.sandbox)
        self._pace(client)
        to = self._destination(request.to, sandbox=client.sandbox)
        self._check_wait(ttl, sandbox=client.sandbox)
        code = Secret(codes.make(request.code.type, request.code.length))
        new, text = self._drafts.prepare(client, request, to, ttl, code)
        message = self._drafts.message(new, text, send_no=1)
        send = self._send(to, message, first=True)

        def work(connection: Connection) -> _Sent | RequestError:
            older = verifications.pending(connection, new.number_key, new.client, new.purpose, new.binding)
            charge = self._may_start(connection, new, older, send)
            if isinstance(charge, RequestError):
                return charge
            closed = self._replace(connection, older, new) if older is not None else None
            resend_at_ms = self._charge(connection, charge, to, new.resend_at_ms)
            n = verifications.insert(connection, replace(new, resend_at_ms=resend_at_ms))
            waiting = store.insert(connection, replace(message, verification=n))
            self._audit(connection, client, "verification.start", new)
            started = self._started(new, 1, resend_at_ms)
            remember(connection, started)
            return _Sent(started, waiting, closed)

        return self._tools.writer.run(work, self._sent).started

    def _charge(
        self, connection: Connection, charge: Charge | None, to: Destination, resend_at_ms: int
    ) -> int:
        """Count a send; returns when the next one may follow, by this verification and by all limits."""
        if charge is None:
            return resend_at_ms
        self._guard.charge(connection, charge)
        return max(resend_at_ms, self._guard.resend_after_ms(connection, to, charge.at_ms))

    def _pace(self, client: Client) -> None:
        self._guard.pace(client.id, Kind.CODE)

    def _destination(self, written: str, *, sandbox: bool) -> Destination:
        recipient = parse_recipient(written)
        if sandbox:
            check_emergency(recipient.text)
            key = self._drafts.sandbox_key(recipient.text)
            return Destination(recipient.text, key, key, mask(recipient.text), "")
        return self._guard.destination(recipient, Kind.CODE)

    def _check_wait(self, life_s: float, *, sandbox: bool) -> None:
        wait_s = self._tools.dispatcher.eta_ms(MessageClass.OTP.rank, sandbox=sandbox) / 1000
        if wait_s > life_s:
            raise RequestError(
                "wait-exceeds-life",
                "A code would wait longer in the queue than it lives; offer another factor.",
                retry_after_s=max(1, int(wait_s - life_s)),
            )

    @staticmethod
    def _send(to: Destination, message: NewMessage, *, first: bool) -> Send | None:
        """What the limits look at; None for what reaches nobody."""
        if message.sandbox:
            return None
        return Send(to, message.client, Kind.CODE, message.segments, MessageClass.OTP, first)

    def _may_start(
        self, connection: Connection, new: NewVerification, older: Verification | None, send: Send | None
    ) -> RequestError | Charge | None:
        now_ms = new.created_at_ms
        held = self._failures.held(connection, new.number_key, new.binding, now_ms)
        if held is not None:
            return held
        if older is not None and now_ms < min(older.resend_at_ms, older.deadline_ms):
            return RequestError(
                "verification-pending",
                "A code for this number and purpose was sent a moment ago; check it, or wait.",
                retry_after_s=_seconds(min(older.resend_at_ms, older.deadline_ms) - now_ms),
            )
        return self._guard.check(connection, send, now_ms) if send is not None else None

    @staticmethod
    def _replace(connection: Connection, older: Verification, new: NewVerification) -> Closed | None:
        """One code at a time: a new start takes the place of one that its client may have lost sight of."""
        now_ms = new.created_at_ms
        if older.deadline_ms <= now_ms:
            return verifications.close(connection, older, VerificationStatus.EXPIRED, now_ms)
        reason = "a newer verification replaced it"
        return verifications.close(connection, older, VerificationStatus.CANCELED, now_ms, reason=reason)

    def _sent(self, sent: _Sent) -> None:
        if sent.closed is not None:
            self._tools.dispatcher.closed([sent.closed])
        for n, rank in sent.dropped:
            self._tools.dispatcher.dropped(n, rank, Status.SUPERSEDED)
        self._tools.dispatcher.accepted(sent.waiting)
        self._tools.metrics.messages.labels(Status.QUEUED, "", "").inc()

    def _started(
        self, verification: NewVerification | Verification, sends: int, resend_at_ms: int
    ) -> Started:
        return Started(
            id=verification.id,
            to_masked=mask(verification.recipient),
            expires_at_ms=verification.deadline_ms,
            resend_after_ms=resend_at_ms,
            sends=sends,
            sends_max=self._settings.max_sends,
        )

    def _audit(
        self,
        connection: Connection,
        client: Client,
        action: str,
        verification: NewVerification | Verification,
    ) -> None:
        now_ms = self._tools.clock.wall_ms()
        self._tools.audit.append(
            connection,
            Entry(now_ms, client.id, action, verification.id, verification.purpose, verification.number_key),
        )

    # --- resend ---

    def resend(
        self, client: Client, verification_id: str, idempotency: IdempotencyKey | None = None
    ) -> Started:
        """Send a new code in place of the one before, which is dead from then on. Raises RequestError."""
        return self._repeats.once(
            client,
            idempotency,
            f"resend {verification_id}",
            _STARTED,
            lambda remember: self._resend(client, verification_id, remember),
        )

    def _resend(self, client: Client, verification_id: str, remember: Remember[Started]) -> Started:
        before = self.record(client, verification_id)
        now_ms = self._tools.clock.wall_ms()
        self._check_open(before, now_ms)
        self._check_sends(before, now_ms)
        sandbox = self._drafts.is_sandbox(before)
        self._room.check(sandbox=sandbox)
        self._pace(client)
        life_s = (before.deadline_ms - now_ms) / 1000
        self._check_wait(life_s, sandbox=sandbox)
        to = self._destination(before.recipient, sandbox=sandbox)
        message, mac = self._drafts.renewed(before, life_s)
        send = self._send(to, message, first=False)
        resend_at_ms = now_ms + self._drafts.gap_ms(before.send_no + 1)

        def work(connection: Connection) -> _Sent | RequestError:
            refused = self._changed(connection, before) or self._failures.held(
                connection, before.number_key, before.binding, now_ms
            )
            if refused is not None:
                return refused
            charge = self._guard.check(connection, send, now_ms) if send is not None else None
            if isinstance(charge, RequestError):
                return charge
            after_ms = self._charge(connection, charge, to, resend_at_ms)
            verifications.renew(connection, before, mac, after_ms)
            dropped = verifications.drop_messages(connection, before.n, now_ms)
            waiting = store.insert(
                connection,
                replace(message, verification=before.n, prefer=self._last_modem(connection, before)),
            )
            self._audit(connection, client, "verification.resend", before)
            started = self._started(before, before.send_no + 1, after_ms)
            remember(connection, started)
            return _Sent(started, waiting, None, tuple(dropped))

        return self._tools.writer.run(work, self._sent).started

    def _check_sends(self, before: Verification, now_ms: int) -> None:
        if before.send_no >= self._settings.max_sends:
            raise RequestError(
                "rate-limited",
                f"This verification has sent its {self._settings.max_sends} codes; start a new one later.",
                retry_after_s=_seconds(before.deadline_ms - now_ms),
                extra={"scope": "verification"},
            )
        if now_ms < before.resend_at_ms:
            raise RequestError(
                "resend-too-soon",
                "The code was sent a moment ago; give it time to arrive.",
                retry_after_s=_seconds(before.resend_at_ms - now_ms),
            )
        if before.deadline_ms - now_ms < LEAST_REST_S * 1000:
            raise RequestError(
                "resend-too-soon",
                "This verification is almost over; start a new one when it has expired.",
                retry_after_s=_seconds(before.deadline_ms - now_ms),
            )

    def _last_modem(self, connection: Connection, before: Verification) -> str | None:
        if not self._settings.replace_on_phone:
            return None
        sent = reading.of_verification(connection, before.n)
        return sent[-1].sent_by if sent else None

    @staticmethod
    def _changed(connection: Connection, before: Verification) -> RequestError | None:
        """The refusal where another request was first: it is closed by now, or has another code."""
        now = verifications.find(connection, before.id, None)
        if now is None or now.status is not VerificationStatus.PENDING:
            return is_closed(now.status if now is not None else VerificationStatus.EXPIRED)
        if now.send_no == before.send_no:
            return None
        return RequestError(
            "resend-too-soon", "A code was sent at this moment; give it time to arrive.", retry_after_s=1
        )

    # --- look up, cancel ---

    def get(self, client: Client, verification_id: str) -> VerificationView:
        """A verification with its messages. Raises RequestError `not-found`, also for another client's."""
        found = self.record(client, verification_id)
        with self._tools.engine.connect() as connection:
            sent = reading.of_verification(connection, found.n)
        return VerificationView(found, mask(found.recipient), self._settings.max_sends, sent)

    @staticmethod
    def masked(found: Verification) -> str:
        """The recipient as it may be shown."""
        return mask(found.recipient)

    def record(self, client: Client, verification_id: str) -> Verification:
        """The verification as it stands. Raises RequestError `not-found`."""
        with self._tools.engine.connect() as connection:
            found = verifications.find(connection, verification_id, client.sees)
        if found is None:
            raise not_found()
        return found

    @staticmethod
    def _check_open(found: Verification, now_ms: int) -> None:
        if found.status is not VerificationStatus.PENDING:
            raise is_closed(found.status)
        if found.deadline_ms <= now_ms:
            raise is_closed(VerificationStatus.EXPIRED)

    def cancel(self, client: Client, verification_id: str) -> None:
        """Close a verification: its code counts no more. Raises RequestError `not-found`, `verification-closed`."""
        found = self.record(client, verification_id)
        now_ms = self._tools.clock.wall_ms()
        self._check_open(found, now_ms)

        def work(connection: Connection) -> Closed | RequestError:
            closed = verifications.close(connection, found, VerificationStatus.CANCELED, now_ms)
            if closed is None:
                return self._changed(connection, found) or is_closed(VerificationStatus.CANCELED)
            self._audit(connection, client, "verification.cancel", found)
            return closed

        self._tools.writer.run(work, lambda closed: self._tools.dispatcher.closed([closed]))


@dataclass(frozen=True, slots=True)
class _Sent:
    """What a start or a resend came to."""

    started: Started
    waiting: Waiting
    closed: Closed | None
    dropped: tuple[tuple[int, int], ...] = ()


def not_found() -> RequestError:
    """Also for what belongs to another client."""
    return RequestError("not-found", "There is no verification with this id.")


def is_closed(status: VerificationStatus) -> RequestError:
    """The verification is over, and how it ended."""
    return RequestError(
        "verification-closed", f"This verification is over: {status}.", extra={"reason": status.value}
    )


def _seconds(wait_ms: int) -> int:
    return max(1, -(-wait_ms // 1000))
