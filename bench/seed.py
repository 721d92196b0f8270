"""Fill a storage directory with old and waiting messages, through the project's own schema."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text, update

from bench.load import phone
from simcourier.config import Storage
from simcourier.outbox import database, schema
from simcourier.outbox.message import MessageClass, OnUnknown, Status
from simcourier.outbox.seal import Sealer, open_sealer

BATCH = 5000
PARKED = "parked"
"""The modem that waiting messages are pinned to; no box has one of this name, so they stay."""
_DAY_MS = 24 * 3600 * 1000
_SIMS = 64


def seed(storage: Path, old: int, queued: int, advance: Callable[[], None]) -> None:
    """Write `old` delivered messages of the last sixty days and `queued` waiting ones pinned to `PARKED`."""
    engine = database.open_engine(storage)
    sealer = open_sealer(Storage(directory=str(storage)))
    with engine.connect() as connection:
        # Durability is not wanted while the past is made up; the daemon's own connections set their own.
        connection.exec_driver_sql("PRAGMA synchronous=OFF")
        connection.exec_driver_sql("PRAGMA wal_autocheckpoint=10000")
        connection.exec_driver_sql("PRAGMA cache_size=-262144")
        connection.commit()
        now_ms = time.time_ns() // 1_000_000
        rng = random.Random(1)
        for first in range(1, old + 1, BATCH):
            numbers = range(first, min(first + BATCH, old + 1))
            _insert_delivered(connection, numbers, old, now_ms, rng)
            advance()
        for first in range(old + 1, old + queued + 1, BATCH):
            numbers = range(first, min(first + BATCH, old + queued + 1))
            _insert_queued(connection, numbers, now_ms, sealer)
            advance()
    database.checkpoint(engine, "TRUNCATE")
    engine.dispose()


def steps(old: int, queued: int) -> int:
    """How often `seed` calls `advance`."""
    return -(-old // BATCH) + -(-queued // BATCH)


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


def _insert_delivered(
    connection: Connection, numbers: range, old: int, now_ms: int, rng: random.Random
) -> None:
    messages, events, parts = [], [], []
    for n in numbers:
        created_ms = now_ms - 60 * _DAY_MS * (old - n + 1) // old - _DAY_MS // 4
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
            "deadline_ms": now_ms + 7 * _DAY_MS,
        }
        messages.append(row)
        events.append({"message": n, "at_ms": now_ms, "status": Status.QUEUED, "modem": None, "detail": None})
    connection.execute(schema.messages.insert(), messages)
    connection.execute(schema.events.insert(), events)
    connection.commit()
