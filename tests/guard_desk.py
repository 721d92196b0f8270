"""A guard on a real database and writer; the test is SIM cards and clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy.engine import Connection

from simcourier.config import Config, Destinations, Limits, Storage
from simcourier.dispatch.clock import Clock
from simcourier.errors import RequestError
from simcourier.outbox import database
from simcourier.outbox.audit import Audit
from simcourier.outbox.message import MessageClass
from simcourier.outbox.seal import Sealer
from simcourier.outbox.writer import Writer
from simcourier.service.guard import Guard, Kind, Send
from simcourier.sms.address import parse_recipient

START_MS = 1_800_000_000_000
BRITISH = "8944000000000000001"


def told(error: RequestError, number: str) -> RequestError:
    """The error, which must not tell the number."""
    assert number.lstrip("+") not in error.detail
    return error


class GuardDesk:
    """One guard; time stands still until `now` is moved. Without `cards` no SIM is known."""

    def __init__(
        self,
        directory: Path,
        *,
        limits: Limits | None = None,
        destinations: Destinations | None = None,
        cards: tuple[str, ...] = (BRITISH,),
    ) -> None:
        self.now = 1000.0
        self.cards = list(cards)
        self.config = Config(
            storage=Storage(directory=str(directory)),
            limits=limits or Limits(),
            destinations=destinations or Destinations(),
        )
        self.engine = database.open_engine(directory)
        self.writer = Writer(self.engine)
        self.sealer = Sealer(b"k" * 32)
        # What the guard asks of the layers below, the real ones but for radio and clock.
        self.tools: Any = SimpleNamespace(
            config=self.config,
            engine=self.engine,
            writer=self.writer,
            sealer=self.sealer,
            audit=Audit(self.sealer.audit_key),
            clock=Clock(lambda: self.now, self.wall_ms),
            radio=SimpleNamespace(snapshots=lambda: {card: SimpleNamespace(sim=card) for card in self.cards}),
        )
        self.guard = Guard(self.tools)
        self.writer.start()

    def close(self) -> None:
        self.writer.stop(10)
        self.engine.dispose()

    def wall_ms(self) -> int:
        return START_MS + int(self.now * 1000)

    def region(self, number: str, kind: Kind = Kind.CODE) -> str:
        """Where the number lies; raises what the guard says of it."""
        return self.guard.destination(parse_recipient(number), kind).region

    def refused(self, number: str, kind: Kind = Kind.CODE) -> str:
        """The code of the refusal, or nothing."""
        try:
            self.region(number, kind)
        except RequestError as error:
            return told(error, number).code
        return ""

    def send(
        self,
        number: str,
        *,
        client: str = "shop",
        kind: Kind = Kind.CODE,
        segments: int = 1,
        message_class: MessageClass = MessageClass.OTP,
        first: bool = True,
    ) -> RequestError | None:
        """Check and charge as an accept does; returns the refusal."""
        destination = self.guard.destination(parse_recipient(number), kind)
        send = Send(destination, client, kind, segments, message_class, first)
        now_ms = self.wall_ms()

        def work(connection: Connection) -> RequestError | None:
            checked = self.guard.check(connection, send, now_ms)
            if isinstance(checked, RequestError):
                return checked
            self.guard.charge(connection, checked)
            return None

        try:
            self.writer.run(work)
        except RequestError as error:
            return told(error, number)
        return None

    def approve(self, number: str, client: str = "shop", *, kind: Kind = Kind.CODE, ok: bool = True) -> None:
        to = self.guard.destination(parse_recipient(number), kind)
        self.writer.run(
            lambda c: self.guard.sent_confirmed(
                c, to.prefix_key, to.region, client, self.wall_ms(), confirmed=ok, kind=kind
            )
        )

    def resend_after_s(self, number: str) -> float:
        to = self.guard.destination(parse_recipient(number), Kind.CODE)
        at_ms = self.writer.run(lambda c: self.guard.resend_after_ms(c, to, self.wall_ms()))
        return (at_ms - self.wall_ms()) / 1000

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        self.writer.run(lambda _connection: None)
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]


@contextmanager
def guard_desk(directory: Path, **settings: Any) -> Iterator[GuardDesk]:
    """A desk that is closed in the end."""
    desk = GuardDesk(directory, **settings)
    try:
        yield desk
    finally:
        desk.close()
