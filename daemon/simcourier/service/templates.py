"""The texts of verifications: built-in ones, those of files, and above them what an admin defined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from sqlalchemy.engine import Connection

from simcourier.config import Verifications
from simcourier.errors import ConfigError, RequestError
from simcourier.outbox import templates as stored
from simcourier.outbox.audit import Entry
from simcourier.outbox.templates import TemplateRow
from simcourier.service.clients import Client
from simcourier.service.tools import Tools
from simcourier.sms.text import plan
from simcourier.verify import files, locales
from simcourier.verify.catalogue import BUILT_IN
from simcourier.verify.findings import Finding, Severity
from simcourier.verify.lint import lint, refuse_errors
from simcourier.verify.template import Template, fill
from simcourier.verify.values import USUAL_VALUES, Values, clean

MAX_DEFINED = 500
"""Templates that admins may define; all are kept in memory."""
Key = tuple[str, str]


class Origin(StrEnum):
    """Where a template comes from; a later one stands above an earlier one of the same name and locale."""

    BUILT_IN = "built-in"
    FILE = "file"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class TemplateView:
    """A template and where it comes from; `covers` says what it stands above, times are of an admin's change."""

    template: Template
    origin: Origin
    covers: Origin | None = None
    updated_at_ms: int | None = None
    updated_by: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What lint says about a draft, and how it would read on most days; no preview where it can't be read."""

    findings: list[Finding]
    preview: str | None
    alphabet: str | None

    @property
    def usable(self) -> bool:
        """May it be saved?"""
        return not any(finding.severity is Severity.ERROR for finding in self.findings)


@dataclass(frozen=True, slots=True)
class _Known:
    """Every template that is in force; never changed, but put another in its place."""

    views: Mapping[Key, TemplateView]
    locales: Mapping[str, frozenset[str]]


class Templates:
    """Every template by name and locale. Raises ConfigError where a file of the configuration can't be used."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        settings = tools.config.verifications
        self._default = _default_locale(settings)
        self._hosts = frozenset(host.lower() for host in settings.origin_hosts)
        _check_app_name(settings)
        self._below = dict(_built_in()) | dict(_from_files(settings.template_files))
        with tools.engine.connect() as connection:
            self._rows = {(row.name, row.locale): row for row in stored.read_all(connection)}
        self._known = self._merge()

    def all(self) -> list[TemplateView]:
        """Every template in force, by name and locale."""
        return [view for _, view in sorted(self._known.views.items())]

    def one(self, name: str, locale: str) -> TemplateView:
        """The template in force for exactly this name and locale. Raises RequestError `not-found`."""
        view = self._known.views.get((name, locales.canonical(locale) or ""))
        if view is None:
            raise _not_found()
        return view

    def resolve(self, name: str, wanted: str | None, region: str | None) -> Template:
        """The template of a purpose, in the language of the request, else of the recipient's country, to be sent.

        Raises RequestError `policy-violation` for a name that nobody defined or a locale that is none.
        """
        known = self._known
        if name not in known.locales:
            raise RequestError("policy-violation", "There is no template of this name.", pointer="/template")
        if wanted is not None and locales.canonical(wanted) is None:
            raise RequestError(
                "policy-violation", "locale must be a language tag such as en or pt-BR.", pointer="/locale"
            )
        locale = locales.choose(wanted, region, self._default, known.locales[name])
        return replace(known.views[name, locale].template, hosts=self._hosts)

    def check(self, draft: Template) -> Verdict:
        """Say what is wrong with a draft and how it would read."""
        return judge(draft)

    def save(self, by: Client, draft: Template) -> tuple[TemplateView, bool]:
        """Put a template above what is there; the flag says that an admin had not defined it before.

        Raises RequestError where lint finds an error, or where there are too many.
        """
        refuse_errors(draft)
        now_ms = self._tools.clock.wall_ms()
        row = TemplateRow(draft.name, draft.locale, draft.text, draft.shorter, now_ms, by.id)

        def work(connection: Connection) -> bool | RequestError:
            known = stored.is_there(connection, row.name, row.locale)
            if not known and stored.count(connection) >= MAX_DEFINED:
                return RequestError(
                    "policy-violation", f"This box keeps {MAX_DEFINED} templates and no more."
                )
            stored.replace(connection, row)
            self._audit(connection, by, "template.save", row)
            return not known

        created = self._tools.writer.run(work, lambda _created: self._keep(row))
        return self.one(row.name, row.locale), created

    def remove(self, by: Client, name: str, locale: str) -> TemplateView | None:
        """Remove what an admin defined; returns what is in force in its place.

        Raises RequestError `not-found`, also for a built-in one.
        """
        row = self._rows.get((name, locales.canonical(locale) or ""))
        if row is None:
            raise _not_found()

        def work(connection: Connection) -> RequestError | None:
            if not stored.remove(connection, row.name, row.locale):
                return _not_found()
            self._audit(connection, by, "template.remove", row)
            return None

        self._tools.writer.run(work, lambda _nothing: self._forget((row.name, row.locale)))
        return self._known.views.get((row.name, row.locale))

    def _audit(self, connection: Connection, by: Client, action: str, row: TemplateRow) -> None:
        entry = Entry(self._tools.clock.wall_ms(), by.id, action, f"{row.name}/{row.locale}")
        self._tools.audit.append(connection, entry)

    # These two run in the writer's thread, one after the other; readers see the whole of one state or the next.

    def _keep(self, row: TemplateRow) -> None:
        self._rows = {**self._rows, (row.name, row.locale): row}
        self._known = self._merge()

    def _forget(self, key: Key) -> None:
        self._rows = {other: row for other, row in self._rows.items() if other != key}
        self._known = self._merge()

    def _merge(self) -> _Known:
        views = dict(self._below)
        for key, row in self._rows.items():
            below = self._below.get(key)
            views[key] = TemplateView(
                Template(row.name, row.locale, row.text, row.shorter),
                Origin.ADMIN,
                None if below is None else below.origin,
                row.updated_at_ms,
                row.updated_by,
            )
        names: dict[str, set[str]] = {}
        for name, locale in views:
            names.setdefault(name, set()).add(locale)
        return _Known(views, {name: frozenset(found) for name, found in names.items()})


def judge(draft: Template) -> Verdict:
    """What lint says about a draft, and its first form with usual values."""
    findings = lint(draft)
    if any(finding.rule in {"braces", "empty", "invisible", "direction-marks"} for finding in findings):
        return Verdict(findings, None, None)
    preview = fill(draft.text, USUAL_VALUES)
    return Verdict(findings, preview, plan(preview, max_segments=255).alphabet)


def _not_found() -> RequestError:
    return RequestError("not-found", "No such template was defined for this locale.")


def _built_in() -> Iterator[tuple[Key, TemplateView]]:
    for key, template in BUILT_IN.items():
        yield key, TemplateView(template, Origin.BUILT_IN)


def check_settings(settings: Verifications) -> None:
    """Raise the ConfigError that a start would, where a setting or a file of templates can't be used."""
    _default_locale(settings)
    _check_app_name(settings)
    dict(_from_files(settings.template_files))


def _default_locale(settings: Verifications) -> str:
    tag = locales.canonical(settings.default_locale)
    if tag is None:
        raise ConfigError("verifications.default_locale: write a language tag such as en or pt-BR")
    return tag


def _check_app_name(settings: Verifications) -> None:
    """A name that no text may have in it would fail every start of a verification: better this one."""
    try:
        clean(Values(code="000000", minutes=1, app=settings.app_name))
    except RequestError as error:
        raise ConfigError(f"verifications.app_name: {error.detail}") from None


def _from_files(paths: tuple[str, ...]) -> Iterator[tuple[Key, TemplateView]]:
    """The templates of the configuration's files; of two with one name and locale the later file's."""
    for path in paths:
        for entry in files.read(_content(path), path):
            template = entry.template
            error = next((found for found in lint(template) if found.severity is Severity.ERROR), None)
            if error is not None:
                place = "" if entry.line is None else f", line {entry.line}"
                raise ConfigError(
                    f"{path}{place}: template {template.name} ({template.locale}): {error.what}; try simcourier"
                    f" templates check {path}"
                )
            key = (template.name, template.locale)
            covers = Origin.BUILT_IN if key in BUILT_IN else None
            yield key, TemplateView(template, Origin.FILE, covers)


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"verifications.template_files: there is no file {path}") from None
    except OSError as error:
        raise ConfigError(f"verifications.template_files: {path} can't be read: {error.strerror}") from None
