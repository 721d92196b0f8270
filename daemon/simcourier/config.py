"""The configuration file: TOML, checked strictly, every bound with its default."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from simcourier.errors import ConfigError

DEFAULT_DIRECTORY = "/var/lib/simcourier"
Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]


class Http(Struct, forbid_unknown_fields=True, frozen=True):
    """`[http]`: where the API and the status page listen."""

    listen: str = "127.0.0.1:8080"
    threads: Annotated[int, Meta(ge=1, le=32)] = 5
    connection_limit: Annotated[int, Meta(ge=8, le=10_000)] = 400
    connections_per_address: Annotated[int, Meta(ge=1, le=10_000)] = 64
    """Connections of one address that wait; one more, and the oldest of them is closed."""
    client_patience: Annotated[float, Meta(ge=0.5, le=300)] = 15.0
    """Seconds that a request may take to arrive whole, an answer to be taken, a connection to say nothing."""
    max_body_bytes: Annotated[int, Meta(ge=1024, le=1_048_576)] = 16_384
    max_header_bytes: Annotated[int, Meta(ge=1024, le=262_144)] = 16_384
    allowed_hosts: tuple[Annotated[str, Meta(min_length=1, max_length=255)], ...] = ()
    """Names by which clients may call this box, beside localhost and the address it listens on."""
    plain_http_is_protected: bool = False
    """The admin's word that what listens beyond this machine is behind TLS or on a wire of its own."""
    open_page_on_loopback: bool = True
    """Show the masked status page and /metrics without a key to browsers on this very machine."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `listen`; the host without the brackets of an IPv6 literal."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


class Storage(Struct, forbid_unknown_fields=True, frozen=True):
    """`[storage]`: the directory of the database, and the key that seals message bodies."""

    directory: str = DEFAULT_DIRECTORY
    key_file: str = ""
    """Defaults to `body.key` beside the database; put it elsewhere to keep it out of backups."""
    min_free_mb: Annotated[int, Meta(ge=0)] = 50
    """Below this much free space nothing is accepted any more (503)."""
    retention_days: Annotated[int, Meta(ge=1, le=3650)] = 90

    @property
    def path(self) -> Path:
        """The directory as a path."""
        return Path(self.directory)

    @property
    def key_path(self) -> Path:
        """Where the body key lies."""
        return Path(self.key_file) if self.key_file else self.path / "body.key"


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


Seconds = Annotated[int, Meta(ge=0, le=86_400)]
Bound = Annotated[int, Meta(ge=0, le=10_000_000)]


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
Prefix = Annotated[str, Meta(pattern=r"\A(\+[1-9][0-9]{0,14}|[0-9]{3,6})\Z")]


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


class Privacy(Struct, forbid_unknown_fields=True, frozen=True):
    """`[privacy]`: how long numbers stay readable, and how long the audit is kept."""

    number_days: Annotated[int, Meta(ge=1, le=3650)] = 30
    """After this long a number is kept as a keyed hash and a mask only."""
    audit_days: Annotated[int, Meta(ge=30, le=3650)] = 400


class Webhooks(Struct, forbid_unknown_fields=True, frozen=True):
    """`[webhooks]`: where this box may tell applications what happened, and how patient it is with them."""

    allowed_targets: tuple[str, ...] = ()
    """`https://host:port`, host names and networks; none: no endpoint can be registered."""
    ca_file: str = ""
    """Certificates (PEM) that the endpoints' are checked against; empty: those of the system."""
    timeout: Annotated[float, Meta(ge=1, le=30)] = 10.0
    """Seconds for one try, all in all."""
    max_endpoints: Annotated[int, Meta(ge=1, le=32)] = 32
    max_pending: Annotated[int, Meta(ge=100, le=1_000_000)] = 10_000
    """Events that may wait for one endpoint; beyond that the oldest are dropped."""
    retention_days: Annotated[int, Meta(ge=1, le=90)] = 7
    """How long the log of deliveries is kept."""


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


class Log(Struct, forbid_unknown_fields=True, frozen=True):
    """`[log]`: what goes to standard error."""

    level: Annotated[str, Meta(pattern="^(debug|info|warning|error)\\Z")] = "info"
    json: bool = False


class Ticks(Struct, forbid_unknown_fields=True, frozen=True):
    """`[ticks]`: seconds between the recurring duties."""

    expiry: Positive = 1.0
    signal: Positive = 30.0
    care: Positive = 5.0
    checkpoint: Positive = 5.0
    wipe: Positive = 30.0
    retention: Positive = 3600.0


class Config(Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file; every table may be left out."""

    http: Http = field(default_factory=Http)
    storage: Storage = field(default_factory=Storage)
    discovery: Discovery = field(default_factory=Discovery)
    modems: tuple[Modem, ...] = ()
    sending: Sending = field(default_factory=Sending)
    limits: Limits = field(default_factory=Limits)
    destinations: Destinations = field(default_factory=Destinations)
    verifications: Verifications = field(default_factory=Verifications)
    privacy: Privacy = field(default_factory=Privacy)
    ticks: Ticks = field(default_factory=Ticks)
    webhooks: Webhooks = field(default_factory=Webhooks)
    sims: Sims = field(default_factory=Sims)
    operators: tuple[Operator, ...] = ()
    second_sim: SecondSim = field(default_factory=SecondSim)
    inbound: Inbound = field(default_factory=Inbound)
    loop_test: LoopTest = field(default_factory=LoopTest)
    recovery: Recovery = field(default_factory=Recovery)
    log: Log = field(default_factory=Log)

    @property
    def sandbox_ports(self) -> tuple[str, ...]:
        """The ports (or globs of ports) of the sandbox's modems."""
        return tuple(modem.port for modem in self.modems if modem.sandbox)


def load(path: Path) -> Config:
    """Read and check a configuration file.

    Raises ConfigError with one sentence that names the file, the key and what is expected.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file; give one with --config FILE") from None
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from None
    return parse(raw, str(path))


def parse(raw: bytes, source: str) -> Config:
    """Check the TOML in `raw`; `source` is the name that errors give."""
    try:
        config = msgspec.toml.decode(raw, type=Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {_in_words(str(error))}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{source}: is not TOML: {error}") from None
    _check_listen(config.http.listen, source)
    _check_protection(config.http, source)
    _check_hosts(config.http.allowed_hosts, source)
    _check_paths(config.storage, source)
    _check_modems(config.modems, source)
    _check_regions(config.destinations, source)
    _check_operators(config.operators, source)
    return config


_KINDS = {
    "`str`": "a text in quotes",
    "`int`": "a whole number",
    "`float`": "a number",
    "`bool`": "true or false",
    "`array`": "a list",
    "`object`": "a table",
}
_FORMS = {
    "name": "may hold letters, digits, '.', '_' and '-' only, at most 64 of them",
    "level": 'must be "debug", "info", "warning" or "error"',
    "verifications": 'write "own", "any", or a country by its two capital letters, such as "GB"',
    "messages": 'write "own", "any", or a country by its two capital letters, such as "GB"',
    "allowed_prefixes": 'write a prefix such as "+44770", or a short code such as "60123"',
    "origin_hosts": 'write a host name such as "login.example.com"',
    "denied_prefixes": 'write a prefix such as "+44770", or a short code such as "60123"',
}


def _in_words(message: str) -> str:
    """Turn msgspec's `... - at `$.http.threads`` into `http.threads: ...`."""
    text, _, where = message.partition(" - at `")
    place = where.rstrip("`").removeprefix("$").lstrip(".")
    for kind, words in _KINDS.items():
        text = text.replace(kind, words)
    text = text.replace("Object contains unknown field", "there is no setting called")
    text = text.replace("Object missing required field", "needs the setting")
    if "matching regex" in text:
        text = _FORMS.get(re.sub(r"\[[0-9]+\]\Z", "", place.rpartition(".")[2]), text)
    return f"{place}: {text}" if place else text


def _check_listen(listen: str, source: str) -> None:
    host, _, port = listen.rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65_536:
        raise ConfigError(f'{source}: http.listen: write an address and a port, such as "127.0.0.1:8080"')
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise ConfigError(
            f'{source}: http.listen: {host!r} is not an IP address; write one such as "127.0.0.1:8080"'
        ) from None


def _check_protection(http: Http, source: str) -> None:
    address = ipaddress.ip_address(http.address[0])
    if address.is_loopback or http.plain_http_is_protected:
        return
    raise ConfigError(
        f"{source}: http.listen: {http.listen} is open to the network, and what is sent there can be read: keys, "
        "numbers and codes. Keep 127.0.0.1 and let a TLS proxy on this machine listen for the network "
        "(systemd/README.md has examples), or set http.plain_http_is_protected = true where a proxy or a wire of "
        "its own protects it"
    )


_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z_-][0-9A-Za-z._-]*)(:[0-9]{1,5})?")


def _check_hosts(hosts: tuple[str, ...], source: str) -> None:
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ConfigError(
                f"{source}: http.allowed_hosts: write names as clients call them, such as "
                '"sms.example.com", with :port only where it is not the one of http.listen'
            )


def _check_paths(storage: Storage, source: str) -> None:
    for name, value in (("directory", storage.directory), ("key_file", storage.key_file or "/")):
        if not Path(value).is_absolute():
            raise ConfigError(f"{source}: storage.{name}: write a whole path, from / on")


# Pseudo terminals are the only modems in /dev with no SIM behind them.
_IS_DEVICE = re.compile(r"/+dev/+(?!pts/)")


def _check_modems(modems: tuple[Modem, ...], source: str) -> None:
    for what in ("name", "port"):
        seen: set[str] = set()
        for modem in modems:
            value = getattr(modem, what)
            if value in seen:
                raise ConfigError(
                    f"{source}: modems: two entries have the {what} {value!r}; each needs its own"
                )
            if value is not None:
                seen.add(value)
    for number, modem in enumerate(modems):
        _check_remote(modem.port, f"{source}: modems[{number}].port")
        if modem.sandbox and (not modem.port.startswith("/") or _IS_DEVICE.match(modem.port)):
            raise ConfigError(
                f"{source}: modems: port {modem.port!r} can't be for the sandbox: write the whole path of a port "
                "that `simcourier virtual` makes, or take sandbox = true away"
            )


_REMOTE = re.compile(r"(rfc2217|socket)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})(\?ign_set_control)?")


def _check_remote(port: str, where: str) -> None:
    """See that a port on the network can be connected to; pyserial would say so only when it is opened."""
    if "://" not in port:
        return
    found = _REMOTE.fullmatch(port)
    if found is None or not 0 < int(found[3]) < 65_536 or (found[4] and found[1] == "socket"):
        raise ConfigError(
            f'{where}: {port!r} is no port on the network: write "rfc2217://host:port", or "socket://host:port" for a '
            "raw one"
        )


def _check_operators(operators: tuple[Operator, ...], source: str) -> None:
    for operator in operators:
        where = f"{source}: operators: {operator.name}"
        if sum(other.name == operator.name for other in operators) > 1:
            raise ConfigError(f"{where}: two entries have this name; each needs its own")
        if operator.balance_code and not operator.balance_pattern:
            raise ConfigError(
                f"{where}: balance_code needs a balance_pattern that finds the amount in the answer"
            )
        try:
            groups = re.compile(operator.balance_pattern).groupindex
        except re.error as error:
            raise ConfigError(f"{where}: balance_pattern is no regular expression: {error}") from None
        if operator.balance_pattern and "amount" not in groups:
            raise ConfigError(f"{where}: balance_pattern needs a group (?P<amount>...)")


def _check_regions(destinations: Destinations, source: str) -> None:
    named = {*destinations.verifications, *destinations.messages} - {"own", "any"}
    if not named:
        return
    # The tables of numbers take a while to import, and most configurations name no country.
    from phonenumbers import SUPPORTED_REGIONS

    unknown = sorted(named - SUPPORTED_REGIONS)
    if unknown:
        hint = "; Great Britain is GB" if unknown[0] == "UK" else ""
        raise ConfigError(f"{source}: destinations: there is no country {unknown[0]!r} in ISO 3166{hint}")


def read_pin(pin_file: str | None, source: str, table: str) -> str | None:
    """The PIN in a `pin_file` of the table, or None where none is given. Raises ConfigError."""
    if pin_file is None:
        return None
    where = f"{source}: {table}: pin_file {pin_file}"
    try:
        pin = Path(pin_file).read_text("ascii").strip()
    except FileNotFoundError:
        raise ConfigError(f"{where}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where}: can't be read: {error}") from None
    if not re.fullmatch(r"[0-9]{4,8}", pin):
        raise ConfigError(f"{where}: must hold four to eight digits and nothing else")
    return pin
