"""Whose SIM it is, and whose customer the recipient probably is: the configured operators."""

from __future__ import annotations

from collections.abc import Iterable

from simcourier.config import Operator


class Operators:
    """The `[[operators]]` of the configuration, found by network or by a recipient's number."""

    def __init__(self, operators: Iterable[Operator] = ()) -> None:
        self._by_network: dict[str, Operator] = {}
        self._by_prefix: dict[str, str] = {}
        self.have_balances = False
        """Can the balance of any operator's SIMs be asked for?"""
        for operator in operators:
            self.have_balances |= bool(operator.balance_code)
            self._by_network.update(dict.fromkeys(operator.networks, operator))
            self._by_prefix.update(dict.fromkeys(operator.prefixes, operator.name))
        self._lengths = sorted({len(prefix) for prefix in self._by_prefix}, reverse=True)

    @property
    def know_numbers(self) -> bool:
        """Is any operator told by its customers' numbers?"""
        return bool(self._by_prefix)

    def of(self, network: str) -> Operator | None:
        """The operator of this network (mobile country and network code), where it is configured."""
        return self._by_network.get(network)

    def key(self, network: str) -> str:
        """What SIMs of one operator have in common: its configured name, else the network; empty: unknown."""
        operator = self._by_network.get(network)
        return network if operator is None else operator.name

    def home_of(self, recipient: str) -> str:
        """The name of the operator whose numbers begin like this one, by the longest prefix; empty: none's do."""
        for length in self._lengths:
            name = self._by_prefix.get(recipient[:length])
            if name is not None:
                return name
        return ""
