"""The faults and events that a scenario names: what each of them does, and which submits it strikes."""

from __future__ import annotations

from enum import IntEnum
from random import Random
from typing import Annotated, Literal

import msgspec

Delay = float | tuple[float, float]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Index = Annotated[int, msgspec.Meta(ge=1)]
TpStatus = Annotated[int, msgspec.Meta(ge=0, le=255)]
Phase = Literal["prompt", "pdu", "ctrl-z"]


def sample(delay: Delay, rng: Random) -> float:
    """Seconds to wait this time."""
    return delay if isinstance(delay, float) else rng.uniform(*delay)


class Occasion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which submits a fault strikes: the `nth` (counted from 1), each `every`-th, or all; of these a share `rate`."""

    rate: Share = 1.0
    nth: Index | list[Index] | None = None
    every: Index | None = None

    def strikes(self, submit: int, rng: Random) -> bool:
        """Whether the fault strikes the modem's `submit`-th AT+CMGS."""
        if self.nth is not None and submit not in (self.nth if isinstance(self.nth, list) else [self.nth]):
            return False
        if self.every is not None and submit % self.every:
            return False
        return self.rate >= 1 or rng.random() < self.rate


class Refusal(Occasion, frozen=True):
    """A submit answered with an error: one of `codes`, in place of the prompt or of +CMGS.

    `CMS 38` and `CME 14` follow AT+CMEE, any other text is sent as it is. `network`: the message got through
    all the same.
    """

    codes: Annotated[list[str], msgspec.Meta(min_length=1)]
    at: Literal["prompt", "answer"] = "answer"
    network: bool = False


class Hang(Occasion, frozen=True):
    """Silence after Ctrl-Z, with every byte swallowed, for so many seconds or (no `for`) until a power cycle.

    `network`: the message got through; `answer`: +CMGS comes when the silence ends, or never.
    """

    network: bool = True
    for_s: Seconds | None = msgspec.field(default=None, name="for")
    answer: Literal["late", "never"] = "never"


class NoPrompt(Occasion, frozen=True):
    """No prompt: with `for`, the modem is deaf so long; without, it waits for the PDU but does not say so."""

    for_s: Seconds | None = msgspec.field(default=None, name="for")


class LatePrompt(Occasion, frozen=True):
    """A prompt that comes `for` seconds late; what is typed meanwhile is read when it is there."""

    for_s: Seconds = msgspec.field(name="for")


class Unplug(Occasion, frozen=True):
    """The port vanishes in the middle of a submit: before the prompt, at the first octet of the PDU, or at Ctrl-Z.

    `network`: what Ctrl-Z ended got through; `for`: seconds until it is back (none: it stays away).
    """

    phase: Phase = "ctrl-z"
    network: bool = True
    for_s: Seconds | None = msgspec.field(default=None, name="for")


class Reboot(Occasion, frozen=True):
    """The modem starts anew in the middle of a submit while its port stays (a supply too weak for the radio)."""

    phase: Phase = "ctrl-z"
    network: bool = False


class Cure(IntEnum):
    """What may bring a modem to its senses again, the stronger the higher."""

    RESET = 0
    """AT+CFUN=1,1, or what its make has in place of that."""
    REPLUG = 1
    """Its USB device is taken away and given back; the modem keeps its power."""
    POWER = 2
    """It loses its power: somebody pulls it out, or its hub switches the port."""


class Stuck(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Firmware that hangs from the beginning of the rule on, and also after its end: only a cure as strong helps.

    `deaf`: swallows every byte; `no-prompt`: answers, but waits for each PDU without saying so.
    """

    how: Literal["deaf", "no-prompt"] = "deaf"
    until: Literal["reset", "replug", "power"] = "power"

    def ends_by(self, cure: Cure) -> bool:
        """Whether this helps."""
        return cure >= Cure[self.until.upper()]


class Noise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Unsolicited lines: so many a second on average, and a share of answers with one in their middle.

    `in_report`: a share of +CDS and +CMT with one between the header and its PDU.
    A line with a CR or LF of its own is sent as it is; a character up to U+00FF is that byte.
    """

    rate: Seconds = 0.0
    in_response: Share = 0.0
    in_report: Share = 0.0
    lines: Annotated[list[str], msgspec.Meta(min_length=1)]


class Flood(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Unsolicited lines without end, `rate` of them a second, in turn; `octets`: also so many bytes of rubbish."""

    rate: Annotated[float, msgspec.Meta(ge=0, le=100_000)] = 1000.0
    lines: Annotated[list[str], msgspec.Meta(min_length=1)] = msgspec.field(
        default_factory=lambda: ["^RSSI: 19", '+CREG: 1,"4CA1","01DE445",7']
    )
    octets: Seconds = 0.0


class Inbound(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Texts that people write to the SIM, `rate` a second on average, from numbers of a range kept for fiction.

    `shuffled`: the parts of a long text in any order; `copies`: so many times each part; `lost_parts`: share of
    parts that never come.
    """

    rate: Seconds = 0.0
    texts: Annotated[list[str], msgspec.Meta(min_length=1)] = msgspec.field(
        default_factory=lambda: ["STOP", "Thank you"]
    )
    shuffled: bool = False
    copies: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    lost_parts: Share = 0.0


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is different for recipients of one prefix; what is not set is as for all."""

    delivery_delay: Delay | None = None
    report_delay: Delay | None = None
    reports: bool | None = None
    report_status: TpStatus | None = None
    lost_rate: Share | None = None
