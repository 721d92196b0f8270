"""What lint says: findings that a person can act on."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Severity(StrEnum):
    """Errors keep a template from being saved, warnings do not."""

    ERROR = "error"
    WARNING = "warning"


class Finding(Struct, frozen=True):
    """One thing that is wrong: where, what, why it matters, and what to do.

    `rule` is a stable word for it; `where` is `name`, `locale`, `text` or `shorter/0`.
    """

    severity: Severity
    rule: str
    where: str
    what: str
    why: str
    hint: str


def error(rule: str, where: str, what: str, why: str, hint: str) -> Finding:
    """Something that must not be sent."""
    return Finding(Severity.ERROR, rule, where, what, why, hint)


def warning(rule: str, where: str, what: str, why: str, hint: str) -> Finding:
    """Something that could be better."""
    return Finding(Severity.WARNING, rule, where, what, why, hint)
