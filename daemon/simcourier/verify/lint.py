"""Find what is wrong with a template before a recipient does: the template as a whole, with its longest values."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from simcourier.errors import RequestError
from simcourier.sms.text import Alphabet, plan
from simcourier.verify import locales, template
from simcourier.verify.findings import Finding, Severity, error, warning
from simcourier.verify.lint_text import lint_text
from simcourier.verify.template import Template
from simcourier.verify.values import LONGEST, LONGEST_VALUES, USUAL_VALUES, Placeholder

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_USUAL_HOST = "login.example.com"
_USUAL_HASH = "FA+9qCX9VSu"
_BROKEN = {
    "braces": "must have braces around placeholders only",
    "direction-marks": "must have no direction marks",
    "empty": "must not be empty",
    "invisible": "must have no characters that nobody sees",
    "link": "must have no link in it, nor what phones take for one",
    "locale": "must be a language tag",
    "mixed-scripts": "must not mix letters of several scripts in one word",
    "name": "must be a template's name",
    "no-code": "must have {code} in it",
    "no-payment": "must have {amount} and {payee} in it",
    "oversize": f"must have at most {template.MAX_TEXT} characters",
    "shorter": f"must have at most {template.MAX_SHORTER} texts",
    "too-long": "must fit into one SMS with the longest values",
}
"""The rules that are errors, as one sentence without the text that breaks them."""
_UNREADABLE = frozenset({"braces", "direction-marks", "empty", "invisible", "oversize"})


def lint(draft: Template) -> list[Finding]:
    """Everything that is wrong with a template, errors first."""
    texts = list(_named(draft))
    found = [*_heading(draft), *_number_of_forms(draft)]
    for where, text in texts:
        found += lint_text(draft, where, text)
    # What can't be filled in has no length.
    if not any(finding.rule in _UNREADABLE for finding in found):
        found += _lengths(texts)
    return sorted(found, key=lambda finding: finding.severity is not Severity.ERROR)


def refuse_errors(draft: Template) -> None:
    """Raise RequestError `policy-violation` with the first error of a template, if it has one."""
    first = next((finding for finding in lint(draft) if finding.severity is Severity.ERROR), None)
    if first is not None:
        # Not `what`, which may repeat a word of the text: an error goes to logs.
        detail = f"{first.where.partition('/')[0]} {_BROKEN[first.rule]}. {first.hint}"
        raise RequestError("policy-violation", detail, pointer=f"/{first.where}")


def _named(draft: Template) -> Iterator[tuple[str, str]]:
    yield "text", draft.text
    for number, text in enumerate(draft.shorter):
        yield f"shorter/{number}", text


def _heading(draft: Template) -> Iterator[Finding]:
    if not _NAME.fullmatch(draft.name):
        yield error(
            "name",
            "name",
            "This is no name for a template",
            "Programs ask for it by this name.",
            "Use a small letter, then small letters, digits and hyphens, at most 32 in all.",
        )
    if not locales.names_a_template(draft.locale):
        yield error(
            "locale",
            "locale",
            "This is no locale",
            "It decides who gets this text.",
            "Write a language, and a country where it matters: en, pt-BR, sr-Latn.",
        )


def _number_of_forms(draft: Template) -> Iterator[Finding]:
    if len(draft.shorter) > template.MAX_SHORTER:
        yield error(
            "shorter",
            f"shorter/{template.MAX_SHORTER}",
            f"There are more than {template.MAX_SHORTER} shorter texts",
            "One that fits is enough.",
            "Keep the shortest and one or two between.",
        )


def _lengths(texts: list[tuple[str, str]]) -> Iterator[Finding]:
    longest = [template.fill(text, LONGEST_VALUES) for _, text in texts]
    if not any(map(template.fits, longest)):
        yield _too_long(*texts[-1])
        return
    for where, text in texts:
        if not template.fits(template.fill(text, USUAL_VALUES)):
            yield _seldom_fits(where, text)
    yield from _last_lines(texts)
    for (_, before), ((where, _), text) in itertools.pairwise(zip(texts, longest, strict=True)):
        if len(text) >= len(before):
            yield warning(
                "not-shorter",
                where,
                "It is no shorter than the text before it",
                "It would never be sent.",
                "Shorten it, or leave it out.",
            )


def _too_long(where: str, text: str) -> Finding:
    planned = plan(template.fill(text, LONGEST_VALUES), max_segments=255)
    room = _room(planned.alphabet)
    used = template.placeholders(text)
    longest = ", ".join(f"{{{name}}} {LONGEST[name]}" for name in Placeholder if name in used)
    return error(
        "too-long",
        where,
        f"With the longest values it takes {planned.units} characters, {len(planned.segments)} SMS;"
        f" one SMS holds {room}",
        f"A code has to fit into one SMS. The longest values are: {longest}.",
        f"Leave out {planned.units - room} characters, or add a shorter text for long values.",
    )


def _seldom_fits(where: str, text: str) -> Finding:
    planned = plan(template.fill(text, USUAL_VALUES), max_segments=255)
    room = _room(planned.alphabet)
    return warning(
        "seldom-fits",
        where,
        f"Already with usual values it takes {planned.units} characters; one SMS holds {room}",
        "Nearly always a shorter text is sent in its place.",
        f"Leave out {planned.units - room} characters, or this text.",
    )


def _room(alphabet: Alphabet) -> int:
    return 160 if alphabet is Alphabet.GSM7 else 70


def _last_lines(texts: list[tuple[str, str]]) -> Iterator[Finding]:
    usual = [template.fill(text, USUAL_VALUES) for _, text in texts]
    where = texts[-1][0]
    code = USUAL_VALUES[Placeholder.CODE]
    origin = template.origin_line(_USUAL_HOST, code)
    if not any(template.fits(text + origin) for text in usual):
        yield warning(
            "no-room-for-origin",
            where,
            "There is no room for an origin line",
            f"A line such as @{_USUAL_HOST} #{code} lets a browser fill in the code on the right site only;"
            " a request with origin_host is refused.",
            "Add a shorter text, if origin_host is used.",
        )
    app_hash = template.hash_line(_USUAL_HASH)
    if not any(template.fits(text + app_hash, app_hash=True) for text in usual):
        yield warning(
            "no-room-for-app-hash",
            where,
            "There is no room for an Android app's hash",
            f"Android reads {template.HASH_OCTETS} octets, 12 of them for this line; a request with app_hash"
            " is refused.",
            "Add a shorter text, if app_hash is used.",
        )
