"""`/v1/audit`: who did what, for an admin."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from simcourier.outbox.audit import Page, Row, Wanted
from simcourier.service import Service
from simcourier_web.answers import Time, rfc3339
from simcourier_web.forms import Form
from simcourier_web.operations import Call, Operation, Reply, link_to_next

Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[^\x00-\x1f\x7f-\x9f]*\Z")]
Limit = Annotated[int, Meta(ge=1, le=200)]
Cursor = Annotated[int, Meta(ge=1, le=2**62)]


class AuditQuery(Struct, forbid_unknown_fields=True, frozen=True):
    """The query of `GET /v1/audit`."""

    actor: Name | None = None
    action: Name | None = None
    object: Name | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class AuditSearch(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/audit/search`: the number is here because it must be in no URL."""

    to: Annotated[str, Meta(max_length=64, examples=["+447700900123"])]
    limit: Limit = 50
    cursor: Cursor | None = None


class AuditEntry(Struct, frozen=True):
    """One thing that was done; `about_a_number` says that it was for a number, which is not told."""

    seq: int
    at: Time
    actor: str
    action: str
    object: str
    detail: str
    about_a_number: bool


class AuditEntries(Struct, frozen=True):
    """A page of entries, the newest first. It may be short or empty where `next_cursor` asks for more."""

    items: list[AuditEntry]
    next_cursor: int | None


_NAME = "a string of 1 to 64 characters without control characters"
_PAGING = {"limit": "a whole number from 1 to 200", "cursor": "the next_cursor of the page before"}
LISTING = Form(AuditQuery, {"actor": _NAME, "action": _NAME, "object": _NAME, **_PAGING})
SEARCH = Form(AuditSearch, {"to": "a string with the number in international form", **_PAGING})


class AuditApi:
    """The operations of `/v1/audit`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        return (
            Operation(
                "listAudit",
                "GET",
                "/v1/audit",
                self.list,
                "Who did what, the newest first, in pages",
                scope="admin",
                query=LISTING,
                answers={200: AuditEntries},
                headers=("Link",),
            ),
            Operation(
                "searchAudit",
                "POST",
                "/v1/audit/search",
                self.search,
                "What was done about one number, which must be in no URL",
                scope="admin",
                body=SEARCH,
                answers={200: AuditEntries},
                problems=("invalid-number",),
            ),
        )

    def list(self, call: Call[None, AuditQuery]) -> Reply:
        """`GET /v1/audit`."""
        query = call.query
        wanted = Wanted(
            actor=query.actor,
            action=query.action,
            object=query.object,
            before=query.cursor,
            limit=query.limit,
        )
        page = _shown(self._service.audit.find(wanted))
        return Reply(page, link_to_next(page.next_cursor))

    def search(self, call: Call[AuditSearch, None]) -> AuditEntries:
        """`POST /v1/audit/search`."""
        body = call.body
        return _shown(self._service.audit.find(Wanted(before=body.cursor, limit=body.limit), body.to))


def _shown(page: Page) -> AuditEntries:
    return AuditEntries([audit_entry(row) for row in page.rows], page.next_before)


def audit_entry(row: Row) -> AuditEntry:
    """An entry as it is answered."""
    entry = row.entry
    return AuditEntry(
        seq=row.seq,
        at=rfc3339(entry.at_ms),
        actor=entry.actor,
        action=entry.action,
        object=entry.object,
        detail=entry.detail,
        about_a_number=row.number_mac is not None,
    )
