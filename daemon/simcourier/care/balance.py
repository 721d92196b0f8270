"""What prepaid SIMs have left: asked for by USSD, read by the operator's pattern, and told when it runs low."""

from __future__ import annotations

import re
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLateError
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from simcourier import log
from simcourier.care.tools import CareTools
from simcourier.care.ussd import Ussd
from simcourier.config import Operator
from simcourier.dispatch.bars import Cause
from simcourier.dispatch.operators import Operators
from simcourier.dispatch.records import Records
from simcourier.errors import RequestError
from simcourier.modem.facts import Fact, ModemChanged, ModemSnapshot, ModemState, UssdEnd, UssdEnded
from simcourier.outbox import equipment
from simcourier.outbox.notices import notify

HOUR_MS = 3600 * 1000
_AGAIN_MS = HOUR_MS
"""After a question that nobody answered."""
_ONE_EVERY_MS = 15_000
"""Between two questions of the schedule."""
_LONGEST_UNIT = 16
_WRITER_PATIENCE_S = 10.0
_AMOUNT = re.compile(r"[+-]?[0-9][0-9.,'\u2019\u00a0\u202f ]*")
_WHOLE = re.compile(r"[+-]?(?:[0-9]+|[0-9]{1,3}([.,])[0-9]{2,3}(?:\1[0-9]{2,3})*)")
_GAPS = str.maketrans("", "", "'\u2019\u00a0\u202f ")


@dataclass(frozen=True, slots=True)
class Balance:
    """What a SIM had at a time (wall-clock ms)."""

    amount: float
    unit: str
    at_ms: int
    is_low: bool = False
    """Less than its operator's `low_balance`."""


def amount(written: str) -> float | None:
    """An amount as operators write it, `1.234,56` and `1,234.56` alike; None where it is none.

    The last point or comma is the decimal one if one or two digits follow it, or if the other one stands before it.
    """
    found = _AMOUNT.fullmatch(written.strip())
    if found is None:
        return None
    # A pattern may take the point at the end of the sentence with it.
    digits = found[0].translate(_GAPS).rstrip(".,")
    last = max(digits.rfind("."), digits.rfind(","))
    if last >= 0:
        mark, other = digits[last], ".,".replace(digits[last], "")
        decimals = len(digits) - last - 1
        is_decimal = digits.count(mark) == 1 and (decimals != 3 or other in digits[:last])
        whole, part = (digits[:last], digits[last + 1 :]) if is_decimal else (digits, "0")
        if not _WHOLE.fullmatch(whole):
            return None
        digits = whole.replace(".", "").replace(",", "") + f".{part}"
    return float(digits)


def read(text: str, operator: Operator) -> tuple[float, str] | None:
    """The amount and its unit in a network's answer; None where the operator's pattern finds none."""
    for found in re.finditer(operator.balance_pattern, text):
        value = amount(found["amount"] or "")
        if value is not None:
            unit = (found["unit"] or "") if "unit" in found.groupdict() else ""
            return value, unit.strip()[:_LONGEST_UNIT]
    return None


def _is_low(value: float, operator: Operator | None) -> bool:
    return operator is not None and value < operator.low_balance


def written(value: float, unit: str | None) -> str:
    """`3.20 EUR`."""
    return f"{value:.2f} {unit or ''}".rstrip()


class Balances:
    """Asks by schedule, one SIM after another; what takes no connection runs in the writer's thread."""

    def __init__(self, tools: CareTools, ussd: Ussd) -> None:
        self._tools = tools
        self._ussd = ussd
        self._operators = Operators(tools.config.operators)
        self._records = Records(tools.writer, tools.clock)
        self._log = log.get("care")
        self._known: dict[str, Balance] = {}
        self._asked_at_ms: dict[str, int] = {}
        self._next_at_ms = 0
        self._started_ms = tools.clock.wall_ms()
        self._unreadable: set[str] = set()
        self._shown: dict[str, str] = {}
        with tools.engine.connect() as connection:
            cards = equipment.cards(connection)
        for card in cards:
            if card.balance is not None and card.balance_at_ms is not None:
                operator, unit = self._operators.of(card.network), card.balance_unit or ""
                is_low = _is_low(card.balance, operator)
                self._known[card.sim] = Balance(card.balance, unit, card.balance_at_ms, is_low)
                self._bar(card.sim, operator, self._known[card.sim])

    def on_fact(self, fact: Fact) -> None:
        """A card may be in another modem by now; answers come to who asked."""
        if type(fact) is ModemChanged and self._shown.get(fact.snapshot.name, "") != fact.snapshot.sim:
            self._shown[fact.snapshot.name] = fact.snapshot.sim
            self._show(fact.snapshot)

    def _show(self, snapshot: ModemSnapshot) -> None:
        known = self._known.get(snapshot.sim)
        if known is not None:
            self._tools.metrics.sim_balance.labels(snapshot.name).set(known.amount)
        else:
            self._tools.metrics.forget_balance(snapshot.name)

    def tick(self) -> None:
        """Ask for one balance that is due."""
        self._records.try_again()
        now_ms = self._tools.clock.wall_ms()
        if not self._operators.have_balances or now_ms < self._next_at_ms:
            return
        for name, snapshot in sorted(self._tools.radio.snapshots().items()):
            operator = self.operator(snapshot)
            if operator is not None and self._is_due(snapshot, operator, now_ms):
                self._next_at_ms = now_ms + _ONE_EVERY_MS
                self._asked_at_ms[snapshot.sim] = now_ms
                self._begin(name, snapshot, operator)
                return

    def operator(self, snapshot: ModemSnapshot) -> Operator | None:
        """The operator of a modem's SIM, where its balance can be asked for."""
        operator = self._operators.of(snapshot.network)
        return operator if operator is not None and operator.balance_code and snapshot.sim else None

    def _is_due(self, snapshot: ModemSnapshot, operator: Operator, now_ms: int) -> bool:
        fleet, sim = self._tools.dispatcher.fleet, snapshot.sim
        if snapshot.state is not ModemState.READY or fleet.is_sandbox(snapshot):
            return False
        asked_ms = self._asked_at_ms.get(sim)
        if asked_ms is not None and 0 <= now_ms - asked_ms < _AGAIN_MS:
            return False
        # Somebody may have topped it up, and messages may wait for nothing else.
        return bool(fleet.barred(sim, Cause.CREDIT)) or self._is_old(sim, operator, now_ms)

    def _is_old(self, sim: str, operator: Operator, now_ms: int) -> bool:
        """Is what is known too old? While messages wait it may be older: they go first, but not for ever."""
        known, busy = self._known.get(sim), bool(self._tools.dispatcher.room.total())
        if known is None:
            return not busy or now_ms - self._started_ms >= operator.balance_hours * HOUR_MS
        return not 0 <= now_ms - known.at_ms < operator.balance_hours * HOUR_MS * (1 + busy)

    def _begin(self, name: str, snapshot: ModemSnapshot, operator: Operator) -> None:
        def answered(future: Future[UssdEnded]) -> None:
            if not future.cancelled():
                self.take(snapshot, operator, future.result())

        try:
            self._ussd.begin(name, operator.balance_code).add_done_callback(answered)
        except RequestError:
            self._asked_at_ms.pop(snapshot.sim, None)  # somebody asks something else: next time

    def take(self, snapshot: ModemSnapshot, operator: Operator, ended: UssdEnded) -> Balance | None:
        """Read the answer to a balance's question; in the writer's thread. None where it tells none."""
        if ended.end is UssdEnd.BUSY:
            self._asked_at_ms.pop(snapshot.sim, None)  # it was not asked: next time
            return None
        if ended.end in (UssdEnd.SILENT, UssdEnd.REFUSED):
            self._log.warning("no answer to the question for the balance", modem=snapshot.name)
            return None
        if ended.sim != snapshot.sim:
            return None  # Another card is in it by now, and which of the two was asked nobody can say.
        found = read(ended.text, operator)
        if found is None:
            self._tell_unreadable(snapshot, operator)
            return None
        self._unreadable.discard(operator.name)
        balance = Balance(*found, self._tools.clock.wall_ms(), _is_low(found[0], operator))
        before = self._known.get(snapshot.sim)
        self._known[snapshot.sim] = balance
        self._show(snapshot)
        self._keep(snapshot, operator, balance, before)
        self._bar(snapshot.sim, operator, balance)
        return balance

    def _tell_unreadable(self, snapshot: ModemSnapshot, operator: Operator) -> None:
        if operator.name not in self._unreadable:
            self._unreadable.add(operator.name)
            hint = f"look at the answer: simcourier ussd {snapshot.name} '{operator.balance_code}'"
            self._log.warning(
                "balance_pattern finds no amount in the network's answer", operator=operator.name, hint=hint
            )

    def _keep(
        self, snapshot: ModemSnapshot, operator: Operator, balance: Balance, before: Balance | None
    ) -> None:
        crosses = balance.is_low and not (before is not None and before.is_low)
        if crosses:
            self._log.warning(
                "a SIM runs low", modem=snapshot.name, balance=written(balance.amount, balance.unit)
            )
        data: dict[str, object] = {
            "modem": snapshot.name,
            "operator": operator.name,
            "balance": balance.amount,
            "unit": balance.unit,
        }

        def work(connection: Connection) -> None:
            equipment.change_card(
                connection,
                snapshot.sim,
                balance=balance.amount,
                balance_unit=balance.unit,
                balance_at_ms=balance.at_ms,
            )
            if crosses:
                notify(connection, "sim.low-balance", balance.at_ms, None, data)

        self._records.write(work)

    def _bar(self, sim: str, operator: Operator | None, balance: Balance) -> None:
        least = operator.least_balance if operator is not None else 0.0
        why = (
            f"no credit: {written(balance.amount, balance.unit)}" if least and balance.amount < least else ""
        )
        if why != self._tools.dispatcher.fleet.barred(sim, Cause.CREDIT):
            self._tools.dispatcher.bar(sim, why, Cause.CREDIT)

    def of(self, sim: str) -> Balance | None:
        """What this SIM had last; for any thread."""
        return self._known.get(sim)

    def forgotten(self, sim: str) -> None:
        """An admin had a card dropped, and that is on disk."""
        self._asked_at_ms.pop(sim, None)
        if self._known.pop(sim, None) is not None:
            self._tools.dispatcher.bar(sim, "", Cause.CREDIT)

    def check(self, snapshot: ModemSnapshot) -> Operator:
        """The operator of a modem's SIM. Raises RequestError where its balance can't be asked for."""
        operator = self.operator(snapshot)
        if operator is None:
            raise RequestError(
                "policy-violation",
                "No balance_code is configured for the operator of this modem's SIM "
                f"(network {snapshot.network or 'unknown'}).",
            )
        return operator

    def ask(self, snapshot: ModemSnapshot) -> Balance:
        """Ask for a balance now, and wait for it; for any thread but the writer's. Raises RequestError."""
        operator = self.check(snapshot)
        ended = self._ussd.ask(snapshot.name, operator.balance_code)
        done: Future[Balance | None] = Future()
        self._tools.writer.call(lambda: done.set_result(self.take(snapshot, operator, ended)))
        try:
            balance = done.result(_WRITER_PATIENCE_S)
        except TooLateError:
            raise RequestError("storage-unavailable", "The box is stuck.", retry_after_s=5) from None
        if balance is None:
            raise RequestError(
                "balance-unreadable",
                f"The balance_pattern of {operator.name} finds no amount in the network's answer.",
            )
        return balance
