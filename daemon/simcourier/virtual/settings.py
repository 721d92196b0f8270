"""Everything that a scenario can say about one modem, its SIM and its network, with the defaults of a good one.

`scenarios/reference.toml` shows each key in use. A delay is a number of seconds or a range `[low, high]`.
"""

from __future__ import annotations

from random import Random
from typing import Annotated, Literal

import msgspec

from simcourier.virtual.profile import PROFILES

Delay = float | tuple[float, float]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
TpStatus = Annotated[int, msgspec.Meta(ge=0, le=255)]
Index = Annotated[int, msgspec.Meta(ge=1)]
Registration = Literal["home", "roaming", "searching", "denied", "none"]


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


class Unplug(Occasion, frozen=True):
    """The port vanishes in the middle of a submit: before the prompt, at the first octet of the PDU, or at Ctrl-Z.

    `network`: what Ctrl-Z ended got through; `for`: seconds until it is back (none: it stays away).
    """

    phase: Literal["prompt", "pdu", "ctrl-z"] = "ctrl-z"
    network: bool = True
    for_s: Seconds | None = msgspec.field(default=None, name="for")


class Noise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Unsolicited lines: so many a second on average, and a share of answers with one in their middle.

    A line with a CR or LF of its own is sent as it is; a character up to U+00FF is that byte.
    """

    rate: Seconds = 0.0
    in_response: Share = 0.0
    lines: Annotated[list[str], msgspec.Meta(min_length=1)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One modem's behaviour at one time."""

    # The network.
    submit_delay: Delay = 0.0
    delivery_delay: Delay = 0.0
    report_delay: Delay = 0.0
    reports: bool = True
    report_status: TpStatus | Annotated[list[TpStatus], msgspec.Meta(min_length=1)] = 0
    interim_status: TpStatus | None = None
    early_report_rate: Share = 0.0
    reports_paused: bool = False
    lost_rate: Share = 0.0
    registration: Registration = "home"
    registration_delay: Delay = 0.0
    operator: str = "Virtual"
    signal: Annotated[int, msgspec.Meta(ge=0, le=99)] = 20
    ussd: dict[str, str] = {}

    # The SIM.
    sim: Literal["ready", "missing"] = "ready"
    sim_ready_delay: Delay = 0.0
    pin: str | None = None
    puk: str = "12345678"
    pin_tries: Annotated[int, msgspec.Meta(ge=0, le=3)] = 3
    smsc: str = "+15550109999"
    first_mr: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0
    storage_size: Annotated[int, msgspec.Meta(ge=0, le=255)] = 20
    storage_used: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0

    # Sending.
    error: Refusal | None = None
    hang: Hang | None = None
    no_prompt: NoPrompt | None = None
    unplug: Unplug | None = None
    prompt_delay: Delay = 0.0
    prompt_form: str | None = None
    submit_needs_storage: bool = False

    # Receiving: where status reports go, whatever AT+CNMI says of ds 1 or 2.
    report_route: Literal["asked", "direct", "stored"] = "asked"

    # The serial line.
    deaf: bool = False
    unplugged: bool = False
    noise: Noise | None = None
    urc_in_prompt: bool = False
    line_end: str = "\r\n"
    echo_stuck: bool = False
    chunk: Annotated[int, msgspec.Meta(ge=0)] = 0
    chunk_delay: Seconds = 0.0
    answers: dict[str, str] = {}

    # The modem.
    profile: str = "standard"
    boot_delay: Delay = 0.0
    reset_unplugs: Seconds | None = None

    def __post_init__(self) -> None:
        for name in ("submit_delay", "delivery_delay", "report_delay", "registration_delay", "sim_ready_delay",
                     "prompt_delay", "boot_delay"):  # fmt: skip
            delay = getattr(self, name)
            low, high = delay if isinstance(delay, tuple) else (delay, delay)
            if not 0 <= low <= high:
                raise ValueError(f"{name} must be seconds, or a range [low, high], not below 0")
        if self.profile not in PROFILES:
            raise ValueError(f"no profile {self.profile}; there is {', '.join(sorted(PROFILES))}")
        if set(self.line_end) - set("\r\n") or not self.line_end:
            raise ValueError("line_end may hold only carriage returns and line feeds")
        if self.pin is not None and not (self.pin.isdigit() and 4 <= len(self.pin) <= 8):
            raise ValueError("pin must be four to eight digits")

    def report_status_of(self, rng: Random) -> int:
        """TP-ST of the next report."""
        return self.report_status if isinstance(self.report_status, int) else rng.choice(self.report_status)

    def is_hard_to_submit(self) -> bool:
        """Whether a submit may meet any fault at all."""
        return any(fault is not None for fault in (self.error, self.hang, self.no_prompt, self.unplug))
