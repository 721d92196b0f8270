"""Everything that a scenario can say about one modem, its SIM and its network, with the defaults of a good one.

`scenarios/reference.toml` shows each key in use. A delay is a number of seconds or a range `[low, high]`.
"""

from __future__ import annotations

import re
from random import Random
from typing import Annotated, Literal

import msgspec

from simcourier.virtual.occasions import (
    Delay,
    Flood,
    Hang,
    Inbound,
    LatePrompt,
    Noise,
    NoPrompt,
    Reboot,
    Refusal,
    Route,
    Seconds,
    Share,
    Stuck,
    TpStatus,
    Unplug,
)
from simcourier.virtual.profiles import PROFILES

Registration = Literal["home", "roaming", "searching", "denied", "none"]
# What the last program to use the port may have left behind.
Leftover = Literal["text-mode", "ucs2", "prompt", "half-command", "numeric", "quiet"]
Octet = Annotated[int, msgspec.Meta(ge=0, le=255)]

_DELAYS = ("submit_delay", "submit_delay_linked", "delivery_delay", "report_delay", "registration_delay",
           "sim_ready_delay", "prompt_delay", "boot_delay", "plug_delay", "ussd_delay")  # fmt: skip
_PLMN = re.compile(r"\d{5,6}")
_PORT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
BAUDS = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One modem's behaviour at one time."""

    # The network.
    submit_delay: Delay = 0.0
    submit_delay_linked: Delay | None = None
    delivery_delay: Delay = 0.0
    report_delay: Delay = 0.0
    reports: bool = True
    report_status: TpStatus | Annotated[list[TpStatus], msgspec.Meta(min_length=1)] = 0
    interim_status: TpStatus | None = None
    early_report_rate: Share = 0.0
    reports_paused: bool = False
    repeated_report_rate: Share = 0.0
    lost_rate: Share = 0.0
    routes: dict[str, Route] = {}
    receives: bool = True
    inbound: Inbound | None = None
    registration: Registration = "home"
    registration_delay: Delay = 0.0
    reject_cause: Annotated[int, msgspec.Meta(ge=0, le=255)] | None = None
    operator: str = "Virtual"
    visited: str = "99901"
    signal: Annotated[int, msgspec.Meta(ge=0, le=99)] = 20
    ussd: dict[str, str] = {}
    ussd_delay: Delay = 0.0

    # The SIM.
    sim: Literal["ready", "missing"] = "ready"
    card: Annotated[int, msgspec.Meta(ge=0, le=99_999)] | None = None
    network: str = "00101"
    sim_ready_delay: Delay = 0.0
    pin: str | None = None
    puk: str = "12345678"
    pin_tries: Annotated[int, msgspec.Meta(ge=0, le=3)] = 3
    number_on_sim: bool = True
    smsc: str = "+15550109999"
    first_mr: Octet = 0
    storage_size: Octet = 20
    storage_used: Octet = 0
    balance: float | None = None
    price: Seconds = 0.0
    without_credit: str = "lost"

    # Sending.
    error: Refusal | None = None
    hang: Hang | None = None
    no_prompt: NoPrompt | None = None
    late_prompt: LatePrompt | None = None
    unplug: Unplug | None = None
    reboot: Reboot | None = None
    prompt_delay: Delay = 0.0
    prompt_form: str | None = None
    submit_needs_storage: bool = False

    # Receiving: where status reports go, whatever AT+CNMI says of ds 1 or 2.
    report_route: Literal["asked", "direct", "stored"] = "asked"

    # The serial line.
    deaf: bool = False
    stuck: Stuck | None = None
    unplugged: bool = False
    plug_delay: Delay = 0.0
    port: str | None = None
    baud: int | None = None
    noise: Noise | None = None
    flood: Flood | None = None
    corrupt: Share = 0.0
    urc_in_prompt: bool = False
    line_end: str = "\r\n"
    echo_stuck: bool = False
    left_over: list[Leftover] = []
    chunk: Annotated[int, msgspec.Meta(ge=0)] = 0
    chunk_delay: Seconds = 0.0
    answers: dict[str, str] = {}

    # The modem.
    profile: str = "standard"
    pace: Seconds = 1.0
    chatter: Seconds = 1.0
    imei: str | None = None
    boot_delay: Delay = 0.0
    reset_unplugs: Seconds | None = None

    def __post_init__(self) -> None:
        self._check_delays()
        self._check_names()
        if set(self.line_end) - set("\r\n") or not self.line_end:
            raise ValueError("line_end may hold only carriage returns and line feeds")
        if self.baud is not None and self.baud not in BAUDS:
            raise ValueError(f"baud must be one of {', '.join(map(str, BAUDS))}")

    def _check_delays(self) -> None:
        delays = {name: getattr(self, name) for name in _DELAYS}
        for prefix, route in self.routes.items():
            delays[f"routes {prefix}: delivery_delay"] = route.delivery_delay
            delays[f"routes {prefix}: report_delay"] = route.report_delay
        for name, delay in delays.items():
            low, high = delay if isinstance(delay, tuple) else (delay or 0.0,) * 2
            if not 0 <= low <= high:
                raise ValueError(f"{name} must be seconds, or a range [low, high], not below 0")

    def _check_names(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(f"no profile {self.profile}; there is {', '.join(sorted(PROFILES))}")
        if self.pin is not None and not (self.pin.isdigit() and 4 <= len(self.pin) <= 8):
            raise ValueError("pin must be four to eight digits")
        for name in ("network", "visited"):
            if not _PLMN.fullmatch(getattr(self, name)):
                raise ValueError(f"{name} must be five or six digits: country and network, as in 00101")
        if self.imei is not None and not (self.imei.isdigit() and len(self.imei) == 15):
            raise ValueError("imei must be fifteen digits")
        if self.port is not None and not _PORT_NAME.fullmatch(self.port):
            raise ValueError("port must be a plain name for the port, without a path")

    def report_status_of(self, rng: Random) -> int:
        """TP-ST of the next report."""
        return self.report_status if isinstance(self.report_status, int) else rng.choice(self.report_status)

    def is_hard_to_submit(self) -> bool:
        """Whether a submit may meet any fault at all."""
        faults = (self.error, self.hang, self.no_prompt, self.late_prompt, self.unplug, self.reboot)
        return any(fault is not None for fault in faults)

    def route_to(self, number: str) -> Route:
        """Return what is special about a recipient: the route with the longest prefix."""
        fitting = [prefix for prefix in self.routes if number.startswith(prefix)]
        return self.routes[max(fitting, key=len)] if fitting else Route()
