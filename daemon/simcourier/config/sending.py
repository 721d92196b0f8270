"""The tables of what may be sent: lives, limits, destinations, and codes made here."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from simcourier.config.values import Bound, Count, Prefix, Seconds


class Sending(Struct, forbid_unknown_fields=True, frozen=True):
    """`[sending]`: bounds of the life of one message."""

    shares: tuple[Count, Count, Count] = (90, 9, 1)
    """Of 100 messages that leave while all wait, so many are codes, transactional and bulk."""
    default_ttl: Annotated[int, Meta(ge=60, le=86_400)] = 300
    max_segments: Annotated[int, Meta(ge=1, le=10)] = 6
    max_attempts: Annotated[int, Meta(ge=1, le=20)] = 5
    """Refusals by modem or network after which a message has failed."""
    max_resends: Annotated[int, Meta(ge=0, le=5)] = 2
    """How often a message in doubt is sent again under `on_unknown = "resend"`."""
    queue_limit: Annotated[int, Meta(ge=10, le=5_000_000)] = 250_000
    no_modem_grace: Annotated[float, Meta(ge=0, le=3600)] = 60.0
    """Seconds without any usable modem after which new messages are refused with 503."""
    submit_patience: Annotated[float, Meta(ge=10, le=180)] = 60.0
    """Seconds that the answer to a Ctrl-Z may take; at most a quarter of the message's life, but 15 at least."""
    drain: Annotated[float, Meta(ge=0, le=60)] = 60.0
    """Seconds that a stop waits for the submits in flight."""


class Quota(Struct, forbid_unknown_fields=True, frozen=True):
    """How often something may be sent; 0 means without a bound. All but `client_...` is counted over all clients."""

    number_gap: Seconds = 30
    """Seconds between two codes for a number; doubles with each, up to `number_gap_max`."""
    number_gap_max: Seconds = 300
    number_10_minutes: Bound = 3
    number_hour: Bound = 5
    number_day: Bound = 10
    prefix_hour: Bound = 20
    """For all numbers that differ in the last four digits only."""
    country_hour: Bound = 200
    client_hour: Bound = 600
    client_second: Bound = 20
    """Requests a client may make in a second."""


class MessageQuota(Quota, forbid_unknown_fields=True, frozen=True):
    """The same for what applications write themselves, counted apart, whatever its class.

    Every bound is 0 until an admin sets one.
    """

    number_gap: Seconds = 0
    number_gap_max: Seconds = 300
    number_10_minutes: Bound = 0
    number_hour: Bound = 0
    number_day: Bound = 0
    prefix_hour: Bound = 0
    country_hour: Bound = 0
    client_hour: Bound = 0
    client_second: Bound = 0


class Limits(Struct, forbid_unknown_fields=True, frozen=True):
    """`[limits]`: `[limits.verifications]`, `[limits.messages]`, and what holds for the whole box.

    A stranger can make an application start verifications, so those have limits by default. What an application
    writes itself is in its own hands: there every bound is 0 until an admin sets one.
    """

    verifications: Quota = field(default_factory=Quota)
    messages: MessageQuota = field(default_factory=MessageQuota)
    box_segments_day: Bound = 0
    """The daily budget: segments that leave this box between two midnights (UTC), of whatever kind."""
    budget_warning_percent: Annotated[int, Meta(ge=1, le=100)] = 80
    conversion_sample: Annotated[int, Meta(ge=5, le=10_000)] = 20
    """Codes to a prefix or country from which their confirmed share is judged: those of the last hour that can't be
    confirmed any more, or the last so many of a day where these were fewer."""
    conversion_alarm_percent: Annotated[int, Meta(ge=0, le=100)] = 20
    conversion_block_percent: Annotated[int, Meta(ge=0, le=100)] = 5
    """A prefix of which a smaller share is confirmed is blocked for `conversion_block`; 0: never."""
    conversion_block: Seconds = 3600
    conversion_block_countries: bool = False
    """Block a whole country for its share as well; without this it is told only (`prefix.alarm`)."""


Region = Annotated[str, Meta(pattern=r"\A(own|any|[A-Z]{2})\Z")]
Host = Annotated[
    str, Meta(pattern=r"\A(?=.{1,253}\Z)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.(?!\Z)|\Z)){2,}\Z")
]


class Destinations(Struct, forbid_unknown_fields=True, frozen=True):
    """`[destinations]`: where this box sends to.

    Countries are ISO 3166 codes ("GB"); "own" stands for the countries of the box's SIMs, "any" for all. Premium
    and satellite numbers are refused in every case. Short codes ("60123") get messages only, where the code itself
    is listed in `allowed_prefixes`: they may be premium.
    """

    verifications: tuple[Region, ...] = ("own",)
    messages: tuple[Region, ...] = ("any",)
    allowed_prefixes: tuple[Prefix, ...] = ()
    """Prefixes such as "+44770" that are allowed whatever their country, also for codes to fixed lines and to blocks
    that no table has as mobile phones; and short codes, whole."""
    denied_prefixes: tuple[Prefix, ...] = ()


class Verifications(Struct, forbid_unknown_fields=True, frozen=True):
    """`[verifications]`: codes made and checked here. The bounds can be made stricter, never weaker than the norms."""

    app_name: Annotated[str, Meta(max_length=20)] = ""
    """Stands for {app} in a template where the request names none."""
    default_locale: str = "en"
    template_files: tuple[str, ...] = ()
    default_ttl: Annotated[int, Meta(ge=60, le=600)] = 300
    max_sends: Annotated[int, Meta(ge=1, le=5)] = 3
    """Codes sent within one verification, the first included."""
    failures_to_delay: Annotated[int, Meta(ge=1, le=20)] = 5
    """Wrong codes in a row under one binding after which the next check has to wait; again at each multiple."""
    failures_to_delay_all: Annotated[int, Meta(ge=1, le=100)] = 50
    """The same for all bindings of a number together, so that one of them can't lock out the others at once."""
    delay_first: Annotated[int, Meta(ge=30, le=3600)] = 30
    delay_max: Annotated[int, Meta(ge=30, le=86_400)] = 3600
    failures_to_lock: Annotated[int, Meta(ge=5, le=100)] = 100
    failures_hour: Annotated[int, Meta(ge=5, le=100)] = 100
    origin_hosts: tuple[Host, ...] = ()
    """Hosts that a request's `origin_host` may be, each as it stands in the address; none: any."""
    refused_risks: tuple[Annotated[str, Meta(max_length=32)], ...] = ()
    """Values of a request's `risk`, such as "sim-swap", for which no code is sent: offer another factor."""
    replace_on_phone: bool = False
    """Send a repeated code so that it replaces the one before it on the phone (TP-PID 0x41), by the same SIM."""
