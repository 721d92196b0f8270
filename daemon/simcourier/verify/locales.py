"""Choose the language of a text: what was asked for, else what the recipient's country speaks (BCP 47, RFC 4647)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from simcourier.verify.regions import LANGUAGES

_WELL_FORMED = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,6}")
_PLAIN = re.compile(r"[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?")
_LAST_RESORT = "en"
_LATIN = re.compile(
    "af|az|bs|ca|cs|cy|da|de|en|es|et|eu|fi|fr|ga|gl|hr|hu|id|is|it|lt|lv|ms|mt|nb|nl|nn|no|pl|pt|ro|sk|sl|so|sq|sv"
    "|sw|tk|tr|uz|vi"
)


def canonical(tag: str) -> str | None:
    """A language tag with the case of BCP 47 (`pt-BR`, `sr-Latn-RS`); None where it is none. `pt_BR` is taken too."""
    tag = tag.replace("_", "-")
    if not _WELL_FORMED.fullmatch(tag):
        return None
    language, *rest = tag.split("-")
    return "-".join([language.lower(), *map(_subtag, rest)])


def _subtag(subtag: str) -> str:
    if len(subtag) == 2:
        return subtag.upper()
    return subtag.title() if len(subtag) == 4 else subtag.lower()


def names_a_template(tag: str) -> bool:
    """Is it a tag that a template may have: language, script and region only, in the case of BCP 47?"""
    return _PLAIN.fullmatch(tag) is not None


def language(tag: str) -> str:
    """The language alone."""
    return tag.partition("-")[0]


def is_latin(tag: str) -> bool:
    """Is this language written in Latin letters, as far as its tag tells?"""
    subtags = tag.split("-")
    scripts = [subtag for subtag in subtags[1:] if len(subtag) == 4]
    return scripts == ["Latn"] or (not scripts and _LATIN.fullmatch(subtags[0]) is not None)


def choose(wanted: str | None, region: str | None, default: str, available: Collection[str]) -> str:
    """One of `available`, which must not be empty.

    The request's locale decides, as far as there is a text in its language; then the recipient's country (ISO
    3166), where the box's own language goes before others that are spoken there; then the default.
    """
    for tag in _wishes(wanted, region, default):
        found = look_up(tag, available)
        if found is not None:
            return found
    return min(available)


def _wishes(wanted: str | None, region: str | None, default: str) -> Iterator[str]:
    if wanted is not None:
        yield wanted
    spoken = LANGUAGES.get((region or "").upper(), ())
    # English has its place in the table already: it is the default where nobody thought of one.
    own = {language(default)} - {"en"}
    for tag in sorted(spoken, key=lambda tag: tag not in own):
        yield f"{tag}-{region}"
    yield default
    yield _LAST_RESORT


def look_up(tag: str, available: Collection[str]) -> str | None:
    """The nearest of `available`: the tag itself, then shorter and shorter ones (RFC 4647 section 3.4).

    Where only a sibling is there (`pt-BR` for `pt-PT`), that is nearer than another language.
    """
    wanted = canonical(tag)
    if wanted is None:
        return None
    subtags = wanted.split("-")
    while subtags:
        if "-".join(subtags) in available:
            return "-".join(subtags)
        subtags.pop()
        # A single character announces what follows it: alone it says nothing.
        if len(subtags) > 1 and len(subtags[-1]) == 1:
            subtags.pop()
    return min((other for other in available if language(other) == language(wanted)), default=None)
