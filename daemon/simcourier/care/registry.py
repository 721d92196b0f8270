"""Which sticks and SIM cards this box knows, and which cards wait for an admin's yes."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from sqlalchemy.engine import Connection

from simcourier import log
from simcourier.care.tools import CareTools
from simcourier.dispatch.bars import Cause
from simcourier.dispatch.records import Records
from simcourier.modem.facts import Fact, ModemChanged, ModemSnapshot, ModemState
from simcourier.outbox import equipment
from simcourier.outbox.equipment import Card, KnownModem, SimState
from simcourier.outbox.notices import notify

_BY_ADMIN = "by-admin"
_SEEN_EVERY_MS = 3600 * 1000
_MOST = 10_000
"""Sticks, and cards, that are kept in mind: one that makes up its numbers must not fill the disk."""
_PRESENT = frozenset({ModemState.SEARCHING, ModemState.BARRED, ModemState.READY, ModemState.SENDING})
"""In these states the card that a modem tells of is the one in it; in others it may be an earlier one."""


class Registry:
    """What was seen, in memory and on disk; in the writer's thread only, but for its making."""

    def __init__(self, tools: CareTools) -> None:
        self._tools = tools
        self._by_admin = tools.config.sims.approve == _BY_ADMIN
        self._records = Records(tools.writer, tools.clock)
        self._log = log.get("care")
        with tools.engine.connect() as connection:
            self._modems = equipment.modems(connection)
            self._cards = {card.sim: card for card in equipment.cards(connection)}
        # Before the first modem is there: what waited before a restart goes on waiting.
        for card in self._cards.values():
            self._bar(card)
        if self._by_admin:
            tools.dispatcher.bar(
                "", "this SIM tells no number, so that nobody can approve it", Cause.APPROVAL
            )

    def on_fact(self, fact: Fact) -> None:
        """Take what a modem tells of itself."""
        if type(fact) is not ModemChanged:
            return
        snapshot = fact.snapshot
        if snapshot.imei:
            self._stick(snapshot)
        self._look(snapshot)

    def tick(self) -> None:
        """Try again what the disk refused."""
        self._records.try_again()

    # --- sticks ---

    def _stick(self, snapshot: ModemSnapshot) -> None:
        known = self._modems.get(snapshot.name)
        if known is None and len(self._modems) >= _MOST:
            return
        seen = _as_seen(known, snapshot)
        if seen == known:
            return
        self._modems[snapshot.name] = seen
        now_ms = self._tools.clock.wall_ms()
        self._records.write(lambda c: equipment.keep_modem(c, seen, now_ms))

    # --- cards ---

    def _look(self, snapshot: ModemSnapshot) -> None:
        if not snapshot.sim or snapshot.state not in _PRESENT:
            return
        if self._tools.dispatcher.fleet.is_sandbox(snapshot):
            return
        known = self._cards.get(snapshot.sim)
        if known is None:
            self._new(snapshot)
        elif known.imei and snapshot.imei and known.imei != snapshot.imei:
            self._moved(known, snapshot)
        else:
            self._seen(known, snapshot)

    def _new(self, snapshot: ModemSnapshot) -> None:
        card = self._new_card(snapshot)
        if len(self._cards) >= _MOST:
            # Nobody can be asked about it, so it is as if nobody had said yes.
            self._bar(replace(card, reason="too many SIMs are known; forget some of them"))
            return
        # Neither its number nor its network: the log masks what looks like a number or a code.
        self._log.info("a SIM that was never seen", modem=card.modem, state=str(card.state))
        self._keep(card)

        def work(connection: Connection) -> None:
            equipment.add_card(connection, card)
            notify(connection, "sim.new", card.first_seen_at_ms, None, _told(card))

        self._records.write(work)

    def _new_card(self, snapshot: ModemSnapshot) -> Card:
        now_ms = self._tools.clock.wall_ms()
        return Card(
            sim=snapshot.sim,
            state=SimState.WAITING if self._by_admin else SimState.APPROVED,
            reason="it was never seen before" if self._by_admin else "",
            network=snapshot.network[:8],
            number=snapshot.number[:20],
            modem=snapshot.name,
            imei=snapshot.imei[:20],
            first_seen_at_ms=now_ms,
            last_seen_at_ms=now_ms,
        )

    def _moved(self, known: Card, snapshot: ModemSnapshot) -> None:
        card = self._as_now(known, snapshot)
        card = replace(card, reason=f"it moved from {known.modem} to {snapshot.name}")
        if self._by_admin and known.state is SimState.APPROVED:
            card = replace(card, state=SimState.WAITING, decided_at_ms=None, decided_by=None)
        self._log.info(
            "a SIM moved to another stick", modem=card.modem, before=known.modem, state=str(card.state)
        )
        self._change(known, card, "sim.moved", {**_told(card), "before": known.modem})

    def _seen(self, known: Card, snapshot: ModemSnapshot) -> None:
        card = self._as_now(known, snapshot)
        told_lately = 0 <= card.last_seen_at_ms - known.last_seen_at_ms < _SEEN_EVERY_MS
        if told_lately and card == replace(known, last_seen_at_ms=card.last_seen_at_ms):
            return
        self._change(known, card)

    def _as_now(self, known: Card, snapshot: ModemSnapshot) -> Card:
        return replace(
            known,
            modem=snapshot.name,
            imei=snapshot.imei[:20] or known.imei,
            network=snapshot.network[:8] or known.network,
            number=snapshot.number[:20] or known.number,
            last_seen_at_ms=self._tools.clock.wall_ms(),
        )

    def _change(
        self, before: Card, after: Card, type_: str | None = None, data: dict[str, object] | None = None
    ) -> None:
        self._keep(after)
        changed = {
            name: getattr(after, name)
            for name in Card.__slots__
            if getattr(after, name) != getattr(before, name)
        }

        def work(connection: Connection) -> None:
            equipment.change_card(connection, after.sim, **changed)
            if type_ is not None:
                notify(connection, type_, after.last_seen_at_ms, None, data or {})

        self._records.write(work)

    def _keep(self, card: Card) -> None:
        self._cards[card.sim] = card
        self._bar(card)

    def _bar(self, card: Card) -> None:
        why, dispatcher = _why(card), self._tools.dispatcher
        if why != dispatcher.fleet.barred(card.sim, Cause.APPROVAL):
            dispatcher.bar(card.sim, why, Cause.APPROVAL)

    # --- an admin's word ---

    def decided(self, sim: str, state: SimState, at_ms: int, by: str) -> None:
        """An admin approved or refused a card, and that is on disk."""
        known = self._cards.get(sim)
        if known is not None:
            self._keep(replace(known, state=state, reason="", decided_at_ms=at_ms, decided_by=by))

    def forgotten(self, sim: str) -> None:
        """An admin had a card dropped, and that is on disk; one that is in a modem is seen anew at once."""
        if self._cards.pop(sim, None) is None:
            return
        present = [card for card in self._tools.radio.snapshots().values() if card.sim == sim]
        for snapshot in present:
            self._look(snapshot)
        if sim not in self._cards:
            self._tools.dispatcher.bar(sim, "", Cause.APPROVAL)


def _as_seen(known: KnownModem | None, snapshot: ModemSnapshot) -> KnownModem:
    """What a stick tells now; while it starts it tells little, and its card may be out."""
    if known is None:
        known = KnownModem(snapshot.name, snapshot.imei, snapshot.port, "", "", "", "")
    return KnownModem(
        snapshot.name,
        snapshot.imei,
        snapshot.port,
        snapshot.manufacturer or known.manufacturer,
        snapshot.model or known.model,
        snapshot.revision or known.revision,
        snapshot.sim if snapshot.sim and snapshot.state in _PRESENT else known.sim,
    )


def _why(card: Card) -> str:
    """Why a card may not send, as far as an admin has a say; empty where it may."""
    match card.state:
        case SimState.APPROVED:
            return ""
        case SimState.WAITING:
            return f"the SIM waits for an admin's yes: {card.reason}"
        case SimState.REFUSED:
            return "an admin refused the SIM"
        case _:
            assert_never(card.state)


def _told(card: Card) -> dict[str, object]:
    """What webhooks are told of a card: serial numbers are an admin's matter."""
    return {
        "modem": card.modem,
        "sim_masked": "•••••" + card.sim[-4:],
        "state": str(card.state),
        "reason": card.reason,
    }
