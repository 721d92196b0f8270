"""Take codes, texts, numbers, keys and PDUs out of what is about to be logged, by name and by shape."""

from __future__ import annotations

import enum
import re
import traceback
from collections.abc import Iterator, Mapping, Set
from pathlib import PurePath
from typing import Any

from simcourier.errors import SimcourierError
from simcourier.secret import Secret

HIDDEN = "<hidden>"
NAMES = frozenset(
    {
        *("code", "codes", "otp", "pin", "puk", "password", "passwd", "passphrase", "secret", "secrets"),
        *("key", "keys", "apikey", "token", "tokens", "authorization", "authentication", "credential"),
        *("credentials", "cookie", "cookies", "signature", "mac", "digest", "sealed"),
        *("text", "texts", "body", "content", "payload", "vars", "values", "pdu", "tpdu"),
        *("to", "recipient", "recipients", "number", "numbers", "phone", "msisdn", "destination", "caller"),
        *("subject", "binding", "amount", "payee"),
    }
)
"""Words in the name of a value that is never shown, whatever it looks like."""
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_MEASURED = re.compile(
    r".*_(ms|s|us|mb|octets|bytes|count|seq)|(at|seq|status|unknown|sent_again|process|line)\Z"
)
"""Names of whole numbers that are no phone's, however long they are."""
_DEEPEST = 6
_LONGEST = 50
_CAUSES = 4

# Alternatives in this order: what may be shown goes first, so that a part of it is not taken for something else.
_SHAPES = re.compile(
    r"""
    (?P<id>\b(?:msg|ver|evt|inb|req|whk)_[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-]))
  | (?P<time>\b[0-9]{4}-[01][0-9]-[0-3][0-9]
      (?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?(?![0-9]))
  | (?P<credential>(?:sck_|whsec_)[A-Za-z0-9+/=_-]+ | \b(?:bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,})
  | (?P<hex>[0-9A-Fa-f]{20,})
  | (?P<code>(?<![\w-])(?-i:[CDFGHJKMNPRTVWXY3479]{6,10})(?![\w-]))
  | (?P<number>\+\d(?:[ ./()\-]{0,2}\d){5,} | (?<!\d)0\d{2,5}(?:[ /\-]\d{2,8}){1,4}(?!\d) | \d{6,})
  | (?P<groups>(?<![\w.:/+-])\d{3,5}[ -]\d{3,5}(?![\w:/-]|\.\d))
  | (?P<short>(?<![\w.:/+•*-])(?<!line[ ])(?<!port[ ])(?<!process[ ])\d{4,5}(?![\w:/-]|\.\d|[ ](?:ms|us|s|octets)\b))
    """,
    re.VERBOSE | re.IGNORECASE,
)
# A quoted piece in the words of somebody else's exception is most often what somebody sent.
_QUOTED = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"")
_DIGITS = re.compile(r"\d{4,}")


def shaped(text: str) -> str:
    """The text without what looks like a number, a code, a key, or a PDU."""
    return _SHAPES.sub(_hide, text)


def _hide(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "hex" if not found[0].isdecimal():
            return f"<{len(found[0]) // 2} octets>"
        case "credential":
            return HIDDEN
        case "id" | "time":
            return found[0]
        case "code":
            return "•••"
        case _:
            # The end of a long number tells two of them apart; of a code nothing may be told.
            digits = re.sub(r"\D", "", found[0])
            return "•••" + (digits[-3:] if len(digits) > 10 else "")


def redact(value: Any, name: str = "", depth: int = 0) -> Any:
    """The value as it may be logged under this name: plain strings, numbers, lists and dicts."""
    if value is None or isinstance(value, bool | float):
        return value
    if name and _is_secret(name):
        return HIDDEN
    if depth > _DEEPEST:
        return "..."
    match value:
        case str() | enum.Enum() | PurePath():
            return shaped(str(value))
        case int():
            return value if abs(value) < 100_000 or _MEASURED.fullmatch(name) else shaped(str(value))
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} octets>"
        case Secret():
            return HIDDEN
        case BaseException():
            return said(value)
        case Mapping():
            return {
                shaped(str(key)): redact(item, str(key), depth + 1) for key, item in _first(value.items())
            }
        case list() | tuple() | Set():
            # The name stands for each of its parts: `numbers=[...]`.
            return [redact(item, name, depth + 1) for item in _first(value)]
        case _:
            # Whoever wrote its repr() did not think of this.
            return f"<{type(value).__name__}>"


def _is_secret(name: str) -> bool:
    return any(word.lower() in NAMES for word in _WORD.findall(name))


def _first(items: Any) -> Iterator[Any]:
    return (item for _, item in zip(range(_LONGEST), items, strict=False))


def said(error: BaseException) -> str:
    """An exception in one line. Our own sentences hold no secret; in those of others what may be one is hidden."""
    words = str(error)
    if not isinstance(error, SimcourierError):
        words = _DIGITS.sub("•••", _QUOTED.sub("'...'", words))
    return f"{type(error).__name__}: {shaped(words)}" if words else type(error).__name__


def traced(error: BaseException) -> str:
    """The traceback of an exception and of what caused it: places in the program, and words without secrets."""
    told = []
    for each in _chain(error):
        frames = traceback.format_tb(each.__traceback__)
        told.append("".join(["Traceback (most recent call last):\n", *frames, said(each)]))
    return "\n\nwhich led to:\n\n".join(reversed(told))


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    for _ in range(_CAUSES):
        if current is None:
            return
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
