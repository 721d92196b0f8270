"""What a verification is made of: its code, the text that brings it, the message that carries it, and its proof."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace

import msgspec

from simcourier.errors import RequestError
from simcourier.outbox.message import MessageClass, NewMessage, OnUnknown
from simcourier.outbox.verifications import NewVerification, Verification
from simcourier.secret import Secret
from simcourier.service.clients import Client
from simcourier.service.guard import Destination
from simcourier.service.templates import Templates
from simcourier.service.tools import Tools
from simcourier.sms.text import plan
from simcourier.verify import codes
from simcourier.verify.codes import CodeType
from simcourier.verify.template import Template
from simcourier.verify.values import Values, whole_minutes

LEAST_LIFE_S, LONGEST_LIFE_S = 60, 600
MOST_ATTEMPTS = 5
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


_TEXT_VALUES = msgspec.json.Decoder(TextValues)


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


class Drafts:
    """Makes verifications and their messages, and changes nothing; safe from any thread."""

    def __init__(self, tools: Tools, templates: Templates) -> None:
        self._tools = tools
        self._templates = templates
        self._settings = tools.config.verifications

    def life(self, request: StartRequest) -> int:
        """Its life in seconds. Raises RequestError `policy-violation`."""
        ttl = request.ttl if request.ttl is not None else self._settings.default_ttl
        if not LEAST_LIFE_S <= ttl <= LONGEST_LIFE_S:
            raise _weak("/ttl", f"ttl must be from {LEAST_LIFE_S} to {LONGEST_LIFE_S} seconds.")
        return ttl

    def check_policy(self, request: StartRequest) -> None:
        """What would weaken the proof is refused, never clamped in silence."""
        if not codes.MIN_LENGTH <= request.code.length <= codes.MAX_LENGTH:
            raise _weak("/code/length", f"length must be from {codes.MIN_LENGTH} to {codes.MAX_LENGTH}.")
        if not 1 <= request.max_attempts <= MOST_ATTEMPTS:
            raise _weak("/max_attempts", f"max_attempts must be from 1 to {MOST_ATTEMPTS}.")
        if request.origin_host is not None and request.app_hash is not None:
            raise _weak("/app_hash", "Give origin_host or app_hash, not both: the last line holds one.")
        if request.risk is not None and request.risk in self._settings.refused_risks:
            raise _weak("/risk", "This box sends no code at this risk; offer another factor.")

    def prepare(
        self, client: Client, request: StartRequest, to: Destination, ttl: int, code: Secret
    ) -> tuple[NewVerification, str]:
        """A new verification that `code` proves, and the text that brings it. Raises RequestError."""
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
        text = _text(template, values, code, ttl)
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

    def message(self, verification: NewVerification | Verification, text: str, *, send_no: int) -> NewMessage:
        """The message that carries a text of this verification, which has no number yet."""
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
        return verification.number_key == self.sandbox_key(verification.recipient)

    def sandbox_key(self, number: str) -> str:
        """A test key reaches nobody, and must not hold up anybody: its numbers are other numbers."""
        return self._tools.sealer.number_key(f"sandbox {number}")

    def _replace_type(self, verification: NewVerification | Verification) -> int | None:
        """One type for all codes of a client's purpose: codes of another purpose must not be replaced by them."""
        if not self._settings.replace_on_phone:
            return None
        key = self._tools.sealer.number_key(f"replace {verification.client} {verification.purpose}")
        return int(key[:8], 16) % REPLACE_TYPES + 1

    def renewed(self, before: Verification, life_s: float) -> tuple[NewMessage, bytes]:
        """The message with the next code of a verification, and what proves it."""
        sealer = self._tools.sealer
        code = Secret(codes.make(CodeType(before.code_type), before.code_length))
        values = _TEXT_VALUES.decode(sealer.open_octets(before.text_values or b"", before.id))
        template = self._templates.resolve(before.template, before.locale, None)
        text = _text(template, values, code, life_s)
        mac = sealer.code_mac(code.reveal(), *proof_context(before, before.send_no + 1, before.binding))
        return self.message(before, text, send_no=before.send_no + 1), mac

    def gap_ms(self, sends: int) -> int:
        """How long after this many codes the next one has to wait."""
        quota = self._tools.config.limits.verifications
        gap_s: int = min(quota.number_gap * 2 ** (sends - 1), quota.number_gap_max)
        return gap_s * 1000


def _text(template: Template, values: TextValues, code: Secret, life_s: float) -> str:
    given = Values(code.reveal(), whole_minutes(life_s), values.app, values.amount, values.payee)
    return template.render(given, origin_host=values.origin_host, app_hash=values.app_hash)


def _weak(pointer: str, detail: str) -> RequestError:
    return RequestError("policy-violation", detail, pointer=pointer)
