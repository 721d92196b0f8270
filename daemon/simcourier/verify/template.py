"""Texts with placeholders from a fixed list, and the last line that binds a code to a site or an app."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from simcourier.errors import RequestError
from simcourier.sms import gsm7
from simcourier.sms.text import Alphabet, plan
from simcourier.verify import characters, values
from simcourier.verify.values import PAYMENT, Placeholder, Values

MAX_TEXT = 500
"""Characters of a template's text; far more than fits, so that lint can say what is too long."""
MAX_SHORTER = 3
HASH_OCTETS = 140
"""What an Android phone reads of a text that ends in an app's hash."""
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)+(?!\d+\Z){_LABEL}")
_APP_HASH = re.compile(r"[A-Za-z0-9+/]{11}")
_LEFT_TO_RIGHT_MARK = "\u200e"


class Literal(NamedTuple):
    """Characters that stand for themselves."""

    text: str


class Slot(NamedTuple):
    """A placeholder."""

    placeholder: Placeholder


class Fault(NamedTuple):
    """A brace that opens or closes nothing, or (`name`) a placeholder that nobody knows; counted from 1."""

    position: int
    name: str | None


@lru_cache(maxsize=1024)
def scan(text: str) -> tuple[Literal | Slot | Fault, ...]:
    """Cut a text into what stands for itself, placeholders, and faults; `{{` and `}}` stand for braces."""
    return tuple(_token(match) for match in _TOKEN.finditer(text))


def _token(match: re.Match[str]) -> Literal | Slot | Fault:
    token, name = match[0], match[1]
    if name in set(Placeholder):
        return Slot(Placeholder(name))
    if name is not None or token in {"{", "}"}:
        return Fault(match.start() + 1, name)
    return Literal({"{{": "{", "}}": "}"}.get(token, token))


def parse(text: str) -> tuple[Literal | Slot, ...]:
    """The pieces of a text. Raises RequestError `policy-violation` where it has a fault."""
    pieces = []
    for piece in scan(text):
        if isinstance(piece, Fault):
            raise RequestError(
                "policy-violation",
                f"Character {piece.position} of the text is a brace that belongs to none of the placeholders "
                f"{', '.join(f'{{{known}}}' for known in Placeholder)}; write {{{{ or }}}} for a brace.",
                pointer="/text",
            )
        pieces.append(piece)
    return tuple(pieces)


def placeholders(text: str) -> frozenset[Placeholder]:
    """The placeholders that a text has, faults left aside."""
    return frozenset(piece.placeholder for piece in scan(text) if isinstance(piece, Slot))


def literal(text: str) -> str:
    """What a text says by itself, whatever the values are."""
    return "".join(piece.text for piece in scan(text) if isinstance(piece, Literal))


def fill(text: str, given: Mapping[Placeholder, str]) -> str:
    """Put the values into a text. A text in the GSM alphabet stays in it as far as its values can be spelled so."""
    own = literal(text)
    spell = _spelling(own)
    return "".join(
        piece.text if isinstance(piece, Literal) else spell(given[piece.placeholder]) for piece in parse(text)
    )


def _spelling(own: str) -> Callable[[str], str]:
    if gsm7.covers(own):
        return characters.folded
    return _left_to_right if characters.runs_right_to_left(own) else _as_it_is


def _as_it_is(value: str) -> str:
    return value


def _left_to_right(value: str) -> str:
    """Keep `1 250,00 EUR` in its order among letters that run from right to left (UAX #9, rules W2 and W7).

    Without marks its spaces, or a bracket at its end, would take the direction of the text around it.
    """
    if value.isalnum() or characters.runs_right_to_left(value):
        return value
    before = "" if characters.begins_with_a_letter(value) else _LEFT_TO_RIGHT_MARK
    after = "" if value[-1].isalnum() else _LEFT_TO_RIGHT_MARK
    return f"{before}{value}{after}"


def origin_line(host: str, code: str) -> str:
    """The last line that lets a browser fill in the code on `host` only (WICG, origin-bound one-time codes).

    Raises RequestError unless `host` is a DNS name of two labels or more, without port and path.
    """
    if not _HOST.fullmatch(host.lower()):
        raise RequestError(
            "policy-violation",
            "origin_host must be a DNS name such as login.example.com, without scheme, port and path.",
            pointer="/origin_host",
        )
    return f"\n@{host.lower()} #{code}"


def hash_line(app_hash: str) -> str:
    """The last line that lets an Android app read the text. Raises RequestError unless it has 11 characters."""
    if not _APP_HASH.fullmatch(app_hash):
        raise RequestError(
            "policy-violation",
            "app_hash must be the 11 characters of base64 that Android computes for the app.",
            pointer="/app_hash",
        )
    return f"\n{app_hash}"


def fits(text: str, *, app_hash: bool = False) -> bool:
    """Does it leave as one segment, and with an app's hash in at most 140 octets?

    Septets count as octets there: an app that counts characters must not find more of them.
    """
    planned = plan(text, max_segments=255)
    width = 1 if planned.alphabet is Alphabet.GSM7 else 2
    return len(planned.segments) == 1 and (not app_hash or planned.units * width <= HASH_OCTETS)


@dataclass(frozen=True, slots=True)
class Template:
    """The text of one purpose in one language, and shorter ones that are sent where it would not fit.

    Nothing is checked here: `lint` tells what is wrong with it. `hosts` may stand in the last line; none: any.
    """

    name: str
    locale: str
    text: str
    shorter: tuple[str, ...] = ()
    hosts: frozenset[str] = frozenset()

    @property
    def forms(self) -> tuple[str, ...]:
        """The texts, in the order in which they are tried."""
        return (self.text, *self.shorter)

    @property
    def for_payment(self) -> bool:
        """Does it tell amount and payee (PSD2 RTS article 5)?"""
        return placeholders(self.text) >= PAYMENT

    def render(
        self, given: Values, *, origin_host: str | None = None, app_hash: str | None = None, at: str = ""
    ) -> str:
        """The text to send: the first form that has all its values and fits into one segment.

        Raises RequestError; for a value its pointer is the value's name behind `at`.
        """
        words = values.clean(given, at)
        self._check_payment(words, at)
        end = _end(given.code, origin_host, app_hash)
        self._check_host(origin_host)
        possible = [form for form in self.forms if placeholders(form) <= words.keys()]
        if not possible:
            missing = min(placeholders(self.forms[-1]) - words.keys())
            raise RequestError(
                "policy-violation",
                f"{missing} must be given: the template shows it.",
                pointer=f"{at}/{missing}",
            )
        for form in possible:
            text = fill(form, words) + end
            if fits(text, app_hash=app_hash is not None):
                return text
        raise _too_long(words, end, origin_host, at)

    def _check_host(self, origin_host: str | None) -> None:
        if origin_host is not None and self.hosts and origin_host.lower() not in self.hosts:
            raise RequestError(
                "policy-violation",
                "This box binds codes to the hosts that an admin has listed in verifications.origin_hosts only.",
                pointer="/origin_host",
            )

    def _check_payment(self, words: Mapping[Placeholder, str], at: str) -> None:
        told = PAYMENT & words.keys()
        missing = PAYMENT - told
        if told and missing:
            name = min(missing)
            raise RequestError(
                "policy-violation",
                f"{name} must be given too: a payment is confirmed with amount and payee.",
                pointer=f"{at}/{name}",
            )
        if told and not self.for_payment:
            raise RequestError(
                "policy-violation",
                "This template does not show amount and payee; take one that does, such as transaction.",
                pointer="/template",
            )


def _end(code: str, origin_host: str | None, app_hash: str | None) -> str:
    if origin_host is not None and app_hash is not None:
        raise RequestError(
            "policy-violation",
            "Give origin_host or app_hash, not both: one line is last.",
            pointer="/app_hash",
        )
    if origin_host is not None:
        return origin_line(origin_host, code)
    return "" if app_hash is None else hash_line(app_hash)


def _too_long(words: Mapping[Placeholder, str], end: str, origin_host: str | None, at: str) -> RequestError:
    free = [name for name in (Placeholder.PAYEE, Placeholder.AMOUNT, Placeholder.APP) if name in words]
    if end:
        pointer = "/origin_host" if origin_host is not None else "/app_hash"
    else:
        pointer = f"{at}/{free[0]}" if free else "/template"
    return RequestError(
        "too-long", "With these values the text does not fit into one SMS; shorten this one.", pointer=pointer
    )
