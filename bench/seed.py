"""Fill a storage directory with old and waiting messages, through the project's own schema; the past of a busy box."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select, text, update

from bench.load import phone
from simcourier.config import Storage
from simcourier.outbox import database, schema
from simcourier.outbox.message import MessageClass, OnUnknown, Status
from simcourier.outbox.seal import Sealer, open_sealer

BATCH = 5000
PARKED = "parked"
"""The modem that waiting messages are pinned to; no box has one of this name, so they stay."""
DAY_MS = 24 * 3600 * 1000
_SIMS = 64


def seed(storage: Path, old: int, queued: int, advance: Callable[[], None]) -> None:
    """Write `old` delivered messages of the last sixty days and `queued` waiting ones pinned to `PARKED`."""
    sealer = open_sealer(Storage(directory=str(storage)))
    with making_up(storage) as connection:
        now_ms = time.time_ns() // 1_000_000
        rng = random.Random(1)
        for numbers in batches(1, old):
            insert_delivered(connection, numbers, old, now_ms, rng)
            advance()
        for numbers in batches(old + 1, queued):
            _insert_queued(connection, numbers, now_ms, sealer)
            advance()


def steps(old: int, queued: int) -> int:
    """How often `seed` calls `advance`."""
    return len(batches(1, old)) + len(batches(old + 1, queued))


def batches(first: int, count: int) -> list[range]:
    """The numbers of `count` rows from `first` on, as many at once as go into one transaction."""
    end = first + count
    return [range(start, min(start + BATCH, end)) for start in range(first, end, BATCH)]


@contextmanager
def making_up(storage: Path) -> Iterator[Connection]:
    """A connection for writing the past; at the end the box stands as if it had lived through it."""
    engine = database.open_engine(storage)
    with engine.connect() as connection:
        # Durability is not wanted while the past is made up; the daemon's own connections set their own.
        connection.exec_driver_sql("PRAGMA synchronous=OFF")
        connection.exec_driver_sql("PRAGMA wal_autocheckpoint=10000")
        connection.exec_driver_sql("PRAGMA cache_size=-262144")
        connection.commit()
        yield connection
        _pass_on(connection)
    database.checkpoint(engine, "TRUNCATE")
    engine.dispose()


def _pass_on(connection: Connection) -> None:
    """Old events were told to applications long ago: none is left for the relay to look at."""
    for name, table in (("messages", schema.events), ("notices", schema.notices)):
        last = connection.execute(select(func.max(table.c.seq))).scalar() or 0
        connection.execute(
            schema.relay_cursors.update().where(schema.relay_cursors.c.name == name).values(seq=last)
        )
    connection.commit()


def unpark(storage: Path) -> None:
    """Let the waiting messages go through any modem."""
    engine = database.open_engine(storage)
    with engine.begin() as connection:
        parked = schema.messages.c.modem == PARKED
        connection.execute(
            update(schema.messages).where(text("status = 'queued'"), parked).values(modem=None)
        )
    database.checkpoint(engine, "TRUNCATE")
    engine.dispose()


def _message(n: int, created_at_ms: int, message_class: MessageClass) -> dict[str, Any]:
    return {
        "n": n,
        "id": "msg_" + secrets.token_urlsafe(16),
        "client": f"client{n % 5}",
        "rank": message_class.rank,
        "recipient": phone(n * 7919),
        "alphabet": "gsm7",
        "segments": 1,
        "created_at_ms": created_at_ms,
        "deadline_ms": created_at_ms + 300_000,
        "next_at_ms": created_at_ms,
        "on_unknown": OnUnknown.RESEND,
        "reference": None,
        "avoid": "",
        "refusals": 0,
        "doubts": 0,
    }


def created_at_ms(n: int, old: int, now_ms: int) -> int:
    """When the n-th of `old` messages came in: they are spread evenly over sixty days, the last six hours ago."""
    return now_ms - 60 * DAY_MS * (old - n + 1) // old - DAY_MS // 4


def insert_delivered(
    connection: Connection,
    numbers: range,
    old: int,
    now_ms: int,
    rng: random.Random,
    about: Callable[[int], dict[str, Any]] = lambda n: {},
) -> None:
    """Write delivered messages with their events and parts; `about` gives further columns of the n-th."""
    messages, events, parts = [], [], []
    for n in numbers:
        created_ms = created_at_ms(n, old, now_ms)
        sim = rng.randrange(_SIMS)
        modem = f"modem-{sim:03d}"
        reported_ms = created_ms + rng.randrange(2000, 20_000)
        messages.append(
            {
                **_message(n, created_ms, MessageClass.OTP),
                "status": Status.DELIVERED,
                "body": None,
                "modem": None,
                "attempts": 1,
                "lease": 1,
                "sent_by": modem,
                "tp_st": 0,
                "reported_at_ms": reported_ms,
                **about(n),
            }
        )
        events += _history(n, modem, created_ms, reported_ms)
        parts.append(
            {
                "message": n,
                "attempt": 1,
                "part": 0,
                "modem": modem,
                "sim": f"8944000000000000{sim:04d}",
                "state": "sent",
                "at_ms": created_ms + 900,
                "tp_mr": n % 256,
                "tp_st": 0,
                "reported_at_ms": reported_ms,
                "awaiting": False,
                "reason": None,
            }
        )
    connection.execute(schema.messages.insert(), messages)
    connection.execute(schema.events.insert(), events)
    connection.execute(schema.parts.insert(), parts)
    connection.commit()


def _history(n: int, modem: str, created_ms: int, reported_ms: int) -> Iterator[dict[str, Any]]:
    moves = (
        (Status.QUEUED, None, created_ms),
        (Status.SENDING, modem, created_ms + 3),
        (Status.SENT, modem, created_ms + 900),
        (Status.DELIVERED, modem, reported_ms),
    )
    for status, by, at_ms in moves:
        yield {"message": n, "at_ms": at_ms, "status": status, "modem": by, "detail": None}


def _insert_queued(connection: Connection, numbers: range, now_ms: int, sealer: Sealer) -> None:
    messages, events = [], []
    for n in numbers:
        row = _message(n, now_ms, MessageClass.BULK)
        row |= {
            "status": Status.QUEUED,
            "body": sealer.seal(f"Seeded code {n:07d}", row["id"]),
            "modem": PARKED,
            "attempts": 0,
            "deadline_ms": now_ms + 7 * DAY_MS,
        }
        messages.append(row)
        events.append({"message": n, "at_ms": now_ms, "status": Status.QUEUED, "modem": None, "detail": None})
    connection.execute(schema.messages.insert(), messages)
    connection.execute(schema.events.insert(), events)
    connection.commit()
