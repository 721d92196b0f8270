"""Fill a storage directory with old verifications and all that they leave: messages, audit, counts, failures."""

from __future__ import annotations

import base64
import hashlib
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table

from bench import seed
from bench.verifying import number, region
from simcourier.config import Storage
from simcourier.outbox import schema
from simcourier.outbox.audit import START, Audit, Entry, Link
from simcourier.outbox.seal import Sealer, open_sealer
from simcourier.service.rules import Scope
from simcourier.service.usages import encoded, place_of
from simcourier.sms.address import mask
from simcourier.verify.destinations import Kind
from simcourier.verify.failures import Failures
from simcourier.verify.limits import Usage, add

PEOPLE = 200_000
"""Whose verifications they are, each number's several; the benches begin with the same people."""
FAILED_EVERY = 4
"""One number of so many has failures on record."""
_READABLE_MS = 30 * seed.DAY_MS
_LIFE_MS = 300_000
_STATUSES = ("approved",) * 16 + ("expired",) * 3 + ("max_attempts",)


def seed_verifications(storage: Path, count: int, advance: Callable[[], None]) -> None:
    """Write `count` closed verifications of the last sixty days, as the daemon would have left them."""
    sealer = open_sealer(Storage(directory=str(storage)))
    past = _Past(sealer, count, time.time_ns() // 1_000_000)
    rng = random.Random(2)
    with seed.making_up(storage) as connection:
        for numbers in seed.batches(1, count):
            past.insert(connection, numbers, rng)
            advance()
        past.insert_counts(connection)
        past.insert_failures(connection)


class _Past:
    """What happened: the n-th verification, its message (with the same n), and two lines of the audit."""

    def __init__(self, sealer: Sealer, count: int, now_ms: int) -> None:
        self._sealer = sealer
        self._count = count
        self._now_ms = now_ms
        self._people = min(PEOPLE, count)
        self._number_keys = [sealer.number_key(number(person)) for person in range(self._people)]
        self._bindings = [sealer.number_key(f"binding session-{person}") for person in range(self._people)]
        self._audit = Audit(sealer.audit_key)
        self._last = START

    def _person(self, n: int) -> int:
        return n % self._people

    def _created_ms(self, n: int) -> int:
        return seed.created_at_ms(n, self._count, self._now_ms)

    def _recipient(self, n: int) -> str:
        whole = number(self._person(n))
        return whole if self._is_readable(n) else mask(whole)

    def _is_readable(self, n: int) -> bool:
        return self._now_ms - self._created_ms(n) < _READABLE_MS

    def insert(self, connection: Connection, numbers: range, rng: random.Random) -> None:
        """Write a batch of verifications with their messages and their audit."""
        connection.execute(schema.verifications.insert(), [self._verification(n) for n in numbers])
        connection.execute(schema.audit.insert(), [row for n in numbers for row in self._audited(n)])
        seed.insert_delivered(connection, numbers, self._count, self._now_ms, rng, self._about)

    def _verification(self, n: int) -> dict[str, Any]:
        person, created_ms = self._person(n), self._created_ms(n)
        return {
            "n": n,
            "id": _id(n),
            "client": f"client{n % 5}",
            "status": _STATUSES[n % len(_STATUSES)],
            "reason": None,
            "recipient": self._recipient(n),
            "number_key": self._number_keys[person],
            "region": region(person),
            "purpose": "login",
            "subject": f"user-{person}",
            "binding": self._bindings[person],
            "risk": None,
            "reference": None,
            "template": "login",
            "locale": "en",
            "code_type": "numeric",
            "code_length": 6,
            "code_mac": None,
            "text_values": None,
            "send_no": 1,
            "attempts": 1,
            "max_attempts": 5,
            "created_at_ms": created_ms,
            "deadline_ms": created_ms + _LIFE_MS,
            "resend_at_ms": created_ms + 30_000,
            "closed_at_ms": created_ms + 25_000,
        }

    def _about(self, n: int) -> dict[str, Any]:
        """What the message of a verification has beside that of an application's own."""
        person = self._person(n)
        return {
            "recipient": self._recipient(n),
            "number_key": None if self._is_readable(n) else self._number_keys[person],
            "supersede_key": _id(n),
            "verification": n,
            "send_no": 1,
            "region": region(person),
        }

    def _audited(self, n: int) -> Iterable[dict[str, Any]]:
        created_ms = self._created_ms(n)
        end = "verification.approved" if n % 4 else "verification.incorrect"
        for action, at_ms in (("verification.start", created_ms), (end, created_ms + 25_000)):
            key = self._number_keys[self._person(n)]
            yield self._chained(Entry(at_ms, f"client{n % 5}", action, _id(n), "login", key))

    def _chained(self, entry: Entry) -> dict[str, Any]:
        # Audit.append asks for the last row each time: two million times here.
        seq = self._last.seq + 1
        number_mac = self._audit._number_mac(seq, entry.number_key)
        mac = self._audit._mac(self._last.mac, seq, entry, number_mac)
        self._last = Link(seq, mac)
        return {"seq": seq, **asdict(entry), "number_mac": number_mac, "mac": mac}

    # -- counts -------------------------------------------------------------------------------------------

    def insert_counts(self, connection: Connection) -> None:
        """Write what the limits remember: of every number its last code, of the day all in prefixes and countries."""
        usages = {
            place_of(Kind.CODE, Scope.NUMBER, key): Usage(sent=[(self._created_ms(n), 1)])
            for n, key in self._last_of_each()
        }
        for n in self._of_the_day():
            whole = number(self._person(n))
            places = {
                Scope.PREFIX: self._sealer.number_key(f"prefix {whole[:-4]}"),
                Scope.COUNTRY: region(self._person(n)),
                Scope.CLIENT: f"client{n % 5}",
            }
            for scope, key in places.items():
                _use(usages.setdefault(place_of(Kind.CODE, scope, key), Usage()), self._created_ms(n))
        rows = [
            {"scope": scope, "key": key, "counts": counts, "updated_at_ms": self._now_ms - 3_600_000}
            for (scope, key), counts in encoded(usages)
        ]
        _insert(connection, schema.limit_windows, rows)

    def _of_the_day(self) -> Iterable[int]:
        since_ms = self._now_ms - seed.DAY_MS
        for n in range(self._count - self._count // 60, self._count + 1):
            if n > 0 and self._created_ms(n) > since_ms:
                yield n

    def _last_of_each(self) -> Iterable[tuple[int, str]]:
        for n in range(self._count - self._people + 1, self._count + 1):
            yield n, self._number_keys[self._person(n)]

    def insert_failures(self, connection: Connection) -> None:
        """Write one failure each, of the binding and of all, for some of the numbers."""
        rows = []
        for person in range(0, self._people, FAILED_EVERY):
            at_ms = self._now_ms - seed.DAY_MS // 2 - person
            counts = Failures(consecutive=1, hour_started_at_ms=at_ms, in_hour=1, last_at_ms=at_ms)
            for binding in ("", self._bindings[person]):
                key = self._number_keys[person]
                rows.append({"number_key": key, "binding": binding, **asdict(counts)})
        _insert(connection, schema.failures, rows)


def _id(n: int) -> str:
    # As long and as spread as real ones, and the same each time it is asked for.
    octets = hashlib.blake2b(n.to_bytes(8, "big"), digest_size=16).digest()
    return "ver_" + base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _use(usage: Usage, at_ms: int) -> None:
    """One more code, which was confirmed."""
    usage.sent = add(usage.sent, at_ms)
    usage.started = add(usage.started, at_ms)
    usage.confirmed = add(usage.confirmed, at_ms)


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    for numbers in seed.batches(0, len(rows)):
        connection.execute(table.insert(), rows[numbers.start : numbers.stop])
        connection.commit()
