"""`/v1/templates`: the texts of verifications, which an admin may define."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from simcourier.service import Service
from simcourier.service.templates import Origin, TemplateView, Verdict
from simcourier.verify import locales
from simcourier.verify.findings import Finding
from simcourier.verify.template import MAX_SHORTER, MAX_TEXT
from simcourier.verify.template import Template as Draft
from simcourier_web.answers import Time, rfc3339_or_none
from simcourier_web.forms import Form
from simcourier_web.operations import Call, Operation, Reply

Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT, examples=["{code} is your code for {app}"])]
Shorter = Annotated[list[Text], Meta(max_length=MAX_SHORTER)]


class TemplateBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `PUT /v1/templates/{name}/{locale}`; `shorter` texts are sent where `text` would not fit."""

    text: Text
    shorter: Shorter | None = None


class TemplateDraft(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/templates/check`."""

    name: Annotated[str, Meta(max_length=32, examples=["login"])]
    locale: Annotated[str, Meta(max_length=16, examples=["en"])]
    text: Annotated[str, Meta(max_length=MAX_TEXT, examples=["{code} is your code for {app}"])]
    shorter: Shorter | None = None


class Template(Struct, frozen=True, kw_only=True):
    """A template in force: an admin's stands above one of a file, and that above a built-in one (`covers`)."""

    name: str
    locale: str
    text: str
    shorter: list[str]
    origin: Origin
    covers: Origin | None
    updated_at: Time | None
    updated_by: str | None


class SavedTemplate(Template, frozen=True, kw_only=True):
    """A template as it was saved, with the warnings that remain."""

    findings: list[Finding]


class Templates(Struct, frozen=True):
    """Every template in force, by name and locale."""

    items: list[Template]


class RemovedTemplate(Struct, frozen=True):
    """What was removed, and what is in force in its place, if anything."""

    name: str
    locale: str
    now: Template | None


class TemplateVerdict(Struct, frozen=True):
    """What lint found; `usable` says that it may be saved. The preview has usual values in it."""

    usable: bool
    findings: list[Finding]
    alphabet: str | None
    preview: str | None


_TEXT = f"a string of 1 to {MAX_TEXT} characters"
_SHORTER = f"a list of at most {MAX_SHORTER} strings of 1 to {MAX_TEXT} characters"
SAVE = Form(TemplateBody, {"text": _TEXT, "shorter": _SHORTER})
CHECK = Form(
    TemplateDraft,
    {
        "name": "a string of at most 32 characters",
        "locale": "a string of at most 16 characters",
        "text": f"a string of at most {MAX_TEXT} characters",
        "shorter": _SHORTER,
    },
)


class TemplatesApi:
    """The operations of `/v1/templates`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        return (*self._reading(), *self._writing())

    def _reading(self) -> tuple[Operation, ...]:
        return (
            Operation(
                "listTemplates",
                "GET",
                "/v1/templates",
                self.all,
                "Every template in force, by name and locale",
                scope="status:read",
                answers={200: Templates},
            ),
            Operation(
                "getTemplate",
                "GET",
                "/v1/templates/{name}/{locale}",
                self.one,
                "The template in force for exactly this name and locale",
                scope="status:read",
                answers={200: Template},
            ),
            Operation(
                "checkTemplate",
                "POST",
                "/v1/templates/check",
                self.check,
                "Say what is wrong with a template, and save nothing",
                scope="status:read",
                body=CHECK,
                answers={200: TemplateVerdict},
            ),
        )

    def _writing(self) -> tuple[Operation, ...]:
        return (
            Operation(
                "saveTemplate",
                "PUT",
                "/v1/templates/{name}/{locale}",
                self.save,
                "Define a template; one with errors is refused, one with warnings is saved",
                scope="admin",
                body=SAVE,
                answers={200: SavedTemplate, 201: SavedTemplate},
                problems=("policy-violation",),
            ),
            Operation(
                "removeTemplate",
                "DELETE",
                "/v1/templates/{name}/{locale}",
                self.remove,
                "Remove a template that an admin defined; what it stood above is in force again",
                scope="admin",
                answers={200: RemovedTemplate},
            ),
        )

    def all(self, call: Call[None, None]) -> Templates:
        """`GET /v1/templates`."""
        return Templates([_shown(view) for view in self._service.templates.all()])

    def one(self, call: Call[None, None], name: str, locale: str) -> Template:
        """`GET /v1/templates/{name}/{locale}`."""
        return _shown(self._service.templates.one(name, locale))

    def check(self, call: Call[TemplateDraft, None]) -> TemplateVerdict:
        """`POST /v1/templates/check`."""
        body = call.body
        verdict = self._service.templates.check(_draft(body.name, body.locale, body.text, body.shorter))
        return _told(verdict)

    def save(self, call: Call[TemplateBody, None], name: str, locale: str) -> Reply:
        """`PUT /v1/templates/{name}/{locale}`: 201 where an admin had not defined it before."""
        draft = _draft(name, locale, call.body.text, call.body.shorter)
        view, created = self._service.templates.save(call.client, draft)
        findings = self._service.templates.check(draft).findings
        saved = SavedTemplate(**_fields(view), findings=findings)
        return Reply(saved, status=201 if created else 200)

    def remove(self, call: Call[None, None], name: str, locale: str) -> RemovedTemplate:
        """`DELETE /v1/templates/{name}/{locale}`."""
        now = self._service.templates.remove(call.client, name, locale)
        return RemovedTemplate(name, locale, None if now is None else _shown(now))


def _draft(name: str, locale: str, text: str, shorter: list[str] | None) -> Draft:
    # A tag in another case is the same tag; one that is none stays for lint to see.
    return Draft(name, locales.canonical(locale) or locale, text, tuple(shorter or ()))


def _shown(view: TemplateView) -> Template:
    return Template(**_fields(view))


def _fields(view: TemplateView) -> dict[str, Any]:
    template = view.template
    return {
        "name": template.name,
        "locale": template.locale,
        "text": template.text,
        "shorter": list(template.shorter),
        "origin": view.origin,
        "covers": view.covers,
        "updated_at": rfc3339_or_none(view.updated_at_ms),
        "updated_by": view.updated_by,
    }


def _told(verdict: Verdict) -> TemplateVerdict:
    return TemplateVerdict(verdict.usable, verdict.findings, verdict.alphabet, verdict.preview)
