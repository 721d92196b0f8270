"""The texts that come with the box: five purposes in thirteen locales.

The code stands at the beginning, where a notification shows it; then what it is for, how long it lives, and that it
is nobody else's. The first form names the application; the next ones are for the last lines of browsers and apps,
for long values, and for boxes that have no application's name.

Where the GSM alphabet lacks a letter, other words were chosen (Spanish `clave`, Portuguese `Use ...`, Polish without
diacritics), because 160 characters say more than 70. Turkish is written without its own letters, as banks and
operators there do: readers know it so. Hindi, Arabic and Ukrainian would not be accepted in Latin letters; their
forms are short. In Arabic a letter or a new line stands between any two placeholders, so that figures and Latin
names stay in their order (UAX #9).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from simcourier.verify.catalogue import gsm, ucs2
from simcourier.verify.catalogue.gsm import Texts
from simcourier.verify.template import Template

_TEXTS: Mapping[str, Texts] = {
    "en": gsm.EN,
    "de": gsm.DE,
    "fr": gsm.FR,
    "es": gsm.ES,
    "pt": gsm.PT,
    "pt-BR": gsm.PT_BR,
    "it": gsm.IT,
    "pl": gsm.PL,
    "tr": gsm.TR,
    "id": gsm.ID,
    "uk": ucs2.UK,
    "hi": ucs2.HI,
    "ar": ucs2.AR,
}
NAMES = ("login", "transaction", "signup", "reset", "generic")
LOCALES = tuple(_TEXTS)


def _all() -> Iterator[Template]:
    for locale, texts in _TEXTS.items():
        for name in NAMES:
            text, *shorter = texts[name]
            yield Template(name, locale, text, tuple(shorter))


BUILT_IN: Mapping[tuple[str, str], Template] = {(made.name, made.locale): made for made in _all()}
"""Every built-in template by name and locale."""
