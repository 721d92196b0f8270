"""Begin a loop test: one SIM texts another a word that only this box can have made."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from simcourier.config import Config
from simcourier.dispatch.bars import Cause
from simcourier.dispatch.clock import Clock
from simcourier.dispatch.dispatcher import Dispatcher
from simcourier.errors import RequestError
from simcourier.modem.facts import ModemSnapshot
from simcourier.modem.states import CAN_TAKE_JOBS
from simcourier.outbox import loops, store
from simcourier.outbox.loops import NewTest
from simcourier.outbox.message import OWN_CLIENT, MessageClass, NewMessage, OnUnknown, Waiting
from simcourier.outbox.seal import Sealer
from simcourier.sms.address import InvalidNumber, parse_recipient
from simcourier.sms.text import Alphabet

WHY = "loop tests don't arrive: blocked, or no credit?"
"""What is told of a SIM that sends nothing more for its lost tests."""
_TEXT = re.compile(r"\s*simcourier loop test ([0-9a-f]{16})-([0-9a-f]{16})\s*")
_PROOF = 16


@dataclass(frozen=True, slots=True)
class End:
    """A SIM that sends or receives a test; `number` is empty where nobody knows it."""

    modem: str
    sim: str
    number: str
    may_send: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """Who texts whom: one of these receivers, the one that this sender has not texted for the longest time."""

    sender: End
    receivers: tuple[End, ...]


class Looping:
    """Finds pairs of SIMs and begins tests; it keeps nothing, so that any thread may have one."""

    def __init__(self, config: Config, dispatcher: Dispatcher, sealer: Sealer, clock: Clock) -> None:
        self._config = config
        self._dispatcher = dispatcher
        self._sealer = sealer
        self._clock = clock
        self._numbers = {card.iccid: card.number for card in config.sims.cards if card.number}

    def ends(self, snapshots: Mapping[str, ModemSnapshot]) -> dict[str, End]:
        """The SIMs that can take part now, by their modem."""
        fleet = self._dispatcher.fleet
        return {
            name: End(
                name,
                card.sim,
                self._number(card),
                # What is barred for its lost tests only is tested on.
                not fleet.is_paused(name)
                and fleet.barred(card.sim) == fleet.barred(card.sim, Cause.LOOP_TEST),
            )
            for name, card in snapshots.items()
            if card.state in CAN_TAKE_JOBS and card.sim and not fleet.is_sandbox(card)
        }

    def _number(self, card: ModemSnapshot) -> str:
        try:
            return parse_recipient(self._numbers.get(card.sim) or card.number).text
        except InvalidNumber:
            # What a card tells as its own number may be anything, or empty.
            return ""

    def pair(self, ends: Mapping[str, End], sender: str, receiver: str | None = None) -> Pair:
        """Who texts whom. Raises RequestError `policy-violation` with what an admin can do."""
        self._check_inbound()
        one = _end(ends, sender, "/modem")
        if not one.may_send:
            raise _refusal(f"The modem {sender} may not send now; see simcourier modems.", "/modem")
        if receiver is not None and _end(ends, receiver, "/to").sim == one.sim:
            raise _refusal("A SIM can't test itself; name another modem.", "/to")
        wanted = [e for e in ends.values() if e.sim != one.sim and receiver in {None, e.modem}]
        if not wanted:
            raise _refusal("A loop test needs a second modem that is ready.", "/to")
        known = tuple(e for e in wanted if e.number)
        if not known:
            names = ", ".join(sorted(e.modem for e in wanted))
            raise _refusal(
                f"The number of the SIM in {names} is not known; write it into [[sims.cards]] as number.",
                "/to",
            )
        return Pair(one, known)

    def _check_inbound(self) -> None:
        if not self._config.inbound.enabled:
            raise _refusal("Nothing that comes in is read: the setting inbound.enabled is false.", None)

    def begin(self, connection: Connection, pair: Pair) -> tuple[NewTest, Waiting]:
        """Write a test and its message, which the dispatcher must hear of afterwards."""
        now_ms = self._clock.wall_ms()
        before = loops.last_times(connection, pair.sender.sim)
        receiver = min(pair.receivers, key=lambda e: (before.get(e.sim, 0), e.modem))
        token = secrets.token_hex(8)
        message_id = "msg_" + secrets.token_urlsafe(16)
        waiting = store.insert(
            connection,
            NewMessage(
                id=message_id,
                client=OWN_CLIENT,
                message_class=MessageClass.BULK,
                recipient=receiver.number,
                sealed=self._sealer.seal(
                    f"simcourier loop test {token}-{self._key(token)[:_PROOF]}", message_id
                ),
                alphabet=Alphabet.GSM7,
                segments=1,
                created_at_ms=now_ms,
                deadline_ms=now_ms + self._config.loop_test.patience * 1000,
                # A second copy would say nothing of the first.
                on_unknown=OnUnknown.HOLD,
                modem=pair.sender.modem,
            ),
        )
        test = NewTest(
            "ltt_" + secrets.token_urlsafe(16),
            waiting.n,
            pair.sender.sim,
            pair.sender.modem,
            receiver.sim,
            receiver.modem,
            self._key(token),
            now_ms,
        )
        loops.insert(connection, test)
        return test, waiting

    def token_key(self, text: str) -> str | None:
        """What a test is found by, if this is the text of one; nobody else can write such a text."""
        found = _TEXT.fullmatch(text)
        if found is None:
            return None
        key = self._key(found[1])
        return key if hmac.compare_digest(key[:_PROOF], found[2]) else None

    def _key(self, token: str) -> str:
        return self._sealer.fingerprint(f"loop test {token}".encode())[:32]


def _end(ends: Mapping[str, End], name: str, pointer: str) -> End:
    found = ends.get(name)
    if found is None:
        raise _refusal("There is no modem of this name that is ready and has a SIM of its own.", pointer)
    return found


def _refusal(detail: str, pointer: str | None) -> RequestError:
    return RequestError("policy-violation", detail, pointer=pointer)


def senders(ends: Iterable[End]) -> list[str]:
    """The modems whose SIMs may send, by name."""
    return sorted(end.modem for end in ends if end.may_send)
