"""Judge a final result code: what a refusal means for a message (TS 27.005 3.2.5, 27.007 9.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from simcourier.sms.cause_tables import CME_ALIASES, CME_CAUSES, CMS_ALIASES, CMS_CAUSES, Cause, Verdict

__all__ = ["Judgement", "Kind", "Verdict", "judge"]

_LINE = re.compile(r"\s*\+?\s*(CMS|CME)\s*ERROR\s*:?(.*)", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"-?[0-9]{1,6}")
_NOT_WORDS = re.compile(r"[^a-z0-9]+")
_NOT_LETTERS = re.compile(r"[^A-Za-z ]+")
_MOST_WORDS = 60
_NETWORK_TIMEOUT = "network timeout"
_WITHOUT_CAUSE = "an error without a cause"
_UNKNOWN: Cause = ("an unknown cause", Verdict.AGAIN_HERE)


class Kind(StrEnum):
    """Which final result code it was."""

    CMS = "CMS"
    CME = "CME"
    OTHER = "ERROR"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a final result code means; `cause` is its number, None when it has none.

    `may_have_left` says that the network gave no answer, so that the message may be under way all the same.
    """

    verdict: Verdict
    kind: Kind
    cause: int | None
    words: str
    may_have_left: bool = False


def judge(result: str) -> Judgement:
    """Judge a final result code line, numeric or in words; any text gives a judgement.

    What nobody knows, a manufacturer's own numbers among it, is taken for temporary, as TS 24.011 annex E
    wants of unknown causes: retries have their bounds.
    """
    line = _LINE.match(result)
    if not line:
        return Judgement(Verdict.AGAIN_HERE, Kind.OTHER, None, _WITHOUT_CAUSE)
    kind = Kind(line[1].upper())
    told = line[2].strip(' \t\r\n"')
    number = _NUMBER.fullmatch(told)
    cause = int(number[0]) if number else _BY_WORDS[kind].get(_plain(told))
    if cause is None:
        return Judgement(Verdict.AGAIN_HERE, kind, None, _unknown_words(told))
    words, verdict = _CAUSES[kind].get(cause, _UNKNOWN)
    return Judgement(verdict, kind, cause, words, may_have_left=words == _NETWORK_TIMEOUT)


def _unknown_words(told: str) -> str:
    """Keep letters only: nothing that a modem says here may carry a number or a code further."""
    words = " ".join(_NOT_LETTERS.sub(" ", told).split())[:_MOST_WORDS]
    return f"unknown words: {words}" if words else _WITHOUT_CAUSE


def _plain(words: str) -> str:
    """Return words as they are compared: lower case, `(U)SIM` as `sim`, blanks for the rest."""
    lower = words.lower().replace("(u)sim", "sim").replace("usim", "sim")
    return _NOT_WORDS.sub(" ", lower).strip()


def _by_words(causes: dict[int, Cause]) -> dict[str, int]:
    return {_plain(words): cause for cause, (words, _) in causes.items()}


_CAUSES = {Kind.CMS: CMS_CAUSES, Kind.CME: CME_CAUSES}
_BY_WORDS = {
    Kind.CMS: CMS_ALIASES | _by_words(CMS_CAUSES),
    Kind.CME: CME_ALIASES | _by_words(CME_CAUSES),
}
