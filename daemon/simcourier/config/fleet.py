"""The tables of what is sent through: ports, modems, SIM cards, operators, and what is done about them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from simcourier.config.values import Bound, Prefix


class Discovery(Struct, forbid_unknown_fields=True, frozen=True):
    """`[discovery]`: ports that are tried without being configured."""

    enabled: bool = True
    ports: tuple[str, ...] = ("/dev/ttyUSB*", "/dev/ttyACM*")
    ignore: tuple[str, ...] = ()
    """Patterns of ports that are never opened."""
    udev: bool = True
    """Hear of sticks from udev at once; without it, or where there is none, ports are looked for every two seconds."""


class Modem(Struct, forbid_unknown_fields=True, frozen=True):
    """One `[[modems]]` entry: a port (or a glob of ports) that is opened and kept."""

    port: Annotated[str, Meta(min_length=1)]
    """A path, a glob, or a serial port on the network: `rfc2217://host:port`, `socket://host:port`."""
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")] | None = None
    pin_file: str | None = None
    baudrate: Annotated[int, Meta(ge=1200, le=4_000_000)] = 115_200
    sandbox: bool = False
    """A virtual modem for what sandbox keys send: that goes to no other modem, and nothing else to this one."""


class Pace(Struct, forbid_unknown_fields=True, frozen=True):
    """How much one SIM may send; 0 means without a bound. Segments count, for operators count them."""

    minute: Bound = 0
    hour: Bound = 0
    day: Bound = 0
    month: Bound = 0
    recipients_month: Bound = 0
    """Different numbers in a calendar month (UTC); one that was written to this month is always allowed."""


Network = Annotated[str, Meta(pattern=r"\A[0-9]{5,6}\Z")]


class Operator(Struct, forbid_unknown_fields=True, frozen=True):
    """One `[[operators]]` entry: what is known of an operator, and how its SIMs are treated."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    networks: tuple[Network, ...] = ()
    """Mobile country and network codes of its SIMs, as their IMSIs begin: "23415"."""
    prefixes: tuple[Prefix, ...] = ()
    """Its customers' numbers begin so: its own SIMs are preferred for them."""
    pace: Pace | None = None
    """Instead of `[sims.pace]`."""
    reports: bool = True
    """Whether it sends delivery reports: without them nothing can be learned, and no second SIM tried."""
    second_sim: bool = True
    """Try a SIM of another operator where this one's report is late."""
    balance_code: Annotated[str, Meta(pattern=r"\A([0-9*#]{1,40})?\Z")] = ""
    """USSD code that tells the balance, such as "*100#"; none: it is not asked for."""
    balance_pattern: Annotated[str, Meta(max_length=200)] = ""
    """A regular expression with the group `amount`, and if wanted `unit`, for the answer."""
    balance_hours: Annotated[int, Meta(ge=1, le=744)] = 24
    """How often the balance is asked for."""
    low_balance: Annotated[float, Meta(ge=0)] = 0.0
    """Below this much an alarm is told."""
    least_balance: Annotated[float, Meta(ge=0)] = 0.0
    """Below this much the SIM sends nothing until a higher balance is read; 0: it is never kept from sending."""


class Card(Struct, forbid_unknown_fields=True, frozen=True):
    """One `[[sims.cards]]` entry: what is known of one SIM card."""

    iccid: Annotated[str, Meta(pattern=r"\A[0-9]{15,22}\Z")]
    name: Annotated[str, Meta(max_length=64)] = ""
    number: Annotated[str, Meta(pattern=r"\A(\+[1-9][0-9]{4,14})?\Z")] = ""
    """Its own number, for loop tests, where the card does not tell it."""
    pin_file: str | None = None
    pace: Pace | None = None
    """Instead of its operator's."""


class Sims(Struct, forbid_unknown_fields=True, frozen=True):
    """`[sims]`: which SIM cards may send, and how much."""

    approve: Annotated[str, Meta(pattern=r"\A(at-once|by-admin)\Z")] = "at-once"
    """Whether a SIM that was never seen, or that moved to another stick, sends at once or waits for an admin's yes."""
    roaming: bool = True
    """Whether SIMs may send while they roam."""
    pace: Pace = field(default_factory=Pace)
    cards: tuple[Card, ...] = ()


class SecondSim(Struct, forbid_unknown_fields=True, frozen=True):
    """`[second_sim]`: the same code again, through another operator, where no report came in the usual time.

    At most once for each message, and only while enough of its life remains.
    """

    enabled: bool = True
    classes: tuple[Annotated[str, Meta(pattern=r"\A(otp|transactional|bulk)\Z")], ...] = ("otp",)
    percentile: Annotated[int, Meta(ge=50, le=99)] = 95
    sample: Annotated[int, Meta(ge=5, le=1000)] = 20
    """Reports that must have come from an operator before its usual time is known."""
    least: Annotated[float, Meta(ge=1, le=3600)] = 8.0
    most: Annotated[float, Meta(ge=1, le=3600)] = 60.0
    """Bounds of that usual time, in seconds."""


class Inbound(Struct, forbid_unknown_fields=True, frozen=True):
    """`[inbound]`: what people write to the SIM cards."""

    enabled: bool = True
    """Read, keep and delete from the SIM; false: leave messages where they are (reports are read all the same)."""
    retention_days: Annotated[int, Meta(ge=1, le=3650)] = 30
    join_minutes: Annotated[int, Meta(ge=1, le=1440)] = 15
    """How long the parts of a long message are waited for; what came by then is shown."""
    stop_words: tuple[Annotated[str, Meta(min_length=1, max_length=32)], ...] = (
        "STOP",
        "STOPALL",
        "UNSUBSCRIBE",
        "END",
        "QUIT",
    )
    start_words: tuple[Annotated[str, Meta(min_length=1, max_length=32)], ...] = ("START", "UNSTOP")
    stop_classes: tuple[Annotated[str, Meta(pattern=r"\A(otp|transactional|bulk)\Z")], ...] = (
        "transactional",
        "bulk",
    )
    """What somebody who wrote such a word gets no more; codes they ask for themselves."""


class LoopTest(Struct, forbid_unknown_fields=True, frozen=True):
    """`[loop_test]`: one SIM texts another, to find the one that "sends" and delivers nothing."""

    hours: Annotated[int, Meta(ge=0, le=744)] = 0
    """How often each SIM is tested; 0: only by command. Each test costs one message."""
    patience: Annotated[int, Meta(ge=30, le=3600)] = 180
    """Seconds until a message that did not arrive counts as lost."""
    losses_to_suspend: Annotated[int, Meta(ge=0, le=10)] = 2
    """Lost tests in a row after which a SIM sends nothing more until a test arrives; 0: it is told only."""


class Recovery(Struct, forbid_unknown_fields=True, frozen=True):
    """`[recovery]`: how far the box may go to bring a modem back."""

    reset: bool = True
    """AT+CFUN=1,1."""
    usb: bool = True
    """Take the stick's USB authorisation away and give it back; needs the right to (systemd/README.md)."""
    power: bool = True
    """Switch the power of its hub's port by uhubctl, where that is installed and the hub can."""
