"""Verifications: make a code, send it, send another, take it back (checks are in `checks`)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace

import msgspec
from sqlalchemy.engine import Connection

from simcourier.errors import RequestError
from simcourier.outbox import reading, store, verifications
from simcourier.outbox.audit import Entry
from simcourier.outbox.message import MessageClass, NewMessage, OnUnknown, Status, Waiting
from simcourier.outbox.verification import VerificationStatus
from simcourier.outbox.verifications import Closed, NewVerification, Verification
from simcourier.secret import Secret
from simcourier.service.clients import Client
from simcourier.service.failures import FailureCounts
from simcourier.service.guard import Charge, Destination, Guard, Kind, Send
from simcourier.service.idempotency import Answer, IdempotencyKey, Remember, Repeats
from simcourier.service.room import Room
from simcourier.service.templates import Templates
from simcourier.service.tools import Tools
from simcourier.sms.address import mask, parse_recipient
from simcourier.sms.text import plan
from simcourier.verify import codes
from simcourier.verify.codes import CodeType
from simcourier.verify.destinations import check_emergency
from simcourier.verify.values import Values, whole_minutes

LEAST_LIFE_S, LONGEST_LIFE_S = 60, 600
MOST_ATTEMPTS = 5
LEAST_REST_S = 15
"""A code that has a shorter life left is not sent again: nobody could read and type it in time."""
REPLACE_TYPES = 7


@dataclass(frozen=True, slots=True)
class CodeForm:
    """What the code shall be made of."""

    type: CodeType = CodeType.NUMERIC
    length: int = codes.MIN_LENGTH


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """A verification as the caller asks for it; `ttl` in seconds, None: the configured default."""

    to: str = field(repr=False)
    purpose: str
    subject: str | None = field(default=None, repr=False)
    binding: str | None = field(default=None, repr=False)
    code: CodeForm = CodeForm()
    ttl: int | None = None
    max_attempts: int = MOST_ATTEMPTS
    locale: str | None = None
    template: str | None = None
    origin_host: str | None = None
    app_hash: str | None = None
    app: str | None = None
    amount: str | None = field(default=None, repr=False)
    payee: str | None = field(default=None, repr=False)
    risk: str | None = None
    reference: str | None = field(default=None, repr=False)


class TextValues(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the text of each of a verification's codes needs beside the code; sealed until it is closed."""

    app: str = ""
    amount: str = ""
    payee: str = ""
    origin_host: str | None = None
    app_hash: str | None = None

    def __repr__(self) -> str:
        """Without the values, which somebody might log."""
        return "TextValues()"


class Started(Answer, frozen=True, kw_only=True):
    """What is answered to a start and to a resend; times in ms since 1970."""

    id: str
    to_masked: str
    expires_at_ms: int
    resend_after_ms: int
    sends: int
    sends_max: int


_STARTED = msgspec.json.Decoder(Started)
_TEXT_VALUES = msgspec.json.Decoder(TextValues)


@dataclass(frozen=True, slots=True)
class VerificationView:
    """A verification as its client sees it, with its messages."""

    verification: Verification
    to_masked: str
    sends_max: int
    messages: list[reading.Record]


def proof_context(
    verification: Verification | NewVerification, send_no: int, binding: str
) -> tuple[str, ...]:
    """Everything a code is good for alone; `binding` is the hash of what the caller gave at the check."""
    return (
        verification.id,
        str(send_no),
        verification.client,
        verification.number_key,
        verification.purpose,
        binding,
    )


class Verifications:
    """What callers may do with verifications; safe from any thread but the writer's."""

    def __init__(
        self,
        tools: Tools,
        room: Room,
        guard: Guard,
        templates: Templates,
        repeats: Repeats,
        failures: FailureCounts,
    ) -> None:
        self._tools = tools
        self._room = room
        self._guard = guard
        self._templates = templates
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
        ttl = self._life(request)
        self._check_policy(request)
        self._room.check(sandbox=client.sandbox)
        self._pace(client)
        to = self._destination(request.to, sandbox=client.sandbox)
        self._check_wait(ttl, sandbox=client.sandbox)
        code = Secret(codes.make(request.code.type, request.code.length))
        new, text = self._prepare(client, request, to, ttl, code)
        message = self._message(new, text, send_no=1)
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

    def _life(self, request: StartRequest) -> int:
        ttl = request.ttl if request.ttl is not None else self._settings.default_ttl
        if not LEAST_LIFE_S <= ttl <= LONGEST_LIFE_S:
            raise _weak("/ttl", f"ttl must be from {LEAST_LIFE_S} to {LONGEST_LIFE_S} seconds.")
        return ttl

    def _check_policy(self, request: StartRequest) -> None:
        """What would weaken the proof is refused, never clamped in silence."""
        if not codes.MIN_LENGTH <= request.code.length <= codes.MAX_LENGTH:
            raise _weak("/code/length", f"length must be from {codes.MIN_LENGTH} to {codes.MAX_LENGTH}.")
        if not 1 <= request.max_attempts <= MOST_ATTEMPTS:
            raise _weak("/max_attempts", f"max_attempts must be from 1 to {MOST_ATTEMPTS}.")
        if request.origin_host is not None and request.app_hash is not None:
            raise _weak("/app_hash", "Give origin_host or app_hash, not both: the last line holds one.")
        if request.risk is not None and request.risk in self._settings.refused_risks:
            raise _weak("/risk", "This box sends no code at this risk; offer another factor.")

    def _pace(self, client: Client) -> None:
        self._guard.pace(client.id, Kind.CODE)

    def _destination(self, written: str, *, sandbox: bool) -> Destination:
        recipient = parse_recipient(written)
        if sandbox:
            check_emergency(recipient.text)
            key = self._sandbox_key(recipient.text)
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

    def _prepare(
        self, client: Client, request: StartRequest, to: Destination, ttl: int, code: Secret
    ) -> tuple[NewVerification, str]:
        payment = request.amount is not None or request.payee is not None
        name = request.template or ("transaction" if payment else "login")
        template = self._templates.resolve(name, request.locale, to.region or None)
        values = TextValues(
            request.app if request.app is not None else self._settings.app_name,
            request.amount or "",
            request.payee or "",
            request.origin_host,
            request.app_hash,
        )
        text = self._text(template.name, template.locale, values, code, ttl)
        now_ms = self._tools.clock.wall_ms()
        verification_id = "ver_" + secrets.token_urlsafe(16)
        binding = self.binding_key(request.binding)
        gap_s = self._tools.config.limits.verifications.number_gap
        new = NewVerification(
            id=verification_id,
            client=client.id,
            recipient=to.number,
            number_key=to.number_key,
            region=to.region,
            purpose=request.purpose,
            subject=request.subject,
            binding=binding,
            risk=request.risk,
            reference=request.reference,
            template=template.name,
            locale=template.locale,
            code_type=request.code.type,
            code_length=request.code.length,
            code_mac=b"",
            text_values=self._tools.sealer.seal_octets(msgspec.json.encode(values), verification_id),
            max_attempts=request.max_attempts,
            created_at_ms=now_ms,
            deadline_ms=now_ms + ttl * 1000,
            resend_at_ms=now_ms + gap_s * 1000,
        )
        mac = self._tools.sealer.code_mac(code.reveal(), *proof_context(new, 1, binding))
        return replace(new, code_mac=mac), text

    def binding_key(self, binding: str | None) -> str:
        """What stands for the caller's binding on disk; empty for none."""
        return "" if binding is None else self._tools.sealer.number_key(f"binding {binding}")

    def _text(self, name: str, locale: str, values: TextValues, code: Secret, life_s: float) -> str:
        template = self._templates.resolve(name, locale, None)
        given = Values(code.reveal(), whole_minutes(life_s), values.app, values.amount, values.payee)
        return template.render(given, origin_host=values.origin_host, app_hash=values.app_hash)

    def _message(
        self, verification: NewVerification | Verification, text: str, *, send_no: int
    ) -> NewMessage:
        message_id = "msg_" + secrets.token_urlsafe(16)
        form = plan(text, max_segments=1)
        return NewMessage(
            id=message_id,
            client=verification.client,
            message_class=MessageClass.OTP,
            recipient=verification.recipient,
            sealed=self._tools.sealer.seal(text, message_id),
            alphabet=form.alphabet,
            segments=1,
            created_at_ms=self._tools.clock.wall_ms(),
            deadline_ms=verification.deadline_ms,
            on_unknown=OnUnknown.RESEND,
            supersede_key=verification.id,
            reference=verification.reference,
            region=verification.region,
            send_no=send_no,
            replace_type=self._replace_type(verification),
            sandbox=self.is_sandbox(verification),
        )

    def is_sandbox(self, verification: NewVerification | Verification) -> bool:
        """Was it started with a sandbox key, whoever asks now?"""
        return verification.number_key == self._sandbox_key(verification.recipient)

    def _sandbox_key(self, number: str) -> str:
        """A test key reaches nobody, and must not hold up anybody: its numbers are other numbers."""
        return self._tools.sealer.number_key(f"sandbox {number}")

    def _replace_type(self, verification: NewVerification | Verification) -> int | None:
        """One type for all codes of a client's purpose: codes of another purpose must not be replaced by them."""
        if not self._settings.replace_on_phone:
            return None
        key = self._tools.sealer.number_key(f"replace {verification.client} {verification.purpose}")
        return int(key[:8], 16) % REPLACE_TYPES + 1

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
            self.closed(sent.closed)
        for n, rank in sent.dropped:
            self._tools.dispatcher.dropped(n, rank, Status.SUPERSEDED)
        self._tools.dispatcher.accepted(sent.waiting)
        self._tools.metrics.messages.labels(Status.QUEUED, "", "").inc()

    def closed(self, *closed: Closed) -> None:
        """Tell the dispatcher of messages that went with their verifications; in the writer's thread."""
        for one in closed:
            for n, rank in one.dropped:
                self._tools.dispatcher.dropped(n, rank, Status.SUPERSEDED)

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
        sandbox = self.is_sandbox(before)
        self._room.check(sandbox=sandbox)
        self._pace(client)
        life_s = (before.deadline_ms - now_ms) / 1000
        self._check_wait(life_s, sandbox=sandbox)
        to = self._destination(before.recipient, sandbox=sandbox)
        message, mac = self._renewed(before, life_s)
        send = self._send(to, message, first=False)
        resend_at_ms = now_ms + self._gap_ms(before.send_no + 1)

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

    def _renewed(self, before: Verification, life_s: float) -> tuple[NewMessage, bytes]:
        sealer = self._tools.sealer
        code = Secret(codes.make(CodeType(before.code_type), before.code_length))
        values = _TEXT_VALUES.decode(sealer.open_octets(before.text_values or b"", before.id))
        text = self._text(before.template, before.locale, values, code, life_s)
        mac = sealer.code_mac(code.reveal(), *proof_context(before, before.send_no + 1, before.binding))
        return self._message(before, text, send_no=before.send_no + 1), mac

    def _gap_ms(self, sends: int) -> int:
        quota = self._tools.config.limits.verifications
        gap_s: int = min(quota.number_gap * 2 ** (sends - 1), quota.number_gap_max)
        return gap_s * 1000

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

        self._tools.writer.run(work, self.closed)


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


def _weak(pointer: str, detail: str) -> RequestError:
    return RequestError("policy-violation", detail, pointer=pointer)


def _seconds(wait_ms: int) -> int:
    return max(1, -(-wait_ms // 1000))
