"""What answers tell of a SIM's use, pace and balance, and who sees serial numbers whole."""

from __future__ import annotations

from msgspec import Struct

from simcourier.service import Balance as Known
from simcourier.service import Client
from simcourier.service.loads import Load
from simcourier.sms.address import mask
from simcourier_web.answers import Time, rfc3339, rfc3339_or_none


class Used(Struct, frozen=True):
    """Segments that a SIM sent in this hour, this day and this month (UTC)."""

    hour: int
    day: int
    month: int


class Pace(Struct, frozen=True):
    """How many segments a SIM may send, and to how many numbers a month; 0: without a bound."""

    minute: int
    hour: int
    day: int
    month: int
    recipients_month: int


class Balance(Struct, frozen=True):
    """What a SIM had at a time; `low`: less than its operator's `low_balance`."""

    amount: float
    unit: str
    at: Time
    low: bool


def used(load: Load) -> Used:
    """What was sent."""
    return Used(load.used.hour, load.used.day, load.used.month)


def pace(load: Load) -> Pace:
    """What may be sent."""
    allowed = load.pace
    return Pace(allowed.minute, allowed.hour, allowed.day, allowed.month, allowed.recipients_month)


def held(load: Load) -> str:
    """Why the SIM sends nothing; empty where it may."""
    return "" if load.held is None else load.held.why


def held_until(load: Load) -> str | None:
    """Until when that is so, where it is known."""
    return None if load.held is None else rfc3339_or_none(load.held.until_ms)


def balance(known: Known | None) -> Balance | None:
    """What is left, where anybody knows."""
    return None if known is None else Balance(known.amount, known.unit, rfc3339(known.at_ms), known.is_low)


def identity(digits: str, client: Client) -> str:
    """Serial numbers of card and modem are an admin's matter; others see which one is meant."""
    return digits if client.may("admin") or not digits else "•••••" + digits[-4:]


def own_number(number: str, client: Client) -> str:
    """A SIM's own number, which is whole for an admin only."""
    return number if client.may("admin") or not number else mask(number)
