"""One USSD request on its way, and what `+CUSD` says of it (TS 27.007 section 7.15)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from simcourier.modem.facts import UssdEnd
from simcourier.sms.ussd_text import decode_ussd

MAY_BE_ASKED = re.compile(r"[0-9*#]{1,40}")
MOST_LINES = 24
"""Lines of one answer: the texts of operators have line ends, and modems write them as they are."""

_ANSWER = re.compile(r"\+CUSD ?: ?([0-9])(?: ?, ?(.*))?", re.IGNORECASE | re.DOTALL)

# `<m>` where no text comes with it.
_WITHOUT_TEXT = {
    "0": "the network answered without a text",
    "1": "the network asks something without a text",
    "2": "the network ended the session",
    "3": "another program answered the network",
    "4": "the network does not support this",
    "5": "the network timed out",
}


@dataclass(slots=True)
class Talk:
    """A request: not asked yet, or asked and without an answer; it is over at `until`."""

    request: int
    code: str
    until: float
    asked: bool = False
    lines: list[str] = field(default_factory=list)
    """An answer that has begun and whose closing quote is missing."""

    def continues(self, line: str) -> bool:
        """Take a line of an answer that has begun; return whether the answer is complete now."""
        self.lines.append(line)
        return '"' in line or len(self.lines) >= MOST_LINES


@dataclass(slots=True)
class Conversation:
    """How modem and network stand by USSD; one request at a time."""

    talk: Talk | None = None
    """The request at hand."""
    packed: bool = False
    """The modem takes codes as packed septets only."""
    open: bool = False
    """The network waits for a reply in a session, which nobody will give."""
    owed_until: float = 0.0
    """Until then what the network says may be the late answer to a request that was given up."""
    owed_by: str = ""
    """The SIM that was asked."""
    ending_until: float = 0.0
    """Until then `+CUSD: 2` without a text is what the modem says to our ending a session, and answers nothing."""

    def forget(self) -> None:
        """The modem started anew, or has another SIM: no session is open, and no answer will come."""
        self.open = False
        self.owed_until = self.ending_until = 0.0


def begins(line: str) -> bool:
    """Tell whether a `+CUSD` line opens a quote that another line closes."""
    return line.count('"') % 2 == 1


class Heard(NamedTuple):
    """How a request ended, with the network's text or why there is none; `open`: the network waits for a reply.

    `is_mere_end`: the session is over, and nothing else is said.
    """

    end: UssdEnd
    text: str
    open: bool = False
    is_mere_end: bool = False


def read_answer(lines: list[str]) -> Heard:
    """Read `+CUSD: <m>[,<str>[,<dcs>]]`, which may have lines in its text."""
    found = _ANSWER.match("\n".join(lines))
    if found is None:
        return Heard(UssdEnd.REFUSED, "the modem's answer can't be read")
    state = found[1]
    text = _text(found[2] or "")
    if not text:
        why = _WITHOUT_TEXT.get(state, "the network gave no text")
        return Heard(UssdEnd.REFUSED, why, open=state == "1", is_mere_end=state == "2")
    # Some networks end the session (2) with the very text that was asked for.
    return Heard(UssdEnd.ASKS if state == "1" else UssdEnd.DONE, text, open=state == "1")


def _text(rest: str) -> str:
    quoted, _, dcs = rest.rpartition('"')
    if not quoted.startswith('"'):
        quoted, dcs = (rest, "") if rest.startswith('"') else ('"' + rest.partition(",")[0], "")
    number = dcs.strip(" ,\n")
    return decode_ussd(quoted[1:], int(number) if number.isascii() and number.isdigit() else None)
