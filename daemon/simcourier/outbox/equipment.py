"""The modems and SIM cards that this box has seen, and what was decided about the cards."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.engine import Connection

from simcourier.outbox.schema import known_modems, loop_tests, sims

_LONGEST = 64


class SimState(StrEnum):
    """Whether a SIM may send, as far as an admin has a say."""

    APPROVED = "approved"
    WAITING = "waiting"
    """It was never seen, or moved to another stick, and waits for an admin's yes."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class KnownModem:
    """A stick: what it is called and where it was seen last."""

    name: str
    imei: str
    port: str
    manufacturer: str
    model: str
    revision: str
    sim: str


@dataclass(frozen=True, slots=True)
class Card:
    """A SIM card; `suspended` says why the box itself keeps it from sending, `balance` what it had last."""

    sim: str
    state: SimState
    reason: str
    network: str
    number: str
    modem: str
    imei: str
    first_seen_at_ms: int
    last_seen_at_ms: int
    decided_at_ms: int | None = None
    decided_by: str | None = None
    balance: float | None = None
    balance_unit: str | None = None
    balance_at_ms: int | None = None
    suspended: str | None = None
    suspended_at_ms: int | None = None


def names(connection: Connection) -> dict[str, str]:
    """What each stick is called, by IMEI; of two with one IMEI the one that was seen last."""
    rows = connection.execute(
        select(known_modems.c.imei, known_modems.c.name).order_by(known_modems.c.last_seen_at_ms)
    )
    return {row.imei: row.name for row in rows}


def modems(connection: Connection) -> dict[str, KnownModem]:
    """Every stick by its name."""
    columns = [known_modems.c[name] for name in KnownModem.__slots__]
    return {row.name: KnownModem(*row) for row in connection.execute(select(*columns))}


def keep_modem(connection: Connection, modem: KnownModem, at_ms: int) -> None:
    """Put a stick on record, in place of what was there under its name."""
    values: dict[str, Any] = {name: getattr(modem, name)[:_LONGEST] for name in KnownModem.__slots__}
    values |= {"port": modem.port[:200], "sim": modem.sim[:32], "imei": modem.imei[:20]}
    changed = connection.execute(
        known_modems.update().where(known_modems.c.name == modem.name).values(**values, last_seen_at_ms=at_ms)
    )
    if not changed.rowcount:
        connection.execute(
            known_modems.insert(), {**values, "first_seen_at_ms": at_ms, "last_seen_at_ms": at_ms}
        )


def _card(row: Row[Any]) -> Card:
    values = dict(row._mapping)
    values["state"] = SimState(values["state"])
    return Card(**values)


def cards(connection: Connection) -> list[Card]:
    """Every card, the first one seen first."""
    return [
        _card(row) for row in connection.execute(select(sims).order_by(sims.c.first_seen_at_ms, sims.c.sim))
    ]


def card(connection: Connection, sim: str) -> Card | None:
    """One card."""
    row = connection.execute(select(sims).where(sims.c.sim == sim)).first()
    return None if row is None else _card(row)


def add_card(connection: Connection, new: Card) -> None:
    """Put a card on record; one that is there already stays as it is."""
    if card(connection, new.sim) is None:
        connection.execute(sims.insert(), {name: getattr(new, name) for name in Card.__slots__})


def change_card(connection: Connection, sim: str, **values: object) -> bool:
    """Change some of what is known of a card; False where there is none."""
    return connection.execute(sims.update().where(sims.c.sim == sim).values(**values)).rowcount == 1


def forget_card(connection: Connection, sim: str) -> bool:
    """Drop a card, as if it had never been seen; False where there is none."""
    return connection.execute(sims.delete().where(sims.c.sim == sim)).rowcount == 1


def last_loop_tests(connection: Connection) -> dict[str, tuple[str, int]]:
    """How the last test of each sending SIM ended, and when."""
    last = select(func.max(loop_tests.c.n)).where(loop_tests.c.outcome != "").group_by(loop_tests.c.from_sim)
    rows = connection.execute(
        select(loop_tests.c.from_sim, loop_tests.c.outcome, loop_tests.c.ended_at_ms).where(
            loop_tests.c.n.in_(last)
        )
    )
    return {row.from_sim: (row.outcome, row.ended_at_ms) for row in rows}
