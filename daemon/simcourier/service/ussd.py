"""Questions to the network through a modem: a code by USSD, and what a prepaid SIM has left."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from simcourier.care.balance import Balance
from simcourier.modem.facts import UssdEnd
from simcourier.outbox.audit import Entry
from simcourier.service.clients import Client
from simcourier.service.modems import Modems
from simcourier.service.tools import Tools

_DIGITS = re.compile(r"[0-9]+")
_TELLING = 4
"""Digits in a row that may be a voucher, a PIN or a number; what comes first is the service's own code."""


@dataclass(frozen=True, slots=True)
class UssdAnswer:
    """What the network said; with `asks` it would have taken a reply, and the session was ended."""

    text: str = field(repr=False)
    asks: bool


class UssdDesk:
    """What an admin asks; safe from any thread but the writer's, and answered within 40 s."""

    def __init__(self, tools: Tools, modems: Modems) -> None:
        self._tools = tools
        self._modems = modems

    def ask(self, by: Client, modem: str, code: str) -> UssdAnswer:
        """Ask the network. Raises RequestError `not-found`, `ussd-busy`, `ussd-unanswered`."""
        self._modems.one(modem)
        self._note(by, "modem.ussd", modem, masked(code))
        ended = self._tools.care.ussd.ask(modem, code)
        return UssdAnswer(ended.text, ended.end is UssdEnd.ASKS)

    def balance(self, by: Client, modem: str) -> Balance:
        """Ask what the SIM has left. Raises RequestError, also `policy-violation` and `balance-unreadable`."""
        snapshot = self._modems.one(modem).snapshot
        self._tools.care.balances.check(snapshot)
        self._note(by, "modem.balance", modem, "")
        return self._tools.care.balances.ask(snapshot)

    def _note(self, by: Client, action: str, modem: str, detail: str) -> None:
        entry = Entry(self._tools.clock.wall_ms(), by.id, action, modem, detail)
        self._tools.writer.run(lambda c: self._tools.audit.append(c, entry))


def masked(code: str) -> str:
    """A code as the audit may hold it: `*103*••••#`, whatever voucher or number is in it."""
    first = _DIGITS.search(code)
    begin = 0 if first is None else first.end()
    return code[:begin] + _DIGITS.sub(
        lambda found: "••••" if len(found[0]) >= _TELLING else found[0], code[begin:]
    )
