"""A SIM card and the memories around it: what outlives a power cycle of the modem."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from simcourier.virtual.codec import Deliver, StatusReport, encode_delivers
from simcourier.virtual.settings import Settings

# What the network keeps for one SIM that cannot be reached; beyond it the oldest are given up.
HELD_LIMIT = 10_000
PUK_TRIES = 10
_LEFTOVER_WALL_S = 1_600_000_000

Incoming = StatusReport | Deliver


class Receiver(Protocol):
    """The modem that holds a SIM: told when something for the SIM has come to the head of the queue."""

    @property
    def index(self) -> int:
        """The modem's place among its fellows."""

    def offer(self, now: float) -> None:
        """Take what it can from `Sim.held`."""

    def is_reached_by(self, message: Incoming) -> bool:
        """Whether the network passes this on to the SIM at all."""


def _stores() -> dict[str, dict[int, Stored]]:
    """Makers have two names for the modem's memory and for the card's; "BM" and "SR" are of their own."""
    modem: dict[int, Stored] = {}
    card: dict[int, Stored] = {}
    return {"ME": modem, "MT": modem, "SM": card, "SM_P": card, "SR": {}, "BM": {}}


@dataclass(slots=True)
class Stored:
    """One message in a store."""

    message: Incoming
    is_read: bool = False


@dataclass(slots=True)
class Sim:
    """One SIM; `held` is what the network keeps until the SIM can be reached.

    `claims`: the modems that count on it; the last of them, `receiver`, has it in its slot.
    """

    index: int
    number: str
    imsi: str
    iccid: str
    last_mr: int
    smsc: str
    storage_size: int
    pin_tries: int
    plmn: str = "00101"
    balance: float | None = None
    puk_tries: int = PUK_TRIES
    own_pin: str | None = None
    stores: dict[str, dict[int, Stored]] = field(default_factory=_stores)
    held: deque[Incoming] = field(default_factory=lambda: deque(maxlen=HELD_LIMIT))
    receiver: Receiver | None = None
    claims: list[Receiver] = field(default_factory=list)

    def put_into(self, receiver: Receiver) -> None:
        """A modem has it in its slot from now on."""
        self.pull_out_of(receiver)
        self.claims.append(receiver)
        self.receiver = receiver

    def pull_out_of(self, receiver: Receiver) -> None:
        """A modem has it no longer; who had it before and still counts on it has it again."""
        self.claims = [claim for claim in self.claims if claim is not receiver]
        self.receiver = self.claims[-1] if self.claims else None

    def next_mr(self) -> int:
        """TP-MR of the next submit: 0 to 255 and round again (TS 23.040 section 9.2.3.6)."""
        self.last_mr = self.last_mr + 1 & 255
        return self.last_mr

    def room(self, store: str, first_index: int) -> int | None:
        """Return the lowest free index of a store, or None when it is full."""
        taken = self.stores[store]
        for index in range(first_index, first_index + self.storage_size):
            if index not in taken:
                return index
        return None

    def fill(self, used: int) -> None:
        """Let old messages, read long ago, take places until so many of the card's and of the reports' are used."""
        for store in (self.stores["SM"], self.stores["SR"]):
            for place in range(1, self.storage_size + 1):
                if len(store) >= used:
                    break
                store.setdefault(place, Stored(_leftover(), is_read=True))


def _leftover() -> Deliver:
    return encode_delivers("Network", "An old message", _LEFTOVER_WALL_S, 0)[0]


def make(index: int, settings: Settings) -> Sim:
    """Make the SIM of the modem `index`, with numbers from the ranges kept for fiction and for test networks."""
    sim = Sim(
        index=index,
        number=f"+155501{index:05d}",
        imsi=f"{settings.network}{index:0{15 - len(settings.network)}d}",
        iccid=_with_check_digit(f"8944000000000{index:05d}"),
        last_mr=settings.first_mr - 1 & 255,
        smsc=settings.smsc,
        storage_size=settings.storage_size,
        pin_tries=settings.pin_tries,
        plmn=settings.network,
        balance=settings.balance,
    )
    sim.fill(settings.storage_used)
    return sim


def imei(index: int) -> str:
    """Return the IMEI of the modem `index`, with the type allocation code of test equipment."""
    return _with_check_digit(f"00101700{index:06d}")


def _with_check_digit(digits: str) -> str:
    """Append the Luhn digit (ISO/IEC 7812-1 annex B)."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (1 if place % 2 else 2)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)
