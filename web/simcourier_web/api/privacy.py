"""`/v1/privacy`: tell and erase what is held about a number."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from simcourier.outbox import mentions
from simcourier.outbox.message import Status
from simcourier.outbox.privacy import MOST_TOLD, HeldCount, HeldInbound, HeldMessage, HeldVerification
from simcourier.service import Service
from simcourier_web.answers import Time, rfc3339, rfc3339_or_none
from simcourier_web.api.audit import AuditEntry, audit_entry
from simcourier_web.forms import Form
from simcourier_web.operations import Call, Operation


class HeldNumberBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/privacy/export` and `erase`: a number must be in no URL."""

    to: Annotated[str, Meta(max_length=64, examples=["+447700900123"])]


class HeldEvent(Struct, frozen=True):
    """A move in the history of a message to the number."""

    at: Time
    status: Status
    modem: str | None
    detail: str | None


class HeldText(Struct, frozen=True, kw_only=True):
    """A message to the number, never its text. `reduced`: the number in it is a mask and a keyed hash by now."""

    id: str
    client: str
    status: Status
    created_at: Time
    expires_at: Time
    segments: int
    reference: str | None
    sent_by: str | None
    feedback: str | None
    reduced: bool
    events: list[HeldEvent]


class HeldStart(Struct, frozen=True, kw_only=True):
    """A verification of the number, never its code."""

    id: str
    client: str
    status: str
    reason: str | None
    purpose: str
    subject: str | None
    risk: str | None
    reference: str | None
    locale: str
    sends: int
    checks: int
    created_at: Time
    closed_at: Time | None
    reduced: bool


class HeldInboundText(Struct, frozen=True, kw_only=True):
    """A message from the number, never its text."""

    id: str
    kind: str
    modem: str
    parts: int
    missing: int
    received_at: Time
    acked_at: Time | None
    reduced: bool


class HeldCounter(Struct, frozen=True):
    """A count, rule, block or wish for no more messages under the number's keyed hash."""

    kind: str
    what: str
    value: str
    at: Time
    until: Time | None


class HeldMention(Struct, frozen=True):
    """What names one of the above: a webhook delivery, a notice, an answer kept for repetitions."""

    kind: mentions.Kind
    event: str
    at: Time


class HeldAboutNumber(Struct, frozen=True):
    """All that is held about a number; not `complete` where there was too much for one answer."""

    messages: list[HeldText]
    verifications: list[HeldStart]
    counters: list[HeldCounter]
    inbound: list[HeldInboundText]
    audit: list[AuditEntry]
    unmatched_reports: int
    mentions: list[HeldMention]
    complete: bool


class StillHeld(Struct, frozen=True):
    """What an erasure leaves: open messages and verifications, bounds and a STOP, which it must not lift.

    Ask again after `again_after` for the open ones. Locks and counters hold a keyed hash and end by themselves or by
    an unlock; rules and blocks were set by an admin.
    """

    waiting: int
    on_their_way: int
    pending_verifications: int
    locks: int
    counters: int
    rules: int
    stops: int
    again_after: Time | None


class ErasedNumber(Struct, frozen=True):
    """What was erased. `files_clean`: nor can it be read in the files of the database; if not, then within a minute."""

    messages: int
    verifications: int
    unmatched_reports: int
    counters: int
    inbound: int
    audit_entries: int
    mentions: int
    still_held: StillHeld
    files_clean: bool


NUMBER = Form(HeldNumberBody, {"to": "a string with the number in international form"})


class PrivacyApi:
    """The operations of `/v1/privacy`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        return (
            Operation(
                "exportNumber",
                "POST",
                "/v1/privacy/export",
                self.export,
                "All that is held about a number, without codes and texts",
                scope="admin",
                body=NUMBER,
                answers={200: HeldAboutNumber},
                problems=("invalid-number",),
            ),
            Operation(
                "eraseNumber",
                "POST",
                "/v1/privacy/erase",
                self.erase,
                "Erase what is held about a number, but for what waits and what locks",
                scope="admin",
                body=NUMBER,
                answers={200: ErasedNumber},
                problems=("invalid-number",),
            ),
        )

    def export(self, call: Call[HeldNumberBody, None]) -> HeldAboutNumber:
        """`POST /v1/privacy/export`."""
        held, named = self._service.privacy.export(call.client, call.body.to)
        return HeldAboutNumber(
            messages=[_text(message) for message in held.messages],
            verifications=[_start(verification) for verification in held.verifications],
            counters=[_counter(count) for count in held.counts],
            inbound=[_written(message) for message in held.inbound],
            audit=[audit_entry(row) for row in held.audit],
            unmatched_reports=held.reports,
            mentions=[HeldMention(each.kind, each.what, rfc3339(each.at_ms)) for each in named],
            complete=held.complete and len(named) < MOST_TOLD,
        )

    def erase(self, call: Call[HeldNumberBody, None]) -> ErasedNumber:
        """`POST /v1/privacy/erase`."""
        erased = self._service.privacy.erase(call.client, call.body.to)
        left = erased.left
        return ErasedNumber(
            messages=erased.messages,
            verifications=erased.verifications,
            unmatched_reports=erased.reports,
            counters=erased.counters,
            inbound=erased.inbound,
            audit_entries=erased.audit_entries,
            mentions=erased.mentions,
            still_held=StillHeld(
                waiting=left.waiting,
                on_their_way=left.on_their_way,
                pending_verifications=left.pending,
                locks=left.locks,
                counters=left.counters,
                rules=left.rules,
                stops=left.stops,
                again_after=rfc3339_or_none(left.again_after_ms),
            ),
            files_clean=erased.files_clean,
        )


def _text(message: HeldMessage) -> HeldText:
    record = message.record
    return HeldText(
        id=record.id,
        client=record.client,
        status=record.status,
        created_at=rfc3339(record.created_at_ms),
        expires_at=rfc3339(record.deadline_ms),
        segments=record.segments,
        reference=record.reference,
        sent_by=record.sent_by,
        feedback=record.feedback,
        reduced=message.reduced,
        events=[
            HeldEvent(rfc3339(event.at_ms), event.status, event.modem, event.detail)
            for event in message.events
        ],
    )


def _start(verification: HeldVerification) -> HeldStart:
    return HeldStart(
        id=verification.id,
        client=verification.client,
        status=verification.status,
        reason=verification.reason,
        purpose=verification.purpose,
        subject=verification.subject,
        risk=verification.risk,
        reference=verification.reference,
        locale=verification.locale,
        sends=verification.sends,
        checks=verification.attempts,
        created_at=rfc3339(verification.created_at_ms),
        closed_at=rfc3339_or_none(verification.closed_at_ms),
        reduced=verification.reduced,
    )


def _written(message: HeldInbound) -> HeldInboundText:
    return HeldInboundText(
        id=message.id,
        kind=message.kind,
        modem=message.modem,
        parts=message.parts,
        missing=message.missing,
        received_at=rfc3339(message.received_at_ms),
        acked_at=rfc3339_or_none(message.acked_at_ms),
        reduced=message.reduced,
    )


def _counter(count: HeldCount) -> HeldCounter:
    return HeldCounter(
        count.kind, count.what, count.value, rfc3339(count.at_ms), rfc3339_or_none(count.until_ms)
    )
